//! From SIGTERM to the end.

use super::*;

#[test]
fn finishes_what_runs_and_takes_nothing_new() {
    let gate = Gate::default();
    let server = named("a", &gate);
    let mut proxy = Setup::to(&server).start();
    let (mut running, mut idle) = (proxy.client(), proxy.client());
    assert_eq!(idle.get("/").text(), "aa");
    running.send("GET /slow HTTP/1.1\r\nHost: example.test\r\n\r\n");
    server.wait_for_mark("half");
    assert_eq!(proxy.admin("/ready").status(), 200);
    proxy.signal(Signal::SIGTERM);
    eventually("the proxy not to be ready", || (proxy.admin("/ready").status() == 503).then_some(()));
    assert_eq!(proxy.admin("/ready").text(), "draining\n");
    assert_eq!(proxy.admin("/health").status(), 200);
    assert_eq!(proxy.status()["draining"], true);
    eventually("no listener", || TcpStream::connect(proxy.address).is_err().then_some(()));
    // An idle connection may still have a request on the way; it is the last.
    let last = idle.get("/last");
    assert_eq!((last.text().as_str(), last.fields.get("connection").as_deref()), ("aa", Some("close")));
    idle.expect_close();
    gate.open();
    assert_eq!(running.response().text(), "aa");
    running.expect_close();
    assert_eq!(proxy.wait_for_exit().code(), Some(0), "{}", proxy.stderr());
    assert_eq!(proxy.access_log().len(), 3);
}

#[test]
fn closes_idle_connections() {
    let server = ScriptedServer::ok();
    let mut proxy = Setup::to(&server).start();
    let (mut silent, mut used) = (proxy.client(), proxy.client());
    used.get("/");
    proxy.signal(Signal::SIGTERM);
    silent.expect_close();
    used.expect_close();
    assert_eq!(proxy.wait_for_exit().code(), Some(0));
}

#[test]
fn cuts_what_takes_too_long() {
    let gate = Gate::default();
    let server = named("a", &gate);
    let mut proxy = Setup::to(&server).with("[timeouts]\ndrain = \"300ms\"").start();
    let mut client = proxy.client();
    client.send("GET /slow HTTP/1.1\r\nHost: example.test\r\n\r\n");
    server.wait_for_mark("half");
    proxy.signal(Signal::SIGTERM);
    assert!(client.try_response().is_err(), "cut, not ended");
    assert_eq!(proxy.wait_for_exit().code(), Some(0), "{}", proxy.stderr());
    assert_eq!(proxy.access_log()[0]["reason"], "drained");
    gate.open();
}
