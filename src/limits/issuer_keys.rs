//! Bounds of the keys that are had from issuers.

use std::time::Duration;

use super::{ISSUERS, KEY_SET_BYTES, KEYS_TIMEOUT};

/// Bytes of an issuer's metadata or set of keys that are read: what is longer than a set may be can be told from a cut one.
pub const KEY_ANSWER_BYTES: usize = 1024 * 1024;
/// Bytes of a URI in an issuer's metadata.
pub const KEY_URI_BYTES: usize = 2048;
/// Longest time for one document of an issuer, all of its servers together.
pub const KEY_FETCH_TIME: Duration = Duration::from_secs(10);
/// A fetch that has said nothing for so long never will: a name server hangs. Metadata, two names and the set fit well.
pub const KEY_FETCH_GIVEN_UP: Duration = Duration::from_secs(60);
/// Fetches under way at once; more wait.
pub const KEY_FETCHES: usize = 16;
/// How long keys are good whose server does not say so.
pub const KEYS_LIFETIME: Duration = Duration::from_secs(5 * 60);
/// Keys are good for at least so long whatever their server says: one that says "do not keep" is not asked all the time.
pub const KEYS_LIFETIME_MIN: Duration = Duration::from_secs(60);
/// Keys are good for at most so long: one that is taken back is not believed for longer while its server can be asked.
pub const KEYS_LIFETIME_MAX: Duration = Duration::from_secs(60 * 60);
/// How long after its start a process is not ready for want of keys that no fetch has brought or failed to bring: names are
/// looked up, and metadata and set take [`KEY_FETCH_TIME`] each. More is a server that hangs, and what needs no token is served.
pub const FIRST_KEYS_WAIT: Duration = Duration::from_secs(30);
/// Wait after a fetch that failed; doubles with every one.
pub const KEYS_RETRY_FIRST: Duration = Duration::from_secs(1);
/// Longest wait after a fetch that failed.
pub const KEYS_RETRY_LONGEST: Duration = Duration::from_secs(60);
/// Least time between the beginnings of two fetches that workers ask for. Whoever sends tokens of made-up keys has an issuer
/// asked so often, and a key that came into use a moment after such a fetch is known so much later.
pub const KEYS_ASKED_INTERVAL: Duration = Duration::from_secs(10);

const _: () = assert!(ISSUERS <= u64::BITS as usize);
const _: () = assert!(KEYS_TIMEOUT.as_secs() <= KEY_FETCH_TIME.as_secs());
const _: () = assert!(KEY_ANSWER_BYTES > KEY_SET_BYTES);
const _: () = assert!(FIRST_KEYS_WAIT.as_secs() > 2 * KEY_FETCH_TIME.as_secs());
const _: () = assert!(KEYS_LIFETIME_MIN.as_secs() < KEYS_LIFETIME.as_secs());
const _: () = assert!(KEYS_LIFETIME.as_secs() < KEYS_LIFETIME_MAX.as_secs());
const _: () = assert!(KEYS_ASKED_INTERVAL.as_secs() < KEYS_LIFETIME_MIN.as_secs() / 2);
