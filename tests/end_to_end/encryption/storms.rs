//! More handshakes at once than a worker likes.

use std::sync::atomic::{AtomicBool, Ordering};

use super::proxy_for;
use crate::harness::ScriptedServer;
use crate::harness::tls_client::TlsClients;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";

/// Every client of a storm is served in the end, and so is one that was there before, all the while.
#[test]
fn a_storm_of_handshakes_is_served_beside_a_standing_connection() {
    let server = ScriptedServer::ok();
    let (setup, authority) = proxy_for(&server, "");
    let proxy = setup.start();
    let clients = TlsClients::trusting(&authority, None);
    let mut standing = clients.connect(proxy.address, "a.test").unwrap();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let storm: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    for _ in 0..25 {
                        let mut client = clients.connect(proxy.address, "a.test").unwrap();
                        assert_eq!(client.get("a.test", "/").unwrap().0, 200);
                    }
                })
            })
            .collect();
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                assert_eq!(standing.get("a.test", "/").unwrap().0, 200);
            }
        });
        storm.into_iter().for_each(|client| client.join().unwrap());
        over.store(true, Ordering::Relaxed);
    });
    assert_eq!(proxy.metric("ringwall_tls_handshakes_total", ""), 201.0);
}

/// Bytes that came with the last of the handshake make no sound on the socket again.
#[test]
fn a_request_that_comes_with_the_last_flight_of_its_handshake_is_answered() {
    let server = ScriptedServer::ok();
    let (setup, authority) = proxy_for(&server, "");
    let proxy = setup.start();
    let clients = TlsClients::trusting(&authority, None);
    let mut client = clients.connect_with(proxy.address, "a.test", REQUEST);
    assert_eq!(client.response().unwrap(), (200, "ok".into()));
}
