//! What becomes known of servers while the process runs: addresses and verdicts, told to the workers.

use std::sync::Arc;
use std::time::Duration;

use super::super::health_prober::{HealthProber, ProbeTarget};
use super::super::upstream_watch::Change;
use super::super::{journal, status};
use super::Process;
use crate::limits;
use crate::net::resolver::Resolved;
use crate::protocol::moment::Monotonic;

impl Process {
    pub(super) fn on_resolved(&mut self, resolved: &Resolved, now: Monotonic) {
        let pending = self.pending.as_mut().map(|pending| pending.watch.note_resolved(resolved));
        let force = self.force.as_mut().map(|force| force.watch.note_resolved(resolved));
        match force.unwrap_or(Change::None) {
            // Known only to rules that are not in force yet: what has no address is said when they are.
            Change::None => drop(pending),
            change => self.on_change(change, now),
        }
    }

    pub(super) fn on_change(&mut self, change: Change, now: Monotonic) {
        match change {
            Change::None => {}
            Change::Notice(message) => journal::warn(message),
            Change::View { message, worse } => {
                if worse {
                    journal::warn(message);
                } else {
                    journal::info(message);
                }
                if let Some(force) = &mut self.force {
                    let due = force.view_given.after(limits::VIEW_INTERVAL).max(now);
                    force.view_due.get_or_insert(due);
                }
            }
        }
    }

    /// Gives the workers what is known of the servers by now.
    pub(super) fn give_view(&mut self, now: Monotonic) {
        let Some(force) = &mut self.force else { return };
        let view = Arc::new(force.watch.view());
        self.status.upstreams = status::upstreams(&force.rules, &view, &force.watch);
        force.supervisor.publish(view);
        (force.view_given, force.view_due) = (now, None);
    }
}

/// Has these checks made from now on.
pub(super) fn check(prober: &mut HealthProber, probes: Vec<(Duration, ProbeTarget)>) {
    if let Err(error) = prober.watch(probes) {
        journal::warn(format_args!("servers are checked by fewer threads than there should be: {error}"));
    }
}
