//! Which route a request takes: listener, host, normalised path, method, client address; the first match wins.
//!
//! What is done with the request then, and how a refusal is answered, is decided elsewhere. `index` finds the routes
//! worth a look, `target_rewrite` makes the forwarded target and the `Location` of a fixed answer.

mod index;
mod target_rewrite;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

use self::index::RouteIndex;
pub use self::target_rewrite::{
    TargetFault, TemplateFault, check_template, fixed_location, forwarded_target,
};
use super::access_rule::AccessRule;
use super::field_template::FieldTemplate;
use super::path_rules::{
    HostPattern, PathFault, PathPattern, READINGS, normalise, normalise_lenient, reading,
};
use super::payload_rules::PayloadMode;
use super::request_mapper::MapperId;
use super::ruleset::{ListenerId, UpstreamId};

/// The routes in file order, compiled for matching.
#[derive(Debug, Default)]
pub struct RouteTable {
    routes: Vec<Route>,
    index: RouteIndex,
    /// Some route has `encoded_paths`.
    any_encoded: bool,
}

/// What a route is chosen by.
#[derive(Clone, Copy, Debug)]
pub struct RouteQuery<'a> {
    /// Where the request came in.
    pub listener: ListenerId,
    /// The host asked for, as sent, without port; empty when there is none.
    pub host: &'a [u8],
    /// The path as sent, without query: `/` first, or empty, or `*`.
    pub path: &'a [u8],
    /// The method as sent; methods know upper from lower case.
    pub method: &'a [u8],
    /// The client: the connection's peer, or what a trusted proxy said.
    pub client: IpAddr,
}

/// The outcome of a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Position of the route in [`RouteTable::routes`].
    Route(u16),
    /// Only the method stands in the way: 405.
    MethodNotAllowed {
        /// Value of `Allow`: what the routes that match otherwise admit.
        allow: String,
    },
    /// No route matches, or the one that does says that there is nothing: 404.
    NotFound,
    /// The path cannot be judged: 400.
    Refused(PathFault),
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
    /// Who rewrites its requests. They have a judged token.
    pub mapper: Option<MapperId>,
    /// Removed from the front of the path before forwarding.
    pub strip_prefix: Option<String>,
    /// The new target; `{path}` and `{query}` stand for what strip_prefix left.
    pub rewrite: Option<String>,
    /// Whether it takes sealed and plain requests; of no account without payload encryption.
    pub payload: PayloadMode,
    /// What `Host` the upstream sees.
    pub upstream_host: UpstreamHost,
    /// Fields set on the forwarded request, where the client has what they say; inbound fields of the same folded name
    /// are removed in any case. Lower-case names.
    pub set_headers: Vec<(String, FieldTemplate)>,
    /// Fields set on the response, replacing the upstream's. Lower-case names.
    pub response_headers: Vec<(String, String)>,
    /// Client addresses it is for; empty: any.
    pub clients: Vec<IpNet>,
    /// Which paths below it exist; absent: all.
    pub endpoints: Option<Endpoints>,
    /// Where the Token Server behind it revokes tokens (RFC 7009).
    pub revocation: Vec<PathPattern>,
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

impl RouteTable {
    /// Compiles `routes`. Positions are 16-bit: the configuration refuses more than [`limits::ROUTES`] routes, and
    /// one beyond what 16 bits count is never found.
    ///
    /// [`limits::ROUTES`]: crate::limits::ROUTES
    pub fn new(routes: Vec<Route>) -> Self {
        let index = RouteIndex::new(&routes);
        let any_encoded = routes.iter().any(|route| route.encoded_paths);
        Self { routes, index, any_encoded }
    }

    /// The routes in file order.
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// The first route that `query` matches. `scratch` is used where the path has percent-encoding; on the way to
    /// [`Found::Route`] nothing is allocated once it has grown.
    pub fn find(&self, query: &RouteQuery<'_>, scratch: &mut Vec<u8>) -> Found {
        if query.path == b"*" {
            return self.find_normalised(query, query.path);
        }
        let fault = match normalise(query.path, scratch) {
            Ok(path) => return self.find_normalised(query, path),
            Err(fault) => fault,
        };
        if !fault.is_ambiguity() || !self.any_encoded {
            return Found::Refused(fault);
        }
        match normalise_lenient(query.path, scratch) {
            Ok(path) => self.find_ambiguous(query, path, fault),
            Err(fault) => Found::Refused(fault),
        }
    }

    /// Pairs (shadowed, by): the first of the two can never be chosen, because the second stands before it and
    /// matches all that it does. Finds no pair wrongly; a route shadowed only by several together is not found.
    pub fn shadowed(&self) -> Vec<(usize, usize)> {
        let by = |(at, route): (usize, &Route)| {
            let earlier = self.routes[..at].iter().position(|earlier| earlier.covers(route));
            earlier.map(|by| (at, by))
        };
        self.routes.iter().enumerate().filter_map(by).collect()
    }

    fn find_normalised(&self, query: &RouteQuery<'_>, path: &[u8]) -> Found {
        let mut wrong_method = false;
        let first = self.index.first(query.host, path, |at| {
            let Some(route) = self.routes.get(usize::from(at)) else { return false };
            if !route.matches_but_method(query, path) {
                return false;
            }
            let admitted = route.admits_method(query.method);
            wrong_method |= !admitted;
            admitted
        });
        match first.and_then(|at| Some((at, self.routes.get(usize::from(at))?))) {
            Some((at, route)) if route.has_endpoint(path) => Found::Route(at),
            Some(_) => Found::NotFound,
            None if wrong_method => self.method_not_allowed(query, path),
            None => Found::NotFound,
        }
    }

    /// The answer for a path that servers read differently. It goes only to a route that says it wants such paths,
    /// and only where no reading of it falls to an earlier route (a carve-out stands before what it is carved from)
    /// or to an endpoint that the route denies.
    fn find_ambiguous(&self, query: &RouteQuery<'_>, path: &[u8], fault: PathFault) -> Found {
        let Found::Route(at) = self.find_normalised(query, path) else { return Found::Refused(fault) };
        let (earlier, rest) = self.routes.split_at(usize::from(at));
        let Some(route) = rest.first().filter(|route| route.encoded_paths) else {
            return Found::Refused(fault);
        };
        for mode in 0..READINGS {
            let read = reading(path, mode);
            let takes =
                |route: &Route| route.matches_but_method(query, &read) && route.admits_method(query.method);
            if earlier.iter().any(takes) {
                return Found::Refused(fault);
            }
            if !route.has_endpoint(&read) {
                return Found::NotFound;
            }
        }
        Found::Route(at)
    }

    #[cold]
    fn method_not_allowed(&self, query: &RouteQuery<'_>, path: &[u8]) -> Found {
        let mut allow: Vec<&str> = Vec::new();
        for route in &self.routes {
            if !route.matches_but_method(query, path) || !route.has_endpoint(path) {
                continue;
            }
            for method in &route.methods {
                let implied = (method == "GET").then_some("HEAD");
                for method in [Some(method.as_str()), implied].into_iter().flatten() {
                    if !allow.contains(&method) {
                        allow.push(method);
                    }
                }
            }
        }
        if allow.is_empty() { Found::NotFound } else { Found::MethodNotAllowed { allow: allow.join(", ") } }
    }
}

impl Route {
    /// A route for `path`, whatever the listener, host, method and client, that changes nothing of what it passes on.
    pub fn new(path: PathPattern, target: RouteTarget, access: AccessRule) -> Self {
        Self {
            name: path.to_string(),
            listeners: Vec::new(),
            hosts: Vec::new(),
            path,
            methods: Vec::new(),
            kind: RouteKind::Resource,
            target,
            access,
            mapper: None,
            strip_prefix: None,
            rewrite: None,
            payload: PayloadMode::default(),
            upstream_host: UpstreamHost::Preserve,
            set_headers: Vec::new(),
            response_headers: Vec::new(),
            clients: Vec::new(),
            endpoints: None,
            revocation: Vec::new(),
            response_timeout: None,
            body_timeout: None,
            connect_timeout: None,
            body_bytes: None,
            encoded_paths: false,
        }
    }

    /// Listener, host, path and client fit. `path` is normalised.
    #[inline]
    fn matches_but_method(&self, query: &RouteQuery<'_>, path: &[u8]) -> bool {
        self.path.matches(path)
            && (self.listeners.is_empty() || self.listeners.contains(&query.listener))
            && (self.hosts.is_empty() || self.hosts.iter().any(|host| host.matches(query.host)))
            && (self.clients.is_empty() || self.admits_client(query.client))
    }

    fn admits_client(&self, client: IpAddr) -> bool {
        let client = client.to_canonical();
        self.clients.iter().any(|net| net.contains(&client))
    }

    /// A route that admits GET admits HEAD: RFC 9110 section 9.1 wants both of every server.
    #[inline]
    fn admits_method(&self, method: &[u8]) -> bool {
        let is = |own: &String| own.as_bytes() == method || method == b"HEAD" && own == "GET";
        self.methods.is_empty() || self.methods.iter().any(is)
    }

    /// The path exists according to `endpoints`.
    #[inline]
    fn has_endpoint(&self, path: &[u8]) -> bool {
        self.endpoints.as_ref().is_none_or(|endpoints| endpoints.admit(path))
    }

    /// Every request that `other` matches is matched by this route.
    fn covers(&self, other: &Self) -> bool {
        fn all<T>(own: &[T], others: &[T], covers: impl Fn(&T, &T) -> bool) -> bool {
            let covered = |other| own.iter().any(|own| covers(own, other));
            own.is_empty() || !others.is_empty() && others.iter().all(covered)
        }
        self.path.covers(&other.path)
            && all(&self.listeners, &other.listeners, |own, other| own == other)
            && all(&self.hosts, &other.hosts, HostPattern::covers)
            && all(&self.clients, &other.clients, |own, other| own.contains(other))
            && all(&self.methods, &other.methods, |own, other| {
                own == other || own == "GET" && other == "HEAD"
            })
    }
}

impl Endpoints {
    #[inline]
    fn admit(&self, path: &[u8]) -> bool {
        let meant = |pattern: &PathPattern| pattern.matches(path);
        !self.deny.iter().any(meant) && (self.allow.is_empty() || self.allow.iter().any(meant))
    }
}
