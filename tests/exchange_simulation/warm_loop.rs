//! The least a driver can do: one kept-alive client, one kept-alive server, everything written and read at once.
//!
//! Used where an exchange is measured: what it costs here is the exchange's own.

use ringwall::policy::exchange::{
    Action, Answer, Event, Exchange, MessageId, PayloadWorld, Peer, ProofWorld, Remembered, Scratch, Side,
    World,
};
use ringwall::policy::payload_keys::PayloadKeys;
use ringwall::policy::payload_rules::PayloadRules;
use ringwall::policy::ruleset::{ListenerId, Rules};
use ringwall::protocol::moment::{Monotonic, UnixMicros};
use ringwall::protocol::wire_buffer::{BufferPool, Storage, WireBuffer};

use super::rules;

type Lent = (Storage, usize, usize);

/// A warm connection with its worker's memory.
pub(crate) struct WarmLoop {
    exchange: Exchange,
    rules: Rules,
    buffers: BufferPool,
    scratch: Scratch,
    idle: Option<(WireBuffer, Lent)>,
    reads: [Option<Lent>; 2],
    /// What arrived at the client and at the server.
    arrived: [Vec<u8>; 2],
    now: u64,
    /// Present: sealed messages are taken.
    keys: Option<PayloadKeys>,
    /// What the worker knows.
    answer: Option<Answer>,
    pub(crate) exchanges: u64,
}

impl WarmLoop {
    #[allow(dead_code, reason = "not every measurement is of plain ones")]
    pub(crate) fn new() -> Self {
        Self::under(rules::rules(None), None)
    }

    /// One that takes messages sealed under these keys.
    #[allow(dead_code, reason = "not every measurement is of sealed messages")]
    pub(crate) fn sealed(keys: PayloadKeys) -> Self {
        Self::under(rules::rules(Some(PayloadRules::default())), Some(keys))
    }

    /// One under these rules, whose worker knows this answer.
    #[allow(dead_code, reason = "not every measurement has something to ask")]
    pub(crate) fn knowing(rules: Rules, answer: Answer) -> Self {
        Self { answer: Some(answer), ..Self::under(rules, None) }
    }

    fn under(rules: Rules, keys: Option<PayloadKeys>) -> Self {
        let mut buffers = BufferPool::default();
        let peer = Peer {
            listener: ListenerId(0),
            address: "192.0.2.7:4000".parse().expect("an address"),
            tls: None,
        };
        let exchange = Exchange::new(peer, rules.clone(), buffers.take_small(), Monotonic(1));
        let idle = Some(armed(&mut buffers));
        let arrived = [Vec::with_capacity(1 << 20), Vec::with_capacity(1 << 20)];
        let scratch = Scratch::default();
        let reads = [None, None];
        Self {
            exchange,
            rules,
            buffers,
            scratch,
            idle,
            reads,
            arrived,
            now: 1,
            keys,
            answer: None,
            exchanges: 0,
        }
    }

    /// Lets `request` and then `response` pass.
    pub(crate) fn exchange<'b>(&mut self, mut request: &'b [u8], mut response: &'b [u8]) {
        let before = self.exchanges;
        self.arrived.iter_mut().for_each(Vec::clear);
        self.act();
        while self.exchanges == before {
            self.now += 1_000;
            let side = if request.is_empty() { Side::Upstream } else { Side::Downstream };
            let bytes = if request.is_empty() { &mut response } else { &mut request };
            let (mut storage, start, end) = self.reads[side as usize].take().expect("a read in flight");
            let (part, rest) = bytes.split_at(bytes.len().min(end - start));
            assert!(!part.is_empty(), "no more to give");
            storage[start..start + part.len()].copy_from_slice(part);
            *bytes = rest;
            self.step(Event::Read { side, storage, count: Some(part.len()) });
            self.act();
        }
    }

    /// What arrived at this side in the last exchange.
    #[allow(dead_code, reason = "not every measurement looks at it")]
    pub(crate) fn arrived(&self, side: Side) -> &[u8] {
        &self.arrived[side as usize]
    }

    fn act(&mut self) {
        loop {
            self.exchanges += u64::from(self.exchange.take_outcome().is_some());
            let action = self.exchange.next(&mut self.buffers);
            match action {
                Action::Wait => return,
                Action::Read(side) => self.reads[side as usize] = Some(self.exchange.lend(action)),
                Action::Write(side) => {
                    let out = self.exchange.out(side);
                    self.arrived[side as usize].extend_from_slice(out);
                    let count = Some(out.len());
                    self.step(Event::Written { side, storage: None, count });
                }
                Action::NextRequest => self.step(Event::NextRequest),
                Action::Ask => panic!("nothing has to be asked for"),
                Action::Connect(_) => {
                    let (response, read) = self.idle.take().expect("an idle connection");
                    self.reads[Side::Upstream as usize] = Some(read);
                    self.step(Event::Connected { reused: true, response });
                }
                Action::Release { reusable } => {
                    assert!(reusable, "a good connection is not kept");
                    self.idle = Some(armed(&mut self.buffers));
                }
                Action::EndWriting(_) | Action::Finish(_) => panic!("the connection ends: {action:?}"),
            }
        }
    }

    fn step(&mut self, event: Event) {
        let (mut entropy, mut admit) = (|bytes: &mut [u8]| bytes.fill(0x5a), |_| true);
        let mut remember = |_: MessageId<'_>, _| Remembered::New;
        let now = Monotonic(self.now);
        let payload = self.keys.as_ref().map(|keys| PayloadWorld {
            keys,
            time: keys.clock.at(now),
            entropy: &mut entropy,
            remember: &mut remember,
            admit: &mut admit,
        });
        let mut world = World {
            now,
            time: UnixMicros(self.now),
            date: b"Sun, 06 Nov 1994 08:49:37 GMT",
            rules: &self.rules,
            buffers: &mut self.buffers,
            scratch: &mut self.scratch,
            choose: &mut |_, _, _| Some(0),
            consult: &mut |_| self.answer.clone(),
            proofs: ProofWorld { remember: &mut |_, _| false, nonces: None },
            random: &mut || 0x0123_4567_89ab_cdef,
            draining: false,
            payload,
        };
        self.exchange.step(event, &mut world);
    }
}

fn armed(buffers: &mut BufferPool) -> (WireBuffer, Lent) {
    let mut buffer = buffers.take_small();
    let lent = buffer.lend_for_read();
    (buffer, lent)
}
