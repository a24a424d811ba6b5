//! The rules the simulated proxy serves by: one upstream of two servers behind every path.

use std::sync::Arc;
use std::time::Duration;

use ringwall::policy::access_rule::{AccessRule, JudgedRule, TokenRule};
use ringwall::policy::field_template::FieldTemplate;
use ringwall::policy::path_rules::PathPattern;
use ringwall::policy::payload_rules::{PayloadMode, PayloadRules};
use ringwall::policy::route_table::{Route, RouteTable, RouteTarget};
use ringwall::policy::ruleset::{Forwarding, Limits, Rules, Ruleset, Server, Timeouts, Upstream, UpstreamId};
use ringwall::policy::token_rules::{CacheRules, Issuer, IssuerId, IssuerKind, KeySource};
use ringwall::protocol::token::claims::JwtRules;

/// Servers of the one upstream.
pub(crate) const SERVERS: u16 = 2;

/// Everything goes to the upstream, and with `payload` comes sealed or not.
pub(crate) fn rules(payload: Option<PayloadRules>) -> Rules {
    Rules::new(Arc::new(ruleset(payload, route())))
}

/// Everything goes to the upstream that has a good token of the one issuer, whose subject it gets.
#[allow(dead_code, reason = "not every measurement is of tokens")]
pub(crate) fn judged_rules() -> Rules {
    let issuers = vec![issuer()];
    let rule = JudgedRule::new(&issuers, vec![IssuerId(0)]);
    let access = AccessRule { token: TokenRule::Judged(Arc::new(rule)), client_certificate: None };
    let field =
        |(name, text): (&str, &str)| (name.to_owned(), FieldTemplate::parse(text).expect("a template"));
    let set_headers = [("x-user", "{sub}"), ("x-scope", "{scope}"), ("x-amr", "by {amr}")].map(field).into();
    let route = Route { access, set_headers, ..route() };
    Rules::new(Arc::new(Ruleset { issuers, ..ruleset(None, route) }))
}

fn issuer() -> Issuer {
    let rules = JwtRules {
        index: 0,
        issuer: "https://login.test".into(),
        audience: vec!["orders".into()],
        algorithms: Vec::new(),
        requires_type: true,
        skew: 0,
        is_fapi: false,
    };
    let cache = CacheRules { positive: Duration::ZERO, negative: Duration::ZERO, entries: 0 };
    let kind = IssuerKind::Jwt { rules, keys: KeySource::File("keys.json".into()) };
    Issuer { name: "main".to_owned(), kind, cache }
}

fn ruleset(payload: Option<PayloadRules>, route: Route) -> Ruleset {
    Ruleset {
        generation: 1,
        listeners: Vec::new(),
        upstreams: vec![upstream()],
        services: Vec::new(),
        issuers: Vec::new(),
        mappers: Vec::new(),
        routes: RouteTable::new(vec![route]),
        timeouts: Timeouts::default(),
        limits: Limits::default(),
        forwarding: Forwarding::default(),
        payload: payload.map(Arc::new),
    }
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
