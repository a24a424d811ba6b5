//! Carries out what the exchange of one downstream connection asks for. Decides nothing.
//!
//! When it begins and what comes after is the business of `connection_life`.

use std::future::{Future, poll_fn};
use std::net::Shutdown;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::access_notes;
use super::answers;
use super::counted::Counted;
use super::generation::{Assignment, Generation};
use super::operations::Operations;
use super::state::Worker;
use super::tls_notes;
use super::upstream_pool::UpstreamConnection;
use crate::limits::{COOL_DOWN, DIRECT_WRITE_BUSY, IDLE_WARM_MAX};
use crate::net::clock;
use crate::net::connection::{ColdConnection, Connection, Transfer, is_called_back};
use crate::net::deadline::Deadline;
use crate::net::dialer::DialFault;
use crate::policy::exchange::{
    Action, Answer, Answers, ConnectFault, ConnectOrder, Ending, Event, Exchange, MessageId, PayloadWorld,
    Peer, ProofWorld, Remembered, Side, Subject, World,
};
use crate::protocol::moment::Monotonic;

/// What is left when the warm part of a connection ends.
pub(super) enum Parted {
    Cooled(ColdConnection),
    Lingers(Connection),
    Closed,
}

/// Serves a connection from its first bytes until it idles or ends.
pub(super) async fn drive(
    worker: Rc<Worker>,
    connection: Connection,
    peer: Peer,
    deadline: &Deadline,
) -> Parted {
    let now = clock::monotonic();
    let request = worker.buffers.borrow_mut().take_small();
    let generation = worker.generation();
    let exchange = Exchange::new(peer.clone(), generation.rules.clone(), request, now);
    let counted = Counted::new(worker.clone());
    let mut driver = Driver {
        worker,
        peer,
        generation,
        downstream: connection,
        upstream: None,
        assignment: None,
        asking: None,
        known: Answers::default(),
        dialing: None,
        exchange,
        deadline,
        now,
        idle_since: now,
        counted,
        in_flight: Operations::default(),
        started: Operations::default(),
        has_read: false,
        cut: false,
    };
    let end = poll_fn(|context| driver.poll(context)).await;
    driver.part(end)
}

/// Why the warm part ended.
enum End {
    Cooled,
    Finished(Ending),
}

type Asking = Pin<Box<dyn Future<Output = (Subject, Answer)>>>;
type Dialing = Pin<Box<dyn Future<Output = Result<Connection, DialFault>>>>;

struct Driver<'d> {
    worker: Rc<Worker>,
    peer: Peer,
    generation: Rc<Generation>,
    downstream: Connection,
    upstream: Option<Held>,
    assignment: Option<Assignment>,
    asking: Option<Asking>,
    /// What was answered for the request under way.
    known: Answers,
    dialing: Option<(Dialing, ConnectOrder)>,
    exchange: Exchange,
    deadline: &'d Deadline,
    now: Monotonic,
    idle_since: Monotonic,
    counted: Counted,
    /// Those that may complete: the memory of others is not even looked at.
    in_flight: Operations,
    /// Started and not yet polled.
    started: Operations,
    /// What it was warmed for has been read: before that it must not go cold again, or it would turn in circles.
    has_read: bool,
    cut: bool,
}

/// The upstream connection of the exchange under way.
struct Held {
    connection: Connection,
    order: ConnectOrder,
    retires: Monotonic,
}

impl Driver<'_> {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<End> {
        self.now = clock::monotonic();
        self.worker.active.set(self.now);
        self.look_at_time();
        // Whatever is in flight may have woken us; after that only what was just started needs its first poll, which
        // is what puts it into the ring.
        let mut due = self.in_flight;
        loop {
            if self.reap(due, context) {
                return Poll::Ready(End::Cooled);
            }
            if let Some(end) = self.act(context) {
                return Poll::Ready(end);
            }
            due = std::mem::take(&mut self.started);
            if due.is_none() {
                break;
            }
        }
        self.counted.set_busy(self.exchange.is_busy());
        self.set_deadline();
        Poll::Pending
    }

    /// Steps the exchange when its time has passed; calls an idle read back when the connection has cooled.
    fn look_at_time(&mut self) {
        if self.worker.cut.get() && !std::mem::replace(&mut self.cut, true) {
            self.step(Event::Cut);
        }
        if self.now >= self.exchange.deadline() {
            self.step(Event::DeadlinePassed);
        }
        let cooled = self.now >= self.idle_since.after(COOL_DOWN) || self.worker.draining.get().is_some();
        if self.exchange.is_idle() && cooled && self.in_flight.has(Operations::READ_DOWNSTREAM) {
            self.downstream.call_back_read();
        }
    }

    fn set_deadline(&self) {
        let next = self.exchange.deadline();
        let idle = self.exchange.is_idle();
        self.deadline.set(if idle { next.min(self.idle_since.after(COOL_DOWN)) } else { next });
    }

    /// Does what the exchange asks for until it waits.
    fn act(&mut self, context: &mut Context<'_>) -> Option<End> {
        loop {
            self.note_outcome();
            let action = self.exchange.next(&mut self.worker.buffers.borrow_mut());
            match action {
                Action::Wait => return None,
                Action::Finish(ending) => return Some(End::Finished(ending)),
                Action::Read(Side::Downstream)
                    if self.has_read && self.exchange.is_idle() && self.is_crowded() =>
                {
                    return Some(End::Cooled);
                }
                Action::Read(Side::Downstream) => {
                    self.start(Operations::READ_DOWNSTREAM);
                    let lent = self.exchange.lend(action);
                    if self.exchange.is_idle() || self.exchange.is_sent() {
                        self.downstream.start_callable_read(lent);
                    } else {
                        self.downstream.start_read(lent);
                    }
                }
                Action::Read(Side::Upstream) => {
                    self.start(Operations::READ_UPSTREAM);
                    let lent = self.exchange.lend(action);
                    if let Some(held) = &mut self.upstream {
                        held.connection.start_read(lent);
                    }
                }
                Action::Write(side) => self.write(side, action),
                Action::Ask => self.ask(),
                Action::NextRequest => self.step(Event::NextRequest),
                Action::Connect(order) => self.connect(order, context),
                Action::Release { reusable } => self.release(reusable),
                Action::EndWriting(Side::Downstream) => self.downstream.shut(Shutdown::Write),
                Action::EndWriting(Side::Upstream) => {
                    if let Some(held) = &self.upstream {
                        held.connection.shut(Shutdown::Write);
                    }
                }
            }
        }
    }

    /// True when enough idle connections hold buffers, and this one can do without.
    fn is_crowded(&self) -> bool {
        self.worker.warm.get() - self.worker.busy.get() > IDLE_WARM_MAX && !self.downstream.holds_bytes()
    }

    /// With next to nothing else to do there is nothing to batch with: writes at once, without the ring.
    fn write(&mut self, side: Side, action: Action) {
        let connection = match (&mut self.upstream, side) {
            (Some(held), Side::Upstream) => &mut held.connection,
            _ => &mut self.downstream,
        };
        if self.worker.busy.get() <= DIRECT_WRITE_BUSY
            && let Some(outcome) = connection.write_now(self.exchange.out(side))
        {
            let count = outcome.ok();
            return self.step(Event::Written { side, storage: None, count });
        }
        connection.start_write(self.exchange.lend(action));
        self.start(match side {
            Side::Upstream => Operations::WRITE_UPSTREAM,
            Side::Downstream => Operations::WRITE_DOWNSTREAM,
        });
    }

    /// Has the worker find out what the exchange cannot decide without.
    fn ask(&mut self) {
        match self.exchange.take_asked() {
            Some(asked) => {
                let subject = asked.subject();
                let answer = answers::find_out(self.worker.clone(), self.generation.clone(), asked);
                self.asking = Some(Box::pin(async move { (subject, answer.await) }));
                self.start(Operations::ASK);
            }
            None => self.step(Event::Answered),
        }
    }

    fn connect(&mut self, order: ConnectOrder, context: &mut Context<'_>) {
        self.assignment = Some(Assignment::new(self.generation.clone(), order.upstream, order.server));
        self.counted.set_busy(true);
        if !order.fresh
            && let Some(idle) = self.take_idle(order, context)
        {
            self.upstream = Some(Held { connection: idle.connection, order, retires: idle.retires });
            self.in_flight.add(Operations::READ_UPSTREAM);
            return self.step(Event::Connected { reused: true, response: idle.buffer });
        }
        match self.generation.address(order.upstream, order.server, self.worker.random()) {
            Some(address) => {
                self.exchange.note_connecting(self.now);
                self.dialing = Some((Box::pin(self.generation.dial(order, address)), order));
                self.start(Operations::DIAL);
            }
            None => self.step(Event::ConnectFailed(ConnectFault::Unresolved)),
        }
    }

    fn take_idle(&mut self, order: ConnectOrder, context: &mut Context<'_>) -> Option<UpstreamConnection> {
        let mut retired = 0;
        let mut pool = self.generation.pool.borrow_mut();
        let idle = pool.take(order.upstream, order.server, self.now, context, &mut retired);
        self.worker.metrics.upstream_retired.add(retired);
        idle
    }

    fn dialed(&mut self, order: ConnectOrder, outcome: Result<Connection, DialFault>) {
        match outcome {
            Ok(connection) => {
                self.worker.metrics.upstream_connected.add(1);
                let age = self.generation.pool.borrow().limits(order.upstream).map(|limits| limits.age);
                // A tenth more or less, so that connections made together do not end together.
                let age = age.unwrap_or_default();
                let jitter = age.mul_f64((self.worker.random() % 2001) as f64 / 10_000.0);
                let retires = self.now.after(age.mul_f64(0.9) + jitter);
                let armed = {
                    let mut buffers = self.worker.buffers.borrow_mut();
                    UpstreamConnection::arm(connection, retires, Monotonic::NEVER, &mut buffers)
                };
                self.upstream = Some(Held { connection: armed.connection, order, retires });
                self.start(Operations::READ_UPSTREAM);
                self.step(Event::Connected { reused: false, response: armed.buffer });
            }
            Err(fault) => {
                self.worker.metrics.upstream_connect_failed.add(1);
                let jitter = self.worker.random();
                self.generation.note_failure(order.upstream, order.server, self.now, jitter);
                self.assignment = None;
                self.step(Event::ConnectFailed(match fault {
                    DialFault::Refused => ConnectFault::Refused,
                    DialFault::TimedOut => ConnectFault::TimedOut,
                    DialFault::Exhausted => ConnectFault::Exhausted,
                    DialFault::Handshake(failure) => {
                        tls_notes::upstream_handshake_failed(&self.worker, failure);
                        ConnectFault::Handshake(failure.words().reason)
                    }
                }));
            }
        }
    }

    fn release(&mut self, reusable: bool) {
        self.assignment = None;
        let Some(held) = self.upstream.take() else { return };
        if let Some(fault) = held.connection.record_fault() {
            tls_notes::upstream_records_failed(&self.worker, fault);
        }
        self.in_flight.remove(Operations::UPSTREAM);
        self.started.remove(Operations::UPSTREAM);
        if !reusable || self.now >= held.retires || self.worker.draining.get().is_some() {
            return;
        }
        let mut pool = self.generation.pool.borrow_mut();
        let Some(limits) = pool.limits(held.order.upstream) else { return };
        let expires = self.now.after(self.exchange.upstream_idle_limit(limits.idle_timeout));
        let armed = UpstreamConnection::arm(
            held.connection,
            held.retires,
            expires,
            &mut self.worker.buffers.borrow_mut(),
        );
        if let Some(waker) = self.worker.keeper.borrow().as_ref() {
            pool.put(held.order.upstream, held.order.server, armed, &mut Context::from_waker(waker));
        }
    }

    /// Takes in what has completed of `due`. True when the idle read was called back: the connection can go cold.
    fn reap(&mut self, due: Operations, context: &mut Context<'_>) -> bool {
        if due.has(Operations::DIAL)
            && let Some((dialing, order)) = &mut self.dialing
            && let Poll::Ready(outcome) = dialing.as_mut().poll(context)
        {
            let order = *order;
            self.dialing = None;
            self.in_flight.remove(Operations::DIAL);
            self.dialed(order, outcome);
        }
        if due.has(Operations::ASK)
            && let Some(asking) = &mut self.asking
            && let Poll::Ready((subject, answer)) = asking.as_mut().poll(context)
        {
            self.asking = None;
            self.in_flight.remove(Operations::ASK);
            self.known.add(subject, answer);
            self.step(Event::Answered);
        }
        // Writes first: the answer should leave before more is read.
        if due.has(Operations::WRITE_UPSTREAM)
            && let Some(held) = &mut self.upstream
            && let Poll::Ready(transfer) = held.connection.poll_write(context)
        {
            self.in_flight.remove(Operations::WRITE_UPSTREAM);
            self.written(Side::Upstream, transfer);
        }
        if due.has(Operations::WRITE_DOWNSTREAM)
            && let Poll::Ready(transfer) = self.downstream.poll_write(context)
        {
            self.in_flight.remove(Operations::WRITE_DOWNSTREAM);
            self.written(Side::Downstream, transfer);
        }
        if due.has(Operations::READ_UPSTREAM)
            && let Some(held) = &mut self.upstream
            && let Poll::Ready(transfer) = held.connection.poll_read(context)
        {
            self.in_flight.remove(Operations::READ_UPSTREAM);
            let count = transfer.result.ok();
            self.step(Event::Read { side: Side::Upstream, storage: transfer.storage, count });
        }
        if due.has(Operations::READ_DOWNSTREAM)
            && let Poll::Ready(transfer) = self.downstream.poll_read(context)
        {
            self.in_flight.remove(Operations::READ_DOWNSTREAM);
            self.has_read = true;
            if matches!(&transfer.result, Err(error) if is_called_back(error)) {
                // Ended because it was asked to: no byte came.
                self.exchange.read_called_back(transfer.storage);
                return self.exchange.is_idle();
            }
            let count = transfer.result.ok();
            self.worker.metrics.downstream_read_bytes.add(count.unwrap_or(0) as u64);
            self.idle_since = self.now;
            self.step(Event::Read { side: Side::Downstream, storage: transfer.storage, count });
        }
        false
    }

    fn start(&mut self, operation: Operations) {
        self.in_flight.add(operation);
        self.started.add(operation);
    }

    fn written(&mut self, side: Side, transfer: Transfer) {
        self.step(Event::Written { side, storage: Some(transfer.storage), count: transfer.result.ok() });
    }

    fn step(&mut self, event: Event) {
        if !self.exchange.is_busy() {
            self.note_outcome();
            self.generation = self.worker.generation();
        }
        let worker = &*self.worker;
        let (generation, now, known) = (&self.generation, self.now, &self.known);
        let wall = worker.wall_time();
        let keys = worker.payload_keys.borrow();
        let time = keys.as_ref().map_or(0, |keys| keys.clock.at(now));
        let mut entropy = |bytes: &mut [u8]| worker.fill_random(bytes);
        let (replays, proofs) = (worker.replays.borrow(), worker.proofs.borrow());
        let mut remember = |message: MessageId<'_>, expires| match &*replays {
            Some(memory) => memory.insert(message, expires, time),
            None => Remembered::Full,
        };
        let mut admit = |address| worker.openings.borrow_mut().admit(address, now);
        let payload = keys.as_deref().map(|keys| PayloadWorld {
            keys,
            time,
            entropy: &mut entropy,
            remember: &mut remember,
            admit: &mut admit,
        });
        let mut world = World {
            now,
            time: wall.at(now),
            date: &wall.text,
            rules: &generation.rules,
            buffers: &mut worker.buffers.borrow_mut(),
            scratch: &mut worker.scratch.borrow_mut(),
            choose: &mut |upstream, key, exclude| generation.choose(upstream, key, exclude, now),
            consult: &mut |question| {
                known.find(&question).or_else(|| answers::consult(worker, generation, question, now))
            },
            proofs: ProofWorld {
                remember: &mut |id, until| {
                    proofs.as_ref().is_some_and(|proofs| proofs.remember(id, until, worker.unix_seconds()))
                },
                nonces: proofs.as_ref().map(|proofs| proofs.nonces()),
            },
            random: &mut || worker.random(),
            draining: worker.draining.get().is_some(),
            payload,
        };
        self.exchange.step(event, &mut world);
    }

    fn note_outcome(&mut self) {
        let Some(outcome) = self.exchange.take_outcome() else { return };
        self.known.clear();
        self.idle_since = self.now;
        if let Some(hash) = &outcome.revoked {
            self.worker.evict_everywhere(hash);
        }
        if let Some((upstream, server)) = outcome.server {
            if outcome.answered.is_some() && !outcome.refused && !outcome.cut {
                self.generation.note_success(upstream, server);
            } else if outcome.blames_server() {
                self.generation.note_failure(upstream, server, self.now, self.worker.random());
            }
        }
        self.worker.metrics.downstream_written_bytes.add(outcome.response_bytes);
        access_notes::note(&self.worker, &self.peer, &outcome, self.exchange.log_text());
    }

    /// Gives back what the warm part held, and what is left of the connection.
    fn part(mut self, end: End) -> Parted {
        self.note_outcome();
        let Self { worker, downstream, exchange, peer, .. } = self;
        if let Some(fault) = downstream.record_fault() {
            tls_notes::records_failed(&worker, &peer, fault);
        }
        exchange.dissolve(&mut worker.buffers.borrow_mut());
        match end {
            End::Cooled => downstream.cool().map_or(Parted::Closed, Parted::Cooled),
            End::Finished(Ending::Linger) => Parted::Lingers(downstream),
            End::Finished(Ending::Close) => {
                downstream.say_end();
                Parted::Closed
            }
            End::Finished(Ending::Cut) => Parted::Closed,
            End::Finished(Ending::Reset) => {
                downstream.reset();
                Parted::Closed
            }
        }
    }
}
