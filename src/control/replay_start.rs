//! Makes the memories of messages and of proofs that were seen, once for the life of the process.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::reload::FixedPayload;
use super::run_fault::RunFault;
use crate::net::entropy;
use crate::policy::ruleset::Ruleset;
use crate::worker::proof_memory::ProofMemory;
use crate::worker::replay_memory::{ReplayMemory, ReplaySettings};

/// The memory of proofs of possession. It is there without issuers too, which a reload may bring: memory is taken by what
/// is entered alone.
pub fn proof_memory() -> Result<Arc<ProofMemory>, RunFault> {
    let mut keys = Zeroizing::new([[0; 32]; 2]);
    for key in keys.iter_mut() {
        entropy::fill(key).map_err(RunFault::Thread)?;
    }
    let too_large = "there is not so much memory as the proofs of possession take";
    let memory = ProofMemory::new(&keys).map(Arc::new);
    memory.ok_or_else(|| RunFault::Configuration(vec![too_large.to_owned()]))
}

/// A memory of the size that `fixed` has, under a key of its own; none where there is no payload encryption.
pub fn replay_memory(
    fixed: Option<&FixedPayload>,
    rules: &Ruleset,
) -> Result<Option<Arc<ReplayMemory>>, RunFault> {
    let Some((fixed, rules)) = fixed.zip(rules.payload.as_ref()) else { return Ok(None) };
    let mut key = Zeroizing::new([0; 32]);
    entropy::fill(&mut *key).map_err(RunFault::Thread)?;
    let settings = ReplaySettings {
        entries: usize::try_from(fixed.replay_entries).unwrap_or(usize::MAX),
        session_entries: rules.session_entries,
        window: fixed.window.as_secs(),
    };
    let too_large = "[payload] replay_entries: there is not so much memory; choose fewer";
    let memory = ReplayMemory::new(&settings, &key).map(Arc::new);
    memory.map(Some).ok_or_else(|| RunFault::Configuration(vec![too_large.to_owned()]))
}
