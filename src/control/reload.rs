//! What a new configuration may change in a running process, and what it may not. Pure.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::settings::{LogSettings, Settings, WorkerSettings};
use crate::net::payload::settings::START_ID_LEN;
use crate::policy::payload_rules::PayloadRules;
use crate::policy::ruleset::{Listener, Ruleset};

/// What was settled at the start and stays until the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fixed {
    /// The data listeners.
    pub listeners: Vec<Listener>,
    /// The workers.
    pub workers: WorkerSettings,
    /// The admin address.
    pub admin: Option<SocketAddr>,
    /// The access log.
    pub log: LogSettings,
    /// Payload encryption; absent: there is none.
    pub payload: Option<FixedPayload>,
}

/// What payload encryption rests on: messages that were taken are remembered by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FixedPayload {
    /// How far a message's time may be from ours.
    pub window: Duration,
    /// Messages remembered at once.
    pub replay_entries: u64,
    /// Messages of one session remembered at once: where a message is looked for depends on it.
    pub session_entries: u32,
    /// Whose tickets are good from the start on.
    pub start_ids: Vec<[u8; START_ID_LEN]>,
}

/// A configuration that can be put in force.
#[derive(Debug)]
pub struct Accepted {
    /// The new rules, numbered.
    pub ruleset: Ruleset,
    /// What it would also change, were the process started with it; one line each.
    pub needs_restart: Vec<String>,
}

impl Fixed {
    /// What `settings` settle.
    pub fn of(settings: &Settings) -> Self {
        Self {
            listeners: settings.ruleset.listeners.clone(),
            workers: settings.workers.clone(),
            admin: settings.admin,
            log: settings.log.clone(),
            payload: FixedPayload::of(settings),
        }
    }

    /// Whether `settings` can follow in the running process, as `generation`.
    ///
    /// Other listeners are refused: routes speak of listeners, and rules half in force are worse than the old ones.
    /// Payload encryption neither comes nor goes: clients that seal never send plaintext, and routes may ask for it.
    /// Other workers, another admin address, access log or replay memory do not touch the rules: they are left as they
    /// are.
    pub fn accept(&self, settings: Settings, generation: u64) -> Result<Accepted, String> {
        let wanted = Self::of(&settings);
        if wanted.listeners != self.listeners {
            return Err(format!(
                "the listeners differ ({} instead of {}); restart the process to change them",
                named(&wanted.listeners),
                named(&self.listeners)
            ));
        }
        let mut ruleset = settings.ruleset;
        ruleset.generation = generation;
        ruleset.payload = match (ruleset.payload, &self.payload) {
            (Some(rules), Some(fixed)) => Some(fixed.applied_to(rules)),
            (None, None) => None,
            (Some(_), None) => return Err(payload_refusal("there is")),
            (None, Some(_)) => return Err(payload_refusal("there is no")),
        };
        Ok(Accepted { ruleset, needs_restart: self.left_as_is(&wanted) })
    }

    fn left_as_is(&self, wanted: &Self) -> Vec<String> {
        let payload = self.payload.as_ref().zip(wanted.payload.as_ref());
        let payload = |differs: fn(&FixedPayload, &FixedPayload) -> bool| {
            payload.is_some_and(|(own, wanted)| differs(own, wanted))
        };
        let differences = [
            ("[workers]", wanted.workers != self.workers),
            ("[admin]", wanted.admin != self.admin),
            ("[log]", wanted.log != self.log),
            ("`window` in [payload]", payload(|own, wanted| own.window != wanted.window)),
            (
                "`replay_entries` in [payload]",
                payload(|own, wanted| own.replay_entries != wanted.replay_entries),
            ),
            (
                "`session_entries` in [payload]",
                payload(|own, wanted| own.session_entries != wanted.session_entries),
            ),
            ("`start_ids` in [payload]", payload(|own, wanted| own.start_ids != wanted.start_ids)),
        ];
        let changed = differences.into_iter().filter(|(_, differs)| *differs);
        changed.map(|(what, _)| format!("{what} differs; restart the process to change it")).collect()
    }
}

impl FixedPayload {
    fn of(settings: &Settings) -> Option<Self> {
        let (rules, payload) = settings.ruleset.payload.as_ref().zip(settings.payload.as_ref())?;
        Some(Self {
            window: rules.window,
            replay_entries: payload.replay_entries,
            session_entries: rules.session_entries,
            start_ids: payload.keys.start_ids.clone(),
        })
    }

    /// New rules as far as they can hold with the memory that there is.
    fn applied_to(&self, rules: Arc<PayloadRules>) -> Arc<PayloadRules> {
        let (window, session_entries) = (self.window, self.session_entries);
        if (rules.window, rules.session_entries) == (window, session_entries) {
            return rules;
        }
        Arc::new(PayloadRules { window, session_entries, ..PayloadRules::clone(&rules) })
    }
}

fn payload_refusal(there_is: &str) -> String {
    format!("{there_is} [payload] now; restart the process to begin or end payload encryption")
}

fn named(listeners: &[Listener]) -> String {
    let named: Vec<_> =
        listeners.iter().map(|listener| format!("{} at {}", listener.name, listener.address)).collect();
    named.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::fixture;
    use crate::control::settings::AccessLog;

    #[test]
    fn rules_follow_with_the_next_number() {
        let fixed = Fixed::of(&fixture::settings());
        let mut next = fixture::settings();
        next.ruleset.timeouts.drain = Duration::from_secs(1);
        let accepted = fixed.accept(next, 7).unwrap();
        assert_eq!(accepted.ruleset.generation, 7);
        assert_eq!(accepted.ruleset.timeouts.drain, Duration::from_secs(1));
        assert_eq!(accepted.needs_restart, Vec::<String>::new());
    }

    #[test]
    fn other_listeners_are_refused_whole() {
        let fixed = Fixed::of(&fixture::settings());
        let mut next = fixture::settings();
        next.ruleset.listeners[0].address = SocketAddr::from(([127, 0, 0, 1], 81)).into();
        let refusal = fixed.accept(next, 2).unwrap_err();
        assert_eq!(
            refusal,
            "the listeners differ (public at 127.0.0.1:81 instead of public at 127.0.0.1:80); \
             restart the process to change them"
        );
    }

    #[test]
    fn what_needs_a_restart_is_named_and_left() {
        let fixed = Fixed::of(&fixture::settings());
        let check = |change: fn(&mut Settings), expected: &str| {
            let mut next = fixture::settings();
            change(&mut next);
            let accepted = fixed.accept(next, 2).unwrap();
            assert_eq!(
                accepted.needs_restart,
                [format!("{expected} differs; restart the process to change it")]
            );
        };
        check(|next| next.workers.cpus = vec![5], "[workers]");
        check(|next| next.admin = Some(SocketAddr::from(([127, 0, 0, 1], 9))), "[admin]");
        check(|next| next.log.access = AccessLog::Stdout, "[log]");
    }

    /// Settings with payload encryption: this window, so many messages remembered, so many of one session.
    fn sealed(window: u64, replay_entries: u64, session_entries: u32) -> Settings {
        let mut settings = fixture::sealed_settings();
        let window = Duration::from_secs(window);
        let rules = PayloadRules { window, session_entries, ..PayloadRules::default() };
        settings.ruleset.payload = Some(Arc::new(rules));
        settings.payload.as_mut().unwrap().replay_entries = replay_entries;
        settings
    }

    #[test]
    fn payload_encryption_neither_comes_nor_goes() {
        let (plain, sealed) = (fixture::settings, || sealed(30, 400, 100));
        let refusal = Fixed::of(&plain()).accept(sealed(), 2).unwrap_err();
        assert!(refusal.starts_with("there is [payload] now; restart"), "{refusal}");
        let refusal = Fixed::of(&sealed()).accept(plain(), 2).unwrap_err();
        assert!(refusal.starts_with("there is no [payload] now; restart"), "{refusal}");
        assert!(Fixed::of(&plain()).accept(plain(), 2).unwrap().ruleset.payload.is_none());
        assert!(Fixed::of(&sealed()).accept(sealed(), 2).unwrap().ruleset.payload.is_some());
    }

    #[test]
    fn the_memory_of_messages_stays_as_it_is() {
        let fixed = Fixed::of(&sealed(30, 400, 100));
        let check = |next: Settings, window, session_entries, restart: &[&str]| {
            let accepted = fixed.accept(next, 2).unwrap();
            let rules = accepted.ruleset.payload.unwrap();
            assert_eq!((rules.window.as_secs(), rules.session_entries), (window, session_entries));
            let expected: Vec<_> = restart
                .iter()
                .map(|key| format!("`{key}` in [payload] differs; restart the process to change it"))
                .collect();
            assert_eq!(accepted.needs_restart, expected);
        };
        check(sealed(30, 400, 100), 30, 100, &[]);
        check(sealed(30, 400, 90), 30, 100, &["session_entries"]);
        check(sealed(60, 400, 100), 30, 100, &["window"]);
        check(sealed(30, 4000, 1000), 30, 100, &["replay_entries", "session_entries"]);
        let mut other_id = sealed(30, 400, 100);
        other_id.payload.as_mut().unwrap().keys.start_ids = vec![[1; 16]];
        check(other_id, 30, 100, &["start_ids"]);
    }
}
