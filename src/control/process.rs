//! The control thread: one loop over one channel of events, from the first configuration to the last worker's end.
//!
//! ```text
//! load → names looked up (bounded wait) → workers started → all listen → serving → drain → ended
//!                  ↑                                           │
//!                  └── reload: checked, names looked up, then given to every worker ──┘
//! ```

mod issuer_keys;
mod renewal;
mod servers;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};

use super::access_log::LogWriter;
use super::admin_server::AdminServer;
use super::event::Event;
use super::health_prober::HealthProber;
use super::identity_files::IdentityFiles;
use super::journal;
use super::key_refresher::KeyRefresher;
use super::key_refresher::read_keys::KeyFiles;
use super::payload_keyring::{Moment, PayloadKeyring};
use super::published::Published;
use super::reload::Fixed;
use super::replay_start::{proof_memory, replay_memory};
use super::run_fault::RunFault;
use super::service_secrets::{Finding, read_secrets};
use super::settings::{Loaded, Settings, SettingsSource};
use super::status::{self, Status, WorkerStatus};
use super::supervisor::{self, Equipment, InForce, Supervisor, WorkerFn};
use super::upstream_watch::{Change, UpstreamWatch};
use crate::limits;
use crate::net::resolver::{self, Resolver};
use crate::net::signals::Signal;
use crate::net::tls::Identities;
use crate::net::unix_socket::UnixSocket;
use crate::net::{clock, entropy};
use crate::policy::ruleset::Ruleset;
use crate::protocol::moment::Monotonic;
use crate::worker::core_loop::WorkerFault;
use crate::worker::key_requests::KeyRequests;

/// A process under way. The thread that calls it is the control thread.
pub struct Process {
    source: Box<dyn SettingsSource>,
    fixed: Fixed,
    run_worker: WorkerFn,
    stage: Stage,
    /// What is in force; absent until the workers are started.
    force: Option<Force>,
    /// Rules that wait for their names to be looked up.
    pending: Option<Pending>,
    /// Generations given out so far.
    generations: u64,
    tls: IdentityFiles,
    keys: KeyRefresher,
    key_requests: Arc<KeyRequests>,
    /// Until when the process is not ready for want of issuers' first keys; absent: no longer, whatever comes.
    first_keys_until: Option<Monotonic>,
    /// Absent: there is no payload encryption.
    payload: Option<PayloadKeyring>,
    /// When the memory of messages is to be swept.
    sweep_due: Monotonic,
    /// When its level is to be looked at.
    replay_look_due: Monotonic,
    resolver: Resolver,
    prober: HealthProber,
    log: Option<LogWriter>,
    admin: Option<AdminServer>,
    status: Status,
    published: Arc<Published<Status>>,
    events: Receiver<Event>,
    sender: Sender<Event>,
}

/// Asks a [`Process`] for something from another thread, as signals do.
#[derive(Clone, Debug)]
pub struct Handle(Sender<Event>);

enum Stage {
    Starting { until: Monotonic },
    Serving,
    Draining { until: Monotonic },
    Ended,
}

struct Force {
    rules: Arc<Ruleset>,
    identities: Arc<Identities>,
    watch: UpstreamWatch,
    supervisor: Supervisor,
    /// When the workers were last given a view of the servers.
    view_given: Monotonic,
    /// When they are given the next; absent while nothing changed.
    view_due: Option<Monotonic>,
}

struct Pending {
    rules: Arc<Ruleset>,
    identities: Arc<Identities>,
    key_files: KeyFiles,
    watch: UpstreamWatch,
    until: Monotonic,
}

impl Handle {
    /// Asks for `signal`. Nothing happens when the process has ended.
    pub fn ask(&self, signal: Signal) {
        let _asked = self.0.send(Event::Signal(signal));
    }
}

impl Process {
    /// Loads the configuration, opens the access log and the admin address, and has names looked up. Workers are
    /// started by [`Self::until_serving`].
    pub fn start(mut source: Box<dyn SettingsSource>, run_worker: WorkerFn) -> Result<Self, RunFault> {
        let settings = load(source.as_mut()).map_err(RunFault::Configuration)?;
        let log =
            LogWriter::start(&settings.log, settings.workers.cpus.len()).map_err(RunFault::AccessLog)?;
        let started = clock::monotonic();
        let status = Status {
            started,
            started_at: clock::unix_micros(),
            listeners: settings.ruleset.listeners.as_slice().into(),
            log_failures: log.as_ref().map(LogWriter::failures).unwrap_or_default(),
            ..Status::default()
        };
        let published = Arc::new(Published::new(status.clone()));
        let (sender, events) = channel();
        let admin = settings.admin.map(|address| {
            AdminServer::start(address, Arc::clone(&published), issuer_keys::evictor(sender.clone()))
                .map_err(|source| RunFault::Admin { address, source })
        });
        let (resolved, probed, asked) = (sender.clone(), sender.clone(), sender.clone());
        let key_requests = Arc::new(KeyRequests::new(move || drop(asked.send(Event::KeysAsked))));
        let seed = entropy::seed().map_err(RunFault::Thread)?;
        let mut new = Self {
            source,
            fixed: Fixed::of(&settings),
            run_worker,
            stage: Stage::Starting { until: started.after(limits::WORKER_START) },
            force: None,
            pending: None,
            generations: 0,
            sweep_due: started.after(limits::REPLAY_SWEEP),
            replay_look_due: started,
            payload: PayloadKeyring::start(&settings, moment(started)).map_err(RunFault::Configuration)?,
            keys: KeyRefresher::new(Arc::clone(&key_requests), seed),
            key_requests,
            first_keys_until: Some(started.after(limits::FIRST_KEYS_WAIT)),
            tls: IdentityFiles::new().map_err(|fault| RunFault::Configuration(vec![fault.to_string()]))?,
            resolver: Resolver::new(resolver::look_up, move |result| {
                drop(resolved.send(Event::Resolved(result)))
            }),
            prober: HealthProber::new(move |result| drop(probed.send(Event::Probed(result)))),
            log,
            admin: admin.transpose()?,
            status,
            published,
            events,
            sender,
        };
        let identities = new.tls.load(settings.tls).map_err(RunFault::Configuration)?;
        let mut rules = settings.ruleset;
        rules.generation = 1;
        let key_files = KeyFiles::read(&rules).map_err(RunFault::Configuration)?;
        new.prepare(rules, identities, key_files, started);
        Ok(new)
    }

    /// To ask it for something from another thread.
    pub fn handle(&self) -> Handle {
        Handle(self.sender.clone())
    }

    /// Where the admin server listens.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin.as_ref().map(AdminServer::address)
    }

    /// Carries on until every worker accepts connections, or until the end if that was asked for first.
    pub fn until_serving(&mut self) -> Result<(), RunFault> {
        while matches!(self.stage, Stage::Starting { .. }) {
            self.turn()?;
        }
        Ok(())
    }

    /// Carries on until the workers were drained.
    pub fn until_ended(mut self) -> Result<(), RunFault> {
        while !matches!(self.stage, Stage::Ended) {
            if let Err(fault) = self.turn() {
                // For a caller that lives on: workers must not.
                self.force.iter_mut().for_each(|force| force.supervisor.drain(clock::monotonic()));
                return Err(fault);
            }
        }
        self.force = None;
        if let Some(log) = self.log.take()
            && !log.finish(limits::LOG_CLOSE)
        {
            journal::warn("the access log's last lines may be missing: it did not keep up");
        }
        Ok(())
    }

    /// Does what time demands, then waits for one event and acts on it.
    fn turn(&mut self) -> Result<(), RunFault> {
        self.on_time(clock::monotonic())?;
        self.publish_status();
        let event = match self.next_deadline() {
            _ if matches!(self.stage, Stage::Ended) => return Ok(()),
            Some(deadline) => self.events.recv_timeout(deadline.since(clock::monotonic())),
            None => self.events.recv().map_err(RecvTimeoutError::from),
        };
        match event {
            Ok(event) => self.on_event(event, clock::monotonic()),
            // Its own sender keeps the channel open: only time can be up.
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => Ok(()),
        }
    }

    fn next_deadline(&self) -> Option<Monotonic> {
        let stage = match self.stage {
            Stage::Starting { until } | Stage::Draining { until } => Some(until),
            Stage::Serving | Stage::Ended => None,
        };
        let pending = self.pending.as_ref().map(|pending| pending.until);
        let restart = self.force.as_ref().and_then(|force| force.supervisor.next_start());
        let view = self.force.as_ref().and_then(|force| force.view_due);
        let keys = self.payload.as_ref().and_then(PayloadKeyring::next_turn);
        let remembers = |force: &&Force| self.payload.is_some() || !force.rules.issuers.is_empty();
        let sweep = self.force.as_ref().filter(remembers).map(|_| self.sweep_due);
        let look = self.force.as_ref().and(self.payload.as_ref()).map(|_| self.replay_look_due);
        let issuers = self.force.as_ref().and_then(|_| self.keys.next_turn());
        let first_keys = self.force.as_ref().and(self.first_keys_until);
        [stage, pending, restart, view, keys, sweep, look, issuers, first_keys, self.tls.next_look()]
            .into_iter()
            .flatten()
            .min()
    }

    fn on_time(&mut self, now: Monotonic) -> Result<(), RunFault> {
        if self.pending.as_ref().is_some_and(|pending| pending.until <= now || pending.watch.is_settled()) {
            self.commit(now)?;
        }
        if let Some(force) = &mut self.force {
            force.supervisor.start_due(now);
            if force.view_due.is_some_and(|due| due <= now) {
                self.give_view(now);
            }
        }
        self.look_at_identities(now);
        self.turn_payload_keys(now);
        self.look_at_replays(now);
        self.turn_issuer_keys(now);
        match self.stage {
            Stage::Starting { until } if until <= now => Err(RunFault::NotReady),
            Stage::Draining { until } if until <= now => {
                journal::warn("the drain took too long; what was under way is cut");
                self.stage = Stage::Ended;
                Ok(())
            }
            Stage::Starting { .. } | Stage::Serving | Stage::Draining { .. } | Stage::Ended => Ok(()),
        }
    }

    fn on_event(&mut self, event: Event, now: Monotonic) -> Result<(), RunFault> {
        match event {
            Event::Evict { hash, told } => self.evict(hash, &told),
            Event::KeysAsked => self.keys.note_asked(now),
            Event::KeysFetched(fetched) => self.on_keys_fetched(fetched, now),
            Event::Probed(probed) => {
                let change = self.force.as_mut().map(|force| force.watch.note_probed(probed));
                self.on_change(change.unwrap_or(Change::None), now);
            }
            Event::Resolved(resolved) => self.on_resolved(&resolved, now),
            Event::Signal(Signal::Reload) => self.reload(now),
            Event::Signal(Signal::Stop) => self.stop(now)?,
            Event::WorkerEnded { index, result } => {
                if let Stage::Starting { .. } = self.stage {
                    let fault = result.err().unwrap_or_else(|| WorkerFault::Other("it ended unasked".into()));
                    return Err(RunFault::Worker { index, fault });
                }
                let Some(force) = &mut self.force else { return Ok(()) };
                force.supervisor.worker_ended(index, result, now);
                if let Stage::Draining { .. } = self.stage
                    && force.supervisor.all_ended()
                {
                    journal::info("drained");
                    self.stage = Stage::Ended;
                }
            }
            Event::WorkerReady { index } => {
                let Some(force) = &mut self.force else { return Ok(()) };
                force.supervisor.worker_ready(index, now);
                if let Stage::Starting { .. } = self.stage
                    && force.supervisor.all_serving()
                {
                    self.stage = Stage::Serving;
                    self.announce();
                }
            }
        }
        Ok(())
    }

    fn announce(&self) {
        let listeners = self.fixed.listeners.iter();
        let listeners: Vec<_> =
            listeners.map(|listener| format!("{} at {}", listener.name, listener.address)).collect();
        let workers = self.fixed.workers.cpus.len();
        journal::info(format_args!("serving {} with {workers} workers", listeners.join(", ")));
    }

    /// The first stop drains, the second ends at once.
    fn stop(&mut self, now: Monotonic) -> Result<(), RunFault> {
        if let Stage::Draining { .. } = self.stage {
            return Err(RunFault::Interrupted);
        }
        self.pending = None;
        let Some(force) = &mut self.force else {
            self.stage = Stage::Ended;
            return Ok(());
        };
        let deadline = now.after(force.rules.timeouts.drain);
        journal::info(format_args!("draining, for up to {} s", force.rules.timeouts.drain.as_secs_f64()));
        force.supervisor.drain(deadline);
        let ended = force.supervisor.all_ended();
        self.stage = if ended {
            Stage::Ended
        } else {
            Stage::Draining { until: deadline.after(limits::DRAIN_UNWIND) }
        };
        Ok(())
    }

    /// Reads the configuration again. If anything is wrong with it, the old stays in force.
    fn reload(&mut self, now: Monotonic) {
        if let Some(log) = &self.log {
            log.reopen();
        }
        if let Stage::Draining { .. } = self.stage {
            journal::info("no reload while draining");
            return;
        }
        if let Err(errors) = self.try_reload(now) {
            errors.iter().for_each(journal::error);
            journal::error("the configuration was not reloaded; the one before stays in force");
            self.status.reload.failed = true;
        }
    }

    fn try_reload(&mut self, now: Monotonic) -> Result<(), Vec<String>> {
        let settings = load(self.source.as_mut())?;
        let (tls, keys) =
            (settings.tls.clone(), settings.payload.as_ref().map(|payload| payload.keys.clone()));
        let accepted = self.fixed.accept(settings, self.generations + 1).map_err(|refusal| vec![refusal])?;
        let keys =
            self.payload.as_ref().zip(keys).map(|(ring, keys)| ring.read(keys, moment(now))).transpose()?;
        let key_files = KeyFiles::read(&accepted.ruleset)?;
        let identities = self.tls.load(tls)?;
        if let (Some(rules), Some(keys)) = (&accepted.ruleset.payload, keys) {
            let lifetime = rules.session_lifetime;
            self.change_payload_keys(|ring| ring.adopt(keys, lifetime, moment(now)).map(|()| true))?;
        }
        accepted.needs_restart.iter().for_each(journal::warn);
        self.prepare(accepted.ruleset, identities, key_files, now);
        Ok(())
    }

    /// Has the names of new rules looked up; they come in force when that is done or took too long.
    fn prepare(&mut self, rules: Ruleset, identities: Arc<Identities>, key_files: KeyFiles, now: Monotonic) {
        self.generations = rules.generation;
        let rules = Arc::new(rules);
        let watch = UpstreamWatch::new(Arc::clone(&rules), self.force.as_ref().map(|force| &force.watch));
        if let Err(error) = self.resolver.watch(watch.names()) {
            journal::warn(format_args!("names are looked up by fewer threads than there should be: {error}"));
        }
        let until = now.after(limits::RESOLVE_WAIT);
        self.pending = Some(Pending { rules, identities, key_files, watch, until });
    }

    /// Puts the pending rules in force: in all workers, with what is known of their servers.
    fn commit(&mut self, now: Monotonic) -> Result<(), RunFault> {
        let Some(Pending { rules, identities, key_files, watch, .. }) = self.pending.take() else {
            return Ok(());
        };
        for host in watch.unresolved() {
            journal::warn(format_args!("{host} has no address so far; its server gets no requests"));
        }
        if let Some(log) = &self.log {
            log.prepare(&rules);
        }
        let view = Arc::new(watch.view());
        self.status.upstreams = status::upstreams(&rules, &view, &watch);
        servers::check(&mut self.prober, watch.probes(&identities));
        self.keys.adopt(&rules, key_files, moment(now));
        self.status.issuers = self.keys.status();
        let in_force = (Arc::clone(&rules), Arc::clone(&identities), view, self.keys.keys());
        let supervisor = match self.force.take() {
            Some(mut force) => {
                force.supervisor.apply(in_force);
                journal::info(format_args!("reloaded; rules {} are in force", rules.generation));
                force.supervisor
            }
            None => {
                self.stage = Stage::Starting { until: now.after(limits::WORKER_START) };
                let sockets = supervisor::unix_sockets(&rules)?;
                self.start_workers(in_force, sockets)?
            }
        };
        self.status.reload = status::ReloadStatus { failed: false, succeeded_at: clock::unix_micros() };
        self.force = Some(Force { rules, identities, watch, supervisor, view_given: now, view_due: None });
        Ok(())
    }

    fn start_workers(
        &self,
        in_force: InForce,
        sockets: Arc<[Option<UnixSocket>]>,
    ) -> Result<Supervisor, RunFault> {
        let run = Arc::clone(&self.run_worker);
        let equipment = Equipment {
            sockets,
            key_requests: Arc::clone(&self.key_requests),
            payload_keys: self.payload.as_ref().map(PayloadKeyring::keys),
            replays: replay_memory(self.fixed.payload.as_ref(), &in_force.0)?,
            proofs: Some(proof_memory()?),
            log: self.log.as_ref().map(LogWriter::hub),
        };
        let sender = self.sender.clone();
        Supervisor::start(&self.fixed.workers, in_force, equipment, run, sender).map_err(RunFault::Thread)
    }

    fn publish_status(&mut self) {
        if let Some(force) = &self.force {
            self.status.generation = force.rules.generation;
            self.status.workers = force.supervisor.seats().iter().map(WorkerStatus::of).collect();
            self.status.awaits_keys = self.first_keys_until.is_some();
            self.status.ready = force.supervisor.all_serving() && !self.status.awaits_keys;
        }
        self.status.draining = matches!(self.stage, Stage::Draining { .. });
        self.published.replace(self.status.clone());
    }
}

/// The settings with the passwords that they name; what is odd about them is said.
fn load(source: &mut dyn SettingsSource) -> Result<Settings, Vec<String>> {
    let Loaded { mut settings, warnings } = source.load()?;
    let messages = |found: Vec<Finding>| found.into_iter().map(|finding| finding.message).collect::<Vec<_>>();
    let odd = read_secrets(&mut settings.ruleset.services).map_err(messages)?;
    warnings.iter().chain(&messages(odd)).for_each(journal::warn);
    Ok(settings)
}

/// `now` on both clocks.
fn moment(now: Monotonic) -> Moment {
    Moment { monotonic: now, unix: clock::unix_micros() }
}

#[cfg(test)]
mod tests;
