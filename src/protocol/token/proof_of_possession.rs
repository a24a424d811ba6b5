//! DPoP proofs (RFC 9449): that who sends a token has the key that it is bound to, and means this request.
//!
//! In this order, and the first that fails is told:
//! 1. shape and header ([`compact_jws`](super::compact_jws)), the type `dpop+jwt`, an algorithm that is accepted
//! 2. the key in the header: public, fit for the algorithm, and the one that the token is bound to
//! 3. the signature. No claim is read before
//! 4. method and target; the time; the token's hash; the nonce, where one is asked for
//!
//! A proof is good once. Remembering those that were seen, until they are too old anyway, is left to the caller: a proof
//! whose [`Replay`] is known already is no good. Nonces need no memory: they are made of the time by a secret key.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use ring::{digest, hmac};

use super::algorithm::Algorithm;
use super::compact_jws::{CompactJws, JwsFault, decoded};
use super::proof_target::ProofTarget;
use super::public_key::PublicKey;
use super::signature::VerifyingKey;
use crate::limits::{
    PROOF_AGE_SECONDS, PROOF_JTI_BYTES, PROOF_NONCE_SECONDS, TOKEN_BYTES, TOKEN_SKEW_SECONDS, TOKEN_TIME_MAX,
};
use crate::protocol::strict_json::Object;

/// What a proof has to prove.
#[derive(Clone, Copy)]
pub struct ProofExpectation<'a> {
    /// The request's method.
    pub method: &'a str,
    /// Where the client sent it.
    pub target: ProofTarget<'a>,
    /// SHA-256 of the access token beside it.
    pub token_hash: &'a [u8; 32],
    /// The thumbprint of the key that the token is bound to: [`Constraint::Key`](super::verdict::Constraint::Key). Absent
    /// where the token is not bound to any.
    pub key: Option<&'a [u8; 32]>,
    /// By what it may be signed.
    pub algorithms: &'a [Algorithm],
    /// The time, in seconds since 1970.
    pub now: u64,
    /// Present where a proof must have one of our nonces.
    pub nonces: Option<&'a Nonces>,
}

/// What a good proof says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProofFacts {
    /// The thumbprint of its key (RFC 7638).
    pub key: [u8; 32],
    /// When it was made, in seconds since 1970.
    pub issued: u64,
    /// What to remember of it.
    pub replay: Replay,
    /// Its nonce is one of ours, and not the current one: the client should be given that.
    pub is_nonce_old: bool,
}

/// What to remember of a proof, so that it is not taken a second time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Replay {
    /// SHA-256 of its key's thumbprint and its name: another client may choose the same name.
    pub id: [u8; 32],
    /// The last second at which it would still be taken.
    pub until: u64,
}

/// Why a proof is no good: 401 `invalid_dpop_proof`, or [`Nonce`](Self::Nonce) `use_dpop_nonce`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProofFault {
    /// Signed by an algorithm that is unknown, symmetric, none, or not accepted.
    Algorithm,
    /// Its claims are no JSON object, or one is missing or of a wrong type.
    Claims,
    /// It asks for an extension.
    Critical,
    /// Older than [`PROOF_AGE_SECONDS`].
    Expired,
    /// Made in the future.
    IssuedLater,
    /// No public key in its header, or one that does not fit.
    Key,
    /// Its key is not the one that the token is bound to.
    KeyMismatch,
    /// It has none of the shapes of a proof.
    Malformed,
    /// For another method.
    Method,
    /// It has none of our nonces, or one that is too old.
    Nonce,
    /// The request has several.
    Repeated,
    /// It was seen before, or there is no room to remember it.
    Replayed,
    /// Its signature is not by its key.
    Signature,
    /// For another target.
    Target,
    /// For another token.
    TokenHash,
    /// Longer than a token may be.
    TooLong,
    /// Its `typ` is not that of a proof.
    Type,
}

impl ProofFault {
    /// Every one of them.
    pub const ALL: [Self; 17] = [
        Self::Algorithm,
        Self::Claims,
        Self::Critical,
        Self::Expired,
        Self::IssuedLater,
        Self::Key,
        Self::KeyMismatch,
        Self::Malformed,
        Self::Method,
        Self::Nonce,
        Self::Repeated,
        Self::Replayed,
        Self::Signature,
        Self::Target,
        Self::TokenHash,
        Self::TooLong,
        Self::Type,
    ];

    /// Its stable name in logs and metrics.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Algorithm => "proof-algorithm",
            Self::Claims => "proof-claims",
            Self::Critical => "proof-critical",
            Self::Expired => "proof-expired",
            Self::IssuedLater => "proof-issued-later",
            Self::Key => "proof-key",
            Self::KeyMismatch => "proof-key-mismatch",
            Self::Malformed => "proof-malformed",
            Self::Method => "proof-method",
            Self::Nonce => "proof-nonce",
            Self::Repeated => "proof-repeated",
            Self::Replayed => "proof-replayed",
            Self::Signature => "proof-signature",
            Self::Target => "proof-target",
            Self::TokenHash => "proof-token-hash",
            Self::TooLong => "proof-too-long",
            Self::Type => "proof-type",
        }
    }
}

/// The proof of a request: from the values of all its `DPoP` fields, without white space around them. `None` without any.
///
/// # Errors
/// [`ProofFault::Repeated`], [`ProofFault::TooLong`], [`ProofFault::Malformed`].
pub fn proof<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Result<Option<&'a str>, ProofFault> {
    let mut values = values.into_iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(ProofFault::Repeated);
    }
    if value.len() > TOKEN_BYTES {
        return Err(ProofFault::TooLong);
    }
    str::from_utf8(value).map(Some).map_err(|_| ProofFault::Malformed)
}

/// Checks a proof.
///
/// # Errors
/// [`ProofFault`].
pub fn check_proof(proof: &str, expected: &ProofExpectation<'_>) -> Result<ProofFacts, ProofFault> {
    let jws = CompactJws::parse(proof)?;
    if !jws.header.is_type("dpop+jwt") {
        return Err(ProofFault::Type);
    }
    let algorithm = jws.header.algorithm;
    if !expected.algorithms.contains(&algorithm) {
        return Err(ProofFault::Algorithm);
    }
    let jwk = jws.header.embedded_key().ok_or(ProofFault::Key)?;
    let public = PublicKey::from_jwk(jwk).map_err(|_| ProofFault::Key)?;
    if !public.fits(algorithm) {
        return Err(ProofFault::Key);
    }
    let key = public.thumbprint();
    if expected.key.is_some_and(|bound| *bound != key) {
        return Err(ProofFault::KeyMismatch);
    }
    if !VerifyingKey::new(public).verifies(algorithm, jws.message, jws.signature) {
        return Err(ProofFault::Signature);
    }
    let claims = jws.payload().ok_or(ProofFault::Malformed)?;
    let claims = Object::parse(&claims).ok_or(ProofFault::Claims)?;
    check_claims(&claims, key, expected)
}

fn check_claims(
    claims: &Object,
    key: [u8; 32],
    expected: &ProofExpectation<'_>,
) -> Result<ProofFacts, ProofFault> {
    let text = |name: &str| claims.text(name).ok_or(ProofFault::Claims);
    let name = text("jti")?;
    if name.is_empty() || name.len() > PROOF_JTI_BYTES {
        return Err(ProofFault::Claims);
    }
    if text("htm")? != expected.method {
        return Err(ProofFault::Method);
    }
    if !expected.target.is_meant_by(text("htu")?) {
        return Err(ProofFault::Target);
    }
    let issued =
        claims.unsigned("iat").filter(|issued| *issued <= TOKEN_TIME_MAX).ok_or(ProofFault::Claims)?;
    let until = issued.saturating_add(PROOF_AGE_SECONDS);
    if expected.now > until {
        return Err(ProofFault::Expired);
    }
    if issued > expected.now.saturating_add(TOKEN_SKEW_SECONDS) {
        return Err(ProofFault::IssuedLater);
    }
    if decoded(text("ath")?).is_none_or(|hash| hash != expected.token_hash) {
        return Err(ProofFault::TokenHash);
    }
    let age = match expected.nonces {
        Some(nonces) => {
            let nonce = claims.text("nonce").ok_or(ProofFault::Nonce)?;
            nonces.age_of(nonce, expected.now).ok_or(ProofFault::Nonce)?
        }
        None => NonceAge::Current,
    };
    let mut hash = digest::Context::new(&digest::SHA256);
    hash.update(&key);
    hash.update(name.as_bytes());
    let mut id = [0; 32];
    id.copy_from_slice(hash.finish().as_ref());
    Ok(ProofFacts { key, issued, replay: Replay { id, until }, is_nonce_old: age == NonceAge::Last })
}

/// How old a nonce is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NonceAge {
    /// Of this step of time.
    Current,
    /// Of the last one: it is good for not much longer.
    Last,
}

/// The server's nonces (RFC 9449 section 8): of the time, in steps of [`PROOF_NONCE_SECONDS`], an HMAC by a secret key. Any
/// process with the key knows them.
pub struct Nonces(hmac::Key);

impl Nonces {
    /// Nonces by a key of random bytes.
    pub fn new(key: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// The nonce of this time, in seconds since 1970: the value of `DPoP-Nonce`.
    pub fn current(&self, now: u64) -> String {
        BASE64URL.encode(hmac::sign(&self.0, &message(now / PROOF_NONCE_SECONDS)))
    }

    /// Of which step of time a nonce is: this one, or the last. `None`: it is not, or no longer, one of ours.
    pub fn age_of(&self, nonce: &str, now: u64) -> Option<NonceAge> {
        let (step, tag) = (now / PROOF_NONCE_SECONDS, decoded(nonce)?);
        let is_of = |step: u64| hmac::verify(&self.0, &message(step), &tag).is_ok();
        if is_of(step) {
            return Some(NonceAge::Current);
        }
        step.checked_sub(1).filter(|last| is_of(*last)).map(|_| NonceAge::Last)
    }
}

impl fmt::Debug for Nonces {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Nonces").finish_non_exhaustive()
    }
}

/// What a nonce is made of. The words keep it apart from everything else that might be made by the same key.
fn message(step: u64) -> [u8; 18] {
    let mut message = *b"dpop nonce00000000";
    message[10..].copy_from_slice(&step.to_be_bytes());
    message
}

impl From<JwsFault> for ProofFault {
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
