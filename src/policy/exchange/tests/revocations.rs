//! Requests to revoke a token, as they pass: what the Token Server confirms is told, and nothing else.

use ring::digest::{SHA256, digest};

use super::stage::{Stage, open_route};
use crate::limits::REVOCATION_BYTES;
use crate::policy::path_rules::PathPattern;
use crate::policy::route_table::RouteKind;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

fn stage() -> Stage {
    stage_before(RouteKind::TokenServer)
}

fn stage_before(kind: RouteKind) -> Stage {
    let mut route = open_route();
    route.kind = kind;
    route.revocation = vec![PathPattern::parse("/oauth/v1/revoke").unwrap()];
    Stage::with(vec![route])
}

fn hash(token: &str) -> Option<[u8; 32]> {
    digest(&SHA256, token.as_bytes()).as_ref().try_into().ok()
}

fn request(line: &str, form: &str) -> String {
    format!("{line} HTTP/1.1\r\nHost: a.test\r\nContent-Length: {}\r\n\r\n{form}", form.len())
}

/// What is told of a request once it was answered.
fn revoked(stage: &mut Stage, parts: &[&str], answer: &str) -> Option<[u8; 32]> {
    for part in parts {
        stage.client(part);
    }
    stage.server(answer);
    stage.outcomes.pop().expect("an outcome").0.revoked
}

#[test]
fn a_token_that_the_server_revokes_is_told_however_the_request_came() {
    let whole = request("POST /oauth/v1/revoke", "token=abc&token_type_hint=access_token");
    assert_eq!(revoked(&mut stage(), &[&whole], OK), hash("abc"));
    for at in [1, 60, whole.len() - 30, whole.len() - 1] {
        let (first, rest) = whole.split_at(at);
        assert_eq!(revoked(&mut stage(), &[first, rest], OK), hash("abc"), "{at}");
    }
    let chunks = "POST /oauth/v1/%72evoke HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n\
                  5\r\ntoken\r\n4\r\n=a%2\r\n2\r\nBc\r\n0\r\n\r\n";
    assert_eq!(revoked(&mut stage(), &[chunks], OK), hash("a+c"));
    let mut stage = stage();
    for token in ["a", "b"] {
        let request = request("POST /oauth/v1/revoke", &format!("token={token}"));
        assert_eq!(revoked(&mut stage, &[&request], OK), hash(token), "one request after the other");
    }
    assert_eq!(revoked(&mut stage, &[&request("POST /oauth/v1/token", "token=a")], OK), None);
}

#[test]
fn nothing_is_told_of_what_was_not_revoked() {
    let form = "token=abc";
    let good = request("POST /oauth/v1/revoke", form);
    let refused = OK.replace("200 OK", "400 Bad Request");
    let huge = request("POST /oauth/v1/revoke", &format!("{form}&x={}", "y".repeat(REVOCATION_BYTES)));
    for (request, answer) in [
        (&good, refused.as_str()),
        (&good, "nonsense\r\n\r\n"),
        (&request("PUT /oauth/v1/revoke", form), OK),
        (&request("POST /oauth/v1/revoke/x", form), OK),
        (&request("POST /oauth/v1/revoke", "token=abc&token=abc"), OK),
        (&huge, OK),
    ] {
        assert_eq!(revoked(&mut stage(), &[request], answer), None, "{:.60} {answer}", request);
    }
    let mut other = stage_before(RouteKind::Resource);
    assert_eq!(revoked(&mut other, &[&good], OK), None, "resource servers revoke nothing");
}
