//! What the proxy must not forward: for every request here the client gets the status and reason token, no byte
//! reaches the server, and a clean request on a new connection is served as if nothing had been.

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
fn ambiguous_lengths() {
    let length =
        |name, value: &str| post(name, &format!("Content-Length: {value}\r\n"), "hello", "length-invalid");
    check_all(&[
        post(
            "length, then coding",
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            "0\r\n\r\n",
            "both-lengths",
        ),
        post(
            "coding, then length",
            "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
            "0\r\n\r\n",
            "both-lengths",
        ),
        post(
            "coding and length 0",
            "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
            "0\r\n\r\n",
            "both-lengths",
        ),
        post("length twice", "Content-Length: 5\r\nContent-Length: 5\r\n", "hello", "length-repeated"),
        post("differing lengths", "Content-Length: 5\r\nContent-Length: 6\r\n", "hello", "length-repeated"),
        post(
            "length twice in other case",
            "content-length: 5\r\nCONTENT-LENGTH: 5\r\n",
            "hello",
            "length-repeated",
        ),
        post("length as a list", "Content-Length: 5, 5\r\n", "hello", "length-repeated"),
        post("length as a list of two", "Content-Length: 5,6\r\n", "hello", "length-repeated"),
        length("signed length", "+5"),
        length("negative length", "-5"),
        length("hexadecimal length", "0x5"),
        length("length with a leading zero", "05"),
        length("length with a space", "5 5"),
        length("length with a fraction", "5.0"),
        length("empty length", ""),
        length("word for a length", "five"),
        length("length of 2^64", "18446744073709551616"),
        length("length of 2^64 + 5", "18446744073709551621"),
        length("length with a letter behind", "5a"),
        get("length with a body to GET, malformed", "Content-Length: 5;\r\n", "length-invalid"),
    ]);
}

#[test]
fn transfer_codings_but_one_final_chunked() {
    let coding = |name, value: &str| {
        let fields = format!("Transfer-Encoding: {value}\r\n");
        post(name, &fields, "5\r\nhello\r\n0\r\n\r\n", "transfer-coding-unsupported")
    };
    check_all(&[
        coding("gzip", "gzip"),
        coding("gzip, chunked", "gzip, chunked"),
        coding("identity", "identity"),
        coding("chunked, identity", "chunked, identity"),
        coding("chunked, chunked", "chunked, chunked"),
        coding("chunked as a list of one", "chunked,"),
        coding("an empty coding", ""),
        coding("chunked with a parameter", "chunked;q=1"),
        coding("chunked in quotes", "\"chunked\""),
        coding("chunked with a letter before", "xchunked"),
        coding("chunked with a vertical line behind", "chunked|"),
        post(
            "chunked in two fields",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "0\r\n\r\n",
            "transfer-coding-unsupported",
        ),
        post(
            "gzip and chunked in two fields",
            "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
            "0\r\n\r\n",
            "transfer-coding-unsupported",
        ),
        case(
            "chunked in HTTP/1.0",
            "POST /refused HTTP/1.0\r\nHost: example.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
            "transfer-coding-unsupported",
        ),
    ]);
}

#[test]
fn stray_control_bytes_and_line_ends() {
    check_all(&[
        get("bare CR in a value", "X-A: one\rtwo\r\n", "bare-cr"),
        get("bare CR before CRLF", "X-A: one\r\r\n", "bare-cr"),
        get("bare LF after a field", "X-A: one\nX-B: two\r\n", "bare-lf"),
        case(
            "bare LF after the request line",
            "GET /refused HTTP/1.1\nHost: example.test\r\n\r\n",
            400,
            "bare-lf",
        ),
        case("bare LFs alone", "GET /refused HTTP/1.1\nHost: example.test\n\n", 400, "bare-lf"),
        case(
            "bare LF as the empty line",
            "GET /refused HTTP/1.1\r\nHost: example.test\r\n\n",
            400,
            "bare-lf",
        ),
        case(
            "bare CR in the request line",
            "GET /re\rfused HTTP/1.1\r\nHost: example.test\r\n\r\n",
            400,
            "bare-cr",
        ),
        get("NUL in a value", "X-A: one\0two\r\n", "nul"),
        get("NUL in a name", "X-\0A: one\r\n", "nul"),
        case("NUL in the target", "GET /refu\0sed HTTP/1.1\r\nHost: example.test\r\n\r\n", 400, "nul"),
        get("obs-fold with a space", "X-A: one\r\n two\r\n", "obs-fold"),
        get("obs-fold with a tab", "X-A: one\r\n\ttwo\r\n", "obs-fold"),
        case(
            "space before the first field",
            "GET /refused HTTP/1.1\r\n Host: example.test\r\n\r\n",
            400,
            "obs-fold",
        ),
        get("space before the colon", "X-A : one\r\n", "space-before-colon"),
        get("tab before the colon", "X-A\t: one\r\n", "space-before-colon"),
        post("space before the colon of a length", "Content-Length : 5\r\n", "hello", "space-before-colon"),
        post(
            "space before the colon of a coding",
            "Transfer-Encoding : chunked\r\n",
            "0\r\n\r\n",
            "space-before-colon",
        ),
        get("a control character in a value", "X-A: \x01\r\n", "invalid-field-value"),
        get("DEL in a value", "X-A: \x7f\r\n", "invalid-field-value"),
        get("a field without a colon", "X-A\r\n", "invalid-field-name"),
        get("an empty field name", ": one\r\n", "invalid-field-name"),
        get("a space in a field name", "X A: one\r\n", "invalid-field-name"),
        get("a parenthesis in a field name", "X(A): one\r\n", "invalid-field-name"),
    ]);
}

#[test]
fn request_lines_that_are_none() {
    check_all(&[
        line("a method with a control character", "G\x01ET /refused HTTP/1.1", "invalid-method"),
        line("a method with a parenthesis", "G(ET /refused HTTP/1.1", "invalid-method"),
        line("no method", " /refused HTTP/1.1", "invalid-method"),
        line("a method of 33 bytes", &format!("{} /refused HTTP/1.1", "A".repeat(33)), "invalid-method"),
        line("TLS", "\x16\x03\x01\x02", "invalid-method"),
        line("no version", "GET /refused", "invalid-version"),
        line("HTTP/2.0", "GET /refused HTTP/2.0", "invalid-version"),
        line("HTTP/1.2", "GET /refused HTTP/1.2", "invalid-version"),
        line("HTTP/0.9", "GET /refused HTTP/0.9", "invalid-version"),
        line("a version in lower case", "GET /refused http/1.1", "invalid-version"),
        line("two spaces before the version", "GET /refused  HTTP/1.1", "invalid-version"),
        line("a space behind the version", "GET /refused HTTP/1.1 ", "invalid-version"),
        line("a space in the target", "GET /refu sed HTTP/1.1", "invalid-version"),
        line("two spaces before the target", "GET  /refused HTTP/1.1", "invalid-target"),
        line("a target without a slash", "GET refused HTTP/1.1", "invalid-target"),
        line("a fragment", "GET /refused#there HTTP/1.1", "invalid-target"),
        line("a target of another scheme", "GET ftp://example.test/refused HTTP/1.1", "invalid-target"),
        line("userinfo", "GET http://user@example.test/refused HTTP/1.1", "invalid-target"),
        line("an authority without a host", "GET http:///refused HTTP/1.1", "invalid-target"),
        line("a bad port", "GET http://example.test:http/refused HTTP/1.1", "invalid-target"),
        line("asterisk with GET", "GET * HTTP/1.1", "invalid-target"),
        line("authority form with GET", "GET example.test:80 HTTP/1.1", "invalid-target"),
        case(
            "bytes beyond ASCII in the target",
            b"GET /\xff HTTP/1.1\r\nHost: example.test\r\n\r\n",
            400,
            "invalid-target",
        ),
        case(
            "an empty line too many",
            "\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: example.test\r\n\r\n",
            400,
            "invalid-method",
        ),
    ]);
}

#[test]
fn hosts_missing_repeated_or_contradicted() {
    check_all(&[
        host("no host", "", "host-missing"),
        host("two hosts", "Host: example.test\r\nHost: example.test\r\n", "host-repeated"),
        host("two hosts that differ", "Host: example.test\r\nhost: other.test\r\n", "host-repeated"),
        host("an empty host", "Host:\r\n", "host-invalid"),
        host("a host with a path", "Host: example.test/path\r\n", "host-invalid"),
        host("a host with userinfo", "Host: user@example.test\r\n", "host-invalid"),
        host("a host with a space", "Host: example.test other.test\r\n", "host-invalid"),
        host("hosts as a list", "Host: example.test, other.test\r\n", "host-invalid"),
        host("a port that is no number", "Host: example.test:http\r\n", "host-invalid"),
        host("a port beyond 65535", "Host: example.test:65536\r\n", "host-invalid"),
        host("port 0", "Host: example.test:0\r\n", "host-invalid"),
        host("an address with an octet beyond 255", "Host: 127.0.0.256\r\n", "host-invalid"),
        host("a decimal address", "Host: 2130706433\r\n", "host-invalid"),
        host("brackets that do not close", "Host: [::1\r\n", "host-invalid"),
        case(
            "a host unlike the target's",
            "GET http://example.test/refused HTTP/1.1\r\nHost: other.test\r\n\r\n",
            400,
            "host-unlike-target",
        ),
        case(
            "a port unlike the target's",
            "GET http://example.test:8080/refused HTTP/1.1\r\nHost: example.test\r\n\r\n",
            400,
            "host-unlike-target",
        ),
        case(
            "an absolute target without host",
            "GET http://example.test/ HTTP/1.1\r\n\r\n",
            400,
            "host-missing",
        ),
    ]);
}

#[test]
fn bodies_in_broken_chunks() {
    check_all(&[
        chunked(
            "a chunk size that overflows",
            "10000000000000005\r\nhello\r\n0\r\n\r\n",
            "chunk-size-overflow",
        ),
        chunked("a chunk size of 16 digits", "0000000000000005\r\nhello\r\n0\r\n\r\n", "chunk-size-overflow"),
        chunked("a chunk size with a sign", "+5\r\nhello\r\n0\r\n\r\n", "chunk-size-invalid"),
        chunked("a chunk size with 0x", "0x5\r\nhello\r\n0\r\n\r\n", "chunk-size-invalid"),
        chunked("no chunk size", "\r\nhello\r\n0\r\n\r\n", "chunk-size-invalid"),
        chunked("a chunk size with a space before", " 5\r\nhello\r\n0\r\n\r\n", "chunk-size-invalid"),
        chunked("a chunk size with a space behind", "5 \r\nhello\r\n0\r\n\r\n", "chunk-size-invalid"),
        chunked("a chunk size with a letter behind", "5g\r\nhello\r\n0\r\n\r\n", "chunk-size-invalid"),
        chunked("a chunk line ended by a bare LF", "5\nhello\r\n0\r\n\r\n", "bare-lf"),
        chunked("a chunk extension ended by a bare LF", "5;a=b\nhello\r\n0\r\n\r\n", "bare-lf"),
        chunked("the last chunk ended by a bare LF", "5\r\nhello\r\n0\n\r\n", "bare-lf"),
        chunked("a bare CR in a chunk extension", "5;a\rb\r\nhello\r\n0\r\n\r\n", "bare-cr"),
        chunked("chunk data too long", "5\r\nhello!\r\n0\r\n\r\n", "chunk-end-invalid"),
        chunked("chunk data too short", "6\r\nhello\r\n0\r\n\r\n", "chunk-end-invalid"),
        chunked("chunk data ended by a bare LF", "5\r\nhello\n0\r\n\r\n", "chunk-end-invalid"),
        chunked("a chunk extension that is none", "5;=\r\nhello\r\n0\r\n\r\n", "chunk-extension-invalid"),
        chunked(
            "an open quote in a chunk extension",
            "5;a=\"\r\nhello\r\n0\r\n\r\n",
            "chunk-extension-invalid",
        ),
        chunked("a chunk line without end", &format!("5;a={}", "x".repeat(300)), "chunk-line-too-long"),
    ]);
}

#[test]
fn trailers_that_frame_route_or_identify() {
    let trailer = |name, field: &str| {
        chunked(name, &format!("5\r\nhello\r\n0\r\n{field}\r\n\r\n"), "trailer-forbidden")
    };
    check_all(&[
        trailer("a length", "Content-Length: 5"),
        trailer("a coding", "Transfer-Encoding: chunked"),
        trailer("a host", "Host: other.test"),
        trailer("a trailer", "Trailer: x"),
        trailer("a connection", "Connection: close"),
        trailer("credentials", "Authorization: Bearer x"),
        trailer("a cookie", "Cookie: a=b"),
        trailer("a forwarding field", "X-Forwarded-For: 192.0.2.1"),
        trailer("a forwarded field", "Forwarded: for=192.0.2.1"),
        trailer("a content type", "Content-Type: text/html"),
        chunked("a trailer that is no field", "5\r\nhello\r\n0\r\nnone\r\n\r\n", "trailer-invalid"),
        chunked("a folded trailer", "5\r\nhello\r\n0\r\nX-A: 1\r\n two\r\n\r\n", "trailer-invalid"),
        chunked("a trailer ended by a bare LF", "5\r\nhello\r\n0\r\nX-A: 1\n\r\n", "bare-lf"),
    ]);
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

/// Faults that show only after part of the body is with the server.
mod after_forwarding_began {
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
        assert!(!rest.contains("\\r\\n0\\r\\n") && !rest.starts_with("rest 0\\r\\n"), "{name}: a last chunk");
        assert_eq!(server.seen().len(), 1, "{name}: tried again");
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
    fn forbidden_trailers() {
        for field in
            ["Content-Length: 5", "Transfer-Encoding: chunked", "Host: other.test", "Authorization: x"]
        {
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
