//! What servers do wrong, and what the client may see of it: 502, or a connection cut so that the truncation shows;
//! never a short body that looks whole, never bytes of another response.

mod pooled_connections;
mod versions_and_framings;

use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::harness::message::{Answers, Fault, read_response};
use crate::harness::{
    End, Framing, Gate, Message, Proxy, RawClient, ScriptedServer, Setup, eventually, unused_address,
};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A server that gives `answers[n]` to `/case/n` and is well otherwise. After a faulty answer it expects to be left.
fn faulty(answers: Vec<Vec<u8>>) -> ScriptedServer {
    ScriptedServer::start(move |connection| {
        while let Some(request) = connection.request() {
            let number =
                request.target().strip_prefix("/case/").and_then(|number| number.parse::<usize>().ok());
            match number {
                Some(number) => {
                    connection.send(&answers[number]);
                    connection.until_end();
                    return;
                }
                None => connection.send(OK),
            };
        }
    })
}

/// Every answer must become 502 with its reason, and cost its connection and nothing else.
#[track_caller]
fn check_502(cases: &[(&str, Vec<u8>, &str)]) {
    let server = faulty(cases.iter().map(|(_, answer, _)| answer.clone()).collect());
    let proxy = Setup::to(&server).start();
    for (number, (name, _, reason)) in cases.iter().enumerate() {
        let mut client = proxy.client();
        let response = client.get(&format!("/case/{number}"));
        assert_eq!((response.status(), response.reason().as_str()), (502, *reason), "{name}");
        // The client's connection is as good as before.
        assert_eq!(client.get("/clean").text(), "ok", "after {name}");
        server.wait_for(&format!("the proxy to leave after {name}"), |seen| {
            let faulted = seen.iter().filter(|seen| matches!(seen.fault, Some(Fault::Cut(_)))).count();
            (faulted == number + 1).then_some(())
        });
    }
    for seen in server.seen() {
        let case = seen.requests.iter().position(|request| request.target().starts_with("/case"));
        assert!(case.is_none_or(|case| case + 1 == seen.requests.len()), "a request after a fault: {seen:?}");
    }
}

fn answer(fields: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\n{fields}\r\nhello").into_bytes()
}

#[test]
fn heads_that_are_ambiguous_or_malformed() {
    let malformed = |name, answer: Vec<u8>| (name, answer, "response-malformed");
    let text = |name, answer: &str| (name, answer.as_bytes().to_vec(), "response-malformed");
    check_502(&[
        malformed("both lengths", answer("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n")),
        malformed("length twice", answer("Content-Length: 5\r\nContent-Length: 5\r\n")),
        malformed("differing lengths", answer("Content-Length: 5\r\nContent-Length: 50\r\n")),
        malformed("length as a list", answer("Content-Length: 5, 5\r\n")),
        malformed("signed length", answer("Content-Length: +5\r\n")),
        malformed("length of 2^64", answer("Content-Length: 18446744073709551616\r\n")),
        malformed("gzip coding", answer("Transfer-Encoding: gzip\r\n")),
        malformed("gzip, chunked", answer("Transfer-Encoding: gzip, chunked\r\n")),
        malformed("chunked twice", answer("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")),
        text("chunked in HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        malformed("obs-fold", answer("X-A: one\r\n two\r\nContent-Length: 5\r\n")),
        malformed("space before the colon", answer("Content-Length : 5\r\n")),
        malformed("bare LF after a field", answer("X-A: one\nContent-Length: 5\r\n")),
        text("bare LFs alone", "HTTP/1.1 200 OK\nContent-Length: 5\n\nhello"),
        malformed("bare CR in a value", answer("X-A: one\rtwo\r\nContent-Length: 5\r\n")),
        malformed("NUL in a value", answer("X-A: one\0two\r\nContent-Length: 5\r\n")),
        malformed("an invalid field name", answer("X A: one\r\nContent-Length: 5\r\n")),
        text("HTTP/2.0", "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"),
        text("another protocol", "ICY 200 OK\r\nContent-Length: 0\r\n\r\n"),
        text("a status of two digits", "HTTP/1.1 99 OK\r\nContent-Length: 0\r\n\r\n"),
        text("a status of four digits", "HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n"),
        text("status 600", "HTTP/1.1 600 OK\r\nContent-Length: 0\r\n\r\n"),
        text("no status", "HTTP/1.1\r\nContent-Length: 0\r\n\r\n"),
        text("a control character in the reason", "HTTP/1.1 200 O\x01K\r\nContent-Length: 0\r\n\r\n"),
        text("bytes before the status line", "ok\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        malformed("a large head", answer(&format!("X-A: {}\r\n", "a".repeat(200_000)))),
        malformed("many fields", answer(&"X-A: 1\r\n".repeat(2000))),
        text(
            "both lengths with 204",
            "HTTP/1.1 204 No\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n",
        ),
        (
            "101 that nobody asked for",
            b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n".to_vec(),
            "upgrade-unasked",
        ),
    ]);
}

/// With the head in the same segment nothing has gone to the client yet: it can be told.
#[test]
fn chunks_broken_beside_the_head() {
    let chunked = |name, body: &str| {
        (
            name,
            format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{body}").into_bytes(),
            "response-malformed",
        )
    };
    check_502(&[
        chunked("a size that is none", "zz\r\nhello\r\n0\r\n\r\n"),
        chunked("a size that overflows", "10000000000000005\r\nhello\r\n0\r\n\r\n"),
        chunked("a bare LF", "5\nhello\r\n0\r\n\r\n"),
        chunked("a chunk too long", "5\r\nhello!\r\n0\r\n\r\n"),
        chunked("a length in the trailers", "5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n"),
    ]);
}

/// A server that sends `first`, waits at the gate, sends `second`, and closes, with a reset if it says so.
fn in_two_parts(first: &str, second: &str, resets: bool) -> (ScriptedServer, Gate) {
    let gate = Gate::default();
    let (passed, first, second) = (gate.clone(), first.to_owned(), second.to_owned());
    let server = ScriptedServer::start(move |connection| {
        if connection.request().is_some() {
            connection.send(&first);
            passed.pass();
            if resets {
                connection.reset_on_close();
            }
            connection.send(&second);
        }
    });
    (server, gate)
}

const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n";
const SIZED: &str = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello";
const TO_CLOSE: &str = "HTTP/1.1 200 OK\r\n\r\nhello";

/// The response has begun when it breaks: the client must notice.
#[test]
fn responses_that_break_off() {
    for (name, first, second, resets) in [
        ("a length not reached", SIZED, "", false),
        ("a length not reached, reset", SIZED, "", true),
        ("chunks that end early", CHUNKED, "", false),
        ("chunks that end inside one", CHUNKED, "5\r\nhel", false),
        ("chunks that end before the last CRLF", CHUNKED, "0\r\n", false),
        ("chunks that end inside the trailers", CHUNKED, "0\r\nX-A: 1\r\n", false),
        ("chunks, reset", CHUNKED, "", true),
        ("a chunk size that is none", CHUNKED, "zz\r\nhello\r\n0\r\n\r\n", false),
        ("a chunk too long", CHUNKED, "5\r\nhello!0\r\n\r\n", false),
        ("a chunk line with a bare LF", CHUNKED, "5\nhello\r\n0\r\n\r\n", false),
        ("a length in the trailers", CHUNKED, "0\r\nContent-Length: 5\r\n\r\n", false),
        ("until the close, reset", TO_CLOSE, "", true),
    ] {
        let (server, gate) = in_two_parts(first, second, resets);
        let proxy = Setup::to(&server).start();
        let mut client = proxy.client();
        client.send("GET /cut HTTP/1.1\r\nHost: example.test\r\n\r\n");
        let head = client.head();
        assert_eq!(head.status(), 200, "{name}");
        let arrived = if head.fields.has("content-length") { 5 } else { "5\r\nhello\r\n".len() };
        client.bytes(arrived);
        gate.open();
        let (rest, _) = client.rest();
        let rest = String::from_utf8_lossy(&rest);
        assert!(!rest.ends_with("0\r\n\r\n") && !rest.contains("X-A"), "{name}: looks whole: {rest:?}");
        if first == SIZED {
            assert_eq!(rest, "", "{name}");
        }
        let log = proxy.wait_for_log(1);
        assert!(
            ["response-incomplete", "response-malformed"].contains(&log[0]["reason"].as_str().unwrap_or("")),
            "{name}: {log:?}"
        );
        assert_eq!(log[0]["status"], 200, "{name}");
    }
}

#[test]
fn a_response_that_stalls_half_way_is_cut() {
    for first in [SIZED, CHUNKED] {
        let (server, gate) = in_two_parts(first, "", false);
        let proxy = Setup::to(&server).with("[timeouts]\nbody = \"200ms\"").start();
        let mut client = proxy.client();
        client.send("GET /cut HTTP/1.1\r\nHost: example.test\r\n\r\n");
        assert!(matches!(client.try_response(), Err(Fault::Cut(_))), "{first}");
        gate.open();
        assert_eq!(proxy.wait_for_log(1)[0]["reason"], "response-stalled");
    }
}

#[test]
fn a_server_that_closes_without_a_whole_head() {
    for (name, sent) in [
        ("nothing", ""),
        ("half a head", "HTTP/1.1 200 OK\r\nContent-"),
        ("an interim only", "HTTP/1.1 103 Early Hints\r\n\r\n"),
    ] {
        let server = ScriptedServer::start(move |connection| {
            if connection.request().is_some() {
                connection.send(sent);
            }
        });
        let proxy = Setup::to(&server).start();
        let mut client = proxy.client();
        client.send("GET / HTTP/1.1\r\nHost: example.test\r\n\r\n");
        if name == "an interim only" {
            assert_eq!(client.head().status(), 103);
        }
        let response = client.response();
        assert_eq!((response.status(), response.reason().as_str()), (502, "response-incomplete"), "{name}");
        // On a connection that was new, what failed may have been done.
        assert_eq!(server.seen().len(), 1, "{name}: tried again");
    }
}

/// Bytes beyond a response are never the next response.
#[test]
fn stray_bytes_cost_the_connection() {
    let stray = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstray";
    for (name, method, first) in [
        ("beside a length", "GET", format!("{OK}{stray}")),
        ("beside chunks", "GET", format!("{CHUNKED}0\r\n\r\n{stray}")),
        ("beside 204", "GET", format!("HTTP/1.1 204 No Content\r\n\r\n{stray}")),
        ("beside 304", "GET", format!("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nhello{stray}")),
        ("a body to HEAD", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello".to_owned()),
    ] {
        let server = ScriptedServer::start(move |connection| {
            if connection.request().is_some() {
                connection.send(if connection.number == 0 { &first } else { OK });
                connection.request();
            }
        });
        let proxy = Setup::to(&server).start();
        let mut client = proxy.client();
        client.send(format!("{method} /one HTTP/1.1\r\nHost: example.test\r\n\r\n"));
        let response = if method == "HEAD" { client.response_to_head() } else { client.response() };
        assert!([200, 204, 304].contains(&response.status()), "{name}: {response:?}");
        assert_ne!(response.text(), "stray", "{name}");
        assert_eq!(client.get("/two").text(), "ok", "{name}");
        let requests: Vec<_> = server.seen().iter().map(|seen| seen.requests.len()).collect();
        assert_eq!(requests, [1, 1], "{name}: the connection served again");
    }
}

#[test]
fn stray_bytes_and_closes_of_idle_connections_retire_them_at_once() {
    for (name, said) in [("a close", ""), ("stray bytes", OK)] {
        let gate = Gate::default();
        let passed = gate.clone();
        let server = ScriptedServer::start(move |connection| {
            while connection.request().is_some() {
                connection.send(OK);
                if connection.number == 0 {
                    passed.pass();
                    connection.send(said);
                    if said.is_empty() {
                        return;
                    }
                }
            }
        });
        let proxy = Setup::to(&server).start();
        let mut client = proxy.client();
        assert_eq!(client.get("/one").text(), "ok", "{name}");
        eventually("an idle connection", || {
            (proxy.metric("ringwall_upstream_idle", "") == 1.0).then_some(())
        });
        gate.open();
        eventually(name, || (proxy.metric("ringwall_upstream_retired_total", "") == 1.0).then_some(()));
        eventually("no idle one", || (proxy.metric("ringwall_upstream_idle", "") == 0.0).then_some(()));
        assert_eq!(client.get("/two").text(), "ok", "{name}");
        assert_eq!(proxy.metric("ringwall_upstream_retries_total", ""), 0.0, "{name}: a retry was needed");
        assert_eq!(server.seen().len(), 2, "{name}");
    }
}

#[test]
fn interim_responses_without_end() {
    let flood = "HTTP/1.1 102 Processing\r\n\r\n".repeat(100);
    let server = faulty(vec![flood.into_bytes()]);
    let proxy = Setup::to(&server).start();
    let mut client = proxy.client();
    client.send("GET /case/0 HTTP/1.1\r\nHost: example.test\r\n\r\n");
    let mut interim = 0;
    loop {
        let head = client.head();
        if head.status() == 502 {
            break;
        }
        assert_eq!(head.status(), 102);
        interim += 1;
    }
    assert!(interim <= 16, "{interim} interim responses");
    assert_eq!(proxy.wait_for_log(1)[0]["reason"], "interim-flood");
    assert_eq!(proxy.get("/clean").text(), "ok");
}

#[test]
fn a_server_that_does_not_answer() {
    for sent in ["", "HTTP/1.1 200 OK\r\nContent-Le"] {
        let server = faulty(vec![sent.as_bytes().to_vec()]);
        let proxy = Setup::to(&server).with("[timeouts]\nresponse = \"200ms\"").start();
        let response = proxy.get("/case/0");
        assert_eq!((response.status(), response.reason().as_str()), (504, "response-timeout"), "{sent:?}");
        assert_eq!(proxy.get("/clean").text(), "ok");
    }
}

#[test]
fn a_route_waits_as_long_as_it_says() {
    let server = faulty(vec![Vec::new()]);
    let proxy = Setup::beside(&server)
        .route("path = \"/*\"\ntimeouts = { response = \"150ms\" }")
        .with("[timeouts]\nresponse = \"1h\"")
        .start();
    let response = proxy.get("/case/0");
    assert_eq!((response.status(), response.reason().as_str()), (504, "response-timeout"));
}

#[test]
fn a_server_that_cannot_be_reached() {
    let proxy = Setup::to_address(unused_address()).start();
    let mut client = proxy.client();
    for _ in 0..3 {
        let response = client.get("/");
        assert_eq!((response.status(), response.reason().as_str()), (502, "connect-refused"));
    }
    // Now the only server rests.
    let response = client.get("/");
    assert_eq!((response.status(), response.reason().as_str()), (503, "no-server"));
    let proxy_status = response.fields.get("proxy-status");
    assert_eq!(proxy_status.as_deref(), Some("ringwall; error=destination_unavailable"));
}

#[test]
fn a_server_that_returns_is_found_again() {
    let address = unused_address();
    let proxy = Setup::to_address(address).start();
    while proxy.get("/").status() != 503 {}
    let server =
        ScriptedServer::on(TcpListener::bind(address).expect("the server's address"), |connection| {
            while connection.request().is_some() {
                connection.send(OK);
            }
        });
    eventually("the server to be used again", || (proxy.get("/").status() == 200).then_some(()));
    drop(proxy);
    drop(server);
}

#[test]
fn a_connection_that_does_not_come_about() {
    // A queue of none that is full: further attempts are not answered.
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    let address = unused_address();
    socket.bind(&address.into()).expect("the address");
    socket.listen(0).expect("listening");
    let mut waiting = Vec::new();
    while let Ok(stream) = std::net::TcpStream::connect_timeout(&address, Duration::from_millis(100)) {
        waiting.push(stream);
        assert!(waiting.len() < 10, "the queue does not fill");
    }
    let proxy = Setup::to_address(address).with("[timeouts]\nconnect = \"150ms\"").start();
    let response = proxy.get("/");
    assert_eq!((response.status(), response.reason().as_str()), (504, "connect-timeout"));
}

/// A server that is down costs nobody an answer, and after its first failures no attempts either.
#[test]
fn a_server_that_is_down_beside_one_that_works() {
    let server = ScriptedServer::ok();
    let down = unused_address();
    let proxy = Setup::new()
        .with(format!("[upstream.origin]\nservers = [\"http://{down}\", \"http://{}\"]", server.address()))
        .route("path = \"/*\"")
        .start();
    let began = Instant::now();
    let mut client = proxy.client();
    for number in 0..60 {
        assert_eq!(client.get("/").text(), "ok", "request {number}");
    }
    // Three failures, then one trial at the end of each rest, of which the first takes most of a second.
    let allowed = 3.0 + (began.elapsed().as_secs_f64() / 0.75).floor();
    let failures = proxy.metric("ringwall_upstream_connect_failures_total", "");
    assert!(failures <= allowed, "{failures} attempts at a server that is down");
}

/// Servers that a health check finds down get no requests, and are back when it succeeds.
#[test]
fn health_checks_decide_who_is_asked() {
    let probed = AtomicBool::new(false);
    let server = ScriptedServer::start(move |connection| {
        while let Some(request) = connection.request() {
            // The first check fails, all others succeed.
            let is_well = request.target() != "/health" || probed.swap(true, Ordering::Relaxed);
            connection.send(if is_well { OK } else { "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n" });
        }
    });
    let proxy = Setup::new()
        .with(format!(
            "[upstream.origin]\nservers = [\"http://{}\"]\n\
             health = {{ path = \"/health\", interval = \"100ms\", unhealthy = 1, healthy = 1 }}",
            server.address()
        ))
        .route("path = \"/*\"")
        .start();
    eventually("the server to be down", || proxy.stderr().contains("is down").then_some(()));
    eventually("the server to be up", || proxy.stderr().contains("is up").then_some(()));
    // The verdict is logged when it falls and reaches the workers a moment later.
    eventually("a request to be served", || (proxy.get("/").text() == "ok").then_some(()));
}

/// The clients of these tests notice truncation themselves: a guard for the tests.
#[test]
fn the_reader_of_these_tests_notices_truncation() {
    for answer in [SIZED, CHUNKED] {
        let server = ScriptedServer::start(move |connection| {
            connection.send(answer);
        });
        let stream = std::net::TcpStream::connect(server.address()).expect("the server");
        let mut wire = crate::harness::wire::Wire::new(stream);
        assert_eq!(read_response(&mut wire, Answers::Other).map(|_| ()), Err(Fault::Cut(End::Closed)));
    }
}
