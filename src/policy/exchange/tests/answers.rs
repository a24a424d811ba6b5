//! Requests and the answers the proxy makes itself.

use std::time::Duration;

use super::super::*;
use super::stage::{DATE, Dial, Stage, open_route};
use crate::policy::path_rules::PathPattern;
use crate::policy::route_table::{FixedAnswer, Route, RouteTarget};

/// The head the server gets for `line` with `fields` among the client's.
pub(super) fn forwarded(line: &str, fields: &str) -> String {
    format!(
        "{line} HTTP/1.1\r\nhost: a\r\n{fields}x-forwarded-for: 192.0.2.7\r\nx-forwarded-proto: http\r\n\
         x-forwarded-host: a\r\nforwarded: for=192.0.2.7;host=\"a\";proto=http\r\nvia: 1.1 ringwall\r\n\
         traceparent: 00-0123456789abcdef0123456789abcdef-0123456789abcdef-01\r\n"
    )
}

#[test]
fn a_request_and_its_response_cross_with_exact_bytes() {
    let mut stage = Stage::new();
    stage.client("GET /x?y=1 HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n");
    assert_eq!(stage.at_server(), forwarded("GET /x?y=1", "Accept: */*\r\n") + "\r\n");
    stage.server("HTTP/1.1 200 Fine\r\nContent-Length: 2\r\nServer: s\r\n\r\nok");
    let seen =
        format!("HTTP/1.1 200 Fine\r\nContent-Length: 2\r\nServer: s\r\nvia: 1.1 ringwall\r\n{DATE}\r\nok");
    assert_eq!(stage.at_client(), seen);
    assert_eq!((stage.released.as_slice(), stage.ending), (&[true][..], None));
    let (outcome, text) = &stage.outcomes[0];
    assert_eq!(text, b"GET/xa");
    assert_eq!((outcome.status, outcome.reason, outcome.refused, outcome.cut), (200, "ok", false, false));
    assert_eq!(outcome.response_bytes, seen.len() as u64);
}

/// Holds that `request` is answered with `status` and `reason`, reaches no server, and what becomes of the connection.
#[track_caller]
fn check_refused(request: &str, status: u16, reason: &str, ending: Option<Ending>) {
    let mut stage = Stage::new();
    stage.client(request);
    assert_eq!(stage.refusal(), (status, reason.to_owned()), "{request:?}");
    assert_eq!(stage.ending, ending, "{request:?}");
    assert!(stage.orders.is_empty(), "{request:?} was to be forwarded");
    assert_eq!((stage.outcomes.len(), stage.reason()), (1, reason));
    assert!(stage.outcomes[0].0.refused);
}

#[test]
fn what_is_ambiguous_is_refused_and_the_connection_closed() {
    let linger = Some(Ending::Linger);
    for (request, reason) in [
        (
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
            "both-lengths",
        ),
        ("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\nx", "length-repeated"),
        ("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: +1\r\n\r\nx", "length-invalid"),
        (
            "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip, chunked\r\n\r\n",
            "transfer-coding-unsupported",
        ),
        ("POST / HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n", "transfer-coding-unsupported"),
        ("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\nhello\r\n", "bare-lf"),
        (
            "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\nhost: b\r\n\r\n",
            "trailer-forbidden",
        ),
        ("GET / HTTP/1.1\r\n\r\n", "host-missing"),
        ("GET / HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n", "host-repeated"),
        ("GET http://b/ HTTP/1.1\r\nhost: a\r\n\r\n", "host-unlike-target"),
        ("GET / HTTP/1.1\r\nhost : a\r\n\r\n", "space-before-colon"),
        ("GET / HTTP/1.1\nhost: a\r\n\r\n", "bare-lf"),
        ("GET / HTTP/1.1\r\nhost: a\r\n b: c\r\n\r\n", "obs-fold"),
        ("GET / HTTP/2.0\r\nhost: a\r\n\r\n", "invalid-version"),
        ("OPTIONS / HTTP/1.1\r\nhost: a\r\nmax-forwards: +1\r\n\r\n", "invalid-field-value"),
        (
            "OPTIONS / HTTP/1.1\r\nhost: a\r\nmax-forwards: 1\r\nmax-forwards: 1\r\n\r\n",
            "invalid-field-value",
        ),
    ] {
        check_refused(request, 400, reason, linger);
        check_refused(&format!("{request}GET / HTTP/1.1\r\nhost: a\r\n\r\n"), 400, reason, linger);
    }
    check_refused("CONNECT a:443 HTTP/1.1\r\nhost: a:443\r\n\r\n", 501, "connect-unsupported", linger);
    check_refused(&format!("GET /{} HTTP/1.1\r\n", "x".repeat(1100)), 414, "request-line-too-long", linger);
    let fields = "x: y\r\n".repeat(60);
    check_refused(&format!("GET / HTTP/1.1\r\nhost: a\r\n{fields}\r\n"), 431, "too-many-fields", linger);
    let long = format!("GET / HTTP/1.1\r\nhost: a\r\nx: {}", "y".repeat(21_000));
    check_refused(&long, 431, "head-too-large", linger);
    check_refused(
        "PUT / HTTP/1.1\r\nhost: a\r\ncontent-length: 1048577\r\n\r\n",
        413,
        "body-too-large",
        linger,
    );
}

#[test]
fn what_is_understood_and_refused_keeps_the_connection() {
    check_refused("GET /a/../b HTTP/1.1\r\nhost: a\r\n\r\n", 400, "path-dot-segment", None);
    check_refused("TRACE / HTTP/1.1\r\nhost: a\r\nmax-forwards: 0\r\n\r\n", 405, "trace-refused", None);
    // A body that is not there yet is not waited for.
    check_refused(
        "POST /a/../b HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc",
        400,
        "path-dot-segment",
        None,
    );
    let part = "POST /a/../b HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nab";
    check_refused(part, 400, "path-dot-segment", Some(Ending::Linger));
    let closing = "GET /a/../b HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    check_refused(closing, 400, "path-dot-segment", Some(Ending::Close));
}

#[test]
fn a_refusal_is_a_problem_with_its_reason() {
    let mut stage = Stage::new();
    stage.servers_down = true;
    stage.client("GET / HTTP/1.1\r\nhost: a\r\n\r\nHEAD / HTTP/1.0\r\nhost: a\r\n\r\n");
    let body = "{\"type\":\"about:blank\",\"title\":\"Service Unavailable\",\"status\":503,\"reason\":\"no-server\"}\n";
    let head = |connection| {
        format!(
            "HTTP/1.1 503 Service Unavailable\r\n{DATE}{connection}content-type: application/problem+json\r\n\
             cache-control: no-store\r\ncontent-length: {}\r\nproxy-status: ringwall; error=destination_unavailable\r\n\r\n",
            body.len()
        )
    };
    assert_eq!(stage.at_client(), head("") + body + &head("connection: close\r\n"));
    assert_eq!(stage.ending, Some(Ending::Close));
}

#[test]
fn a_request_refused_before_it_was_sent_leaves_nothing_behind() {
    let failing = Dial::Fails(ConnectFault::Refused);
    let mut stage = Stage::new().dialing(&[failing, failing]);
    let first = "POST /1 HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc";
    stage.client(format!("{first}GET /2 HTTP/1.1\r\nhost: a\r\n\r\n"));
    assert_eq!(stage.refusal(), (502, "connect-refused".to_owned()));
    assert_eq!(stage.at_server(), forwarded("GET /2", "") + "\r\n");
    assert_eq!(stage.orders.len(), 3);
}

#[test]
fn pipelined_requests_are_answered_in_turn_and_logged_apart() {
    let mut stage = Stage::new();
    stage.client("GET /1 HTTP/1.1\r\nhost: a\r\n\r\nGET /2 HTTP/1.1\r\nhost: a\r\n\r\nGET /3 HT");
    assert_eq!(stage.at_server(), forwarded("GET /1", "") + "\r\n");
    stage.server("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n1");
    assert!(stage.at_client().ends_with("\r\n\r\n1"));
    assert_eq!(stage.at_server(), forwarded("GET /2", "") + "\r\n");
    stage.server("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n2");
    stage.client("TP/1.1\r\nhost: a\r\n\r\n");
    assert!(stage.at_client().ends_with("\r\n\r\n2"));
    assert_eq!(stage.at_server(), forwarded("GET /3", "") + "\r\n");
    let texts: Vec<_> = stage.outcomes.iter().map(|(_, text)| text.as_slice()).collect();
    assert_eq!(texts, [b"GET/1a", b"GET/2a"]);
}

#[test]
fn a_connection_is_released_before_the_next_is_asked_for() {
    let mut stage = Stage::new();
    stage.hold(Side::Downstream, 0);
    stage.client("GET /1 HTTP/1.1\r\nhost: a\r\n\r\nGET /2 HTTP/1.1\r\nhost: a\r\n\r\n");
    stage.server("HTTP/1.1 204 No\r\nkeep-alive: timeout=9\r\n\r\n");
    // While the answer waits for the client, its server is free already.
    assert_eq!((stage.released.as_slice(), stage.orders.len()), (&[true][..], 1));
    assert_eq!(stage.idle_limit(Duration::from_secs(50)), Duration::from_secs(8));
    stage.hold(Side::Downstream, usize::MAX);
    assert_eq!(stage.orders.len(), 2);
}

#[test]
fn a_head_that_stalls_is_408_and_an_idle_connection_just_closes() {
    let mut stage = Stage::new();
    stage.client("GET / HT").pass(Duration::from_secs(9)).client("TP").pass(Duration::from_secs(1));
    assert_eq!((stage.refusal(), stage.ending), ((408, "head-timeout".to_owned()), Some(Ending::Linger)));
    let mut head = Stage::new();
    head.client("HEAD / HT").pass(Duration::from_secs(10));
    assert!(head.at_client().ends_with("\r\n\r\n"), "HEAD has no body");
    let mut idle = Stage::new();
    idle.pass(Duration::from_secs(74));
    assert_eq!(idle.ending, None);
    idle.pass(Duration::from_secs(1));
    assert_eq!((idle.at_client().as_str(), idle.ending, idle.outcomes.len()), ("", Some(Ending::Close), 0));
}

#[test]
fn fixed_answers_and_options_for_the_proxy_come_from_here() {
    let answer = FixedAnswer { status: 301, location: Some("https://b{path}?{query}".to_owned()) };
    let moved = Route {
        target: RouteTarget::Answer(answer),
        path: PathPattern::parse("/old/*").unwrap(),
        ..open_route()
    };
    let mut stage = Stage::with(vec![moved, open_route()]);
    stage.client("GET /old/x?y HTTP/1.1\r\nhost: a\r\n\r\n");
    let head = format!(
        "HTTP/1.1 301 Moved Permanently\r\n{DATE}location: https://b/old/x?y\r\ncontent-length: 0\r\n\r\n"
    );
    assert_eq!(stage.at_client(), head);
    stage.client("OPTIONS * HTTP/1.1\r\nhost: a\r\nmax-forwards: 0\r\n\r\n");
    let allow = "allow: GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS\r\n";
    assert_eq!(stage.at_client(), format!("HTTP/1.1 204 No Content\r\n{DATE}{allow}\r\n"));
    stage.client("TRACE / HTTP/1.1\r\nhost: a\r\nmax-forwards: 0\r\n\r\n");
    assert!(stage.at_client().contains(allow));
    assert!(stage.orders.is_empty());
    stage.client("OPTIONS / HTTP/1.1\r\nhost: a\r\nMax-Forwards: 7\r\n\r\n");
    assert_eq!(stage.at_server(), forwarded("OPTIONS /", "") + "max-forwards: 6\r\n\r\n");
}

#[test]
fn a_target_for_a_whole_server_is_routed_as_what_it_is_forwarded_as() {
    let root = Route { path: PathPattern::parse("/").unwrap(), ..open_route() };
    let mut stage = Stage::with(vec![root]);
    stage.client("OPTIONS http://a HTTP/1.1\r\nhost: a\r\n\r\n");
    assert_eq!(stage.refusal(), (404, "no-route".to_owned()));
}

#[test]
fn a_draining_worker_ends_connections_after_their_response() {
    let mut stage = Stage::new();
    stage.client("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    stage.draining = true;
    stage.server("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    assert!(stage.at_client().contains("\r\nconnection: close\r\n"));
    assert_eq!(stage.ending, Some(Ending::Linger));
    let mut cut = Stage::new();
    cut.client("GET / HTTP/1.1\r\nhost: a\r\n\r\n").event(Event::Cut);
    assert_eq!((cut.ending, cut.reason()), (Some(Ending::Cut), "drained"));
}

#[test]
fn http_1_0_keeps_the_connection_only_when_asked() {
    for (fields, said, ending) in [
        ("", "connection: close\r\n", Some(Ending::Close)),
        ("connection: keep-alive\r\n", "connection: keep-alive\r\n", None),
    ] {
        let mut stage = Stage::new();
        stage.client(format!("GET / HTTP/1.0\r\nhost: a\r\n{fields}\r\n"));
        stage.server("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
        assert!(stage.at_client().ends_with(&format!("{said}\r\n")));
        assert_eq!(stage.ending, ending);
    }
}
