//! The keys that issuers sign by, as workers use them.
//!
//! Where they come from, and when they are fetched anew, is the control thread's business.

use std::ops::RangeInclusive;
use std::sync::Arc;

use super::token_rules::IssuerId;
use crate::protocol::moment::Monotonic;
use crate::protocol::token::key_set::KeySet;

/// The keys of all issuers: made by the control thread, read by all workers, replaced whole.
#[derive(Clone, Debug)]
pub struct IssuerKeys {
    /// The rules that they fit, by generation. A position means another issuer in other rules, and keys that are looked up
    /// by it would let that one sign in this one's name.
    pub generations: RangeInclusive<u64>,
    /// By position of the issuer. Absent: it has none, or none have been had so far.
    pub sets: Vec<Option<Arc<KeySet>>>,
    /// By position of the issuer: until then its keys are as new as they can be had. [`Monotonic::NEVER`] where nobody is
    /// asked for them.
    pub rests: Vec<Monotonic>,
    /// By position of the issuer.
    pub fetches: Vec<Fetches>,
}

/// How fetching an issuer's keys went so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fetches {
    /// How many have ended, well or not.
    pub ended: u64,
    /// The newest brought none: there may be newer ones than are known.
    pub has_failed: bool,
}

impl IssuerKeys {
    /// The keys of `issuer` in the rules of `generation`.
    pub fn of(&self, generation: u64, issuer: IssuerId) -> Option<&Arc<KeySet>> {
        self.sets.get(self.position(generation, issuer)?)?.as_ref()
    }

    /// Whether it is of use at `now` to ask for newer keys of `issuer` and to wait for them.
    pub fn may_be_renewed(&self, generation: u64, issuer: IssuerId, now: Monotonic) -> bool {
        let rest = self.position(generation, issuer).and_then(|position| self.rests.get(position));
        rest.is_some_and(|rest| *rest <= now)
    }

    /// How fetching the keys of `issuer` went.
    pub fn fetches(&self, generation: u64, issuer: IssuerId) -> Fetches {
        let position = self.position(generation, issuer);
        position.and_then(|position| self.fetches.get(position)).copied().unwrap_or_default()
    }

    fn position(&self, generation: u64, issuer: IssuerId) -> Option<usize> {
        self.generations.contains(&generation).then_some(usize::from(issuer.0))
    }
}

/// Those of no issuer, which fit no rules.
impl Default for IssuerKeys {
    fn default() -> Self {
        Self { generations: 0..=0, sets: Vec::new(), rests: Vec::new(), fetches: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JWK: &str = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

    #[test]
    fn keys_are_those_of_one_issuer_in_the_rules_that_they_fit() {
        let set = Arc::new(KeySet::parse(JWK.as_bytes()).unwrap().0);
        let rests = vec![Monotonic(10), Monotonic::NEVER, Monotonic(10)];
        let failed = Fetches { ended: 2, has_failed: true };
        let fetches = vec![failed, Fetches::default(), Fetches::default()];
        let keys = IssuerKeys { generations: 3..=4, sets: vec![Some(set), None, None], rests, fetches };
        assert_eq!(
            (keys.fetches(3, IssuerId(0)), keys.fetches(2, IssuerId(0))),
            (failed, Fetches::default())
        );
        for (generation, issuer, has_keys, may_be_renewed) in [
            (2, 0, false, false),
            (3, 0, true, true),
            (4, 0, true, true),
            (5, 0, false, false),
            (3, 1, false, false),
            (3, 2, false, true),
            (3, 3, false, false),
        ] {
            let id = IssuerId(issuer);
            assert_eq!(keys.of(generation, id).is_some(), has_keys, "{generation} {issuer}");
            let renewed = keys.may_be_renewed(generation, id, Monotonic(10));
            assert_eq!(renewed, may_be_renewed, "{generation} {issuer}");
            assert!(!keys.may_be_renewed(generation, id, Monotonic(9)), "{generation} {issuer}");
        }
        assert!(IssuerKeys::default().of(1, IssuerId(0)).is_none());
    }
}
