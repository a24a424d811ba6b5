use super::*;
use crate::client::gateway::{AT, Gateway, NOW, outer};
use std::time::Duration;

const SECOND: u64 = 1_000_000_000;

fn open(gateway: &Gateway) -> ClientSession {
    let config = gateway.keys.configs().remove(0);
    let app = AppIdentity::new("shop", "ios", "2.1");
    let opening = Opening::new((&config, Aead::Aes256Gcm), NOW - 3, app.as_ref(), &[5; 32]).unwrap();
    let (mut answer, time, named) = gateway.open_session(&opening.body);
    assert_eq!((time, named), (NOW - 3, app));
    let head = outer(200, &format!("Content-Type: {RESPONSE_MEDIA_TYPE}\r\n"));
    opening.finish(&head, &mut answer, AT).unwrap()
}

/// Number and time of the next message.
fn numbers(session: &mut ClientSession, now: Monotonic) -> Option<(u64, u64)> {
    let mut header = Vec::new();
    session.header(now, &[1; SALT_LEN], &mut header).ok()?;
    match MessageHeader::parse(&header) {
        Ok(crate::protocol::progress::Progress::Done { value, .. }) => Some((value.n, value.t)),
        other => panic!("{other:?}"),
    }
}

fn at(seconds: u64) -> Monotonic {
    AT.after(Duration::from_secs(seconds))
}

#[test]
fn the_clock_starts_at_the_sealed_time_and_goes_by_the_monotonic_one() {
    let mut session = open(&Gateway::new());
    assert_eq!(numbers(&mut session, AT), Some((0, NOW)));
    assert_eq!(numbers(&mut session, at(30)), Some((1, NOW + 30)));
    assert_eq!(numbers(&mut session, Monotonic(AT.0 - SECOND)), Some((2, NOW)), "never back");
    session.correct(NOW + 100, at(40));
    assert_eq!(numbers(&mut session, at(41)), Some((3, NOW + 101)));
    session.correct(NOW - 100, at(50));
    assert_eq!(numbers(&mut session, at(52)), Some((4, NOW - 98)));
}

#[test]
fn a_session_ends_when_its_ticket_does_whatever_the_clock_is_set_to() {
    let mut session = open(&Gateway::new());
    assert!(session.is_good(at(599)) && !session.is_good(at(600)));
    session.correct(NOW + 1000, at(100));
    assert!(session.is_good(at(599)) && !session.is_good(at(600)));
}

#[test]
fn only_the_proxy_opens_sessions() {
    let gateway = Gateway::new();
    let config = gateway.keys.configs().remove(0);
    let ask = || Opening::new((&config, Aead::Aes128Gcm), NOW, None, &[5; 32]).unwrap();
    let (answer, ..) = gateway.open_session(&ask().body);
    let head = outer(200, &format!("Content-Type: {RESPONSE_MEDIA_TYPE}\r\n"));
    assert!(ask().finish(&head, &mut answer.clone(), AT).is_ok());
    for at in 0..answer.len() {
        let mut changed = answer.clone();
        changed[at] ^= 1;
        let fault = ask().finish(&head, &mut changed, AT).unwrap_err();
        assert!(matches!(fault, ClientFault::SessionAnswer), "{at}");
        let fault = ask().finish(&head, &mut answer[..at].to_vec(), AT).unwrap_err();
        assert!(matches!(fault, ClientFault::SessionAnswer), "{at}");
    }
    let other = outer(200, "Content-Type: application/json\r\n");
    let fault = ask().finish(&other, &mut answer.clone(), AT).unwrap_err();
    assert!(matches!(fault, ClientFault::MediaType(_)));
    let clear = outer(403, &format!("Content-Type: {RESPONSE_MEDIA_TYPE}\r\n"));
    let fault = ask().finish(&clear, &mut answer.clone(), AT).unwrap_err();
    assert!(matches!(fault, ClientFault::InClear { status: 403, .. }));
    assert!(Opening::new((&config, Aead::Aes128Gcm), NOW, None, &[5; 32]).is_ok());
}

#[test]
fn a_kept_session_uses_no_number_twice() {
    let session = open(&Gateway::new());
    let mut kept = session.keep("binding", "clock");
    let mut used = Vec::new();
    // Each round is a process that reads the file, writes it, and breaks off after `count` messages.
    for count in [2, 0, 3, 1] {
        let mut session = kept.reserve(3, "binding", "clock", at(1)).unwrap();
        kept = KeptSession::from_text(&kept.to_text()).unwrap();
        assert!(session.was_kept());
        used.extend((0..count).map(|_| numbers(&mut session, at(10)).unwrap()));
    }
    let mut distinct = used.clone();
    distinct.dedup_by_key(|(n, _)| *n);
    assert_eq!((distinct.len(), used.len()), (6, 6), "{used:?}");
    assert!(used.iter().all(|(_, t)| *t == NOW + 10), "the clock went on");
}

#[test]
fn what_was_set_aside_is_all_there_is() {
    let mut kept = open(&Gateway::new()).keep("b", "c");
    let mut session = kept.reserve(2, "b", "c", AT).unwrap();
    assert!(numbers(&mut session, AT).is_some() && session.is_good(AT));
    assert!(numbers(&mut session, AT).is_some() && !session.is_good(AT));
    let fault = session.header(AT, &[0; SALT_LEN], &mut Vec::new()).unwrap_err();
    assert!(matches!(fault, ClientFault::NumbersUsedUp));
}

#[test]
fn a_kept_session_is_for_what_it_was_opened_for() {
    let kept = || open(&Gateway::new()).keep("b", "c");
    assert!(kept().reserve(1, "other proxy", "c", AT).is_none());
    assert!(kept().reserve(1, "b", "another start of the system", AT).is_none());
    assert!(kept().reserve(1, "b", "c", Monotonic(AT.0 - 1)).is_none(), "before it was opened");
    assert!(kept().reserve(1, "b", "c", at(600)).is_none(), "expired");
    assert!(kept().reserve(0, "b", "c", AT).is_none());
    for (from, to) in [("\"secret\":\"", "\"secret\":\"AAAA"), ("\"aead\":2", "\"aead\":9")] {
        let text = kept().to_text().replace(from, to);
        assert!(KeptSession::from_text(&text).is_none_or(|mut it| it.reserve(1, "b", "c", AT).is_none()));
    }
    assert!(KeptSession::from_text("").is_none() && KeptSession::from_text("{}").is_none());
}

#[test]
fn nothing_prints_a_secret() {
    let session = open(&Gateway::new());
    let kept = session.keep("b", "c");
    let text = format!("{session:?}{kept:?}");
    assert!(!text.contains(&kept.secret) && !text.contains(&kept.ticket) && !text.contains("secret"));
}
