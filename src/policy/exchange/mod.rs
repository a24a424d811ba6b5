//! One downstream connection's requests and responses, as a step machine that does no I/O.
//!
//! # Contract
//! The driver calls [`Exchange::next`] until it says [`Action::Wait`], carries each action out, and calls
//! [`Exchange::step`] once for the event that each action ends in. Up to four operations are in flight at once, one
//! per side and direction. For a read or a write it takes the memory from [`Exchange::lend`] and hands it back with
//! the event. Time never goes back. When the moment of [`Exchange::deadline`] has passed it steps
//! [`Event::DeadlinePassed`]. When [`Exchange::take_outcome`] gives one, an exchange is over and the next begins on
//! the same connection; the outcome is taken, and what was known for the last exchange forgotten, before any other event.
//! After [`Action::Finish`] nothing more may be called.
//!
//! # The way of a request
//! ```text
//!  request side    Head ──parsed, routed──▶ Connecting ──▶ Sending ──all written──▶ Sent
//!                    ▲    ├─refused─▶ Ignored  ◀──answered early──┘                   │
//!                    │    └─unknown─▶ Asking ──answered──▶ Head, judged again             │
//!  response side   Silent ───────────▶ Head ──final head──▶ Body ──all read──▶ Ended ─┤
//!                    └────────────────────── next request ◀──────── all written ◀─────┘
//!  101 turns both sides into Tunnel.
//! ```
//! `request_side` and `response_side` hold the two halves; `judgement` and `response_head` what becomes of
//! heads, `question` what has to be asked for, `attempt` the way to a server, `answering` the answers made here, `deadlines` what passing time does.

mod action;
mod answering;
mod attempt;
mod deadlines;
mod described_resource;
mod event;
mod inner_request;
mod judgement;
mod outcome;
mod payload_endpoints;
mod peer;
mod proof_admission;
mod question;
mod request_side;
mod response_head;
mod response_side;
mod sealed_body;
mod sealed_claim;
mod sealed_request;
mod sealed_response;
mod sealed_stream;
mod seen_revocation;
#[cfg(test)]
mod tests;
mod token_admission;
mod world;

use std::time::Duration;

pub use action::{Action, ConnectOrder, Ending};
pub use event::{ConnectFault, Event, Side};
pub use outcome::Outcome;
pub use payload_endpoints::SealedForm;
pub use peer::{Peer, TlsPeer};
pub use question::{Answer, Answers, Asked, Mapping, Question, Subject, TokenAnswer, Tokens};
use request_side::RequestSide;
use response_side::ResponseSide;
use sealed_request::Sealed;
use seen_revocation::SeenRevocation;
pub use world::{MessageId, PayloadWorld, ProofWorld, Remembered, Scratch, World};

use super::forwarding::ClientText;
use super::refusal::Refusal;
use super::ruleset::Rules;
use crate::limits;
use crate::protocol::moment::Monotonic;
use crate::protocol::wire_buffer::{BufferPool, Storage, WireBuffer};

/// A downstream connection and the exchange on it.
pub struct Exchange {
    peer: Peer,
    client: ClientText,
    rules: Rules,
    request: WireBuffer,
    response: WireBuffer,
    up: RequestSide,
    down: ResponseSide,
    sealed: Option<Box<Sealed>>,
    /// What the judgement of the head waits for.
    asked: Option<Asked>,
    /// The request is one to revoke a token.
    revocation: Option<Box<SeenRevocation>>,
    lanes: Lanes,
    plan: Plan,
    outcome: Option<Outcome>,
    finished: Option<Outcome>,
    /// What the spans of `outcome` and of `finished` point into.
    outcome_text: Vec<u8>,
    finished_text: Vec<u8>,
    deadline: Monotonic,
    finish: Option<Ending>,
}

/// Which operations are in flight.
#[derive(Clone, Copy, Debug, Default)]
struct Lanes {
    reading_downstream: bool,
    writing_downstream: bool,
    reading_upstream: bool,
    writing_upstream: bool,
    connecting: bool,
    /// An upstream connection is held.
    upstream: bool,
}

/// Single actions waiting their turn.
#[derive(Clone, Copy, Debug, Default)]
struct Plan {
    ask: bool,
    /// The last exchange is over, and bytes of the next are there.
    next_request: bool,
    connect: Option<ConnectOrder>,
    release: Option<bool>,
    /// How long the server keeps the connection to be released, where it says so.
    idle_limit: Option<Duration>,
    end_writing_upstream: bool,
    end_writing_downstream: bool,
}

impl Exchange {
    /// A connection on which nothing has been read. `request` is an empty buffer, `now` starts its idle time.
    pub fn new(peer: Peer, rules: Rules, request: WireBuffer, now: Monotonic) -> Self {
        let deadline = now.after(rules.timeouts.idle);
        Self {
            client: ClientText::new(peer.address.ip()),
            peer,
            rules,
            request,
            response: WireBuffer::default(),
            up: RequestSide::default(),
            down: ResponseSide::default(),
            sealed: None,
            asked: None,
            revocation: None,
            lanes: Lanes::default(),
            plan: Plan::default(),
            outcome: None,
            finished: None,
            outcome_text: Vec::new(),
            finished_text: Vec::new(),
            deadline,
            finish: None,
        }
    }

    /// Takes in what happened.
    pub fn step(&mut self, mut event: Event, world: &mut World<'_>) {
        if !self.take_back(&mut event) {
            return;
        }
        match event {
            Event::Read { side: Side::Downstream, count, .. } => self.request_read(count, world),
            Event::Read { side: Side::Upstream, count, .. } => self.response_read(count, world),
            Event::Written { side: Side::Upstream, count, .. } => self.request_written(count, world),
            Event::Written { side: Side::Downstream, count, .. } => self.response_written(count, world),
            Event::Connected { reused, response } => self.connected(reused, response, world),
            Event::ConnectFailed(fault) => self.connect_failed(fault, world),
            Event::Answered => self.answered(world),
            Event::NextRequest if self.up.is_waiting() => self.head_bytes_came(world),
            Event::NextRequest => {}
            Event::DeadlinePassed => self.deadline_passed(world),
            Event::Cut => self.abort(Refusal::Drained, world.now),
        }
        self.conclude(world);
        self.check();
    }

    /// Takes the memory of a finished read or write back. False when the event changes nothing any more: the exchange
    /// is over, or it is the last word of an upstream connection that was parted with, and its memory nobody's.
    fn take_back(&mut self, event: &mut Event) -> bool {
        let (lane, buffer, storage) = match event {
            Event::Read { side: Side::Downstream, storage, .. } => {
                (&mut self.lanes.reading_downstream, &mut self.request, Some(storage))
            }
            Event::Read { side: Side::Upstream, storage, .. } => {
                (&mut self.lanes.reading_upstream, &mut self.response, Some(storage))
            }
            Event::Written { side: Side::Downstream, storage, .. } => {
                (&mut self.lanes.writing_downstream, &mut self.response, storage.as_mut())
            }
            Event::Written { side: Side::Upstream, storage, .. } => {
                (&mut self.lanes.writing_upstream, &mut self.request, storage.as_mut())
            }
            _ => return self.finish.is_none(),
        };
        let awaited = std::mem::take(lane);
        if awaited && let Some(storage) = storage {
            buffer.restore(std::mem::take(storage));
        }
        awaited && self.finish.is_none()
    }

    /// What to do now.
    pub fn next(&mut self, buffers: &mut BufferPool) -> Action {
        if let Some(ending) = self.finish {
            return match self.plan.release.take() {
                Some(reusable) => Action::Release { reusable },
                None => Action::Finish(ending),
            };
        }
        if std::mem::take(&mut self.plan.ask) {
            return Action::Ask;
        }
        if self.plan.next_request {
            // The connection that served the last one may serve this one.
            if let Some(reusable) = self.plan.release.take() {
                return Action::Release { reusable };
            }
            self.plan.next_request = false;
            return Action::NextRequest;
        }
        if self.plan.connect.is_some() {
            // The old connection goes first: the driver holds only one.
            if let Some(reusable) = self.plan.release.take() {
                return Action::Release { reusable };
            }
            if let Some(order) = self.plan.connect.take() {
                self.lanes.connecting = true;
                return Action::Connect(order);
            }
        }
        if self.wants_upstream_write() {
            self.lanes.writing_upstream = true;
            return Action::Write(Side::Upstream);
        }
        if self.wants_downstream_write() {
            self.lanes.writing_downstream = true;
            return Action::Write(Side::Downstream);
        }
        if let Some(reusable) = self.plan.release.take() {
            return Action::Release { reusable };
        }
        if self.plan.end_writing_upstream && !self.lanes.writing_upstream && self.request.out_len() == 0 {
            self.plan.end_writing_upstream = false;
            return Action::EndWriting(Side::Upstream);
        }
        if self.plan.end_writing_downstream && !self.lanes.writing_downstream && self.response.out_len() == 0
        {
            self.plan.end_writing_downstream = false;
            return Action::EndWriting(Side::Downstream);
        }
        if self.wants_upstream_read(buffers) {
            self.lanes.reading_upstream = true;
            return Action::Read(Side::Upstream);
        }
        if self.wants_downstream_read(buffers) {
            self.lanes.reading_downstream = true;
            return Action::Read(Side::Downstream);
        }
        Action::Wait
    }

    /// The memory and range for the action just given: a read or a write.
    pub fn lend(&mut self, action: Action) -> (Storage, usize, usize) {
        match action {
            Action::Read(Side::Downstream) => self.request.lend_for_read(),
            Action::Read(Side::Upstream) => self.response.lend_for_read(),
            Action::Write(Side::Upstream) => self.request.lend_for_write(),
            _ => self.response.lend_for_write(),
        }
    }

    /// The bytes of the write just asked for, to be written without lending them.
    pub fn out(&self, side: Side) -> &[u8] {
        match side {
            Side::Upstream => self.request.out(),
            Side::Downstream => self.response.out(),
        }
    }

    /// When to step [`Event::DeadlinePassed`].
    #[inline]
    pub fn deadline(&self) -> Monotonic {
        self.deadline
    }

    /// The exchange that has just ended, once.
    #[inline]
    pub fn take_outcome(&mut self) -> Option<Outcome> {
        self.finished.take()
    }

    /// What the outcome's spans point into; valid until the next exchange is over.
    pub fn log_text(&self) -> &[u8] {
        &self.finished_text
    }

    /// True between two requests, with nothing read of the next.
    #[inline]
    pub fn is_idle(&self) -> bool {
        self.up.is_waiting() && self.request.unread_len() == 0 && self.outcome.is_none()
    }

    /// True while a request is under way, from its head's last byte on.
    #[inline]
    pub fn is_busy(&self) -> bool {
        self.outcome.is_some()
    }

    /// True while all of the request is handed on and the response is awaited or under way: what is read now is the
    /// next request.
    #[inline]
    pub fn is_sent(&self) -> bool {
        self.up.is_sent()
    }

    /// Takes back the memory of a read that ended because it was asked to, with nothing read.
    pub fn read_called_back(&mut self, storage: Storage) {
        self.lanes.reading_downstream = false;
        self.request.restore(storage);
    }

    /// Takes note that a connection is being made.
    pub fn note_connecting(&mut self, now: Monotonic) {
        if let Some(outcome) = &mut self.outcome {
            outcome.connect = Some((now, now));
        }
    }

    /// How long the upstream connection just released may idle: `limit`, or less where the server said so.
    pub fn upstream_idle_limit(&self, limit: Duration) -> Duration {
        self.plan.idle_limit.map_or(limit, |said| said.min(limit))
    }

    /// Gives all buffers back; those the kernel still has are written off.
    pub fn dissolve(mut self, buffers: &mut BufferPool) {
        buffers.give(std::mem::take(&mut self.request));
        buffers.give(std::mem::take(&mut self.response));
    }

    /// Ends the exchange if everything is said, and begins the next one.
    fn conclude(&mut self, world: &mut World<'_>) {
        if self.finish.is_some() || !self.down.is_ended() || self.response.out_len() > 0 {
            return;
        }
        self.release(false, world.buffers);
        self.close_outcome(world.now);
        world.buffers.give(std::mem::take(&mut self.response));
        let keeps = self.down.persists() && self.up.is_complete() && !self.up.client_ended();
        if !keeps {
            self.finish = Some(self.farewell());
            return;
        }
        self.up = RequestSide::default();
        self.down = ResponseSide::default();
        if let Some(mut sealed) = self.sealed.take()
            && world.scratch.spare_sealed.len() < limits::SEALED_KEPT
        {
            sealed.forget();
            world.scratch.spare_sealed.push(sealed);
        }
        self.deadline = world.now.after(self.rules.timeouts.idle);
        self.plan.next_request = !self.request.unread().is_empty();
    }

    /// How to close after a complete answer: where the client may still send, it must get to read the answer before a
    /// reset reaches it.
    fn farewell(&self) -> Ending {
        let expected = !self.up.persists && self.up.is_complete() && self.request.unread_len() == 0;
        if expected || self.up.client_ended() { Ending::Close } else { Ending::Linger }
    }

    /// Cuts everything: the response cannot be ended properly, or there is nobody to send it to.
    fn abort(&mut self, refusal: Refusal, now: Monotonic) {
        if self.finish.is_some() {
            return;
        }
        if let Some(outcome) = &mut self.outcome {
            outcome.reason = refusal.reason();
            outcome.cut = true;
        }
        let hidden = self.down.end_is_the_connections(self.response.out_len());
        self.close_outcome(now);
        self.finish = Some(if hidden { Ending::Reset } else { Ending::Cut });
    }

    fn close_outcome(&mut self, now: Monotonic) {
        let revoked = self.take_revoked();
        if let Some(mut outcome) = self.outcome.take() {
            outcome.revoked = revoked;
            outcome.ended = now;
            self.finished = Some(outcome);
            std::mem::swap(&mut self.outcome_text, &mut self.finished_text);
        }
    }

    /// Plans to part with the upstream connection. Memory that the kernel has for it goes away with it.
    fn release(&mut self, reusable: bool, buffers: &mut BufferPool) {
        if !self.lanes.upstream {
            return;
        }
        self.lanes.upstream = false;
        self.plan.release = Some(reusable);
        self.plan.idle_limit = self.down.keep_alive_limit();
        if std::mem::take(&mut self.lanes.writing_upstream) {
            self.up.lost_track |= self.request.unread_len() > 0;
            buffers.give(std::mem::take(&mut self.request));
        }
        if std::mem::take(&mut self.lanes.reading_upstream) {
            buffers.give(std::mem::take(&mut self.response));
        }
    }

    #[inline]
    fn check(&self) {
        debug_assert!(!self.lanes.writing_upstream || !self.lanes.reading_downstream);
        debug_assert!(!self.lanes.writing_downstream || !self.lanes.reading_upstream);
        debug_assert!(!self.lanes.connecting || !self.lanes.upstream);
    }
}
