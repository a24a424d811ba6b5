//! Connections of clients: requests ahead, half-closed, old, ended.

use super::*;

#[test]
fn carry_requests_ahead_of_their_answers_in_order() {
    let server = ScriptedServer::start(|connection| {
        while let Some(request) = connection.request() {
            let body = format!("{} {}", request.target(), request.text());
            connection.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
        }
    });
    let proxy = Setup::to(&server).start();
    let mut client = proxy.client();
    let mut all = String::new();
    for number in 0..50 {
        all.push_str(&match number % 3 {
            0 => format!("GET /{number} HTTP/1.1\r\nHost: example.test\r\n\r\n"),
            1 => format!("POST /{number} HTTP/1.1\r\nHost: example.test\r\nContent-Length: 3\r\n\r\nabc"),
            _ => format!("POST /{number} HTTP/1.1\r\nHost: example.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
        });
    }
    client.send(all);
    for number in 0..50 {
        let body = if number % 3 == 0 { "" } else { "abc" };
        assert_eq!(client.response().text(), format!("/{number} {body}"));
    }
}

/// Requests ahead that do not fit a buffer, one byte at a time at its end.
#[test]
fn carry_more_ahead_than_a_buffer_holds() {
    let server = ScriptedServer::start(|connection| {
        while let Some(request) = connection.request() {
            let body = format!("{} {}", request.target(), request.body.len());
            connection.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
        }
    });
    let proxy = Setup::to(&server).start();
    let mut client = proxy.client();
    for number in 0..20 {
        let body = "x".repeat(number * 997);
        client.send(format!(
            "POST /{number} HTTP/1.1\r\nHost: example.test\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ));
    }
    for number in 0..20 {
        assert_eq!(client.response().text(), format!("/{number} {}", number * 997));
    }
}

#[test]
fn may_be_half_closed_by_the_client() {
    let server = ScriptedServer::start(|connection| {
        while connection.request().is_some() {
            connection.mark("asked");
            connection.send(OK);
        }
    });
    let proxy = Setup::to(&server).start();
    for fields in ["", "Content-Length: 0\r\n"] {
        let mut client = proxy.client();
        client.send(format!("GET / HTTP/1.1\r\nHost: example.test\r\n{fields}\r\n"));
        client.end_sending();
        assert_eq!(client.response().text(), "ok");
        client.expect_close();
    }
}

#[test]
fn of_old_clients_stay_when_asked_to() {
    let server = ScriptedServer::ok();
    let proxy = Setup::to(&server).start();
    let mut client = proxy.client();
    for _ in 0..3 {
        client.send("GET / HTTP/1.0\r\nHost: example.test\r\nConnection: keep-alive\r\n\r\n");
        let response = client.response();
        assert_eq!(response.fields.get("connection").as_deref(), Some("keep-alive"));
    }
    client.send("GET / HTTP/1.0\r\n\r\n");
    let response = client.response();
    assert_eq!(response.fields.get("connection").as_deref(), Some("close"));
    client.expect_close();
    let requests = server.requests();
    assert_eq!(requests[0].fields.get("via").as_deref(), Some("1.0 ringwall"));
    // Without a host of its own a request gets the server's.
    assert_eq!(requests[3].fields.get("host"), Some(server.address().to_string()));
    assert!(!requests[3].fields.has("x-forwarded-host"));
}

#[test]
fn end_when_the_client_says_so() {
    let server = ScriptedServer::ok();
    let proxy = Setup::to(&server).start();
    for option in ["close", "Close", "keep-alive, close"] {
        let mut client = proxy.client();
        client.send(format!("GET / HTTP/1.1\r\nHost: example.test\r\nConnection: {option}\r\n\r\n"));
        let response = client.response();
        assert_eq!(response.fields.get("connection").as_deref(), Some("close"), "{option}");
        client.expect_close();
    }
    assert_eq!(server.seen().len(), 1, "the server's connection stays");
}

/// A client that goes away takes its request with it.
#[test]
fn of_a_client_that_left_free_the_server() {
    let server = ScriptedServer::start(|connection| {
        if connection.request().is_some() {
            connection.mark("asked");
            connection.until_end();
            connection.mark("left");
        }
    });
    let proxy = Setup::to(&server).start();
    let mut client = proxy.client();
    client.send("GET / HTTP/1.1\r\nHost: example.test\r\n\r\n");
    server.wait_for_mark("asked");
    client.reset();
    server.wait_for_mark("left");
    assert_eq!(proxy.wait_for_log(1)[0]["reason"], "client-gone");
}
