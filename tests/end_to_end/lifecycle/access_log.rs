//! The lines of the access log.

use super::*;

#[test]
fn lines_tell_each_request() {
    let server = ScriptedServer::ok();
    let proxy = Setup::beside(&server).route("path = \"/there/*\"").start();
    let mut client = proxy.client();
    client
        .send("POST /there/a%20b?secret=1 HTTP/1.1\r\nHost: Example.test\r\nContent-Length: 5\r\n\r\nhello");
    assert_eq!(client.response().status(), 200);
    client.get("/there/a?secret=2");
    client.get("/not?secret=3");
    client.send("BROKEN\r\n\r\n");
    client.response();
    let text = || std::fs::read_to_string(proxy.path("access.log")).unwrap_or_default();
    let log = proxy.wait_for_log(4);
    assert!(!text().contains("secret"), "a query in the log: {}", text());
    let check = |line: usize, member: &str, expected: Value| {
        assert_eq!(log[line][member], expected, "line {line} {member}: {}", log[line]);
    };
    check(0, "method", "POST".into());
    check(0, "host", "Example.test".into());
    check(0, "path", "/there/a%20b".into());
    check(0, "status", 200.into());
    check(0, "reason", "ok".into());
    check(0, "listener", "public".into());
    check(0, "route", "/there/*".into());
    check(0, "upstream", "origin".into());
    check(0, "server", server.address().to_string().into());
    check(0, "request_bytes", 5.into());
    check(0, "retries", 0.into());
    check(0, "generation", 1.into());
    check(0, "worker", 0.into());
    check(2, "status", 404.into());
    check(2, "reason", "no-route".into());
    check(2, "upstream", Value::Null);
    check(3, "status", 400.into());
    for (number, line) in log.iter().enumerate() {
        let client: SocketAddr = line["client"].as_str().expect("a client").parse().expect("an address");
        assert!(client.ip().is_loopback(), "{line}");
        let time = line["time"].as_str().expect("a time");
        assert!(time.len() == "2026-01-01T00:00:00.000000Z".len() && time.ends_with('Z'), "{line}");
        assert!(line["duration_us"].as_u64().is_some_and(|micros| micros < 60_000_000), "{line}");
        assert!(line["response_bytes"].as_u64().is_some_and(|bytes| bytes > 50), "{line}");
        let connected = line["connect_us"].is_u64();
        assert_eq!(connected, number == 0, "{line}");
    }
    let traces: HashSet<_> = log[..2].iter().map(|line| line["trace_id"].as_str()).collect();
    assert_eq!(traces.len(), 2);
    for (request, line) in server.requests().iter().zip(&log) {
        let sent = request.fields.get("traceparent").expect("a traceparent");
        assert_eq!(line["trace_id"], sent[3..35], "{line}");
    }
}

#[test]
fn lines_of_requests_sent_ahead_are_each_their_own() {
    let server = ScriptedServer::ok();
    let proxy = Setup::to(&server).start();
    let mut client = proxy.client();
    let paths: Vec<_> = (0..20).map(|number| format!("/{}", "x".repeat(number * 7))).collect();
    let ahead: String =
        paths.iter().map(|path| format!("GET {path} HTTP/1.1\r\nHost: example.test\r\n\r\n")).collect();
    client.send(ahead);
    for _ in &paths {
        assert_eq!(client.response().text(), "ok");
    }
    let logged: Vec<_> =
        proxy.wait_for_log(paths.len()).into_iter().map(|mut line| line["path"].take()).collect();
    assert_eq!(logged, paths);
}

/// Whatever a client sends, a line stays a line.
#[test]
fn lines_cannot_be_forged() {
    let server = ScriptedServer::ok();
    let proxy = Setup::to(&server).start();
    let mut client = proxy.client();
    client.send("GET /\"},{\"status\":500} HTTP/1.1\r\nHost: example.test\r\n\r\n");
    client.response();
    let log = proxy.wait_for_log(1);
    assert_eq!(log[0]["path"], "/\"},{\"status\":500}");
    assert_ne!(log[0]["status"], 500);
}

#[test]
fn lines_may_be_for_people() {
    let server = ScriptedServer::ok();
    let proxy = Setup::to(&server).variable("RINGWALL_LOG__FORMAT", "text").start();
    proxy.get("/there?secret=1");
    let line = eventually("a line", || {
        std::fs::read_to_string(proxy.path("access.log")).ok().filter(|text| text.ends_with('\n'))
    });
    assert!(line.contains(" public GET example.test /there 200 ok route=/* upstream=origin "), "{line}");
    assert!(!line.contains("secret"), "{line}");
}
