//! openssl as a client: renegotiation, resumption and certificates as another implementation does them.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Output, Stdio};

use super::proxy_for;
use crate::harness::authority::Authority;
use crate::harness::peers::peer;
use crate::harness::{Proxy, ScriptedServer, eventually};

const CLOSING: &str = "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n";

/// Starts `openssl s_client` for `a.test`. `None` where there is no openssl.
#[track_caller]
fn s_client(proxy: &Proxy, arguments: &[&str]) -> Option<Child> {
    let mut command = Command::new(peer("openssl", "openssl")?);
    command.args(["s_client", "-connect", &proxy.address.to_string(), "-servername", "a.test"]);
    command.args(["-CAfile", "authority.pem", "-verify_return_error"]).args(arguments);
    command.current_dir(proxy.path(".")).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Some(command.spawn().expect("openssl"))
}

/// One request that is the connection's last, and all that openssl said.
#[track_caller]
fn one_request(proxy: &Proxy, arguments: &[&str]) -> Option<Output> {
    let mut client = s_client(proxy, &[arguments, &["-ign_eof"]].concat())?;
    client.stdin.take().expect("its input").write_all(CLOSING.as_bytes()).expect("the request");
    Some(client.wait_with_output().expect("openssl"))
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

#[test]
fn renegotiation_ends_the_connection() {
    let server = ScriptedServer::ok();
    let (setup, _authority) = proxy_for(&server, "");
    let proxy = setup.start();
    let Some(mut client) = s_client(&proxy, &["-tls1_2"]) else { return };
    let mut input = client.stdin.take().expect("its input");
    let mut output = BufReader::new(client.stdout.take().expect("its output"));
    input.write_all(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").unwrap();
    let mut line = String::new();
    while !line.ends_with("ok") && !line.contains("HTTP/1.1 200") {
        line.clear();
        assert!(output.read_line(&mut line).unwrap() > 0, "no answer");
    }
    // A line that is this letter alone asks openssl to renegotiate.
    input.write_all(b"R\n").unwrap();
    output.read_to_string(&mut line).unwrap();
    let status = client.wait().unwrap();
    let mut errors = String::new();
    client.stderr.take().expect("its errors").read_to_string(&mut errors).unwrap();
    assert!(errors.contains("RENEGOTIATING"), "{errors}");
    assert!(!status.success() || errors.contains("no renegotiation"), "{status} {errors}");
    let count = || proxy.metric("ringwall_tls_alerts_total", "direction=\"sent\",alert=\"no_renegotiation\"");
    eventually("the alert", || (count() == 1.0).then_some(()));
    eventually("the close", || (proxy.metric("ringwall_connections_open", "") == 0.0).then_some(()));
    assert_eq!(proxy.metric("ringwall_panics_total", ""), 0.0);
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn sessions_are_resumed_from_a_file() {
    let server = ScriptedServer::ok();
    let (setup, _authority) = proxy_for(&server, "");
    let proxy = setup.start();
    for version in ["-tls1_2", "-tls1_3"] {
        let Some(first) = one_request(&proxy, &[version, "-sess_out", "session.pem"]) else { return };
        assert!(said(&first).contains("New, TLSv1."), "{}", said(&first));
        let second = one_request(&proxy, &[version, "-sess_in", "session.pem"]).expect("openssl");
        assert!(said(&second).contains("Reused, TLSv1."), "{}", said(&second));
        assert!(said(&second).ends_with("ok") || said(&second).contains("\r\n\r\nok"), "{}", said(&second));
    }
    assert_eq!(proxy.metric("ringwall_tls_resumptions_total", ""), 2.0);
    assert_eq!(server.requests().len(), 4);
}

#[test]
fn a_client_certificate_is_taken_in_both_versions() {
    let server = ScriptedServer::ok();
    let (setup, _authority) = proxy_for(&server, "client_auth = \"required\"\nclient_ca = \"clients.pem\"");
    let vouching = Authority::new("clients");
    let alice = vouching.client("alice.test");
    let setup = setup.file("clients.pem", &vouching.certificate);
    let proxy = setup.file("alice.pem", alice.certificate).file("alice.key", alice.key).start();
    for version in ["-tls1_2", "-tls1_3"] {
        let shown = [version, "-cert", "alice.pem", "-key", "alice.key"];
        let Some(with) = one_request(&proxy, &shown) else { return };
        assert!(said(&with).contains("\r\n\r\nok"), "{}", said(&with));
        let without = one_request(&proxy, &[version]).expect("openssl");
        let said = said(&without);
        assert!(!said.contains("\r\n\r\nok") && said.contains("alert"), "{said}");
    }
    assert_eq!(server.requests().len(), 2);
}
