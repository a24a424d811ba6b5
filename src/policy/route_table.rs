//! Which route a request takes: listener, host, normalised path, method, client address; the first match wins.

use std::time::Duration;

use ipnet::IpNet;

use super::access_rule::AccessRule;
use super::path_rules::{HostPattern, PathPattern};
use super::ruleset::{ListenerId, UpstreamId};

/// The routes in file order, compiled for matching.
#[derive(Debug, Default)]
pub struct RouteTable {
    routes: Vec<Route>,
}

impl RouteTable {
    /// Takes the routes in file order.
    pub fn new(routes: Vec<Route>) -> Self {
        Self { routes }
    }

    /// The routes in file order.
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }
}

/// One `[[route]]`, resolved and checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// What logs and metrics call it: the path pattern, with the host pattern before it where there is one.
    pub name: String,
    /// Listeners it applies to; empty: all.
    pub listeners: Vec<ListenerId>,
    /// Host patterns; empty: any.
    pub hosts: Vec<HostPattern>,
    /// Path pattern.
    pub path: PathPattern,
    /// Methods, upper case as registered; empty: any.
    pub methods: Vec<String>,
    /// What stands behind it.
    pub kind: RouteKind,
    /// Where a matching request goes.
    pub target: RouteTarget,
    /// Who may use it.
    pub access: AccessRule,
    /// Removed from the front of the path before forwarding.
    pub strip_prefix: Option<String>,
    /// The new target; `{path}` and `{query}` stand for what strip_prefix left.
    pub rewrite: Option<String>,
    /// What `Host` the upstream sees.
    pub upstream_host: UpstreamHost,
    /// Fields set on the forwarded request; inbound fields of the same folded name are removed. Lower-case names.
    pub set_headers: Vec<(String, String)>,
    /// Fields set on the response, replacing the upstream's. Lower-case names.
    pub response_headers: Vec<(String, String)>,
    /// Client addresses it is for; empty: any.
    pub clients: Vec<IpNet>,
    /// Which paths below it exist; absent: all.
    pub endpoints: Option<Endpoints>,
    /// Replaces the process-wide response timeout.
    pub response_timeout: Option<Duration>,
    /// Replaces the process-wide time between two reads of a body.
    pub body_timeout: Option<Duration>,
    /// Replaces the process-wide connect timeout.
    pub connect_timeout: Option<Duration>,
    /// Replaces the process-wide body limit.
    pub body_bytes: Option<u64>,
    /// Lets dot segments, empty segments, `%2F`, `%5C` and `%00` through unread.
    pub encoded_paths: bool,
}

/// What kind of server a route leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteKind {
    /// A resource server.
    Resource,
    /// The Token Server.
    TokenServer,
    /// Passed through without judgement.
    Transparent,
}

/// Where a matching request goes.
#[derive(Clone, Debug, PartialEq)]
pub enum RouteTarget {
    /// To a group of servers.
    Upstream(UpstreamId),
    /// Nowhere: this is the answer.
    Answer(FixedAnswer),
}

/// `answer = { status = 301, location = "..." }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FixedAnswer {
    /// 200 to 599.
    pub status: u16,
    /// `Location`; `{path}` and `{query}` stand for the request's.
    pub location: Option<String>,
}

/// What `Host` the upstream sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UpstreamHost {
    /// The client's.
    Preserve,
    /// The chosen server's own.
    Server,
    /// This one.
    Name(String),
}

/// `endpoints = { allow = [...], deny = [...] }`: a denied or not allowed path is 404.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Endpoints {
    /// Allowed patterns; empty: all.
    pub allow: Vec<PathPattern>,
    /// Denied patterns; they win.
    pub deny: Vec<PathPattern>,
}
