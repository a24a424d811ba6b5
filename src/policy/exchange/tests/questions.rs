//! What has to be asked for stops a request, and nothing of it goes on before there is an answer.

use std::time::Duration;

use super::super::*;
use super::sealed::{App, NOW, message, ok, posted, rules, stage_under};
use super::stage::Stage;
use crate::policy::payload_policy::PolicyAnswer;
use crate::policy::payload_rules::{Encryption, PayloadMode, PayloadRules, PolicyService};
use crate::policy::service::ServiceId;
use crate::protocol::payload::aead::Aead;
use crate::protocol::payload::binary_http::Framing;
use crate::protocol::payload::ticket::AppIdentity;

const REQUIRED: PolicyAnswer = PolicyAnswer::Says(Encryption::Required);

fn stage() -> Stage {
    let service =
        PolicyService { service: ServiceId(0), cache_time: Duration::from_secs(1), cache_entries: 1 };
    stage_under(rules(
        PayloadMode::Require,
        PayloadRules { service: Some(service), ..PayloadRules::default() },
    ))
}

fn shop() -> App {
    App::named(Aead::Aes128Gcm, AppIdentity::new("shop", "ios", "2.4.1"))
}

fn answer(stage: &mut Stage, answer: PolicyAnswer) -> &mut Stage {
    stage.answer = Some(Answer::Application(answer));
    stage.event(Event::Answered)
}

#[test]
fn a_request_waits_for_the_policy_and_then_goes_on() {
    let (mut stage, mut app) = (stage(), shop());
    stage.client(posted(&app.seal(1, &message(Framing::Known, "POST", "/a", b"hello"))));
    assert_eq!((stage.asked.len(), stage.at_server().as_str()), (1, ""));
    assert!(stage.asked[0].contains("shop"), "{:?}", stage.asked);
    assert!(!stage.is_reading_client());
    // However long that takes: the driver bounds it.
    assert_eq!(stage.seen().deadline(), Monotonic::NEVER);
    let got = answer(&mut stage, REQUIRED).at_server();
    assert!(got.starts_with("POST /a HTTP/1.1\r\n") && got.ends_with("hello"), "{got}");
    let response = app.open(&stage.server(ok("there")).bytes_at_client());
    assert_eq!((response.status, response.content.as_str()), (200, "there"));
    // What is known is not asked for.
    stage.client(posted(&app.seal(2, &message(Framing::Known, "GET", "/b", b""))));
    assert!(stage.at_server().starts_with("GET /b HTTP/1.1\r\n"));
    assert_eq!(stage.asked.len(), 1);
}

#[test]
fn the_answer_decides() {
    let check = |said, status, reason: &str| {
        let (mut stage, mut app) = (stage(), shop());
        stage.client(posted(&app.seal(1, &message(Framing::Known, "GET", "/a", b""))));
        answer(&mut stage, said);
        if status == 200 {
            assert!(stage.at_server().starts_with("GET /a "), "{said:?}");
            stage.server(ok(reason));
        }
        assert_eq!(stage.at_server(), "", "{said:?}");
        let response = app.open(&stage.bytes_at_client());
        assert_eq!(response.status, status, "{response:?}");
        assert!(response.content.contains(reason), "{response:?}");
    };
    check(REQUIRED, 200, "there");
    check(PolicyAnswer::Says(Encryption::Optional), 200, "there");
    check(PolicyAnswer::Unlisted, 200, "there");
    check(PolicyAnswer::Says(Encryption::Disabled), 403, "payload-app-refused");
    check(PolicyAnswer::Unavailable, 503, "payload-policy-unavailable");
}

#[test]
fn a_large_message_waits_between_two_of_its_chunks() {
    let (mut stage, mut app) = (stage(), shop());
    let content = vec![b'c'; 200_000];
    let sealed = app.seal_at(1, NOW, &message(Framing::Known, "POST", "/a", &content), &[16_000; 12]);
    let wire = posted(&sealed);
    let (first, rest) = wire.split_at(100_000);
    stage.client(first);
    assert_eq!((stage.asked.len(), stage.at_server().as_str()), (1, ""));
    assert!(answer(&mut stage, REQUIRED).at_server().starts_with("POST /a HTTP/1.1\r\n"));
    stage.client(rest).server(ok("there"));
    assert_eq!(app.open(&stage.bytes_at_client()).content, "there");
}

#[test]
fn what_stays_unknown_is_not_asked_for_ever() {
    let (mut stage, mut app) = (stage(), shop());
    stage.client(posted(&app.seal(1, &message(Framing::Known, "GET", "/a", b""))));
    for _ in 0..limits::QUESTIONS {
        stage.event(Event::Answered);
    }
    assert_eq!(stage.asked.len(), limits::QUESTIONS as usize);
    assert_eq!(app.open(&stage.bytes_at_client()).status, 503);
}

#[test]
fn an_answer_that_comes_too_late_changes_nothing() {
    let (mut stage, mut app) = (stage(), shop());
    stage.event(Event::Answered);
    stage.client(posted(&app.seal(1, &message(Framing::Known, "GET", "/a", b""))));
    stage.event(Event::Cut);
    assert_eq!(stage.ending, Some(Ending::Cut));
}
