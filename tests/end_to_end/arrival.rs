//! PROXY headers: believed from those who may write them, to the byte, and from nobody else.

use std::time::Duration;

use crate::encryption::proxy_for;
use crate::harness::tls_client::TlsClients;
use crate::harness::{Proxy, RawClient, ScriptedServer, Setup, eventually};

const EXPECTED: &str = "proxy_protocol = \"required\"\nproxy_protocol_from = [\"127.0.0.0/8\"]\n";
const LINE: &[u8] = b"PROXY TCP4 192.0.2.7 192.0.2.1 40000 443\r\n";
/// Version 2, PROXY, TCP over IPv4: the same client.
const BINARY: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x07\xc0\x00\x02\x01\x9c\x40\x01\xbb";
/// Version 2, PROXY, TCP over IPv6: 2001:db8::7.
const BINARY_6: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x21\x00\x24\
    \x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x9c\x40\x01\xbb";
/// Version 2, LOCAL: the balancer itself.
const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00";
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: example.test\r\n\r\n";

fn behind_balancer(server: &ScriptedServer) -> Setup {
    Setup::to(server).listener(EXPECTED)
}

fn line(client: &str) -> String {
    format!("PROXY TCP4 {client} 192.0.2.1 40000 443\r\n")
}

fn refused(proxy: &Proxy) -> f64 {
    proxy.metric("ringwall_proxy_headers_refused_total", "")
}

#[test]
fn the_client_is_whom_the_header_names() {
    let server = ScriptedServer::ok();
    let proxy = behind_balancer(&server).start();
    let named = [
        (LINE, "192.0.2.7"),
        (BINARY, "192.0.2.7"),
        (BINARY_6, "2001:db8::7"),
        (b"PROXY UNKNOWN\r\n", "127."),
        (LOCAL, "127."),
    ];
    for (header, client) in named {
        let mut balancer = proxy.client();
        balancer.send(header);
        assert_eq!(balancer.get("/").text(), "ok");
        assert_eq!(balancer.get("/").text(), "ok", "no second header is asked for");
        let request = server.requests().pop().unwrap();
        let told = request.fields.get("x-forwarded-for").unwrap();
        assert!(told.starts_with(client), "{client}: {told}");
    }
    let log = proxy.wait_for_log(2 * named.len());
    for (lines, (_, client)) in log.chunks(2).zip(named) {
        assert!(lines.iter().all(|line| line["client"].as_str().unwrap().contains(client)), "{lines:?}");
    }
    assert_eq!(refused(&proxy), 0.0);
}

#[test]
fn a_header_ends_where_it_ends_however_it_comes() {
    let server = ScriptedServer::ok();
    let proxy = behind_balancer(&server).start();
    for header in [LINE, BINARY, BINARY_6] {
        let whole = [header, REQUEST].concat();
        for piece in [1, header.len() - 1, header.len() + 1, whole.len()] {
            let mut balancer = proxy.client();
            for bytes in whole.chunks(piece) {
                balancer.send(bytes);
                std::thread::yield_now();
            }
            assert_eq!(balancer.response().text(), "ok", "pieces of {piece}");
        }
    }
}

#[test]
fn tls_begins_behind_the_header() {
    let server = ScriptedServer::ok();
    let (setup, authority) = proxy_for(&server, "");
    let own_tables = "[listener.tls]\ncertificate = \"own.pem\"\nkey = \"own.key\"";
    let proxy = setup.listener(&format!("{EXPECTED}{own_tables}")).start();
    let clients = TlsClients::trusting(&authority, None);
    for header in [LINE, BINARY] {
        // In one segment with the first flight, and alone.
        let mut client = clients.connect_behind(header, proxy.address, "a.test").unwrap();
        assert_eq!(client.get("a.test", "/").unwrap(), (200, "ok".into()));
    }
    for request in server.requests() {
        assert_eq!(request.fields.get("x-forwarded-for").as_deref(), Some("192.0.2.7"));
    }
    let mut plain = proxy.client();
    plain.send([LINE, REQUEST].concat());
    assert_eq!(plain.response().reason(), "tls-required");
    assert!(clients.connect(proxy.address, "a.test").is_err(), "TLS without a header");
    assert_eq!(refused(&proxy), 1.0);
}

#[test]
fn a_connection_without_a_valid_header_is_closed_without_a_word() {
    let server = ScriptedServer::ok();
    let proxy = behind_balancer(&server).with("[timeouts]\nhandshake = \"300ms\"").start();
    let malformed: [&[u8]; 12] = [
        REQUEST,
        b"PROXY TCP4 192.0.2.7 192.0.2.1 40000 99999\r\n",
        b"PROXY TCP4 192.0.2.7 192.0.2.1 40000\r\n",
        b"PROXY TCP4 192.0.2.07 192.0.2.1 40000 443\r\n",
        b"PROXY TCP6 192.0.2.7 192.0.2.1 40000 443\r\n",
        b"PROXY  TCP4 192.0.2.7 192.0.2.1 40000 443\r\n",
        b"PROXY TCP4 192.0.2.7 192.0.2.1 40000 443\n",
        b"proxy TCP4 192.0.2.7 192.0.2.1 40000 443\r\n",
        b"\r\n\r\n\0\r\nQUIT\r\n",
        b"\r\n\r\n\0\r\nQUIT\n\x11\x11\x00\x0c",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x04\xc0\x00\x02\x07",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff",
    ];
    let endless = [&b"PROXY "[..], &[b'x'; 200]].concat();
    let unfinished: [&[u8]; 4] = [b"", b"PROXY TCP4 192.", b"\r\n\r\n\0\r\nQ", &BINARY[..BINARY.len() - 1]];
    for (number, header) in malformed.into_iter().chain([&endless[..]]).chain(unfinished).enumerate() {
        let mut client = proxy.client();
        client.send_if_open(header);
        let (answer, _) = client.rest();
        assert_eq!(answer, b"", "{}", header.escape_ascii());
        assert_eq!(refused(&proxy), number as f64 + 1.0, "{}", header.escape_ascii());
    }
    // One that ends amid the header.
    let client = proxy.client();
    client.end_sending();
    eventually("the end to be counted", || (refused(&proxy) == 18.0).then_some(()));
    assert!(server.requests().is_empty());
    eventually("no connection", || (proxy.metric("ringwall_connections_open", "") == 0.0).then_some(()));
}

/// Bytes that keep coming gain no time.
#[test]
fn a_header_that_dribbles_in_ends_in_time() {
    let server = ScriptedServer::ok();
    let proxy = behind_balancer(&server).with("[timeouts]\nhandshake = \"300ms\"").start();
    let mut client = proxy.client();
    // Room for values of 4 KiB, at 20 bytes a second.
    client.send(b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x0f\x00");
    eventually("the connection to be closed", || {
        std::thread::park_timeout(Duration::from_millis(50));
        client.send_if_open([0]);
        (refused(&proxy) == 1.0).then_some(())
    });
}

#[test]
fn a_header_from_an_address_that_is_not_listed_is_not_believed() {
    let server = ScriptedServer::ok();
    let elsewhere = "proxy_protocol = \"required\"\nproxy_protocol_from = [\"192.0.2.0/24\"]\n";
    let proxy = Setup::to(&server).listener(elsewhere).start();
    for header in [LINE, BINARY, LOCAL] {
        let mut client = proxy.client();
        client.send_if_open([header, REQUEST].concat());
        assert_eq!(client.rest().0, b"");
    }
    assert_eq!(refused(&proxy), 3.0);
    assert!(server.requests().is_empty());
}

/// The client's share counts for the client, and the balancer has none of its own.
#[test]
fn clients_behind_a_balancer_have_a_share_each() {
    let server = ScriptedServer::ok();
    let proxy = behind_balancer(&server).with("[limits]\nconnections_per_address = 2").start();
    let arrive = |client: &str| {
        let mut balancer = proxy.client();
        balancer.send_if_open([line(client).as_bytes(), REQUEST].concat());
        balancer
    };
    let served = |mut balancer: RawClient| {
        assert_eq!(balancer.response().text(), "ok");
        balancer
    };
    let first = served(arrive("192.0.2.7"));
    let _second = served(arrive("192.0.2.7"));
    let refused = || proxy.metric("ringwall_connections_refused_total", "reason=\"address\"");
    assert_eq!(arrive("192.0.2.7").rest().0, b"");
    assert_eq!(refused(), 1.0);
    let _others: Vec<_> = (10..20).map(|last| served(arrive(&format!("192.0.2.{last}")))).collect();
    // An idle connection keeps its place, a closed one gives it up.
    eventually("the connections to cool down", || {
        (proxy.metric("ringwall_connections_cold", "") == 12.0).then_some(())
    });
    assert_eq!(arrive("192.0.2.7").rest().0, b"");
    first.end_sending();
    drop(first);
    eventually("room for another", || {
        let mut third = proxy.client();
        third.send_if_open([line("192.0.2.7").as_bytes(), REQUEST].concat());
        third.try_response().ok()
    });
    for _ in 0..5 {
        let mut balancer = proxy.client();
        balancer.send([LOCAL, REQUEST].concat());
        served(balancer);
    }
}
