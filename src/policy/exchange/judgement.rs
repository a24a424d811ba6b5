//! What becomes of a request head: parsed, checked, routed, and rewritten into the scratch memory, or declined.

use std::net::{IpAddr, SocketAddr};

use super::answering::Declined;
use super::payload_endpoints::Endpoint;
use super::request_side::Body;
use super::seen_revocation::SeenRevocation;
use super::{ConnectOrder, Exchange, Outcome, World};
use crate::limits;
use crate::policy::field_template::Identity;
use crate::policy::forwarding::{self, RequestParts, TraceParent};
use crate::policy::refusal::Refusal;
use crate::policy::request_mapper::Mapped;
use crate::policy::route_table::{Found, Route, RouteQuery, RouteTarget, UpstreamHost, forwarded_target};
use crate::policy::ruleset::{Balance, HashKey, ListenerId, Ruleset};
use crate::policy::upstream_choice::balance_key;
use crate::protocol::http1::{
    BodyFraming, ConnectionOptions, FieldKind, FieldTable, HeadLimits, Method, Rejection, RequestHead,
    RequestTarget, TargetForm, Version, connection_options, parse_request_head, request_framing,
    request_persists, request_target, upgrade_protocol,
};
use crate::protocol::progress::Progress;
use crate::protocol::span::Span;
use crate::protocol::token::verdict::Judgement;

/// The one protocol a connection may be switched to. Others would carry what no rule here has judged: `h2c` is HTTP/2,
/// with requests of its own.
pub(super) const UPGRADE_PROTOCOL: &[u8] = b"websocket";

/// What judging a head leaves behind besides the rewritten head in the scratch memory.
pub(super) struct Judged {
    route: u16,
    pub(super) order: ConnectOrder,
    pub(super) key: u64,
    pub(super) bound_to_server: bool,
    trace_id: [u8; 32],
    upgrades: bool,
    pub(super) revocation: Option<Box<SeenRevocation>>,
}

/// A head that is free of faults.
pub(super) struct Reading<'a> {
    pub(super) head: &'a RequestHead,
    pub(super) target: RequestTarget,
    /// What routes are chosen by: as sent, or `*`.
    pub(super) path: &'a [u8],
    pub(super) query: Option<&'a [u8]>,
    pub(super) framing: BodyFraming,
    pub(super) options: ConnectionOptions,
}

/// What goes into the head for the server besides the client's own.
struct Granted<'a> {
    claims: Option<&'a Judgement>,
    mapped: Option<&'a Mapped>,
    max_forwards: Option<u64>,
}

impl Exchange {
    /// Bytes of a head are there: parses them, and judges the head once complete.
    pub(super) fn head_bytes_came(&mut self, world: &mut World<'_>) {
        if self.up.searched == 0 {
            self.deadline = world.now.after(self.rules.timeouts.header);
        }
        let rules = &world.rules.limits;
        let limits = HeadLimits {
            request_line: rules.request_line,
            header_bytes: rules.header_bytes,
            header_count: rules.header_count,
        };
        let fields = &mut world.scratch.fields;
        match parse_request_head(self.request.unread(), self.up.searched, &limits, fields) {
            Ok(Progress::NeedMore { searched }) => {
                self.note_method();
                self.up.searched = searched.max(1);
                self.up.starved = true;
                if !world.buffers.make_readable(&mut self.request) {
                    self.refuse_before_head(Refusal::Exhausted, world);
                }
            }
            Ok(Progress::Done { value, consumed }) => self.head_complete(&value, consumed, world),
            Err(rejection) => {
                self.note_method();
                self.refuse_before_head(Refusal::Malformed(rejection), world);
            }
        }
    }

    /// An answer to HEAD has no body even if its head never comes whole.
    fn note_method(&mut self) {
        if self.request.unread().trim_ascii_start().starts_with(b"HEAD ") {
            self.up.method = Method::Head;
        }
    }

    /// The head of an opened request is there: it is judged as one that came in plain.
    pub(super) fn inner_head_complete(&mut self, head: &RequestHead, length: usize, world: &mut World<'_>) {
        self.stop_the_clock();
        self.up.method = head.method;
        let Some(mut outcome) = self.outcome.take() else { return };
        let judged = self.judge(head, length, &mut outcome, world);
        self.act_on(judged, outcome, length, world);
    }

    fn head_complete(&mut self, head: &RequestHead, length: usize, world: &mut World<'_>) {
        self.rules = world.rules.clone();
        self.stop_the_clock();
        self.up.method = head.method;
        self.up.version = head.version;
        let mut outcome = Outcome::begun(world.now, world.time, self.peer.address, self.rules.generation);
        let judged = self.judge(head, length, &mut outcome, world);
        self.act_on(judged, outcome, length, world);
    }

    fn act_on(
        &mut self,
        judged: Result<Judged, Declined>,
        mut outcome: Outcome,
        length: usize,
        world: &mut World<'_>,
    ) {
        if let Ok(judged) = &judged {
            outcome.route = Some(judged.route);
            outcome.trace_id = judged.trace_id;
            outcome.server = Some((judged.order.upstream, judged.order.server));
        }
        self.outcome = Some(outcome);
        let judged = match judged {
            Err(Declined::Ask(asked)) if self.up.questions < limits::QUESTIONS => return self.ask(asked),
            judged => judged,
        };
        self.request.consume(length);
        match judged {
            Err(declined) => self.decline(declined, world),
            Ok(mut judged) => {
                self.revocation = judged.revocation.take();
                self.begin_sending(&judged, world);
            }
        }
    }

    /// Decides where the request goes.
    fn judge(
        &mut self,
        head: &RequestHead,
        length: usize,
        outcome: &mut Outcome,
        world: &mut World<'_>,
    ) -> Result<Judged, Declined> {
        let bytes = self.request.unread();
        let fields = &world.scratch.fields;
        let target = request_target(bytes, head, fields);
        note_request(&mut self.outcome_text, outcome, bytes, head, target.ok());
        let reading = read(bytes, head, target?, fields)?;
        let is_opened = self.is_opened();
        if !is_opened {
            self.up.persists = request_persists(head.version, &reading.options);
            self.up.body = Body::of(reading.framing);
        }
        let max_forwards = match head.method {
            Method::Connect => return Err(Refusal::ConnectUnsupported.into()),
            Method::Options | Method::Trace => max_forwards(head.method, bytes, fields)?,
            _ => None,
        };
        if !is_opened {
            // Of a sealed request the outer fields alone say it: anybody can have written the inner ones.
            let trusted = &self.rules.forwarding.trusted;
            outcome.client = forwarding::client_address(self.peer.address, trusted, bytes, fields);
            // The keys of a sealed request speak for this proxy whatever host it is for.
            self.peer.is_right_for(reading.target.host.of(bytes))?;
        }
        self.up.scheme = self.scheme(bytes, fields);
        if self.rules.payload.is_some()
            && let Some(endpoint) = Endpoint::of(reading.path)
        {
            // Within a sealed message there is no such place.
            let plain = || endpoint.answer(head, reading.framing, bytes, fields);
            return Err(if is_opened { Refusal::NoRoute.into() } else { plain() });
        }
        if let Some(answer) = self.described(&reading, outcome, world) {
            return Err(answer);
        }
        let scratch = &mut world.scratch.path;
        let index = find(&self.rules, self.peer.listener, outcome.client, &reading, bytes, scratch)?;
        outcome.route = Some(index);
        self.up.take_limits(&self.rules.routes.routes()[usize::from(index)], &self.rules);
        let judged = self.judge_on_route(index, &reading, length, max_forwards, outcome, world)?;
        self.up.upgrade = judged.upgrades;
        Ok(judged)
    }

    /// Decides whether the request may take its route, and which server it goes to.
    fn judge_on_route(
        &self,
        index: u16,
        reading: &Reading<'_>,
        length: usize,
        max_forwards: Option<u64>,
        outcome: &mut Outcome,
        world: &mut World<'_>,
    ) -> Result<Judged, Declined> {
        let client = outcome.client.ip();
        let rules = &self.rules;
        let route = &rules.routes.routes()[usize::from(index)];
        let claims = self.admit(route, reading, outcome, world)?;
        let upstream = match &route.target {
            RouteTarget::Answer(answer) => return Err(Declined::fixed(answer, reading.path, reading.query)),
            RouteTarget::Upstream(upstream) => *upstream,
        };
        if matches!(reading.framing, BodyFraming::Length(length) if length > self.up.body_limit) {
            return Err(Refusal::BodyTooLarge.into());
        }
        let mapped = match (route.mapper, &claims) {
            (Some(mapper), Some(claims)) => Some(self.map(mapper, route, reading, claims, client, world)?),
            _ => None,
        };
        let settings = &rules.upstreams[usize::from(upstream.0)];
        let key = key_for(&settings.balance, client, self.request.unread(), &world.scratch.fields);
        let Some(server) = (world.choose)(upstream, key, None) else {
            return Err(Refusal::NoServer.into());
        };
        let limit = route.connect_timeout.unwrap_or(self.rules.timeouts.connect);
        let authority = settings.servers[usize::from(server)].authority.as_str();
        let granted = Granted { claims: claims.as_deref(), mapped: mapped.as_deref(), max_forwards };
        let (trace, upgrade) = self.compose(reading, length, route, authority, &granted, world)?;
        Ok(Judged {
            route: index,
            order: ConnectOrder { upstream, server, fresh: false, limit },
            key,
            bound_to_server: route.upstream_host == UpstreamHost::Server
                || reading.target.authority.is_empty(),
            trace_id: trace.trace_id(),
            upgrades: upgrade,
            revocation: self.begins_revocation(route, reading, world),
        })
    }

    /// The scheme of the URL that the client asked for: a sealed request says it, and so does a trusted peer that ended the
    /// client's TLS.
    fn scheme(&self, bytes: &[u8], fields: &FieldTable) -> &'static str {
        match &self.sealed {
            Some(sealed) if self.is_opened() => sealed.scheme.name(),
            _ => forwarding::client_scheme(self.peer.tls.is_some(), self.is_behind_trusted(), bytes, fields),
        }
    }

    /// The peer is trusted to say for whom it speaks. Of a sealed request anybody can have written the fields.
    fn is_behind_trusted(&self) -> bool {
        !self.is_opened() && forwarding::is_trusted(self.peer.address.ip(), &self.rules.forwarding.trusted)
    }

    /// Writes the head for the server into the scratch memory. Says which trace it belongs to, and whether it asks for
    /// an upgrade.
    fn compose(
        &self,
        reading: &Reading<'_>,
        length: usize,
        route: &Route,
        server_authority: &str,
        granted: &Granted<'_>,
        world: &mut World<'_>,
    ) -> Result<(TraceParent, bool), Declined> {
        let bytes = self.request.unread();
        let scratch = &mut *world.scratch;
        scratch.target.clear();
        let rewritten = forwarded_target(route, reading.path, reading.query, &mut scratch.target)
            .map_err(|_| Declined::from(Refusal::RewriteTooLong))?;
        let random = [(world.random)(), (world.random)(), (world.random)()];
        let trace = TraceParent::of(bytes, &scratch.fields, random);
        let upgrade = upgrade_protocol(bytes, &scratch.fields, &reading.options)
            .map(|protocol| protocol.of(bytes))
            .filter(|protocol| {
                reading.head.version == Version::Http11 && protocol.eq_ignore_ascii_case(UPGRADE_PROTOCOL)
            });
        let parts = RequestParts {
            bytes,
            length,
            head: reading.head,
            target: &reading.target,
            fields: &scratch.fields,
            options: &reading.options,
            framing: reading.framing,
            upgrade,
            route,
            mapped: granted.mapped,
            new_target: rewritten.then_some(scratch.target.as_slice()),
            server_authority,
            client: &self.client,
            // Anybody can carry a sealed request over a connection of his own.
            identity: Identity {
                certificate: self.peer.certificate().filter(|_| !self.is_opened()),
                claims: granted.claims,
                now: world.time.0 / 1_000_000,
            },
            scheme: if self.peer.tls.is_some() { "https" } else { "http" },
            trusted: self.is_behind_trusted(),
            max_forwards: granted.max_forwards,
            trace: &trace,
        };
        scratch.head.clear();
        forwarding::write_request_head(&parts, &mut scratch.head);
        Ok((trace, upgrade.is_some()))
    }
}

/// Checks what the fields say of the message as a whole.
fn read<'a>(
    bytes: &'a [u8],
    head: &'a RequestHead,
    target: RequestTarget,
    fields: &FieldTable,
) -> Result<Reading<'a>, Rejection> {
    let query = target.query.map(|query| query.of(bytes));
    // The last proxy turns an OPTIONS for a whole server into `*` (RFC 9112 section 3.2.4): it is routed as such too.
    let whole_server = target.form == TargetForm::Asterisk
        || head.method == Method::Options && target.path.is_empty() && query.is_none();
    Ok(Reading {
        head,
        target,
        path: if whole_server { b"*" } else { target.path.of(bytes) },
        query,
        framing: request_framing(bytes, head, fields)?,
        options: connection_options(bytes, fields)?,
    })
}

fn find(
    rules: &Ruleset,
    listener: ListenerId,
    client: SocketAddr,
    reading: &Reading<'_>,
    bytes: &[u8],
    scratch: &mut Vec<u8>,
) -> Result<u16, Declined> {
    let (host, method) = (reading.target.host.of(bytes), reading.head.method_name.of(bytes));
    let query = RouteQuery { listener, host, path: reading.path, method, client: client.ip() };
    match rules.routes.find(&query, scratch) {
        Found::Route(index) => Ok(index),
        Found::MethodNotAllowed { allow } => Err(Declined::NotAllowed { allow }),
        Found::NotFound => Err(Refusal::NoRoute.into()),
        Found::Refused(fault) => Err(Refusal::Path(fault).into()),
    }
}

/// Notes for the log what was asked for. Of a target that cannot be read, what stands before the first `?`.
fn note_request(
    texts: &mut Vec<u8>,
    outcome: &mut Outcome,
    bytes: &[u8],
    head: &RequestHead,
    target: Option<RequestTarget>,
) {
    texts.clear();
    let mut note = |text: &[u8]| {
        let start = texts.len();
        texts.extend_from_slice(&text[..text.len().min(limits::LOG_TEXT_BYTES)]);
        Span::new(start, texts.len())
    };
    outcome.method = note(head.method_name.of(bytes));
    match target {
        Some(target) => {
            outcome.path = note(target.path.of(bytes));
            outcome.authority = note(target.authority.of(bytes));
        }
        None => {
            outcome.path = note(head.target.of(bytes).split(|byte| *byte == b'?').next().unwrap_or_default())
        }
    }
}

fn key_for(balance: &Balance, client: IpAddr, bytes: &[u8], fields: &FieldTable) -> u64 {
    let value = match balance {
        Balance::Hash(HashKey::Header(name)) => fields
            .iter()
            .find(|field| field.name.of(bytes).eq_ignore_ascii_case(name.as_bytes()))
            .map(|field| field.value.of(bytes)),
        _ => None,
    };
    balance_key(balance, client, value)
}

/// What is left of `Max-Forwards` for OPTIONS and TRACE (RFC 9110 section 7.6.2).
fn max_forwards(method: Method, bytes: &[u8], fields: &FieldTable) -> Result<Option<u64>, Declined> {
    let Some(field) = fields.first(FieldKind::MaxForwards) else { return Ok(None) };
    let digits = field.value.of(bytes);
    let number = std::str::from_utf8(digits).ok().filter(|_| digits.iter().all(u8::is_ascii_digit));
    match number.and_then(|number| number.parse::<u64>().ok()) {
        Some(0) if method == Method::Options => Err(Declined::OptionsHere),
        Some(0) => Err(Refusal::TraceRefused.into()),
        Some(rest) if fields.count(FieldKind::MaxForwards) == 1 => Ok(Some(rest - 1)),
        _ => Err(Rejection::InvalidFieldValue.into()),
    }
}
