//! Asking a Token Server about a token (RFC 7662): the bytes of the question, and what the answer says.
//!
//! An answer that cannot be understood says nothing of the token: it is an outage, which is the server's fault and never
//! the client's. So is one with a claim of a wrong type, or with times in another unit than the configured one. Making the
//! call, its address and its deadline are left to whoever can.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use zeroize::Zeroizing;

use super::claim_set::{ClaimSet, TimeUnit};
use super::verdict::{Judgement, TokenFault};
use crate::limits::INTROSPECTION_BYTES;
use crate::protocol::strict_json::{Member, Object};

/// How the proxy says who it is.
#[derive(Clone, Copy)]
pub enum ClientAuthentication<'a> {
    /// Outside of the form: by [`write_basic`], or by a certificate.
    Outside,
    /// Id and secret in the form (RFC 6749 section 2.3.1).
    Form {
        /// The client's id.
        id: &'a str,
        /// Its secret.
        secret: &'a [u8],
    },
    /// A signed assertion in the form (RFC 7523 section 2.2).
    Assertion {
        /// The client's id.
        id: &'a str,
        /// What [`client_assertion`](super::client_assertion) makes.
        assertion: &'a str,
    },
}

/// What answers about an issuer's tokens have to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntrospectionRules {
    /// The issuer's index in the configuration.
    pub index: u16,
    /// What `iss` has to be where an answer has one; absent: anything.
    pub issuer: Option<Box<str>>,
    /// Whom a token has to be for where an answer says so: one of these. Empty: anybody.
    pub audience: Vec<Box<str>>,
    /// In what the server counts time.
    pub unit: TimeUnit,
    /// How far clocks may differ, in seconds.
    pub skew: u64,
    /// FAPI 2.0: every token bound to a key.
    pub is_fapi: bool,
}

/// What an answer says.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// The token is good.
    Active(Box<Judgement>),
    /// It is not: by the server's word ([`TokenFault::Inactive`]; [`TokenFault::OtherKind`] where it judges others alone),
    /// or by what it says besides.
    Refused(TokenFault),
    /// Nothing of the token.
    Outage(Outage),
}

/// Why an answer says nothing. To the client it is 502 or 503, as if there were no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outage {
    /// No JSON object with `active`, or with a claim of a wrong type.
    Malformed,
    /// Not 200.
    Status(u16),
    /// Times in another unit than the configured one.
    TimeUnit,
    /// Longer than [`INTROSPECTION_BYTES`].
    TooLong,
    /// 401 or 403: the proxy's own credentials are refused.
    Unauthorized,
}

impl Outage {
    /// Its stable name in logs and metrics.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Malformed => "introspection-malformed",
            Self::Status(_) => "introspection-status",
            Self::TimeUnit => "introspection-time-unit",
            Self::TooLong => "introspection-too-long",
            Self::Unauthorized => "introspection-unauthorized",
        }
    }
}

/// Writes the question's form, `application/x-www-form-urlencoded`.
pub fn write_form(out: &mut Vec<u8>, token: &str, authentication: ClientAuthentication<'_>) {
    out.extend_from_slice(b"token=");
    write_encoded(out, token.as_bytes());
    write_pair(out, "token_type_hint", b"access_token");
    match authentication {
        ClientAuthentication::Outside => {}
        ClientAuthentication::Form { id, secret } => {
            write_pair(out, "client_id", id.as_bytes());
            write_pair(out, "client_secret", secret);
        }
        ClientAuthentication::Assertion { id, assertion } => {
            write_pair(out, "client_id", id.as_bytes());
            let kind = b"urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
            write_pair(out, "client_assertion_type", kind);
            write_pair(out, "client_assertion", assertion.as_bytes());
        }
    }
}

/// Writes the value of `Authorization` for a client's id and secret: both form-encoded first (RFC 6749 section 2.3.1), so
/// that an id may hold a colon.
pub fn write_basic(out: &mut Vec<u8>, id: &str, secret: &[u8]) {
    let mut pair = Zeroizing::new(Vec::with_capacity(3 * (id.len() + secret.len()) + 1));
    write_encoded(&mut pair, id.as_bytes());
    pair.push(b':');
    write_encoded(&mut pair, secret);
    let encoded = Zeroizing::new(BASE64.encode(&*pair));
    out.extend_from_slice(b"Basic ");
    out.extend_from_slice(encoded.as_bytes());
}

/// Reads an answer at `now`, in seconds since 1970.
///
/// In this order: status, length, shape, `active`; then of what there is issuer, audience and times; then everything else.
pub fn read_answer(status: u16, body: &[u8], rules: &IntrospectionRules, now: u64) -> Answer {
    match status {
        200 => {}
        400 if is_for_other_kinds(body) => return Answer::Refused(TokenFault::OtherKind),
        401 | 403 => return Answer::Outage(Outage::Unauthorized),
        status => return Answer::Outage(Outage::Status(status)),
    }
    if body.len() > INTROSPECTION_BYTES {
        return Answer::Outage(Outage::TooLong);
    }
    match judge(body, rules, now) {
        Ok(judgement) => Answer::Active(Box::new(judgement)),
        Err(TokenFault::Claims) => Answer::Outage(Outage::Malformed),
        Err(TokenFault::TimeUnit) => Answer::Outage(Outage::TimeUnit),
        Err(fault) => Answer::Refused(fault),
    }
}

/// Whether a refused question says that tokens of this kind are not the server's to judge, as some say of JSON Web Tokens
/// (the error code is that of RFC 7009 section 2.2.1). Nobody would ever learn more of the token by asking again.
fn is_for_other_kinds(body: &[u8]) -> bool {
    let error = (body.len() <= INTROSPECTION_BYTES).then(|| Object::parse(body)).flatten();
    error.is_some_and(|error| error.text("error") == Some("unsupported_token_type"))
}

fn judge(body: &[u8], rules: &IntrospectionRules, now: u64) -> Result<Judgement, TokenFault> {
    let claims = ClaimSet::parse(body.to_vec(), rules.unit)?;
    match claims.object().member("active") {
        Some(Member::Bool(true)) => {}
        Some(_) => return Err(TokenFault::Inactive),
        None => return Err(TokenFault::Claims),
    }
    if let Some(issuer) = &rules.issuer {
        claims.check_issuer(issuer, false)?;
    }
    if !rules.audience.is_empty() {
        claims.check_audience(&rules.audience, false)?;
    }
    claims.check_times(now, rules.skew, false)?;
    let judgement = claims.judgement(rules.index)?;
    if rules.is_fapi && judgement.constraint.is_none() {
        Err(TokenFault::Unconstrained)
    } else {
        Ok(judgement)
    }
}

/// One more pair of a form.
fn write_pair(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.push(b'&');
    out.extend_from_slice(name.as_bytes());
    out.push(b'=');
    write_encoded(out, value);
}

/// RFC 6749 appendix B.
pub(super) fn write_encoded(out: &mut Vec<u8>, value: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in value {
        match byte {
            b' ' => out.push(b'+'),
            b'*' | b'-' | b'.' | b'_' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => out.push(byte),
            _ => {
                let digit = |half: u8| DIGITS[usize::from(half & 15)];
                out.extend_from_slice(&[b'%', digit(byte >> 4), digit(byte)]);
            }
        }
    }
}

#[cfg(test)]
mod tests;
