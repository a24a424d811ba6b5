//! Fields: those of one hop, those protected, those of forwarding, tracing and routes.

use super::*;

#[test]
fn of_one_hop_stay_on_it() {
    let request = forwarded(
        Setup::to,
        "/",
        "Connection: X-Hop, keep-alive\r\nKeep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\n\
         TE: trailers\r\nUpgrade: h2c\r\nProxy-Authorization: Basic eDp5\r\nX-Hop: 1\r\nX-End: 2\r\n",
    );
    for name in
        ["connection", "keep-alive", "proxy-connection", "te", "upgrade", "proxy-authorization", "x-hop"]
    {
        assert!(!request.fields.has(name), "{name}: {request:?}");
    }
    assert_eq!(request.fields.get("x-end").as_deref(), Some("2"));
    let response = answered(
        "",
        "HTTP/1.1 200 OK\r\nConnection: X-Hop\r\nKeep-Alive: timeout=5\r\nProxy-Authenticate: Basic\r\n\
         X-Hop: 1\r\nX-End: 2\r\nContent-Length: 2\r\n\r\nok",
    );
    for name in ["connection", "keep-alive", "proxy-authenticate", "x-hop"] {
        assert!(!response.fields.has(name), "{name}: {response:?}");
    }
    assert_eq!(response.fields.get("x-end").as_deref(), Some("2"));
}

/// A client cannot have removed what says who it is, where it goes and where its body ends.
#[test]
fn that_are_protected_cannot_be_nominated_away() {
    let server = ScriptedServer::ok();
    let proxy = Setup::to(&server).start();
    let mut client = proxy.client();
    client.send(
        "POST / HTTP/1.1\r\nHost: example.test\r\nAuthorization: Bearer x\r\nCookie: a=b\r\nContent-Length: 5\r\n\
         Connection: Host, Authorization, Cookie, Content-Length, X-Forwarded-For, Forwarded, Via, Close-Not, \
         X-Forwarded-Proto, X-Forwarded-Host, traceparent\r\n\r\nhello",
    );
    assert_eq!(client.response().status(), 200);
    let request = server.request();
    for (name, value) in [
        ("host", "example.test"),
        ("authorization", "Bearer x"),
        ("cookie", "a=b"),
        ("content-length", "5"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-host", "example.test"),
        ("via", "1.1 ringwall"),
    ] {
        assert_eq!(request.fields.get(name).as_deref(), Some(value), "{request:?}");
    }
    assert_eq!(request.text(), "hello");
}

#[test]
fn of_forwarding_are_made_here() {
    let request = forwarded(
        Setup::to,
        "/",
        "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil.test\r\n\
         X-Real-IP: 192.0.2.1\r\nForwarded: for=192.0.2.1;proto=https\r\n",
    );
    for (name, value) in [
        ("host", "Example.test:8080"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-host", "Example.test:8080"),
        ("forwarded", "for=127.0.0.1;host=\"Example.test:8080\";proto=http"),
        ("via", "1.1 ringwall"),
    ] {
        assert_eq!(request.fields.get(name).as_deref(), Some(value), "{request:?}");
    }
    assert!(!request.fields.has("x-real-ip"), "{request:?}");
}

#[test]
fn of_forwarding_are_continued_for_trusted_peers() {
    let trusting =
        |server: &ScriptedServer| Setup::to(server).with("[forwarding]\ntrusted = [\"127.0.0.0/8\"]");
    let request = forwarded(
        trusting,
        "/",
        "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: first.test\r\n\
         Forwarded: for=192.0.2.1;proto=https\r\n",
    );
    for (name, value) in [
        ("x-forwarded-for", "192.0.2.1, 127.0.0.1"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "first.test"),
        ("forwarded", "for=192.0.2.1;proto=https, for=127.0.0.1;host=\"Example.test:8080\";proto=http"),
    ] {
        assert_eq!(request.fields.get(name).as_deref(), Some(value), "{request:?}");
    }
    let request = forwarded(trusting, "/", "");
    assert_eq!(request.fields.get("x-forwarded-for").as_deref(), Some("127.0.0.1"));
}

#[test]
fn via_is_continued() {
    let request = forwarded(Setup::to, "/", "Via: 1.0 first, 1.1 second\r\n");
    assert_eq!(request.fields.all("via").join(", "), "1.0 first, 1.1 second, 1.1 ringwall");
    let response = answered("", "HTTP/1.1 200 OK\r\nVia: 1.1 inner\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(response.fields.all("via").join(", "), "1.1 inner, 1.1 ringwall");
}

#[test]
fn of_a_trace_are_passed_or_made() {
    let valid = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let request = forwarded(Setup::to, "/", &format!("traceparent: {valid}\r\ntracestate: a=1\r\n"));
    assert_eq!(request.fields.get("traceparent").as_deref(), Some(valid));
    assert_eq!(request.fields.get("tracestate").as_deref(), Some("a=1"));
    for sent in [
        "",
        "traceparent: 00-00000000000000000000000000000000-b7ad6b7169203331-01\r\ntracestate: a=1\r\n",
        "traceparent: rubbish\r\ntracestate: a=1\r\n",
        &format!("traceparent: {valid}\r\ntraceparent: {valid}\r\ntracestate: a=1\r\n"),
    ] {
        let request = forwarded(Setup::to, "/", sent);
        let made = request.fields.get("traceparent").expect("a traceparent");
        assert!(made.len() == 55 && made != valid && made.starts_with("00-"), "{sent:?}: {made}");
        assert!(!request.fields.has("tracestate"), "{sent:?}: {request:?}");
    }
}

#[test]
fn of_a_response_get_a_date_and_keep_the_rest() {
    let response = answered(
        "",
        "HTTP/1.1 200 Fine\r\nServer: x\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 2\r\n\r\nok",
    );
    assert_eq!(response.start_line, "HTTP/1.1 200 Fine");
    assert_eq!(response.fields.all("set-cookie"), ["a=1", "b=2"]);
    assert_eq!(response.fields.get("server").as_deref(), Some("x"));
    let date = response.fields.get("date").expect("a date");
    assert!(date.ends_with(" GMT") && date.len() == 29, "{date}");
    let own = "Thu, 01 Jan 1970 00:00:00 GMT";
    let response = answered("", &format!("HTTP/1.1 200 OK\r\nDate: {own}\r\nContent-Length: 0\r\n\r\n"));
    assert_eq!(response.fields.get("date").as_deref(), Some(own));
}

#[test]
fn that_a_route_sets_replace_those_sent() {
    let request = forwarded(
        |server| Setup::beside(server).route("path = \"/*\"\nset_headers = { \"x-user\" = \"proxy\" }"),
        "/",
        "X-User: one\r\nx_user: two\r\nX-USER: three\r\nX-Users: four\r\n",
    );
    assert_eq!(request.fields.all("x-user"), ["proxy"]);
    assert!(!request.fields.has("x_user"), "{request:?}");
    assert_eq!(request.fields.get("x-users").as_deref(), Some("four"));
    let response = answered(
        "response_headers = { \"strict-transport-security\" = \"max-age=1\" }",
        "HTTP/1.1 200 OK\r\nStrict-Transport-Security: max-age=0\r\nContent-Length: 0\r\n\r\n",
    );
    assert_eq!(response.fields.all("strict-transport-security"), ["max-age=1"]);
}
