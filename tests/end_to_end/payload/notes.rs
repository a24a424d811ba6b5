//! What log and metrics say of payload encryption.

use super::sealed_client::{GET, Key};
use super::*;
use crate::harness::ScriptedServer;

#[test]
fn log_and_metrics_tell_what_came_sealed() {
    let server = ScriptedServer::ok();
    let proxy = Setup::to(&server).with("[payload]\nreplay_entries = 4096").start();
    let key = Key::of(&proxy);
    let session = key.session(&proxy, None);
    for number in 0..2 {
        assert_eq!(session.message(number, &GET.bytes()).send(&proxy).status, 200);
    }
    key.chunked(&GET.dated(now())).send(&proxy);
    key.whole(&GET.dated(now())).send(&proxy);
    assert_eq!(proxy.get("/").status(), 200);
    let lines = proxy.wait_for_log(7);
    let forms: Vec<_> = lines.iter().map(|line| line["payload"].as_str().unwrap_or("-")).collect();
    assert_eq!(forms, ["-", "opening", "session", "session", "single-chunked", "single", "-"]);
    let metrics = proxy.admin("/metrics").text();
    let value = |name: &str| {
        let line = metrics.lines().find(|line| line.split(' ').next() == Some(name));
        line.and_then(|line| line.split(' ').nth(1)).and_then(|value| value.parse::<u64>().ok())
    };
    for (form, count) in [("opening", 1), ("session", 2), ("single", 1), ("single-chunked", 1)] {
        let name = format!("ringwall_payload_requests_total{{worker=\"0\",form=\"{form}\"}}");
        assert_eq!(value(&name), Some(count), "{name}");
    }
    assert!(value("ringwall_payload_replay_capacity").is_some_and(|capacity| capacity >= 4096), "{metrics}");
    assert!(value("ringwall_payload_replay_entries").is_some_and(|live| live <= 4), "{metrics}");
}
