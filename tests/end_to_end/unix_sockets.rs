//! Unix sockets on both sides: what works over TCP works here, and the files come and go in order.

use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixListener;
use std::path::Path;

use nix::sys::signal::Signal;

use crate::harness::proxy::allowed_cpus;
use crate::harness::{Connection, Directory, Gate, RawClient, ScriptedServer, Setup, eventually};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const LOCAL: &str = "[[listener]]\nname = \"local\"\naddress = \"unix:local.sock\"";

fn ok(connection: &mut Connection) {
    while connection.request().is_some() {
        connection.send(OK);
    }
}

/// An upstream `origin` at the socket `path`, and an open route for everything to it.
fn to_socket(path: &Path, settings: &str) -> Setup {
    Setup::new()
        .with(format!("[upstream.origin]\nservers = [\"unix:{}\"]\n{settings}", path.display()))
        .route("path = \"/*\"")
}

#[test]
fn every_worker_serves_clients_of_a_socket() {
    let server = ScriptedServer::ok();
    let cpu = allowed_cpus()[0];
    let proxy = Setup::to(&server).with(LOCAL).cpus(&format!("{cpu},{cpu}")).start();
    let path = proxy.path("local.sock");
    let mut clients: Vec<_> = (0..32).map(|_| RawClient::connect_unix(&path)).collect();
    for client in clients.iter_mut().chain([&mut proxy.client()]) {
        assert_eq!(client.get("/").text(), "ok");
        assert_eq!(client.get("/").text(), "ok");
    }
    let log = proxy.wait_for_log(2 * 33);
    let of_socket = log.iter().filter(|line| line["client"] == "unix:" && line["listener"] == "local");
    assert_eq!(of_socket.count(), 2 * 32);
    assert_eq!(proxy.status()["listeners"][1]["address"], format!("unix:{}", path.display()));
}

#[test]
fn a_drain_gives_the_socket_up_and_finishes_what_came_through_it() {
    let gate = Gate::default();
    let passed = gate.clone();
    let server = ScriptedServer::start(move |connection| {
        while connection.request().is_some() {
            connection.mark("asked");
            passed.pass();
            connection.send(OK);
        }
    });
    let mut proxy = Setup::to(&server).with(LOCAL).start();
    let path = proxy.path("local.sock");
    assert!(std::fs::symlink_metadata(&path).is_ok_and(|found| found.file_type().is_socket()));
    let mut client = RawClient::connect_unix(&path);
    client.send("GET / HTTP/1.1\r\nHost: example.test\r\n\r\n");
    server.wait_for_mark("asked");
    proxy.signal(Signal::SIGTERM);
    eventually("the socket's file to go", || (!path.exists()).then_some(()));
    // Whoever follows may take the name: what ends now leaves it alone.
    let _successor = UnixListener::bind(&path).expect("the name is free");
    gate.open();
    assert_eq!(client.response().text(), "ok");
    client.expect_close();
    assert_eq!(proxy.wait_for_exit().code(), Some(0), "{}", proxy.stderr());
    assert!(path.exists());
}

#[test]
fn what_a_killed_process_left_is_replaced_and_what_lives_is_not() {
    let (directory, server) = (Directory::new(), ScriptedServer::ok());
    let path = directory.path().join("left.sock");
    let setup = || {
        let address = format!("address = \"unix:{}\"", path.display());
        Setup::to(&server).with(format!("[[listener]]\nname = \"local\"\n{address}"))
    };
    drop(UnixListener::bind(&path).expect("a socket left behind"));
    let proxy = setup().start();
    assert_eq!(RawClient::connect_unix(&path).get("/").text(), "ok");
    let mut second = setup().spawn();
    assert_eq!(second.wait_for_exit().code(), Some(1), "{}", second.stderr());
    let said = second.stderr();
    for part in ["cannot listen on unix:", "left.sock", "somebody listens there", "choose another"] {
        assert!(said.contains(part), "{said}");
    }
    assert_eq!(RawClient::connect_unix(&path).get("/").text(), "ok");
    drop(proxy);
    assert!(path.exists(), "a killed process removes nothing");
}

#[test]
fn servers_are_reached_through_sockets() {
    let directory = Directory::new();
    let path = directory.path().join("origin.sock");
    let server = ScriptedServer::on_unix(&path, ok);
    let proxy = to_socket(&path, "").start();
    let mut client = proxy.client();
    for _ in 0..3 {
        assert_eq!(client.get("/a").text(), "ok");
    }
    assert_eq!(server.requests()[0].fields.get("host").as_deref(), Some("example.test"));
    assert_eq!(server.seen().len(), 1, "the connection is kept");
    let place = format!("unix:{}", path.display());
    assert_eq!(proxy.wait_for_log(3)[0]["server"], place);
    assert_eq!(proxy.metric("ringwall_upstream_server_up", &place), 1.0);
    // Rules that name the same socket take its connections over.
    proxy.rewrite(|text| text.replace("path = \"/*\"", "path = \"/a/*\""));
    proxy.reload();
    assert_eq!(client.get("/a").text(), "ok");
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn a_host_of_its_own_is_localhost() {
    let directory = Directory::new();
    let path = directory.path().join("origin.sock");
    let server = ScriptedServer::on_unix(&path, ok);
    let proxy = Setup::new()
        .with(format!("[upstream.origin]\nservers = [\"unix:{}\"]", path.display()))
        .route("path = \"/*\"\nupstream_host = \"server\"")
        .start();
    assert_eq!(proxy.get("/").text(), "ok");
    assert_eq!(server.request().fields.get("host").as_deref(), Some("localhost"));
}

#[test]
fn a_socket_without_a_server_refuses_and_is_checked_like_any_other() {
    let directory = Directory::new();
    let path = directory.path().join("origin.sock");
    let proxy = to_socket(&path, "").start();
    assert_eq!(proxy.get("/").status(), 502);
    let health = "health = { path = \"/up\", interval = \"100ms\", unhealthy = 1, healthy = 1 }";
    let checked = to_socket(&path, health).start();
    let up = |expected: f64| {
        eventually("the verdict", || {
            (checked.metric("ringwall_upstream_server_up", "origin") == expected).then_some(())
        });
    };
    up(0.0);
    let server = ScriptedServer::on_unix(&path, ok);
    up(1.0);
    assert_eq!(checked.get("/").text(), "ok");
    assert!(server.requests().iter().any(|request| request.target() == "/up"));
    assert_eq!(checked.status()["upstreams"][0]["servers"][0]["addresses"], serde_json::json!([]));
}
