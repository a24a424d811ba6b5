//! HPKE (RFC 9180) in base mode with HKDF-SHA256: a sender who knows a public key shares a secret with its owner.
//!
//! The key agreement is the `hpke` crate's. The key schedule stands here, so that its key goes to *ring* and messages
//! are opened where they lie, as chunks too. Who the sender is, base mode does not say.

mod keys;
#[cfg(test)]
mod tests;

use std::fmt;

use zeroize::Zeroizing;

use super::aead::{Aead, MessageKey, NONCE_LEN, NotOpening};
use super::key_schedule::{SECRET_LEN, hmac_sha256};
pub use keys::{HpkePrivateKey, HpkePublicKey, Kem, PRIVATE_LEN, PUBLIC_LEN_MAX, PublicBytes};

/// The number of HKDF-SHA256, the only key derivation in use (RFC 9180 section 7.2).
pub const KDF_ID: u16 = 0x0001;

/// `mode_base`.
const MODE: u8 = 0;
/// What labels begin with.
const VERSION: &[u8] = b"HPKE-v1";

/// `SetupBaseR`: the end that owns `key`, from the `enc` that the sender sent. The key's index is HPKE's sequence number:
/// it counts messages from 0.
///
/// # Errors
/// `enc` is no public key of `key`'s kind, or agrees on nothing.
pub fn setup_receiver(
    key: &HpkePrivateKey,
    aead: Aead,
    enc: &[u8],
    info: &[u8],
) -> Result<(MessageKey, Exporter), NotOpening> {
    Ok(schedule(key.kem(), aead, key.decapsulate(enc)?.as_slice(), info))
}

/// `SetupBaseS`: the `enc` to send, and what [`setup_receiver`] gives the other end. The ephemeral key is made of
/// `random`, which is used once; then no index may be used twice.
///
/// # Errors
/// `public` agrees on nothing.
pub fn setup_sender(
    public: &HpkePublicKey,
    aead: Aead,
    info: &[u8],
    random: &[u8; PRIVATE_LEN],
) -> Result<(PublicBytes, MessageKey, Exporter), NotOpening> {
    let (secret, enc) = public.encapsulate(random)?;
    let (message, exporter) = schedule(public.kem(), aead, secret.as_slice(), info);
    Ok((enc, message, exporter))
}

/// Derives further secrets that both ends share (RFC 9180 section 5.3).
pub struct Exporter {
    secret: Secret,
    suite: SuiteId,
}

impl Exporter {
    /// `Export`: the secret of `N` bytes, at most 32, that belongs to `context`.
    pub fn export<const N: usize>(&self, context: &[u8]) -> Zeroizing<[u8; N]> {
        self.suite.labeled_expand(&self.secret, "sec", context)
    }
}

impl fmt::Debug for Exporter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Exporter").finish_non_exhaustive()
    }
}

/// What HMAC-SHA256 makes, erased when dropped.
type Secret = Zeroizing<[u8; SECRET_LEN]>;

/// `KeySchedule` (RFC 9180 section 5.1) without a pre-shared key.
fn schedule(kem: Kem, aead: Aead, shared: &[u8], info: &[u8]) -> (MessageKey, Exporter) {
    let suite = SuiteId::new(kem, aead);
    let mut context = [MODE; 1 + 2 * SECRET_LEN];
    context[1..=SECRET_LEN].copy_from_slice(&*suite.labeled_extract(b"", "psk_id_hash", b""));
    context[1 + SECRET_LEN..].copy_from_slice(&*suite.labeled_extract(b"", "info_hash", info));
    let secret = suite.labeled_extract(shared, "secret", b"");

    let nonce: Zeroizing<[u8; NONCE_LEN]> = suite.labeled_expand(&secret, "base_nonce", &context);
    let message = match aead.key_len() {
        16 => MessageKey::new(aead, &*suite.labeled_expand::<16>(&secret, "key", &context), &nonce),
        _ => MessageKey::new(aead, &*suite.labeled_expand::<32>(&secret, "key", &context), &nonce),
    };
    let exporter = Exporter { secret: suite.labeled_expand(&secret, "exp", &context), suite };
    // invariant: 16 and 32 are the only lengths of keys
    (message.expect("a key of the cipher's length"), exporter)
}

/// `"HPKE" | kem_id | kdf_id | aead_id` (RFC 9180 section 5.1), and HKDF labelled with it (section 4).
#[derive(Clone, Copy)]
struct SuiteId([u8; 10]);

impl SuiteId {
    fn new(kem: Kem, aead: Aead) -> Self {
        let mut id = *b"HPKE......";
        id[4..6].copy_from_slice(&kem.id().to_be_bytes());
        id[6..8].copy_from_slice(&KDF_ID.to_be_bytes());
        id[8..].copy_from_slice(&aead.id().to_be_bytes());
        Self(id)
    }

    /// `LabeledExtract`.
    fn labeled_extract(&self, salt: &[u8], label: &str, material: &[u8]) -> Secret {
        hmac_sha256(salt, &[VERSION, &self.0, label.as_bytes(), material])
    }

    /// `LabeledExpand` of at most one block, which is all that keys, nonces and secrets need.
    fn labeled_expand<const N: usize>(&self, prk: &Secret, label: &str, info: &[u8]) -> Zeroizing<[u8; N]> {
        const { assert!(N <= SECRET_LEN, "one block of HKDF") };
        let length = (N as u16).to_be_bytes();
        let block = hmac_sha256(prk.as_slice(), &[&length, VERSION, &self.0, label.as_bytes(), info, &[1]]);
        let mut out = Zeroizing::new([0; N]);
        out.copy_from_slice(&block[..N]);
        out
    }
}
