//! The half of an exchange that goes from the client to the server: reading, the body, writing.
//!
//! What becomes of a head is in `judgement`, the way to a server in `attempt`.

use std::time::Duration;

use super::{ConnectOrder, Ending, Exchange, Scratch, World};
use crate::limits;
use crate::policy::refusal::Refusal;
use crate::policy::route_table::Route;
use crate::policy::ruleset::Ruleset;
use crate::protocol::http1::{BodyFraming, ChunkedDecoder, ChunkedOutput, Method, Version};
use crate::protocol::moment::Monotonic;
use crate::protocol::wire_buffer::{BufferPool, WireBuffer};

/// Where the request stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Phase {
    /// Waiting for a head, or reading one.
    #[default]
    Head,
    /// The body of a sealed message comes, until the request in it can be judged.
    Opening,
    /// The head cannot be judged before something is known.
    Asking,
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
pub(super) enum Body {
    #[default]
    None,
    Length(u64),
    Chunked(ChunkedDecoder),
    /// What is left of a sealed message.
    Sealed,
}

/// State of the request half.
#[derive(Clone, Copy, Debug)]
pub(super) struct RequestSide {
    pub(super) phase: Phase,
    pub(super) searched: usize,
    /// The unread bytes are an incomplete element: only more bytes help.
    pub(super) starved: bool,
    /// The client ended its direction.
    ended: bool,
    pub(super) body: Body,
    body_done: bool,
    body_seen: u64,
    pub(super) body_limit: u64,
    /// The out window can be written again from `mark`.
    pub(super) replayable: bool,
    pub(super) mark: usize,
    /// What followed the request in its buffer went away with an upstream connection.
    pub(super) lost_track: bool,
    /// Bytes the current upstream connection took.
    pub(super) attempt_bytes: u64,
    pub(super) attempts: u32,
    /// Questions asked to judge the head.
    pub(super) questions: u32,
    pub(super) order: Option<ConnectOrder>,
    pub(super) key: u64,
    /// The head names the server it was made for.
    pub(super) bound_to_server: bool,
    pub(super) watching: bool,
    pub(super) response_due: Monotonic,
    pub(super) response_timeout: Duration,
    pub(super) body_timeout: Duration,
    pub(super) method: Method,
    pub(super) version: Version,
    /// Of the URL that the client asked for.
    pub(super) scheme: &'static str,
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
            lost_track: false,
            attempt_bytes: 0,
            attempts: 0,
            questions: 0,
            order: None,
            key: 0,
            bound_to_server: false,
            watching: false,
            response_due: Monotonic::NEVER,
            response_timeout: limits::TIMEOUT_RESPONSE,
            body_timeout: limits::TIMEOUT_BODY,
            method: Method::Other,
            version: Version::Http11,
            scheme: "http",
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

    /// Nothing of the request is left on the connection, and what follows it is known.
    pub(super) fn is_complete(&self) -> bool {
        !self.lost_track && (self.phase == Phase::Sent || self.phase == Phase::Ignored && self.body_done)
    }

    /// The client will send no more.
    pub(super) fn client_ended(&self) -> bool {
        self.ended
    }

    /// The next move is the client's: more of the body has to come.
    pub(super) fn awaits_client(&self) -> bool {
        self.phase == Phase::Sending && self.starved
    }

    /// A sealed message is read, and what it asks for is not known yet.
    pub(super) fn is_opening(&self) -> bool {
        self.phase == Phase::Opening
    }

    /// More of a sealed message has to come.
    pub(super) fn awaits_sealed(&self) -> bool {
        self.phase == Phase::Opening || self.phase == Phase::Sending && matches!(self.body, Body::Sealed)
    }

    /// The upstream connection is there and has taken no byte of the request.
    pub(super) fn has_sent_nothing(&self) -> bool {
        self.attempt_bytes == 0 && matches!(self.phase, Phase::Sending | Phase::Ignored)
    }

    /// Sends no more of the request, and gives up finding its end.
    pub(super) fn stop(&mut self) {
        if self.phase != Phase::Sent {
            self.phase = Phase::Ignored;
            self.body_done = false;
        }
    }

    /// Sends no more of the request, and throws its body away where all of that is there.
    pub(super) fn skip_rest(&mut self, request: &mut WireBuffer) {
        self.phase = Phase::Ignored;
        request.drop_out();
        self.body_done |= match self.body {
            Body::None => true,
            Body::Length(length) if length <= request.unread_len() as u64 => {
                request.consume(length as usize);
                true
            }
            _ => false,
        };
    }

    /// All of the body is off the connection.
    pub(super) fn end_body(&mut self) {
        self.body_done = true;
    }

    /// Takes note of `content` more bytes of body.
    pub(super) fn count_body(&mut self, content: u64) -> Result<(), Refusal> {
        self.body_seen += content;
        if self.body_seen > self.body_limit { Err(Refusal::BodyTooLarge) } else { Ok(()) }
    }

    /// What the route, or else the rules, allow this request.
    pub(super) fn take_limits(&mut self, route: &Route, rules: &Ruleset) {
        self.body_limit = route.body_bytes.unwrap_or(rules.limits.body_bytes);
        self.response_timeout = route.response_timeout.unwrap_or(rules.timeouts.response);
        self.body_timeout = route.body_timeout.unwrap_or(rules.timeouts.body);
    }

    /// Time without progress after which a body is given up.
    pub(super) fn body_timeout(&self) -> Duration {
        self.body_timeout
    }
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
            // After the word that the client waits for: then no answer finds that half written.
            Phase::Opening => {
                self.up.starved && !self.lanes.writing_downstream && self.response.out_len() == 0
            }
            Phase::Sending => !self.up.body_done && self.request.out_len() == 0 && self.up.starved,
            Phase::Sent => (self.up.watching || self.down.has_begun()) && self.request.unread_len() == 0,
            Phase::Tunnel => self.request.out_len() == 0,
            Phase::Asking | Phase::Connecting | Phase::Ignored => false,
        };
        if !wants {
            return false;
        }
        let bulk = match (self.up.phase, self.up.body) {
            (Phase::Sending, Body::Length(rest)) => rest > limits::BULK_THRESHOLD,
            (Phase::Sending, _) => self.up.body_seen > limits::BULK_THRESHOLD,
            _ => false,
        };
        buffers.fit(&mut self.request, bulk);
        // What is read from now on stands where the request stood.
        self.up.replayable = false;
        self.request.make_readable() > 0
    }

    /// Outcome of a read from the client.
    pub(super) fn request_read(&mut self, count: Option<usize>, world: &mut World<'_>) {
        match count {
            None => self.abort(Refusal::ClientGone, world.now),
            Some(0) => self.request_ended(world),
            Some(count) => {
                self.request.filled(count);
                self.up.starved = false;
                match self.up.phase {
                    Phase::Head => self.head_bytes_came(world),
                    Phase::Opening => self.advance_opening(world),
                    Phase::Sending => self.advance_request(world),
                    Phase::Tunnel => {
                        self.request.release(count, count);
                        self.progressed(world.now);
                    }
                    // The next request, or what follows one that is refused: looked at later or never.
                    Phase::Asking | Phase::Connecting | Phase::Sent | Phase::Ignored => {}
                }
            }
        }
    }

    fn request_ended(&mut self, world: &mut World<'_>) {
        self.up.ended = true;
        match self.up.phase {
            Phase::Head => self.finish = Some(Ending::Close),
            Phase::Opening => self.refuse(Refusal::BodyIncomplete, world),
            Phase::Sending if !self.up.body_done => self.refuse(Refusal::BodyIncomplete, world),
            Phase::Tunnel => {
                self.plan.end_writing_upstream = true;
                self.tunnel_may_end(world.now);
            }
            // A client may end its direction and still wait for the answer.
            _ => {}
        }
    }

    /// Outcome of a write to the server.
    pub(super) fn request_written(&mut self, count: Option<usize>, world: &mut World<'_>) {
        match count {
            None | Some(0) if self.up.phase == Phase::Tunnel => {
                return self.abort(Refusal::TunnelBroken, world.now);
            }
            // Whether there is an answer all the same, the read in flight will tell.
            None | Some(0) => self.up.stop(),
            Some(count) => {
                self.request.written(count);
                self.up.attempt_bytes += count as u64;
                if self.up.phase == Phase::Sending && self.request.out_len() == 0 {
                    self.advance_request(world);
                }
                self.progressed(world.now);
            }
        }
        if self.up.phase == Phase::Tunnel {
            self.tunnel_may_end(world.now);
        } else if self.down.awaits_judgement() {
            self.upstream_ended(world);
        }
    }

    /// The out window is empty: puts the next part of the body there, or notes that all is sent.
    fn advance_request(&mut self, world: &mut World<'_>) {
        if !self.up.body_done {
            // The out window moves on: what was written cannot be written again.
            self.up.replayable = false;
            if let Err(refusal) = self.take_body(world.scratch) {
                return self.refuse(refusal, world);
            }
            let stuck = self.up.starved && self.request.out_len() == 0 && self.request.unread_len() > 0;
            if stuck && !world.buffers.make_readable(&mut self.request) {
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
    pub(super) fn take_body(&mut self, scratch: &mut Scratch) -> Result<(), Refusal> {
        if matches!(self.up.body, Body::Sealed) {
            self.up.body_done = self.take_opened(scratch)?;
            self.up.starved = !self.up.body_done;
            return Ok(());
        }
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
            // Taken above.
            Body::Sealed => 0,
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
        if let Some(revocation) = &mut self.revocation {
            revocation.pass(self.request.out());
        }
        if let Some(outcome) = &mut self.outcome {
            outcome.request_bytes += taken as u64;
        }
        Ok(())
    }

    /// Both directions carry raw bytes from now on, beginning with what is there already.
    pub(super) fn enter_tunnel(&mut self) {
        self.up.phase = Phase::Tunnel;
        self.plan.end_writing_upstream = self.up.ended;
        if self.request.is_present() {
            let early = self.request.unread_len();
            self.request.drop_out();
            self.request.release(early, early);
        }
    }

    /// A tunnel ends when both sides have ended.
    pub(super) fn tunnel_may_end(&mut self, now: Monotonic) {
        let all_written = self.request.out_len() == 0 && self.response.out_len() == 0;
        if self.up.ended && self.down.upstream_is_gone() && all_written {
            self.close_outcome(now);
            self.finish = Some(Ending::Close);
        }
    }
}

impl Body {
    pub(super) fn of(framing: BodyFraming) -> Self {
        match framing {
            BodyFraming::None | BodyFraming::UntilClose | BodyFraming::Length(0) => Self::None,
            BodyFraming::Length(length) => Self::Length(length),
            BodyFraming::Chunked => Self::Chunked(ChunkedDecoder::new(ChunkedOutput::Framed)),
        }
    }
}
