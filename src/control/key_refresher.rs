//! The keys that issuers sign by: read from files, or got from their servers and got again in time, kept while a server is
//! down, and made into what workers judge by.
//!
//! It owns no clock and asks nobody: the control thread hands it moments, has its fetches made (by [`fetch`], each on a
//! thread of its own) and gives the workers what comes of them.

pub mod fetch;
mod freshness;
pub mod job;
pub mod metadata;
mod origin;
pub mod read_keys;
mod schedule;

use std::ops::RangeInclusive;
use std::sync::Arc;

use self::fetch::Fetched;
use self::origin::{Origin, Place};
use self::read_keys::{KeyFiles, ReadKeys};
use self::schedule::Schedule;
use super::journal;
use super::payload_keyring::Moment;
use super::status::IssuerStatus;
use super::watched_files::WatchedFiles;
use crate::limits::KEY_FETCHES;
use crate::policy::issuer_keys::{Fetches, IssuerKeys};
use crate::policy::ruleset::Ruleset;
use crate::policy::token_rules::IssuerId;
use crate::protocol::moment::{Monotonic, UnixMicros};
use crate::protocol::token::key_set::{Complaint, KeySet};
use crate::worker::key_requests::KeyRequests;

/// The keys of all issuers, and what is to happen to them.
pub struct KeyRefresher {
    requests: Arc<KeyRequests>,
    /// The issuers that have keys, by position.
    watched: Vec<Watched>,
    /// How many issuers there are.
    issuers: usize,
    generations: RangeInclusive<u64>,
    files: WatchedFiles,
    /// Tickets given out so far.
    tickets: u64,
    random: u64,
}

/// What is known of one issuer's keys.
struct Watched {
    id: IssuerId,
    origin: Origin,
    /// Absent: they are in a file.
    schedule: Option<Schedule>,
    /// That of the fetch under way.
    ticket: Option<u64>,
    held: Option<Held>,
    /// Attempts that have ended, and how many of them failed.
    ended: u64,
    failures: u64,
    /// Why the newest attempt failed; absent when it did not.
    failure: Option<String>,
}

/// The last good keys.
struct Held {
    set: Arc<KeySet>,
    digest: [u8; 32],
    at: UnixMicros,
}

/// A fetch to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// Whose keys.
    pub issuer: IssuerId,
    /// To come back with the outcome.
    pub ticket: u64,
}

impl KeyRefresher {
    /// None so far. `seed` is for what need not be secret.
    pub fn new(requests: Arc<KeyRequests>, seed: u64) -> Self {
        Self {
            requests,
            watched: Vec::new(),
            issuers: 0,
            generations: 0..=0,
            files: WatchedFiles::new(Vec::new()),
            tickets: 0,
            random: seed | 1,
        }
    }

    /// Takes care of the issuers of `rules`, of which `files` were read. Keys that are as good for them stay.
    pub fn adopt(&mut self, rules: &Ruleset, files: KeyFiles, now: Moment) {
        let origins: Vec<_> = rules.issuers.iter().map(|issuer| Origin::of(issuer, rules)).collect();
        let generation = rules.generation;
        let first = if self.fits(&origins) { *self.generations.start() } else { generation };
        self.generations = first..=generation;
        self.issuers = origins.len();
        let mut known = std::mem::take(&mut self.watched);
        for (id, origin) in (0..).map(IssuerId).zip(origins) {
            let Some(origin) = origin else { continue };
            let own = known.iter().position(|known| known.origin.stays(&origin));
            let watched = own.map(|position| known.swap_remove(position));
            self.watched.push(match watched {
                Some(watched) => Watched { id, origin, ..watched },
                None => Watched::new(id, origin, now.monotonic),
            });
        }
        self.files = files.watched;
        for (id, read) in files.read {
            if let Some(watched) = self.watched.iter_mut().find(|watched| watched.id == id) {
                watched.succeed(read, now.unix);
            }
        }
        // A bit means another issuer now. Who still waits asks again.
        self.requests.clear();
    }

    /// What workers judge by.
    pub fn keys(&self) -> Arc<IssuerKeys> {
        let (mut sets, mut rests) = (vec![None; self.issuers], vec![Monotonic::NEVER; self.issuers]);
        let mut fetches = vec![Fetches::default(); self.issuers];
        for watched in &self.watched {
            let position = usize::from(watched.id.0);
            sets[position] = watched.held.as_ref().map(|held| Arc::clone(&held.set));
            rests[position] = watched.schedule.as_ref().map_or(Monotonic::NEVER, Schedule::rest);
            fetches[position] = Fetches { ended: watched.ended, has_failed: watched.failure.is_some() };
        }
        Arc::new(IssuerKeys { generations: self.generations.clone(), sets, rests, fetches })
    }

    /// Whether every issuer has keys, or was at least once asked for them in vain.
    pub fn were_all_tried(&self) -> bool {
        self.watched.iter().all(|watched| watched.held.is_some() || watched.failures > 0)
    }

    /// What the process says of them.
    pub fn status(&self) -> Arc<[IssuerStatus]> {
        self.watched.iter().map(Watched::status).collect()
    }

    /// When [`Self::begin_due`], [`Self::give_up_late`] or [`Self::look_at_files`] has something to do.
    pub fn next_turn(&self) -> Option<Monotonic> {
        let schedules = || self.watched.iter().filter_map(|watched| watched.schedule.as_ref());
        // With all threads taken there is nothing to do before one is back.
        let may_begin = self.under_way() < KEY_FETCHES;
        let due = schedules().filter_map(Schedule::due).filter(|_| may_begin);
        due.chain(schedules().filter_map(Schedule::given_up)).chain(self.files.next_look()).min()
    }

    /// Begins the fetches that are due, those that wait longest first. Each must be made, and its outcome given to
    /// [`Self::note_fetched`].
    pub fn begin_due(&mut self, now: Monotonic) -> Vec<Due> {
        let free = KEY_FETCHES.saturating_sub(self.under_way());
        let due = |watched: &Watched| watched.schedule.as_ref().and_then(Schedule::due);
        let is_due = |watched: &&mut Watched| due(watched).is_some_and(|due| due <= now);
        let mut waiting: Vec<_> = self.watched.iter_mut().filter(is_due).collect();
        waiting.sort_by_key(|watched| due(watched));
        let begin = |watched: &mut Watched| {
            self.tickets += 1;
            watched.begin(self.tickets, now)
        };
        waiting.into_iter().take(free).map(begin).collect()
    }

    /// Takes fetches for failed that have said nothing for too long. True when there were any.
    pub fn give_up_late(&mut self, now: Moment) -> bool {
        let late = |watched: &&Watched| {
            let given_up = watched.schedule.as_ref().and_then(Schedule::given_up);
            given_up.is_some_and(|given_up| given_up <= now.monotonic)
        };
        let tickets: Vec<u64> = self.watched.iter().filter(late).filter_map(|late| late.ticket).collect();
        for ticket in &tickets {
            self.end(*ticket, Err("no answer at all; are its name servers up?".to_owned()), now);
        }
        !tickets.is_empty()
    }

    /// Workers ask for newer keys.
    pub fn note_asked(&mut self, now: Monotonic) {
        for issuer in self.requests.wanted() {
            // What is in a file is looked at anyway. Its bit stays set, so that nobody wakes the control thread for it.
            let watched = self.watched.iter_mut().find(|watched| watched.id == issuer);
            if let Some(schedule) = watched.and_then(|watched| watched.schedule.as_mut()) {
                schedule.ask(now);
            }
        }
    }

    /// Takes in how a fetch went. True when it is to be told to the workers: of keys, or that none can be had.
    pub fn note_fetched(&mut self, fetched: Fetched, now: Moment) -> bool {
        let outcome = fetched.outcome.map_err(|fault| fault.to_string());
        self.end(fetched.ticket, outcome, now)
    }

    /// Reads the files that have changed, if it is time to look. True when there are other keys. Those of a file that
    /// cannot be used any more stay.
    pub fn look_at_files(&mut self, now: Moment) -> bool {
        if !self.files.have_changed(now.monotonic) {
            return false;
        }
        for watched in &mut self.watched {
            let Place::File(path) = &watched.origin.place else { continue };
            match ReadKeys::from_file(path) {
                Ok(read) => watched.succeed(read, now.unix),
                Err(fault) => watched.fail(fault.to_string()),
            }
        }
        true
    }

    fn end(&mut self, ticket: u64, outcome: Result<ReadKeys, String>, now: Moment) -> bool {
        let random = self.next_random();
        let watched = self.watched.iter_mut().find(|watched| watched.ticket == Some(ticket));
        // Of an issuer that is no more, or given up.
        let Some(watched) = watched else { return false };
        watched.ticket = None;
        let Some(schedule) = &mut watched.schedule else { return false };
        match outcome {
            Ok(read) => {
                schedule.succeed(read.lifetime, random);
                watched.succeed(read, now.unix);
            }
            Err(fault) => {
                schedule.fail(now.monotonic, random);
                watched.fail(fault);
            }
        }
        self.requests.done(watched.id);
        true
    }

    /// Whether positions mean what they meant.
    fn fits(&self, origins: &[Option<Origin>]) -> bool {
        let known = |position: usize| {
            self.watched.iter().find(|watched| usize::from(watched.id.0) == position).map(|it| &it.origin)
        };
        let stays = |(position, next): (usize, &Option<Origin>)| match (known(position), next) {
            (Some(own), Some(next)) => own.stays(next),
            (own, next) => own.is_none() && next.is_none(),
        };
        self.issuers == origins.len() && origins.iter().enumerate().all(stays)
    }

    fn under_way(&self) -> usize {
        self.watched.iter().filter(|watched| watched.ticket.is_some()).count()
    }

    /// xorshift64*: for jitter.
    fn next_random(&mut self) -> u64 {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        self.random.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32
    }
}

impl Watched {
    fn new(id: IssuerId, origin: Origin, now: Monotonic) -> Self {
        let schedule = match origin.place {
            Place::File(_) => None,
            Place::Http { .. } => Some(Schedule::new(now)),
        };
        Self { id, origin, schedule, ticket: None, held: None, ended: 0, failures: 0, failure: None }
    }

    fn begin(&mut self, ticket: u64, now: Monotonic) -> Due {
        self.ticket = Some(ticket);
        self.schedule.iter_mut().for_each(|schedule| schedule.begin(now));
        Due { issuer: self.id, ticket }
    }

    fn succeed(&mut self, read: ReadKeys, at: UnixMicros) {
        let ReadKeys { set, complaints, digest, .. } = read;
        self.ended += 1;
        let failure = self.failure.take();
        let name = &self.origin.name;
        if let Some(held) = self.held.as_mut().filter(|held| held.digest == digest) {
            held.at = at;
            if failure.is_some() {
                journal::info(format_args!("issuer {name}: its keys can be had again"));
            }
            return;
        }
        let others = if self.held.is_some() { "other keys" } else { "its keys" };
        journal::info(format_args!("issuer {name}: {others} are in force, {} in number", set.len()));
        lines(name, &complaints).iter().for_each(journal::warn);
        self.held = Some(Held { set, digest, at });
    }

    /// The same fault again and again is told once.
    fn fail(&mut self, fault: String) {
        self.ended += 1;
        self.failures += 1;
        if self.failure.as_ref() != Some(&fault) {
            let consequence = match self.held {
                Some(_) => "those before stay in force",
                None => "its tokens cannot be judged without",
            };
            let name = &self.origin.name;
            journal::warn(format_args!("issuer {name}: its keys cannot be had, {consequence}: {fault}"));
        }
        self.failure = Some(fault);
    }

    fn status(&self) -> IssuerStatus {
        IssuerStatus {
            name: self.origin.name.clone(),
            keys: self.held.as_ref().map_or(0, |held| held.set.len()),
            fetched_at: self.held.as_ref().map(|held| held.at),
            failures: self.failures,
            failure: self.failure.clone(),
        }
    }
}

/// What is said of keys that were skipped.
fn lines(name: &str, complaints: &[Complaint]) -> Vec<String> {
    let line = |Complaint { index, kid, fault }: &Complaint| {
        let named = kid.as_ref().map_or_else(String::new, |kid| format!(" ({kid})"));
        format!("issuer {name}: key {}{named} of its set is skipped: {fault}", index + 1)
    };
    complaints.iter().map(line).collect()
}

#[cfg(test)]
mod tests;
