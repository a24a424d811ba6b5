//! Certificates and keys that change while the process runs: looked at in time, put in force, or left as they were.

use std::sync::Arc;

use super::super::journal;
use super::super::payload_keyring::PayloadKeyring;
use super::{Process, moment, servers};
use crate::limits::{REPLAY_LOOK, REPLAY_SWEEP};
use crate::net::clock;
use crate::protocol::moment::Monotonic;

impl Process {
    /// Looks whether certificates, keys and what else TLS reads have changed; new ones serve the handshakes that follow.
    /// If anything is wrong with them, the old stay.
    pub(super) fn look_at_identities(&mut self, now: Monotonic) {
        let Some(force) = self.force.as_mut().filter(|_| self.pending.is_none()) else { return };
        match self.tls.look(now) {
            None => {}
            Some(Ok(identities)) => {
                force.identities = Arc::clone(&identities);
                let view = Arc::new(force.watch.view());
                let probes = force.watch.probes(&identities);
                force.supervisor.apply((Arc::clone(&force.rules), identities, view, self.keys.keys()));
                servers::check(&mut self.prober, probes);
                journal::info("certificates and keys were read again");
            }
            Some(Err(faults)) => {
                faults.iter().for_each(journal::error);
                journal::error(
                    "certificates and keys have changed and are not used; those before stay in force",
                );
            }
        }
    }

    /// Has keys of payload encryption rotated, read again and signed when it is time. If anything is wrong with them, the
    /// old stay.
    pub(super) fn turn_payload_keys(&mut self, now: Monotonic) {
        if let Err(faults) = self.change_payload_keys(|ring| ring.turn(moment(now))) {
            faults.iter().for_each(journal::error);
            journal::error(
                "keys of payload encryption have changed and are not used; those before stay in force",
            );
        }
    }

    /// Looks at the memory of messages, and has it and that of proofs swept, when it is time.
    pub(super) fn look_at_replays(&mut self, now: Monotonic) {
        let Some(force) = &self.force else { return };
        if self.payload.is_some() && self.replay_look_due <= now {
            self.replay_look_due = now.after(REPLAY_LOOK);
            self.status.replays = force.supervisor.replay_level(now);
        }
        if self.sweep_due <= now {
            self.sweep_due = now.after(REPLAY_SWEEP);
            force.supervisor.sweep_replays(now, clock::unix_micros().0 / 1_000_000);
        }
    }

    /// Gives the workers other keys where `change` says that there are.
    pub(super) fn change_payload_keys(
        &mut self,
        change: impl FnOnce(&mut PayloadKeyring) -> Result<bool, Vec<String>>,
    ) -> Result<(), Vec<String>> {
        let Some(ring) = &mut self.payload else { return Ok(()) };
        if change(ring)?
            && let Some(force) = &mut self.force
        {
            force.supervisor.give_payload_keys(ring.keys());
        }
        Ok(())
    }
}
