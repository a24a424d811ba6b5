//! Settings for the tests of this layer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::settings::{AccessLog, LogFormat, LogSettings, PayloadSettings, Settings, WorkerSettings};
use super::status::{
    IssuerStatus, ReloadStatus, ReplayLevel, ServerStatus, Status, UpstreamStatus, WorkerStatus,
};
use crate::limits;
use crate::net::payload::settings::PayloadKeySettings;
use crate::net::tls::TlsSettings;
use crate::policy::route_table::RouteTable;
use crate::policy::ruleset::{
    Forwarding, HealthCheck, Limits, Listener, Ruleset, Server, Timeouts, Upstream, UpstreamId,
};
use crate::policy::service::Service;
use crate::policy::token_rules::{CacheRules, Issuer, IssuerKind, KeySource};
use crate::policy::upstream_health::Probe;
use crate::protocol::moment::{Monotonic, UnixMicros};
use crate::protocol::token::claims::JwtRules;

/// One worker, one listener `public`, one upstream `orders` with two literal servers, no admin address, no log.
pub(crate) fn settings() -> Settings {
    Settings {
        ruleset: ruleset(),
        workers: WorkerSettings { cpus: vec![0], busy_poll: Duration::ZERO },
        admin: None,
        log: LogSettings { access: AccessLog::Off, format: LogFormat::Json },
        tls: TlsSettings::default(),
        payload: None,
    }
}

/// The rules of [`settings`].
pub(crate) fn ruleset() -> Ruleset {
    Ruleset {
        generation: 1,
        listeners: vec![listener()],
        upstreams: vec![upstream("orders", &["192.0.2.1", "192.0.2.2"])],
        services: Vec::new(),
        issuers: Vec::new(),
        mappers: Vec::new(),
        routes: RouteTable::default(),
        timeouts: Timeouts::default(),
        limits: Limits::default(),
        forwarding: Forwarding::default(),
        payload: None,
    }
}

/// [`settings`] with payload encryption, whose keys are made at the start.
pub(crate) fn sealed_settings() -> Settings {
    let mut settings = settings();
    settings.ruleset.payload = Some(Arc::default());
    let (keys, replay_entries) = (PayloadKeySettings::default(), limits::PAYLOAD_REPLAY_ENTRIES);
    settings.payload = Some(PayloadSettings { keys, replay_entries });
    settings
}

fn listener() -> Listener {
    let address = SocketAddr::from(([127, 0, 0, 1], 80)).into();
    Listener { name: "public".into(), address, proxy_protocol: None, tls: false }
}

/// An upstream with servers at port 8080 and no health check.
pub(crate) fn upstream(name: &str, hosts: &[&str]) -> Upstream {
    Upstream::new(name, hosts.iter().map(|host| Server::new(*host, 8080)).collect())
}

/// A resource at `path` of that upstream, asked in nobody's name.
pub(crate) fn service(name: &str, upstream: UpstreamId, path: &str) -> Service {
    let timeout = Duration::from_secs(10);
    Service { name: name.into(), upstream, path: path.into(), credentials: None, timeout }
}

/// An issuer of JSON Web Tokens.
pub(crate) fn issuer(name: &str, keys: KeySource) -> Issuer {
    let rules = JwtRules {
        index: 0,
        issuer: format!("https://{name}.test").into(),
        audience: vec!["orders".into()],
        algorithms: Vec::new(),
        requires_type: true,
        skew: 10,
        is_fapi: false,
    };
    let cache = CacheRules { positive: Duration::ZERO, negative: Duration::ZERO, entries: 0 };
    Issuer { name: name.into(), kind: IssuerKind::Jwt { rules, keys }, cache }
}

/// Two failures take a server out, one success brings it back.
pub(crate) fn health_check() -> HealthCheck {
    HealthCheck { path: "/health".into(), interval: Duration::from_secs(5), unhealthy: 2, healthy: 1 }
}

/// Two workers, one upstream with one good, one unresolved server.
pub(crate) fn status() -> Status {
    let server =
        |place: &str, addresses, probe| ServerStatus { place: place.into(), addresses, probe, failure: None };
    let worker = |cpu, state| WorkerStatus { cpu, state, restarts: cpu as u64, metrics: Arc::default() };
    Status {
        started: Monotonic(1_000_000_000),
        started_at: UnixMicros(1_787_745_600_500_000),
        generation: 3,
        reload: ReloadStatus { failed: true, succeeded_at: UnixMicros(1_787_745_700_000_000) },
        ready: true,
        awaits_keys: false,
        draining: false,
        workers: vec![worker(0, "serving"), worker(1, "dead")],
        upstreams: Arc::new([UpstreamStatus {
            name: "orders".into(),
            servers: vec![
                server("192.0.2.1:8080", vec![([192, 0, 2, 1], 8080).into()], Probe::Up),
                server("gone.example", Vec::new(), Probe::Unknown),
            ],
        }]),
        issuers: Arc::new([
            IssuerStatus {
                name: "main".into(),
                keys: 2,
                fetched_at: Some(UnixMicros(1_787_745_650_250_000)),
                failures: 1,
                failure: None,
            },
            IssuerStatus {
                name: "other".into(),
                keys: 0,
                fetched_at: None,
                failures: 3,
                failure: Some("login.test: status 500".into()),
            },
        ]),
        listeners: Arc::new([listener()]),
        log_failures: Arc::default(),
        replays: Some(ReplayLevel { live: 7, capacity: 1000 }),
    }
}
