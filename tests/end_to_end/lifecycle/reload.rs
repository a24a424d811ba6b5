//! SIGHUP: new rules for new requests, or the old ones for all.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use super::*;
use crate::harness::PATIENCE;

#[test]
fn swaps_the_rules_for_new_requests_alone() {
    let gate = Gate::default();
    let (old, new) = (named("old", &gate), named("new", &gate));
    let proxy = Setup::to(&old).start();
    let (mut running, mut idle) = (proxy.client(), proxy.client());
    assert_eq!(idle.get("/").text(), "oldold");
    running.send("GET /slow HTTP/1.1\r\nHost: example.test\r\n\r\n");
    old.wait_for_mark("half");
    proxy.rewrite(|text| {
        text.replace(&old.address().to_string(), &new.address().to_string())
            .replace("path = \"/*\"", "path = \"/*\"\nresponse_headers = { \"x-rules\" = \"new\" }")
    });
    proxy.reload();
    let response = idle.get("/");
    assert_eq!(
        (response.text().as_str(), response.fields.get("x-rules").as_deref()),
        ("newnew", Some("new"))
    );
    assert_eq!(proxy.get("/").text(), "newnew");
    gate.open();
    let response = running.response();
    assert_eq!((response.text().as_str(), response.fields.has("x-rules")), ("oldold", false));
    assert_eq!(running.get("/").text(), "newnew");
    let status = proxy.status();
    assert_eq!((&status["generation"], &status["last_reload_failed"]), (&2.into(), &false.into()));
    let generations: HashSet<_> =
        proxy.wait_for_log(5).iter().map(|line| line["generation"].as_u64()).collect();
    assert_eq!(generations, HashSet::from([Some(1), Some(2)]));
}

#[test]
fn keeps_the_old_rules_when_the_new_are_bad() {
    let server = ScriptedServer::ok();
    let proxy = Setup::to(&server).start();
    let good = std::fs::read_to_string(proxy.path("ringwall.toml")).expect("the configuration");
    for bad in [
        "rubbish".to_owned(),
        good.replace("access = \"open\"", ""),
        good.replace(&proxy.address.to_string(), &unused_address().to_string()),
    ] {
        let failures = proxy.stderr().matches("was not reloaded").count();
        proxy.rewrite(|_| bad.clone());
        proxy.signal(Signal::SIGHUP);
        eventually("the refusal", || {
            (proxy.stderr().matches("was not reloaded").count() > failures).then_some(())
        });
        eventually("the failed reload to be shown", || {
            (proxy.status()["last_reload_failed"] == true).then_some(())
        });
        assert_eq!(proxy.metric("ringwall_config_last_reload_successful", ""), 0.0);
        assert_eq!(proxy.metric("ringwall_config_generation", ""), 1.0);
        assert_eq!(proxy.get("/").text(), "ok", "{bad}");
    }
    proxy.rewrite(|_| good.clone());
    proxy.reload();
    assert_eq!(proxy.metric("ringwall_config_last_reload_successful", ""), 1.0);
    assert_eq!(proxy.get("/").text(), "ok");
}

/// Idle connections to servers that stay are not given up.
#[test]
fn keeps_connections_to_servers_that_stay() {
    let server = ScriptedServer::ok();
    let proxy = Setup::to(&server).start();
    assert_eq!(proxy.get("/").text(), "ok");
    proxy.reload();
    assert_eq!(proxy.get("/").text(), "ok");
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn opens_the_access_log_anew() {
    let server = ScriptedServer::ok();
    let proxy = Setup::to(&server).start();
    proxy.get("/first");
    proxy.wait_for_log(1);
    std::fs::rename(proxy.path("access.log"), proxy.path("access.log.1")).expect("a rotated log");
    proxy.reload();
    proxy.get("/second");
    let log = proxy.wait_for_log(1);
    assert_eq!((log.len(), &log[0]["path"]), (1, &"/second".into()));
}

/// Requests that are under way at any moment of a reload are answered.
#[test]
fn under_load_fails_no_request() {
    let server = ScriptedServer::ok();
    let proxy = Setup::to(&server).start();
    let began = Instant::now();
    let (over, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut client = proxy.client();
                // Bounded, in case the test fails meanwhile.
                while !over.load(Ordering::Relaxed) && began.elapsed() < PATIENCE {
                    assert_eq!(client.get("/").text(), "ok");
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for _ in 0..5 {
            let before = answered.load(Ordering::Relaxed);
            proxy.reload();
            eventually("requests under the new rules", || {
                (answered.load(Ordering::Relaxed) > before + 20).then_some(())
            });
        }
        over.store(true, Ordering::Relaxed);
    });
    assert_eq!(proxy.status()["generation"], 6);
}
