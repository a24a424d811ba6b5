//! The proof of possession beside a token: read from the request, checked against it, and remembered, once.

use super::judgement::Reading;
use super::{Exchange, Outcome, World};
use crate::policy::access_rule::JudgedRule;
use crate::policy::token_rules::PROOF_ALGORITHMS;
use crate::protocol::token::proof_of_possession::{ProofExpectation, ProofFault, check_proof, proof};
use crate::protocol::token::proof_target::ProofTarget;

/// The field of DPoP proofs (RFC 9449 section 4.1).
const PROOF_FIELD: &[u8] = b"dpop";

impl Exchange {
    /// The thumbprint of the key that the proof beside the token of `token_hash` is signed by, which is bound to `key`. `None`:
    /// there is no proof.
    ///
    /// A head may be judged several times, where something has to be asked for: a proof of the same request is none that was
    /// seen before.
    pub(super) fn prove(
        &self,
        reading: &Reading<'_>,
        rule: &JudgedRule,
        (token_hash, key): (&[u8; 32], &[u8; 32]),
        outcome: &mut Outcome,
        world: &mut World<'_>,
    ) -> Option<Result<[u8; 32], ProofFault>> {
        let bytes = self.request.unread();
        let fields = world.scratch.fields.iter();
        let own = fields.filter(|field| field.name.of(bytes).eq_ignore_ascii_case(PROOF_FIELD));
        let text = match proof(own.map(|field| field.value.of(bytes))) {
            Ok(text) => text?,
            Err(fault) => return Some(Err(fault)),
        };
        // Where a nonce must be there and none is to be had, no proof is good enough.
        if rule.requires_nonce && world.proofs.nonces.is_none() {
            return Some(Err(ProofFault::Nonce));
        }
        let words = |bytes| std::str::from_utf8(bytes).unwrap_or_default();
        let target = &reading.target;
        let expected = ProofExpectation {
            method: words(reading.head.method_name.of(bytes)),
            target: ProofTarget {
                scheme: self.up.scheme,
                host: words(target.host.of(bytes)),
                port: target.port,
                path: words(reading.path),
            },
            token_hash,
            key: Some(key),
            algorithms: PROOF_ALGORITHMS,
            now: world.time.0 / 1_000_000,
            nonces: world.proofs.nonces.filter(|_| rule.requires_nonce),
        };
        Some(check_proof(text, &expected).and_then(|facts| {
            let id = facts.replay.id;
            if outcome.proof != Some(id) && !(world.proofs.remember)(&id, facts.replay.until) {
                return Err(ProofFault::Replayed);
            }
            outcome.proof = Some(id);
            outcome.renews_nonce = facts.is_nonce_old;
            Ok(facts.key)
        }))
    }
}
