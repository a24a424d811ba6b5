//! What the tasks of one worker share: cells of one thread, never locked.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;

use super::address_ledger::AddressLedger;
use super::flights::{Flights, Places};
use super::generation::Generation;
use super::key_requests::KeyRequests;
use super::mailbox::{Order, PeerMailbox, owner_of};
use super::opening_rate::OpeningRate;
use super::proof_memory::ProofMemory;
use super::replay_memory::ReplayMemory;
use super::token_cache::TokenHash;
use super::token_inquiries::Found;
use super::token_judge::{Finding, Matter};
use super::turnstile::Turnstile;
use super::waiters::Waiters;
use crate::limits::{
    HANDSHAKES_PER_TURN, KEY_WAITERS, MAPPER_CALLS, TLS_FAILURE_LINES_PER_TICK, TOKEN_CALLS,
};
use crate::net::clock;
use crate::net::deadline::DeadlineTable;
use crate::net::entropy::EntropyStore;
use crate::policy::exchange::Scratch;
use crate::policy::issuer_keys::IssuerKeys;
use crate::policy::payload_keys::PayloadKeys;
use crate::policy::ruleset::Limits;
use crate::policy::token_rules::IssuerId;
use crate::protocol::moment::{Monotonic, UnixMicros};
use crate::protocol::wire_buffer::BufferPool;
use crate::telemetry::access_record::LogBatch;
use crate::telemetry::log_channel::LogSink;
use crate::telemetry::metric_block::MetricBlock;

/// A worker's state.
pub(super) struct Worker {
    pub(super) metrics: Arc<MetricBlock>,
    /// Its position among the workers, and how many they are.
    pub(super) index: usize,
    workers: usize,
    /// The workers, this one among them.
    pub(super) peers: RefCell<Arc<[Option<PeerMailbox>]>>,
    /// Tokens being asked about, here or by their owner.
    pub(super) token_calls: Flights<Matter, Finding>,
    /// Tokens that other workers were asked about.
    pub(super) reports: Flights<Matter, Option<Found>>,
    /// How often tokens were evicted.
    pub(super) evictions: Cell<u64>,
    /// Requests being mapped.
    pub(super) mapping: Places,
    /// Wakes whoever waits for newer keys of an issuer.
    pub(super) keys_awaited: Waiters,
    /// Questions about tokens whose every use counts, beyond those that others wait for too.
    pub(super) counted_calls: Places,
    /// What proofs of possession were seen, by any worker; absent: none is taken.
    pub(super) proofs: RefCell<Option<Arc<ProofMemory>>>,
    pub(super) buffers: RefCell<BufferPool>,
    pub(super) scratch: RefCell<Scratch>,
    pub(super) deadlines: Rc<DeadlineTable>,
    /// The keys that issuers sign by.
    pub(super) issuer_keys: RefCell<Arc<IssuerKeys>>,
    /// Where newer ones are asked for.
    pub(super) key_requests: RefCell<Arc<KeyRequests>>,
    /// Keys of payload encryption; absent: there is none.
    pub(super) payload_keys: RefCell<Option<Arc<PayloadKeys>>>,
    /// Downstream connections open.
    pub(super) connections: Cell<usize>,
    /// Downstream connections allowed.
    pub(super) connections_max: Cell<usize>,
    /// Downstream connections by client address.
    pub(super) addresses: Rc<AddressLedger>,
    /// Listeners still accepting.
    pub(super) listening: Cell<usize>,
    /// Wakes the accepting tasks.
    pub(super) acceptors: RefCell<Vec<Waker>>,
    /// Downstream connections that hold buffers.
    pub(super) warm: Cell<usize>,
    /// Exchanges under way.
    pub(super) busy: Cell<usize>,
    /// What TLS handshakes pass.
    pub(super) handshakes: Turnstile,
    /// When the drain began.
    pub(super) draining: Cell<Option<Monotonic>>,
    /// The drain deadline has passed.
    pub(super) cut: Cell<bool>,
    /// When an exchange last moved.
    pub(super) active: Cell<Monotonic>,
    /// Wakes whoever waits for the last connection to end.
    pub(super) ended: RefCell<Option<Waker>>,
    /// Wakes the task that looks after idle upstream connections.
    pub(super) keeper: RefCell<Option<Waker>>,
    /// What messages were seen, by any worker; absent: payload encryption is not configured.
    pub(super) replays: RefCell<Option<Arc<ReplayMemory>>>,
    /// Session openings and single messages by client address.
    pub(super) openings: RefCell<OpeningRate>,
    /// Randomness fit for keys.
    pub(super) entropy: RefCell<EntropyStore>,
    /// Lines about failures within TLS since the last tick.
    failure_lines: Cell<usize>,
    generation: RefCell<Rc<Generation>>,
    log: LogSink,
    batch: RefCell<LogBatch>,
    random: Cell<u64>,
    date: Cell<WallTime>,
}

/// The wall clock as of the last tick.
#[derive(Clone, Copy)]
pub(super) struct WallTime {
    monotonic: Monotonic,
    unix: UnixMicros,
    /// As an IMF-fixdate (RFC 9110 section 5.6.7).
    pub(super) text: [u8; 29],
}

impl Worker {
    pub(super) fn new(
        generation: Generation,
        metrics: Arc<MetricBlock>,
        log: LogSink,
        seed: u64,
        (index, workers): (usize, usize),
    ) -> Self {
        Self {
            index,
            workers,
            peers: RefCell::new(Arc::new([])),
            token_calls: Flights::new(TOKEN_CALLS),
            reports: Flights::new(TOKEN_CALLS),
            evictions: Cell::new(0),
            mapping: Places::new(MAPPER_CALLS),
            keys_awaited: Waiters::new(KEY_WAITERS),
            counted_calls: Places::new(TOKEN_CALLS),
            proofs: RefCell::default(),
            metrics,
            buffers: RefCell::default(),
            scratch: RefCell::default(),
            deadlines: Rc::default(),
            issuer_keys: RefCell::default(),
            key_requests: RefCell::default(),
            payload_keys: RefCell::default(),
            connections: Cell::new(0),
            connections_max: Cell::new(usize::MAX),
            addresses: AddressLedger::new(),
            listening: Cell::new(0),
            acceptors: RefCell::default(),
            warm: Cell::new(0),
            busy: Cell::new(0),
            handshakes: Turnstile::new(HANDSHAKES_PER_TURN),
            draining: Cell::new(None),
            cut: Cell::new(false),
            active: Cell::new(clock::monotonic()),
            ended: RefCell::new(None),
            keeper: RefCell::new(None),
            replays: RefCell::default(),
            openings: RefCell::new(OpeningRate::new()),
            entropy: RefCell::default(),
            failure_lines: Cell::new(0),
            generation: RefCell::new(Rc::new(generation)),
            batch: RefCell::new(log.take()),
            log,
            random: Cell::new(seed | 1),
            date: Cell::new(WallTime::now()),
        }
    }

    /// How many workers there are.
    pub(super) fn workers(&self) -> usize {
        self.workers
    }

    /// The worker that asks about this token; none: this one.
    pub(super) fn owner_of(&self, hash: &TokenHash) -> Option<usize> {
        Some(owner_of(hash, self.workers)).filter(|owner| *owner != self.index)
    }

    /// Judges tokens by these keys from now on. What a key vouched for that is no more is forgotten.
    pub(super) fn take_issuer_keys(&self, keys: Arc<IssuerKeys>) {
        let old = self.issuer_keys.replace(keys.clone());
        let generation = self.generation();
        for (issuer, (old, new)) in (0..).map(IssuerId).zip(old.sets.iter().zip(&keys.sets)) {
            if let (Some(old), Some(new)) = (old, new)
                && !Arc::ptr_eq(old, new)
                && !new.has_all_of(old)
            {
                generation.tokens.clear(issuer);
            }
        }
        self.keys_awaited.wake();
    }

    /// Forgets a token here.
    pub(super) fn evict(&self, hash: &TokenHash) {
        self.evictions.set(self.evictions.get() + 1);
        self.metrics.tokens_evicted.add(self.generation().tokens.evict(hash));
    }

    /// Has all workers forget a token: its owner first, so that nobody hears of it from there any more once he has forgotten
    /// it himself.
    pub(super) fn evict_everywhere(&self, hash: &TokenHash) {
        let owner = owner_of(hash, self.workers);
        let others = (0..self.workers).filter(|worker| *worker != owner);
        for worker in std::iter::once(owner).chain(others).filter(|worker| *worker != self.index) {
            self.post(worker, Order::Evict(*hash));
        }
        self.evict(hash);
    }

    /// Asks something of another worker. False: it is not there.
    pub(super) fn post(&self, worker: usize, order: Order) -> bool {
        let peers = self.peers.borrow();
        peers.get(worker).and_then(Option::as_ref).is_some_and(|mailbox| mailbox.post(order))
    }

    /// The time, in seconds since 1970.
    pub(super) fn unix_seconds(&self) -> u64 {
        self.wall_time().at(clock::monotonic()).0 / 1_000_000
    }

    /// The configuration new requests are judged by.
    #[inline]
    pub(super) fn generation(&self) -> Rc<Generation> {
        self.generation.borrow().clone()
    }

    /// Puts a new configuration in the place of the old, with the connections both know.
    pub(super) fn replace_generation(&self, mut new: Generation) {
        new.inherit(&self.generation());
        *self.generation.borrow_mut() = Rc::new(new);
        self.metrics.reloads.add(1);
        self.wake(&self.keeper);
    }

    /// A number that nobody guesses by accident: xorshift64*, for trace ids and jitter.
    #[inline]
    pub(super) fn random(&self) -> u64 {
        let mut state = self.random.get();
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        self.random.set(state);
        state.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// Fills with random bytes fit for keys.
    pub(super) fn fill_random(&self, bytes: &mut [u8]) {
        // invariant: the system's generator worked when this worker began, and does from then on.
        self.entropy.borrow_mut().take(bytes).expect("the system's random bytes");
    }

    /// The wall clock.
    #[inline]
    pub(super) fn wall_time(&self) -> WallTime {
        self.date.get()
    }

    /// Sets this worker's shares of the connections that the whole process, and one address, may have.
    pub(super) fn limit_connections(&self, process: &Limits) {
        let share = |all: usize| all.div_ceil(self.workers.max(1));
        let (all, per_address) = (share(process.connections), share(process.connections_per_address));
        self.connections_max.set(all);
        // Where one address may have all there are, nothing need be counted.
        self.addresses.limit((per_address < all).then_some(per_address));
    }

    /// What is due a few times a second.
    pub(super) fn tick(&self) {
        self.date.set(WallTime::now());
        self.failure_lines.set(0);
        self.deadlines.tick(self.date.get().monotonic);
        self.flush_log();
    }

    /// Lets `write` add one record to the log, if there is one.
    #[inline]
    pub(super) fn log(&self, write: impl FnOnce(&mut LogBatch)) {
        if !self.log.is_on() {
            return;
        }
        let mut batch = self.batch.borrow_mut();
        write(&mut batch);
        if batch.is_full() {
            let full = std::mem::replace(&mut *batch, self.log.take());
            self.metrics.log_dropped.add(self.log.hand_over(full) as u64);
        }
    }

    /// Takes one of the lines that may be written about failures within TLS before the next tick; false: all are taken.
    pub(super) fn may_log_failure(&self) -> bool {
        let lines = self.failure_lines.get();
        self.failure_lines.set(lines.saturating_add(1));
        lines < TLS_FAILURE_LINES_PER_TICK
    }

    /// Hands over what was logged so far.
    pub(super) fn flush_log(&self) {
        let mut batch = self.batch.borrow_mut();
        if !batch.records.is_empty() {
            let full = std::mem::replace(&mut *batch, self.log.take());
            self.metrics.log_dropped.add(self.log.hand_over(full) as u64);
        }
    }

    /// Wakes a task that waits in `place`.
    pub(super) fn wake(&self, place: &RefCell<Option<Waker>>) {
        if let Some(waker) = place.borrow().as_ref() {
            waker.wake_by_ref();
        }
    }
}

impl WallTime {
    fn now() -> Self {
        let unix = clock::unix_micros();
        let mut text = [b' '; 29];
        let date = httpdate::HttpDate::from(
            std::time::UNIX_EPOCH + std::time::Duration::from_secs(unix.0 / 1_000_000),
        )
        .to_string();
        if let Ok(bytes) = date.as_bytes().try_into() {
            text = bytes;
        }
        Self { monotonic: clock::monotonic(), unix, text }
    }

    /// The wall clock's reading at `moment`.
    #[inline]
    pub(super) fn at(&self, moment: Monotonic) -> UnixMicros {
        UnixMicros(self.unix.0 + moment.since(self.monotonic).as_micros() as u64)
    }
}
