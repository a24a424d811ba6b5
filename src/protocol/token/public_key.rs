//! One public key as JSON (RFC 7517, RFC 7518 section 6, RFC 8037): RSA, P-256, P-384 and Ed25519, for signatures alone.
//!
//! Whether a point lies on its curve is found when it first verifies: then nothing it is said to have signed is believed.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use ring::digest;

use super::algorithm::Algorithm;
use super::compact_jws::decoded;
use crate::protocol::strict_json::{Member, Object};

/// Bits of an RSA modulus: below, it can be broken; above, it costs a worker milliseconds.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;
/// Bytes of an RSA exponent: *ring* takes up to 33 bits.
const RSA_EXPONENT_BYTES: usize = 5;

/// A key that verifies signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublicKey {
    /// Ed25519's 32 bytes.
    Ed25519([u8; 32]),
    /// A point on P-256: 4, x, y.
    P256([u8; 65]),
    /// A point on P-384: 4, x, y.
    P384([u8; 97]),
    /// An RSA key; both numbers without zeros before them.
    Rsa {
        /// The modulus.
        n: Box<[u8]>,
        /// The exponent.
        e: Box<[u8]>,
    },
}

/// Why a key is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum KeyFault {
    /// `alg` is of another kind of key, or of none that verifies signatures.
    #[error("its `alg` is not one for signatures by this kind of key")]
    Algorithm,
    /// Another key would be found by the same name.
    #[error("an earlier key has the same `kid`")]
    Duplicate,
    /// `kty` or `crv` is of another kind.
    #[error("it is not RSA, EC (P-256, P-384) or OKP (Ed25519)")]
    Kind,
    /// A member is not there, or has not the form that it must have.
    #[error("a member is missing or malformed")]
    Malformed,
    /// It holds what nobody but its owner may know.
    #[error("it holds the private key: it is known to everybody, replace it")]
    Private,
    /// Its modulus is too short or too long, or even, or its exponent is.
    #[error("its modulus has fewer than 2048 or more than 8192 bits, or a number in it is not odd")]
    Size,
    /// There are more keys than a set may have.
    #[error("the set has too many keys")]
    TooMany,
    /// `use` or `key_ops` say that it does not verify signatures.
    #[error("it is not for verifying signatures, as its `use` or `key_ops` says")]
    Use,
}

impl PublicKey {
    /// Reads a key by its `kty`. What it is for is not looked at.
    ///
    /// # Errors
    /// [`KeyFault::Kind`], [`KeyFault::Malformed`], [`KeyFault::Private`], [`KeyFault::Size`].
    pub(crate) fn from_jwk(jwk: &Object) -> Result<Self, KeyFault> {
        let kind = jwk.text("kty").ok_or(KeyFault::Malformed)?;
        let curve = || jwk.text("crv").ok_or(KeyFault::Malformed);
        let key = match kind {
            "RSA" => Self::rsa(&number(jwk, "n")?, &number(jwk, "e")?)?,
            "EC" => match curve()? {
                "P-256" => Self::P256(point::<32, 65>(jwk)?),
                "P-384" => Self::P384(point::<48, 97>(jwk)?),
                _ => return Err(KeyFault::Kind),
            },
            "OKP" if curve()? == "Ed25519" => Self::Ed25519(coordinate(jwk, "x")?),
            _ => return Err(KeyFault::Kind),
        };
        let private = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"];
        if private.iter().any(|name| jwk.member(name).is_some()) { Err(KeyFault::Private) } else { Ok(key) }
    }

    /// Makes an RSA key of two numbers, big-endian. Zeros before them are taken off, as MobileFirst writes one before the
    /// modulus against RFC 7518 section 6.3.1.1.
    ///
    /// # Errors
    /// [`KeyFault::Size`].
    pub fn rsa(n: &[u8], e: &[u8]) -> Result<Self, KeyFault> {
        let (n, e) = (without_zeros(n), without_zeros(e));
        let is_odd = |number: &[u8]| number.last().is_some_and(|byte| byte % 2 == 1);
        let leading = n.first().map_or(0, |byte| byte.leading_zeros() as usize);
        let is_fit = RSA_BITS.contains(&(n.len() * 8 - leading))
            && e.len() <= RSA_EXPONENT_BYTES
            && is_odd(n)
            && is_odd(e)
            && e != [1];
        if is_fit { Ok(Self::Rsa { n: n.into(), e: e.into() }) } else { Err(KeyFault::Size) }
    }

    /// True if such a key verifies signatures of `algorithm`.
    pub fn fits(&self, algorithm: Algorithm) -> bool {
        match self {
            Self::Ed25519(_) => algorithm == Algorithm::EdDsa,
            Self::P256(_) => algorithm == Algorithm::Es256,
            Self::P384(_) => algorithm == Algorithm::Es384,
            Self::Rsa { .. } => {
                use Algorithm::{Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
                matches!(algorithm, Rs256 | Rs384 | Rs512 | Ps256 | Ps384 | Ps512)
            }
        }
    }

    /// The key's name by itself: SHA-256 of its required members in order (RFC 7638).
    pub fn thumbprint(&self) -> [u8; 32] {
        let text = match self {
            Self::Ed25519(x) => format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, BASE64URL.encode(x)),
            Self::P256(point) => ec_members("P-256", &point[1..33], &point[33..]),
            Self::P384(point) => ec_members("P-384", &point[1..49], &point[49..]),
            Self::Rsa { n, e } => {
                format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, BASE64URL.encode(e), BASE64URL.encode(n))
            }
        };
        let mut thumbprint = [0; 32];
        thumbprint.copy_from_slice(digest::digest(&digest::SHA256, text.as_bytes()).as_ref());
        thumbprint
    }
}

/// Checks that a key is one for verifying signatures (RFC 7517 sections 4.2 to 4.4), and gives the one algorithm that it
/// is for, if it says so.
///
/// # Errors
/// [`KeyFault::Algorithm`], [`KeyFault::Use`].
pub(super) fn purpose(jwk: &Object, key: &PublicKey) -> Result<Option<Algorithm>, KeyFault> {
    let is_for_signatures = match jwk.present("use") {
        None => true,
        Some(member) => member.as_text() == Some("sig"),
    };
    let verifies = match jwk.present("key_ops") {
        None => true,
        Some(Member::List(list)) => list.iter().any(|operation| operation.as_text() == Some("verify")),
        Some(_) => false,
    };
    if !is_for_signatures || !verifies {
        return Err(KeyFault::Use);
    }
    let Some(name) = jwk.present("alg") else { return Ok(None) };
    let algorithm = name.as_text().and_then(Algorithm::of_name).filter(|algorithm| key.fits(*algorithm));
    algorithm.map(Some).ok_or(KeyFault::Algorithm)
}

fn ec_members(curve: &str, x: &[u8], y: &[u8]) -> String {
    format!(r#"{{"crv":"{curve}","kty":"EC","x":"{}","y":"{}"}}"#, BASE64URL.encode(x), BASE64URL.encode(y))
}

fn number(jwk: &Object, name: &str) -> Result<Vec<u8>, KeyFault> {
    jwk.text(name).and_then(decoded).ok_or(KeyFault::Malformed)
}

fn coordinate<const N: usize>(jwk: &Object, name: &str) -> Result<[u8; N], KeyFault> {
    number(jwk, name)?.try_into().map_err(|_| KeyFault::Malformed)
}

/// The uncompressed point of coordinates of `N` bytes each; `P` is 2 `N` + 1.
fn point<const N: usize, const P: usize>(jwk: &Object) -> Result<[u8; P], KeyFault> {
    let (x, y) = (coordinate::<N>(jwk, "x")?, coordinate::<N>(jwk, "y")?);
    let mut point = [4; P];
    for (place, byte) in point.iter_mut().skip(1).zip(x.into_iter().chain(y)) {
        *place = byte;
    }
    Ok(point)
}

fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

#[cfg(test)]
mod tests;
