//! Readers of `[upstream.NAME]`: servers, balancing, health checks, idle connections.

use std::time::Duration;

use super::addresses::parse_server_url;
use super::http_text::{is_token, parse_target};
use super::process::{parse_name, timeout_range};
use super::reader::{Field, Section};
use super::schema;
use crate::limits;
use crate::policy::ruleset::{Balance, HashKey, HealthCheck, PoolLimits, Server, Upstream};

/// Common servers close an idle connection after a minute: one kept longer may be dead when it is used.
const IDLE_SAFE: Duration = Duration::from_secs(60);
const URL: &str = "a URL such as \"http://10.0.0.1:8080\", or { url = ..., weight = ... }, or a list of them";

/// The upstreams in name order with their tables. A faulty one is there too, so that routes may name it.
pub(super) fn upstreams<'t>(root: &Section<'t>) -> Vec<(Upstream, Section<'t>)> {
    let sections = root.named_sections("upstream", schema::UPSTREAM);
    let upstreams: Vec<_> =
        sections.into_iter().map(|(name, section)| (upstream(name, &section), section)).collect();
    let servers: usize = upstreams.iter().map(|(upstream, _)| upstream.servers.len()).sum();
    if servers > limits::SERVERS {
        root.error(
            "upstream",
            format!("more than {} servers in all upstreams; remove some", limits::SERVERS),
        );
    }
    upstreams
}

fn upstream(name: &str, section: &Section<'_>) -> Upstream {
    if let Err(reason) = parse_name(name) {
        section.error("", format!("the upstream's name is {name:?}: {reason}"));
    }
    let balance = section.get("balance").and_then(|field| {
        field.parsed(
            "\"round-robin\", \"least-requests\", \"hash(header:NAME)\" or \"hash(source)\"",
            parse_balance,
        )
    });
    Upstream {
        name: name.to_owned(),
        servers: servers(section),
        balance: balance.unwrap_or(Balance::RoundRobin),
        health: section.table("health", schema::HEALTH).and_then(|section| health(&section)),
        pool: pool(&section.section("pool", schema::POOL)),
    }
}

fn servers(section: &Section<'_>) -> Vec<Server> {
    let Some(field) = section.require("servers", "servers = [\"http://10.0.0.1:8080\"]") else {
        return Vec::new();
    };
    let fields = field.list();
    if fields.is_empty() {
        field.fault("an upstream needs at least one server");
    }
    let mut servers: Vec<Server> = Vec::new();
    for field in fields {
        let Some(server) = server(&field) else { continue };
        let is_same = |other: &Server| {
            (&other.host, other.port, &other.socket) == (&server.host, server.port, &server.socket)
        };
        if servers.iter().any(is_same) {
            field.object(format!("{} is named twice; give it a `weight` instead", server.place()));
        }
        servers.push(server);
    }
    servers
}

fn server(field: &Field<'_>) -> Option<Server> {
    let parse = |field: &Field<'_>, expected| {
        field.parsed(expected, |text| parse_server_url(text, |path| field.place().beside(path)))
    };
    let (url, weight) = if field.is_table() {
        let section = field.inner_section(schema::SERVER)?;
        let weight = section.count("weight", 1..=u64::from(limits::WEIGHT_MAX), 1);
        (parse(&section.require("url", "url = \"http://10.0.0.1:8080\"")?, "a URL")?, weight)
    } else {
        (parse(field, URL)?, 1)
    };
    // The range of `weight` fits.
    Some(Server {
        host: url.host,
        port: url.port,
        socket: url.socket,
        tls: url.tls,
        weight: weight as u32,
        authority: url.authority,
    })
}

fn parse_balance(text: &str) -> Result<Balance, String> {
    let key = text.strip_prefix("hash(").and_then(|rest| rest.strip_suffix(')'));
    match (text, key) {
        ("round-robin", _) => Ok(Balance::RoundRobin),
        ("least-requests", _) => Ok(Balance::LeastRequests),
        (_, Some("source")) => Ok(Balance::Hash(HashKey::Source)),
        (_, Some("subject")) => Err(
            "a subject comes from a token rule, which this version has not; hash over a header or the source"
                .to_owned(),
        ),
        (_, Some(key)) => match key.strip_prefix("header:") {
            Some(name) if is_token(name) => Ok(Balance::Hash(HashKey::Header(name.to_ascii_lowercase()))),
            Some(name) => {
                Err(format!("{name:?} is no field name; write for example \"hash(header:x-user)\""))
            }
            None => Err("write \"hash(header:NAME)\" or \"hash(source)\"".to_owned()),
        },
        (_, None) => {
            Err("write \"round-robin\", \"least-requests\", \"hash(header:NAME)\" or \"hash(source)\""
                .to_owned())
        }
    }
}

fn health(section: &Section<'_>) -> Option<HealthCheck> {
    let results = |key, default: u32| {
        section.count(key, 1..=u64::from(limits::HEALTH_RESULTS_MAX), u64::from(default)) as u32
    };
    let intervals = limits::HEALTH_INTERVAL_MIN..=limits::TIMEOUT_MAX;
    let (interval, unhealthy, healthy) = (
        section.duration("interval", intervals, limits::HEALTH_INTERVAL),
        results("unhealthy", limits::HEALTH_UNHEALTHY),
        results("healthy", limits::HEALTH_HEALTHY),
    );
    let path =
        section.require("path", "path = \"/health\"")?.parsed("a path such as \"/health\"", parse_target)?;
    Some(HealthCheck { path, interval, unhealthy, healthy })
}

fn pool(section: &Section<'_>) -> PoolLimits {
    let unsaid = PoolLimits::default();
    let idle_timeout = section.duration("idle_timeout", timeout_range(), unsaid.idle_timeout);
    if idle_timeout >= IDLE_SAFE
        && let Some(field) = section.get("idle_timeout")
    {
        field.warn("many servers close an idle connection after 60s: below it fewer requests need a retry");
    }
    PoolLimits {
        idle: section.count("idle", 0..=limits::POOL_IDLE_MAX as u64, unsaid.idle as u64) as usize,
        age: section.duration("age", timeout_range(), unsaid.age),
        idle_timeout,
    }
}
