//! What all workers share of proofs of possession: which were seen, and by which key nonces are made.
//!
//! Whether a proof is any good is decided before it is entered. A proof that cannot be remembered is refused.

use super::replay_memory::{ReplayMemory, ReplaySettings};
use crate::limits::{PAYLOAD_CLOCK_SLACK, PROOF_AGE_SECONDS, PROOF_ENTRIES, TOKEN_SKEW_SECONDS};
use crate::policy::exchange::{MessageId, Remembered};
use crate::protocol::token::proof_of_possession::Nonces;

/// One for the life of the process.
#[derive(Debug)]
pub struct ProofMemory {
    seen: ReplayMemory,
    nonces: Nonces,
}

impl ProofMemory {
    /// Nothing was seen. `keys` must be random and of this process alone. `None`: there is not so much memory.
    pub fn new(keys: &[[u8; 32]; 2]) -> Option<Self> {
        let settings = ReplaySettings {
            entries: PROOF_ENTRIES,
            // A proof belongs to no session.
            session_entries: u32::MAX,
            window: PROOF_AGE_SECONDS + TOKEN_SKEW_SECONDS,
        };
        let [seen, nonces] = keys;
        Some(Self { seen: ReplayMemory::new(&settings, seen)?, nonces: Nonces::new(nonces) })
    }

    /// Enters a proof by its id until the second `until` since 1970; it is `now`. False: it was there, or there is no room.
    pub fn remember(&self, id: &[u8; 32], until: u64, now: u64) -> bool {
        // The workers' clocks may differ.
        let expires = until.max(now).saturating_add(PAYLOAD_CLOCK_SLACK);
        self.seen.insert(MessageId::Single { enc: id }, expires, now) == Remembered::New
    }

    /// Makes room of what has expired long ago. For the control thread, every half hour at least.
    pub fn sweep(&self, now: u64) {
        self.seen.sweep(now);
    }

    /// The nonces that proofs may have to have.
    pub fn nonces(&self) -> &Nonces {
        &self.nonces
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_serves_once_for_as_long_as_it_would_be_taken() {
        const NOW: u64 = 1_800_000_000;
        let memory = ProofMemory::new(&[[1; 32], [2; 32]]).unwrap();
        let latest = NOW + PROOF_AGE_SECONDS + TOKEN_SKEW_SECONDS;
        for (id, until) in [([1; 32], NOW), ([2; 32], latest)] {
            assert!(memory.remember(&id, until, NOW));
            assert!(!memory.remember(&id, until, NOW));
        }
        let over = NOW + PAYLOAD_CLOCK_SLACK + 1;
        assert!(memory.remember(&[1; 32], over, over), "it has expired");
        assert!(!memory.remember(&[2; 32], latest, latest));
        memory.sweep(latest);
        assert!(!memory.remember(&[2; 32], latest, latest), "what is live is not swept");
    }
}
