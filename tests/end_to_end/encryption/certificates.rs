//! Certificates and keys that change while the proxy runs.

use std::sync::atomic::{AtomicBool, Ordering};

use super::{proxy_for, write};
use crate::harness::authority::{Authority, Issued};
use crate::harness::tls_client::TlsClients;
use crate::harness::{Proxy, ScriptedServer, eventually};

fn put(proxy: &Proxy, own: &Issued) {
    write(&proxy.path("."), "own.key", &own.key);
    write(&proxy.path("."), "own.pem", &own.certificate);
}

#[test]
fn changed_files_serve_new_handshakes_and_drop_no_connection() {
    let server = ScriptedServer::ok();
    let (setup, authority) = proxy_for(&server, "");
    let proxy = setup.start();
    let old = TlsClients::trusting(&authority, None);
    let mut standing = old.connect(proxy.address, "a.test").unwrap();
    assert_eq!(standing.get("a.test", "/").unwrap().0, 200);
    let next = Authority::new("next authority");
    let changed = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let load = || {
            while !changed.load(Ordering::Relaxed) {
                assert_eq!(standing.get("a.test", "/").unwrap(), (200, "ok".into()));
            }
            assert_eq!(standing.get("a.test", "/").unwrap(), (200, "ok".into()));
        };
        scope.spawn(load);
        put(&proxy, &next.server(&["a.test"]));
        let clients = TlsClients::trusting(&next, None);
        eventually("the new certificate", || clients.connect(proxy.address, "a.test").ok());
        changed.store(true, Ordering::Relaxed);
    });
    proxy.wait_for_stderr("certificates and keys were read again");
}

#[test]
fn broken_files_leave_the_old_ones_in_force() {
    let server = ScriptedServer::ok();
    let (setup, authority) = proxy_for(&server, "");
    let proxy = setup.start();
    write(&proxy.path("."), "own.pem", "no certificate");
    proxy.wait_for_stderr("those before stay in force");
    assert!(proxy.stderr().contains("own.pem"), "{}", proxy.stderr());
    let clients = TlsClients::trusting(&authority, None);
    assert_eq!(clients.connect(proxy.address, "a.test").unwrap().get("a.test", "/").unwrap().0, 200);
    // A reload of the configuration names them too.
    proxy.signal(nix::sys::signal::Signal::SIGHUP);
    proxy.wait_for_stderr("the configuration was not reloaded");
    put(&proxy, &authority.server(&["a.test", "renewed.test"]));
    eventually("the renewed certificate", || clients.connect(proxy.address, "renewed.test").ok());
}

#[test]
fn a_start_with_a_key_of_another_certificate_is_refused() {
    let server = ScriptedServer::ok();
    let (setup, authority) = proxy_for(&server, "");
    let mut proxy = setup.file("own.key", authority.server(&["b.test"]).key).spawn();
    assert_eq!(proxy.wait_for_exit().code(), Some(2));
    let said = proxy.stderr();
    assert!(said.contains("own.pem") && said.contains("own.key"), "{said}");
}

/// Whoever was let in by an authority that is taken off the list is not let in again, not by a ticket either.
#[test]
fn an_authority_taken_off_the_list_vouches_for_nobody() {
    let server = ScriptedServer::ok();
    let (setup, authority) = proxy_for(&server, "client_auth = \"required\"\nclient_ca = \"clients.pem\"");
    let vouching = Authority::new("clients");
    let proxy = setup.file("clients.pem", &vouching.certificate).start();
    let alice = vouching.client("alice.test");
    let clients = TlsClients::trusting(&authority, Some(&alice));
    let ask = || clients.connect(proxy.address, "a.test").and_then(|mut client| client.get("a.test", "/"));
    assert_eq!(ask().unwrap().0, 200);
    write(&proxy.path("."), "clients.pem", &Authority::new("others").certificate);
    eventually("a refusal", || ask().is_err().then_some(()));
    assert!(ask().is_err());
}
