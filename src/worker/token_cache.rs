//! What tokens turned out to be, kept for a while by this worker alone: good ones, and apart from them bad ones, so that
//! nobody's inventions drive out what is good.
//!
//! Only what a token says by itself is kept. What depends on a request is asked of the judgement each time by others.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use crate::limits::{TOKEN_BAD_SHARE, TOKEN_ENTRY_BYTES, TOKEN_ENTRY_OVERHEAD};
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
    good: Cache<TokenHash, Good, Mixing>,
    bad: Cache<TokenHash, Bad, Mixing>,
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

/// How the cache's own table is hashed: a token's hash is one already, so that mixing two of its words is enough. By words
/// that nobody outside knows, or tokens could be made up that meet in one place.
#[derive(Clone)]
struct Mixing([u64; 2]);

/// One hash on its way.
struct Mix {
    words: [u64; 2],
    mixed: u64,
}

impl Mixing {
    fn new() -> Self {
        // The standard library's own are random.
        Self([(); 2].map(|()| RandomState::new().hash_one(0)))
    }
}

impl BuildHasher for Mixing {
    type Hasher = Mix;

    fn build_hasher(&self) -> Mix {
        Mix { words: self.0, mixed: 0 }
    }
}

impl Hasher for Mix {
    fn write(&mut self, bytes: &[u8]) {
        // Before the bytes comes how many they are, which is always the same.
        let Some(&[a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]) = bytes.first_chunk() else { return };
        let first = u64::from_ne_bytes([a, b, c, d, e, f, g, h]) ^ self.words[0];
        let second = u64::from_ne_bytes([i, j, k, l, m, n, o, p]) ^ self.words[1];
        let product = u128::from(first) * u128::from(second);
        self.mixed = (product as u64) ^ (product >> 64) as u64;
    }

    fn finish(&self) -> u64 {
        self.mixed
    }
}

impl TokenCache {
    /// Nothing is known. What has run out stays until its place is needed: nobody looks for the time in between, which would cost
    /// every request a look at the clock. The place that is taken is that of the token that was not seen for the longest time,
    /// so that a new one is always kept. This worker has one of `workers` shares of what the process may keep.
    pub(super) fn new(rules: &CacheRules, workers: usize) -> Self {
        let entries = rules.entries.div_ceil(workers.max(1)) as u64;
        // An entry weighs so much at least, a larger one what it takes: both their number and their bytes are bounded.
        let weigh = |_: &TokenHash, good: &Good| {
            let size = good.judgement.size() + TOKEN_ENTRY_OVERHEAD;
            u32::try_from(size.max(TOKEN_ENTRY_BYTES)).unwrap_or(u32::MAX)
        };
        Self {
            good: Cache::builder()
                .max_capacity(entries * TOKEN_ENTRY_BYTES as u64)
                .weigher(weigh)
                .eviction_policy(EvictionPolicy::lru())
                .build_with_hasher(Mixing::new()),
            bad: Cache::builder()
                .max_capacity(entries.div_ceil(TOKEN_BAD_SHARE))
                .eviction_policy(EvictionPolicy::lru())
                .build_with_hasher(Mixing::new()),
            rules: rules.clone(),
        }
    }

    /// What is known of a token, if that still holds at `now`, which is `unix` seconds since 1970, and for how long it has been
    /// known.
    pub(super) fn look_up(&self, hash: &TokenHash, now: Monotonic, unix: u64) -> Option<(Verdict, Duration)> {
        if let Some(good) = self.good.get(hash)
            && now < good.since.after(self.rules.positive)
            && unix < good.judgement.expires
        {
            return Some((Verdict::Good(good.judgement), now.since(good.since)));
        }
        // It may have run out since, which is known then.
        let bad = self.bad.get(hash)?;
        let age = now.since(bad.since);
        (age < self.rules.negative).then_some((Verdict::Bad(bad.fault), age))
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

    impl TokenCache {
        fn find(&self, hash: &TokenHash, now: Monotonic, unix: u64) -> Option<Verdict> {
            self.look_up(hash, now, unix).map(|(verdict, _)| verdict)
        }
    }

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
        let later = start.after(Duration::from_secs(7));
        assert_eq!(cache.look_up(&hash(2), later, UNIX), Some((good(NO_EXPIRY), Duration::from_secs(7))));
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
    fn tables_are_hashed_by_what_nobody_knows() {
        let (one, other) = (Mixing::new(), Mixing::new());
        let mut key = hash(7);
        key[8..16].copy_from_slice(&9_u64.to_le_bytes());
        assert_eq!(one.hash_one(key), one.clone().hash_one(key));
        assert_ne!(one.hash_one(key), other.hash_one(key));
        for at in 0..16 {
            let mut changed = key;
            changed[at] ^= 1;
            assert_ne!(one.hash_one(key), one.hash_one(changed), "{at}");
        }
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
