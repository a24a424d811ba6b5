//! The way of a judged request to a server: the first attempt, another server, the one retry.

use super::judgement::Judged;
use super::request_side::Phase;
use super::{ConnectFault, ConnectOrder, Exchange, World};
use crate::limits;
use crate::policy::refusal::Refusal;
use crate::protocol::wire_buffer::{BufferSize, WireBuffer};

impl Exchange {
    /// Puts the new head in front of what there is of the body, and asks for a connection.
    pub(super) fn begin_sending(&mut self, judged: &Judged, world: &mut World<'_>) {
        let fits = self.request.has_room_before(world.scratch.head.len());
        if !fits && !world.buffers.enlarge(&mut self.request) {
            let is_large = self.request.size() == BufferSize::Large;
            return self.refuse(if is_large { Refusal::RewriteTooLong } else { Refusal::Exhausted }, world);
        }
        if let Err(refusal) = self.take_body(world.scratch) {
            return self.refuse(refusal, world);
        }
        if !self.request.place_before(&world.scratch.head) {
            return self.refuse(Refusal::RewriteTooLong, world);
        }
        self.up.mark = self.request.out_mark();
        self.up.replayable = true;
        self.up.key = judged.key;
        self.up.bound_to_server = judged.bound_to_server;
        self.up.attempts = 1;
        self.connect(judged.order);
    }

    fn connect(&mut self, order: ConnectOrder) {
        self.up.phase = Phase::Connecting;
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
            return self.try_again(ConnectOrder { server, ..order });
        }
        let refusal = match fault {
            ConnectFault::Unresolved => Refusal::NameUnresolved,
            ConnectFault::Refused => Refusal::ConnectRefused,
            ConnectFault::TimedOut => Refusal::ConnectTimeout,
            ConnectFault::Exhausted => Refusal::Exhausted,
            ConnectFault::Handshake(_) => Refusal::HandshakeFailed,
        };
        if let (ConnectFault::Handshake(why), Some(outcome)) = (fault, &mut self.outcome) {
            outcome.detail = Some(why);
        }
        self.refuse(refusal, world);
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
        if let Some(outcome) = &mut self.outcome {
            outcome.retries += 1;
            outcome.server = Some((order.upstream, order.server));
        }
        self.stop_the_clock();
        self.connect(order);
    }
}
