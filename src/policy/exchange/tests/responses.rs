//! Responses of every framing to clients of both versions, and what becomes of broken ones.

use super::super::*;
use super::stage::{DATE, Stage};

const VIA: &str = "via: 1.1 ringwall\r\n";

/// Holds what a `client` request's sender sees of what the server says before it ends its connection, and how the
/// client's connection ends.
#[track_caller]
fn check(request: &str, response: &str, seen: &str, ending: Option<Ending>) {
    for cut in 0..=response.len() {
        let mut stage = Stage::new();
        stage.client(request);
        let (first, second) = response.split_at(cut);
        stage.server(first).server(second);
        if ending.is_some() || !stage.released.is_empty() {
            stage.server_ends();
        }
        let got = stage.at_client();
        assert_eq!(dechunked(&got), dechunked(seen), "{request:?} {response:?} cut at {cut}");
        assert_eq!(stage.ending, ending, "{request:?} {response:?} cut at {cut}");
    }
}

/// Chunks made here follow the reads; what matters is their content and their end.
fn dechunked(got: &str) -> String {
    let Some((head, body)) = got.split_once("\r\n\r\n") else { return got.to_owned() };
    if !head.contains("transfer-encoding: chunked") || body.contains("x-sum") {
        return got.to_owned();
    }
    let mut content = String::new();
    let mut rest = body;
    while let Some((size, behind)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        if size == 0 {
            return format!("{head}\r\n\r\n{content}[end]{}", behind.strip_prefix("\r\n").unwrap());
        }
        content += &behind[..size];
        rest = behind[size..].strip_prefix("\r\n").unwrap();
    }
    format!("{head}\r\n\r\n{content}[{rest}]")
}

const GET: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
const HEAD: &str = "HEAD / HTTP/1.1\r\nhost: a\r\n\r\n";
const GET_1_0: &str = "GET / HTTP/1.0\r\nhost: a\r\n\r\n";
const KEPT_1_0: &str = "GET / HTTP/1.0\r\nhost: a\r\nconnection: keep-alive\r\n\r\n";

#[test]
fn bodies_by_length_pass_as_they_are() {
    let response = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
    let seen = |version| format!("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n{VIA}{DATE}{version}\r\nhello");
    check(GET, response, &seen(""), None);
    check(GET_1_0, response, &seen("connection: close\r\n"), Some(Ending::Close));
    check(KEPT_1_0, response, &seen("connection: keep-alive\r\n"), None);
}

#[test]
fn chunked_bodies_are_chunked_for_1_1_and_bare_for_1_0() {
    let response = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3;x=\"y\"\r\nhel\r\n02\r\nlo\r\n0\r\nx-sum: 1\r\n\r\n";
    let framed = format!(
        "HTTP/1.1 200 OK\r\n{VIA}{DATE}transfer-encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\nx-sum: 1\r\n\r\n"
    );
    check(GET, response, &framed, None);
    let bare = format!("HTTP/1.1 200 OK\r\n{VIA}{DATE}connection: close\r\n\r\nhello");
    check(GET_1_0, response, &bare, Some(Ending::Close));
    check(KEPT_1_0, response, &bare, Some(Ending::Linger));
}

#[test]
fn bodies_until_close_are_chunked_for_1_1_and_end_the_connection_for_1_0() {
    let response = "HTTP/1.0 200 OK\r\n\r\nhello";
    let via = "via: 1.0 ringwall\r\n";
    let framed =
        format!("HTTP/1.1 200 OK\r\n{via}{DATE}transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
    for cut in 0..=response.len() {
        let mut stage = Stage::new();
        stage.client(GET).server(&response[..cut]).server(&response[cut..]).server_ends();
        assert_eq!(dechunked(&stage.at_client()), dechunked(&framed));
        assert_eq!((stage.ending, stage.released.as_slice()), (None, &[false][..]));
    }
    check(
        GET_1_0,
        response,
        &format!("HTTP/1.1 200 OK\r\n{via}{DATE}connection: close\r\n\r\nhello"),
        Some(Ending::Close),
    );
}

#[test]
fn responses_without_a_body_have_none() {
    let seen = |status, fields| format!("HTTP/1.1 {status} X\r\n{fields}{VIA}{DATE}\r\n");
    check(HEAD, "HTTP/1.1 200 X\r\ncontent-length: 5\r\n\r\n", &seen(200, "content-length: 5\r\n"), None);
    check(HEAD, "HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n", &seen(200, ""), None);
    check(GET, "HTTP/1.1 304 X\r\ncontent-length: 5\r\n\r\n", &seen(304, "content-length: 5\r\n"), None);
    // A length of 204 would make some clients wait for it.
    check(GET, "HTTP/1.1 204 X\r\ncontent-length: 5\r\n\r\n", &seen(204, ""), None);
    check(GET, "HTTP/1.1 204 X\r\ntransfer-encoding: chunked\r\n\r\n", &seen(204, ""), None);
}

#[test]
fn interim_responses_go_to_clients_that_know_them() {
    let interim = "HTTP/1.1 103 Early Hints\r\nconnection: close\r\nlink: <x>\r\ncontent-length: 3\r\n\r\n";
    let response = format!("{interim}HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 X\r\n\r\n");
    let seen = format!(
        "HTTP/1.1 103 Early Hints\r\nlink: <x>\r\n{VIA}\r\nHTTP/1.1 100 Continue\r\n{VIA}\r\nHTTP/1.1 204 X\r\n{VIA}{DATE}\r\n"
    );
    check(GET, &response, &seen, None);
    check(KEPT_1_0, &response, &format!("HTTP/1.1 204 X\r\n{VIA}{DATE}connection: keep-alive\r\n\r\n"), None);
    // `Connection: close` of an interim response says nothing about the connection after the final one.
    let mut stage = Stage::new();
    stage.client(GET).server(response);
    assert_eq!(stage.released, [true]);
}

/// Holds that `response` is answered with 502 and costs the server its connection, not the client its.
#[track_caller]
fn check_broken(response: &str, reason: &str) {
    let mut stage = Stage::new();
    stage.client(GET).server(response).server_ends();
    assert_eq!(stage.refusal(), (502, reason.to_owned()), "{response:?}");
    assert_eq!((stage.ending, stage.released.as_slice()), (None, &[false][..]), "{response:?}");
    assert!(stage.outcomes[0].0.blames_server());
}

#[test]
fn a_broken_response_is_502() {
    for fields in [
        "content-length: 1\r\ntransfer-encoding: chunked\r\n",
        "content-length: 1\r\ncontent-length: 1\r\n",
        "content-length: 1, 1\r\n",
        "content-length: -1\r\n",
        "transfer-encoding: gzip\r\n",
        "connection: a b\r\n",
        " folded: x\r\n",
        "x : y\r\n",
        "x\n",
    ] {
        check_broken(&format!("HTTP/1.1 200 OK\r\n{fields}\r\nx"), "response-malformed");
    }
    check_broken("HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", "response-malformed");
    check_broken("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nz\r\n", "response-malformed");
    check_broken("HTTP/1.1 099 X\r\n\r\n", "response-malformed");
    check_broken("SSH-2.0-x\r\n\r\n", "response-malformed");
    check_broken("HTTP/1.1 200 OK\r\ncontent-le", "response-incomplete");
}

#[test]
fn a_server_that_never_comes_to_the_point_is_given_up() {
    let mut stage = Stage::new();
    stage.client(KEPT_1_0).server("HTTP/1.1 102 X\r\n\r\n".repeat(17));
    assert_eq!(stage.refusal(), (502, "interim-flood".to_owned()));
    let mut endless = Stage::new();
    endless.client(GET).server(format!("HTTP/1.1 200 OK\r\nx: {}", "y".repeat(130_000)));
    let (status, reason) = endless.refusal();
    assert_eq!((status, reason.as_str()), (502, "response-malformed"));
}

#[test]
fn a_response_cut_short_never_looks_complete() {
    for (request, response, ending) in [
        (GET, "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhell", Ending::Cut),
        (GET, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n", Ending::Cut),
        (GET, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n", Ending::Cut),
        (GET_1_0, "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhell", Ending::Cut),
        (GET_1_0, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n", Ending::Reset),
    ] {
        let mut stage = Stage::new();
        stage.client(request).server(response).server_ends();
        assert_eq!(stage.ending, Some(ending), "{response:?}");
        assert!(!stage.at_client().ends_with("0\r\n\r\n"));
        assert_eq!((stage.reason(), stage.outcomes[0].0.cut), ("response-incomplete", true));
    }
    // A connection that fails is no end of a body that lasts until the end.
    for (request, ending) in [(GET, Ending::Cut), (GET_1_0, Ending::Reset)] {
        let mut stage = Stage::new();
        stage.client(request).server("HTTP/1.1 200 OK\r\n\r\nhello").server_resets();
        assert_eq!(stage.ending, Some(ending));
        assert!(!stage.at_client().ends_with("0\r\n\r\n"));
    }
    let mut broken = Stage::new();
    broken
        .client(GET)
        .server("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n")
        .server("zz\r\n");
    assert_eq!((broken.ending, broken.reason()), (Some(Ending::Cut), "response-malformed"));
}

#[test]
fn the_last_bytes_of_an_unframed_response_cannot_go_missing_unseen() {
    let mut stage = Stage::new();
    stage.client(GET_1_0).hold(Side::Downstream, 20);
    stage.server("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
    assert_eq!(stage.released, [true]);
    stage.event(Event::Cut);
    assert_eq!(stage.ending, Some(Ending::Reset));
}

#[test]
fn bytes_beyond_a_response_cost_the_connection_and_go_nowhere() {
    let mut stage = Stage::new();
    stage.client(GET).server("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\n");
    assert!(stage.at_client().ends_with("\r\n\r\nok"));
    assert_eq!((stage.released.as_slice(), stage.ending), (&[false][..], None));
}

#[test]
fn a_server_that_closes_is_not_used_again() {
    for (response, reusable) in [
        ("HTTP/1.1 204 X\r\n\r\n", true),
        ("HTTP/1.1 204 X\r\nconnection: close\r\n\r\n", false),
        ("HTTP/1.0 204 X\r\n\r\n", false),
        ("HTTP/1.0 204 X\r\nconnection: keep-alive\r\n\r\n", true),
    ] {
        let mut stage = Stage::new();
        stage.client(GET).server(response);
        assert_eq!((stage.released.as_slice(), stage.ending), (&[reusable][..], None), "{response:?}");
    }
}

#[test]
fn a_long_chunked_response_survives_every_read_boundary() {
    let content = "0123456789abcdef".repeat(500);
    let chunks: String = (0..40).map(|_| format!("{:x}\r\n{content}\r\n", content.len())).collect();
    let response = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{chunks}0\r\n\r\n");
    for step in [4_001, 7_993, 16_000, 100_000] {
        let mut stage = Stage::new();
        stage.client(GET);
        for part in response.as_bytes().chunks(step) {
            stage.server(part);
        }
        let got = stage.at_client();
        assert!(got.split_once("\r\n\r\n").unwrap().1 == format!("{chunks}0\r\n\r\n"), "in steps of {step}");
        assert_eq!((stage.released.as_slice(), stage.buffers.large_in_use()), (&[true][..], 0));
    }
}

#[test]
fn large_bodies_go_through_small_buffers_when_there_are_no_others() {
    let mut stage = Stage::new();
    let held: Vec<_> = std::iter::from_fn(|| stage.buffers.take_large()).collect();
    let body = "x".repeat(300_000);
    stage.client(GET).server(format!("HTTP/1.1 200 OK\r\ncontent-length: 300000\r\n\r\n{body}"));
    assert!(stage.at_client().ends_with(&format!("\r\n\r\n{body}")));
    assert_eq!((stage.released.as_slice(), stage.buffers.large_in_use()), (&[true][..], held.len()));
}
