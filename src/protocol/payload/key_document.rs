//! The signed list of keys: how a client that pins one signing key learns the HPKE keys that it seals to.
//!
//! A compact JWS (RFC 7515) of type `payload-keys+jwt` over `{"aud": origin, "iat", "exp", "keys": base64url of the
//! list}`. The algorithm belongs to the key: what the document says of it is compared, never followed. Remembering the
//! newest document seen, and reading the list ([`ohttp_keys`](super::ohttp_keys)), is left to the client.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use ring::rand::SecureRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
    UnparsedPublicKey,
};
use zeroize::Zeroizing;

use crate::limits::{PAYLOAD_KEY_DOCUMENT_BYTES, PAYLOAD_KEY_DOCUMENT_SECONDS};
use crate::protocol::strict_json::Object;

/// The document's `typ`.
const TYPE: &str = "payload-keys+jwt";

/// How a document is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SigningAlgorithm {
    /// Ed25519: `EdDSA` (RFC 8037).
    EdDsa,
    /// ECDSA over P-256 with SHA-256: `ES256` (RFC 7518 section 3.4).
    Es256,
}

impl SigningAlgorithm {
    /// Every one of them.
    pub const ALL: [Self; 2] = [Self::EdDsa, Self::Es256];

    /// Its name in a JWS.
    pub fn name(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
        }
    }

    /// The one of this name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    fn public_len(self) -> usize {
        match self {
            Self::EdDsa => 32,
            Self::Es256 => 65,
        }
    }
}

/// What a document says. Times are in seconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyDocument {
    /// The origin whose keys they are, `https://api.example.com`.
    pub audience: String,
    /// When it was made.
    pub issued: u64,
    /// The first second at which it is no longer good.
    pub expires: u64,
    /// The list, `application/ohttp-keys`.
    pub keys: Vec<u8>,
}

/// Why a document is not signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum SigningFault {
    /// It ends before it begins, or is good for longer than clients accept.
    #[error("a document must be good for 1 second to {PAYLOAD_KEY_DOCUMENT_SECONDS} seconds (7 days)")]
    Lifetime,
    /// The bytes are no private key of this algorithm.
    #[error("no private key of this algorithm in PKCS#8")]
    Key,
    /// The system gave no random bytes.
    #[error("no random bytes from the system")]
    Random,
    /// More than clients accept.
    #[error("the signed list of keys would be longer than {PAYLOAD_KEY_DOCUMENT_BYTES} bytes: remove keys")]
    TooLong,
}

impl KeyDocument {
    /// What a document says of itself, without a look at its signature: for who serves it, never for who relies on it.
    /// `None` if it is none.
    pub fn unverified(jws: &[u8]) -> Option<Self> {
        let mut parts = jws.split(|byte| *byte == b'.');
        let [_header, claims, _signature] = [parts.next()?, parts.next()?, parts.next()?];
        let claims = BASE64URL.decode(claims).ok().filter(|_| parts.next().is_none())?;
        let document = read_claims(&Object::parse(&claims)?)?;
        is_lifetime(document.issued, document.expires).then_some(document)
    }
}

/// Signs documents. Its `Debug` shows the public key alone.
pub struct DocumentSigner(Signer);

enum Signer {
    EdDsa(Ed25519KeyPair),
    Es256(EcdsaKeyPair),
}

impl DocumentSigner {
    /// A new private key in PKCS#8.
    ///
    /// # Errors
    /// [`SigningFault::Random`].
    pub fn generate(
        algorithm: SigningAlgorithm,
        random: &dyn SecureRandom,
    ) -> Result<Zeroizing<Vec<u8>>, SigningFault> {
        let document = match algorithm {
            SigningAlgorithm::EdDsa => Ed25519KeyPair::generate_pkcs8(random),
            SigningAlgorithm::Es256 => EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, random),
        };
        document.map(|bytes| Zeroizing::new(bytes.as_ref().to_vec())).map_err(|_| SigningFault::Random)
    }

    /// Reads a private key in PKCS#8, of version 1 or 2.
    ///
    /// # Errors
    /// [`SigningFault::Key`].
    pub fn from_pkcs8(
        algorithm: SigningAlgorithm,
        pkcs8: &[u8],
        random: &dyn SecureRandom,
    ) -> Result<Self, SigningFault> {
        let signer = match algorithm {
            SigningAlgorithm::EdDsa => Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8).map(Signer::EdDsa),
            SigningAlgorithm::Es256 => {
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8, random).map(Signer::Es256)
            }
        };
        signer.map(Self).map_err(|_| SigningFault::Key)
    }

    /// How it signs.
    pub fn algorithm(&self) -> SigningAlgorithm {
        match self.0 {
            Signer::EdDsa(_) => SigningAlgorithm::EdDsa,
            Signer::Es256(_) => SigningAlgorithm::Es256,
        }
    }

    /// What clients pin: for Ed25519 32 bytes, for P-256 the uncompressed point.
    pub fn public(&self) -> &[u8] {
        match &self.0 {
            Signer::EdDsa(pair) => pair.public_key().as_ref(),
            Signer::Es256(pair) => pair.public_key().as_ref(),
        }
    }

    /// Signs a document.
    ///
    /// # Errors
    /// What clients would refuse is not signed: [`SigningFault::Lifetime`], [`SigningFault::TooLong`]. ES256 asks for
    /// random bytes: [`SigningFault::Random`].
    pub fn sign(&self, document: &KeyDocument, random: &dyn SecureRandom) -> Result<String, SigningFault> {
        if !is_lifetime(document.issued, document.expires) {
            return Err(SigningFault::Lifetime);
        }
        let header = serde_json::json!({ "alg": self.algorithm().name(), "typ": TYPE }).to_string();
        let claims = serde_json::json!({
            "aud": document.audience,
            "iat": document.issued,
            "exp": document.expires,
            "keys": BASE64URL.encode(&document.keys),
        });
        let mut jws = format!("{}.{}", BASE64URL.encode(header), BASE64URL.encode(claims.to_string()));
        let signature = self.signature(jws.as_bytes(), random)?;
        jws.push('.');
        BASE64URL.encode_string(signature, &mut jws);
        if jws.len() > PAYLOAD_KEY_DOCUMENT_BYTES { Err(SigningFault::TooLong) } else { Ok(jws) }
    }

    fn signature(
        &self,
        message: &[u8],
        random: &dyn SecureRandom,
    ) -> Result<ring::signature::Signature, SigningFault> {
        match &self.0 {
            Signer::EdDsa(pair) => Ok(pair.sign(message)),
            Signer::Es256(pair) => pair.sign(random, message).map_err(|_| SigningFault::Random),
        }
    }
}

impl fmt::Debug for DocumentSigner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("DocumentSigner")
            .field("algorithm", &self.algorithm())
            .field("public", &self.public())
            .finish_non_exhaustive()
    }
}

/// Why a document is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum DocumentFault {
    /// It is for another origin.
    #[error("the signed list of keys is for another origin")]
    Audience,
    /// Its time is over: ask for a newer one, or look at the clock.
    #[error("the signed list of keys has expired")]
    Expired,
    /// It is good for longer than [`PAYLOAD_KEY_DOCUMENT_SECONDS`], or ends before it begins.
    #[error("the signed list of keys is good for longer than 7 days, or ends before it begins")]
    Lifetime,
    /// It is no document, or one of another type or algorithm, or asks for an extension.
    #[error("no signed list of keys of the type, and signed by the algorithm, that is expected")]
    Malformed,
    /// A newer one has been seen.
    #[error("a newer signed list of keys has been seen: an old one was sent again")]
    Older,
    /// The signature is not by the pinned key.
    #[error("the list of keys is not signed by the pinned key")]
    Signature,
}

/// What a client knows before it reads a document. Times are in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expectation<'a> {
    /// The origin it wants to talk to.
    pub audience: &'a str,
    /// The time.
    pub now: u64,
    /// When the newest document was made that it has seen, if any.
    pub newest_issued: Option<u64>,
}

/// The key that a client pins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentVerifier {
    algorithm: SigningAlgorithm,
    public: Vec<u8>,
}

impl DocumentVerifier {
    /// Takes [`DocumentSigner::public`]. `None` if its length is not that of such a key.
    pub fn new(algorithm: SigningAlgorithm, public: &[u8]) -> Option<Self> {
        (public.len() == algorithm.public_len()).then(|| Self { algorithm, public: public.to_vec() })
    }

    /// Reads a document that this key has signed and that is as expected.
    ///
    /// # Errors
    /// [`DocumentFault`].
    pub fn verify(&self, jws: &[u8], expected: &Expectation<'_>) -> Result<KeyDocument, DocumentFault> {
        let (header, claims) = self.signed_parts(jws)?;
        self.check_header(&header)?;
        let claims = Object::parse(&claims).ok_or(DocumentFault::Malformed)?;
        let document = read_claims(&claims).ok_or(DocumentFault::Malformed)?;
        if document.audience != expected.audience {
            return Err(DocumentFault::Audience);
        }
        if !is_lifetime(document.issued, document.expires) {
            return Err(DocumentFault::Lifetime);
        }
        if expected.now >= document.expires {
            return Err(DocumentFault::Expired);
        }
        if expected.newest_issued.is_some_and(|newest| document.issued < newest) {
            return Err(DocumentFault::Older);
        }
        Ok(document)
    }

    /// Header and claims, decoded, after the signature over them has been checked: nothing else of a document is read
    /// before.
    fn signed_parts(&self, jws: &[u8]) -> Result<(Vec<u8>, Vec<u8>), DocumentFault> {
        if jws.len() > PAYLOAD_KEY_DOCUMENT_BYTES {
            return Err(DocumentFault::Malformed);
        }
        let mut dots = (0..jws.len()).filter(|&at| jws[at] == b'.');
        let (Some(first), Some(second), None) = (dots.next(), dots.next(), dots.next()) else {
            return Err(DocumentFault::Malformed);
        };
        let decoded = |part: &[u8]| BASE64URL.decode(part).map_err(|_| DocumentFault::Malformed);
        let signature = decoded(&jws[second + 1..])?;
        let key = match self.algorithm {
            SigningAlgorithm::EdDsa => UnparsedPublicKey::new(&ED25519, &self.public),
            SigningAlgorithm::Es256 => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &self.public),
        };
        key.verify(&jws[..second], &signature).map_err(|_| DocumentFault::Signature)?;
        Ok((decoded(&jws[..first])?, decoded(&jws[first + 1..second])?))
    }

    fn check_header(&self, header: &[u8]) -> Result<(), DocumentFault> {
        let header = Object::parse(header).ok_or(DocumentFault::Malformed)?;
        let as_expected = header.text("alg") == Some(self.algorithm.name())
            && header.text("typ") == Some(TYPE)
            && header.member("crit").is_none();
        if as_expected { Ok(()) } else { Err(DocumentFault::Malformed) }
    }
}

fn read_claims(claims: &Object) -> Option<KeyDocument> {
    Some(KeyDocument {
        audience: claims.text("aud")?.to_owned(),
        issued: claims.unsigned("iat")?,
        expires: claims.unsigned("exp")?,
        keys: BASE64URL.decode(claims.text("keys")?).ok()?,
    })
}

/// Whether a document may be good from one to the other.
fn is_lifetime(issued: u64, expires: u64) -> bool {
    let seconds = expires.checked_sub(issued);
    seconds.is_some_and(|seconds| (1..=PAYLOAD_KEY_DOCUMENT_SECONDS).contains(&seconds))
}

#[cfg(test)]
mod tests;
