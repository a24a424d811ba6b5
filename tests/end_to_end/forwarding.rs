//! What crosses the proxy when nothing is wrong: fields, targets, routes, interim and early responses, tunnels, and
//! bodies in both directions at once.

mod bodies;
mod connections;
mod fields;
mod responses;
mod routes;
mod targets;
mod tunnels;

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use ringwall::limits::IDLE_WARM_MAX;

use crate::harness::random::Random;
use crate::harness::{
    End, Framing, Gate, Message, PATIENCE, RawClient, ScriptedServer, Setup, eventually, unused_address,
};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// Sends a GET with these field lines through a proxy set up so, and gives what the server saw.
#[track_caller]
fn forwarded(setup: impl FnOnce(&ScriptedServer) -> Setup, target: &str, fields: &str) -> Message {
    let server = ScriptedServer::ok();
    let proxy = setup(&server).start();
    let mut client = proxy.client();
    client.send(format!("GET {target} HTTP/1.1\r\nHost: Example.test:8080\r\n{fields}\r\n"));
    let response = client.response();
    assert_eq!(response.status(), 200, "{response:?}");
    server.request()
}

/// What the client gets when the server answers so.
#[track_caller]
fn answered(settings: &str, answer: &str) -> Message {
    let server = ScriptedServer::answering(answer);
    let proxy = Setup::beside(&server).route(&format!("path = \"/*\"\n{settings}")).start();
    proxy.get("/")
}

/// A connection that idles longer than it stays warm gives its memory back and works as before.
#[test]
fn a_connection_that_cooled_down_serves_on() {
    let server = ScriptedServer::ok();
    let proxy = Setup::to(&server).start();
    let mut client = proxy.client();
    for _ in 0..3 {
        assert_eq!(client.get("/").text(), "ok");
        eventually("the connection to cool down", || {
            (proxy.metric("ringwall_connections_cold", "") == 1.0).then_some(())
        });
    }
    // Half a head, and cooling in between would lose it.
    client.send("GET / HTTP/1.1\r\n");
    assert!(client.is_quiet_for(Duration::from_millis(700)));
    client.send("Host: example.test\r\n\r\n");
    assert_eq!(client.response().text(), "ok");
}

/// Only so many idle connections keep their buffers: those beyond give them back without waiting for the cool-down.
#[test]
fn a_crowd_of_idle_connections_gives_its_buffers_back_at_once() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
    let server = ScriptedServer::ok();
    let proxy = Setup::to(&server).start();
    let mut crowd: Vec<_> = (0..IDLE_WARM_MAX + 200).map(|_| proxy.client()).collect();
    for client in &mut crowd {
        assert_eq!(client.get("/").text(), "ok");
    }
    assert!(proxy.metric("ringwall_connections_cold", "") >= 199.0);
    // Those that gave theirs back first, while the others still idle with theirs.
    for client in crowd.iter_mut().rev() {
        assert_eq!(client.get("/").text(), "ok");
    }
}

/// The end the client sees of a whole exchange is a clean one.
#[test]
fn a_closed_client_connection_leaves_nothing_behind() {
    let server = ScriptedServer::ok();
    let proxy = Setup::to(&server).start();
    for _ in 0..20 {
        let mut client = proxy.client();
        client.send("GET / HTTP/1.1\r\nHost: example.test\r\nConnection: close\r\n\r\n");
        client.response();
        assert_eq!(client.rest(), (Vec::new(), End::Closed));
    }
    eventually("no connection", || (proxy.metric("ringwall_connections_open", "") == 0.0).then_some(()));
}
