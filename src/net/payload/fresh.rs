//! New keys, from the system's randomness.

use ring::rand::SystemRandom;
use zeroize::Zeroizing;

use super::fault::KeyFault;
use super::key_file::{SECRET_LEN, TicketSecret};
use super::settings::START_ID_LEN;
use crate::net::entropy;
use crate::protocol::payload::hybrid::{HpkePrivateKey, Kem, PRIVATE_LEN};
use crate::protocol::payload::key_document::{DocumentSigner, SigningAlgorithm};
use crate::protocol::payload::ohttp_keys::GatewayKeys;

/// A key pair that clients seal to.
///
/// # Errors
/// [`KeyFault::Random`], as all of them.
pub fn payload_key(kem: Kem) -> Result<HpkePrivateKey, KeyFault> {
    Ok(HpkePrivateKey::generate(kem, &*secret::<PRIVATE_LEN>()?))
}

/// An id for such a key.
pub fn key_id() -> Result<u8, KeyFault> {
    Ok(u8::from_be_bytes(*secret()?))
}

/// One key pair of either kind: clients take the one they can use, and those that can use both the faster.
pub fn gateway() -> Result<GatewayKeys, KeyFault> {
    let first = key_id()?;
    // Odd, and so not zero.
    let second = first.wrapping_add(key_id()? | 1);
    let keys = vec![(first, payload_key(Kem::X25519)?), (second, payload_key(Kem::P256)?)];
    Ok(GatewayKeys::new(keys)?)
}

/// What a ticket key is made of.
pub fn ticket_secret() -> Result<TicketSecret, KeyFault> {
    secret::<SECRET_LEN>()
}

/// What tells a process from its forerunner.
pub fn start_id() -> Result<[u8; START_ID_LEN], KeyFault> {
    Ok(*secret()?)
}

/// A signing key, as PKCS #8.
pub fn signing_key(algorithm: SigningAlgorithm) -> Result<Zeroizing<Vec<u8>>, KeyFault> {
    Ok(DocumentSigner::generate(algorithm, &SystemRandom::new())?)
}

/// Such a signing key, ready to sign.
pub fn signer(algorithm: SigningAlgorithm, pkcs8: &[u8]) -> Result<DocumentSigner, KeyFault> {
    Ok(DocumentSigner::from_pkcs8(algorithm, pkcs8, &SystemRandom::new())?)
}

fn secret<const N: usize>() -> Result<Zeroizing<[u8; N]>, KeyFault> {
    let mut bytes = Zeroizing::new([0; N]);
    entropy::fill(bytes.as_mut_slice()).map_err(|_| KeyFault::Random)?;
    Ok(bytes)
}
