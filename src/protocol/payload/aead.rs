//! The ciphers of payload encryption over *ring*, in place.

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
}
