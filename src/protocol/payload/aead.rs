//! The ciphers of payload encryption over *ring*, in place.
//!
//! Where keys come from and how a message is cut is left to [`key_schedule`](super::key_schedule) and
//! [`chunk_stream`](super::chunk_stream). *ring* offers no way to erase a key it has taken: one that was dropped lies in
//! freed memory until that is used again, and would open the one message it was made for.

use std::fmt;

use ring::aead::{
    AES_128_GCM, AES_256_GCM, Aad, Algorithm, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey,
};
use zeroize::Zeroize;

/// Bytes of a tag: the same for all three.
pub const TAG_LEN: usize = 16;
/// Bytes of a nonce: the same for all three.
pub const NONCE_LEN: usize = 12;

/// The ciphers, by their numbers in HPKE (RFC 9180 section 7.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Aead {
    /// AES-128-GCM, 0x0001.
    Aes128Gcm,
    /// AES-256-GCM, 0x0002.
    Aes256Gcm,
    /// ChaCha20-Poly1305, 0x0003.
    ChaCha20Poly1305,
}

impl Aead {
    /// Every one of them.
    pub const ALL: [Self; 3] = [Self::Aes128Gcm, Self::Aes256Gcm, Self::ChaCha20Poly1305];

    /// Its number in HPKE.
    pub fn id(self) -> u16 {
        match self {
            Self::Aes128Gcm => 1,
            Self::Aes256Gcm => 2,
            Self::ChaCha20Poly1305 => 3,
        }
    }

    /// The cipher with this number.
    pub fn of_id(id: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|aead| aead.id() == id)
    }

    /// Bytes of a key (`Nk`).
    pub fn key_len(self) -> usize {
        match self {
            Self::Aes128Gcm => 16,
            Self::Aes256Gcm | Self::ChaCha20Poly1305 => 32,
        }
    }

    /// Bytes of a secret for both key and nonce: `max(Nk, Nn)`.
    pub fn secret_len(self) -> usize {
        self.key_len().max(NONCE_LEN)
    }

    fn algorithm(self) -> &'static Algorithm {
        match self {
            Self::Aes128Gcm => &AES_128_GCM,
            Self::Aes256Gcm => &AES_256_GCM,
            Self::ChaCha20Poly1305 => &CHACHA20_POLY1305,
        }
    }
}

/// What was sealed does not open: another key, another place in the message, other additional data, or changed bytes.
/// Which of them is not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("not sealed under this key at this place, or changed since")]
pub struct NotOpening;

/// Nothing was sealed: the room lacks the bytes of the tag, or is longer than the cipher takes (some 64 GiB).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("the room for sealing is shorter than a tag or beyond the cipher's reach")]
pub struct NotSealing;

/// A key with its base nonce: seals or opens the parts of one message in one direction, each under its own index.
/// Its `Debug` shows neither.
pub struct MessageKey {
    key: LessSafeKey,
    nonce: [u8; NONCE_LEN],
}

impl MessageKey {
    /// `None` if `key` has another length than [`Aead::key_len`].
    pub fn new(aead: Aead, key: &[u8], nonce: &[u8; NONCE_LEN]) -> Option<Self> {
        let key = LessSafeKey::new(UnboundKey::new(aead.algorithm(), key).ok()?);
        Some(Self { key, nonce: *nonce })
    }

    /// Opens `sealed` (ciphertext and tag) in place and returns the bytes of plaintext, which stand at its front.
    ///
    /// # Errors
    /// [`NotOpening`], after which `sealed` holds nothing of use.
    pub fn open(&self, index: u64, aad: &[u8], sealed: &mut [u8]) -> Result<usize, NotOpening> {
        let plain = self.key.open_in_place(self.nonce_of(index), Aad::from(aad), sealed);
        plain.map(|plain| plain.len()).map_err(|_| NotOpening)
    }

    /// Seals in place: `room` is the plaintext and behind it [`TAG_LEN`] bytes for the tag.
    ///
    /// No index may be used twice under one key.
    ///
    /// # Errors
    /// [`NotSealing`]: the length of `room` is wrong.
    pub fn seal(&self, index: u64, aad: &[u8], room: &mut [u8]) -> Result<(), NotSealing> {
        let (plain, tag_room) = room.split_last_chunk_mut::<TAG_LEN>().ok_or(NotSealing)?;
        let tag = self.key.seal_in_place_separate_tag(self.nonce_of(index), Aad::from(aad), plain);
        tag_room.copy_from_slice(tag.map_err(|_| NotSealing)?.as_ref());
        Ok(())
    }

    /// The base nonce XOR `index` as a big-endian number of the same length (RFC 9180 section 5.2).
    fn nonce_of(&self, index: u64) -> Nonce {
        let mut nonce = self.nonce;
        nonce[NONCE_LEN - 8..].iter_mut().zip(index.to_be_bytes()).for_each(|(byte, number)| *byte ^= number);
        Nonce::assume_unique_for_key(nonce)
    }
}

impl Drop for MessageKey {
    fn drop(&mut self) {
        self.nonce.zeroize();
    }
}

impl fmt::Debug for MessageKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("MessageKey").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
