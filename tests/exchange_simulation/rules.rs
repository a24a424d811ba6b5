//! The rules the simulated proxy serves by: one upstream of two servers behind every path.

use std::sync::Arc;
use std::time::Duration;

use ringwall::limits;
use ringwall::policy::access_rule::AccessRule;
use ringwall::policy::path_rules::PathPattern;
use ringwall::policy::route_table::{Route, RouteKind, RouteTable, RouteTarget, UpstreamHost};
use ringwall::policy::ruleset::{
    Balance, Forwarding, Limits, PoolLimits, Rules, Ruleset, Server, Timeouts, Upstream, UpstreamId,
};

/// Servers of the one upstream.
pub(crate) const SERVERS: u16 = 2;

/// Everything goes to the upstream.
pub(crate) fn rules() -> Rules {
    Rules::new(Arc::new(Ruleset {
        generation: 1,
        listeners: Vec::new(),
        upstreams: vec![upstream()],
        routes: RouteTable::new(vec![route()]),
        timeouts: Timeouts {
            header: limits::TIMEOUT_HEADER,
            body: limits::TIMEOUT_BODY,
            idle: limits::TIMEOUT_IDLE,
            handshake: limits::TIMEOUT_HANDSHAKE,
            connect: limits::TIMEOUT_CONNECT,
            response: limits::TIMEOUT_RESPONSE,
            drain: limits::TIMEOUT_DRAIN,
        },
        limits: Limits {
            request_line: limits::REQUEST_LINE_BYTES,
            header_bytes: limits::HEADER_BYTES,
            header_count: limits::HEADER_COUNT,
            body_bytes: limits::BODY_BYTES,
            connections: 1,
            connections_per_address: 1,
        },
        forwarding: Forwarding::default(),
    }))
}

fn upstream() -> Upstream {
    let server = |at| Server {
        host: format!("s{at}.test"),
        port: 80,
        socket: None,
        tls: false,
        weight: 1,
        authority: format!("s{at}.test"),
    };
    Upstream {
        name: "all".to_owned(),
        servers: (0..SERVERS).map(server).collect(),
        balance: Balance::RoundRobin,
        health: None,
        pool: PoolLimits { idle: 8, age: Duration::from_secs(600), idle_timeout: Duration::from_secs(50) },
    }
}

fn route() -> Route {
    Route {
        name: "/*".to_owned(),
        listeners: Vec::new(),
        hosts: Vec::new(),
        path: PathPattern::parse("/*").expect("a pattern"),
        methods: Vec::new(),
        kind: RouteKind::Resource,
        target: RouteTarget::Upstream(UpstreamId(0)),
        access: AccessRule::OPEN,
        strip_prefix: None,
        rewrite: None,
        upstream_host: UpstreamHost::Preserve,
        set_headers: Vec::new(),
        response_headers: vec![("x-frame-options".to_owned(), "DENY".to_owned())],
        clients: Vec::new(),
        endpoints: None,
        response_timeout: None,
        body_timeout: None,
        connect_timeout: None,
        body_bytes: None,
        encoded_paths: false,
    }
}
