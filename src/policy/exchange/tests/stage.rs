//! A stage for one connection: feed bytes from either side, look at what comes out.
//!
//! After every input all actions are carried out until the exchange waits. Reads take what was fed; writes are taken
//! whole unless [`Stage::hold`] says otherwise; connections are given as [`Stage::next_connection`] says.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::super::*;
use crate::policy::access_rule::AccessRule;
use crate::policy::path_rules::PathPattern;
use crate::policy::payload_keys::PayloadKeys;
use crate::policy::request_mapper::{Mapped, MapperFault};
use crate::policy::route_table::{Route, RouteTable, RouteTarget};
use crate::policy::ruleset::{
    Balance, Forwarding, Limits, ListenerId, PoolLimits, Ruleset, Server, Timeouts, Upstream, UpstreamId,
};
use crate::protocol::moment::UnixMicros;
use crate::protocol::token::proof_of_possession::Nonces;

pub(super) const DATE: &str = "date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";

/// What the next order for a connection is answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dial {
    Fresh,
    Reused,
    Fails(ConnectFault),
    /// Not answered yet.
    Later,
}

pub(super) struct Stage {
    exchange: Option<Exchange>,
    rules: Rules,
    pub(super) buffers: BufferPool,
    scratch: Scratch,
    pub(super) now: Monotonic,
    pub(super) draining: bool,
    from_client: Feed,
    from_server: Feed,
    to_client: Vec<u8>,
    to_server: Vec<u8>,
    /// Bytes the client and the server still take; more stays in flight.
    room: [usize; 2],
    pub(super) dials: VecDeque<Dial>,
    pub(super) orders: Vec<ConnectOrder>,
    pub(super) released: Vec<bool>,
    pub(super) ended_writing: Vec<Side>,
    pub(super) ending: Option<Ending>,
    pub(super) outcomes: Vec<(Outcome, Vec<u8>)>,
    pub(super) servers_down: bool,
    /// What servers were chosen by.
    pub(super) keys: Vec<u64>,
    /// What the worker was consulted for, and what it knows.
    pub(super) questions: Vec<String>,
    pub(super) answer: Option<Answer>,
    /// What the mapper says.
    pub(super) mapping: Option<Result<Arc<Mapped>, MapperFault>>,
    /// What it calls now, in seconds since 1970.
    pub(super) seconds: u64,
    /// The mapper has to be asked.
    pub(super) maps_later: bool,
    /// The proofs of possession seen.
    pub(super) proofs: HashSet<[u8; 32]>,
    pub(super) nonces: Nonces,
    /// What had to be asked for.
    pub(super) asked: Vec<String>,
    /// Present: sealed messages are taken.
    pub(super) vault: Option<Vault>,
    /// No session may be opened, and no single message sent.
    pub(super) crowded: bool,
}

/// What sealed messages need.
pub(super) struct Vault {
    pub(super) keys: PayloadKeys,
    pub(super) seen: HashSet<String>,
    pub(super) full: Option<Remembered>,
}

#[derive(Default)]
struct Feed {
    bytes: VecDeque<u8>,
    end: Option<Option<usize>>,
    read: Option<(Storage, usize, usize)>,
    write: Option<(Storage, usize, usize)>,
}

/// A route for everything to the one upstream of two servers.
pub(super) fn open_route() -> Route {
    Route::new(PathPattern::parse("/*").unwrap(), RouteTarget::Upstream(UpstreamId(0)), AccessRule::OPEN)
}

pub(super) fn rules_of(routes: Vec<Route>) -> Rules {
    Rules::new(Arc::new(ruleset_of(routes)))
}

pub(super) fn ruleset_of(routes: Vec<Route>) -> Ruleset {
    let server = |at| Server { authority: format!("s{at}.test"), ..Server::new(format!("s{at}"), 80) };
    Ruleset {
        generation: 1,
        listeners: Vec::new(),
        upstreams: vec![Upstream {
            name: "all".to_owned(),
            servers: vec![server(0), server(1)],
            balance: Balance::RoundRobin,
            health: None,
            pool: PoolLimits { idle: 1, age: Duration::MAX, idle_timeout: Duration::from_secs(50) },
        }],
        services: Vec::new(),
        issuers: Vec::new(),
        mappers: Vec::new(),
        routes: RouteTable::new(routes),
        timeouts: Timeouts::default(),
        limits: Limits {
            request_line: 1024,
            header_bytes: 20 * 1024,
            header_count: 50,
            body_bytes: 1 << 20,
            connections: 1,
            connections_per_address: 1,
            payload_chunk: 16 * 1024,
        },
        forwarding: Forwarding::default(),
        payload: None,
    }
}

fn kind_of(question: &Question<'_>) -> String {
    match question {
        Question::Application(application) => format!("application {}", application.id()),
        Question::Token(tokens, _) => format!("token {}", tokens.access),
        Question::Mapping(mapping) => {
            format!("{} until {}", String::from_utf8_lossy(mapping.body), mapping.until)
        }
    }
}

impl Stage {
    pub(super) fn new() -> Self {
        Self::with(vec![open_route()])
    }

    pub(super) fn with(routes: Vec<Route>) -> Self {
        Self::under(rules_of(routes))
    }

    pub(super) fn under(rules: Rules) -> Self {
        let mut buffers = BufferPool::default();
        let peer = Peer { listener: ListenerId(0), address: "192.0.2.7:4000".parse().unwrap(), tls: None };
        let exchange = Exchange::new(peer, rules.clone(), buffers.take_small(), Monotonic(0));
        Self {
            exchange: Some(exchange),
            rules,
            buffers,
            scratch: Scratch::default(),
            now: Monotonic(0),
            draining: false,
            from_client: Feed::default(),
            from_server: Feed::default(),
            to_client: Vec::new(),
            to_server: Vec::new(),
            room: [usize::MAX; 2],
            dials: VecDeque::new(),
            orders: Vec::new(),
            released: Vec::new(),
            ended_writing: Vec::new(),
            ending: None,
            outcomes: Vec::new(),
            servers_down: false,
            keys: Vec::new(),
            questions: Vec::new(),
            answer: None,
            mapping: None,
            maps_later: false,
            seconds: 0,
            proofs: HashSet::new(),
            nonces: Nonces::new(&[5; 32]),
            asked: Vec::new(),
            vault: None,
            crowded: false,
        }
        .settled()
    }

    fn settled(mut self) -> Self {
        self.settle();
        self
    }

    /// What the client says of whom it speaks for is believed.
    pub(super) fn trust_everybody(&mut self) {
        let rules = Ruleset {
            forwarding: Forwarding { trusted: vec!["0.0.0.0/0".parse().unwrap()] },
            routes: RouteTable::new(self.rules.routes.routes().to_vec()),
            issuers: self.rules.issuers.clone(),
            ..ruleset_of(Vec::new())
        };
        self.rules = Rules::new(Arc::new(rules));
    }

    /// Connections are answered so, in this order; all further ones are fresh.
    pub(super) fn dialing(mut self, dials: &[Dial]) -> Self {
        self.dials.extend(dials);
        self
    }

    pub(super) fn client(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.from_client.bytes.extend(bytes.as_ref());
        self.settle()
    }

    pub(super) fn server(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.from_server.bytes.extend(bytes.as_ref());
        self.settle()
    }

    /// The client ends its direction.
    pub(super) fn client_ends(&mut self) -> &mut Self {
        self.from_client.end = Some(Some(0));
        self.settle()
    }

    pub(super) fn client_resets(&mut self) -> &mut Self {
        self.from_client.end = Some(None);
        self.room[0] = 0;
        self.settle()
    }

    pub(super) fn server_ends(&mut self) -> &mut Self {
        self.from_server.end = Some(Some(0));
        self.settle()
    }

    pub(super) fn server_resets(&mut self) -> &mut Self {
        self.from_server.end = Some(None);
        self.settle()
    }

    /// From now on this side takes only `room` bytes more.
    pub(super) fn hold(&mut self, side: Side, room: usize) -> &mut Self {
        self.room[side as usize] = room;
        self.settle()
    }

    /// The write in flight to this side fails.
    pub(super) fn write_fails(&mut self, side: Side) -> &mut Self {
        let (storage, ..) = self.feed(side).write.take().expect("a write in flight");
        self.step(Event::Written { side, storage: Some(storage), count: None });
        self.settle()
    }

    /// Time passes; the deadline is told if it has come.
    pub(super) fn pass(&mut self, time: Duration) -> &mut Self {
        self.now = self.now.after(time);
        if self.exchange.as_ref().is_some_and(|exchange| exchange.deadline() <= self.now) {
            self.step(Event::DeadlinePassed);
        }
        self.settle()
    }

    pub(super) fn event(&mut self, event: Event) -> &mut Self {
        self.step(event);
        self.settle()
    }

    /// The dial left open ends in a connection whose read, `count` bytes in `storage`, completes before any write began.
    pub(super) fn read_before_writing(
        &mut self,
        response: WireBuffer,
        storage: Storage,
        count: usize,
    ) -> &mut Self {
        self.step(Event::Connected { reused: true, response });
        self.step(Event::Read { side: Side::Upstream, storage, count: Some(count) });
        self.settle()
    }

    /// Takes over the read in flight.
    pub(super) fn read_in_flight(&mut self, side: Side) -> (Storage, usize, usize) {
        self.feed(side).read.take().expect("a read in flight")
    }

    /// Takes over the write in flight.
    pub(super) fn write_in_flight(&mut self, side: Side) -> (Storage, usize, usize) {
        self.feed(side).write.take().expect("a write in flight")
    }

    /// Steps without carrying out what follows from it.
    pub(super) fn step_only(&mut self, event: Event) -> &mut Self {
        self.step(event);
        self
    }

    /// What the server got since last asked.
    pub(super) fn at_server(&mut self) -> String {
        String::from_utf8(std::mem::take(&mut self.to_server)).unwrap()
    }

    /// The bytes the client got since last asked.
    pub(super) fn bytes_at_client(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.to_client)
    }

    /// What the client got since last asked.
    pub(super) fn at_client(&mut self) -> String {
        String::from_utf8(std::mem::take(&mut self.to_client)).unwrap()
    }

    /// The body of what the server got since last asked.
    pub(super) fn body_at_server(&mut self) -> String {
        let got = self.at_server();
        got.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or(got)
    }

    /// Status and reason token of the problem the client got since last asked.
    #[track_caller]
    pub(super) fn refusal(&mut self) -> (u16, String) {
        let got = self.at_client();
        let status =
            got.get(9..12).and_then(|digits| digits.parse().ok()).unwrap_or_else(|| panic!("{got:?}"));
        let reason = got.split("\"reason\":\"").nth(1).and_then(|rest| rest.split('"').next());
        (status, reason.unwrap_or_else(|| panic!("{got:?}")).to_owned())
    }

    pub(super) fn idle_limit(&self, limit: Duration) -> Duration {
        self.exchange.as_ref().unwrap().upstream_idle_limit(limit)
    }

    pub(super) fn is_reading_client(&self) -> bool {
        self.from_client.read.is_some()
    }

    /// The exchange, as its driver sees it.
    pub(super) fn seen(&mut self) -> &mut Exchange {
        self.exchange.as_mut().expect("not over")
    }

    /// The reason the last outcome gives.
    pub(super) fn reason(&self) -> &'static str {
        self.outcomes.last().expect("an outcome").0.reason
    }

    fn feed(&mut self, side: Side) -> &mut Feed {
        match side {
            Side::Downstream => &mut self.from_client,
            Side::Upstream => &mut self.from_server,
        }
    }

    /// Acts and completes until nothing more can happen.
    fn settle(&mut self) -> &mut Self {
        loop {
            self.act();
            if self.ending.is_some() {
                return self;
            }
            let wrote = self.complete_write(Side::Upstream) || self.complete_write(Side::Downstream);
            if !wrote && !self.complete_read(Side::Upstream) && !self.complete_read(Side::Downstream) {
                return self;
            }
        }
    }

    fn act(&mut self) {
        while let Some(exchange) = &mut self.exchange {
            if let Some(outcome) = exchange.take_outcome() {
                self.outcomes.push((outcome, exchange.log_text().to_vec()));
            }
            let action = exchange.next(&mut self.buffers);
            match action {
                Action::Wait => return,
                Action::Read(side) => {
                    let lent = exchange.lend(action);
                    self.feed(side).read = Some(lent);
                }
                Action::Write(side) => {
                    let lent = exchange.lend(action);
                    self.feed(side).write = Some(lent);
                }
                Action::NextRequest => self.step(Event::NextRequest),
                Action::Ask => self.asked.push(format!("{:?}", exchange.take_asked().expect("a question"))),
                Action::Connect(order) => {
                    self.orders.push(order);
                    let dial = self.dials.pop_front().unwrap_or(Dial::Fresh);
                    self.answer_dial(dial);
                }
                Action::Release { reusable } => {
                    self.released.push(reusable);
                    self.from_server = Feed::default();
                }
                Action::EndWriting(side) => self.ended_writing.push(side),
                Action::Finish(ending) => {
                    self.ending = Some(ending);
                    if let Some(exchange) = self.exchange.take() {
                        exchange.dissolve(&mut self.buffers);
                    }
                }
            }
        }
    }

    fn answer_dial(&mut self, dial: Dial) {
        match dial {
            Dial::Later => {}
            Dial::Fails(fault) => self.step(Event::ConnectFailed(fault)),
            Dial::Fresh | Dial::Reused => {
                let mut response = self.buffers.take_small();
                self.from_server = Feed { read: Some(response.lend_for_read()), ..Feed::default() };
                self.step(Event::Connected { reused: dial == Dial::Reused, response });
            }
        }
    }

    fn complete_write(&mut self, side: Side) -> bool {
        let room = self.room[side as usize];
        let Some((storage, start, end)) = self.feed(side).write.take_if(|_| room > 0) else { return false };
        let count = room.min(end - start);
        let target = if side == Side::Downstream { &mut self.to_client } else { &mut self.to_server };
        target.extend_from_slice(&storage[start..start + count]);
        self.room[side as usize] = if room == usize::MAX { room } else { room - count };
        self.step(Event::Written { side, storage: Some(storage), count: Some(count) });
        true
    }

    fn complete_read(&mut self, side: Side) -> bool {
        let feed = self.feed(side);
        let ready = !feed.bytes.is_empty() || feed.end.is_some();
        let Some((mut storage, start, end)) = feed.read.take_if(|_| ready) else { return false };
        let count = feed.bytes.len().min(end - start);
        for (place, byte) in storage[start..].iter_mut().zip(feed.bytes.drain(..count)) {
            *place = byte;
        }
        let count = if count > 0 { Some(count) } else { feed.end.unwrap_or(Some(0)) };
        self.step(Event::Read { side, storage, count });
        true
    }

    fn step(&mut self, event: Event) {
        let down = self.servers_down;
        let (mut entropy, now) = (|bytes: &mut [u8]| bytes.fill(0x5a), self.now);
        let crowded = self.crowded;
        let mut admit = |_| !crowded;
        let mut vault = self.vault.as_mut().map(|Vault { keys, seen, full }| {
            let remember = |message: MessageId<'_>, _| match *full {
                Some(full) => full,
                None if seen.insert(format!("{message:?}")) => Remembered::New,
                None => Remembered::Seen,
            };
            (&*keys, remember)
        });
        let payload = vault.as_mut().map(|(keys, remember)| PayloadWorld {
            keys,
            time: keys.clock.at(now),
            entropy: &mut entropy,
            remember,
            admit: &mut admit,
        });
        let mut world = World {
            now: self.now,
            time: UnixMicros(self.seconds * 1_000_000),
            date: b"Sun, 06 Nov 1994 08:49:37 GMT",
            rules: &self.rules,
            buffers: &mut self.buffers,
            scratch: &mut self.scratch,
            consult: &mut |question| {
                self.questions.push(kind_of(&question));
                match (&question, &self.mapping) {
                    (Question::Mapping(..), _) if self.maps_later => None,
                    (Question::Mapping(..), Some(said)) => Some(Answer::Mapping(said.clone())),
                    _ => self.answer.clone(),
                }
            },
            choose: &mut |_, key, exclude| {
                self.keys.push(key);
                (!down).then_some(u16::from(exclude == Some(0)))
            },
            random: &mut || 0x0123_4567_89ab_cdef,
            draining: self.draining,
            payload,
            proofs: ProofWorld { remember: &mut |id, _| self.proofs.insert(*id), nonces: Some(&self.nonces) },
        };
        self.exchange.as_mut().expect("not over").step(event, &mut world);
    }
}
