//! The derivations of the protocol once more, straight from its text: what the product makes is compared with them.

use ring::aead::{AES_128_GCM, AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ring::{digest, hmac};
use ringwall::protocol::payload::aead::{Aead, NONCE_LEN};
use ringwall::protocol::payload::hybrid::{Exporter, KDF_ID, Kem};

use crate::shape::Hex;

/// Every pair of a kind of key and a cipher.
pub(crate) fn suites() -> impl Iterator<Item = (Kem, Aead)> {
    Kem::ALL.into_iter().flat_map(|kem| Aead::ALL.into_iter().map(move |aead| (kem, aead)))
}

/// A name of a suite for the name of a vector.
pub(crate) fn suite_name(kem: Kem, aead: Aead) -> String {
    let kem = match kem {
        Kem::P256 => "p256",
        Kem::X25519 => "x25519",
    };
    format!("{kem} {}", aead_name(aead))
}

pub(crate) fn aead_name(aead: Aead) -> &'static str {
    match aead {
        Aead::Aes128Gcm => "aes-128-gcm",
        Aead::Aes256Gcm => "aes-256-gcm",
        Aead::ChaCha20Poly1305 => "chacha20-poly1305",
    }
}

/// What stands for random bytes: the SHA-256 of a label.
pub(crate) fn drawn(label: &str) -> [u8; 32] {
    let digest = digest::digest(&digest::SHA256, label.as_bytes());
    digest.as_ref().try_into().expect("32 bytes")
}

/// The first `N` of them.
pub(crate) fn drawn_part<const N: usize>(label: &str) -> [u8; N] {
    drawn(label)[..N].try_into().expect("at most 32 bytes")
}

pub(crate) fn hmac_of(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), &parts.concat());
    tag.as_ref().try_into().expect("32 bytes")
}

/// `Expand(prk, "key", Nk)` and `Expand(prk, "nonce", Nn)`.
pub(crate) struct Keys {
    aead: Aead,
    pub(crate) key: Vec<u8>,
    pub(crate) nonce: [u8; NONCE_LEN],
}

impl Keys {
    pub(crate) fn of(prk: &[u8], aead: Aead) -> Self {
        let block = |label: &[u8]| hmac_of(prk, &[label, &[1]]);
        let nonce = block(b"nonce")[..NONCE_LEN].try_into().expect("12 bytes");
        Self { aead, key: block(b"key")[..aead.key_len()].to_vec(), nonce }
    }

    pub(crate) fn nonce_of(&self, index: u64) -> [u8; NONCE_LEN] {
        let mut nonce = self.nonce;
        nonce[4..].iter_mut().zip(index.to_be_bytes()).for_each(|(byte, number)| *byte ^= number);
        nonce
    }

    pub(crate) fn sealed(&self, index: u64, aad: &[u8], plaintext: &[u8]) -> Vec<u8> {
        let algorithm = match self.aead {
            Aead::Aes128Gcm => &AES_128_GCM,
            Aead::Aes256Gcm => &AES_256_GCM,
            Aead::ChaCha20Poly1305 => &CHACHA20_POLY1305,
        };
        let key = LessSafeKey::new(UnboundKey::new(algorithm, &self.key).expect("the cipher's length"));
        let nonce = Nonce::assume_unique_for_key(self.nonce_of(index));
        let mut sealed = plaintext.to_vec();
        key.seal_in_place_append_tag(nonce, Aad::from(aad), &mut sealed).expect("sealed");
        sealed
    }
}

/// The seven bytes in front of `enc`.
pub(crate) fn hpke_header(key_id: u8, kem: Kem, aead: Aead) -> Vec<u8> {
    let numbers = [kem.id(), KDF_ID, aead.id()].map(u16::to_be_bytes);
    [&[key_id], numbers.as_flattened()].concat()
}

/// `max(Nn, Nk)` bytes for this label.
pub(crate) fn exported(exporter: &Exporter, label: &str, aead: Aead) -> Vec<u8> {
    match aead.secret_len() {
        16 => exporter.export::<16>(label.as_bytes()).to_vec(),
        _ => exporter.export::<32>(label.as_bytes()).to_vec(),
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> Hex {
    Hex(digest::digest(&digest::SHA256, bytes).as_ref().to_vec())
}
