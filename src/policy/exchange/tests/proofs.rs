//! Tokens bound to a key: a proof serves one request, for its own URL, with a nonce where the route wants one; and where a
//! client learns what it needs.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use super::super::*;
use super::stage::Stage;
use super::tokens::{OK, guarded, refused};
use crate::limits::PROOF_NONCE_SECONDS;
use crate::policy::access_rule::fixture::judgement;
use crate::policy::access_rule::{JudgedRule, SenderConstraint};
use crate::policy::request_mapper::{Mapped, MapperId};
use crate::policy::route_table::Route;
use crate::protocol::strict_json::Object;
use crate::protocol::token::algorithm::Algorithm;
use crate::protocol::token::fixture::{sign, signing_key};
use crate::protocol::token::public_key::PublicKey;
use crate::protocol::token::verdict::{Constraint, Judgement};

/// A route for tokens bound to keys, and such a token.
fn bound(change: impl FnOnce(&mut JudgedRule, &mut Route)) -> Stage {
    let mut stage = guarded(|rule, route| {
        rule.sender_constraint = Some(SenderConstraint::Dpop);
        change(rule, route);
    });
    let jwk = signing_key(Algorithm::Es256).to_string();
    let key = PublicKey::from_jwk(&Object::parse(jwk.as_bytes()).unwrap()).unwrap().thumbprint();
    let judgement = Judgement { expires: 1_000, constraint: Some(Constraint::Key(key)), ..judgement() };
    stage.answer = Some(Answer::Token(TokenAnswer::Good(Arc::new(judgement))));
    stage
}

/// A proof for `GET http://a.test/a` with the token `abc`, made in 1970.
fn proof(jti: &str, change: impl FnOnce(&mut Value)) -> String {
    let header = json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": signing_key(Algorithm::Es256) });
    let ath = BASE64URL.encode(digest(&SHA256, b"abc"));
    let mut claims = json!({ "jti": jti, "htm": "GET", "htu": "http://a.test/a", "iat": 0, "ath": ath });
    change(&mut claims);
    sign(Algorithm::Es256, &header.to_string(), &claims.to_string())
}

fn request(proof: &str, fields: &str) -> String {
    format!("GET /a?b=c HTTP/1.1\r\nHost: a.test\r\nAuthorization: DPoP abc\r\nDPoP: {proof}\r\n{fields}\r\n")
}

#[test]
fn a_proof_serves_one_request_however_often_that_is_judged() {
    let mut stage = bound(|_, route| route.mapper = Some(MapperId(0)));
    stage.maps_later = true;
    let proof = proof("1", |_| {});
    stage.client(request(&proof, ""));
    assert_eq!((stage.asked.len(), stage.at_server().as_str()), (1, ""));
    stage.maps_later = false;
    stage.mapping = Some(Ok(Arc::new(Mapped { target: "/b".into(), fields: Vec::new() })));
    stage.event(Event::Answered);
    assert!(stage.at_server().starts_with("GET /b HTTP/1.1\r\n"));
    assert!(stage.server(OK).at_client().starts_with("HTTP/1.1 200 "));
    stage.client(request(&proof, ""));
    let (status, _, challenge) = refused(&mut stage);
    assert_eq!((status, stage.at_server().as_str()), (401, ""));
    assert_eq!(stage.outcomes.last().map(|(outcome, _)| outcome.reason), Some("proof-replayed"));
    assert!(
        challenge.starts_with("DPoP ") && challenge.contains("error=\"invalid_dpop_proof\""),
        "{challenge}"
    );
}

#[test]
fn a_proof_is_for_the_url_that_the_client_asked_for() {
    let https = |claims: &mut Value| claims["htu"] = json!("https://a.test/a");
    for (trusted, said, change, status) in [
        (false, "", false, 200),
        (false, "X-Forwarded-Proto: https\r\n", true, 401),
        (true, "X-Forwarded-Proto: https\r\n", true, 200),
        (true, "X-Forwarded-Proto: https\r\n", false, 401),
        (true, "X-Forwarded-Proto: https, http\r\n", true, 401),
        (true, "X-Forwarded-Proto: https\r\nX-Forwarded-Proto: https\r\n", true, 401),
    ] {
        let mut stage = bound(|_, _| {});
        if trusted {
            stage.trust_everybody();
        }
        let proof = if change { proof("1", https) } else { proof("1", |_| {}) };
        stage.client(request(&proof, said));
        if status == 200 {
            assert!(stage.at_server().starts_with("GET /a?b=c "), "{said}");
        } else {
            assert_eq!(refused(&mut stage).0, status, "{said}");
        }
    }
}

#[test]
fn where_a_nonce_is_wanted_a_client_gets_it_and_comes_back() {
    let wanting = || bound(|rule, _| rule.requires_nonce = true);
    let nonce = |got: &str| {
        let value = got.split("dpop-nonce: ").nth(1)?.split("\r\n").next()?;
        Some(value.to_owned())
    };
    let mut stage = wanting();
    let got = stage.client(request(&proof("1", |_| {}), "")).at_client();
    assert!(got.starts_with("HTTP/1.1 401 ") && got.contains("error=\"use_dpop_nonce\""), "{got}");
    let given = nonce(&got).expect("a nonce");
    let with = |jti: &str, nonce: &str, iat: u64| {
        proof(jti, |claims| (claims["nonce"], claims["iat"]) = (json!(nonce), json!(iat)))
    };
    stage.client(request(&with("1", &given, 0), ""));
    assert!(stage.at_server().starts_with("GET /a?b=c "));
    assert_eq!(nonce(&stage.server(OK).at_client()), None, "the client has the current one");
    // One of the last step is good, and the client is told the next one, whatever the server behind says.
    stage.seconds = PROOF_NONCE_SECONDS;
    stage.client(request(&with("2", &given, PROOF_NONCE_SECONDS), ""));
    let answered = OK.replace("\r\n\r\n", "\r\nDPoP-Nonce: another\r\n\r\n");
    let next = nonce(&stage.server(answered).at_client()).expect("the next nonce");
    assert!(next != given && next != "another", "{next}");
    stage.seconds = 2 * PROOF_NONCE_SECONDS;
    stage.at_server();
    stage.client(request(&with("3", &given, 2 * PROOF_NONCE_SECONDS), ""));
    assert_eq!(refused(&mut stage).1, "proof-nonce");
    stage.client(request(&with("3", &next, 2 * PROOF_NONCE_SECONDS), ""));
    assert!(stage.at_server().starts_with("GET /a?b=c "));
}

#[test]
fn who_is_refused_is_told_where_the_resource_is_described() {
    let mut stage = guarded(|rule, _| rule.scope = vec!["orders.read".to_owned()]);
    stage.client("GET /a/b?c HTTP/1.1\r\nHost: a.test:81\r\n\r\n");
    let challenge = refused(&mut stage).2;
    let path = "/.well-known/oauth-protected-resource/a/b";
    assert!(challenge.ends_with(&format!(", resource_metadata=\"http://a.test:81{path}\"")), "{challenge}");
    let got = stage.client(format!("GET {path} HTTP/1.1\r\nHost: a.test:81\r\n\r\n")).at_client();
    assert!(got.starts_with("HTTP/1.1 200 ") && got.contains("content-type: application/json\r\n"), "{got}");
    let body: Value = serde_json::from_str(got.split("\r\n\r\n").nth(1).expect("a body")).expect("JSON");
    assert_eq!(body["resource"], "http://a.test:81/a/b");
    assert_eq!(body["scopes_supported"], json!(["orders.read"]));
    let got = stage.client(format!("POST {path} HTTP/1.1\r\nHost: a.test:81\r\nContent-Length: 0\r\n\r\n"));
    let got = got.at_client();
    assert!(got.starts_with("HTTP/1.1 405 ") && got.contains("allow: GET, HEAD\r\n"), "{got}");
    // Where no token is judged, the server behind describes itself.
    let mut stage = Stage::new();
    stage.client(format!("GET {path} HTTP/1.1\r\nHost: a.test:81\r\n\r\n"));
    assert!(stage.at_server().starts_with(&format!("GET {path} HTTP/1.1\r\n")));
}
