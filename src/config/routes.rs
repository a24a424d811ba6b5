//! Readers of `[[route]]`.

use super::access::{NamedRule, access};
use super::addresses::parse_authority;
use super::http_text::{
    parse_field_template, parse_field_value, parse_location, parse_method, parse_prefix, parse_request_field,
    parse_response_field, parse_rewrite,
};
use super::issuers::ReadIssuer;
use super::mappers::ReadMapper;
use super::process::{network, timeout_range};
use super::reader::{Field, Section, nearest};
use super::schema;
use crate::limits;
use crate::net::tls::settings::ClientAuth;
use crate::policy::access_rule::SenderConstraint;
use crate::policy::path_rules::{HostPattern, PathPattern};
use crate::policy::payload_rules::PayloadMode;
use crate::policy::request_mapper::MapperId;
use crate::policy::route_table::{Endpoints, FixedAnswer, Route, RouteKind, RouteTarget, UpstreamHost};
use crate::policy::ruleset::{ListenerId, UpstreamId};

/// What routes may refer to, in the order of the ids.
pub(super) struct Names<'n> {
    pub(super) listeners: Vec<&'n str>,
    /// Whether they ask clients for a certificate.
    pub(super) client_auth: Vec<ClientAuth>,
    pub(super) upstreams: Vec<&'n str>,
    pub(super) issuers: &'n [ReadIssuer<'n>],
    pub(super) rules: &'n [NamedRule<'n>],
    pub(super) mappers: &'n [ReadMapper<'n>],
    /// Whether there is payload encryption.
    pub(super) payload: bool,
}

/// Settings of a request that goes to a server: on an answer they would silently do nothing.
const FORWARDING_KEYS: &[&str] =
    &["mapper", "rewrite", "set_headers", "strip_prefix", "timeouts", "upstream_host"];
/// Where a Token Server revokes tokens if nothing else is said.
const REVOCATION: &str = "/oauth/v1/revoke";
/// Statuses that make no sense without `Location`.
const REDIRECTS: &[u16] = &[301, 302, 303, 307, 308];

const KINDS: &[(&str, RouteKind)] = &[
    ("resource", RouteKind::Resource),
    ("token-server", RouteKind::TokenServer),
    ("transparent", RouteKind::Transparent),
];

const PAYLOAD_MODES: &[(&str, PayloadMode)] =
    &[("off", PayloadMode::Off), ("accept", PayloadMode::Accept), ("require", PayloadMode::Require)];

/// The sound routes in file order with their tables; the report tells of the others.
pub(super) fn routes<'t>(root: &Section<'t>, names: &Names<'_>) -> Vec<(Route, Section<'t>)> {
    let none = "no route; write for example [[route]] with `path`, `upstream` and `access`";
    let sections = root.some_sections("route", schema::ROUTE, none);
    if sections.len() > limits::ROUTES {
        root.error("route", format!("more than {} routes; remove some", limits::ROUTES));
    }
    sections.into_iter().filter_map(|section| Some((route(&section, names)?, section))).collect()
}

/// All settings are read, so that all that is wrong is reported; what a route cannot be without comes last.
fn route(section: &Section<'_>, names: &Names<'_>) -> Option<Route> {
    let path = section.require("path", "path = \"/orders/*\"");
    let path =
        path.and_then(|field| field.parsed("a path pattern such as \"/orders/*\"", PathPattern::parse));
    let access = access(section, names.rules, names.issuers);
    let mapper = mapper(section, names);
    let target = target(section, names);
    let timeouts = section.section("timeouts", schema::ROUTE_TIMEOUTS);
    let timeout = |key| timeouts.get(key).and_then(|field| field.duration(timeout_range()));
    let sizes = section.section("limits", schema::ROUTE_LIMITS);
    let kind = section.get("kind").and_then(|field| field.choice(KINDS)).unwrap_or(RouteKind::Resource);
    let (endpoints, revocation) = endpoints(section, kind);
    let mut route = Route {
        name: String::new(),
        listeners: some_of(section, "listener", "all listeners", |field| listener(field, names)),
        hosts: some_of(section, "host", "any host", |field| {
            field.parsed("a host such as \"*.example.org\" or a list of them", HostPattern::parse)
        }),
        methods: some_of(section, "methods", "any method", |field| {
            field.parsed("a method such as \"GET\" or a list of them", parse_method)
        }),
        clients: some_of(section, "clients", "any client", network),
        kind,
        mapper,
        strip_prefix: strip_prefix(section, path.as_ref()),
        rewrite: section
            .get("rewrite")
            .and_then(|field| field.parsed("a target such as \"/v2{path}\"", parse_rewrite)),
        payload: payload(section, kind, names),
        upstream_host: upstream_host(section),
        set_headers: headers(section, "set_headers", parse_request_field, parse_field_template),
        response_headers: headers(section, "response_headers", parse_response_field, parse_field_value),
        endpoints,
        revocation,
        response_timeout: timeout("response"),
        body_timeout: timeout("body"),
        connect_timeout: timeout("connect"),
        body_bytes: sizes.get("body_bytes").and_then(|field| field.size(0..=limits::BODY_BYTES_MAX)),
        encoded_paths: section.get("encoded_paths").and_then(|field| field.flag()).unwrap_or(false),
        path: path?,
        target: target?,
        access: access?,
    };
    let hosts: Vec<_> = route.hosts.iter().map(ToString::to_string).collect();
    route.name = format!("{}{}", hosts.join(","), route.path);
    if route.access.client_certificate.is_some() {
        certificates_are_asked_for(section, &route.listeners, names);
    }
    bound_tokens_can_be_proven(section, &route, names);
    fields_can_be_set(section, &route, names);
    tokens_are_judged(section, &route);
    Some(route)
}

/// What `read` makes of the one or more values of `key`; `nothing` says what its absence means.
pub(super) fn some_of<'t, T>(
    section: &Section<'t>,
    key: &str,
    nothing: &str,
    read: impl FnMut(&Field<'t>) -> Option<T>,
) -> Vec<T> {
    let fields = section.get(key).map(|field| field.list_of_some(nothing)).unwrap_or_default();
    fields.iter().filter_map(read).collect()
}

fn listener(field: &Field<'_>, names: &Names<'_>) -> Option<ListenerId> {
    let text = field.text("the name of a listener or a list of them")?;
    let id = position(text, &names.listeners).map(ListenerId);
    if id.is_none() {
        field.fault(unknown("listener", text, &names.listeners));
    }
    id
}

fn mapper(section: &Section<'_>, names: &Names<'_>) -> Option<MapperId> {
    let field = section.get("mapper")?;
    let text = field.text("the name of a mapper")?;
    let known: Vec<_> = names.mappers.iter().map(|mapper| mapper.name).collect();
    let Some(id) = position(text, &known) else {
        field.fault(unknown("mapper", text, &known));
        return None;
    };
    names.mappers.get(usize::from(id))?.is_used.set(true);
    Some(MapperId(id))
}

/// The upstream or the fixed answer: one of them.
fn target(section: &Section<'_>, names: &Names<'_>) -> Option<RouteTarget> {
    match (section.get("upstream"), section.get("answer")) {
        (Some(field), None) => {
            let text = field.text("the name of an upstream")?;
            let id = position(text, &names.upstreams).map(|id| RouteTarget::Upstream(UpstreamId(id)));
            if id.is_none() {
                field.fault(unknown("upstream", text, &names.upstreams));
            }
            id
        }
        (None, Some(_)) => {
            for field in FORWARDING_KEYS.iter().filter_map(|key| section.get(key)) {
                field.object("it does nothing beside `answer`, which no server sees; remove it");
            }
            section
                .table("answer", schema::ANSWER)
                .and_then(|answer| fixed_answer(&answer))
                .map(RouteTarget::Answer)
        }
        (Some(_), Some(answer)) => {
            answer.object("it excludes `upstream`; keep one of them");
            None
        }
        (None, None) => {
            section
                .error("upstream", "a [[route]] needs `upstream = \"NAME\"` or `answer = { status = ... }`");
            None
        }
    }
}

fn fixed_answer(section: &Section<'_>) -> Option<FixedAnswer> {
    let location = section.get("location");
    let text = location.as_ref().and_then(|field| field.parsed("a URL or a path", parse_location));
    let status = section.require("status", "status = 301")?.count(200..=599)? as u16;
    match location {
        Some(field) if !(300..400).contains(&status) && status != 201 => {
            field.fault(format!("an answer {status} has no location; only 201 and 3xx have one"));
        }
        None if REDIRECTS.contains(&status) => {
            section.error("location", format!("an answer {status} needs `location`, the place to go to"));
        }
        Some(_) | None => {}
    }
    Some(FixedAnswer { status, location: text })
}

/// A rule about certificates where clients are asked for none admits nobody.
fn certificates_are_asked_for(section: &Section<'_>, listeners: &[ListenerId], names: &Names<'_>) {
    let Some(field) = section.get("access") else { return };
    let (without, with): (Vec<_>, Vec<_>) =
        client_auth_of(listeners, names).partition(|(_, asks)| *asks == ClientAuth::Off);
    if with.is_empty() && !without.is_empty() {
        field.object(
            "no listener of this route asks clients for a certificate, so that nobody is admitted; set `client_auth` \
             in [listener.tls]",
        );
        return;
    }
    for (name, _) in without {
        field.warn(format!("listener `{name}` asks clients for no certificate: nobody is admitted there"));
    }
}

/// Tokens bound to certificates are of no use where clients are asked for none.
fn bound_tokens_can_be_proven(section: &Section<'_>, route: &Route, names: &Names<'_>) {
    let demanded = route.access.judged().and_then(|rule| rule.sender_constraint);
    if demanded == Some(SenderConstraint::Mtls)
        && client_auth_of(&route.listeners, names).all(|(_, asks)| asks == ClientAuth::Off)
        && let Some(field) = section.get("access")
    {
        field.object(
            "its tokens are bound to the client's certificate, and no listener of this route asks for one, so that \
             nobody is admitted; set `client_auth` in [listener.tls]",
        );
    }
}

/// What needs a judged token stands where one is judged, and where tokens are made none is.
fn tokens_are_judged(section: &Section<'_>, route: &Route) {
    let is_judged = route.access.judged().is_some();
    if let Some(field) = section.get("mapper") {
        if !is_judged {
            field.object(
                "it is told what the token says, and none is judged here; let `access` be a rule with an `issuer`",
            );
        }
        if route.encoded_paths {
            field.object("its targets must read in one way; remove `encoded_paths` or this");
        }
    }
    if let Some(field) = section.get("set_headers").filter(|_| !is_judged) {
        for (name, _) in route.set_headers.iter().filter(|(_, value)| value.needs_claims()) {
            field.warn(format!(
                "`{name}` is never set: no token is judged here; let `access` be a rule with an `issuer`"
            ));
        }
    }
    let Some(field) = section.get("access").filter(|_| is_judged) else { return };
    match route.kind {
        RouteKind::Resource => {}
        RouteKind::TokenServer => {
            field.warn("clients come to the Token Server for tokens; who has none gets none")
        }
        RouteKind::Transparent => {
            field.object(
                "what is passed through without judgement has no token judged; write `kind = \"resource\"`",
            );
        }
    }
}

/// A field about certificates where clients are asked for none is never there.
fn fields_can_be_set(section: &Section<'_>, route: &Route, names: &Names<'_>) {
    if client_auth_of(&route.listeners, names).any(|(_, asks)| asks != ClientAuth::Off) {
        return;
    }
    for (name, value) in &route.set_headers {
        if value.needs_certificate()
            && let Some(field) = section.get("set_headers")
        {
            field.warn(format!(
                "`{name}` is never set: no listener of this route asks clients for a certificate; set `client_auth` in \
                 [listener.tls]"
            ));
        }
    }
}

/// The names of a route's listeners, and whether they ask clients for a certificate.
fn client_auth_of<'n>(
    listeners: &'n [ListenerId],
    names: &'n Names<'_>,
) -> impl Iterator<Item = (&'n str, ClientAuth)> {
    let all = names.listeners.iter().zip(&names.client_auth).enumerate();
    let own = all.filter(|(at, _)| {
        listeners.is_empty() || listeners.iter().any(|listener| usize::from(listener.0) == *at)
    });
    own.map(|(_, (name, asks))| (*name, *asks))
}

fn strip_prefix(section: &Section<'_>, path: Option<&PathPattern>) -> Option<String> {
    let field = section.get("strip_prefix")?;
    let prefix = field.parsed("a path such as \"/orders\"", parse_prefix)?;
    if let Some(path) = path.filter(|path| !may_begin(path, &prefix)) {
        field.fault(format!("no path that `{path}` matches begins so; it would never be stripped"));
    }
    Some(prefix)
}

/// Whether some path that `pattern` matches begins with the segments of `prefix`.
fn may_begin(pattern: &PathPattern, prefix: &str) -> bool {
    let mut segments = pattern.as_str().split('/').skip(1);
    prefix.split('/').skip(1).all(|wanted| match segments.next() {
        Some(segment) => segment == "*" || segment == wanted,
        None => pattern.is_tail(),
    })
}

/// What a route says of payload encryption. One that passes everything through has nothing to do with it unless it says so.
fn payload(section: &Section<'_>, kind: RouteKind, names: &Names<'_>) -> PayloadMode {
    let unsaid = if kind == RouteKind::Transparent { PayloadMode::Off } else { PayloadMode::default() };
    let Some(field) = section.get("payload") else { return unsaid };
    let mode = field.choice(PAYLOAD_MODES).unwrap_or(unsaid);
    if mode == PayloadMode::Require && !names.payload {
        field.fault(
            "nobody could seal a request for it: there is no payload encryption without a table [payload]",
        );
    }
    mode
}

fn upstream_host(section: &Section<'_>) -> UpstreamHost {
    let parse = |text: &str| match text {
        "preserve" => Ok(UpstreamHost::Preserve),
        "server" => Ok(UpstreamHost::Server),
        name => parse_authority(name).map(|_| UpstreamHost::Name(name.to_ascii_lowercase())),
    };
    let host = section
        .get("upstream_host")
        .and_then(|field| field.parsed("\"preserve\", \"server\" or a host name", parse));
    host.unwrap_or(UpstreamHost::Preserve)
}

/// Fields to set, by lower-case name.
fn headers<V: Default>(
    section: &Section<'_>,
    key: &str,
    parse_name: fn(&str) -> Result<String, String>,
    parse_value: fn(&str) -> Result<V, String>,
) -> Vec<(String, V)> {
    let entries = section.get(key).map(|field| field.entries()).unwrap_or_default();
    let mut headers: Vec<(String, V)> = Vec::new();
    for (name, place, field) in entries {
        // A variable's name has no `-`, and hardly a field has `_`.
        let name = if place.is_variable() { name.replace('_', "-") } else { name.to_owned() };
        let value = field.parsed("a text", parse_value);
        match parse_name(&name) {
            Ok(name) if headers.iter().any(|(other, _)| folded(other) == folded(&name)) => {
                field.object("it is set twice: neither case nor `-` or `_` makes a different field");
            }
            Ok(name) => headers.push((name, value.unwrap_or_default())),
            Err(reason) => field.object(reason),
        }
    }
    headers
}

/// Servers behind gateways read `_` and `-` alike, so that both spellings are one field.
fn folded(name: &str) -> String {
    name.replace('_', "-")
}

/// Which paths exist, and where tokens are revoked: said, or where Token Servers of the model system have it.
fn endpoints(section: &Section<'_>, kind: RouteKind) -> (Option<Endpoints>, Vec<PathPattern>) {
    let pattern = |field: &Field<'_>| field.parsed("a path pattern or a list of them", PathPattern::parse);
    let unsaid = || match kind {
        RouteKind::TokenServer => PathPattern::parse(REVOCATION).into_iter().collect(),
        RouteKind::Resource | RouteKind::Transparent => Vec::new(),
    };
    let Some(section) = section.table("endpoints", schema::ENDPOINTS) else { return (None, unsaid()) };
    let endpoints = Endpoints {
        allow: some_of(&section, "allow", "all paths", pattern),
        deny: some_of(&section, "deny", "none", pattern),
    };
    let revocation = some_of(&section, "revocation", "the usual one", pattern);
    let Some(field) = section.get("revocation") else { return (Some(endpoints), unsaid()) };
    if kind != RouteKind::TokenServer && !revocation.is_empty() {
        field.object("tokens are revoked at the Token Server; write `kind = \"token-server\"` or remove it");
    }
    (Some(endpoints), revocation)
}

fn position(name: &str, names: &[&str]) -> Option<u16> {
    names.iter().position(|other| *other == name).and_then(|position| u16::try_from(position).ok())
}

pub(super) fn unknown(what: &str, name: &str, names: &[&str]) -> String {
    // A listener whose name is at fault is there without one.
    let mut names: Vec<_> = names.iter().copied().filter(|name| !name.is_empty()).collect();
    names.dedup();
    let advice = match nearest(name, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if names.is_empty() => "there is none".to_owned(),
        None => format!("there are: {}", names.join(", ")),
    };
    format!("no {what} has this name; {advice}")
}
