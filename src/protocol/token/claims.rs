//! Judging JSON Web Tokens as access tokens (RFC 7519, RFC 9068, RFC 8725).
//!
//! In this order, and the first that fails is told:
//! 1. shape and header ([`compact_jws`](super::compact_jws)): nothing in it is followed
//! 2. the algorithm is one that the issuer may use; with FAPI one of three
//! 3. the type is that of an access token
//! 4. the key, by name among the issuer's own; then the signature. No claim is read before, but that a token of an unknown key
//!    says that it is another issuer's
//! 5. issuer and audience
//! 6. times: `exp`, `nbf`, `iat`
//! 7. it is no ID token, and no message to a client
//! 8. everything else: a claim of a wrong type is a fault; with FAPI it has to be bound to a key
//!
//! Without a type, or with the type `JWT`, a token might be an ID token, which a client shows to nobody else and which the
//! same key signs. It is taken for one if it has `nonce`, `at_hash`, `c_hash` or `s_hash`, which go with a login; says so
//! itself (`token_use`, `typ` in the claims); or names its client by `azp` alone while it is for nothing: neither
//! `client_id` nor `cid`, `scope` nor `scp`. Nor is a message to one of the issuer's clients an access token: a security
//! event (`events`, RFC 8417), or a signed answer to an introspection (`token_introspection`, RFC 9701).

use super::algorithm::Algorithm;
use super::claim_set::{ClaimSet, TimeUnit};
use super::compact_jws::{CompactJws, Header, JwsFault};
use super::key_set::KeySet;
use super::verdict::{Judgement, TokenFault};
use crate::protocol::strict_json::Object;

/// What an issuer's tokens have to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JwtRules {
    /// The issuer's index in the configuration.
    pub index: u16,
    /// Its name: `iss`, letter for letter.
    pub issuer: Box<str>,
    /// Whom tokens have to be for: one of these. With none nothing is accepted.
    pub audience: Vec<Box<str>>,
    /// What it may sign by.
    pub algorithms: Vec<Algorithm>,
    /// Whether the type must be `at+jwt` (RFC 9068 section 4). If not, `JWT` and none will do.
    pub requires_type: bool,
    /// How far clocks may differ, in seconds.
    pub skew: u64,
    /// FAPI 2.0: EdDSA, ES256 and PS256 alone, and every token bound to a key.
    pub is_fapi: bool,
}

/// Judges `token` at `now`, in seconds since 1970, by the rules and the keys of one issuer.
///
/// A token is good until [`Judgement::expires`], and as far as clocks differ for `skew` seconds more.
///
/// # Errors
/// [`TokenFault`]. After [`TokenFault::UnknownKey`] it may be tried again with newer keys.
pub fn judge_jwt(token: &str, rules: &JwtRules, keys: &KeySet, now: u64) -> Result<Judgement, TokenFault> {
    let jws = CompactJws::parse(token)?;
    let algorithm = jws.header.algorithm;
    if !rules.algorithms.contains(&algorithm) || rules.is_fapi && !algorithm.is_fapi() {
        return Err(TokenFault::Algorithm);
    }
    if !has_access_type(&jws.header, rules.requires_type) {
        return Err(TokenFault::Type);
    }
    let claims = verified_claims(&jws, keys, TimeUnit::Seconds).map_err(|fault| match fault {
        // It says itself that another issuer's keys are the right ones, and need not be verified to be refused.
        TokenFault::UnknownKey if says_otherwise(&jws, "iss", &rules.issuer) => TokenFault::Issuer,
        fault => fault,
    })?;
    claims.check_issuer(&rules.issuer, true)?;
    claims.check_audience(&rules.audience, true)?;
    claims.check_times(now, rules.skew, true)?;
    if !jws.header.is_type(ACCESS_TYPE) && is_of_another_kind(&claims) {
        return Err(TokenFault::OtherKind);
    }
    let judgement = claims.judgement(rules.index)?;
    if !judgement.may_be_cached {
        return Err(TokenFault::Counted);
    }
    if rules.is_fapi && judgement.constraint.is_none() {
        Err(TokenFault::Unconstrained)
    } else {
        Ok(judgement)
    }
}

/// The claims, after the signature over them has been verified by one of `keys`.
pub(super) fn verified_claims(
    jws: &CompactJws<'_>,
    keys: &KeySet,
    unit: TimeUnit,
) -> Result<ClaimSet, TokenFault> {
    let (kid, algorithm) = (jws.header.kid(), jws.header.algorithm);
    let mut known = keys.find(kid, algorithm).peekable();
    let is_named = kid.is_some() && known.peek().is_some();
    if !known.any(|key| key.verifies(algorithm, jws.message, jws.signature)) {
        // Where nobody says which key it is, it may be a newer one than those known.
        return Err(if is_named { TokenFault::Signature } else { TokenFault::UnknownKey });
    }
    ClaimSet::parse(jws.payload().ok_or(TokenFault::Malformed)?, unit)
}

/// Whether what nobody has verified says something else in this claim.
fn says_otherwise(jws: &CompactJws<'_>, name: &str, own: &str) -> bool {
    let claims = jws.payload().and_then(|payload| Object::parse(&payload));
    claims.is_some_and(|claims| claims.text(name).is_some_and(|said| said != own))
}

const ACCESS_TYPE: &str = "at+jwt";

fn has_access_type(header: &Header, is_required: bool) -> bool {
    header.is_type(ACCESS_TYPE) || !is_required && (!header.has_type() || header.is_type("JWT"))
}

fn is_of_another_kind(claims: &ClaimSet) -> bool {
    let says = |name: &str, kind: &str| {
        let own = claims.object().text(name);
        own.is_some_and(|own| own.eq_ignore_ascii_case(kind))
    };
    let has_any = |names: &[&str]| names.iter().any(|name| claims.has(name));
    has_any(&["nonce", "at_hash", "c_hash", "s_hash", "events", "token_introspection"])
        || says("token_use", "id")
        || says("typ", "ID")
        || claims.has("azp") && !has_any(&["client_id", "cid", "scope", "scp"])
}

impl From<JwsFault> for TokenFault {
    fn from(fault: JwsFault) -> Self {
        match fault {
            JwsFault::Algorithm => Self::Algorithm,
            JwsFault::Critical => Self::Critical,
            JwsFault::Malformed => Self::Malformed,
            JwsFault::TooLong => Self::TooLong,
        }
    }
}

#[cfg(test)]
mod tests;
