//! Bounds of tokens, and of what issuers say of them.

use super::HEADER_BYTES;

/// Bytes of one access token or ID token, and of a DPoP proof: with a few dozen claims and an RSA-4096 signature a token
/// has 3 KiB, and two of these fill half of a head.
pub const TOKEN_BYTES: usize = 8 * 1024;
/// Bytes of a key's name, and of a token's type: SHA-512 in hexadecimal has 128.
pub const TOKEN_KID_BYTES: usize = 256;
/// Bytes of an issuer's set of keys: the largest public ones have some ten keys with certificate chains, 64 KiB.
pub const KEY_SET_BYTES: usize = 256 * 1024;
/// Keys of one set; more are skipped.
pub const KEY_SET_KEYS: usize = 64;
/// Keys that are tried for a token that names none: the old and the new one, and a spare of each.
pub const KEYS_TRIED: usize = 4;
/// Ill-formed keys of one set that are named in the log.
pub const KEY_SET_COMPLAINTS: usize = 16;
/// Bytes of a Token Server's answer about one token: user details included, answers have some KiB.
pub const INTROSPECTION_BYTES: usize = 64 * 1024;
/// Bytes of a request to revoke a token: the token, escaped, with the client's assertion beside it.
pub const REVOCATION_BYTES: usize = 4 * TOKEN_BYTES;
/// Default distance of clocks that `exp`, `nbf` and `iat` are given, in seconds: what FAPI 2.0 (section 5.3.4) demands.
pub const TOKEN_SKEW_SECONDS: u64 = 10;
/// A token issued further in the future than this, in seconds, is refused, whatever the skew (FAPI 2.0 section 5.3.4).
pub const TOKEN_FUTURE_SECONDS: u64 = 60;
/// A time beyond this (in the year 5138) is none in seconds, one below it in milliseconds is none after 1973: the unit is
/// wrong, and is not guessed.
pub const TOKEN_TIME_MAX: u64 = 100_000_000_000;
/// How long an assertion by which the proxy says who it is may be used, in seconds: it is made for one call. Longer than most
/// servers allow clocks to differ, and some refuse what is good for more than a minute.
pub const CLIENT_ASSERTION_SECONDS: u64 = 60;
/// How old a DPoP proof may be, in seconds: proofs are made for one request. As long is each of them remembered.
pub const PROOF_AGE_SECONDS: u64 = 60;
/// Bytes of the name of a proof (`jti`): a UUID has 36.
pub const PROOF_JTI_BYTES: usize = 256;
/// How long the server's nonces for proofs last at least, in seconds; at most twice that.
pub const PROOF_NONCE_SECONDS: u64 = 60;

const _: () = assert!(TOKEN_SKEW_SECONDS <= TOKEN_FUTURE_SECONDS);
const _: () = assert!(TOKEN_BYTES * 2 <= HEADER_BYTES);
