//! Versions, names, resumption, client certificates, and clients that do not speak TLS.

use super::{curl, proxy_for, proxy_with, text};
use crate::harness::authority::{Authority, Issued};
use crate::harness::tls_client::TlsClients;
use crate::harness::{RawClient, ScriptedServer};

#[test]
fn curl_speaks_both_versions_and_the_server_learns_the_scheme() {
    let server = ScriptedServer::ok();
    let (setup, _authority) = proxy_for(&server, "");
    let proxy = setup.start();
    for version in [["--tlsv1.2", "--tls-max", "1.2"], ["--tlsv1.3", "--tls-max", "1.3"]] {
        let Some(output) = curl(&proxy, "a.test", &version) else { return };
        assert_eq!(text(&output), "ok", "{version:?}");
    }
    for request in server.requests() {
        assert_eq!(request.fields.get("x-forwarded-proto").as_deref(), Some("https"));
        assert!(request.fields.get("forwarded").is_some_and(|value| value.ends_with("proto=https")));
    }
    let Some(output) = curl(&proxy, "a.test", &["--tls-max", "1.1"]) else { return };
    assert!(!output.status.success(), "TLS 1.1 is refused");
}

#[test]
fn the_certificate_follows_the_name_and_a_host_of_another_is_misdirected() {
    let server = ScriptedServer::ok();
    let (setup, authority) = proxy_for(&server, "");
    let (other, wild) = (authority.server(&["b.test"]), authority.server(&["*.c.test"]));
    let list = "[listener.tls]\ncertificates = [{ certificate = \"own.pem\", key = \"own.key\" }, \
                { certificate = \"b.pem\", key = \"b.key\" }, { certificate = \"c.pem\", key = \"c.key\" }]\n";
    let setup = setup.listener(list).file("b.pem", other.certificate).file("b.key", other.key);
    let proxy = setup.file("c.pem", wild.certificate).file("c.key", wild.key).start();
    let clients = TlsClients::trusting(&authority, None);
    for name in ["a.test", "b.test", "x.c.test"] {
        let mut client = clients.connect(proxy.address, name).expect(name);
        assert_eq!(client.get(name, "/").unwrap(), (200, "ok".into()));
        assert_eq!(client.get("unknown.test", "/").unwrap().0, 200, "no certificate speaks for it");
        let elsewhere = if name == "a.test" { "b.test" } else { "a.test" };
        let (status, body) = client.get(elsewhere, "/").unwrap();
        assert!(status == 421 && body.contains("misdirected"), "{name}: {status} {body}");
    }
    assert!(clients.connect(proxy.address, "y.x.c.test").is_err(), "a wildcard stands for one label");
}

#[test]
fn sessions_are_resumed_whichever_worker_takes_the_connection() {
    let server = ScriptedServer::ok();
    let (setup, authority) = proxy_for(&server, "");
    let proxy = setup.cpus("0,0").start();
    let clients = TlsClients::trusting(&authority, None);
    for number in 0..8 {
        let mut client = clients.connect(proxy.address, "a.test").unwrap();
        assert_eq!(client.is_resumed(), number > 0, "connection {number}");
        assert_eq!(client.get("a.test", "/").unwrap(), (200, "ok".into()));
    }
    assert_eq!(proxy.metric("ringwall_tls_handshakes_total", ""), 8.0);
    assert_eq!(proxy.metric("ringwall_tls_resumptions_total", ""), 7.0);
}

#[test]
fn a_client_certificate_opens_the_route_that_asks_for_one() {
    let server = ScriptedServer::ok();
    let settings = "client_auth = \"optional\"\nclient_ca = \"clients.pem\"\nclient_crl = \"revoked.pem\"";
    let vouching = Authority::new("clients");
    let routes = "[[route]]\npath = \"/any/*\"\nupstream = \"origin\"\naccess = { client_certificate = \"required\" }\n\
                 [[route]]\npath = \"/listed/*\"\nupstream = \"origin\"\n\
                 access = { client_certificate = { san = [\"alice.test\"] } }";
    let (setup, authority) = proxy_with(&server, settings, routes);
    let proxy =
        setup.file("clients.pem", &vouching.certificate).file("revoked.pem", vouching.revoked(&[7])).start();
    let status = |own: Option<&Issued>, target: &str| {
        let clients = TlsClients::trusting(&authority, own);
        clients.connect(proxy.address, "a.test").and_then(|mut client| client.get("a.test", target))
    };
    let (alice, bob) = (vouching.client("alice.test"), vouching.client("bob.test"));
    assert_eq!(status(None, "/any/x").unwrap().0, 403);
    assert_eq!(status(None, "/").unwrap().0, 200);
    assert_eq!(status(Some(&alice), "/any/x").unwrap().0, 200);
    assert_eq!(status(Some(&alice), "/listed/x").unwrap().0, 200);
    assert_eq!(status(Some(&bob), "/any/x").unwrap().0, 200);
    assert_eq!(status(Some(&bob), "/listed/x").unwrap().0, 403);
    let stranger = Authority::new("strangers").client("alice.test");
    let expired = vouching.expired_client("alice.test");
    let revoked = vouching.numbered_client("alice.test", 7);
    for (name, own) in [("of a stranger", stranger), ("expired", expired), ("revoked", revoked)] {
        assert!(status(Some(&own), "/").is_err(), "{name}");
    }
    // The same, as a person tries it out.
    std::fs::write(proxy.path("alice.pem"), &alice.certificate).unwrap();
    std::fs::write(proxy.path("alice.key"), &alice.key).unwrap();
    let Some(output) = curl(&proxy, "a.test/any/x", &["--cert", "alice.pem", "--key", "alice.key"]) else {
        return;
    };
    assert_eq!(text(&output), "ok");
    let Some(output) = curl(&proxy, "a.test/any/x", &[]) else { return };
    assert!(text(&output).contains("certificate-required"), "{}", text(&output));
}

#[test]
fn server_and_log_learn_who_the_client_proved_to_be() {
    let server = ScriptedServer::ok();
    let vouching = Authority::new("clients");
    let settings = "client_auth = \"optional\"\nclient_ca = \"clients.pem\"";
    let route = "[[route]]\npath = \"/known/*\"\nupstream = \"origin\"\naccess = \"open\"\nset_headers = { x-client = \
                 \"{client_certificate.subject} ({client_certificate.san})\", x-digest = \
                 \"{client_certificate.sha256}\", x-gate = \"{{a}}\" }";
    let (setup, authority) = proxy_with(&server, settings, route);
    let proxy = setup.file("clients.pem", &vouching.certificate).start();
    let alice = vouching.client("alice.test");
    for (own, client) in [(Some(&alice), Some("CN=alice.test (dns:alice.test)")), (None, None)] {
        let mut tls = TlsClients::trusting(&authority, own).connect(proxy.address, "a.test").unwrap();
        for _ in 0..2 {
            tls.send("GET /known/x HTTP/1.1\r\nHost: a.test\r\nX-Client: root\r\nX_Digest: 00\r\n\r\n")
                .unwrap();
            assert_eq!(tls.response().unwrap().0, 200);
            let request = server.requests().pop().unwrap();
            assert_eq!(request.fields.get("x-client").as_deref(), client, "{request:?}");
            let digest = request.fields.get("x-digest");
            assert_eq!(digest.map(|digest| digest.len()), client.map(|_| 64), "{request:?}");
            assert_eq!(request.fields.get("x-gate").as_deref(), Some("{a}"), "{request:?}");
            assert!(!request.fields.has("x_digest"), "{request:?}");
        }
    }
    // So does the access log.
    for (number, line) in proxy.wait_for_log(4).iter().enumerate() {
        let subject = (number < 2).then_some("CN=alice.test");
        assert_eq!(line["client_certificate_subject"].as_str(), subject, "{line}");
        assert_eq!(line.get("client_certificate_sha256").is_some(), subject.is_some(), "{line}");
        assert_eq!(line["server_name"], "a.test", "{line}");
    }
}

#[test]
fn a_required_client_certificate_is_asked_for_in_the_handshake() {
    let server = ScriptedServer::ok();
    let (setup, authority) = proxy_for(&server, "client_auth = \"required\"\nclient_ca = \"clients.pem\"");
    let vouching = Authority::new("clients");
    let proxy = setup.file("clients.pem", &vouching.certificate).start();
    let client = vouching.client("alice.test");
    let with = TlsClients::trusting(&authority, Some(&client)).connect(proxy.address, "a.test");
    assert_eq!(with.unwrap().get("a.test", "/").unwrap().0, 200);
    let without = TlsClients::trusting(&authority, None).connect(proxy.address, "a.test");
    assert!(without.and_then(|mut client| client.get("a.test", "/")).is_err());
}

#[test]
fn plain_http_on_a_tls_port_is_told_so() {
    let server = ScriptedServer::ok();
    let (setup, _authority) = proxy_for(&server, "");
    let proxy = setup.start();
    let mut client = RawClient::connect(proxy.address);
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    let answer = client.response();
    assert_eq!((answer.status(), answer.reason().as_str()), (400, "tls-required"));
    client.expect_close();
    assert!(server.requests().is_empty());
}

#[test]
fn a_client_that_does_not_finish_its_handshake_is_let_go() {
    let server = ScriptedServer::ok();
    let (setup, _authority) = proxy_for(&server, "");
    let proxy = setup.with("[timeouts]\nhandshake = \"200ms\"").start();
    for beginning in [&b""[..], b"\x16", b"\x16\x03\x01\x00\x80\x01"] {
        let mut client = RawClient::connect(proxy.address);
        client.send(beginning);
        client.rest();
    }
}
