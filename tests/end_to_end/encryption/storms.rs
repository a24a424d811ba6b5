//! More handshakes at once than a worker likes.

use std::sync::atomic::{AtomicBool, Ordering};

use ringwall::limits::IDLE_WARM_MAX;

use super::proxy_for;
use crate::harness::ScriptedServer;
use crate::harness::tls_client::TlsClients;

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

/// A request that comes with the last flight of its handshake is answered, however many connections idle. (So many are
/// idle and warm at once in a release build alone: in a debug build the first cool down before the last come.)
#[test]
fn a_crowd_of_connections_falls_idle_and_the_worker_with_it() {
    let server = ScriptedServer::ok();
    let (setup, authority) = proxy_for(&server, "");
    let proxy = setup.start();
    let clients = TlsClients::trusting(&authority, None);
    let mut crowd: Vec<_> = (0..IDLE_WARM_MAX + 50)
        .map(|_| {
            let mut client =
                clients.connect_with(proxy.address, "a.test", b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
            assert_eq!(client.response().unwrap(), (200, "ok".into()));
            client
        })
        .collect();
    for client in &mut crowd {
        assert_eq!(client.get("a.test", "/").unwrap(), (200, "ok".into()));
    }
}
