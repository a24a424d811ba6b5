//! The rules the simulated proxy serves by: one upstream of two servers behind every path.

use std::sync::Arc;

use ringwall::policy::access_rule::AccessRule;
use ringwall::policy::path_rules::PathPattern;
use ringwall::policy::payload_rules::{PayloadMode, PayloadRules};
use ringwall::policy::route_table::{Route, RouteTable, RouteTarget};
use ringwall::policy::ruleset::{Forwarding, Limits, Rules, Ruleset, Server, Timeouts, Upstream, UpstreamId};

/// Servers of the one upstream.
pub(crate) const SERVERS: u16 = 2;

/// Everything goes to the upstream, and with `payload` comes sealed or not.
pub(crate) fn rules(payload: Option<PayloadRules>) -> Rules {
    Rules::new(Arc::new(Ruleset {
        generation: 1,
        listeners: Vec::new(),
        upstreams: vec![upstream()],
        services: Vec::new(),
        issuers: Vec::new(),
        mappers: Vec::new(),
        routes: RouteTable::new(vec![route()]),
        timeouts: Timeouts::default(),
        limits: Limits::default(),
        forwarding: Forwarding::default(),
        payload: payload.map(Arc::new),
    }))
}

fn upstream() -> Upstream {
    Upstream::new("all", (0..SERVERS).map(|at| Server::new(format!("s{at}.test"), 80)).collect())
}

fn route() -> Route {
    let path = PathPattern::parse("/*").expect("a pattern");
    Route {
        payload: PayloadMode::Accept,
        response_headers: vec![("x-frame-options".to_owned(), "DENY".to_owned())],
        ..Route::new(path, RouteTarget::Upstream(UpstreamId(0)), AccessRule::OPEN)
    }
}
