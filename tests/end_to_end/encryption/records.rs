//! What is sent after the handshake: broken records, ends with and without word, changed keys, dribbled bytes.

use std::io::Write;
use std::net::Shutdown;

use super::proxy_for;
use crate::harness::tls_client::TlsClients;
use crate::harness::{RawClient, ScriptedServer, Setup};

#[test]
fn a_corrupted_record_ends_the_connection_and_reaches_nobody() {
    let server = ScriptedServer::ok();
    let (setup, authority) = proxy_for(&server, "");
    let proxy = setup.start();
    let clients = TlsClients::trusting(&authority, None);
    for garbage in [
        // Sealed with nothing, a type that may not come, a version, a length beyond all, plain HTTP.
        &b"\x17\x03\x03\x00\x20aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"[..],
        b"\x16\x03\x03\x00\x20aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        b"\x14\x03\x03\x00\x01\x01",
        b"\x17\x03\x01\x00\x20aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        b"\x17\x03\x03\xff\xffaaaaaaaa",
        b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n",
    ] {
        for requests_before in [0, 1] {
            let mut client = clients.connect(proxy.address, "a.test").unwrap();
            for _ in 0..requests_before {
                assert_eq!(client.get("a.test", "/before").unwrap().0, 200);
            }
            client.socket().write_all(garbage).unwrap();
            let end = client.rest();
            assert!(end.is_err_and(|error| error.to_string().contains("lert")), "an alert says why");
        }
    }
    assert!(server.requests().iter().all(|request| request.target() == "/before"));
    assert_eq!(proxy.metric("ringwall_panics_total", ""), 0.0);
}

#[test]
fn bytes_that_dribble_in_are_one_request() {
    let server = ScriptedServer::ok();
    let (setup, authority) = proxy_for(&server, "");
    let proxy = setup.start();
    let mut client = TlsClients::trusting(&authority, None).connect(proxy.address, "a.test").unwrap();
    for byte in b"POST /dribble HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\n\r\nabc" {
        client.send([*byte]).unwrap();
    }
    assert_eq!(client.response().unwrap(), (200, "ok".into()));
    assert_eq!(server.request().body, b"abc");
}

#[test]
fn bodies_of_every_size_pass_both_ways() {
    let server = ScriptedServer::start(|connection| {
        while let Some(request) = connection.request() {
            connection.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", request.body.len()));
            connection.send(request.body);
        }
    });
    let (setup, authority) = proxy_for(&server, "");
    let proxy = setup.start();
    let mut client = TlsClients::trusting(&authority, None).connect(proxy.address, "a.test").unwrap();
    for size in [0, 1, 1_399, 1_400, 16_383, 16_384, 16_385, 65_536, 70_000, 300_000, 3_000_000] {
        let body: String = (0..size).map(|position| char::from(b'a' + (position % 26) as u8)).collect();
        client
            .send(format!("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: {size}\r\n\r\n{body}"))
            .unwrap();
        let (status, back) = client.response().unwrap();
        assert!(status == 200 && back == body, "{size} bytes");
    }
}

#[test]
fn changed_keys_go_on_with_the_next_request() {
    let server = ScriptedServer::ok();
    let (setup, authority) = proxy_for(&server, "");
    let proxy = setup.start();
    let mut client = TlsClients::trusting(&authority, None).connect(proxy.address, "a.test").unwrap();
    // The first change comes with the end of the handshake.
    for number in 0..5 {
        client.refresh_traffic_keys().unwrap();
        let answer = client.get("a.test", "/").unwrap_or_else(|error| panic!("change {number}: {error}"));
        assert_eq!(answer, (200, "ok".into()));
    }
}

#[test]
fn an_end_is_said_and_a_cut_is_not() {
    let whole =
        ScriptedServer::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
    let (setup, authority) = proxy_for(&whole, "");
    let proxy = setup.start();
    let clients = TlsClients::trusting(&authority, None);
    let mut client = clients.connect(proxy.address, "a.test").unwrap();
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n").unwrap();
    assert_eq!(client.response().unwrap().0, 200);
    assert_eq!(client.rest().expect("an end in order"), b"");

    let broken = ScriptedServer::start(|connection| {
        connection.request();
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    });
    let (setup, authority) = proxy_for(&broken, "");
    let proxy = setup.start();
    let mut client = TlsClients::trusting(&authority, None).connect(proxy.address, "a.test").unwrap();
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").unwrap();
    let end = client.rest().expect_err("a cut");
    assert_eq!(end.kind(), std::io::ErrorKind::UnexpectedEof);
}

#[test]
fn a_client_that_ends_without_a_word_is_no_whole_request() {
    let server = ScriptedServer::ok();
    let (setup, authority) = proxy_for(&server, "");
    let proxy = setup.start();
    let clients = TlsClients::trusting(&authority, None);
    let mut client = clients.connect(proxy.address, "a.test").unwrap();
    client.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\nhalf").unwrap();
    client.socket().shutdown(Shutdown::Write).unwrap();
    assert!(client.response().is_err());
    assert!(server.requests().is_empty());
    // With the word, between requests: the connection ends in order.
    let mut client = clients.connect(proxy.address, "a.test").unwrap();
    assert_eq!(client.get("a.test", "/").unwrap().0, 200);
    client.close_notify().unwrap();
    assert_eq!(client.rest().expect("an end in order"), b"");
}

#[test]
fn a_listener_without_tls_knows_none() {
    let server = ScriptedServer::ok();
    let proxy = Setup::to(&server).start();
    let mut client = RawClient::connect(proxy.address);
    client.send(b"\x16\x03\x01\x00\x80\x01\x00\x00\x7c\x03\x03\r\n\r\n");
    assert_eq!(client.response().status(), 400);
}
