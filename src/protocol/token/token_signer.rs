//! Signing access tokens: a compact JWS (RFC 7515) of type `at+jwt` (RFC 9068) by one P-256 key, ES256.
//!
//! The key is named by its thumbprint (RFC 7638), so that no two keys are ever called the same. What a token says, and who
//! gets it, is left to whoever issues it.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use ring::rand::SecureRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::json;
use zeroize::Zeroizing;

use super::public_key::PublicKey;

/// Why nothing is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum TokenSigningFault {
    /// The bytes are no private key on P-256.
    #[error("no private key on P-256 in PKCS#8")]
    Key,
    /// The system gave no random bytes.
    #[error("no random bytes from the system")]
    Random,
}

/// Signs access tokens. Its `Debug` shows the key's name alone.
pub struct TokenSigner {
    pair: EcdsaKeyPair,
    point: [u8; 65],
    kid: String,
}

impl TokenSigner {
    /// A new private key in PKCS#8.
    ///
    /// # Errors
    /// [`TokenSigningFault::Random`].
    pub fn generate(random: &dyn SecureRandom) -> Result<Zeroizing<Vec<u8>>, TokenSigningFault> {
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, random);
        document.map(|bytes| Zeroizing::new(bytes.as_ref().to_vec())).map_err(|_| TokenSigningFault::Random)
    }

    /// Reads a private key in PKCS#8.
    ///
    /// # Errors
    /// [`TokenSigningFault::Key`].
    pub fn from_pkcs8(pkcs8: &[u8], random: &dyn SecureRandom) -> Result<Self, TokenSigningFault> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8, random);
        let pair = pair.map_err(|_| TokenSigningFault::Key)?;
        let point = pair.public_key().as_ref().try_into().map_err(|_| TokenSigningFault::Key)?;
        let kid = BASE64URL.encode(PublicKey::P256(point).thumbprint());
        Ok(Self { pair, point, kid })
    }

    /// The key's name.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The set of keys by which its tokens are verified (RFC 7517 section 5).
    pub fn key_set(&self) -> String {
        // 4, x, y.
        let (x, y) = (&self.point[1..33], &self.point[33..]);
        let key = json!({
            "kty": "EC", "crv": "P-256", "x": BASE64URL.encode(x), "y": BASE64URL.encode(y),
            "use": "sig", "alg": "ES256", "kid": self.kid,
        });
        json!({ "keys": [key] }).to_string()
    }

    /// Signs `claims`, the text of a JSON object.
    ///
    /// # Errors
    /// [`TokenSigningFault::Random`]: a signature takes random bytes.
    pub fn sign(&self, claims: &str, random: &dyn SecureRandom) -> Result<String, TokenSigningFault> {
        let header = json!({ "typ": "at+jwt", "alg": "ES256", "kid": self.kid }).to_string();
        let mut jws = format!("{}.{}", BASE64URL.encode(header), BASE64URL.encode(claims));
        let signature = self.pair.sign(random, jws.as_bytes()).map_err(|_| TokenSigningFault::Random)?;
        jws.push('.');
        BASE64URL.encode_string(signature, &mut jws);
        Ok(jws)
    }
}

impl fmt::Debug for TokenSigner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("TokenSigner").field("kid", &self.kid).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;

    use super::*;
    use crate::protocol::token::algorithm::Algorithm;
    use crate::protocol::token::claims::{JwtRules, judge_jwt};
    use crate::protocol::token::key_set::KeySet;
    use crate::protocol::token::verdict::TokenFault;

    fn signer() -> TokenSigner {
        let random = SystemRandom::new();
        TokenSigner::from_pkcs8(&TokenSigner::generate(&random).unwrap(), &random).unwrap()
    }

    fn judge(token: &str, keys: &str) -> Result<Option<Box<str>>, TokenFault> {
        let rules = JwtRules {
            index: 0,
            issuer: "https://login.test".into(),
            audience: vec!["shop".into()],
            algorithms: vec![Algorithm::Es256],
            requires_type: true,
            skew: 0,
            is_fapi: false,
        };
        let (keys, complaints) = KeySet::parse(keys.as_bytes()).unwrap();
        assert_eq!(complaints, []);
        judge_jwt(token, &rules, &keys, 1000).map(|judgement| judgement.subject)
    }

    #[test]
    fn its_tokens_are_good_by_its_own_keys_and_by_no_others() {
        let (own, other) = (signer(), signer());
        let claims = r#"{"iss":"https://login.test","aud":"shop","sub":"alice","iat":900,"exp":1001}"#;
        let token = own.sign(claims, &SystemRandom::new()).unwrap();
        assert_eq!(judge(&token, &own.key_set()), Ok(Some("alice".into())));
        assert_eq!(judge(&token, &other.key_set()), Err(TokenFault::UnknownKey));
        let renamed = other.key_set().replace(other.kid(), own.kid());
        assert_eq!(judge(&token, &renamed), Err(TokenFault::Signature));
    }

    #[test]
    fn a_key_keeps_its_name_and_what_is_no_key_is_refused() {
        let random = SystemRandom::new();
        let pkcs8 = TokenSigner::generate(&random).unwrap();
        let read = || TokenSigner::from_pkcs8(&pkcs8, &random).unwrap();
        assert_eq!(read().kid(), read().kid());
        assert_ne!(read().kid(), signer().kid());
        assert_eq!(TokenSigner::from_pkcs8(&pkcs8[1..], &random).unwrap_err(), TokenSigningFault::Key);
        assert_eq!(format!("{:?}", read()), format!("TokenSigner {{ kid: {:?}, .. }}", read().kid()));
    }
}
