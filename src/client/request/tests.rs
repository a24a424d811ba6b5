use super::*;
use crate::client::gateway::{AT, Gateway, Heard, NOW, outer};
use crate::client::session::{Opening, RESPONSE_MEDIA_TYPE};
use crate::protocol::http_date::parse_date;

fn request(method: &str, path: &str) -> Request {
    Request {
        method: method.into(),
        scheme: "https".into(),
        authority: "api.test".into(),
        path: path.into(),
        fields: vec![("Accept".into(), b"*/*".to_vec()), ("Date".into(), b"the app's".to_vec())],
    }
}

fn session(gateway: &Gateway) -> ClientSession {
    let config = gateway.keys.configs().remove(0);
    let opening = Opening::new((&config, Aead::Aes128Gcm), NOW, None, &[5; 32]).unwrap();
    let (mut answer, ..) = gateway.open_session(&opening.body);
    let head = outer(200, &format!("Content-Type: {RESPONSE_MEDIA_TYPE}\r\n"));
    opening.finish(&head, &mut answer, AT).unwrap()
}

/// Seals a request whose content comes in `pieces`, and opens it at the proxy.
fn carried(form: Form, request: &Request, pieces: &[&[u8]], is_known: bool, flushes: bool) -> Heard {
    let mut gateway = Gateway::new();
    let mut out = Vec::new();
    let length = is_known.then(|| pieces.iter().map(|piece| piece.len() as u64).sum());
    let config = gateway.keys.configs().remove(0);
    let key = (&config, Aead::ChaCha20Poly1305);
    let mut sealer = match form {
        Form::Session => {
            let session = &mut session(&gateway);
            RequestSealer::in_session(request, length, session, AT, &[2; 16], &mut out).unwrap().0
        }
        Form::Single => RequestSealer::single(request, length, key, NOW, &[5; 32], &mut out).unwrap().0,
        Form::SingleWhole => RequestSealer::whole(request, length, key, NOW, &[5; 32]).unwrap(),
    };
    for piece in pieces {
        sealer.content(piece, &mut out).unwrap();
        if flushes {
            sealer.flush(&mut out).unwrap();
        }
    }
    let pending = sealer.finish(&mut out).unwrap();
    assert_eq!(pending.is_some(), form == Form::SingleWhole);
    assert!(!out.windows(8).any(|some| some == b"api.test"), "sealed");
    gateway.hear(form, &out)
}

#[test]
fn every_form_carries_every_content() {
    let big: Vec<u8> = (0..200_000).map(|at| (at % 251) as u8).collect();
    let cases: [&[&[u8]]; 7] = [
        &[],
        &[b""],
        &[b"x"],
        &[b"one", b"two"],
        &[&big[..16_384]],
        &[&big[..16_385], &big[16_385..16_400]],
        &[&big],
    ];
    for form in [Form::Session, Form::Single, Form::SingleWhole] {
        for pieces in cases {
            for (is_known, flushes) in [(true, false), (true, true), (false, false), (false, true)] {
                let heard = carried(form, &request("PUT", "/a?b"), pieces, is_known, flushes);
                assert_eq!((heard.method.as_str(), heard.path.as_str()), ("PUT", "/a?b"));
                assert_eq!((heard.authority.as_str(), heard.field("accept")), ("api.test", Some("*/*")));
                assert!(heard.content == pieces.concat(), "{form:?} {is_known} {flushes}");
                assert_eq!(heard.framing == Framing::Known, is_known);
            }
        }
    }
}

#[test]
fn single_messages_carry_the_time_and_messages_of_a_session_what_the_app_says() {
    let heard = carried(Form::Session, &request("GET", "/"), &[], true, false);
    assert_eq!((heard.field("date"), heard.numbers), (Some("the app's"), Some((0, NOW))));
    for form in [Form::Single, Form::SingleWhole] {
        let heard = carried(form, &request("GET", "/"), &[], true, false);
        let dates: Vec<_> = heard.fields.iter().filter(|(name, _)| name == "date").collect();
        assert_eq!(dates.len(), 1, "{dates:?}");
        assert_eq!(parse_date(dates[0].1.as_bytes()), Some(NOW));
    }
}

#[test]
fn a_head_longer_than_a_chunk_goes_in_several() {
    let mut long = request("POST", "/");
    long.fields.push(("cookie".into(), vec![b'c'; 30_000]));
    for form in [Form::Session, Form::Single, Form::SingleWhole] {
        for pieces in [&[][..], &[&b"x"[..]], &[&[7; 40_000][..]]] {
            let heard = carried(form, &long, pieces, true, false);
            assert_eq!(heard.field("cookie").map(str::len), Some(30_000));
            assert!(heard.content == pieces.concat());
        }
    }
    long.fields.push(("more".into(), vec![b'c'; 10_000]));
    let gateway = Gateway::new();
    let fault = RequestSealer::in_session(&long, None, &mut session(&gateway), AT, &[2; 16], &mut Vec::new());
    assert!(matches!(fault, Err(ClientFault::Request(BhttpFault::HeadTooLarge))));
}

#[test]
fn every_message_takes_a_number_of_its_own() {
    let mut gateway = Gateway::new();
    let mut session = session(&gateway);
    for number in 0..5 {
        let mut out = Vec::new();
        let begun =
            RequestSealer::in_session(&request("GET", "/"), Some(0), &mut session, AT, &[2; 16], &mut out);
        let (sealer, _) = begun.unwrap();
        // A message that is broken off has used its number.
        if number % 2 == 0 {
            sealer.finish(&mut out).unwrap();
            assert_eq!(gateway.hear(Form::Session, &out).numbers, Some((number, NOW)));
        }
    }
}

#[test]
fn what_the_proxy_would_refuse_is_not_sealed() {
    let gateway = Gateway::new();
    let check = |change: &dyn Fn(&mut Request), fault: BhttpFault| {
        let mut bad = request("GET", "/");
        bad.fields.clear();
        change(&mut bad);
        let mut out = Vec::new();
        let mut session = session(&gateway);
        let begun = RequestSealer::in_session(&bad, None, &mut session, AT, &[2; 16], &mut out);
        assert!(matches!(begun, Err(ClientFault::Request(found)) if found == fault), "{fault:?}");
        assert!(out.is_empty(), "nothing to send");
    };
    let field = |name: &str, value: &[u8]| (name.to_owned(), value.to_vec());
    check(&|bad| bad.method = "G T".into(), BhttpFault::Method);
    check(&|bad| bad.path = "no/slash".into(), BhttpFault::Path);
    check(&|bad| bad.path = "/a b".into(), BhttpFault::Path);
    check(&|bad| bad.authority = "a/b".into(), BhttpFault::Authority);
    check(&|bad| bad.fields.push(field("x\r\ny", b"")), BhttpFault::FieldName);
    check(&|bad| bad.fields.push(field("x", b"a\r\nb: c")), BhttpFault::FieldValue);
    check(&|bad| bad.fields.push(field("Connection", b"close")), BhttpFault::FieldForbidden);
    check(&|bad| bad.fields.push(field("Host", b"other.test")), BhttpFault::HostUnlikeAuthority);
}

#[test]
fn content_of_another_length_than_announced_never_ends_the_message() {
    let gateway = Gateway::new();
    for (content, ends) in [(&b"12"[..], false), (b"123", true), (b"1234", false)] {
        let mut out = Vec::new();
        let begun = RequestSealer::in_session(
            &request("PUT", "/"),
            Some(3),
            &mut session(&gateway),
            AT,
            &[2; 16],
            &mut out,
        );
        let mut sealer = begun.unwrap().0;
        let ended = sealer.content(content, &mut out).and_then(|()| sealer.finish(&mut out));
        assert_eq!(ended.is_ok(), ends);
        assert!(ends || matches!(ended, Err(ClientFault::ContentLength)));
    }
}

#[test]
fn a_whole_message_has_its_bound() {
    let gateway = Gateway::new();
    let config = gateway.keys.configs().remove(0);
    let begun = RequestSealer::whole(&request("PUT", "/"), None, (&config, Aead::Aes128Gcm), NOW, &[5; 32]);
    let mut sealer = begun.unwrap();
    let (piece, mut out) = (vec![0; 64 * 1024], Vec::new());
    let count = (0..100).take_while(|_| sealer.content(&piece, &mut out).is_ok()).count();
    assert_eq!(count, limits::CLIENT_WHOLE_BYTES / piece.len() - 1);
    assert!(matches!(sealer.content(&piece, &mut out), Err(ClientFault::RequestTooLarge)));
    assert!(out.is_empty());
}
