//! Servers behind TLS: a second proxy, and one by rustls that closes as it is told.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::{proxy_for, write};
use crate::harness::authority::{Authority, Issued};
use crate::harness::{ScriptedServer, Setup, eventually};

/// A proxy to an https server that is a proxy itself, with these settings of the upstream.
fn to_tls(server: &str, authority: &Authority, settings: &str) -> Setup {
    Setup::new()
        .with(format!("[upstream.origin]\nservers = [\"https://{server}\"]\n{settings}"))
        .route("path = \"/*\"")
        .file("authority.pem", &authority.certificate)
}

#[test]
fn a_server_is_trusted_by_its_name_and_authority() {
    let server = ScriptedServer::ok();
    let (setup, authority) = proxy_for(&server, "");
    let behind = setup.start();
    let address = behind.address.to_string();
    let trusted = "tls = { ca = \"authority.pem\", server_name = \"a.test\" }";
    let proxy = to_tls(&address, &authority, trusted).start();
    for _ in 0..3 {
        assert_eq!(proxy.get("/").text(), "ok");
    }
    assert_eq!(behind.metric("ringwall_tls_handshakes_total", ""), 1.0, "the connection is kept");
    let stranger = Authority::new("strangers");
    for (what, authority, settings, detail) in [
        (
            "another name",
            &authority,
            "tls = { ca = \"authority.pem\", server_name = \"b.test\" }",
            "unusable",
        ),
        ("no name", &authority, "tls = { ca = \"authority.pem\" }", "unusable"),
        ("another authority", &stranger, trusted, "unknown-issuer"),
    ] {
        let proxy = to_tls(&address, authority, settings).start();
        let answer = proxy.get("/");
        assert_eq!((answer.status(), answer.reason().as_str()), (502, "handshake-failed"), "{what}");
        // The client is not told what the operator is.
        assert!(!answer.text().contains(detail));
        let line = &proxy.wait_for_log(1)[0];
        assert_eq!(line["detail"], format!("tls-certificate-{detail}"), "{what}");
        let label = format!("reason=\"certificate-{detail}\"");
        assert_eq!(proxy.metric("ringwall_upstream_tls_handshake_failures_total", &label), 1.0, "{what}");
    }
    let any = "tls = { dangerous_accept_any_certificate = true, server_name = \"b.test\" }";
    let careless = to_tls(&address, &stranger, any).start();
    assert_eq!(careless.get("/").text(), "ok");
    assert!(careless.stderr().contains("warning") && careless.stderr().contains("any certificate"));
}

#[test]
fn sessions_with_servers_are_resumed() {
    // The server closes after each response, so that every request takes a handshake.
    let server = ScriptedServer::ok();
    let (setup, authority) = proxy_for(&server, "");
    let behind = setup.start();
    let settings = "tls = { ca = \"authority.pem\", server_name = \"a.test\" }\npool = { idle = 0 }";
    let proxy = to_tls(&behind.address.to_string(), &authority, settings).start();
    for _ in 0..4 {
        assert_eq!(proxy.get("/").text(), "ok");
    }
    assert_eq!(behind.metric("ringwall_tls_handshakes_total", ""), 4.0);
    assert!(behind.metric("ringwall_tls_resumptions_total", "") >= 2.0);
}

#[test]
fn the_proxy_shows_its_own_certificate_where_the_server_asks() {
    let server = ScriptedServer::ok();
    let vouching = Authority::new("clients");
    let own = vouching.client("proxy.test");
    let (setup, authority) = proxy_for(&server, "client_auth = \"required\"\nclient_ca = \"clients.pem\"");
    let behind = setup.file("clients.pem", &vouching.certificate).start();
    let settings = "tls = { ca = \"authority.pem\", server_name = \"a.test\", certificate = \"me.pem\", \
                    key = \"me.key\" }";
    let setup = to_tls(&behind.address.to_string(), &authority, settings);
    let proxy = setup.file("me.pem", own.certificate).file("me.key", own.key).start();
    assert_eq!(proxy.get("/").text(), "ok");
}

#[test]
fn health_checks_of_an_https_server_go_over_tls() {
    let server = ScriptedServer::ok();
    let (setup, authority) = proxy_for(&server, "");
    let behind = setup.start();
    let health = "health = { path = \"/up\", interval = \"100ms\", unhealthy = 1, healthy = 1 }";
    let settings =
        |name: &str| format!("tls = {{ ca = \"authority.pem\", server_name = \"{name}\" }}\n{health}");
    let stranger = to_tls(&behind.address.to_string(), &authority, &settings("b.test")).start();
    stranger.wait_for_stderr("is down: invalid peer certificate");
    eventually("a refusal", || (stranger.get("/").reason() == "no-server").then_some(()));
    let proxy = to_tls(&behind.address.to_string(), &authority, &settings("a.test")).start();
    eventually("a check", || server.requests().iter().any(|request| request.target() == "/up").then_some(()));
    let probe = || proxy.status()["upstreams"][0]["servers"][0]["probe"].take();
    eventually("a verdict", || (probe() == "up").then_some(()));
    assert_eq!(proxy.get("/").text(), "ok");
    // A certificate that the authority did not issue: found by the checks, and forgiven once its authority is named.
    let next = Authority::new("next authority");
    write(&proxy.path("."), "authority.pem", &next.certificate);
    proxy.wait_for_stderr("is down: invalid peer certificate");
    write(&proxy.path("."), "authority.pem", &authority.certificate);
    proxy.wait_for_stderr("is up");
}

#[test]
fn a_body_that_ends_with_the_connection_must_end_with_a_word() {
    let authority = Authority::new("test authority");
    let own = authority.server(&["a.test"]);
    for (with_a_word, whole) in [(true, true), (false, false)] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let settings = "tls = { ca = \"authority.pem\", server_name = \"a.test\" }";
        let proxy = to_tls(&address, &authority, settings).start();
        std::thread::scope(|scope| {
            scope.spawn(|| answer_once(&listener, &own, with_a_word));
            let mut client = proxy.client();
            client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
            let response = client.try_response();
            assert_eq!(response.is_ok(), whole, "{with_a_word} {response:?}");
        });
    }
}

#[test]
fn a_server_that_breaks_its_records_is_counted() {
    let authority = Authority::new("test authority");
    let own = authority.server(&["a.test"]);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let settings = "tls = { ca = \"authority.pem\", server_name = \"a.test\" }";
    let proxy = to_tls(&listener.local_addr().unwrap().to_string(), &authority, settings).start();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut stream = accept(&listener, &own);
            // A record that nobody sealed, behind a request that was read.
            stream.sock.write_all(&[&[23, 3, 3, 0, 40][..], &[7; 40]].concat()).unwrap();
            let _cut = stream.read(&mut [0; 64]);
        });
        assert_eq!(proxy.get("/").reason(), "response-incomplete");
    });
    let label = "direction=\"sent\",alert=\"bad_record_mac\"";
    // Counted when the connection is put away, which the client does not wait for.
    eventually("the alert to be counted", || {
        (proxy.metric("ringwall_upstream_tls_alerts_total", label) == 1.0).then_some(())
    });
    assert_eq!(proxy.metric("ringwall_tls_alerts_total", label), 0.0, "no client's fault");
}

/// Answers one request with a body that ends with the connection.
fn answer_once(listener: &TcpListener, own: &Issued, with_a_word: bool) {
    let mut stream = accept(listener, own);
    stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nto the end").unwrap();
    if with_a_word {
        stream.conn.send_close_notify();
    }
    stream.flush().unwrap();
}

/// A connection on which a request has come.
fn accept(listener: &TcpListener, own: &Issued) -> StreamOwned<ServerConnection, TcpStream> {
    let chain = vec![CertificateDer::from_pem_slice(own.certificate.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let connection = ServerConnection::new(Arc::new(config.with_single_cert(chain, key).unwrap())).unwrap();
    let mut stream = StreamOwned::new(connection, listener.accept().unwrap().0);
    let mut request = [0; 1024];
    assert!(stream.read(&mut request).unwrap() > 0);
    stream
}
