//! The life of the process: exit codes, reload, drain, admin pages, access log, workers, and a soak that must leave it as
//! it was.

mod access_log;
mod admin;
mod drain;
mod exit_codes;
mod reload;
mod soak;

use std::collections::{BTreeMap, HashSet};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Output};
use std::time::Duration;

use nix::sys::signal::Signal;
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, apply_filter};
use serde_json::Value;

use crate::harness::proxy::allowed_cpus;
use crate::harness::random::Random;
use crate::harness::{
    Directory, End, Gate, Proxy, RawClient, ScriptedServer, Setup, eventually, unused_address,
};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A server that answers `name`; requests to `/slow` wait at the gate, after the first half of their answer.
fn named(name: &'static str, gate: &Gate) -> ScriptedServer {
    let passed = gate.clone();
    ScriptedServer::start(move |connection| {
        while let Some(request) = connection.request() {
            let half = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{name}", name.len() * 2);
            if request.target() == "/slow" {
                connection.send(half);
                connection.mark("half");
                passed.pass();
                connection.send(name);
            } else {
                connection.send(format!("{half}{name}"));
            }
        }
    })
}

#[test]
fn two_workers_share_the_connections() {
    let cpus = allowed_cpus();
    let both = [cpus[0], cpus[cpus.len() - 1]];
    let server = ScriptedServer::ok();
    let proxy = Setup::to(&server).cpus(&format!("{},{}", both[0], both[1])).start();
    let clients: Vec<_> = (0..64)
        .map(|_| {
            let mut client = proxy.client();
            assert_eq!(client.get("/").text(), "ok");
            client
        })
        .collect();
    let status = proxy.status();
    let workers = status["workers"].as_array().expect("workers");
    assert_eq!(workers.len(), 2);
    for (worker, cpu) in workers.iter().zip(both) {
        assert_eq!(worker["cpu"], cpu);
        assert!(worker["counters"]["connections_open"].as_u64().is_some_and(|open| open > 0), "{status}");
    }
    assert_eq!(proxy.metric("ringwall_connections_open", ""), clients.len() as f64);
}

#[test]
fn connections_beyond_the_limit_are_closed() {
    let server = ScriptedServer::ok();
    let proxy = Setup::to(&server).with("[limits]\nconnections = 2").start();
    let (mut first, mut second) = (proxy.client(), proxy.client());
    assert_eq!(first.get("/").text(), "ok");
    assert_eq!(second.get("/").text(), "ok");
    let mut third = proxy.client();
    let (rest, _) = third.rest();
    assert_eq!(rest, b"");
    assert_eq!(first.get("/").text(), "ok");
    drop(second);
    eventually("a free place", || {
        let mut client = proxy.client();
        client.send_if_open("GET / HTTP/1.1\r\nHost: example.test\r\n\r\n");
        client.try_response().is_ok().then_some(())
    });
}

#[test]
fn connections_of_one_address_beyond_its_limit_are_closed() {
    let server = ScriptedServer::ok();
    let proxy = Setup::to(&server).with("[limits]\nconnections_per_address = 2").start();
    let (one, other) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2]));
    let from = |address| RawClient::connect_from(address, proxy.address);
    let (mut first, mut second) = (from(one), from(one));
    assert_eq!(first.get("/").text(), "ok");
    assert_eq!(second.get("/").text(), "ok");
    let (rest, _) = from(one).rest();
    assert_eq!(rest, b"");
    assert_eq!(from(other).get("/").text(), "ok", "an address has nothing to do with another");
    assert_eq!(first.get("/").text(), "ok");
    eventually("the count", || {
        (proxy.metric("ringwall_connections_refused_total", "reason=\"address\"") == 1.0).then_some(())
    });
    assert_eq!(proxy.metric("ringwall_connections_refused_total", "reason=\"connections\""), 0.0);
    drop(second);
    eventually("a free place", || {
        let mut client = from(one);
        client.send_if_open("GET / HTTP/1.1\r\nHost: example.test\r\n\r\n");
        client.try_response().is_ok().then_some(())
    });
}
