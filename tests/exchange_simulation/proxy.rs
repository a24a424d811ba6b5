//! The driver of one downstream connection's exchange over simulated links: what `worker::connection_driver` does, with
//! chance in place of the kernel.

use ringwall::policy::exchange::{
    Action, ConnectFault, ConnectOrder, Ending, Event, Exchange, Outcome, Peer, ProofWorld, Scratch, Side,
    World,
};
use ringwall::policy::ruleset::{ListenerId, Rules, UpstreamId};
use ringwall::protocol::moment::{Monotonic, UnixMicros};
use ringwall::protocol::wire_buffer::{BufferPool, Storage, WireBuffer};

use super::chance::Chance;
use super::pipe::{Attempt, Link};
use super::rules::SERVERS;
use super::server::Server;

type Lent = (Storage, usize, usize);

/// What outlives a connection: buffers, idle upstream connections, time.
pub(crate) struct Worker {
    pub(crate) rules: Rules,
    pub(crate) buffers: BufferPool,
    scratch: Scratch,
    idle: Vec<Idle>,
    pub(crate) servers: Vec<Server>,
    pub(crate) now: u64,
    pub(crate) draining: bool,
    pub(crate) calm: bool,
    /// Every event in order, folded.
    pub(crate) trace: u64,
}

struct Idle {
    server: u16,
    connection: usize,
    buffer: WireBuffer,
    read: Lent,
}

struct Held {
    server: u16,
    connection: usize,
    read: Option<Lent>,
    write: Option<Lent>,
}

/// The proxy's end of one client's connection.
pub(crate) struct Proxy {
    exchange: Option<Exchange>,
    read: Option<Lent>,
    write: Option<Lent>,
    held: Option<Held>,
    dialing: Option<(ConnectOrder, u64, bool)>,
    direct: bool,
    pub(crate) ending: Option<Ending>,
    pub(crate) outcomes: Vec<(Outcome, Vec<u8>)>,
    pub(crate) upstream_bytes: Vec<(usize, usize)>,
}

impl Worker {
    pub(crate) fn new(rules: Rules, calm: bool) -> Self {
        Self {
            rules,
            buffers: BufferPool::default(),
            scratch: Scratch::default(),
            idle: Vec::new(),
            servers: Vec::new(),
            now: 1,
            draining: false,
            calm,
            trace: 0xcbf2_9ce4_8422_2325,
        }
    }

    pub(crate) fn note(&mut self, what: u64) {
        self.trace = (self.trace ^ what).wrapping_mul(0x100_0000_01b3);
    }

    /// Gives back what idle connections hold.
    pub(crate) fn close(&mut self) {
        for idle in self.idle.drain(..) {
            self.buffers.give(idle.buffer);
        }
    }
}

impl Proxy {
    pub(crate) fn new(worker: &mut Worker, chance: &mut Chance) -> Self {
        let peer = Peer {
            listener: ListenerId(0),
            address: "192.0.2.7:4000".parse().expect("an address"),
            tls: None,
        };
        let request = worker.buffers.take_small();
        Self {
            exchange: Some(Exchange::new(peer, worker.rules.clone(), request, Monotonic(worker.now))),
            read: None,
            write: None,
            held: None,
            dialing: None,
            direct: chance.percent(40),
            ending: None,
            outcomes: Vec::new(),
            upstream_bytes: Vec::new(),
        }
    }

    /// When time alone makes a difference.
    pub(crate) fn wakes(&self) -> u64 {
        let deadline = self.exchange.as_ref().map_or(u64::MAX, |exchange| exchange.deadline().0);
        self.dialing.as_ref().map_or(deadline, |(_, at, _)| deadline.min(*at))
    }

    /// Does what there is to do. True if anything was.
    pub(crate) fn step(&mut self, worker: &mut Worker, link: &mut Link, chance: &mut Chance) -> bool {
        if self.ending.is_some() {
            return self.linger(link);
        }
        if Monotonic(worker.now) >= self.deadline() {
            self.event(Event::DeadlinePassed, worker, chance);
        }
        let mut moved = self.act(worker, link, chance);
        for _ in 0..3 {
            if self.ending.is_some() || !self.reap(worker, link, chance) {
                break;
            }
            moved = true;
            self.act(worker, link, chance);
        }
        moved
    }

    /// The drain deadline.
    pub(crate) fn cut(&mut self, worker: &mut Worker, link: &mut Link, chance: &mut Chance) {
        if self.ending.is_none() {
            self.event(Event::Cut, worker, chance);
            self.act(worker, link, chance);
        }
    }

    fn deadline(&self) -> Monotonic {
        self.exchange.as_ref().map_or(Monotonic::NEVER, Exchange::deadline)
    }

    fn act(&mut self, worker: &mut Worker, link: &mut Link, chance: &mut Chance) -> bool {
        for turn in 0.. {
            assert!(turn < 1_000, "the machine does not come to rest");
            let exchange = self.exchange.as_mut().expect("not finished");
            if let Some(outcome) = exchange.take_outcome() {
                self.outcomes.push((outcome, exchange.log_text().to_vec()));
            }
            let action = exchange.next(&mut worker.buffers);
            worker.note(action_number(action));
            match action {
                Action::Wait => return turn > 0,
                Action::Read(Side::Downstream) => self.read = Some(exchange.lend(action)),
                Action::Read(Side::Upstream) => {
                    let lent = exchange.lend(action);
                    self.held.as_mut().expect("a connection").read = Some(lent);
                }
                Action::Write(side) => self.begin_write(side, action, worker, link, chance),
                Action::NextRequest => self.event(Event::NextRequest, worker, chance),
                // Nothing here has to be asked for.
                Action::Ask => unreachable!("a question"),
                Action::Connect(order) => self.connect(order, worker, chance),
                Action::Release { reusable } => self.release(reusable, worker),
                Action::EndWriting(Side::Downstream) => link.back.ended = true,
                Action::EndWriting(Side::Upstream) => {
                    let held = self.held.as_ref().expect("a connection");
                    worker.servers[held.connection].link.forth.ended = true;
                }
                Action::Finish(ending) => {
                    self.finish(ending, worker, link);
                    return true;
                }
            }
        }
        unreachable!()
    }

    fn begin_write(
        &mut self,
        side: Side,
        action: Action,
        worker: &mut Worker,
        link: &mut Link,
        chance: &mut Chance,
    ) {
        let exchange = self.exchange.as_mut().expect("not finished");
        if self.direct && chance.percent(80) {
            let pipe = match side {
                Side::Downstream => &mut link.back,
                Side::Upstream => {
                    &mut worker.servers[self.held.as_ref().expect("a connection").connection].link.forth
                }
            };
            let most = portion(chance);
            let count = match pipe.write(exchange.out(side), most) {
                Attempt::Done(count) => Some(count),
                Attempt::Failed => None,
                Attempt::Blocked => return self.lend_write(side, action),
            };
            return self.event(Event::Written { side, storage: None, count }, worker, chance);
        }
        self.lend_write(side, action);
    }

    fn lend_write(&mut self, side: Side, action: Action) {
        let lent = self.exchange.as_mut().expect("not finished").lend(action);
        match side {
            Side::Downstream => self.write = Some(lent),
            Side::Upstream => self.held.as_mut().expect("a connection").write = Some(lent),
        }
    }

    fn connect(&mut self, order: ConnectOrder, worker: &mut Worker, chance: &mut Chance) {
        assert!(self.held.is_none(), "two upstream connections at once");
        while !order.fresh
            && let Some(at) = worker.idle.iter().rposition(|idle| idle.server == order.server)
        {
            let idle = worker.idle.remove(at);
            let server = &mut worker.servers[idle.connection];
            server.pooled = false;
            let ended = server.link.back.reset || server.link.back.ended;
            if !server.is_quiet() || ended && chance.percent(50) {
                server.link.close_front();
                worker.buffers.give(idle.buffer);
                continue;
            }
            let held = Held {
                server: order.server,
                connection: idle.connection,
                read: Some(idle.read),
                write: None,
            };
            self.held = Some(held);
            self.upstream_bytes.push((idle.connection, 0));
            return self.event(Event::Connected { reused: true, response: idle.buffer }, worker, chance);
        }
        let fails = !worker.calm && chance.percent(6);
        self.dialing = Some((order, worker.now + chance.next() % 5_000, fails));
    }

    fn release(&mut self, reusable: bool, worker: &mut Worker) {
        let held = self.held.take().expect("a connection to release");
        let server = &mut worker.servers[held.connection];
        if !reusable {
            return server.link.close_front();
        }
        assert!(held.read.is_none() && held.write.is_none(), "released with work under way");
        server.pooled = true;
        let mut buffer = worker.buffers.take_small();
        let read = buffer.lend_for_read();
        worker.idle.push(Idle { server: held.server, connection: held.connection, buffer, read });
    }

    fn finish(&mut self, ending: Ending, worker: &mut Worker, link: &mut Link) {
        self.ending = Some(ending);
        if let Some(held) = self.held.take() {
            worker.servers[held.connection].link.close_front();
        }
        if let Some(exchange) = self.exchange.take() {
            exchange.dissolve(&mut worker.buffers);
        }
        match ending {
            Ending::Reset => link.reset(),
            Ending::Close | Ending::Cut if !link.forth.is_empty() => link.reset(),
            Ending::Close | Ending::Cut => {
                link.back.ended = true;
                link.forth.deaf = true;
            }
            Ending::Linger => link.back.ended = true,
        }
    }

    fn linger(&mut self, link: &mut Link) -> bool {
        let mut scrap = [0; 4096];
        self.ending == Some(Ending::Linger) && matches!(link.forth.read(&mut scrap, 4096), Attempt::Done(1..))
    }

    /// Completes some of what is in flight, in the order of the real driver.
    fn reap(&mut self, worker: &mut Worker, link: &mut Link, chance: &mut Chance) -> bool {
        let mut moved = self.dialed(worker, chance);
        for side in [Side::Upstream, Side::Downstream] {
            moved |= chance.percent(70) && self.written(side, worker, link, chance);
        }
        for side in [Side::Upstream, Side::Downstream] {
            moved |= chance.percent(70) && self.was_read(side, worker, link, chance);
        }
        moved
    }

    fn dialed(&mut self, worker: &mut Worker, chance: &mut Chance) -> bool {
        let Some((order, ..)) = self.dialing.take_if(|(_, at, _)| *at <= worker.now) else { return false };
        if !worker.calm && chance.percent(6) {
            let fault =
                *chance.pick(&[ConnectFault::Refused, ConnectFault::TimedOut, ConnectFault::Unresolved]);
            self.event(Event::ConnectFailed(fault), worker, chance);
            return true;
        }
        let connection = worker.servers.len();
        let capacity = *chance.pick(&[100, 5_000, 100_000]);
        worker.servers.push(Server::new(connection, capacity, worker.calm));
        let mut response = worker.buffers.take_small();
        let read = Some(response.lend_for_read());
        self.held = Some(Held { server: order.server, connection, read, write: None });
        self.upstream_bytes.push((connection, 0));
        self.event(Event::Connected { reused: false, response }, worker, chance);
        true
    }

    fn written(&mut self, side: Side, worker: &mut Worker, link: &mut Link, chance: &mut Chance) -> bool {
        let (slot, pipe) = match (side, &mut self.held) {
            (Side::Downstream, _) => (&mut self.write, &mut link.back),
            (Side::Upstream, Some(held)) => {
                (&mut held.write, &mut worker.servers[held.connection].link.forth)
            }
            (Side::Upstream, None) => return false,
        };
        let Some((storage, start, end)) = slot.take_if(|_| pipe.is_writable()) else { return false };
        let count = match pipe.write(&storage[start..end], portion(chance)) {
            Attempt::Done(count) => Some(count),
            _ => None,
        };
        self.event(Event::Written { side, storage: Some(storage), count }, worker, chance);
        true
    }

    fn was_read(&mut self, side: Side, worker: &mut Worker, link: &mut Link, chance: &mut Chance) -> bool {
        let (slot, pipe) = match (side, &mut self.held) {
            (Side::Downstream, _) => (&mut self.read, &mut link.forth),
            (Side::Upstream, Some(held)) => (&mut held.read, &mut worker.servers[held.connection].link.back),
            (Side::Upstream, None) => return false,
        };
        let Some((mut storage, start, end)) = slot.take_if(|_| pipe.is_readable()) else { return false };
        let end = end - unsteady_room(&storage).min(end - start - 1);
        let count = match pipe.read(&mut storage[start..end], portion(chance)) {
            Attempt::Done(count) => Some(count),
            _ => None,
        };
        if let (Side::Upstream, Some(last)) = (side, self.upstream_bytes.last_mut()) {
            last.1 += count.unwrap_or(0);
        }
        self.event(Event::Read { side, storage, count }, worker, chance);
        true
    }

    fn event(&mut self, event: Event, worker: &mut Worker, chance: &mut Chance) {
        worker.note(event_number(&event));
        let mut numbers = chance.clone();
        let server = chance.within(0..=usize::from(SERVERS) - 1) as u16;
        let mut choose = |_: UpstreamId, _: u64, exclude: Option<u16>| {
            Some(if exclude == Some(server) { (server + 1) % SERVERS } else { server })
        };
        let mut world = World {
            now: Monotonic(worker.now),
            time: UnixMicros(worker.now / 1_000),
            date: b"Sun, 06 Nov 1994 08:49:37 GMT",
            rules: &worker.rules,
            buffers: &mut worker.buffers,
            scratch: &mut worker.scratch,
            choose: &mut choose,
            consult: &mut |_| None,
            proofs: ProofWorld { remember: &mut |_, _| false, nonces: None },
            random: &mut || numbers.next(),
            draining: worker.draining,
            payload: None,
        };
        self.exchange.as_mut().expect("not finished").step(event, &mut world);
    }
}

/// What is left free behind a read, so that the same story reads the same wherever its memory lies: where a buffer begins
/// depends on how its memory is aligned.
fn unsteady_room(storage: &[u8]) -> usize {
    const ALIGNMENT: usize = 64;
    match storage.as_ptr() as usize % ALIGNMENT {
        0 => ALIGNMENT,
        misaligned => misaligned,
    }
}

/// How much one operation moves.
fn portion(chance: &mut Chance) -> usize {
    match chance.within(0..=9) {
        0 => 1,
        1 | 2 => chance.within(1..=50),
        _ => usize::MAX,
    }
}

fn action_number(action: Action) -> u64 {
    match action {
        Action::Read(side) => side as u64,
        Action::Write(side) => 10 + side as u64,
        Action::Ask => 19,
        Action::NextRequest => 18,
        Action::Connect(order) => 20 + u64::from(order.server) + 2 * u64::from(order.fresh),
        Action::Release { reusable } => 30 + u64::from(reusable),
        Action::EndWriting(side) => 40 + side as u64,
        Action::Wait => 50,
        Action::Finish(ending) => 60 + ending as u64,
    }
}

fn event_number(event: &Event) -> u64 {
    match event {
        Event::Read { side, count, .. } => {
            100 + *side as u64 + 10 * count.map_or(0, |count| count as u64 + 1)
        }
        Event::Written { side, count, .. } => {
            102 + *side as u64 + 10 * count.map_or(0, |count| count as u64 + 1)
        }
        Event::Connected { reused, .. } => 104 + u64::from(*reused),
        Event::ConnectFailed(_) => 106,
        Event::DeadlinePassed => 107,
        Event::Cut => 108,
        Event::Answered => 109,
        Event::NextRequest => 110,
    }
}
