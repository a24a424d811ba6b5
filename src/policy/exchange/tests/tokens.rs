//! Routes that judge tokens: what is asked, what the server gets of it, and what is answered to who has none.

use std::sync::Arc;

use super::super::*;
use super::sealed::{App, posted, stage_under};
use super::stage::{Stage, open_route, ruleset_of};
use crate::policy::access_rule::fixture::{judgement, jwt_issuer};
use crate::policy::access_rule::{AccessRule, JudgedRule, TokenRule};
use crate::policy::field_template::FieldTemplate;
use crate::policy::payload_rules::PayloadRules;
use crate::policy::request_mapper::{Mapped, Mapper, MapperFault, MapperId};
use crate::policy::route_table::Route;
use crate::policy::ruleset::Ruleset;
use crate::policy::service::ServiceId;
use crate::policy::token_rules::{IssuerId, TokenServerFault};
use crate::protocol::payload::aead::Aead;
use crate::protocol::payload::binary_http::{Framing, RequestControl, push_request_head};
use crate::protocol::payload::ticket::AppIdentity;
use crate::protocol::token::verdict::{ApplicationClaims, Judgement, ScopeElement, TokenFault};

pub(super) const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A stage whose one route takes tokens of the one issuer; `change` says what else.
pub(super) fn guarded(change: impl FnOnce(&mut JudgedRule, &mut Route)) -> Stage {
    let mut rule = JudgedRule::new(&[jwt_issuer()], vec![IssuerId(0)]);
    let mut route = open_route();
    change(&mut rule, &mut route);
    route.access = AccessRule { token: TokenRule::Judged(Arc::new(rule)), client_certificate: None };
    let mapper = Mapper {
        name: "m".to_owned(),
        service: ServiceId(0),
        extra_members: false,
        identity_fields: Vec::new(),
        prefix: None,
        answer_cache: None,
    };
    let rules = Ruleset { issuers: vec![jwt_issuer()], mappers: vec![mapper], ..ruleset_of(vec![route]) };
    Stage::under(Rules::new(Arc::new(rules)))
}

fn request(fields: &str) -> String {
    format!("GET /a?b=c HTTP/1.1\r\nHost: a.test\r\n{fields}\r\n")
}

fn good() -> Option<Answer> {
    // What the stage calls now is 1970.
    let judgement = Judgement { expires: 10, ..judgement() };
    Some(Answer::Token(TokenAnswer::Good(Arc::new(judgement))))
}

/// Status, reason, and the challenge of the answer.
pub(super) fn refused(stage: &mut Stage) -> (u16, String, String) {
    let got = stage.at_client();
    let status = got[9..12].parse().expect("a status");
    let of = |start: &str, end: &str| {
        got.split(start).nth(1).and_then(|rest| rest.split(end).next()).unwrap_or_default().to_owned()
    };
    (status, of("\"reason\":\"", "\""), of("www-authenticate: ", "\r\n"))
}

#[test]
fn without_a_token_nobody_is_asked_and_nothing_forwarded() {
    for (fields, status, reason, challenge) in [
        ("", 401, "token-missing", "Bearer realm=\"ringwall\""),
        ("Authorization: Basic YTpi\r\n", 401, "token-missing", "Bearer realm=\"ringwall\""),
        ("Authorization: Bearer a b\r\n", 400, "credentials-malformed", "invalid_request"),
        (
            "Authorization: Bearer a\r\nAuthorization: Bearer a\r\n",
            400,
            "credentials-repeated",
            "invalid_request",
        ),
    ] {
        let mut stage = guarded(|_, _| {});
        stage.client(request(fields));
        assert_eq!((stage.at_server().as_str(), stage.questions.len()), ("", 0), "{fields:?}");
        let (found, told, with) = refused(&mut stage);
        assert_eq!((found, told.as_str()), (status, reason), "{fields:?}");
        assert!(with.contains(challenge), "{with}");
    }
}

#[test]
fn a_token_that_is_not_known_is_asked_about_and_then_judged() {
    let mut stage = guarded(|_, _| {});
    stage.client(request("Authorization: Bearer abc\r\n"));
    assert_eq!((stage.asked.len(), stage.at_server().as_str()), (1, ""));
    stage.answer = good();
    stage.event(Event::Answered);
    assert!(stage.at_server().starts_with("GET /a?b=c HTTP/1.1\r\n"));
    stage.server(OK);
    assert_eq!(stage.asked.len(), 1);
    // What is known is not asked for.
    stage.at_client();
    stage.client(request("Authorization: bearer abc\r\n")).server(OK);
    assert!(stage.at_client().starts_with("HTTP/1.1 200 "));
    assert_eq!(stage.asked.len(), 1);
}

#[test]
fn what_issuers_say_decides() {
    let check = |answer, status, challenge: &str| {
        let mut stage = guarded(|_, _| {});
        stage.answer = Some(Answer::Token(answer));
        stage.client(request("Authorization: Bearer abc\r\n"));
        assert_eq!(stage.at_server(), "");
        let (found, _, with) = refused(&mut stage);
        assert_eq!(found, status);
        assert_eq!(with.contains("error=\"invalid_token\""), challenge == "invalid_token", "{with}");
    };
    check(TokenAnswer::Bad(TokenFault::Signature), 401, "invalid_token");
    check(TokenAnswer::Unknown(TokenServerFault::TimedOut), 503, "");
    let expired = Judgement { expires: 0, ..judgement() };
    check(TokenAnswer::Good(Arc::new(Judgement { issuer: 7, ..expired.clone() })), 401, "invalid_token");
}

#[test]
fn a_good_token_must_do_for_the_route() {
    let mut stage = guarded(|rule, _| rule.scope = vec!["orders.write".to_owned()]);
    stage.answer = good();
    stage.client(request("Authorization: Bearer abc\r\n"));
    let (status, _, challenge) = refused(&mut stage);
    assert_eq!((status, stage.at_server().as_str()), (403, ""));
    assert!(challenge.contains("insufficient_scope") && challenge.contains("orders.write"), "{challenge}");
    // One that comes under the scheme of proofs must be bound to a key: this is not.
    let mut stage = guarded(|_, _| {});
    stage.answer = good();
    stage.client(request("Authorization: DPoP abc\r\n"));
    assert_eq!((refused(&mut stage).0, stage.at_server().as_str()), (401, ""));
    // Of a token that is bound to nothing no proof is asked, and none that comes is looked at.
    let mut stage = guarded(|_, _| {});
    stage.answer = good();
    stage.client(request("Authorization: Bearer abc\r\nDPoP: a.b.c\r\n"));
    assert!(stage.at_server().contains("DPoP: a.b.c\r\n"));
}

#[test]
fn the_server_gets_what_the_token_says_and_nobody_elses_word() {
    let mut stage = guarded(|_, route| {
        let field = |name: &str, text: &str| (name.to_owned(), FieldTemplate::parse(text).unwrap());
        route.set_headers = vec![field("x-user", "{sub}"), field("x-none", "{nothing}")];
    });
    stage.answer = good();
    stage.client(request(
        "Authorization: Bearer abc\r\nX-User: mallory\r\nX_User: mallory\r\nx-none: mallory\r\nX-Other: b\r\n",
    ));
    let got = stage.at_server();
    assert!(got.contains("x-user: alice\r\n") && got.contains("X-Other: b\r\n"), "{got}");
    assert!(!got.contains("mallory") && !got.to_lowercase().contains("x-none"), "{got}");
}

#[test]
fn a_mapper_says_what_is_forwarded() {
    let mut stage = guarded(|_, route| route.mapper = Some(MapperId(0)));
    let scopes = [ScopeElement { name: "login".into(), expires: Some(5), is_mandatory: false }].into();
    let judgement = Judgement { expires: 10, scopes, ..judgement() };
    stage.answer = Some(Answer::Token(TokenAnswer::Good(Arc::new(judgement))));
    stage.client(request("Authorization: Bearer abc\r\nX-A: 1\r\n"));
    // The stage knows one answer to everything: this is none to a mapping.
    assert_eq!(refused(&mut stage).0, 503);
    let asked = stage.questions.last().expect("a question").clone();
    let expected = "{\"request_uri\":\"/a?b=c\",\"token_validation_result\":";
    assert!(asked.starts_with(expected), "{asked}");
    let told = ",\"headers\":{\"authorization\":\"Bearer abc\",\"x-a\":\"1\"}} until 5";
    assert!(asked.ends_with(told), "{asked}");
    let mapped = Mapped { target: "/b/alice".into(), fields: vec![("x-b".into(), "2".into())] };
    for (answer, status) in [(Ok(Arc::new(mapped)), 200), (Err(MapperFault::TimedOut), 504)] {
        let mut stage = guarded(|_, route| route.mapper = Some(MapperId(0)));
        stage.answer = good();
        stage.mapping = Some(answer);
        stage.client(request("Authorization: Bearer abc\r\nX-A: 1\r\n"));
        let got = stage.at_server();
        assert_eq!(got.is_empty(), status != 200);
        if status == 200 {
            assert!(got.starts_with("GET /b/alice HTTP/1.1\r\nhost: a.test\r\n"), "{got}");
            assert!(got.contains("x-b: 2\r\n") && !got.contains("X-A") && !got.contains("Bearer"), "{got}");
        } else {
            assert_eq!(refused(&mut stage).0, status);
        }
    }
}

#[test]
fn a_sealed_request_is_judged_by_its_inner_token_and_both_must_name_one_application() {
    let named = |id: &str, version: &str| ApplicationClaims {
        id: Some(id.into()),
        platform: Some("ios".into()),
        version: Some(version.into()),
    };
    for (application, status) in [
        (named("shop", "2.4.1"), 200),
        (ApplicationClaims::default(), 200),
        (named("shop", "2.4.2"), 403),
        (named("bank", "2.4.1"), 403),
    ] {
        let rule = JudgedRule::new(&[jwt_issuer()], vec![IssuerId(0)]);
        let access = AccessRule { token: TokenRule::Judged(Arc::new(rule)), client_certificate: None };
        let rules = Ruleset {
            issuers: vec![jwt_issuer()],
            payload: Some(Arc::new(PayloadRules::default())),
            ..ruleset_of(vec![Route { access, ..open_route() }])
        };
        let mut stage = stage_under(Rules::new(Arc::new(rules)));
        let judgement = Judgement { expires: 10, application, ..judgement() };
        stage.answer = Some(Answer::Token(TokenAnswer::Good(Arc::new(judgement))));
        let mut app = App::named(Aead::Aes128Gcm, AppIdentity::new("shop", "ios", "2.4.1"));
        let control = RequestControl { method: b"GET", scheme: b"https", authority: b"a.test", path: b"/a" };
        let mut message = Vec::new();
        let fields = [(&b"authorization"[..], &b"Bearer abc"[..])];
        push_request_head(Framing::Known, &control, fields.into_iter(), &mut message);
        // The token of the outer request is nobody's.
        let wire = posted(&app.seal(1, &message));
        let text = b"POST /.well-known/payload-message HTTP/1.1\r\n";
        assert!(wire.starts_with(text));
        let wire = [text, &b"Authorization: Bearer outer\r\n"[..], &wire[text.len()..]].concat();
        stage.client(wire);
        assert_eq!(stage.questions, ["token abc"]);
        assert_eq!(stage.at_server().is_empty(), status != 200);
        if status == 200 {
            stage.server(OK);
        }
        let answer = app.open(&stage.bytes_at_client());
        assert_eq!(answer.status, status, "{answer:?}");
        assert_eq!(answer.content.contains("payload-app-mismatch"), status != 200, "{answer:?}");
    }
}
