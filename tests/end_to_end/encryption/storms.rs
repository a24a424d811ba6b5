//! More handshakes at once than a worker likes.

use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use ringwall::limits::IDLE_WARM_MAX;

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

/// A request that comes with the last flight of its handshake is answered while as many connections idle as may keep
/// their buffers.
#[test]
fn a_crowd_of_idle_connections_does_not_turn_a_new_one_in_circles() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
    let server = ScriptedServer::ok();
    let (setup, authority) = proxy_for(&server, "");
    let proxy = setup.start();
    let clients = TlsClients::trusting(&authority, None);
    let connect = |_| clients.connect(proxy.address, "a.test").unwrap();
    let mut crowd: Vec<_> = (0..IDLE_WARM_MAX + 50).map(connect).collect();
    // All at once, so that the first have not cooled down when the last fall idle.
    crowd.iter_mut().for_each(|client| client.send(REQUEST).unwrap());
    crowd.iter_mut().for_each(|client| assert_eq!(client.response().unwrap(), (200, "ok".into())));
    let mut late = clients.connect_with(proxy.address, "a.test", REQUEST);
    assert_eq!(late.response().unwrap(), (200, "ok".into()));
}
