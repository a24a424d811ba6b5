//! Connections used again: stale ones, what is repeated and what is not.

use super::*;

/// A server that answers the first request of its first connection, and `then`s the second.
fn goes_stale(then: impl Fn(&mut crate::harness::Connection) + Send + Sync + 'static) -> ScriptedServer {
    ScriptedServer::start(move |connection| {
        while connection.request().is_some() {
            if connection.number == 0 && connection.requests() == 2 {
                return then(connection);
            }
            connection.send(OK);
        }
    })
}

/// The same for any bytes of a second request: a server that has closed does not read them.
fn ask(client: &mut RawClient, request: &str) -> Message {
    assert_eq!(client.get("/first").text(), "ok");
    client.send(request);
    client.response()
}

const GET: &str = "GET /second HTTP/1.1\r\nHost: example.test\r\n\r\n";
const POST: &str = "POST /second HTTP/1.1\r\nHost: example.test\r\nContent-Length: 5\r\n\r\nhello";

#[test]
fn a_get_on_a_stale_connection_is_tried_once_more() {
    for resets in [false, true] {
        let server = goes_stale(move |connection| {
            if resets {
                connection.reset_on_close();
            }
        });
        let proxy = Setup::to(&server).start();
        assert_eq!(ask(&mut proxy.client(), GET).text(), "ok", "resets: {resets}");
        let targets: Vec<Vec<_>> = server
            .seen()
            .iter()
            .map(|seen| seen.requests.iter().map(|request| request.target().to_owned()).collect())
            .collect();
        assert_eq!(targets, [vec!["/first", "/second"], vec!["/second"]], "resets: {resets}");
        assert_eq!(proxy.wait_for_log(2)[1]["retries"], 1);
    }
}

#[test]
fn a_post_that_may_have_been_done_is_not_repeated() {
    let server = goes_stale(|_| {});
    let proxy = Setup::to(&server).start();
    let response = ask(&mut proxy.client(), POST);
    assert_eq!((response.status(), response.reason().as_str()), (502, "response-incomplete"));
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn nothing_is_repeated_once_a_byte_came_back() {
    let server = goes_stale(|connection| {
        connection.send("H");
    });
    let proxy = Setup::to(&server).start();
    let response = ask(&mut proxy.client(), GET);
    assert_eq!((response.status(), response.reason().as_str()), (502, "response-incomplete"));
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn there_is_one_retry_and_no_second() {
    let server = ScriptedServer::start(|connection| {
        if connection.request().is_some() && connection.number == 0 {
            connection.send(OK);
            connection.request();
        }
    });
    let proxy = Setup::to(&server).start();
    let response = ask(&mut proxy.client(), GET);
    assert_eq!((response.status(), response.reason().as_str()), (502, "response-incomplete"));
    assert_eq!(server.seen().len(), 2);
}

/// An idempotent request whose body went through is not there to be repeated.
#[test]
fn a_consumed_body_is_not_repeated() {
    let server = goes_stale(|_| {});
    let proxy = Setup::to(&server).start();
    let body = "x".repeat(300_000);
    let put =
        format!("PUT /second HTTP/1.1\r\nHost: example.test\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let response = ask(&mut proxy.client(), &put);
    assert_eq!((response.status(), response.reason().as_str()), (502, "response-incomplete"));
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn a_connection_serves_many_requests() {
    let server = ScriptedServer::ok();
    let proxy = Setup::to(&server).start();
    for _ in 0..5 {
        assert_eq!(proxy.get("/").text(), "ok");
    }
    assert_eq!(server.seen().len(), 1);
    assert_eq!(proxy.metric("ringwall_upstream_reuses_total", ""), 4.0);
}

#[test]
fn what_a_server_says_of_its_connection_counts() {
    for fields in ["Connection: close", "Keep-Alive: timeout=1"] {
        let server =
            ScriptedServer::answering(format!("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n{fields}\r\n\r\nok"));
        let proxy = Setup::to(&server).start();
        for _ in 0..2 {
            let response = proxy.get("/");
            assert_eq!(response.text(), "ok");
            assert!(!response.fields.has("keep-alive"), "{response:?}");
        }
        assert_eq!(server.seen().len(), 2, "{fields}");
    }
}

#[test]
fn the_pool_is_bounded() {
    let server = ScriptedServer::ok();
    let proxy = Setup::new()
        .with(format!(
            "[upstream.origin]\nservers = [\"http://{}\"]\npool = {{ idle = 0 }}",
            server.address()
        ))
        .route("path = \"/*\"")
        .start();
    for _ in 0..3 {
        assert_eq!(proxy.get("/").text(), "ok");
    }
    assert_eq!(server.seen().len(), 3);
}
