//! Bounds of the embedded Token Server.

use std::time::Duration;

use super::TOKEN_BYTES;

/// Connections to it at once, one request each: workers that ask about tokens, and a few people.
pub const AUTHORITY_CONNECTIONS: usize = 64;
/// From accepting a connection to having answered it.
pub const AUTHORITY_DEADLINE: Duration = Duration::from_secs(5);
/// Bytes of a request's head.
pub const AUTHORITY_HEAD_BYTES: usize = 8 * 1024;
/// Bytes of a request's form: a token with every byte escaped, and what stands beside it.
pub const AUTHORITY_FORM_BYTES: usize = 3 * TOKEN_BYTES + 4 * 1024;
/// Parameters of a form: those that have a meaning are a dozen.
pub const AUTHORITY_FORM_PARAMETERS: usize = 32;
/// Tokens that it knows. With the longest of everything one takes some 3 KiB. Beyond it those go that would expire first.
pub const AUTHORITY_TOKENS: usize = 10_000;
/// Default lifetime of a token.
pub const AUTHORITY_LIFETIME: Duration = Duration::from_secs(60 * 60);
/// Longest lifetime of a token, or time since it expired, that can be asked for in development: a day.
pub const AUTHORITY_LIFETIME_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// Bytes of a scope that is asked for.
pub const AUTHORITY_SCOPE_BYTES: usize = 1024;
/// Bytes of any other text that goes into a token.
pub const AUTHORITY_TEXT_BYTES: usize = 256;
/// How long others may keep its keys and metadata: a key lives as long as the process.
pub const AUTHORITY_KEYS_LIFETIME: Duration = Duration::from_secs(5 * 60);

const _: () = assert!(AUTHORITY_LIFETIME.as_secs() <= AUTHORITY_LIFETIME_MAX.as_secs());
// A scope, six other texts of which JSON may escape every character, and a KiB for the rest, in base64: a token stays one.
const _: () = assert!((AUTHORITY_SCOPE_BYTES + 6 * 2 * AUTHORITY_TEXT_BYTES + 1024) * 4 / 3 <= TOKEN_BYTES);
