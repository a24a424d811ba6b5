//! The credentials of a request: one `Authorization` field with the scheme `Bearer` (RFC 6750 section 2.1), `DPoP` (RFC
//! 9449 section 7.1), or MobileFirst's pair of access token and ID token behind `Bearer`.
//!
//! ```text
//! Authorization: Bearer 1*SP b64token                 [ SP b64token ]  where a pair may come
//! Authorization: DPoP   1*SP b64token
//! ```
//! The scheme's case does not matter. Tokens anywhere else (query, form) are not looked at. What a token is worth, and
//! whether the scheme suits it, is left to others.

use memchr::memchr;

use crate::limits::TOKEN_BYTES;

/// What a request shows. It is neither printed nor compared: it holds secrets.
#[derive(Clone, Copy)]
pub enum Credentials<'a> {
    /// No `Authorization` field.
    None,
    /// A scheme that is not for access tokens. Without a token, like [`None`](Self::None).
    OtherScheme,
    /// An access token that whoever has it may use.
    Bearer(&'a str),
    /// An access token that comes with a proof of possession.
    Dpop(&'a str),
    /// MobileFirst's access token with the ID token of its user.
    Pair {
        /// The access token.
        access: &'a str,
        /// The ID token.
        id: &'a str,
    },
}

/// Whether an ID token may follow the access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PairForm {
    /// One token alone.
    Refused,
    /// MobileFirst's form too.
    Allowed,
}

/// Why credentials cannot be read: 400 `invalid_request`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CredentialsFault {
    /// Not what the scheme asks for, or no credentials at all.
    Malformed,
    /// More than one `Authorization` field.
    Repeated,
    /// A token longer than [`TOKEN_BYTES`].
    TooLong,
}

impl CredentialsFault {
    /// Its stable name in logs and metrics.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Malformed => "credentials-malformed",
            Self::Repeated => "credentials-repeated",
            Self::TooLong => "credentials-too-long",
        }
    }
}

/// Reads the values of all `Authorization` fields of a request, without white space around them.
///
/// # Errors
/// [`CredentialsFault`].
pub fn credentials<'a>(
    values: impl IntoIterator<Item = &'a [u8]>,
    pair: PairForm,
) -> Result<Credentials<'a>, CredentialsFault> {
    let mut values = values.into_iter();
    let Some(value) = values.next() else { return Ok(Credentials::None) };
    if values.next().is_some() {
        return Err(CredentialsFault::Repeated);
    }
    let (scheme, rest) = match value.iter().position(|byte| *byte == b' ') {
        Some(at) => value.split_at(at),
        None => (value, &[][..]),
    };
    if scheme.is_empty() || !scheme.iter().all(|byte| is_scheme_byte(*byte)) {
        return Err(CredentialsFault::Malformed);
    }
    let is = |name: &[u8]| scheme.eq_ignore_ascii_case(name);
    let (is_bearer, is_dpop) = (is(b"Bearer"), is(b"DPoP"));
    if !is_bearer && !is_dpop {
        return Ok(Credentials::OtherScheme);
    }
    let rest = &rest[rest.iter().take_while(|byte| **byte == b' ').count()..];
    let second = memchr(b' ', rest).map(|at| (&rest[..at], &rest[at + 1..]));
    match second {
        None if is_dpop => Ok(Credentials::Dpop(b64token(rest)?)),
        None => Ok(Credentials::Bearer(b64token(rest)?)),
        Some((access, id)) if is_bearer && pair == PairForm::Allowed && !id.contains(&b' ') => {
            Ok(Credentials::Pair { access: b64token(access)?, id: b64token(id)? })
        }
        Some(_) => Err(CredentialsFault::Malformed),
    }
}

/// `1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="`, as a text.
fn b64token(token: &[u8]) -> Result<&str, CredentialsFault> {
    if token.len() > TOKEN_BYTES {
        return Err(CredentialsFault::TooLong);
    }
    let padding = token.iter().rev().take_while(|byte| **byte == b'=').count();
    let letters = &token[..token.len() - padding];
    // All of them, without a way out: a token has a KiB, and this takes many of its bytes at once.
    let is_good = letters.iter().fold(!letters.is_empty(), |is_good, byte| is_good & is_b64_byte(*byte));
    let text = str::from_utf8(token).ok().filter(|_| is_good);
    text.ok_or(CredentialsFault::Malformed)
}

/// Without a branch.
fn is_b64_byte(byte: u8) -> bool {
    let is_letter = (byte | 0x20).wrapping_sub(b'a') < 26;
    // "-", ".", "/" and the digits follow each other.
    let is_digit_or_mark = byte.wrapping_sub(b'-') <= b'9' - b'-';
    is_letter | is_digit_or_mark | (byte == b'_') | (byte == b'~') | (byte == b'+')
}

/// A token of RFC 9110 section 5.6.2.
fn is_scheme_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests;
