//! Which servers are believed to work: the control thread's view, and a worker's own observation of results.

#[cfg(test)]
mod tests;

use std::net::SocketAddr;

use super::ruleset::{HealthCheck, Upstream, UpstreamId};
use crate::limits;
use crate::protocol::moment::Monotonic;

/// What the control thread knows of all servers: immutable, published whole, indexed by upstream and server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpstreamView {
    /// Per upstream (by `UpstreamId`), per server in file order.
    pub upstreams: Vec<Vec<ServerView>>,
}

/// What the control thread knows of one server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerView {
    /// Its resolved addresses; empty: the name does not resolve.
    pub addresses: Vec<SocketAddr>,
    /// The active checks' verdict.
    pub probe: Probe,
}

/// The verdict of active checks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Probe {
    /// Not checked, or not yet: taken as working.
    #[default]
    Unknown,
    /// Working.
    Up,
    /// Not working: gets no requests.
    Down,
}

/// What one worker has seen of the servers itself: results of requests, no probes.
///
/// After [`limits::PASSIVE_FAILURES`] failures in a row a server rests; then one request is let through as a trial.
/// Success ends the rest, failure doubles it. Nothing is shared: every worker finds out for itself.
#[derive(Debug)]
pub struct PassiveHealth {
    upstreams: Vec<Vec<Observed>>,
}

/// One server as this worker sees it.
#[derive(Clone, Copy, Debug, Default)]
struct Observed {
    /// Failures in a row, as long as it does not rest.
    failures: u32,
    /// Rests in a row; zero: it works.
    rests: u32,
    /// When the present rest began.
    since: Monotonic,
    /// When a trial may be made.
    until: Monotonic,
    /// A trial is under way: its failure counts.
    trial: bool,
}

impl PassiveHealth {
    /// All servers of `upstreams`, taken as working.
    pub fn new(upstreams: &[Upstream]) -> Self {
        let observed = |upstream: &Upstream| vec![Observed::default(); upstream.servers.len()];
        Self { upstreams: upstreams.iter().map(observed).collect() }
    }

    /// True when results of earlier requests do not speak against sending one to the server.
    #[inline]
    pub fn usable(&self, upstream: UpstreamId, server: u16, now: Monotonic) -> bool {
        self.observed(upstream, server).is_some_and(|observed| observed.rests == 0 || now >= observed.until)
    }

    /// True when neither results, nor active checks, nor name resolution speak against the server: what a chooser is
    /// asked with.
    ///
    /// A server that active checks call up rests for at most [`limits::PASSIVE_REST_FIRST`] at a time, because
    /// somebody else has already made sure that it answers.
    #[inline]
    pub fn admits(&self, view: &UpstreamView, upstream: UpstreamId, server: u16, now: Monotonic) -> bool {
        let Some(known) = view.server(upstream, server) else { return false };
        let Some(observed) = self.observed(upstream, server) else { return false };
        let passive = match known.probe {
            Probe::Down => false,
            Probe::Unknown => observed.rests == 0 || now >= observed.until,
            Probe::Up => {
                let vouched = observed.since.after(limits::PASSIVE_REST_FIRST);
                observed.rests == 0 || now >= observed.until.min(vouched)
            }
        };
        passive && !known.addresses.is_empty()
    }

    /// A request goes to the server. For one at the end of its rest this is the trial: no other is let through until
    /// its result is noted, or until as much time as the rest took has passed without one.
    #[inline]
    pub fn note_chosen(&mut self, upstream: UpstreamId, server: u16, now: Monotonic) {
        if let Some(observed) = self.observed_mut(upstream, server)
            && observed.rests > 0
        {
            observed.trial = true;
            observed.rest(now, 0);
        }
    }

    /// The server answered: whatever the answer, it works.
    #[inline]
    pub fn note_success(&mut self, upstream: UpstreamId, server: u16) {
        if let Some(observed) = self.observed_mut(upstream, server)
            && (observed.failures | observed.rests) != 0
        {
            *observed = Observed::default();
        }
    }

    /// The server could not be connected to, cut the connection or sent what is no response. `jitter` is any random
    /// number: it shortens a rest by up to a quarter, so that workers do not return all at once.
    pub fn note_failure(&mut self, upstream: UpstreamId, server: u16, now: Monotonic, jitter: u64) {
        let Some(observed) = self.observed_mut(upstream, server) else { return };
        if observed.rests > 0 {
            // Late failures of requests sent before the rest say nothing new.
            if observed.trial {
                observed.trial = false;
                observed.rests = observed.rests.saturating_add(1);
                observed.rest(now, jitter);
            }
            return;
        }
        observed.failures += 1;
        if observed.failures >= limits::PASSIVE_FAILURES {
            observed.rests = 1;
            observed.rest(now, jitter);
        }
    }

    fn observed(&self, upstream: UpstreamId, server: u16) -> Option<&Observed> {
        self.upstreams.get(usize::from(upstream.0))?.get(usize::from(server))
    }

    fn observed_mut(&mut self, upstream: UpstreamId, server: u16) -> Option<&mut Observed> {
        self.upstreams.get_mut(usize::from(upstream.0))?.get_mut(usize::from(server))
    }
}

impl Observed {
    /// Begins a rest that doubles with their number.
    fn rest(&mut self, now: Monotonic, jitter: u64) {
        let doublings = self.rests.saturating_sub(1).min(16);
        let full = limits::PASSIVE_REST_FIRST.saturating_mul(1 << doublings).min(limits::PASSIVE_REST_MAX);
        self.since = now;
        self.until = now.after(full - full * (jitter % 256) as u32 / 1024);
    }
}

impl UpstreamView {
    /// What is known of one server; None for one that is not in the view.
    #[inline]
    pub fn server(&self, upstream: UpstreamId, server: u16) -> Option<&ServerView> {
        self.upstreams.get(usize::from(upstream.0))?.get(usize::from(server))
    }
}

/// Counts the active checks of one server into a verdict: a step machine for the control thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProbeState {
    verdict: Probe,
    /// Results in a row that speak for another verdict than the present one.
    against: u32,
    /// What those results were.
    last: bool,
}

impl ProbeState {
    /// Takes in one result and gives the verdict: [`Probe::Up`] after `check.healthy` successes in a row,
    /// [`Probe::Down`] after `check.unhealthy` failures in a row, else what it was.
    pub fn note(&mut self, ok: bool, check: &HealthCheck) -> Probe {
        let (verdict, threshold) =
            if ok { (Probe::Up, check.healthy) } else { (Probe::Down, check.unhealthy) };
        if verdict == self.verdict {
            self.against = 0;
            return self.verdict;
        }
        self.against = if ok == self.last { self.against.saturating_add(1) } else { 1 };
        self.last = ok;
        if self.against >= threshold {
            *self = Self { verdict, against: 0, last: ok };
        }
        self.verdict
    }
}
