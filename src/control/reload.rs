//! What a new configuration may change in a running process, and what it may not. Pure.

use std::net::SocketAddr;

use super::settings::{LogSettings, Settings, WorkerSettings};
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
        }
    }

    /// Whether `settings` can follow in the running process, as `generation`.
    ///
    /// Other listeners are refused: routes speak of listeners, and rules half in force are worse than the old ones.
    /// Other workers, another admin address or access log do not touch the rules: they are left as they are.
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
        Ok(Accepted { ruleset, needs_restart: self.left_as_is(&wanted) })
    }

    fn left_as_is(&self, wanted: &Self) -> Vec<String> {
        let differences = [
            ("[workers]", wanted.workers != self.workers),
            ("[admin]", wanted.admin != self.admin),
            ("[log]", wanted.log != self.log),
        ];
        let changed = differences.into_iter().filter(|(_, differs)| *differs);
        changed.map(|(what, _)| format!("{what} differs; restart the process to change it")).collect()
    }
}

fn named(listeners: &[Listener]) -> String {
    let named: Vec<_> =
        listeners.iter().map(|listener| format!("{} at {}", listener.name, listener.address)).collect();
    named.join(", ")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

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
}
