//! Responses of HTTP/1.0 servers, to HTTP/1.0 clients, and those that end with the connection.

use super::*;

fn ask(proxy: &Proxy, version: &str) -> (Message, Vec<u8>, End) {
    let mut client = proxy.client();
    client.send(format!("GET / HTTP/{version}\r\nHost: example.test\r\n\r\n"));
    let head = client.head();
    if version == "1.1" {
        client.end_sending();
    }
    let (rest, end) = client.rest();
    (head, rest, end)
}

/// A body that ends with the server's connection gets chunks for HTTP/1.1 and the close for HTTP/1.0.
#[test]
fn close_delimited_bodies() {
    for answer in ["HTTP/1.0 200 OK\r\n\r\nhello", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello"] {
        let server = ScriptedServer::start(move |connection| {
            if connection.request().is_some() {
                connection.send(answer);
            }
        });
        let proxy = Setup::to(&server).start();
        let mut client = proxy.client();
        let response = client.get("/");
        assert_eq!((response.framing, response.text().as_str()), (Framing::Chunked, "hello"), "{answer}");
        assert_eq!(client.get("/").text(), "hello", "the client's connection stays");
        let (head, rest, end) = ask(&proxy, "1.0");
        assert!(!head.fields.has("transfer-encoding"), "{head:?}");
        assert_eq!(head.fields.get("connection").as_deref(), Some("close"));
        assert_eq!((rest.as_slice(), end), (b"hello".as_slice(), End::Closed), "{answer}");
    }
}

/// An empty body that ends with the connection.
#[test]
fn an_empty_close_delimited_body() {
    let server = ScriptedServer::start(move |connection| {
        if connection.request().is_some() {
            connection.send("HTTP/1.1 200 OK\r\n\r\n");
        }
    });
    let proxy = Setup::to(&server).start();
    let response = proxy.get("/");
    assert_eq!((response.framing, response.text().as_str()), (Framing::Chunked, ""));
}

#[test]
fn a_chunked_body_to_an_old_client() {
    let server = ScriptedServer::answering(format!("{CHUNKED}6\r\n, you!\r\n0\r\nX-Trailer: 1\r\n\r\n"));
    let proxy = Setup::to(&server).start();
    let (head, rest, end) = ask(&proxy, "1.0");
    assert!(!head.fields.has("transfer-encoding") && !head.fields.has("trailer"), "{head:?}");
    assert_eq!((String::from_utf8_lossy(&rest).as_ref(), end), ("hello, you!", End::Closed));
}

/// To HTTP/1.0 the end of the connection is the end of the body: it must not look like one.
#[test]
fn a_truncated_body_to_an_old_client_is_a_reset() {
    for (name, first, resets) in [
        ("chunks", CHUNKED, false),
        ("chunks, reset", CHUNKED, true),
        ("until the close, reset", TO_CLOSE, true),
    ] {
        let (server, gate) = in_two_parts(first, "", resets);
        let proxy = Setup::to(&server).start();
        let mut client = proxy.client();
        client.send("GET / HTTP/1.0\r\nHost: example.test\r\n\r\n");
        client.head();
        assert_eq!(client.bytes(5), b"hello", "{name}");
        gate.open();
        assert_eq!(client.rest(), (Vec::new(), End::Reset), "{name}");
    }
}

#[test]
fn an_old_server() {
    let server = ScriptedServer::start(|connection| {
        while connection.request().is_some() {
            connection.send("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello");
            if connection.number > 0 {
                return;
            }
            connection.until_end();
        }
    });
    let proxy = Setup::to(&server).start();
    let mut client = proxy.client();
    for _ in 0..3 {
        let response = client.get("/");
        assert_eq!(response.start_line, "HTTP/1.1 200 OK");
        assert_eq!((response.framing, response.text().as_str()), (Framing::Length, "hello"));
    }
    assert_eq!(server.seen().len(), 3, "HTTP/1.0 without keep-alive is for one request");
}

#[test]
fn an_old_server_that_keeps_the_connection() {
    let server = ScriptedServer::answering(
        "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello",
    );
    let proxy = Setup::to(&server).start();
    for _ in 0..3 {
        assert_eq!(proxy.get("/").text(), "hello");
    }
    assert_eq!(server.seen().len(), 1);
}
