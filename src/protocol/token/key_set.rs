//! An issuer's keys: a set as JSON (RFC 7517 section 5), or MobileFirst's single key.
//!
//! A key that cannot be used is skipped and named, so that one new kind of key does not take the others away. Fetching the
//! set, and keeping the last good one, is left to whoever can make calls.

use super::algorithm::Algorithm;
use super::public_key::{KeyFault, PublicKey, purpose};
use super::signature::VerifyingKey;
use crate::limits::{KEY_SET_BYTES, KEY_SET_COMPLAINTS, KEY_SET_KEYS, KEYS_TRIED, TOKEN_KID_BYTES};
use crate::protocol::strict_json::{Member, Object};

/// Keys by which an issuer signs.
#[derive(Clone, Debug)]
pub struct KeySet(Vec<Key>);

/// One of them.
#[derive(Clone, Debug)]
pub struct Key {
    kid: Option<Box<str>>,
    /// The one algorithm that it is for, if it says so.
    algorithm: Option<Algorithm>,
    key: VerifyingKey,
}

/// A key that was skipped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// Which one: its place in the list.
    pub index: usize,
    /// Its name, if it has one that can be printed.
    pub kid: Option<Box<str>>,
    /// Why.
    pub fault: KeyFault,
}

/// Why a text is no set of keys that is of use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum KeySetFault {
    /// No object with a list `keys` of objects, or a member appears twice.
    #[error("it is no JSON Web Key Set: an object with a list `keys`, in which no member appears twice")]
    Malformed,
    /// All of its keys were skipped.
    #[error(
        "it has no key that can be used: RSA (2048 to 8192 bits), P-256, P-384 or Ed25519, for signatures"
    )]
    NoneUsable,
    /// More than [`KEY_SET_BYTES`].
    #[error("it is longer than {KEY_SET_BYTES} bytes")]
    TooLong,
}

impl KeySet {
    /// Reads a set, or a single key. The first [`KEY_SET_COMPLAINTS`] keys that were skipped are named.
    ///
    /// # Errors
    /// [`KeySetFault`].
    pub fn parse(text: &[u8]) -> Result<(Self, Vec<Complaint>), KeySetFault> {
        if text.len() > KEY_SET_BYTES {
            return Err(KeySetFault::TooLong);
        }
        let object = Object::parse(text).ok_or(KeySetFault::Malformed)?;
        let (mut set, mut complaints) = (Self(Vec::new()), Vec::new());
        let mut take = |index: usize, jwk: Option<&Object>| {
            let Err(fault) = jwk.ok_or(KeyFault::Malformed).and_then(|jwk| set.take(jwk)) else { return };
            if complaints.len() < KEY_SET_COMPLAINTS {
                let kid = jwk.and_then(|jwk| jwk.text("kid")).filter(|kid| is_printable(kid));
                complaints.push(Complaint { index, kid: kid.map(Box::from), fault });
            }
        };
        match object.list("keys") {
            Some(keys) => keys.iter().enumerate().for_each(|(index, key)| match key {
                Member::Object(jwk) => take(index, Some(jwk)),
                _ => take(index, None),
            }),
            None if object.member("kty").is_some() => take(0, Some(&object)),
            None => return Err(KeySetFault::Malformed),
        }
        if set.0.is_empty() { Err(KeySetFault::NoneUsable) } else { Ok((set, complaints)) }
    }

    /// The key of this name that verifies signatures of `algorithm`. Without a name: all that do, in their order, up to
    /// [`KEYS_TRIED`], as nobody says which.
    pub fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> impl Iterator<Item = &Key> {
        let named = move |key: &&Key| kid.is_none() || key.kid.as_deref() == kid;
        self.0.iter().filter(move |key| key.fits(algorithm)).filter(named).take(KEYS_TRIED)
    }

    /// Whether every key of `older` is one of these, whatever it is called.
    pub fn has_all_of(&self, older: &Self) -> bool {
        older.0.iter().all(|key| self.0.iter().any(|own| own.public() == key.public()))
    }

    /// How many keys it has.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Never: a set has at least one key.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a key, unless another would be found in its place.
    fn take(&mut self, jwk: &Object) -> Result<(), KeyFault> {
        if self.0.len() == KEY_SET_KEYS {
            return Err(KeyFault::TooMany);
        }
        let public = PublicKey::from_jwk(jwk)?;
        let algorithm = purpose(jwk, &public)?;
        let kid = match jwk.present("kid") {
            None => None,
            Some(Member::Text(kid)) if kid.len() <= TOKEN_KID_BYTES => Some(Box::from(kid.as_str())),
            Some(_) => return Err(KeyFault::Malformed),
        };
        let key = Key { kid, algorithm, key: VerifyingKey::new(public) };
        let meets = |other: &Key| Algorithm::ALL.into_iter().any(|name| key.fits(name) && other.fits(name));
        if key.kid.is_some() && self.0.iter().any(|other| other.kid == key.kid && meets(other)) {
            return Err(KeyFault::Duplicate);
        }
        self.0.push(key);
        Ok(())
    }
}

impl Key {
    /// Its name.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The key itself.
    pub fn public(&self) -> &PublicKey {
        self.key.public()
    }

    /// True if `signature`, in base64url, is this key's over `message` by `algorithm`, which it has to fit.
    pub fn verifies(&self, algorithm: Algorithm, message: &str, signature: &str) -> bool {
        self.fits(algorithm) && self.key.verifies(algorithm, message, signature)
    }

    /// True if it verifies signatures of `algorithm`: by its kind, and by what it says of itself.
    pub fn fits(&self, algorithm: Algorithm) -> bool {
        self.key.public().fits(algorithm) && self.algorithm.is_none_or(|own| own == algorithm)
    }
}

/// Safe in a line of a log.
fn is_printable(kid: &str) -> bool {
    kid.len() <= TOKEN_KID_BYTES && kid.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests;
