//! Responses: without a body, interim, expected, early, with trailers.

use super::*;

#[test]
fn without_a_body() {
    let server = ScriptedServer::start(|connection| {
        while let Some(request) = connection.request() {
            let status = request.target().trim_start_matches('/').to_owned();
            connection.send(match status.as_str() {
                "204" => "HTTP/1.1 204 No Content\r\n\r\n",
                "304" => "HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\nETag: \"a\"\r\n\r\n",
                "chunked" => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                _ => "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n",
            });
        }
    });
    let proxy = Setup::to(&server).start();
    let mut client = proxy.client();
    for (method, target, length) in [
        ("GET", "/204", None),
        ("GET", "/304", Some("500")),
        ("HEAD", "/200", Some("500")),
        ("HEAD", "/chunked", None),
        ("GET", "/304", Some("500")),
    ] {
        client.send(format!("{method} {target} HTTP/1.1\r\nHost: example.test\r\n\r\n"));
        let response = client.response_to_head();
        assert_eq!(response.fields.get("content-length").as_deref(), length, "{method} {target}");
        assert!(!response.fields.has("connection"), "{method} {target}: {response:?}");
    }
    assert_eq!(server.seen().len(), 1, "one connection to the server for all");
}

#[test]
fn interim_ones_are_passed_on() {
    let gate = Gate::default();
    let passed = gate.clone();
    let server = ScriptedServer::start(move |connection| {
        while connection.request().is_some() {
            connection.send("HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\nConnection: X-Hop\r\nX-Hop: 1\r\n\r\n");
            passed.pass();
            connection.send("HTTP/1.1 102 Processing\r\n\r\n");
            connection.send(OK);
        }
    });
    let proxy = Setup::to(&server).start();
    let mut client = proxy.client();
    client.send("GET / HTTP/1.1\r\nHost: example.test\r\n\r\n");
    let hints = client.head();
    assert_eq!(hints.start_line, "HTTP/1.1 103 Early Hints");
    assert_eq!(hints.fields.get("link").as_deref(), Some("</a>; rel=preload"));
    assert!(!hints.fields.has("x-hop") && !hints.fields.has("connection"), "{hints:?}");
    gate.open();
    assert_eq!(client.head().status(), 102);
    assert_eq!(client.response().text(), "ok");
    // HTTP/1.0 knows none.
    client.send("GET / HTTP/1.0\r\nHost: example.test\r\n\r\n");
    gate.open();
    assert_eq!(client.response().text(), "ok");
    client.expect_close();
}

/// The client waits to be told before it sends its body.
#[test]
fn continue_comes_from_the_server() {
    let server = ScriptedServer::start(|connection| {
        let head = connection.request_head().expect("a request");
        assert_eq!(head.fields.get("expect").as_deref(), Some("100-continue"));
        connection.mark("head");
        connection.send("HTTP/1.1 100 Continue\r\n\r\n");
        assert_eq!(connection.bytes(5).as_deref(), Some(b"hello".as_slice()));
        connection.send(OK);
    });
    let proxy = Setup::to(&server).start();
    let mut client = proxy.client();
    client.send("POST / HTTP/1.1\r\nHost: example.test\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    assert_eq!(client.head().start_line, "HTTP/1.1 100 Continue");
    client.send("hello");
    assert_eq!(client.response().text(), "ok");
}

/// The server declines before it saw the body: the client must hear, and its connection ends, as nobody knows
/// whether the body is on its way.
#[test]
fn an_expectation_may_be_declined() {
    let server = ScriptedServer::start(|connection| {
        if connection.request_head().is_some() {
            connection.send("HTTP/1.1 417 No\r\nContent-Length: 2\r\n\r\nno");
            let (rest, _) = connection.until_end();
            assert_eq!(rest, b"");
        }
    });
    let proxy = Setup::to(&server).start();
    let mut client = proxy.client();
    client.send("POST / HTTP/1.1\r\nHost: example.test\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    let response = client.response();
    assert_eq!((response.status(), response.text().as_str()), (417, "no"));
    assert_eq!(response.fields.get("connection").as_deref(), Some("close"));
    client.expect_close();
}

/// The server answers while the client still sends: the client reads the answer although it is not done.
#[test]
fn may_come_early() {
    let server = ScriptedServer::start(|connection| {
        if connection.request_head().is_some() {
            connection.send("HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 3\r\n\r\nbig");
            connection.until_end();
        }
    });
    let proxy = Setup::to(&server).start();
    let mut client = proxy.client();
    client.send("POST / HTTP/1.1\r\nHost: example.test\r\nContent-Length: 100000000\r\n\r\n");
    client.send([b'x'; 1000]);
    let response = client.response();
    assert_eq!((response.status(), response.text().as_str()), (413, "big"));
    assert_eq!(response.fields.get("connection").as_deref(), Some("close"));
    // Some of what is under way is read and thrown away, then the connection ends.
    while client.send_if_open([b'x'; 10_000]) {}
}

#[test]
fn trailers_pass_both_ways() {
    let server = ScriptedServer::answering(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 9\r\nX-More: \r\n\r\n",
    );
    let proxy = Setup::to(&server).start();
    let mut client = proxy.client();
    client.send(
        "POST / HTTP/1.1\r\nHost: example.test\r\nTransfer-Encoding: chunked\r\nTrailer: X-Own\r\n\r\n\
         3;a=b;c=\"d\"\r\nabc\r\n0003\r\ndef\r\n000;x\r\nX-Own: 1\r\n\r\n",
    );
    let response = client.response();
    assert_eq!((response.text().as_str(), response.trailers.get("x-sum").as_deref()), ("hello", Some("9")));
    assert_eq!(response.trailers.get("x-more").as_deref(), Some(""));
    let request = server.request();
    assert_eq!((request.text().as_str(), request.trailers.get("x-own").as_deref()), ("abcdef", Some("1")));
    assert_eq!(request.framing, Framing::Chunked);
    assert_eq!(client.get("/").text(), "hello", "the connection goes on behind the trailers");
}
