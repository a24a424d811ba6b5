//! How the proxy shows a Token Server who it is without a shared secret: a short-lived token that it signs itself
//! (RFC 7523 section 2.2, "private_key_jwt" of OpenID Connect Core section 9).
//!
//! Every assertion has a name of its own and is for one call: servers refuse one that they have seen. The algorithm is the
//! key's. Reading the key, the time and randomness are left to whoever can.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use ring::rand::SecureRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512,
    RsaEncoding, RsaKeyPair,
};
use serde_json::json;

use super::algorithm::Algorithm;
use crate::limits::CLIENT_ASSERTION_SECONDS;

/// Random bytes of an assertion's name (`jti`).
pub const ASSERTION_ID_LEN: usize = 16;

/// What assertions say besides who the client is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssertionRules {
    /// Whom they are for (`aud`): the issuer, or the URL that is asked.
    pub audience: Box<str>,
    /// What the server calls the key (`kid`); absent: it knows one key of this client, or tries all.
    pub key_id: Option<Box<str>>,
    /// How they are signed; absent: by the first of [`Algorithm::ALL`] that the key can.
    pub algorithm: Option<Algorithm>,
}

/// A private key that signs assertions. Its `Debug` shows the algorithm alone.
pub struct AssertionKey {
    algorithm: Algorithm,
    pair: Pair,
}

enum Pair {
    Ed25519(Ed25519KeyPair),
    Ecdsa(EcdsaKeyPair),
    Rsa(RsaKeyPair, &'static dyn RsaEncoding),
}

/// Why nothing is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssertionFault {
    /// The bytes are no private key for it, or the key is of a kind or size that is not supported.
    #[error(
        "the private key is none of Ed25519, P-256, P-384 or RSA of 2048 to 4096 bits, or cannot sign by the algorithm \
         that is set"
    )]
    Key,
    /// The system gave no random bytes.
    #[error("no random bytes from the system")]
    Random,
}

impl AssertionKey {
    /// Reads a private key in PKCS #8 that signs by `algorithm`, or by the first one that it can.
    ///
    /// # Errors
    /// [`AssertionFault::Key`].
    pub fn from_pkcs8(
        pkcs8: &[u8],
        algorithm: Option<Algorithm>,
        random: &dyn SecureRandom,
    ) -> Result<Self, AssertionFault> {
        let wanted = Algorithm::ALL.into_iter().filter(|known| algorithm.is_none_or(|only| only == *known));
        let mut keys = wanted.filter_map(|algorithm| {
            let pair = pair(pkcs8, algorithm, random)?;
            Some(Self { algorithm, pair })
        });
        keys.next().ok_or(AssertionFault::Key)
    }

    /// How it signs.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// An assertion of `client`, made at `now` in seconds since 1970 and good for [`CLIENT_ASSERTION_SECONDS`]. `id` is
    /// new for each.
    ///
    /// # Errors
    /// [`AssertionFault::Random`]: all but Ed25519 take some for a signature.
    pub fn sign(
        &self,
        client: &str,
        rules: &AssertionRules,
        now: u64,
        id: &[u8; ASSERTION_ID_LEN],
        random: &dyn SecureRandom,
    ) -> Result<String, AssertionFault> {
        let name = self.algorithm.name();
        let header = match &rules.key_id {
            Some(key_id) => json!({ "alg": name, "kid": key_id, "typ": "JWT" }),
            None => json!({ "alg": name, "typ": "JWT" }),
        };
        let claims = json!({
            "iss": client,
            "sub": client,
            "aud": rules.audience,
            "jti": BASE64URL.encode(id),
            "iat": now,
            "exp": now.saturating_add(CLIENT_ASSERTION_SECONDS),
        });
        let mut assertion =
            format!("{}.{}", BASE64URL.encode(header.to_string()), BASE64URL.encode(claims.to_string()));
        let signature = self.signature(assertion.as_bytes(), random)?;
        assertion.push('.');
        BASE64URL.encode_string(signature, &mut assertion);
        Ok(assertion)
    }

    fn signature(&self, message: &[u8], random: &dyn SecureRandom) -> Result<Vec<u8>, AssertionFault> {
        match &self.pair {
            Pair::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
            Pair::Ecdsa(pair) => {
                let signature = pair.sign(random, message).map_err(|_| AssertionFault::Random)?;
                Ok(signature.as_ref().to_vec())
            }
            Pair::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(*encoding, random, message, &mut signature).map_err(|_| AssertionFault::Random)?;
                Ok(signature)
            }
        }
    }

    fn public(&self) -> &[u8] {
        match &self.pair {
            Pair::Ed25519(pair) => pair.public_key().as_ref(),
            Pair::Ecdsa(pair) => pair.public_key().as_ref(),
            Pair::Rsa(pair, _) => pair.public_key().as_ref(),
        }
    }
}

/// The same key, used in the same way.
impl PartialEq for AssertionKey {
    fn eq(&self, other: &Self) -> bool {
        (self.algorithm, self.public()) == (other.algorithm, other.public())
    }
}

impl Eq for AssertionKey {}

impl fmt::Debug for AssertionKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("AssertionKey").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

fn pair(pkcs8: &[u8], algorithm: Algorithm, random: &dyn SecureRandom) -> Option<Pair> {
    let ecdsa = |curve| EcdsaKeyPair::from_pkcs8(curve, pkcs8, random).ok().map(Pair::Ecdsa);
    let rsa = |encoding| RsaKeyPair::from_pkcs8(pkcs8).ok().map(|pair| Pair::Rsa(pair, encoding));
    match algorithm {
        Algorithm::EdDsa => Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8).ok().map(Pair::Ed25519),
        Algorithm::Es256 => ecdsa(&ECDSA_P256_SHA256_FIXED_SIGNING),
        Algorithm::Es384 => ecdsa(&ECDSA_P384_SHA384_FIXED_SIGNING),
        Algorithm::Ps256 => rsa(&RSA_PSS_SHA256),
        Algorithm::Ps384 => rsa(&RSA_PSS_SHA384),
        Algorithm::Ps512 => rsa(&RSA_PSS_SHA512),
        Algorithm::Rs256 => rsa(&RSA_PKCS1_SHA256),
        Algorithm::Rs384 => rsa(&RSA_PKCS1_SHA384),
        Algorithm::Rs512 => rsa(&RSA_PKCS1_SHA512),
    }
}

#[cfg(test)]
mod tests;
