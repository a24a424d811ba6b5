//! What tokens turned out to be, kept for a while by this worker alone: good ones, and apart from them bad ones, so that
//! nobody's inventions drive out what is good.
//!
//! Only what a token says by itself is kept. What depends on a request is asked of the judgement each time by others.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;

use crate::limits::{TOKEN_BAD_SHARE, TOKEN_ENTRY_BYTES};
use crate::policy::token_rules::{CacheRules, IssuerId};
use crate::protocol::moment::Monotonic;
use crate::protocol::token::verdict::{Judgement, TokenFault};

/// SHA-256 of what a client showed: its token, or its two tokens.
pub(super) type TokenHash = [u8; 32];

/// What is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is good.
    Good(Arc<Judgement>),
    /// It is not.
    Bad(TokenFault),
}

/// The judgements of one issuer's tokens. A clone is the same cache.
#[derive(Clone)]
pub(super) struct TokenCache {
    good: Cache<TokenHash, Good>,
    bad: Cache<TokenHash, Bad>,
    rules: CacheRules,
}

#[derive(Clone)]
struct Good {
    judgement: Arc<Judgement>,
    since: Monotonic,
}

#[derive(Clone, Copy)]
struct Bad {
    fault: TokenFault,
    since: Monotonic,
}

impl TokenCache {
    /// Nothing is known. This worker has one of `workers` shares of what the process may keep.
    pub(super) fn new(rules: &CacheRules, workers: usize) -> Self {
        let entries = rules.entries.div_ceil(workers.max(1)) as u64;
        // An entry weighs a KiB at least, a larger one what it takes: both their number and their bytes are bounded.
        let weigh = |_: &TokenHash, good: &Good| {
            u32::try_from(good.judgement.size().max(TOKEN_ENTRY_BYTES)).unwrap_or(u32::MAX)
        };
        Self {
            good: Cache::builder()
                .max_capacity(entries * TOKEN_ENTRY_BYTES as u64)
                .weigher(weigh)
                .time_to_live(rules.positive.max(Duration::from_millis(1)))
                .build(),
            bad: Cache::builder()
                .max_capacity(entries.div_ceil(TOKEN_BAD_SHARE))
                .time_to_live(rules.negative.max(Duration::from_millis(1)))
                .build(),
            rules: rules.clone(),
        }
    }

    /// What is known of a token, if that still holds at `now`, which is `unix` seconds since 1970.
    pub(super) fn find(&self, hash: &TokenHash, now: Monotonic, unix: u64) -> Option<Verdict> {
        if let Some(good) = self.good.get(hash)
            && now < good.since.after(self.rules.positive)
            && unix < good.judgement.expires
        {
            return Some(Verdict::Good(good.judgement));
        }
        // It may have run out since, which is known then.
        let bad = self.bad.get(hash)?;
        (now < bad.since.after(self.rules.negative)).then_some(Verdict::Bad(bad.fault))
    }

    /// Takes note of a judgement, unless it is for one request alone or has run out already.
    pub(super) fn insert(&self, hash: TokenHash, verdict: &Verdict, now: Monotonic, unix: u64) {
        match verdict {
            Verdict::Good(judgement) => {
                if judgement.may_be_cached && unix < judgement.expires && !self.rules.positive.is_zero() {
                    self.good.insert(hash, Good { judgement: judgement.clone(), since: now });
                }
            }
            // Another key may be there the next moment, and time heals some.
            Verdict::Bad(TokenFault::UnknownKey | TokenFault::NotYetValid | TokenFault::IssuedLater) => {}
            Verdict::Bad(fault) if !self.rules.negative.is_zero() => {
                self.bad.insert(hash, Bad { fault: *fault, since: now });
            }
            Verdict::Bad(_) => {}
        }
    }

    /// Forgets all.
    fn clear(&self) {
        self.good.invalidate_all();
        self.bad.invalidate_all();
    }

    /// Forgets a token. True when it was known as good.
    pub(super) fn evict(&self, hash: &TokenHash) -> bool {
        self.bad.invalidate(hash);
        self.good.remove(hash).is_some()
    }
}

/// The caches of all issuers, by position.
pub(super) struct TokenCaches(Vec<TokenCache>);

impl TokenCaches {
    /// Nothing is known of any token.
    pub(super) fn new<'r>(issuers: impl Iterator<Item = &'r CacheRules>, workers: usize) -> Self {
        Self(issuers.map(|rules| TokenCache::new(rules, workers)).collect())
    }

    /// That of this issuer.
    pub(super) fn of(&self, issuer: IssuerId) -> Option<&TokenCache> {
        self.0.get(usize::from(issuer.0))
    }

    /// Forgets all tokens of an issuer.
    pub(super) fn clear(&self, issuer: IssuerId) {
        self.of(issuer).into_iter().for_each(TokenCache::clear);
    }

    /// Takes over what `older` knows of this issuer's tokens.
    pub(super) fn inherit(&mut self, older: &Self, issuer: IssuerId) {
        if let (Some(own), Some(older)) = (self.0.get_mut(usize::from(issuer.0)), older.of(issuer)) {
            *own = older.clone();
        }
    }

    /// Forgets a token, whoever issued it. Says how many knew it as good.
    pub(super) fn evict(&self, hash: &TokenHash) -> u64 {
        self.0.iter().map(|cache| u64::from(cache.evict(hash))).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::access_rule::fixture::judgement;
    use crate::protocol::token::verdict::NO_EXPIRY;

    const RULES: CacheRules =
        CacheRules { positive: Duration::from_secs(60), negative: Duration::from_secs(5), entries: 1000 };
    const UNIX: u64 = 1_800_000_000;

    fn expiring(expires: u64) -> Judgement {
        Judgement { expires, ..judgement() }
    }

    fn good(expires: u64) -> Verdict {
        Verdict::Good(Arc::new(expiring(expires)))
    }

    fn hash(number: u64) -> TokenHash {
        let mut hash = [0; 32];
        hash[..8].copy_from_slice(&number.to_le_bytes());
        hash
    }

    #[test]
    fn a_judgement_holds_until_the_first_of_its_ends() {
        let cache = TokenCache::new(&RULES, 1);
        let start = Monotonic(9);
        for (number, expires) in [(1, UNIX + 10), (2, NO_EXPIRY)] {
            cache.insert(hash(number), &good(expires), start, UNIX);
            assert_eq!(cache.find(&hash(number), start, UNIX), Some(good(expires)));
        }
        // The token's own.
        assert_eq!(cache.find(&hash(1), start, UNIX + 9), Some(good(UNIX + 10)));
        assert_eq!(cache.find(&hash(1), start, UNIX + 10), None);
        // The configured one, whatever the wall clock says.
        let last = start.after(RULES.positive - Duration::from_nanos(1));
        assert_eq!(cache.find(&hash(2), last, 0), Some(good(NO_EXPIRY)));
        assert_eq!(cache.find(&hash(2), start.after(RULES.positive), UNIX), None);
    }

    #[test]
    fn bad_tokens_are_kept_for_their_time_and_never_in_the_place_of_good_ones() {
        let cache = TokenCache::new(&CacheRules { entries: 100, ..RULES }, 1);
        let start = Monotonic(9);
        cache.insert(hash(0), &good(NO_EXPIRY), start, UNIX);
        for number in 1..100_000 {
            cache.insert(hash(number), &Verdict::Bad(TokenFault::Signature), start, UNIX);
        }
        cache.bad.run_pending_tasks();
        assert!(cache.bad.entry_count() <= 100);
        assert_eq!(cache.find(&hash(0), start, UNIX), Some(good(NO_EXPIRY)));
        let cache = TokenCache::new(&RULES, 1);
        cache.insert(hash(1), &Verdict::Bad(TokenFault::Signature), start, UNIX);
        assert_eq!(cache.find(&hash(1), start, UNIX), Some(Verdict::Bad(TokenFault::Signature)));
        assert_eq!(cache.find(&hash(1), start.after(RULES.negative), UNIX), None);
    }

    #[test]
    fn what_holds_for_one_request_alone_is_not_kept() {
        let cache = TokenCache::new(&RULES, 1);
        let counted = Verdict::Good(Arc::new(Judgement { may_be_cached: false, ..expiring(NO_EXPIRY) }));
        let unknown_key = Verdict::Bad(TokenFault::UnknownKey);
        let early = Verdict::Bad(TokenFault::NotYetValid);
        for verdict in [counted, good(UNIX), unknown_key, early] {
            cache.insert(hash(1), &verdict, Monotonic(9), UNIX);
            assert_eq!(cache.find(&hash(1), Monotonic(9), UNIX), None, "{verdict:?}");
        }
        let never = CacheRules { positive: Duration::ZERO, negative: Duration::ZERO, ..RULES };
        let cache = TokenCache::new(&never, 1);
        for verdict in [good(NO_EXPIRY), Verdict::Bad(TokenFault::Signature)] {
            cache.insert(hash(1), &verdict, Monotonic(9), UNIX);
            assert_eq!(cache.find(&hash(1), Monotonic(9), UNIX), None, "{verdict:?}");
        }
    }

    #[test]
    fn an_evicted_token_is_unknown_to_every_issuer() {
        let caches = TokenCaches::new([RULES, RULES].iter(), 1);
        for issuer in [0, 1] {
            let cache = caches.of(IssuerId(issuer)).unwrap();
            cache.insert(hash(1), &good(NO_EXPIRY), Monotonic(9), UNIX);
        }
        assert_eq!(caches.evict(&hash(1)), 2);
        assert_eq!(caches.evict(&hash(1)), 0);
        assert_eq!(caches.of(IssuerId(1)).unwrap().find(&hash(1), Monotonic(9), UNIX), None);
        assert!(caches.of(IssuerId(2)).is_none());
    }

    #[test]
    fn a_million_tokens_stay_within_the_bound() {
        let cache = TokenCache::new(&RULES, 2);
        for number in 0..1_000_000 {
            cache.insert(hash(number), &good(NO_EXPIRY), Monotonic(9), UNIX);
        }
        cache.good.run_pending_tasks();
        assert!(cache.good.entry_count() <= 500, "{}", cache.good.entry_count());
        assert!(cache.good.weighted_size() <= 500 * TOKEN_ENTRY_BYTES as u64);
        // Large ones take the place of several.
        let claims: Box<str> = "x".repeat(8 * TOKEN_ENTRY_BYTES).into();
        for number in 0..1000 {
            let large = Judgement { claims: claims.clone(), ..expiring(NO_EXPIRY) };
            cache.insert(hash(number), &Verdict::Good(Arc::new(large)), Monotonic(9), UNIX);
        }
        cache.good.run_pending_tasks();
        assert!(cache.good.weighted_size() <= 500 * TOKEN_ENTRY_BYTES as u64);
    }
}
