//! Faults that show only after part of the body is with the server.

use super::*;

/// Sends `first`, waits until the server has `arrived`, then sends `second`. The client must be refused, and the
/// server must see a request that was torn down, never one that ended.
#[track_caller]
fn check(name: &str, first: &str, arrived: usize, second: &str, status: u16, reason: &str) {
    let server = ScriptedServer::start(move |connection| {
        if connection.request_head().is_some() && connection.bytes(arrived).is_some() {
            connection.mark("part");
            let (rest, _) = connection.until_end();
            connection.mark(format!("rest {}", rest.escape_ascii()));
        }
    });
    let proxy = Setup::to(&server).with(LIMITS).start();
    let mut client = proxy.client();
    client.send(first);
    server.wait_for_mark("part");
    client.send_if_open(second);
    let response = client.try_response().unwrap_or_else(|fault| panic!("{name}: {fault:?}"));
    assert_eq!((response.status(), response.reason().as_str()), (status, reason), "{name}");
    let (rest, _) = client.rest();
    assert_eq!(rest.escape_ascii().to_string(), "", "{name}");
    let rest = server.wait_for("the end", |seen| {
        seen.iter().find(|seen| seen.over).and_then(|seen| seen.marks.last().cloned())
    });
    assert!(!has_ended(&rest), "{name}: the server saw an end: {rest}");
    assert_eq!(server.seen().len(), 1, "{name}: tried again");
}

/// Whether a chunked body ends in `rest`, which begins at a chunk line: a last chunk with its trailers.
fn has_ended(rest: &str) -> bool {
    let rest = rest.strip_prefix("rest ").unwrap_or(rest);
    let last =
        rest.strip_prefix("0\\r\\n").or_else(|| rest.split_once("\\r\\n0\\r\\n").map(|(_, last)| last));
    last.is_some_and(|trailers| trailers.starts_with("\\r\\n") || trailers.contains("\\r\\n\\r\\n"))
}

const CHUNKED: &str =
    "POST /torn HTTP/1.1\r\nHost: example.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n";
const SIZED: &str = "POST /torn HTTP/1.1\r\nHost: example.test\r\nContent-Length: 10\r\n\r\nhello";
const CHUNK: usize = "5\r\nhello\r\n".len();

#[test]
fn broken_chunks() {
    check("size", CHUNKED, CHUNK, "zz\r\n", 400, "chunk-size-invalid");
    check("overflow", CHUNKED, CHUNK, "fffffffffffffffff\r\n", 400, "chunk-size-overflow");
    check("bare LF", CHUNKED, CHUNK, "5;a\nhello\r\n", 400, "bare-lf");
    check("end", CHUNKED, CHUNK, "5\r\nhelloX0\r\n\r\n", 400, "chunk-end-invalid");
}

#[test]
fn more_extensions_than_anybody_needs() {
    let chunk = format!("1;a={}\r\nx\r\n", "b".repeat(200));
    check("extensions", CHUNKED, CHUNK, &chunk.repeat(100), 400, "chunk-extensions-too-large");
}

#[test]
fn forbidden_trailers() {
    for field in ["Content-Length: 5", "Transfer-Encoding: chunked", "Host: other.test", "Authorization: x"] {
        check(field, CHUNKED, CHUNK, &format!("0\r\n{field}\r\n\r\n"), 400, "trailer-forbidden");
    }
    check("no field", CHUNKED, CHUNK, "0\r\nnone\r\n\r\n", 400, "trailer-invalid");
}

#[test]
fn bodies_that_stall_or_stop() {
    check("a stalled length", SIZED, 5, "", 408, "body-timeout");
    check("a stalled chunk", CHUNKED, CHUNK, "5\r\nhel", 408, "body-timeout");
    check("a stalled trailer", CHUNKED, CHUNK, "0\r\nX-A: 1\r\n", 408, "body-timeout");
}

#[test]
fn chunks_that_grow_too_large() {
    let chunk = format!("4000\r\n{}\r\n", "x".repeat(0x4000));
    check("chunks beyond the limit", CHUNKED, CHUNK, &chunk.repeat(5), 413, "body-too-large");
}

#[test]
fn a_client_that_ends_its_direction_within_the_body() {
    for (name, first, arrived) in [("a length", SIZED, 5), ("chunks", CHUNKED, CHUNK)] {
        let server = ScriptedServer::start(move |connection| {
            if connection.request_head().is_some() && connection.bytes(arrived).is_some() {
                connection.mark("part");
                let (rest, _) = connection.until_end();
                connection.mark(format!("rest {}", rest.escape_ascii()));
            }
        });
        let proxy = Setup::to(&server).start();
        let mut client = proxy.client();
        client.send(first);
        server.wait_for_mark("part");
        client.end_sending();
        let response = client.response();
        assert_eq!((response.status(), response.reason().as_str()), (400, "body-incomplete"), "{name}");
        client.expect_close();
        server.wait_for_mark("rest ");
    }
}
