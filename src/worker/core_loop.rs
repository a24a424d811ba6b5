//! The life of a worker thread: from pinning to the last drained connection.

use std::future::{Future, poll_fn};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::address_ledger::Entry;
use super::busy_poll;
use super::connection_life::serve;
use super::generation::Generation;
use super::key_requests::KeyRequests;
use super::mailbox::{Inbox, Order};
use super::panic_guard::{Finished, PanicGuard};
use super::proof_memory::ProofMemory;
use super::replay_memory::ReplayMemory;
use super::state::Worker;
use super::token_inquiries;
use crate::limits::{ACCEPT_REST, ACCEPTS_PER_TURN, DEADLINE_TICK, LISTEN_BACKLOG};
use crate::net::connection::ColdConnection;
use crate::net::doorbell::Doorbell;
use crate::net::listener::Listener;
use crate::net::ring::{self, RingFault};
use crate::net::tls::Identities;
use crate::net::unix_socket::UnixSocket;
use crate::net::{clock, entropy};
use crate::policy::exchange::Peer;
use crate::policy::issuer_keys::IssuerKeys;
use crate::policy::payload_keys::PayloadKeys;
use crate::policy::ruleset::{ListenAddress, ListenerId, Ruleset, UNIX_PEER};
use crate::policy::upstream_health::UpstreamView;
use crate::protocol::moment::Monotonic;
use crate::telemetry::log_channel::LogSink;
use crate::telemetry::metric_block::MetricBlock;

/// Everything a worker is born with.
pub struct WorkerSettings {
    /// Position among the workers, from 0.
    pub index: usize,
    /// The CPU it is pinned to.
    pub cpu: usize,
    /// How long it spins before it sleeps.
    pub busy_poll: Duration,
    /// What it judges by until told otherwise.
    pub ruleset: Arc<Ruleset>,
    /// What listeners show and servers are checked against.
    pub identities: Arc<Identities>,
    /// What is known of the servers so far.
    pub view: Arc<UpstreamView>,
    /// The keys that issuers sign by, as far as they are known.
    pub issuer_keys: Arc<IssuerKeys>,
    /// Where it asks for newer ones.
    pub key_requests: Arc<KeyRequests>,
    /// Keys of payload encryption; there exactly when the rules have it.
    pub payload_keys: Option<Arc<PayloadKeys>>,
    /// What messages were seen; there exactly when the keys are.
    pub replays: Option<Arc<ReplayMemory>>,
    /// What proofs of possession were seen; absent: none is taken.
    pub proofs: Option<Arc<ProofMemory>>,
    /// Its counters; they outlive it.
    pub metrics: Arc<MetricBlock>,
    /// Where its access records go.
    pub log: LogSink,
    /// What the control thread asks of it.
    pub inbox: Inbox,
    /// The Unix sockets among the listeners, by position.
    pub sockets: Arc<[Option<UnixSocket>]>,
    /// How many workers there are.
    pub workers: usize,
    /// To be called once, when every listener accepts.
    pub ready: Box<dyn FnOnce() + Send>,
}

/// Why a worker ended.
#[derive(Debug, thiserror::Error)]
pub enum WorkerFault {
    /// There is no io_uring to be had.
    #[error(transparent)]
    Ring(#[from] RingFault),
    /// A listener's address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: ListenAddress,
        /// What the kernel said.
        source: io::Error,
    },
    /// Anything else, a panic among it.
    #[error("{0}")]
    Other(String),
}

/// Runs a worker on the calling thread until it is drained.
pub fn run_worker(settings: WorkerSettings) -> Result<(), WorkerFault> {
    let cpu = settings.cpu;
    ring::pin(cpu).map_err(|error| WorkerFault::Other(format!("cannot run on CPU {cpu}: {error}")))?;
    ring::run(live(settings))?
}

async fn live(settings: WorkerSettings) -> Result<(), WorkerFault> {
    let other = |error: io::Error| WorkerFault::Other(error.to_string());
    let seed = entropy::seed().map_err(other)?;
    let listeners = bind(&settings.ruleset, &settings.sockets)?;
    // Whoever drops the last share removes their files: that is the control thread.
    drop(settings.sockets);
    let limits = settings.ruleset.limits.clone();
    let generation =
        Generation::new(settings.ruleset, settings.identities, settings.view, seed, settings.workers);
    let worker = Rc::new(Worker::new(
        generation,
        settings.metrics,
        settings.log,
        seed,
        (settings.index, settings.workers),
    ));
    *worker.proofs.borrow_mut() = settings.proofs;
    worker.limit_connections(&limits);
    *worker.issuer_keys.borrow_mut() = settings.issuer_keys;
    *worker.key_requests.borrow_mut() = settings.key_requests;
    *worker.payload_keys.borrow_mut() = settings.payload_keys;
    *worker.replays.borrow_mut() = settings.replays;
    let doorbell = Doorbell::new(settings.inbox.doorbell.try_clone().map_err(other)?).map_err(other)?;
    ring::spawn(tick(worker.clone()));
    ring::spawn(keep_pool(worker.clone()));
    let gatekeeper = worker.clone();
    ring::spawn(async move { gatekeeper.handshakes.turn().await });
    ring::spawn(obey(worker.clone(), settings.inbox, doorbell));
    if !settings.busy_poll.is_zero() {
        ring::spawn(busy_poll::spin(worker.clone(), settings.busy_poll));
    }
    for (id, listener) in listeners {
        ring::spawn(accept(worker.clone(), listener, id));
    }
    (settings.ready)();
    drained(&worker).await;
    worker.flush_log();
    Ok(())
}

fn bind(
    ruleset: &Ruleset,
    sockets: &[Option<UnixSocket>],
) -> Result<Vec<(ListenerId, Listener)>, WorkerFault> {
    let listen = |(position, listener): (usize, &crate::policy::ruleset::Listener)| {
        let bound = match &listener.address {
            ListenAddress::Tcp(address) => Listener::bind(*address),
            ListenAddress::Unix(_) => {
                let socket = sockets.get(position).and_then(Option::as_ref);
                socket.ok_or_else(|| io::ErrorKind::NotFound.into()).and_then(Listener::share)
            }
        };
        let bound =
            bound.map_err(|source| WorkerFault::Listen { address: listener.address.clone(), source })?;
        Ok((ListenerId(position as u16), bound))
    };
    ruleset.listeners.iter().enumerate().map(listen).collect()
}

/// Returns when the drain is over: no connection left, or the deadline passed and the rest cut.
async fn drained(worker: &Rc<Worker>) {
    poll_fn(|context| {
        *worker.ended.borrow_mut() = Some(context.waker().clone());
        let over =
            worker.draining.get().is_some() && worker.listening.get() == 0 && worker.connections.get() == 0;
        if over { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// Takes in connections until the drain begins, and then those that already wait.
async fn accept(worker: Rc<Worker>, listener: Listener, id: ListenerId) {
    worker.listening.set(worker.listening.get() + 1);
    let waker = poll_fn(|context| Poll::Ready(context.waker().clone())).await;
    worker.acceptors.borrow_mut().push(waker);
    while until_drain(&worker, listener.somebody_waits()).await {
        for _ in 0..ACCEPTS_PER_TURN {
            match listener.accept() {
                Ok(Some((connection, address))) => {
                    let address = address.unwrap_or(UNIX_PEER);
                    welcome(&worker, connection, Peer { listener: id, address, tls: None });
                }
                Ok(None) => break,
                Err(error) if is_transient(&error) => {}
                Err(_) => {
                    worker.metrics.accept_failed.add(1);
                    ring::sleep(ACCEPT_REST).await;
                    break;
                }
            }
        }
    }
    for _ in 0..LISTEN_BACKLOG {
        let Ok(Some((connection, address))) = listener.accept() else { break };
        let address = address.unwrap_or(UNIX_PEER);
        welcome(&worker, connection, Peer { listener: id, address, tls: None });
    }
    drop(listener);
    worker.listening.set(worker.listening.get() - 1);
    worker.wake(&worker.ended);
}

/// False when the drain begins before `ready` is.
async fn until_drain(worker: &Worker, ready: impl Future) -> bool {
    let mut ready = std::pin::pin!(ready);
    poll_fn(|context| {
        if worker.draining.get().is_some() {
            return Poll::Ready(false);
        }
        ready.as_mut().poll(context).map(|_| true)
    })
    .await
}

/// The connection was gone before it was accepted: nothing is wrong here.
fn is_transient(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}

fn welcome(worker: &Rc<Worker>, connection: ColdConnection, peer: Peer) {
    worker.metrics.accepted.add(1);
    if worker.connections.get() >= worker.connections_max.get() {
        worker.metrics.accept_refused.add(1);
        return;
    }
    let Some(entry) = enter(worker, &peer) else {
        worker.metrics.accept_refused_address.add(1);
        return;
    };
    worker.connections.set(worker.connections.get() + 1);
    worker.metrics.connections_open.add(1);
    let served = PanicGuard::new(serve(worker.clone(), connection, peer, entry));
    let worker = worker.clone();
    ring::spawn(async move {
        if served.await == Finished::Panicked {
            worker.metrics.panics.add(1);
        }
        worker.connections.set(worker.connections.get() - 1);
        worker.metrics.connections_open.subtract(1);
        if worker.draining.get().is_some() {
            worker.wake(&worker.ended);
        }
    });
}

/// Counts a connection by its client's address, where that is what the peer has: none on a Unix socket, and before a
/// PROXY header it is the balancer's; behind one the client is counted on arrival.
fn enter(worker: &Worker, peer: &Peer) -> Option<Entry> {
    let generation = worker.generation();
    let listener = generation.rules.listeners.get(usize::from(peer.listener.0));
    if peer.address == UNIX_PEER || listener.is_some_and(|listener| listener.proxy_protocol.is_some()) {
        return Some(Entry::uncounted());
    }
    worker.addresses.enter(peer.address.ip())
}

/// Looks at deadlines, the wall clock and the log a few times a second.
async fn tick(worker: Rc<Worker>) {
    loop {
        ring::sleep(DEADLINE_TICK).await;
        worker.tick();
        worker.wake(&worker.keeper);
    }
}

/// Drops idle upstream connections that ended, as soon as they do, or expired.
async fn keep_pool(worker: Rc<Worker>) {
    poll_fn(|context: &mut Context<'_>| {
        if worker.keeper.borrow().is_none() {
            *worker.keeper.borrow_mut() = Some(context.waker().clone());
        }
        let generation = worker.generation();
        let mut pool = generation.pool.borrow_mut();
        if worker.draining.get().is_some() {
            pool.clear();
        }
        let retired = pool.sweep(clock::monotonic(), context);
        worker.metrics.upstream_retired.add(retired);
        worker.metrics.upstream_idle.set(pool.len() as u64);
        Poll::<()>::Pending
    })
    .await;
}

/// Carries out what the control thread asks for.
async fn obey(worker: Rc<Worker>, inbox: Inbox, mut doorbell: Doorbell) {
    loop {
        while let Ok(order) = inbox.orders.try_recv() {
            match order {
                Order::Apply(ruleset, identities, view, keys) => {
                    worker.limit_connections(&ruleset.limits);
                    worker.replace_generation(Generation::new(
                        ruleset,
                        identities,
                        view,
                        worker.random(),
                        worker.workers(),
                    ));
                    worker.take_issuer_keys(keys);
                }
                Order::IssuerKeys(keys) => worker.take_issuer_keys(keys),
                Order::Peers(peers) => *worker.peers.borrow_mut() = peers,
                Order::TokenInquiry(inquiry) => token_inquiries::answer(&worker, *inquiry),
                Order::TokenReport(report) => token_inquiries::take_in(&worker, *report),
                Order::Evict(hash) => worker.evict(&hash),
                Order::PayloadKeys(keys) => *worker.payload_keys.borrow_mut() = Some(keys),
                Order::View(view) => worker.generation().set_view(view),
                Order::Drain { deadline } => begin_drain(&worker, deadline),
            }
        }
        if !doorbell.rung().await {
            // The control thread is gone: finish what runs.
            begin_drain(&worker, clock::monotonic());
            return;
        }
    }
}

/// Begins the drain, or does nothing when one is under way: its deadline stands.
fn begin_drain(worker: &Rc<Worker>, deadline: Monotonic) {
    if worker.draining.get().is_some() {
        return;
    }
    worker.draining.set(Some(clock::monotonic()));
    worker.acceptors.borrow_mut().drain(..).for_each(std::task::Waker::wake);
    worker.deadlines.wake_all();
    worker.wake(&worker.keeper);
    worker.wake(&worker.ended);
    let worker = worker.clone();
    ring::spawn(async move {
        ring::sleep(deadline.since(clock::monotonic())).await;
        worker.cut.set(true);
        worker.deadlines.wake_all();
    });
}
