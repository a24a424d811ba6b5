//! No allocation per request on a warm connection: counted for whole exchanges from bytes to bytes.

#[path = "exchange_simulation/rules.rs"]
#[allow(dead_code, reason = "shared with the simulation")]
mod rules;
#[path = "exchange_simulation/warm_loop.rs"]
mod warm_loop;

use std::alloc::System;
use std::sync::Arc;

use ringwall::policy::exchange::{Answer, Side, TokenAnswer};
use ringwall::protocol::token::verdict::{Judgement, NO_EXPIRY, ScopeElement};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use warm_loop::WarmLoop;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// A browser's GET.
const GET: &str = "GET /orders/42?full=1 HTTP/1.1\r\nHost: api.example.com\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\n\
    Accept: text/html,application/json\r\nAccept-Language: en\r\nAccept-Encoding: gzip, br\r\nCookie: session=0123456789\r\n\
    Authorization: Bearer 0123456789abcdef\r\nConnection: keep-alive\r\n\r\n";

/// An element that lasts, one that is over, one that will be.
fn scope() -> [ScopeElement; 3] {
    let element = |name: &str, expires| ScopeElement { name: name.into(), expires, is_mandatory: false };
    [element("read", None), element("over", Some(0)), element("write", Some(NO_EXPIRY))]
}

fn judgement() -> Judgement {
    Judgement {
        issuer: 0,
        expires: NO_EXPIRY,
        subject: Some("alice".into()),
        client_id: None,
        issuer_name: None,
        jti: None,
        scopes: scope().into(),
        audience: Box::default(),
        amr: ["pwd".into(), "otp".into()].into(),
        acr: None,
        auth_time: None,
        constraint: None,
        application: Default::default(),
        claims: "{}".into(),
        user: None,
        may_be_cached: true,
    }
}

/// Holds that after a warm-up `request` and `response` pass without a single allocation.
#[track_caller]
fn check(request: &[u8], response: &[u8]) {
    check_in(WarmLoop::new(), request, response);
}

#[track_caller]
fn check_in(mut warm: WarmLoop, request: &[u8], response: &[u8]) {
    for _ in 0..3 {
        warm.exchange(request, response);
    }
    let region = Region::new(ALLOCATOR);
    for _ in 0..100 {
        warm.exchange(request, response);
    }
    let change = region.change();
    let counts = (change.allocations, change.reallocations, change.deallocations);
    assert_eq!(counts, (0, 0, 0), "allocations, reallocations, deallocations in 100 exchanges");
    assert_eq!(warm.exchanges, 103);
    assert!(!warm.arrived(Side::Upstream).is_empty() && !warm.arrived(Side::Downstream).is_empty());
}

/// A program without the test harness, whose own thread allocates now and then: that would be counted too.
fn main() {
    let body = "x".repeat(10 * 1024);
    let sized = format!("HTTP/1.1 200 OK\r\nServer: s\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let chunked =
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2800;x\r\n{body}\r\n0\r\n\r\n");
    check(GET.as_bytes(), sized.as_bytes());
    // With a token that is known, and a field made of what it says.
    let known = Answer::Token(TokenAnswer::Good(Arc::new(judgement())));
    check_in(WarmLoop::knowing(rules::judged_rules(), known), GET.as_bytes(), sized.as_bytes());
    check(GET.as_bytes(), chunked.as_bytes());
    check(GET.as_bytes(), b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 304 Not Modified\r\n\r\n");
    let head = "POST /orders HTTP/1.1\r\nHost: api.example.com\r\n";
    check(format!("{head}Content-Length: 10240\r\n\r\n{body}").as_bytes(), sized.as_bytes());
    check(
        format!("{head}Transfer-Encoding: chunked\r\n\r\n2800\r\n{body}\r\n0\r\n\r\n").as_bytes(),
        sized.as_bytes(),
    );
    let long = "x".repeat(300_000);
    let sized = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{long}", long.len());
    check(format!("{head}Content-Length: {}\r\n\r\n{long}", long.len()).as_bytes(), sized.as_bytes());
}
