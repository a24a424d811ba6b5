//! Verifying signatures: *ring* as the cryptography of `jsonwebtoken`, which knows none itself.
//!
//! A key verifies by the algorithms of its kind alone. Nothing is signed here, and nothing symmetric is verified. What
//! was signed, and by which algorithm it may be, is the caller's.

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::signature::{Error as BadSignature, Verifier};
use jsonwebtoken::{Algorithm as JwtAlgorithm, DecodingKey, DecodingKeyKind, EncodingKey};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents,
    UnparsedPublicKey, VerificationAlgorithm,
};

use super::algorithm::Algorithm;
use super::public_key::PublicKey;

/// A key, made ready once for all that it verifies.
#[derive(Clone, Debug)]
pub struct VerifyingKey {
    public: PublicKey,
    prepared: DecodingKey,
}

impl VerifyingKey {
    /// Makes `public` ready. Installs the provider: so it is there whenever there is a key.
    pub fn new(public: PublicKey) -> Self {
        install();
        let prepared = match &public {
            PublicKey::Ed25519(bytes) => DecodingKey::from_ed_der(bytes),
            PublicKey::P256(point) => DecodingKey::from_ec_der(point),
            PublicKey::P384(point) => DecodingKey::from_ec_der(point),
            PublicKey::Rsa { n, e } => DecodingKey::from_rsa_raw_components(n, e),
        };
        Self { public, prepared }
    }

    /// The key itself.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// True if `signature`, in base64url, is this key's over `message` by `algorithm`. A key of another kind verifies
    /// nothing.
    pub fn verifies(&self, algorithm: Algorithm, message: &str, signature: &str) -> bool {
        let verified =
            || jsonwebtoken::crypto::verify(signature, message.as_bytes(), &self.prepared, named(algorithm));
        self.public.fits(algorithm) && verified().unwrap_or(false)
    }
}

/// Makes *ring* the process's cryptography of `jsonwebtoken`. To be called any number of times; [`VerifyingKey::new`]
/// does it. A program that uses `jsonwebtoken` beside this crate either does so with this provider, or installs one of
/// its own before, which has to verify all of [`Algorithm::ALL`].
pub fn install() {
    // An error means that there is one, which is what is wanted.
    let _installed = PROVIDER.install_default();
}

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: refuse_signer,
    verifier_factory: verifier,
    key_utils: KeyUtils {
        rsa_pub_components_from_private_key: |_| unsupported(),
        rsa_pub_components_from_public_key: |_| unsupported(),
        ec_pub_components_from_private_key: |_, _| unsupported(),
        ed_pub_components_from_private_key: |_, _| unsupported(),
        compute_digest: |_, _| unsupported(),
    },
};

fn unsupported<T>() -> Result<T, Error> {
    Err(ErrorKind::UnsupportedAlgorithm.into())
}

fn refuse_signer(_: &JwtAlgorithm, _: &EncodingKey) -> Result<Box<dyn JwtSigner>, Error> {
    unsupported()
}

/// A key as *ring* takes it, with what it is to verify.
struct RingVerifier {
    algorithm: JwtAlgorithm,
    key: RingKey,
}

enum RingKey {
    Whole(UnparsedPublicKey<Vec<u8>>),
    Rsa(&'static RsaParameters, RsaPublicKeyComponents<Vec<u8>>),
}

fn verifier(algorithm: &JwtAlgorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>, Error> {
    if key.family() != algorithm.family() {
        return Err(ErrorKind::InvalidAlgorithm.into());
    }
    let key = match key.kind() {
        DecodingKeyKind::SecretOrDer(bytes) => {
            let curve: &'static dyn VerificationAlgorithm = match algorithm {
                JwtAlgorithm::EdDSA => &ED25519,
                JwtAlgorithm::ES256 => &ECDSA_P256_SHA256_FIXED,
                JwtAlgorithm::ES384 => &ECDSA_P384_SHA384_FIXED,
                _ => return unsupported(),
            };
            RingKey::Whole(UnparsedPublicKey::new(curve, bytes.clone()))
        }
        DecodingKeyKind::RsaModulusExponent { n, e } => {
            let parameters = match algorithm {
                JwtAlgorithm::RS256 => &RSA_PKCS1_2048_8192_SHA256,
                JwtAlgorithm::RS384 => &RSA_PKCS1_2048_8192_SHA384,
                JwtAlgorithm::RS512 => &RSA_PKCS1_2048_8192_SHA512,
                JwtAlgorithm::PS256 => &RSA_PSS_2048_8192_SHA256,
                JwtAlgorithm::PS384 => &RSA_PSS_2048_8192_SHA384,
                JwtAlgorithm::PS512 => &RSA_PSS_2048_8192_SHA512,
                _ => return unsupported(),
            };
            RingKey::Rsa(parameters, RsaPublicKeyComponents { n: n.clone(), e: e.clone() })
        }
    };
    Ok(Box::new(RingVerifier { algorithm: *algorithm, key }))
}

impl Verifier<Vec<u8>> for RingVerifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), BadSignature> {
        let verified = match &self.key {
            RingKey::Whole(key) => key.verify(message, signature),
            RingKey::Rsa(parameters, key) => key.verify(parameters, message, signature),
        };
        verified.map_err(|_| BadSignature::new())
    }
}

impl JwtVerifier for RingVerifier {
    fn algorithm(&self) -> JwtAlgorithm {
        self.algorithm
    }
}

fn named(algorithm: Algorithm) -> JwtAlgorithm {
    match algorithm {
        Algorithm::EdDsa => JwtAlgorithm::EdDSA,
        Algorithm::Es256 => JwtAlgorithm::ES256,
        Algorithm::Es384 => JwtAlgorithm::ES384,
        Algorithm::Ps256 => JwtAlgorithm::PS256,
        Algorithm::Ps384 => JwtAlgorithm::PS384,
        Algorithm::Ps512 => JwtAlgorithm::PS512,
        Algorithm::Rs256 => JwtAlgorithm::RS256,
        Algorithm::Rs384 => JwtAlgorithm::RS384,
        Algorithm::Rs512 => JwtAlgorithm::RS512,
    }
}

#[cfg(test)]
mod tests;
