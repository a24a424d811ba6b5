//! The list of HPKE keys, `application/ohttp-keys` (RFC 9458 section 3), and the proxy's own keys that it is made of.
//!
//! ```text
//! list     │length 2│config│length 2│config│ ...             the preferred one first
//! config   │id 1│KEM 2│public key│length 2│KDF 2│AEAD 2│ ...
//! ```
//! How long a key lives, and whether its id is free to be used again, is left to who makes the keys.

use super::aead::Aead;
use super::hybrid::{HpkePrivateKey, HpkePublicKey, KDF_ID, Kem};
use crate::limits;

/// One public key, with what it may be used for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyConfig {
    /// What names the key in a request.
    pub id: u8,
    /// The key itself.
    pub public: HpkePublicKey,
    /// The ciphers that go with it, the preferred one first; at least one.
    pub aeads: Vec<Aead>,
}

/// Why a list of keys is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum KeyListFault {
    /// It breaks off, or a length in it is wrong.
    #[error("the list of keys is cut or a length in it is wrong")]
    Malformed,
    /// None of its keys can be used here: they are of other kinds.
    #[error(
        "no key of the list is of a kind that is supported (X25519 or P-256, HKDF-SHA256, an AEAD of HPKE)"
    )]
    NoneUsable,
    /// More than [`limits::PAYLOAD_KEY_LIST_BYTES`].
    #[error("the list of keys is longer than {} bytes", limits::PAYLOAD_KEY_LIST_BYTES)]
    TooLong,
}

/// Reads a list of keys and leaves out those of other kinds, and ciphers and key derivations that are not ours.
///
/// # Errors
/// [`KeyListFault`].
pub fn parse_key_list(bytes: &[u8]) -> Result<Vec<KeyConfig>, KeyListFault> {
    if bytes.len() > limits::PAYLOAD_KEY_LIST_BYTES {
        return Err(KeyListFault::TooLong);
    }
    let mut configs = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (config, behind) = length_prefixed(rest).ok_or(KeyListFault::Malformed)?;
        configs.extend(parse_config(config)?);
        rest = behind;
    }
    if configs.is_empty() { Err(KeyListFault::NoneUsable) } else { Ok(configs) }
}

/// Writes a list of keys.
pub fn encode_key_list<'a>(configs: impl IntoIterator<Item = &'a KeyConfig>) -> Vec<u8> {
    let mut list = Vec::new();
    for config in configs {
        let encoded = config.encode();
        list.extend_from_slice(&length_of(&encoded));
        list.extend_from_slice(&encoded);
    }
    list
}

impl KeyConfig {
    /// One key configuration (RFC 9458 section 3.1), without the length that a list has in front of it.
    pub fn encode(&self) -> Vec<u8> {
        let pairs: Vec<u8> = self
            .aeads
            .iter()
            .flat_map(|aead| [KDF_ID.to_be_bytes(), aead.id().to_be_bytes()])
            .flatten()
            .collect();
        let kem = self.public.kem().id().to_be_bytes();
        [&[self.id], &kem[..], self.public.as_bytes(), &length_of(&pairs), &pairs].concat()
    }
}

/// Why keys are no set of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum GatewayKeysFault {
    /// There is none.
    #[error("no HPKE key: give at least one")]
    Empty,
    /// Two have this id, so that a client could not say which it means.
    #[error("two HPKE keys have the id {0}: give each its own")]
    IdRepeated(u8),
    /// More than [`limits::PAYLOAD_GATEWAY_KEYS`].
    #[error("more than {} HPKE keys: remove those whose overlap has ended", limits::PAYLOAD_GATEWAY_KEYS)]
    TooMany,
}

/// The proxy's own keys. All open; the first is offered first. Erased when dropped.
#[derive(Debug)]
pub struct GatewayKeys {
    keys: Vec<(u8, HpkePrivateKey)>,
}

impl GatewayKeys {
    /// Keys with their ids, the preferred one first.
    ///
    /// # Errors
    /// [`GatewayKeysFault`].
    pub fn new(keys: Vec<(u8, HpkePrivateKey)>) -> Result<Self, GatewayKeysFault> {
        if keys.is_empty() {
            return Err(GatewayKeysFault::Empty);
        }
        if keys.len() > limits::PAYLOAD_GATEWAY_KEYS {
            return Err(GatewayKeysFault::TooMany);
        }
        let repeated =
            keys.iter().enumerate().find(|(at, (id, _))| keys[..*at].iter().any(|(other, _)| other == id));
        match repeated {
            Some((_, (id, _))) => Err(GatewayKeysFault::IdRepeated(*id)),
            None => Ok(Self { keys }),
        }
    }

    /// The key that a request names.
    pub fn find(&self, id: u8) -> Option<&HpkePrivateKey> {
        self.keys.iter().find(|(named, _)| *named == id).map(|(_, key)| key)
    }

    /// What clients are told of the keys, the preferred one first.
    pub fn configs(&self) -> Vec<KeyConfig> {
        let config = |(id, key): &(u8, HpkePrivateKey)| KeyConfig {
            id: *id,
            public: key.public().clone(),
            aeads: Aead::ALL.to_vec(),
        };
        self.keys.iter().map(config).collect()
    }

    /// The same as `application/ohttp-keys`.
    pub fn encode(&self) -> Vec<u8> {
        encode_key_list(&self.configs())
    }
}

/// One key configuration. `None`: it is whole, but not of a kind that can be used here.
fn parse_config(bytes: &[u8]) -> Result<Option<KeyConfig>, KeyListFault> {
    let (head, rest) = bytes.split_first_chunk().ok_or(KeyListFault::Malformed)?;
    let &[id, a, b] = head;
    // The length of another kind's key is not known: what follows it cannot be read either.
    let Some(kem) = Kem::of_id(u16::from_be_bytes([a, b])) else { return Ok(None) };
    let (public, rest) = rest.split_at_checked(kem.public_len()).ok_or(KeyListFault::Malformed)?;
    let public = HpkePublicKey::from_bytes(kem, public).ok_or(KeyListFault::Malformed)?;
    let (pairs, rest) = length_prefixed(rest).ok_or(KeyListFault::Malformed)?;
    let (pairs, odd) = pairs.as_chunks();
    if pairs.is_empty() || !odd.is_empty() || !rest.is_empty() {
        return Err(KeyListFault::Malformed);
    }
    let ours = pairs.iter().filter(|&&[a, b, _, _]| u16::from_be_bytes([a, b]) == KDF_ID);
    let aeads: Vec<_> = ours.filter_map(|&[_, _, c, d]| Aead::of_id(u16::from_be_bytes([c, d]))).collect();
    Ok((!aeads.is_empty()).then_some(KeyConfig { id, public, aeads }))
}

/// The bytes that a length of two bytes announces, and what follows them.
fn length_prefixed(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

fn length_of(bytes: &[u8]) -> [u8; 2] {
    // invariant: a configuration is a key of at most 65 bytes and one pair for each cipher
    u16::try_from(bytes.len()).expect("a configuration is short").to_be_bytes()
}

#[cfg(test)]
mod tests;
