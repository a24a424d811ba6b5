//! Bounds of the resource gateway: issuers, what is remembered of tokens, request mappers.

use std::time::Duration;

use super::HEADER_BYTES_MAX;

/// Issuers: each is one bit of a word in which workers ask for newer keys.
pub const ISSUERS: usize = 64;
/// Request mappers.
pub const MAPPERS: usize = 256;
/// Default time for which a judged token is taken as judged: so long does one that was taken back live on.
pub const TOKEN_CACHE_POSITIVE: Duration = Duration::from_secs(60);
/// Default time for which a refused token is refused without a look: one refused by a passing fault waits no longer.
pub const TOKEN_CACHE_NEGATIVE: Duration = Duration::from_secs(5);
/// A Token Server's word that is kept for longer is warned of: a token taken back is good until then.
pub const TOKEN_CACHE_NOTICE: Duration = Duration::from_secs(10 * 60);
/// Default judged tokens kept per process: some 200 MiB of large ones.
pub const TOKEN_CACHE_ENTRIES: usize = 100_000;
/// Most judged tokens a configuration may keep per process.
pub const TOKEN_CACHE_ENTRIES_MAX: usize = 10_000_000;
/// Default time for a Token Server's answer about a token: a request waits for it.
pub const INTROSPECTION_TIMEOUT: Duration = Duration::from_secs(2);
/// Default time for an issuer's keys: no request waits for it but at the start.
pub const KEYS_TIMEOUT: Duration = Duration::from_secs(10);
/// Default time for a request mapper's answer: a request waits for it.
pub const MAPPER_TIMEOUT: Duration = Duration::from_millis(500);
/// Bytes of a request mapper's answer: the largest head that a configuration may allow, escaped as JSON.
pub const MAPPER_ANSWER_BYTES: usize = 2 * HEADER_BYTES_MAX;
/// Default answers of a request mapper kept per worker, where answers are kept at all.
pub const MAPPER_CACHE_ENTRIES: usize = 1000;
/// What a kept answer of a request mapper weighs at least, with what the cache keeps of it: so a cache's entries bound its
/// bytes.
pub const MAPPER_ENTRY_BYTES: usize = 1024;
/// Most answers of a request mapper that a configuration may keep per worker.
pub const MAPPER_CACHE_ENTRIES_MAX: usize = 100_000;
/// Longest time that a rule may let pass since a user was authenticated: a year.
pub const AUTHENTICATION_AGE_MAX: Duration = Duration::from_secs(365 * 24 * 60 * 60);

const _: () = assert!(ISSUERS <= u64::BITS as usize);
const _: () = assert!(MAPPERS <= u16::MAX as usize);

/// What a kept judgement weighs at least: so a cache's entries bound its bytes and its bytes its entries. As much does one of
/// a common token take of the process's memory, with all that the cache itself keeps of it.
pub const TOKEN_ENTRY_BYTES: usize = 2048;
/// What is taken for a kept judgement beyond what it holds itself.
pub const TOKEN_ENTRY_OVERHEAD: usize = 1024;
/// Bad tokens are kept up to this part of the good ones' number.
pub const TOKEN_BAD_SHARE: u64 = 8;
/// Tokens that one worker asks about at once; beyond it 503.
pub const TOKEN_CALLS: usize = 1024;
/// Longer than the Token Server is given, a worker waits for another that asks it.
pub const TOKEN_INQUIRY_SLACK: Duration = Duration::from_millis(100);
/// Requests of one worker that wait for newer keys of issuers; beyond it 503.
pub const KEY_WAITERS: usize = 4096;
/// How long a token of an unknown key waits for newer keys.
pub const KEYS_WAIT: Duration = Duration::from_secs(2);
/// Requests that one worker has mapped at once; beyond it 503.
pub const MAPPER_CALLS: usize = 1024;
/// Proofs of possession remembered by the process: 40,000 a second for the 70 s that one may live, in 37 MB.
pub const PROOF_ENTRIES: usize = 3_000_000;
