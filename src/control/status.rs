//! What the process says of itself: a plain picture that the control thread publishes and the admin server shows.

use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::supervisor::{Seat, SeatState};
use super::upstream_watch::UpstreamWatch;
use crate::policy::ruleset::{Listener, Ruleset, UNIX_PEER};
use crate::policy::upstream_health::{Probe, UpstreamView};
use crate::protocol::moment::{Monotonic, UnixMicros};
use crate::telemetry::metric_block::{Count, Durations, MetricBlock};
use crate::telemetry::metric_names::{HISTOGRAMS, METRICS};

/// The picture. Counters are read through it live, all else is as it was when it was taken.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// When the process started.
    pub started: Monotonic,
    /// The same by the wall clock.
    pub started_at: UnixMicros,
    /// Number of the rules in force; 0 before the first.
    pub generation: u64,
    /// How the newest attempt to change the rules went.
    pub reload: ReloadStatus,
    /// Every worker accepts connections, and the first keys of issuers are waited for no longer.
    pub ready: bool,
    /// An issuer's first keys are still to come.
    pub awaits_keys: bool,
    /// Finishing what runs, accepting no more.
    pub draining: bool,
    /// The workers, in order.
    pub workers: Vec<WorkerStatus>,
    /// The upstreams, in name order.
    pub upstreams: Arc<[UpstreamStatus]>,
    /// The issuers that have keys, in name order.
    pub issuers: Arc<[IssuerStatus]>,
    /// The data listeners, in file order.
    pub listeners: Arc<[Listener]>,
    /// Writes of the access log that failed.
    pub log_failures: Arc<Count>,
    /// How full the memory of sealed messages is; absent: there is none.
    pub replays: Option<ReplayLevel>,
}

/// How full the memory of sealed messages is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplayLevel {
    /// Messages remembered now, about.
    pub live: u64,
    /// Messages that are certain to find room.
    pub capacity: u64,
}

/// How the newest attempt to change the rules went.
#[derive(Clone, Debug, Default)]
pub struct ReloadStatus {
    /// It failed and the rules before it are in force.
    pub failed: bool,
    /// When rules last came in force.
    pub succeeded_at: UnixMicros,
}

/// One worker.
#[derive(Clone, Debug)]
pub struct WorkerStatus {
    /// The CPU it is pinned to.
    pub cpu: usize,
    /// What it is at, one word.
    pub state: &'static str,
    /// How often it was started again.
    pub restarts: u64,
    /// Its counters.
    pub metrics: Arc<MetricBlock>,
}

/// One upstream.
#[derive(Clone, Debug)]
pub struct UpstreamStatus {
    /// The name routes refer to.
    pub name: String,
    /// Its servers, in file order.
    pub servers: Vec<ServerStatus>,
}

/// One server of an upstream.
#[derive(Clone, Debug)]
pub struct ServerStatus {
    /// What logs and metrics call it.
    pub place: String,
    /// Its addresses; empty: the name does not resolve.
    pub addresses: Vec<SocketAddr>,
    /// The active checks' verdict.
    pub probe: Probe,
    /// Why the newest check failed, if it did.
    pub failure: Option<String>,
}

/// The keys of one issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerStatus {
    /// The name access rules refer to.
    pub name: String,
    /// How many of its keys are in force.
    pub keys: usize,
    /// When they were last got, even if they were the same; absent: never.
    pub fetched_at: Option<UnixMicros>,
    /// Attempts that failed.
    pub failures: u64,
    /// Why the newest attempt failed, if it did.
    pub failure: Option<String>,
}

impl WorkerStatus {
    /// A picture of `seat`.
    pub fn of(seat: &Seat) -> Self {
        let state = match seat.state {
            SeatState::Ended => "ended",
            SeatState::Serving { .. } => "serving",
            SeatState::Starting => "starting",
            SeatState::Waiting { .. } => "dead",
        };
        Self { cpu: seat.cpu, state, restarts: seat.restarts, metrics: Arc::clone(&seat.metrics) }
    }
}

impl ServerStatus {
    /// True when requests may be sent to it as far as the control side knows.
    pub fn is_up(&self) -> bool {
        self.probe != Probe::Down && !self.addresses.is_empty()
    }
}

/// A picture of the servers of `rules`.
pub fn upstreams(rules: &Ruleset, view: &UpstreamView, watch: &UpstreamWatch) -> Arc<[UpstreamStatus]> {
    let upstreams = rules.upstreams.iter().zip(&view.upstreams).enumerate();
    let picture = upstreams.map(|(upstream, (rules, group))| {
        let servers = rules.servers.iter().zip(group).enumerate();
        let servers = servers.map(|(server, (rules, view))| ServerStatus {
            place: rules.place(),
            addresses: view.addresses.clone(),
            probe: view.probe,
            failure: watch.failure(upstream, server).map(str::to_owned),
        });
        UpstreamStatus { name: rules.name.clone(), servers: servers.collect() }
    });
    picture.collect()
}

/// `/status.json`.
pub fn status_json(status: &Status, now: Monotonic) -> String {
    let workers: Vec<Value> = status.workers.iter().enumerate().map(worker_json).collect();
    let upstreams: Vec<Value> = status.upstreams.iter().map(upstream_json).collect();
    let issuers: Vec<Value> = status.issuers.iter().map(issuer_json).collect();
    let listeners = status.listeners.iter();
    let listeners: Vec<Value> = listeners
        .map(|listener| json!({"name": listener.name, "address": listener.address.to_string()}))
        .collect();
    let status = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "pid": std::process::id(),
        "uptime_seconds": now.since(status.started).as_secs_f64(),
        "generation": status.generation,
        "last_reload_failed": status.reload.failed,
        "ready": status.ready,
        "draining": status.draining,
        "workers": workers,
        "upstreams": upstreams,
        "issuers": issuers,
        "listeners": listeners,
        "payload_replays": status.replays.map(|level| json!({"live": level.live, "capacity": level.capacity})),
    });
    status.to_string()
}

fn worker_json((index, worker): (usize, &WorkerStatus)) -> Value {
    let mut counters = Map::new();
    for metric in METRICS {
        let name = short(metric.name);
        let classes = metric.label.split('"').skip(1).step_by(2);
        let name = classes.fold(name.to_owned(), |name, class| format!("{name}_{class}"));
        counters.insert(name, (metric.read)(&worker.metrics).into());
    }
    for histogram in HISTOGRAMS {
        counters.insert(short(histogram.name).to_owned(), durations_json((histogram.read)(&worker.metrics)));
    }
    json!({
        "index": index,
        "cpu": worker.cpu,
        "state": worker.state,
        "restarts": worker.restarts,
        "counters": counters,
    })
}

/// The name without what only Prometheus needs.
fn short(name: &str) -> &str {
    let name = name.strip_prefix("ringwall_").unwrap_or(name);
    name.strip_suffix("_total").unwrap_or(name)
}

fn durations_json(durations: &Durations) -> Value {
    let buckets: Vec<u64> = durations.buckets.iter().map(|bucket| bucket.get()).collect();
    json!({"count": buckets.iter().sum::<u64>(), "sum_us": durations.sum_micros.get(), "buckets": buckets})
}

fn upstream_json(upstream: &UpstreamStatus) -> Value {
    let server = |server: &ServerStatus| {
        let probe = match server.probe {
            Probe::Down => "down",
            Probe::Unknown => "unknown",
            Probe::Up => "up",
        };
        let addresses: Vec<_> = server.addresses.iter().filter(|address| **address != UNIX_PEER).collect();
        json!({
            "server": server.place,
            "addresses": addresses,
            "probe": probe,
            "failure": server.failure,
            "up": server.is_up(),
        })
    };
    let servers: Vec<Value> = upstream.servers.iter().map(server).collect();
    json!({"name": upstream.name, "servers": servers})
}

fn issuer_json(issuer: &IssuerStatus) -> Value {
    json!({
        "name": issuer.name,
        "keys": issuer.keys,
        "keys_fetched_at": issuer.fetched_at.map(|at| at.0 as f64 / 1e6),
        "key_fetch_failures": issuer.failures,
        "failure": issuer.failure,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::fixture;

    #[test]
    fn the_picture_holds_workers_servers_and_counters() {
        let status = fixture::status();
        status.workers[0].metrics.responses[2].add(5);
        status.workers[0].metrics.request_duration.record(120);
        let text = status_json(&status, Monotonic(3_500_000_000));
        let json: Value = serde_json::from_str(&text).unwrap();
        let check =
            |pointer: &str, expected: Value| assert_eq!(json.pointer(pointer), Some(&expected), "{pointer}");
        check("/generation", json!(3));
        check("/uptime_seconds", json!(2.5));
        check("/last_reload_failed", json!(true));
        check("/workers/0/counters/responses_2xx", json!(5));
        check("/workers/0/counters/request_duration_seconds/count", json!(1));
        check("/workers/0/counters/request_duration_seconds/sum_us", json!(120));
        check("/workers/1/state", json!("dead"));
        check("/workers/1/restarts", json!(1));
        check("/upstreams/0/servers/0/probe", json!("up"));
        check("/upstreams/0/servers/0/addresses/0", json!("192.0.2.1:8080"));
        check("/upstreams/0/servers/1/up", json!(false));
        check("/listeners/0/address", json!("127.0.0.1:80"));
        check("/issuers/0/name", json!("main"));
        check("/issuers/0/keys", json!(2));
        check("/issuers/0/keys_fetched_at", json!(1_787_745_650.25));
        check("/issuers/0/failure", Value::Null);
        check("/issuers/1/keys_fetched_at", Value::Null);
        check("/issuers/1/key_fetch_failures", json!(3));
        check("/issuers/1/failure", json!("login.test: status 500"));
    }
}
