//! What the proxy must not forward: for every request here the client gets the status and reason token, no byte
//! reaches the server, and a clean request on a new connection is served as if nothing had been.

mod after_forwarding_began;
mod framing;
mod heads;

use std::fmt::Write as _;

use crate::harness::message::{Answers, Fault, read_response};
use crate::harness::{End, Proxy, RawClient, ScriptedServer, Setup};

/// A request and the refusal it must get.
struct Case {
    name: &'static str,
    request: Vec<u8>,
    status: u16,
    reason: &'static str,
}

fn case(name: &'static str, request: impl Into<Vec<u8>>, status: u16, reason: &'static str) -> Case {
    Case { name, request: request.into(), status, reason }
}

/// A POST with these field lines and a body, all in one write.
fn post(name: &'static str, fields: &str, body: &str, reason: &'static str) -> Case {
    let request = format!("POST /refused HTTP/1.1\r\nHost: example.test\r\n{fields}\r\n{body}");
    case(name, request, 400, reason)
}

/// A chunked POST with this body.
fn chunked(name: &'static str, body: &str, reason: &'static str) -> Case {
    post(name, "Transfer-Encoding: chunked\r\n", body, reason)
}

/// A GET with these field lines.
fn get(name: &'static str, fields: &str, reason: &'static str) -> Case {
    case(name, format!("GET /refused HTTP/1.1\r\nHost: example.test\r\n{fields}\r\n"), 400, reason)
}

/// A head that begins with this request line.
fn line(name: &'static str, line: &str, reason: &'static str) -> Case {
    case(name, format!("{line}\r\nHost: example.test\r\n\r\n"), 400, reason)
}

/// A GET with only these host lines.
fn host(name: &'static str, lines: &str, reason: &'static str) -> Case {
    case(name, format!("GET /refused HTTP/1.1\r\n{lines}\r\n"), 400, reason)
}

const LIMITS: &str = "[limits]\nrequest_line = \"1KiB\"\nheader_bytes = \"4KiB\"\nheader_count = 20\nbody_bytes = \"64KiB\"\n\n\
    [timeouts]\nheader = \"200ms\"\nbody = \"200ms\"";

/// A proxy in front of a server, and clean requests to tell that all is well with both.
struct Bench {
    server: ScriptedServer,
    proxy: Proxy,
    clean: usize,
}

impl Bench {
    fn new() -> Self {
        let server = ScriptedServer::ok();
        let proxy = Setup::to(&server).with(LIMITS).start();
        Self { server, proxy, clean: 0 }
    }

    /// Sends the request, expects its refusal and the end of the connection, and nothing at the server.
    fn check(&mut self, case: &Case) {
        let mut client = self.proxy.client();
        client.send_if_open(&case.request);
        self.expect_refusal(case, &mut client);
        self.expect_untouched(case.name);
    }

    fn expect_refusal(&self, case: &Case, client: &mut RawClient) {
        let name = case.name;
        let response = client.try_response().unwrap_or_else(|fault| panic!("{name}: {fault:?}"));
        assert_eq!((response.status(), response.reason().as_str()), (case.status, case.reason), "{name}");
        assert_eq!(response.fields.get("connection").as_deref(), Some("close"), "{name}");
        let (rest, end) = client.rest();
        assert_eq!((rest.escape_ascii().to_string().as_str(), end), ("", End::Closed), "{name}");
    }

    /// A clean request is served, and clean requests are all the server ever got.
    fn expect_untouched(&mut self, name: &str) {
        self.clean += 1;
        let response = self.proxy.get(&format!("/clean/{}", self.clean));
        assert_eq!((response.status(), response.text().as_str()), (200, "ok"), "after {name}");
        let targets: Vec<_> =
            self.server.requests().iter().map(|request| request.target().to_owned()).collect();
        let expected: Vec<_> = (1..=self.clean).map(|number| format!("/clean/{number}")).collect();
        let mut sorted = targets.clone();
        sorted.sort_by_key(|target| target.trim_start_matches("/clean/").parse::<usize>().unwrap_or(0));
        assert_eq!(sorted, expected, "after {name}");
        let cut = self.server.seen().into_iter().find(|seen| matches!(seen.fault, Some(Fault::Cut(_))));
        assert!(cut.is_none(), "{name} reached the server in part: {cut:?}");
    }
}

#[track_caller]
fn check_all(cases: &[Case]) {
    let mut bench = Bench::new();
    for case in cases {
        bench.check(case);
    }
}

#[test]
fn what_is_too_large() {
    let many = |count| {
        (0..count).fold(String::new(), |mut text, number| {
            let _written = write!(text, "X-{number}: 1\r\n");
            text
        })
    };
    let trailers = "X-A: 1\r\n".repeat(70);
    check_all(&[
        case(
            "a long target",
            format!("GET /{} HTTP/1.1\r\nHost: example.test\r\n\r\n", "a".repeat(1100)),
            414,
            "request-line-too-long",
        ),
        case("a request line without end", "A".repeat(1200), 414, "request-line-too-long"),
        case(
            "a large head",
            format!("GET / HTTP/1.1\r\nHost: example.test\r\nX-A: {}\r\n\r\n", "a".repeat(5000)),
            431,
            "head-too-large",
        ),
        case(
            "a head without end",
            format!("GET / HTTP/1.1\r\nHost: example.test\r\nX-A: {}", "a".repeat(5000)),
            431,
            "head-too-large",
        ),
        case(
            "many fields",
            format!("GET / HTTP/1.1\r\nHost: example.test\r\n{}\r\n", many(21)),
            431,
            "too-many-fields",
        ),
        case(
            "a large length",
            "POST / HTTP/1.1\r\nHost: example.test\r\nContent-Length: 65537\r\n\r\n",
            413,
            "body-too-large",
        ),
        case(
            "a large length that waits to be told to continue",
            "POST / HTTP/1.1\r\nHost: example.test\r\nExpect: 100-continue\r\nContent-Length: 65537\r\n\r\n",
            413,
            "body-too-large",
        ),
        case(
            "many trailers",
            format!(
                "POST / HTTP/1.1\r\nHost: example.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n{trailers}\r\n"
            ),
            431,
            "trailers-too-large",
        ),
    ]);
}

#[test]
fn a_head_that_stalls() {
    check_all(&[
        case("half a request line", "GET /refu", 408, "head-timeout"),
        case("half a head", "GET /refused HTTP/1.1\r\nHost: exam", 408, "head-timeout"),
        case("no empty line", "GET /refused HTTP/1.1\r\nHost: example.test\r\n", 408, "head-timeout"),
    ]);
}

#[test]
fn a_tunnel_is_refused_with_what_follows_it() {
    let connect = "CONNECT example.test:443 HTTP/1.1\r\nHost: example.test:443\r\n\r\n";
    check_all(&[
        case("CONNECT", connect, 501, "connect-unsupported"),
        // Bytes meant for the tunnel must not be taken for a request to us.
        case(
            "CONNECT with a request for the tunnel",
            format!("{connect}GET /smuggled HTTP/1.1\r\nHost: example.test\r\n\r\n"),
            501,
            "connect-unsupported",
        ),
        case(
            "CONNECT without a port",
            "CONNECT example.test HTTP/1.1\r\nHost: example.test\r\n\r\n",
            400,
            "invalid-target",
        ),
    ]);
}

#[test]
fn a_refused_request_takes_those_behind_it_along() {
    let mut bench = Bench::new();
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: example.test\r\n\r\n";
    let head = "POST /refused HTTP/1.1\r\nHost: example.test\r\n";
    bench.check(&case(
        "a request behind two lengths",
        format!("{head}Content-Length: 0\r\nContent-Length: {}\r\n\r\n{smuggled}", smuggled.len()),
        400,
        "length-repeated",
    ));
    bench.check(&case(
        "a request behind a chunked body with a length",
        format!("{head}Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}"),
        400,
        "both-lengths",
    ));
    bench.check(&case(
        "a request behind a body that is too large",
        format!("{head}Content-Length: 70000\r\n\r\n{smuggled}"),
        413,
        "body-too-large",
    ));
}

#[test]
fn a_refusal_to_head_has_no_body() {
    let bench = Bench::new();
    let mut client = bench.proxy.client();
    client.send("HEAD /refused HTTP/1.1\r\nHost: example.test\r\nContent-Length: 1, 2\r\n\r\n");
    let response = client.response_to_head();
    assert_eq!(response.status(), 400);
    client.expect_close();
}

/// Paths that a server could read differently are answered 400; the connection may stay.
#[test]
fn ambiguous_paths() {
    let mut bench = Bench::new();
    for (target, reason) in [
        ("/a/../b", "path-dot-segment"),
        ("/a/./b", "path-dot-segment"),
        ("/..", "path-dot-segment"),
        ("/a/%2e%2e/b", "path-dot-segment"),
        ("/a/%2E./b", "path-dot-segment"),
        ("/a/..;x/b", "path-dot-segment"),
        ("//a", "path-empty-segment"),
        ("/a//b", "path-empty-segment"),
        ("/a%2Fb", "path-encoded-slash"),
        ("/a%2fb", "path-encoded-slash"),
        ("/a%5Cb", "path-encoded-backslash"),
        ("/a%00b", "path-encoded-nul"),
        ("/a\\b", "path-backslash"),
        ("/a%", "path-invalid-encoding"),
        ("/a%4", "path-invalid-encoding"),
        ("/a%zz", "path-invalid-encoding"),
        ("http://example.test/a/../b", "path-dot-segment"),
    ] {
        let response = bench.proxy.get(target);
        assert_eq!((response.status(), response.reason().as_str()), (400, reason), "{target}");
        bench.expect_untouched(target);
    }
}

/// `Max-Forwards` (RFC 9110 section 7.6.2) counts for OPTIONS and TRACE alone.
#[test]
fn the_last_hop_of_options_and_trace() {
    let mut bench = Bench::new();
    let send = |bench: &Bench, method: &str, fields: &str| {
        let mut client = bench.proxy.client();
        client.send(format!("{method} /limited HTTP/1.1\r\nHost: example.test\r\n{fields}\r\n"));
        client.response()
    };
    let options = send(&bench, "OPTIONS", "Max-Forwards: 0\r\n");
    assert_eq!(options.status(), 204);
    assert!(options.fields.has("allow"), "{options:?}");
    let trace = send(&bench, "TRACE", "Max-Forwards: 0\r\n");
    assert_eq!((trace.status(), trace.reason().as_str()), (405, "trace-refused"));
    bench.expect_untouched("Max-Forwards: 0");
    for (method, sent, forwarded) in
        [("OPTIONS", "1", "0"), ("TRACE", "10", "9"), ("GET", "0", "0"), ("GET", "7", "7")]
    {
        let before = bench.server.requests().len();
        assert_eq!(
            send(&bench, method, &format!("Max-Forwards: {sent}\r\n")).status(),
            200,
            "{method} {sent}"
        );
        let requests = bench.server.requests();
        let request = requests
            .iter()
            .find(|request| request.target() == "/limited" && request.start_line.starts_with(method));
        assert_eq!(requests.len(), before + 1, "{method} {sent}");
        let request = request.expect("the request");
        let found = if method == "GET" { sent } else { forwarded };
        let values: Vec<_> = requests
            .iter()
            .filter(|request| request.start_line.starts_with(method))
            .filter_map(|request| request.fields.get("max-forwards"))
            .collect();
        assert!(values.contains(&found.to_owned()), "{method} {sent}: {request:?}");
    }
    for value in ["-1", "one", "99999999999999999999999", ""] {
        let response = send(&bench, "OPTIONS", &format!("Max-Forwards: {value}\r\n"));
        assert_eq!(
            (response.status(), response.reason().as_str()),
            (400, "invalid-field-value"),
            "{value:?}"
        );
    }
}

/// Nothing is answered to a client that says nothing at all.
#[test]
fn an_idle_connection_is_closed_without_an_answer() {
    let server = ScriptedServer::ok();
    let proxy = Setup::to(&server).with("[timeouts]\nidle = \"200ms\"").start();
    proxy.client().expect_close();
    let mut client = proxy.client();
    assert_eq!(client.get("/").status(), 200);
    client.expect_close();
}

/// The independent reader used here refuses what it cannot vouch for: a guard for the tests themselves.
#[test]
fn the_reader_of_these_tests_is_strict() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nX-A : 1\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n",
        "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;a\r\nx\r\n0\r\n\r\n",
    ] {
        let server = ScriptedServer::start(move |connection| {
            connection.send(answer);
        });
        let stream = std::net::TcpStream::connect(server.address()).expect("the server");
        let mut wire = crate::harness::wire::Wire::new(stream);
        let read = read_response(&mut wire, Answers::Other);
        assert!(matches!(read, Err(Fault::Malformed(_))), "{answer:?}: {read:?}");
    }
}
