//! The half of an exchange that goes from the client to the server: head, routing, body, and the way to a server.

use std::time::Duration;

use super::answering::Declined;
use super::{ConnectFault, ConnectOrder, Ending, Exchange, Outcome, WATCH_AFTER, World};
use crate::limits;
use crate::policy::forwarding::{self, RequestParts, TraceParent};
use crate::policy::refusal::Refusal;
use crate::policy::route_table::{Found, Route, RouteQuery, RouteTarget, UpstreamHost, forwarded_target};
use crate::policy::ruleset::{Balance, HashKey};
use crate::policy::upstream_choice::balance_key;
use crate::protocol::http1::{
    BodyFraming, ChunkedDecoder, ChunkedOutput, FieldKind, FieldTable, HeadLimits, Method, RequestHead,
    TargetForm, Version, connection_options, parse_request_head, request_framing, request_persists,
    request_target, upgrade_protocol,
};
use crate::protocol::moment::Monotonic;
use crate::protocol::progress::Progress;
use crate::protocol::span::Span;
use crate::protocol::wire_buffer::{BufferPool, BufferSize, WireBuffer};

/// Where the request stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    /// Waiting for a head, or reading one.
    #[default]
    Head,
    /// Head judged, waiting for an upstream connection.
    Connecting,
    /// Head and body on their way.
    Sending,
    /// All of it handed to the upstream connection.
    Sent,
    /// The rest of it is of no interest.
    Ignored,
    /// Raw bytes after 101.
    Tunnel,
}

/// What is still to come of a body.
#[derive(Clone, Copy, Debug, Default)]
enum Body {
    #[default]
    None,
    Length(u64),
    Chunked(ChunkedDecoder),
}

/// State of the request half.
#[derive(Clone, Copy, Debug)]
pub(super) struct RequestSide {
    phase: Phase,
    searched: usize,
    /// The unread bytes are an incomplete element: only more bytes help.
    starved: bool,
    /// The client ended its direction.
    ended: bool,
    body: Body,
    body_done: bool,
    body_seen: u64,
    body_limit: u64,
    /// The out window can be written again from `mark`.
    replayable: bool,
    mark: usize,
    /// Bytes the current upstream connection took.
    attempt_bytes: u64,
    attempts: u32,
    order: Option<ConnectOrder>,
    key: u64,
    /// The head names the server it was made for.
    bound_to_server: bool,
    watching: bool,
    response_due: Monotonic,
    response_timeout: Duration,
    body_timeout: Duration,
    pub(super) method: Method,
    pub(super) version: Version,
    pub(super) persists: bool,
    pub(super) upgrade: bool,
}

impl Default for RequestSide {
    fn default() -> Self {
        Self {
            phase: Phase::Head,
            searched: 0,
            starved: true,
            ended: false,
            body: Body::None,
            body_done: false,
            body_seen: 0,
            body_limit: 0,
            replayable: false,
            mark: 0,
            attempt_bytes: 0,
            attempts: 0,
            order: None,
            key: 0,
            bound_to_server: false,
            watching: false,
            response_due: Monotonic::NEVER,
            response_timeout: limits::TIMEOUT_RESPONSE,
            body_timeout: limits::TIMEOUT_BODY,
            method: Method::Other,
            version: Version::Http11,
            persists: false,
            upgrade: false,
        }
    }
}

impl RequestSide {
    /// No head is complete.
    pub(super) fn is_waiting(&self) -> bool {
        self.phase == Phase::Head
    }

    /// All of the request was handed on.
    pub(super) fn is_sent(&self) -> bool {
        self.phase == Phase::Sent
    }

    /// Nothing of the request is left on the connection.
    pub(super) fn is_complete(&self) -> bool {
        self.phase == Phase::Sent || (self.phase == Phase::Ignored && self.body_done)
    }

    /// The client will send no more.
    pub(super) fn client_ended(&self) -> bool {
        self.ended
    }

    /// Sends no more of the request.
    pub(super) fn stop(&mut self) {
        if self.phase != Phase::Sent {
            self.phase = Phase::Ignored;
            self.body_done = false;
        }
    }

    /// Both directions carry raw bytes from now on.
    pub(super) fn become_tunnel(&mut self) {
        self.phase = Phase::Tunnel;
    }

    /// Time without progress after which a body is given up.
    pub(super) fn body_timeout(&self) -> Duration {
        self.body_timeout
    }

    /// Takes note that nothing of the head's body is on the connection, or throws away what is there of it.
    pub(super) fn skip_body(&mut self, request: &mut WireBuffer) {
        self.phase = Phase::Ignored;
        self.body_done = match self.body {
            Body::None => true,
            Body::Length(length) if length <= request.unread_len() as u64 => {
                request.consume(length as usize);
                true
            }
            _ => false,
        };
    }
}

/// What judging a head leaves behind besides the rewritten head in the scratch memory.
struct Judged {
    route: u16,
    order: ConnectOrder,
    key: u64,
    bound_to_server: bool,
    trace_id: [u8; 32],
}

impl Exchange {
    pub(super) fn wants_upstream_write(&self) -> bool {
        self.lanes.upstream
            && !self.lanes.writing_upstream
            && !self.lanes.reading_downstream
            && self.request.out_len() > 0
            && matches!(self.up.phase, Phase::Sending | Phase::Tunnel)
    }

    pub(super) fn wants_downstream_read(&mut self, buffers: &mut BufferPool) -> bool {
        if self.lanes.reading_downstream || self.lanes.writing_upstream || self.up.ended {
            return false;
        }
        let wants = match self.up.phase {
            Phase::Head => self.up.starved,
            Phase::Sending => !self.up.body_done && self.request.out_len() == 0 && self.up.starved,
            Phase::Sent => (self.up.watching || self.down.has_begun()) && self.request.unread_len() == 0,
            Phase::Tunnel => self.request.out_len() == 0,
            Phase::Connecting | Phase::Ignored => false,
        };
        if !wants {
            return false;
        }
        let bulk = self.up.phase == Phase::Sending
            && (matches!(self.up.body, Body::Length(rest) if rest > limits::BULK_THRESHOLD)
                || self.up.body_seen > limits::BULK_THRESHOLD);
        fit_for_reading(&mut self.request, bulk, buffers);
        // What is read from now on stands where the request stood.
        self.up.replayable &= self.up.phase == Phase::Head;
        self.request.make_readable() > 0
    }

    /// Outcome of a read from the client.
    pub(super) fn request_read(&mut self, count: Option<usize>, world: &mut World<'_>) {
        match count {
            None => self.abort(Refusal::ClientGone, world.now),
            Some(0) => self.client_ended(world),
            Some(count) => {
                self.request.filled(count);
                self.up.starved = false;
                match self.up.phase {
                    Phase::Head => self.head_bytes_came(world),
                    Phase::Sending => self.advance_request(world),
                    Phase::Tunnel => {
                        self.request.release(count, count);
                        self.progressed(world.now);
                    }
                    // The next request, or what follows one that is refused: looked at later or never.
                    Phase::Connecting | Phase::Sent | Phase::Ignored => {}
                }
            }
        }
    }

    fn client_ended(&mut self, world: &mut World<'_>) {
        self.up.ended = true;
        match self.up.phase {
            Phase::Head => self.finish = Some(Ending::Close),
            Phase::Sending if !self.up.body_done => self.refuse(Refusal::BodyIncomplete, world),
            Phase::Tunnel => {
                self.plan.end_writing_upstream = true;
                self.tunnel_may_end(world.now);
            }
            // A client may end its direction and still wait for the answer.
            _ => {}
        }
    }

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
                self.up.searched = searched.max(1);
                self.up.starved = true;
                if !grow_if_full(&mut self.request, world.buffers) {
                    self.refuse_before_head(Refusal::Exhausted, world);
                }
            }
            Ok(Progress::Done { value, consumed }) => self.head_complete(&value, consumed, world),
            Err(rejection) => self.refuse_before_head(Refusal::Malformed(rejection), world),
        }
    }

    fn head_complete(&mut self, head: &RequestHead, length: usize, world: &mut World<'_>) {
        self.rules = world.rules.clone();
        self.deadline = Monotonic::NEVER;
        self.up.method = head.method;
        self.up.version = head.version;
        self.up.attempts = 1;
        let mut outcome = Outcome::begun(world.now, world.time, self.peer.address, self.rules.generation);
        let judged = self.judge(head, length, &mut outcome, world);
        if let Ok(judged) = &judged {
            outcome.route = Some(judged.route);
            outcome.trace_id = judged.trace_id;
            outcome.server = Some((judged.order.upstream, judged.order.server));
        }
        self.outcome = Some(outcome);
        self.request.consume(length);
        match judged {
            Err(declined) => self.decline(declined, world),
            Ok(judged) => self.begin_sending(&judged, world),
        }
    }

    /// Decides where the request goes and writes its new head into the scratch memory.
    fn judge(
        &mut self,
        head: &RequestHead,
        length: usize,
        outcome: &mut Outcome,
        world: &mut World<'_>,
    ) -> Result<Judged, Declined> {
        let bytes = self.request.unread();
        let scratch = &mut *world.scratch;
        let fields = &scratch.fields;
        self.log_text.clear();
        outcome.method = note(&mut self.log_text, head.method_name.of(bytes));
        outcome.path = note(&mut self.log_text, head.target.of(bytes));
        let target = request_target(bytes, head, fields)?;
        outcome.path.end = outcome.path.start;
        let path = if target.form == TargetForm::Asterisk { b"*".as_slice() } else { target.path.of(bytes) };
        outcome.path = note(&mut self.log_text, path);
        outcome.authority = note(&mut self.log_text, target.authority.of(bytes));
        let framing = request_framing(bytes, head, fields)?;
        let options = connection_options(bytes, fields)?;
        self.up.persists = request_persists(head.version, &options);
        self.up.body = Body::of(framing);
        if head.method == Method::Connect {
            return Err(Refusal::ConnectUnsupported.into());
        }
        let max_forwards = max_forwards(head.method, bytes, fields)?;
        let trusted = &self.rules.forwarding.trusted;
        outcome.client = forwarding::client_address(self.peer.address, trusted, bytes, fields);
        let query = RouteQuery {
            listener: self.peer.listener,
            host: target.host.of(bytes),
            path,
            method: head.method_name.of(bytes),
            client: outcome.client.ip(),
        };
        let index = match self.rules.routes.find(&query, &mut scratch.path) {
            Found::Route(index) => index,
            Found::MethodNotAllowed { allow } => return Err(Declined::NotAllowed { allow }),
            Found::NotFound => return Err(Refusal::NoRoute.into()),
            Found::Refused(fault) => return Err(Refusal::Path(fault).into()),
        };
        outcome.route = Some(index);
        let route = &self.rules.routes.routes()[usize::from(index)];
        let query = target.query.map(|query| query.of(bytes));
        let upstream = match &route.target {
            RouteTarget::Answer(answer) => return Err(Declined::fixed(answer, path, query)),
            RouteTarget::Upstream(upstream) => *upstream,
        };
        self.up.body_limit = route.body_bytes.unwrap_or(self.rules.limits.body_bytes);
        if matches!(framing, BodyFraming::Length(length) if length > self.up.body_limit) {
            return Err(Refusal::BodyTooLarge.into());
        }
        let settings = &self.rules.upstreams[usize::from(upstream.0)];
        let key = key_for(&settings.balance, outcome.client.ip(), bytes, fields);
        let Some(server) = (world.choose)(upstream, key, None) else {
            return Err(Refusal::NoServer.into());
        };
        scratch.target.clear();
        let rewritten = forwarded_target(route, path, query, &mut scratch.target)
            .map_err(|_| Declined::from(Refusal::RewriteTooLong))?;
        let trace = TraceParent::of(bytes, fields, [(world.random)(), (world.random)(), (world.random)()]);
        let upgrade = upgrade_protocol(bytes, fields, &options).map(|protocol| protocol.of(bytes));
        self.up.upgrade = upgrade.is_some();
        scratch.head.clear();
        let authority = &settings.servers[usize::from(server)].authority;
        let parts = RequestParts {
            bytes,
            length,
            head,
            target: &target,
            fields,
            options: &options,
            framing,
            upgrade,
            route,
            new_target: rewritten.then_some(scratch.target.as_slice()),
            server_authority: authority,
            client: &self.client,
            trusted: forwarding::is_trusted(self.peer.address.ip(), trusted),
            max_forwards,
            trace: &trace,
        };
        forwarding::write_request_head(&parts, &mut scratch.head);
        self.up.response_timeout = route.response_timeout.unwrap_or(self.rules.timeouts.response);
        self.up.body_timeout = route.body_timeout.unwrap_or(self.rules.timeouts.body);
        let limit = route.connect_timeout.unwrap_or(self.rules.timeouts.connect);
        Ok(Judged {
            route: index,
            order: ConnectOrder { upstream, server, fresh: false, limit },
            key,
            bound_to_server: route.upstream_host == UpstreamHost::Server || target.authority.is_empty(),
            trace_id: trace.trace_id(),
        })
    }

    /// Puts the new head in front of what there is of the body, and asks for a connection.
    fn begin_sending(&mut self, judged: &Judged, world: &mut World<'_>) {
        if !self.request.has_room_before(world.scratch.head.len())
            && !enlarge(&mut self.request, world.buffers)
        {
            return self.refuse(Refusal::RewriteTooLong, world);
        }
        if let Err(refusal) = self.take_body() {
            return self.refuse(refusal, world);
        }
        if !self.request.place_before(&world.scratch.head) {
            return self.refuse(Refusal::RewriteTooLong, world);
        }
        self.up.mark = self.request.out_mark();
        self.up.replayable = true;
        self.up.key = judged.key;
        self.up.bound_to_server = judged.bound_to_server;
        self.up.phase = Phase::Connecting;
        self.connect(judged.order);
    }

    fn connect(&mut self, order: ConnectOrder) {
        self.up.order = Some(order);
        self.up.attempt_bytes = 0;
        self.plan.connect = Some(order);
    }

    pub(super) fn connected(&mut self, reused: bool, response: WireBuffer, world: &mut World<'_>) {
        self.lanes.connecting = false;
        self.lanes.upstream = true;
        self.lanes.reading_upstream = true;
        world.buffers.give(std::mem::replace(&mut self.response, response));
        self.up.phase = Phase::Sending;
        self.down.attempt_begins(reused);
        if let Some(outcome) = &mut self.outcome {
            outcome.reused = reused;
            outcome.sent = Some(world.now);
            if let Some((_, ended)) = &mut outcome.connect {
                *ended = world.now;
            }
        }
        self.progressed(world.now);
    }

    pub(super) fn connect_failed(&mut self, fault: ConnectFault, world: &mut World<'_>) {
        self.lanes.connecting = false;
        if let Some(order) = self.up.order
            && self.up.attempts < limits::ATTEMPTS
            && !self.up.bound_to_server
            && fault != ConnectFault::Exhausted
            && let Some(server) = (world.choose)(order.upstream, self.up.key, Some(order.server))
        {
            return self.try_again(ConnectOrder { server, fresh: false, ..order });
        }
        self.refuse(
            match fault {
                ConnectFault::Unresolved => Refusal::NameUnresolved,
                ConnectFault::Refused => Refusal::ConnectRefused,
                ConnectFault::TimedOut => Refusal::ConnectTimeout,
                ConnectFault::Exhausted => Refusal::Exhausted,
            },
            world,
        );
    }

    /// A second attempt on a fresh connection, if the first provably did nothing or may be repeated.
    pub(super) fn retry(&mut self, reused: bool, world: &mut World<'_>) -> bool {
        let unsent = self.up.attempt_bytes == 0;
        let repeatable = reused && self.up.method.is_idempotent();
        let Some(order) = self.up.order else { return false };
        if self.up.attempts >= limits::ATTEMPTS
            || !self.up.replayable
            || !self.request.is_present()
            || !(unsent || repeatable)
        {
            return false;
        }
        self.release(false, world.buffers);
        self.request.rewind(self.up.mark);
        self.try_again(ConnectOrder { fresh: true, ..order });
        true
    }

    fn try_again(&mut self, order: ConnectOrder) {
        self.up.attempts += 1;
        self.up.phase = Phase::Connecting;
        if let Some(outcome) = &mut self.outcome {
            outcome.retries += 1;
            outcome.server = Some((order.upstream, order.server));
        }
        self.deadline = Monotonic::NEVER;
        self.connect(order);
    }

    /// Outcome of a write to the server.
    pub(super) fn request_written(&mut self, count: Option<usize>, world: &mut World<'_>) {
        let count = count.unwrap_or(0);
        if count == 0 {
            // Whether there is an answer all the same, the read in flight will tell.
            if self.up.phase == Phase::Tunnel {
                return self.abort(Refusal::ResponseIncomplete, world.now);
            }
            self.up.stop();
        } else {
            self.request.written(count);
            self.up.attempt_bytes += count as u64;
            if self.up.phase == Phase::Sending && self.request.out_len() == 0 {
                self.advance_request(world);
            }
            self.progressed(world.now);
        }
        if self.down.upstream_is_gone() {
            self.upstream_ended(world);
        } else if self.up.phase == Phase::Tunnel {
            self.tunnel_may_end(world.now);
        }
    }

    /// The out window is empty: puts the next part of the body there, or notes that all is sent.
    fn advance_request(&mut self, world: &mut World<'_>) {
        if !self.up.body_done {
            if let Err(refusal) = self.take_body() {
                return self.refuse(refusal, world);
            }
            if self.up.starved
                && self.request.unread_len() > 0
                && !grow_if_full(&mut self.request, world.buffers)
            {
                return self.refuse(Refusal::Exhausted, world);
            }
        }
        if self.up.body_done && self.request.out_len() == 0 {
            self.up.phase = Phase::Sent;
            self.up.response_due = world.now.after(self.up.response_timeout);
        }
        self.progressed(world.now);
    }

    /// Moves what is there of the body into the out window.
    fn take_body(&mut self) -> Result<(), Refusal> {
        let available = self.request.unread_len();
        let taken = match &mut self.up.body {
            Body::None => {
                self.up.body_done = true;
                0
            }
            Body::Length(rest) => {
                let count = (*rest).min(available as u64);
                *rest -= count;
                self.up.body_done = *rest == 0;
                self.request.release(count as usize, count as usize);
                count as usize
            }
            Body::Chunked(decoder) => {
                let decoded = decoder.advance(self.request.unread_mut()).map_err(Refusal::Malformed)?;
                self.up.body_done = decoded.done;
                self.up.body_seen += decoded.content as u64;
                if self.up.body_seen > self.up.body_limit {
                    return Err(Refusal::BodyTooLarge);
                }
                self.request.release(decoded.produced, decoded.taken);
                decoded.taken
            }
        };
        self.up.starved = !self.up.body_done;
        if let Some(outcome) = &mut self.outcome {
            outcome.request_bytes += taken as u64;
        }
        Ok(())
    }

    /// The first part of the wait for a response passed: from now on the client is watched.
    pub(super) fn await_response_longer(&mut self, world: &mut World<'_>) {
        if world.now >= self.up.response_due {
            self.refuse(Refusal::ResponseTimeout, world);
        } else {
            self.up.watching = true;
            self.deadline = self.up.response_due;
        }
    }

    /// Something moved: sets the next time limit.
    pub(super) fn progressed(&mut self, now: Monotonic) {
        self.deadline = match self.up.phase {
            Phase::Tunnel => now.after(self.rules.timeouts.idle),
            Phase::Sent if !self.down.has_begun() => {
                if self.up.watching {
                    self.up.response_due
                } else {
                    now.after(WATCH_AFTER).min(self.up.response_due)
                }
            }
            _ => now.after(self.up.body_timeout),
        };
    }

    /// A tunnel ends when both sides have ended.
    pub(super) fn tunnel_may_end(&mut self, now: Monotonic) {
        if self.up.ended && self.down.upstream_is_gone() {
            if self.request.out_len() == 0 && self.response.out_len() == 0 {
                self.close_outcome(now);
                self.finish = Some(Ending::Close);
            }
        }
    }
}

impl Body {
    fn of(framing: BodyFraming) -> Self {
        match framing {
            BodyFraming::None | BodyFraming::UntilClose | BodyFraming::Length(0) => Self::None,
            BodyFraming::Length(length) => Self::Length(length),
            BodyFraming::Chunked => Self::Chunked(ChunkedDecoder::new(ChunkedOutput::Framed)),
        }
    }
}

/// Makes the buffer hold more when it is full of an incomplete element. False when no larger one is to be had.
pub(super) fn grow_if_full(buffer: &mut WireBuffer, buffers: &mut BufferPool) -> bool {
    buffer.make_readable() > 0 || enlarge(buffer, buffers)
}

/// Moves the unread bytes to a large buffer.
pub(super) fn enlarge(buffer: &mut WireBuffer, buffers: &mut BufferPool) -> bool {
    if buffer.size() == BufferSize::Large {
        return false;
    }
    let Some(mut large) = buffers.take_large() else { return false };
    large.append_from(buffer);
    buffers.give(std::mem::replace(buffer, large));
    true
}

/// Takes the size of buffer that suits the next read, if the current one is empty.
pub(super) fn fit_for_reading(buffer: &mut WireBuffer, bulk: bool, buffers: &mut BufferPool) {
    if buffer.unread_len() > 0 || (buffer.size() == BufferSize::Large) == bulk && buffer.is_present() {
        return;
    }
    let fitting = if bulk { buffers.take_large() } else { None };
    match fitting {
        Some(large) => buffers.give(std::mem::replace(buffer, large)),
        None if buffer.size() == BufferSize::Small && buffer.is_present() => {}
        None => {
            let small = buffers.take_small();
            buffers.give(std::mem::replace(buffer, small));
        }
    }
}

/// Notes `text` for the log, cut to its bound.
fn note(log_text: &mut Vec<u8>, text: &[u8]) -> Span {
    let start = log_text.len();
    log_text.extend_from_slice(&text[..text.len().min(limits::LOG_TEXT_BYTES)]);
    Span::new(start, log_text.len())
}

fn key_for(balance: &Balance, client: std::net::IpAddr, bytes: &[u8], fields: &FieldTable) -> u64 {
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
    if !matches!(method, Method::Options | Method::Trace) {
        return Ok(None);
    }
    let Some(field) = fields.first(FieldKind::MaxForwards) else { return Ok(None) };
    let text = std::str::from_utf8(field.value.of(bytes)).unwrap_or_default();
    match text.parse::<u64>() {
        Ok(0) if method == Method::Options => Err(Declined::OptionsHere),
        Ok(0) => Err(Refusal::TraceRefused.into()),
        Ok(rest) => Ok(Some(rest - 1)),
        Err(_) => Err(Refusal::Malformed(crate::protocol::http1::Rejection::InvalidFieldValue).into()),
    }
}

/// The route an outcome took.
pub(super) fn route_of<'r>(
    rules: &'r crate::policy::ruleset::Ruleset,
    outcome: &Option<Outcome>,
) -> Option<&'r Route> {
    let index = outcome.as_ref()?.route?;
    rules.routes.routes().get(usize::from(index))
}
