//! What goes wrong in TLS is counted by kind, and tells the log what it was and who it came from.

use std::io::Write;
use std::time::{Duration, Instant};

use super::proxy_for;
use crate::harness::authority::{Authority, Issued};
use crate::harness::tls_client::TlsClients;
use crate::harness::{Proxy, RawClient, ScriptedServer, eventually};

/// Waits until one more handshake failed for this reason, and for its line.
#[track_caller]
fn expect_failure(proxy: &Proxy, reason: &str, logged: Option<&str>) {
    let label = format!("reason=\"{reason}\"");
    let count = || proxy.metric("ringwall_tls_handshake_failures_total", &label);
    eventually(reason, || (count() == 1.0).then_some(()));
    if let Some(logged) = logged {
        let line =
            eventually(logged, || proxy.access_log().into_iter().find(|line| line["reason"] == logged));
        assert_eq!((&line["listener"], &line["method"]), (&"public".into(), &"".into()), "{line}");
        assert!(line["client"].as_str().is_some_and(|client| client.starts_with("127.")), "{line}");
    }
}

fn send(proxy: &Proxy, bytes: &[u8]) {
    let mut client = RawClient::connect(proxy.address);
    client.send(bytes);
    client.rest();
}

#[test]
fn a_failed_handshake_says_why() {
    let server = ScriptedServer::ok();
    let (setup, authority) = proxy_for(&server, "");
    let proxy = setup.with("[timeouts]\nhandshake = \"300ms\"").start();
    send(&proxy, b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    expect_failure(&proxy, "plain-http", Some("tls-plain-http"));
    send(&proxy, b"\x16\x03\x01");
    expect_failure(&proxy, "timeout", Some("tls-timeout"));
    send(&proxy, b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10");
    expect_failure(&proxy, "malformed", Some("tls-malformed"));
    // A fatal handshake_failure, as somebody sends who gives up.
    send(&proxy, b"\x15\x03\x01\x00\x02\x02\x28");
    expect_failure(&proxy, "peer-alert", Some("tls-received-handshake_failure"));
    // A ClientHello of TLS 1.0 with two suites and one signature scheme.
    let offers = b"\x00\x00\x04\xc0\x13\x00\x2f\x01\x00\x00\x08\x00\x0d\x00\x04\x00\x02\x04\x03";
    let hello = [&b"\x16\x03\x01\x00\x39\x01\x00\x00\x35\x03\x01"[..], &[7; 32], offers].concat();
    send(&proxy, &hello);
    expect_failure(&proxy, "no-shared-version", Some("tls-no-shared-version"));
    let client = RawClient::connect(proxy.address);
    client.end_sending();
    expect_failure(&proxy, "silent", None);
    let mut client = RawClient::connect(proxy.address);
    client.send(b"\x16");
    client.end_sending();
    expect_failure(&proxy, "gone", Some("tls-gone"));
    assert!(proxy.access_log().iter().all(|line| line["reason"] != "tls-silent"), "port checks fill no log");
    // Somebody who does not trust our certificate says so.
    let stranger = Authority::new("stranger");
    assert!(TlsClients::trusting(&stranger, None).connect(proxy.address, "a.test").is_err());
    let alerts = || proxy.metric("ringwall_tls_alerts_total", "direction=\"received\",alert=\"unknown_ca\"");
    eventually("the alert", || (alerts() == 1.0).then_some(()));
    let whole = TlsClients::trusting(&authority, None).connect(proxy.address, "a.test");
    assert_eq!(whole.unwrap().get("a.test", "/").unwrap().0, 200);
}

#[test]
fn a_client_certificate_that_is_refused_says_why() {
    let server = ScriptedServer::ok();
    let settings = "client_auth = \"required\"\nclient_ca = \"clients.pem\"\nclient_crl = \"revoked.pem\"";
    let vouching = Authority::new("clients");
    let (setup, authority) = proxy_for(&server, settings);
    let proxy =
        setup.file("clients.pem", &vouching.certificate).file("revoked.pem", vouching.revoked(&[7])).start();
    let refused = |own: Option<&Issued>| {
        let clients = TlsClients::trusting(&authority, own);
        let answer =
            clients.connect(proxy.address, "a.test").and_then(|mut client| client.get("a.test", "/"));
        assert!(answer.is_err());
    };
    refused(None);
    expect_failure(&proxy, "no-certificate", Some("tls-no-certificate"));
    refused(Some(&Authority::new("strangers").client("alice.test")));
    expect_failure(&proxy, "certificate-unknown-issuer", Some("tls-certificate-unknown-issuer"));
    refused(Some(&vouching.expired_client("alice.test")));
    expect_failure(&proxy, "certificate-expired", Some("tls-certificate-expired"));
    refused(Some(&vouching.numbered_client("alice.test", 7)));
    expect_failure(&proxy, "certificate-revoked", Some("tls-certificate-revoked"));
    refused(Some(&vouching.server(&["alice.test"])));
    expect_failure(&proxy, "certificate-unusable", Some("tls-certificate-unusable"));
}

#[test]
fn a_broken_record_is_counted_by_the_alert_it_is_answered_with() {
    let server = ScriptedServer::ok();
    let (setup, authority) = proxy_for(&server, "");
    let proxy = setup.start();
    let clients = TlsClients::trusting(&authority, None);
    for (record, alert) in [
        (&b"\x17\x03\x03\x00\x20aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"[..], "bad_record_mac"),
        (b"\x16\x03\x03\x00\x20aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "unexpected_message"),
        (b"\x17\x03\x01\x00\x20aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "protocol_version"),
        (b"\x17\x03\x03\xff\xff", "record_overflow"),
    ] {
        let mut client = clients.connect(proxy.address, "a.test").unwrap();
        assert_eq!(client.get("a.test", "/").unwrap().0, 200);
        client.socket().write_all(record).unwrap();
        assert!(client.rest().is_err());
        let label = format!("direction=\"sent\",alert=\"{alert}\"");
        let count = || proxy.metric("ringwall_tls_alerts_total", &label);
        eventually(alert, || (count() == 1.0).then_some(()));
        let reason = format!("tls-sent-{alert}");
        eventually(&reason, || proxy.access_log().into_iter().find(|line| line["reason"] == reason.as_str()));
    }
}

/// What anybody can cause for free is counted whole and logged in part.
#[test]
fn a_flood_of_failures_does_not_fill_the_log() {
    let server = ScriptedServer::ok();
    let (setup, _authority) = proxy_for(&server, "");
    let proxy = setup.start();
    let began = Instant::now();
    let flood = 600;
    for _ in 0..flood {
        RawClient::connect(proxy.address).send_if_open(b"\x80garbage");
    }
    let count = || proxy.metric("ringwall_tls_handshake_failures_total", "");
    eventually("all to be counted", || (count() == f64::from(flood)).then_some(()));
    let ticks = began.elapsed().as_millis() as usize / 50 + 2;
    eventually("a line", || (!proxy.access_log().is_empty()).then_some(()));
    std::thread::park_timeout(Duration::from_millis(120));
    let lines = proxy.access_log().len();
    assert!(lines <= ticks * 8, "{lines} lines in {ticks} ticks");
}
