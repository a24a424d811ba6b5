//! What the admin server answers to which request. Pure: bytes and a picture in, a response or something to do out.

use std::net::{IpAddr, Ipv6Addr};

use super::eviction::hash_to_evict;
use crate::control::metrics_text::{self, metrics_text};
use crate::control::status::{Status, status_json};
use crate::limits;
use crate::protocol::moment::Monotonic;

/// One response; the connection closes after it.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    /// Status code and reason phrase.
    pub status: &'static str,
    /// The method that is served here; empty where another was not the reason.
    pub allow: &'static str,
    /// `Content-Type`.
    pub content_type: &'static str,
    /// The body.
    pub body: Vec<u8>,
}

/// What a request comes to.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    /// It is answered.
    Answer(Answer),
    /// The token with this SHA-256 is to be forgotten first.
    Evict([u8; 32]),
}

/// Why a request is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The body is longer than any that has a meaning.
    BodyTooLong,
    /// More connections than the server holds.
    Busy,
    /// The body names no token.
    Form,
    /// No `Host`, or more than one.
    HostCount,
    /// `Host` is a name: a page of another site may have brought the browser here (DNS rebinding).
    HostName,
    /// The head does not end within its limit.
    HeadTooLong,
    /// The body does not say how long it is, in one number.
    Length,
    /// Not HTTP/1.
    Malformed,
    /// Another method than this.
    Method(&'static str),
    /// Nothing is at this path.
    NotFound,
    /// What changes something is served on a loopback address alone.
    NotLoopback,
    /// There are no workers to tell yet, or any more.
    NotServing,
    /// A web page asks.
    Page,
}

const TEXT: &str = "text/plain; charset=utf-8";
const DASHBOARD: &str = include_str!("dashboard.html");

/// Answers the request in `bytes` once it is complete; until then nothing. `is_loopback`: nobody but this machine can
/// reach the server.
pub fn answer(bytes: &[u8], status: &Status, now: Monotonic, is_loopback: bool) -> Option<Heard> {
    let mut fields = [httparse::EMPTY_HEADER; limits::CONTROL_HEADER_COUNT];
    let mut request = httparse::Request::new(&mut fields);
    let refusing = |refusal| Some(Heard::Answer(Answer::refusing(refusal)));
    let head = match request.parse(bytes) {
        Ok(httparse::Status::Partial) if bytes.len() < limits::ADMIN_HEAD_BYTES => return None,
        Ok(httparse::Status::Complete(head)) if head <= limits::ADMIN_HEAD_BYTES => head,
        Ok(_) | Err(httparse::Error::TooManyHeaders) => return refusing(Refusal::HeadTooLong),
        Err(_) => return refusing(Refusal::Malformed),
    };
    if let Err(refusal) = check_host(request.headers) {
        return refusing(refusal);
    }
    let target = request.path.unwrap_or_default();
    let path = target.split_once('?').map_or(target, |(path, _)| path);
    if path != "/evict" {
        let served = serve(path, request.method, status, now);
        return Some(Heard::Answer(served.unwrap_or_else(Answer::refusing)));
    }
    if request.method != Some("POST") {
        return refusing(Refusal::Method("POST"));
    }
    match hash_to_evict(request.headers, &bytes[head..], is_loopback) {
        Ok(hash) => hash.map(Heard::Evict),
        Err(refusal) => refusing(refusal),
    }
}

fn serve(path: &str, method: Option<&str>, status: &Status, now: Monotonic) -> Result<Answer, Refusal> {
    let ok = |content_type, body| Answer { status: "200 OK", allow: "", content_type, body };
    let found = match path {
        "/" => ok("text/html; charset=utf-8", DASHBOARD.into()),
        "/health" => ok(TEXT, b"ok\n".to_vec()),
        "/metrics" => ok(metrics_text::CONTENT_TYPE, metrics_text(status).into_bytes()),
        "/ready" => readiness(status),
        "/status.json" => ok("application/json", status_json(status, now).into_bytes()),
        _ => return Err(Refusal::NotFound),
    };
    if method == Some("GET") { Ok(found) } else { Err(Refusal::Method("GET")) }
}

fn readiness(picture: &Status) -> Answer {
    let (status, body) = match (picture.ready, picture.draining) {
        (_, true) => ("503 Service Unavailable", "draining\n"),
        (true, false) => ("200 OK", "ready\n"),
        (false, false) if picture.awaits_keys => {
            ("503 Service Unavailable", "the first keys of an issuer are awaited\n")
        }
        (false, false) => ("503 Service Unavailable", "not every worker accepts connections\n"),
    };
    Answer { status, allow: "", content_type: TEXT, body: body.into() }
}

/// Lets requests through whose one `Host` is an address or `localhost`, with or without a port.
fn check_host(fields: &[httparse::Header<'_>]) -> Result<(), Refusal> {
    let mut hosts = fields.iter().filter(|field| field.name.eq_ignore_ascii_case("host"));
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return Err(Refusal::HostCount) };
    let host = std::str::from_utf8(host.value).map_err(|_| Refusal::HostName)?;
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let literal = match name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inner) => inner.parse::<Ipv6Addr>().is_ok(),
        None => matches!(name.parse::<IpAddr>(), Ok(IpAddr::V4(_))),
    };
    if literal || name.eq_ignore_ascii_case("localhost") { Ok(()) } else { Err(Refusal::HostName) }
}

impl Answer {
    /// The token was, or will at once be, forgotten by every worker.
    pub fn evicted() -> Self {
        Self {
            status: "202 Accepted",
            allow: "",
            content_type: TEXT,
            body: b"every worker was told\n".into(),
        }
    }

    /// The answer that says why.
    pub fn refusing(refusal: Refusal) -> Self {
        let allow = if let Refusal::Method(allow) = refusal { allow } else { "" };
        let (status, body) = match refusal {
            Refusal::BodyTooLong => ("413 Content Too Large", "the body is longer than any token\n"),
            Refusal::Form => {
                ("400 Bad Request", "send token=TOKEN or token_hash=SHA256, 64 hexadecimal digits\n")
            }
            Refusal::Length => ("411 Length Required", "send one Content-Length and no Transfer-Encoding\n"),
            Refusal::NotLoopback => {
                ("403 Forbidden", "tokens are evicted on a loopback admin address alone: there is no login\n")
            }
            Refusal::NotServing => ("503 Service Unavailable", "no workers to tell; try again\n"),
            Refusal::Page => ("403 Forbidden", "tokens are not evicted for web pages\n"),
            Refusal::Busy => ("503 Service Unavailable", "too many admin connections; try again\n"),
            Refusal::HeadTooLong => ("431 Request Header Fields Too Large", "the head is too long\n"),
            Refusal::HostCount => ("400 Bad Request", "send one Host field\n"),
            Refusal::HostName => {
                ("421 Misdirected Request", "use an address or localhost instead of a name\n")
            }
            Refusal::Malformed => ("400 Bad Request", "this is not HTTP/1\n"),
            Refusal::Method("POST") => ("405 Method Not Allowed", "only POST is served here\n"),
            Refusal::Method(_) => ("405 Method Not Allowed", "only GET is served here\n"),
            Refusal::NotFound => {
                ("404 Not Found", "nothing is here; try / /evict /health /ready /metrics /status.json\n")
            }
        };
        Self { status, allow, content_type: TEXT, body: body.into() }
    }

    /// Head and body as they go out.
    pub fn into_bytes(self) -> Vec<u8> {
        let Self { status, allow, content_type, mut body } = self;
        let allow = if allow.is_empty() { String::new() } else { format!("Allow: {allow}\r\n") };
        let length = body.len();
        // The page may run what it brings itself and ask this server, and nobody else.
        let mut bytes = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n{allow}\
             Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\
             Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
             connect-src 'self'; frame-ancestors 'none'\r\nConnection: close\r\n\r\n"
        )
        .into_bytes();
        bytes.append(&mut body);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::fixture;

    fn status_of(head: &str) -> &'static str {
        match answer(head.as_bytes(), &fixture::status(), Monotonic(0), true).expect("a complete head") {
            Heard::Answer(answer) => answer.status,
            Heard::Evict(_) => "evict",
        }
    }

    #[test]
    fn known_paths_are_served_to_get_alone() {
        let check = |line: &str, expected: &str| {
            let head = format!("{line} HTTP/1.1\r\nHost: 127.0.0.1:9901\r\n\r\n");
            assert!(status_of(&head).starts_with(expected), "{line}");
        };
        for path in ["/", "/health", "/ready", "/metrics", "/status.json", "/health?x=1"] {
            check(&format!("GET {path}"), "200");
            check(&format!("POST {path}"), "405");
            check(&format!("HEAD {path}"), "405");
        }
        for path in ["/evil", "/health/", "//health", "http://127.0.0.1/health", "*"] {
            check(&format!("GET {path}"), "404");
        }
    }

    #[test]
    fn a_token_is_evicted_by_post_alone_and_by_its_path_alone() {
        let check = |line: &str, expected: &str| {
            let head = format!("{line} HTTP/1.1\r\nHost: [::1]\r\nContent-Length: 9\r\n\r\ntoken=abc");
            assert!(status_of(&head).starts_with(expected), "{line}");
        };
        check("POST /evict", "evict");
        check("POST /evict?x=1", "evict");
        check("GET /evict", "405");
        check("PUT /evict", "405");
        check("POST /evict/", "404");
        let named = "POST /evict HTTP/1.1\r\nHost: evil.test\r\nContent-Length: 9\r\n\r\ntoken=abc";
        assert!(status_of(named).starts_with("421"));
        let text = String::from_utf8(Answer::refusing(Refusal::Method("POST")).into_bytes()).unwrap();
        assert!(text.contains("\r\nAllow: POST\r\n"), "{text}");
    }

    #[test]
    fn a_host_that_is_a_name_is_refused() {
        let check = |host: &str, expected: &str| {
            let head = format!("GET /health HTTP/1.1\r\nHost: {host}\r\n\r\n");
            assert!(status_of(&head).starts_with(expected), "{host}");
        };
        for host in ["127.0.0.1", "10.1.2.3:9901", "[::1]", "[2001:db8::1]:80", "localhost", "LocalHost:9901"]
        {
            check(host, "200");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example:80",
            "",
            "::1",
            "[::1",
            "[127.0.0.1]",
            "127.0.0.1:80:80",
            "127.1",
            "localhost:x",
            "\u{fc}",
        ] {
            check(host, "421");
        }
        assert!(status_of("GET /health HTTP/1.1\r\n\r\n").starts_with("400"));
        assert!(status_of("GET /health HTTP/1.1\r\nHost: [::1]\r\nhost: [::1]\r\n\r\n").starts_with("400"));
    }

    #[test]
    fn an_incomplete_head_gets_no_answer_yet() {
        let head = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
        for end in 0..head.len() {
            assert_eq!(answer(&head[..end], &fixture::status(), Monotonic(0), true), None, "{end}");
        }
    }

    #[test]
    fn what_is_not_http_is_refused() {
        assert!(status_of("\x16\x03\x01\x02\x00").starts_with("400"));
        let many = "a: b\r\n".repeat(limits::CONTROL_HEADER_COUNT + 1);
        assert!(status_of(&format!("GET / HTTP/1.1\r\n{many}\r\n")).starts_with("431"));
    }

    #[test]
    fn readiness_ends_with_the_drain() {
        let check = |ready, draining, expected: &str| {
            let status = Status { ready, draining, ..Status::default() };
            assert!(readiness(&status).status.starts_with(expected), "{ready} {draining}");
        };
        check(true, false, "200");
        check(false, false, "503");
        check(true, true, "503");
        check(false, true, "503");
    }

    #[test]
    fn an_answer_says_how_long_it_is_and_that_it_ends() {
        let bytes = Answer::refusing(Refusal::Method("GET")).into_bytes();
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 405 Method Not Allowed\r\n"));
        for field in ["Allow: GET", "Connection: close", &format!("Content-Length: {}", body.len())] {
            assert!(head.lines().any(|line| line == field), "{field}");
        }
    }

    #[test]
    fn the_dashboard_asks_nobody_else() {
        for outside in ["http://", "https://", "src=", "@import", "url("] {
            assert!(!DASHBOARD.contains(outside), "{outside}");
        }
    }
}
