//! The workers' lives: started one per CPU entry, told what changes, started again when they die, drained.
//!
//! It owns no clock and waits for nothing: the control thread hands it events with their moments and asks when it
//! wants to be called next.

use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread;
use std::time::Duration;

use super::event::Event;
use super::journal;
use super::run_fault::RunFault;
use super::settings;
use super::status::ReplayLevel;
use crate::limits;
use crate::net::tls::Identities;
use crate::net::unix_socket::UnixSocket;
use crate::policy::issuer_keys::IssuerKeys;
use crate::policy::payload_keys::PayloadKeys;
use crate::policy::ruleset::{ListenAddress, Listener, Ruleset};
use crate::policy::upstream_health::UpstreamView;
use crate::protocol::moment::Monotonic;
use crate::telemetry::log_channel::{LogHub, LogSink};
use crate::telemetry::metric_block::MetricBlock;
use crate::worker::core_loop::{WorkerFault, WorkerSettings};
use crate::worker::key_requests::KeyRequests;
use crate::worker::mailbox::{Mailbox, Order, owner_of};
use crate::worker::proof_memory::ProofMemory;
use crate::worker::replay_memory::ReplayMemory;

/// What runs on a worker's thread.
pub type WorkerFn = Arc<dyn Fn(WorkerSettings) -> Result<(), WorkerFault> + Send + Sync>;

/// What workers go by: the rules, and what fits them.
pub type InForce = (Arc<Ruleset>, Arc<Identities>, Arc<UpstreamView>, Arc<IssuerKeys>);

/// What workers begin with beside what is in force.
#[derive(Default)]
pub struct Equipment {
    /// The Unix sockets among the listeners, by position.
    pub sockets: Arc<[Option<UnixSocket>]>,
    /// Where they ask for newer keys of issuers.
    pub key_requests: Arc<KeyRequests>,
    /// Keys of payload encryption; absent: there is none.
    pub payload_keys: Option<Arc<PayloadKeys>>,
    /// What messages were seen; there exactly when the keys are.
    pub replays: Option<Arc<ReplayMemory>>,
    /// The memory of proofs of possession; absent: none is taken.
    pub proofs: Option<Arc<ProofMemory>>,
    /// The access log; absent: there is none.
    pub log: Option<Arc<LogHub>>,
}

/// All workers.
pub struct Supervisor {
    seats: Vec<Seat>,
    busy_poll: Duration,
    ruleset: Arc<Ruleset>,
    identities: Arc<Identities>,
    view: Arc<UpstreamView>,
    issuer_keys: Arc<IssuerKeys>,
    equipment: Equipment,
    run: WorkerFn,
    events: Sender<Event>,
    draining: bool,
}

/// What stays of a worker when its thread dies.
pub struct Seat {
    /// The CPU it is pinned to.
    pub cpu: usize,
    /// What it is at.
    pub state: SeatState,
    /// How often it was started again.
    pub restarts: u64,
    /// Its counters.
    pub metrics: Arc<MetricBlock>,
    mailbox: Option<Mailbox>,
    next_wait: Duration,
}

/// What a worker is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeatState {
    /// Its thread ended and is not started again.
    Ended,
    /// Accepts connections, or finishes them while draining.
    Serving {
        /// When it began to.
        since: Monotonic,
    },
    /// Has not said yet that it accepts.
    Starting,
    /// Dead.
    Waiting {
        /// When it is started again.
        until: Monotonic,
    },
}

impl Supervisor {
    /// Starts all workers. Fails when a thread or its mailbox cannot be made.
    pub fn start(
        workers: &settings::WorkerSettings,
        (ruleset, identities, view, issuer_keys): InForce,
        equipment: Equipment,
        run: WorkerFn,
        events: Sender<Event>,
    ) -> io::Result<Self> {
        let seats = workers.cpus.iter().map(|cpu| Seat::new(*cpu)).collect();
        let busy_poll = workers.busy_poll;
        let draining = false;
        let mut new = Self {
            seats,
            busy_poll,
            ruleset,
            identities,
            view,
            issuer_keys,
            equipment,
            run,
            events,
            draining,
        };
        for index in 0..new.seats.len() {
            new.launch(index)?;
        }
        Ok(new)
    }

    /// The workers, in order.
    pub fn seats(&self) -> &[Seat] {
        &self.seats
    }

    /// True when every worker accepts connections.
    pub fn all_serving(&self) -> bool {
        !self.draining && self.seats.iter().all(|seat| matches!(seat.state, SeatState::Serving { .. }))
    }

    /// True when no thread is left.
    pub fn all_ended(&self) -> bool {
        self.seats.iter().all(|seat| seat.state == SeatState::Ended)
    }

    /// When [`Self::start_due`] has something to do.
    pub fn next_start(&self) -> Option<Monotonic> {
        let starts = self.seats.iter().filter_map(|seat| match seat.state {
            SeatState::Waiting { until } => Some(until),
            SeatState::Ended | SeatState::Serving { .. } | SeatState::Starting => None,
        });
        starts.min()
    }

    /// Gives all workers new rules with what fits them. A dead one gets them when it is started again, so that no worker
    /// is left with the old.
    pub fn apply(&mut self, (ruleset, identities, view, keys): InForce) {
        self.ruleset = Arc::clone(&ruleset);
        self.identities = Arc::clone(&identities);
        self.view = Arc::clone(&view);
        self.issuer_keys = Arc::clone(&keys);
        self.post(&Order::Apply(ruleset, identities, view, keys));
    }

    /// How full the memory of messages is.
    pub fn replay_level(&self, now: Monotonic) -> Option<ReplayLevel> {
        let (memory, time) = self.replays(now)?;
        Some(ReplayLevel { live: memory.estimate(time), capacity: memory.capacity() })
    }

    /// Empties what the memories of messages and of proofs have long forgotten. `unix` is now, in seconds since 1970.
    pub fn sweep_replays(&self, now: Monotonic, unix: u64) {
        if let Some((memory, time)) = self.replays(now) {
            memory.sweep(time);
        }
        if let Some(proofs) = self.equipment.proofs.as_ref().filter(|_| !self.ruleset.issuers.is_empty()) {
            proofs.sweep(unix);
        }
    }

    /// The memory of messages, and the time by its clock.
    fn replays(&self, now: Monotonic) -> Option<(&ReplayMemory, u64)> {
        let Equipment { replays, payload_keys, .. } = &self.equipment;
        Some((replays.as_deref()?, payload_keys.as_ref()?.clock.at(now)))
    }

    /// Has all workers forget the token with this SHA-256. One that is started later knows none.
    pub fn evict(&self, hash: [u8; 32]) {
        let owner = owner_of(&hash, self.seats.len());
        let (before, from) = self.seats.split_at(owner.min(self.seats.len()));
        for mailbox in from.iter().chain(before).filter_map(|seat| seat.mailbox.as_ref()) {
            let _delivered = mailbox.post(Order::Evict(hash));
        }
    }

    /// Gives all workers what is known of the issuers' keys, those that are started again later among them.
    pub fn give_issuer_keys(&mut self, keys: Arc<IssuerKeys>) {
        self.issuer_keys = Arc::clone(&keys);
        self.post(&Order::IssuerKeys(keys));
    }

    /// Tells all workers who the others are.
    fn introduce(&self) {
        let peers = self.seats.iter().map(|seat| seat.mailbox.as_ref().map(Mailbox::for_peers)).collect();
        self.post(&Order::Peers(peers));
    }

    /// Gives all workers other keys of payload encryption, those that are started again later among them.
    pub fn give_payload_keys(&mut self, keys: Arc<PayloadKeys>) {
        self.equipment.payload_keys = Some(Arc::clone(&keys));
        self.post(&Order::PayloadKeys(keys));
    }

    /// Gives all workers a new view of the servers.
    pub fn publish(&mut self, view: Arc<UpstreamView>) {
        self.view = Arc::clone(&view);
        self.post(&Order::View(view));
    }

    /// Asks all workers to finish by `deadline`. None is started again, and nobody is let in any more: as TCP addresses
    /// are given up now, so are Unix sockets, which another process may then bind.
    pub fn drain(&mut self, deadline: Monotonic) {
        self.draining = true;
        self.equipment.sockets = Arc::default();
        for seat in &mut self.seats {
            if let SeatState::Waiting { .. } = seat.state {
                seat.state = SeatState::Ended;
            }
        }
        self.post(&Order::Drain { deadline });
    }

    /// A worker accepts connections.
    pub fn worker_ready(&mut self, index: usize, now: Monotonic) {
        if let Some(seat) = self.seats.get_mut(index) {
            seat.state = SeatState::Serving { since: now };
        }
    }

    /// A worker's thread ended: it is started again after a wait, unless the process drains.
    pub fn worker_ended(&mut self, index: usize, result: Result<(), WorkerFault>, now: Monotonic) {
        let draining = self.draining;
        let Some(seat) = self.seats.get_mut(index) else { return };
        seat.mailbox = None;
        if let Err(fault) = &result {
            journal::error(format_args!("worker {index} died: {fault}"));
        }
        if draining {
            seat.state = SeatState::Ended;
            return;
        }
        let wait = seat.wait_before_restart(now);
        journal::warn(format_args!("worker {index} is started again in {} ms", wait.as_millis()));
        seat.state = SeatState::Waiting { until: now.after(wait) };
    }

    /// Starts the workers whose wait is over. One that cannot be started waits on.
    pub fn start_due(&mut self, now: Monotonic) {
        for index in 0..self.seats.len() {
            if !matches!(self.seats[index].state, SeatState::Waiting { until } if until <= now) {
                continue;
            }
            self.seats[index].restarts += 1;
            if let Err(error) = self.launch(index) {
                let fault = WorkerFault::Other(format!("its thread could not be started: {error}"));
                self.worker_ended(index, Err(fault), now);
            }
        }
    }

    fn post(&self, order: &Order) {
        for mailbox in self.seats.iter().filter_map(|seat| seat.mailbox.as_ref()) {
            // False from a worker that just died: its end is on the way here, and it is started with what is newest.
            let _delivered = mailbox.post(order.clone());
        }
    }

    fn launch(&mut self, index: usize) -> io::Result<()> {
        let workers = self.seats.len();
        let seat = &mut self.seats[index];
        let (mailbox, inbox) = Mailbox::pair()?;
        let events = self.events.clone();
        let settings = WorkerSettings {
            index,
            cpu: seat.cpu,
            busy_poll: self.busy_poll,
            ruleset: Arc::clone(&self.ruleset),
            identities: Arc::clone(&self.identities),
            view: Arc::clone(&self.view),
            issuer_keys: Arc::clone(&self.issuer_keys),
            key_requests: Arc::clone(&self.equipment.key_requests),
            payload_keys: self.equipment.payload_keys.clone(),
            replays: self.equipment.replays.clone(),
            proofs: self.equipment.proofs.clone(),
            metrics: Arc::clone(&seat.metrics),
            log: self.equipment.log.as_ref().map_or_else(LogSink::off, |hub| hub.sink(index)),
            inbox,
            sockets: Arc::clone(&self.equipment.sockets),
            workers,
            ready: Box::new(move || drop(events.send(Event::WorkerReady { index }))),
        };
        let (run, events) = (Arc::clone(&self.run), self.events.clone());
        thread::Builder::new().name(format!("ringwall-worker-{index}")).spawn(move || {
            let result = catch_unwind(AssertUnwindSafe(|| run(settings)))
                .unwrap_or_else(|panic| Err(WorkerFault::Other(what_panicked(panic.as_ref()))));
            // Nobody to tell when the control thread is gone: the process is ending.
            let _told = events.send(Event::WorkerEnded { index, result });
        })?;
        seat.mailbox = Some(mailbox);
        seat.state = SeatState::Starting;
        self.introduce();
        Ok(())
    }
}

impl Seat {
    fn new(cpu: usize) -> Self {
        let metrics = Arc::new(MetricBlock::default());
        let next_wait = limits::RESTART_FIRST;
        Self { cpu, state: SeatState::Starting, restarts: 0, metrics, mailbox: None, next_wait }
    }

    /// Doubles with every death up to a bound; a worker that served for a while begins anew.
    fn wait_before_restart(&mut self, now: Monotonic) -> Duration {
        if matches!(self.state, SeatState::Serving { since } if now.since(since) >= limits::RESTART_FORGIVEN)
        {
            self.next_wait = limits::RESTART_FIRST;
        }
        let wait = self.next_wait;
        self.next_wait = (wait * 2).min(limits::RESTART_LONGEST);
        wait
    }
}

/// Binds the Unix sockets among the listeners, by position: once, for all workers and all that follow a dead one.
pub fn unix_sockets(rules: &Ruleset) -> Result<Arc<[Option<UnixSocket>]>, RunFault> {
    let bind = |listener: &Listener| match &listener.address {
        ListenAddress::Tcp(_) => Ok(None),
        ListenAddress::Unix(path) => {
            UnixSocket::bind(path).map(Some).map_err(|source| RunFault::Socket { path: path.clone(), source })
        }
    };
    rules.listeners.iter().map(bind).collect()
}

fn what_panicked(panic: &(dyn Any + Send)) -> String {
    let message = panic.downcast_ref::<&str>().copied();
    let message = message.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panicked: {}", message.unwrap_or("without a message"))
}

#[cfg(test)]
mod tests;
