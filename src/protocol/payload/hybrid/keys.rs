//! HPKE's key pairs, and the secret that two of them agree on: DHKEM (RFC 9180 section 4.1).

use std::convert::Infallible;
use std::fmt;

use hpke::kem::{DhP256HkdfSha256, X25519HkdfSha256};
use hpke::rand_core::{TryCryptoRng, TryRng};
use hpke::{Deserializable, Kem as _, Serializable};
use zeroize::Zeroizing;

use super::super::aead::NotOpening;

/// Random bytes that a key pair is made of, and bytes of a private key (`Nsk`) of either kind.
pub const PRIVATE_LEN: usize = 32;
/// Bytes of the longest public key.
pub const PUBLIC_LEN_MAX: usize = 65;

/// The secret both ends of an encapsulation know.
pub(super) type SharedSecret = super::Secret;

type X25519Private = <X25519HkdfSha256 as hpke::Kem>::PrivateKey;
type X25519Public = <X25519HkdfSha256 as hpke::Kem>::PublicKey;
type P256Private = <DhP256HkdfSha256 as hpke::Kem>::PrivateKey;
type P256Public = <DhP256HkdfSha256 as hpke::Kem>::PublicKey;

/// How the two ends agree on a secret, by its number in HPKE (RFC 9180 section 7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kem {
    /// DHKEM(P-256, HKDF-SHA256), 0x0010.
    P256,
    /// DHKEM(X25519, HKDF-SHA256), 0x0020.
    X25519,
}

impl Kem {
    /// Every one of them.
    pub const ALL: [Self; 2] = [Self::P256, Self::X25519];

    /// Its number in HPKE.
    pub fn id(self) -> u16 {
        match self {
            Self::P256 => 0x0010,
            Self::X25519 => 0x0020,
        }
    }

    /// The one with this number.
    pub fn of_id(id: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|kem| kem.id() == id)
    }

    /// Bytes of a public key (`Npk`).
    pub fn public_len(self) -> usize {
        match self {
            Self::P256 => 65,
            Self::X25519 => 32,
        }
    }

    /// Bytes of an encapsulated secret (`Nenc`): a public key.
    pub fn enc_len(self) -> usize {
        self.public_len()
    }
}

/// A public key as it is sent, or an encapsulated secret, which is one. Kept where it stands, without allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicBytes {
    bytes: [u8; PUBLIC_LEN_MAX],
    len: usize,
}

impl PublicBytes {
    pub(in crate::protocol::payload) fn new(bytes: &[u8]) -> Option<Self> {
        let mut all = [0; PUBLIC_LEN_MAX];
        all.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(Self { bytes: all, len: bytes.len() })
    }
}

impl AsRef<[u8]> for PublicBytes {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// A public key that messages are sealed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HpkePublicKey {
    point: PublicPoint,
    /// As it is sent: kept because every opening hashes it.
    bytes: PublicBytes,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum PublicPoint {
    P256(P256Public),
    X25519(X25519Public),
}

impl HpkePublicKey {
    /// Reads `SerializePublicKey`'s form; for P-256 the uncompressed point. `None` if it is no key of this kind.
    pub fn from_bytes(kem: Kem, bytes: &[u8]) -> Option<Self> {
        let point = match kem {
            Kem::P256 => PublicPoint::P256(Deserializable::from_bytes(bytes).ok()?),
            Kem::X25519 => PublicPoint::X25519(Deserializable::from_bytes(bytes).ok()?),
        };
        Some(Self { point, bytes: PublicBytes::new(bytes)? })
    }

    /// Which kind it is.
    pub fn kem(&self) -> Kem {
        match self.point {
            PublicPoint::P256(_) => Kem::P256,
            PublicPoint::X25519(_) => Kem::X25519,
        }
    }

    /// As [`Self::from_bytes`] reads it.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.as_ref()
    }

    /// `Encap`: a secret for the owner of this key, and what tells it to him. The ephemeral key pair is made of
    /// `random`, which is used once. Fails for a key that agrees on nothing: a point of low order.
    pub(super) fn encapsulate(
        &self,
        random: &[u8; PRIVATE_LEN],
    ) -> Result<(SharedSecret, PublicBytes), NotOpening> {
        fn with<K: hpke::Kem>(
            public: &K::PublicKey,
            random: &[u8; PRIVATE_LEN],
        ) -> Result<(SharedSecret, PublicBytes), NotOpening> {
            let (secret, enc) =
                K::encap_with_rng(public, None, &mut Given(random)).map_err(|_| NotOpening)?;
            Ok((copied(&secret.0)?, PublicBytes::new(&enc.to_bytes()).ok_or(NotOpening)?))
        }
        match &self.point {
            PublicPoint::P256(public) => with::<DhP256HkdfSha256>(public, random),
            PublicPoint::X25519(public) => with::<X25519HkdfSha256>(public, random),
        }
    }
}

/// A private key, erased when dropped, with its public key.
pub struct HpkePrivateKey {
    scalar: PrivateScalar,
    public: HpkePublicKey,
}

enum PrivateScalar {
    P256(P256Private),
    X25519(X25519Private),
}

impl HpkePrivateKey {
    /// `DeriveKeyPair` (RFC 9180 section 7.1.3): as unguessable as `random` is.
    pub fn generate(kem: Kem, random: &[u8; PRIVATE_LEN]) -> Self {
        let (scalar, point) = match kem {
            Kem::P256 => {
                let (private, public) = DhP256HkdfSha256::derive_keypair(random);
                (PrivateScalar::P256(private), PublicPoint::P256(public))
            }
            Kem::X25519 => {
                let (private, public) = X25519HkdfSha256::derive_keypair(random);
                (PrivateScalar::X25519(private), PublicPoint::X25519(public))
            }
        };
        Self { scalar, public: HpkePublicKey { bytes: point.to_bytes(), point } }
    }

    /// Reads `SerializePrivateKey`'s form. `None` if it is no key of this kind.
    pub fn from_bytes(kem: Kem, bytes: &[u8]) -> Option<Self> {
        let (scalar, point) = match kem {
            Kem::P256 => {
                let private: P256Private = Deserializable::from_bytes(bytes).ok()?;
                let public = DhP256HkdfSha256::sk_to_pk(&private);
                (PrivateScalar::P256(private), PublicPoint::P256(public))
            }
            Kem::X25519 => {
                let private: X25519Private = Deserializable::from_bytes(bytes).ok()?;
                let public = X25519HkdfSha256::sk_to_pk(&private);
                (PrivateScalar::X25519(private), PublicPoint::X25519(public))
            }
        };
        Some(Self { scalar, public: HpkePublicKey { bytes: point.to_bytes(), point } })
    }

    /// As [`Self::from_bytes`] reads it.
    pub fn to_bytes(&self) -> Zeroizing<[u8; PRIVATE_LEN]> {
        let mut bytes = Zeroizing::new([0; PRIVATE_LEN]);
        match &self.scalar {
            PrivateScalar::P256(private) => private.write_exact(bytes.as_mut_slice()),
            PrivateScalar::X25519(private) => private.write_exact(bytes.as_mut_slice()),
        }
        bytes
    }

    /// Which kind it is.
    pub fn kem(&self) -> Kem {
        self.public.kem()
    }

    /// What clients seal to.
    pub fn public(&self) -> &HpkePublicKey {
        &self.public
    }

    /// `Decap`: the secret that `enc` tells the owner of this key. Fails if `enc` is no public key of its kind, or one
    /// that agrees on nothing.
    pub(super) fn decapsulate(&self, enc: &[u8]) -> Result<SharedSecret, NotOpening> {
        fn with<K: hpke::Kem>(private: &K::PrivateKey, enc: &[u8]) -> Result<SharedSecret, NotOpening> {
            let enc = K::EncappedKey::from_bytes(enc).map_err(|_| NotOpening)?;
            copied(&K::decap(private, None, &enc).map_err(|_| NotOpening)?.0)
        }
        match &self.scalar {
            PrivateScalar::P256(private) => with::<DhP256HkdfSha256>(private, enc),
            PrivateScalar::X25519(private) => with::<X25519HkdfSha256>(private, enc),
        }
    }
}

impl fmt::Debug for HpkePrivateKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("HpkePrivateKey").field("public", &self.public).finish_non_exhaustive()
    }
}

impl PublicPoint {
    fn to_bytes(&self) -> PublicBytes {
        let bytes = match self {
            Self::P256(public) => PublicBytes::new(&public.to_bytes()),
            Self::X25519(public) => PublicBytes::new(&public.to_bytes()),
        };
        // invariant: both kinds are at most PUBLIC_LEN_MAX bytes long
        bytes.expect("a public key fits")
    }
}

fn copied(secret: &[u8]) -> Result<SharedSecret, NotOpening> {
    let mut shared = SharedSecret::default();
    if secret.len() != shared.len() {
        return Err(NotOpening);
    }
    shared.copy_from_slice(secret);
    Ok(shared)
}

/// Hands out bytes that were drawn elsewhere. A key pair takes [`PRIVATE_LEN`] of them, once.
pub(super) struct Given<'a>(pub(super) &'a [u8; PRIVATE_LEN]);

impl TryRng for Given<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, wanted: &mut [u8]) -> Result<(), Infallible> {
        for (byte, given) in wanted.iter_mut().zip(self.0.iter().cycle()) {
            *byte = *given;
        }
        Ok(())
    }
}

impl TryCryptoRng for Given<'_> {}
