//! The key of one direction: nonce, additional data and the count of records under it.

use std::fmt;
use std::ops::Range;

use ring::aead::{
    AES_128_GCM, AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey,
};

use super::record_format::{EXPLICIT_NONCE_BYTES, HEADER_BYTES, TAG_BYTES, VERSION, content_type};
use crate::limits;

/// The cipher of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Suite {
    /// AES-GCM with a key of 16 bytes.
    Aes128Gcm,
    /// AES-GCM with a key of 32 bytes.
    Aes256Gcm,
    /// ChaCha20-Poly1305.
    Chacha20Poly1305,
}

/// The version a handshake agreed on. Older ones are never spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProtocolVersion {
    /// RFC 5246 with AEAD suites.
    Tls12,
    /// RFC 8446.
    Tls13,
}

/// Key material of one direction. Its `Debug` shows none of it.
pub struct TrafficKeys {
    version: ProtocolVersion,
    suite: Suite,
    key: LessSafeKey,
    iv: [u8; NONCE_LEN],
    /// Number of the next record under this key; every change of keys begins with zero again, so it counts them too.
    sequence: u64,
}

impl fmt::Debug for TrafficKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("TrafficKeys")
            .field("version", &self.version)
            .field("suite", &self.suite)
            .field("sequence", &self.sequence)
            .finish_non_exhaustive()
    }
}

impl TrafficKeys {
    /// Keys as a TLS library hands them out: `key` of the suite's length, `iv` of 12 bytes, `sequence` of the next
    /// record. For AES-GCM in TLS 1.2 the first four bytes of `iv` are the salt of this direction and the other eight
    /// where the explicit nonces of what *we* seal begin; what a peer seals brings its own.
    ///
    /// `None` if a length is wrong.
    pub fn new(version: ProtocolVersion, suite: Suite, key: &[u8], iv: &[u8], sequence: u64) -> Option<Self> {
        let algorithm = match suite {
            Suite::Aes128Gcm => &AES_128_GCM,
            Suite::Aes256Gcm => &AES_256_GCM,
            Suite::Chacha20Poly1305 => &CHACHA20_POLY1305,
        };
        let key = LessSafeKey::new(UnboundKey::new(algorithm, key).ok()?);
        Some(Self { version, suite, key, iv: iv.try_into().ok()?, sequence })
    }

    pub(super) fn version(&self) -> ProtocolVersion {
        self.version
    }

    /// True while `records` more may be opened or sealed.
    pub(super) fn bears(&self, records: u64) -> bool {
        let most = match self.suite {
            Suite::Aes128Gcm | Suite::Aes256Gcm => limits::TLS_RECORDS_GCM,
            Suite::Chacha20Poly1305 => limits::TLS_RECORDS_CHACHA,
        };
        self.sequence.saturating_add(records) <= most
    }

    /// True once a new key is due.
    pub(super) fn are_due(&self) -> bool {
        let due = match self.suite {
            Suite::Aes128Gcm | Suite::Aes256Gcm => limits::TLS_RECORDS_GCM_DUE,
            Suite::Chacha20Poly1305 => limits::TLS_RECORDS_CHACHA_DUE,
        };
        self.sequence >= due
    }

    /// Bytes of the explicit nonce in front of what is sealed (RFC 5288 section 3).
    pub(super) fn explicit_nonce_bytes(&self) -> usize {
        match (self.version, self.suite) {
            (ProtocolVersion::Tls12, Suite::Aes128Gcm | Suite::Aes256Gcm) => EXPLICIT_NONCE_BYTES,
            (ProtocolVersion::Tls12, Suite::Chacha20Poly1305) | (ProtocolVersion::Tls13, _) => 0,
        }
    }

    /// Bytes that a fragment is longer than its content, padding aside.
    pub(super) fn overhead(&self) -> usize {
        let inner_type = match self.version {
            ProtocolVersion::Tls12 => 0,
            ProtocolVersion::Tls13 => 1,
        };
        self.explicit_nonce_bytes() + inner_type + TAG_BYTES
    }

    /// Opens a whole record in place. Says where in `record` what was sealed now lies, in TLS 1.3 with the inner type
    /// and the padding; `None` if the tag is wrong, after which `record` holds nothing of use.
    pub(super) fn open(&mut self, record: &mut [u8]) -> Option<Range<usize>> {
        let (header, fragment) = record.split_first_chunk_mut::<HEADER_BYTES>()?;
        let (explicit, sealed) = fragment.split_at_mut_checked(self.explicit_nonce_bytes())?;
        let mut nonce = self.nonce();
        if !explicit.is_empty() {
            nonce[NONCE_LEN - EXPLICIT_NONCE_BYTES..].copy_from_slice(explicit);
        }
        let content_bytes = sealed.len().checked_sub(TAG_BYTES)?;
        let additional = self.additional_data(header, content_bytes);
        let nonce = Nonce::assume_unique_for_key(nonce);
        let start = HEADER_BYTES + explicit.len();
        let plain = self.key.open_in_place(nonce, Aad::from(additional.of()), sealed).ok()?;
        self.sequence += 1;
        Some(start..start + plain.len())
    }

    /// Appends one sealed record. `fragment` must have at most [`limits::TLS_FRAGMENT_BYTES`]. `None` if the cipher
    /// refuses, after which nothing may be sealed any more.
    pub(super) fn seal(&mut self, inner_type: u8, fragment: &[u8], out: &mut Vec<u8>) -> Option<()> {
        let length = (fragment.len() + self.overhead()) as u16;
        let outer_type = match self.version {
            ProtocolVersion::Tls12 => inner_type,
            ProtocolVersion::Tls13 => content_type::APPLICATION_DATA,
        };
        let [high, low] = length.to_be_bytes();
        let header = [outer_type, VERSION[0], VERSION[1], high, low];
        out.extend_from_slice(&header);
        let nonce = self.nonce();
        out.extend_from_slice(&nonce[NONCE_LEN - self.explicit_nonce_bytes()..]);
        let start = out.len();
        append(fragment, out);
        if self.version == ProtocolVersion::Tls13 {
            out.push(inner_type);
        }
        let additional = self.additional_data(&header, fragment.len());
        let nonce = Nonce::assume_unique_for_key(nonce);
        let aad = Aad::from(additional.of());
        let tag = self.key.seal_in_place_separate_tag(nonce, aad, &mut out[start..]).ok()?;
        out.extend_from_slice(tag.as_ref());
        self.sequence += 1;
        Some(())
    }

    /// RFC 8446 section 5.3, RFC 7905 section 2. For AES-GCM in TLS 1.2 any nonce that never repeats will do
    /// (RFC 5288 section 3), and so this one.
    fn nonce(&self) -> [u8; NONCE_LEN] {
        let mut nonce = self.iv;
        let counted = &mut nonce[NONCE_LEN - 8..];
        counted.iter_mut().zip(self.sequence.to_be_bytes()).for_each(|(byte, number)| *byte ^= number);
        nonce
    }

    /// RFC 8446 section 5.2: the header. RFC 5246 section 6.2.3.3: sequence number, type, version, length of the content.
    fn additional_data(&self, header: &[u8; HEADER_BYTES], content_bytes: usize) -> AdditionalData {
        let mut data = AdditionalData { bytes: [0; 13], length: HEADER_BYTES };
        match self.version {
            ProtocolVersion::Tls13 => data.bytes[..HEADER_BYTES].copy_from_slice(header),
            ProtocolVersion::Tls12 => {
                data.bytes[..8].copy_from_slice(&self.sequence.to_be_bytes());
                data.bytes[8..11].copy_from_slice(&header[..3]);
                data.bytes[11..].copy_from_slice(&(content_bytes as u16).to_be_bytes());
                data.length = data.bytes.len();
            }
        }
        data
    }
}

/// What a tag covers beside the content.
struct AdditionalData {
    bytes: [u8; 13],
    length: usize,
}

impl AdditionalData {
    fn of(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// Copies in pieces: see [`limits::COPY_BYTES`].
fn append(fragment: &[u8], out: &mut Vec<u8>) {
    fragment.chunks(limits::COPY_BYTES).for_each(|piece| out.extend_from_slice(piece));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_those_of_the_suite() {
        use Suite::{Aes128Gcm, Aes256Gcm, Chacha20Poly1305};
        for (suite, right) in [(Aes128Gcm, 16), (Aes256Gcm, 32), (Chacha20Poly1305, 32)] {
            for version in [ProtocolVersion::Tls12, ProtocolVersion::Tls13] {
                for (key, iv) in [(16, 12), (32, 12), (0, 12), (31, 12), (33, 12), (right, 4), (right, 13)] {
                    let keys = TrafficKeys::new(version, suite, &vec![1; key], &vec![2; iv], 0);
                    assert_eq!(keys.is_some(), key == right && iv == 12, "{version:?} {suite:?} {key} {iv}");
                }
            }
        }
    }

    #[test]
    fn debug_shows_no_key() {
        let keys =
            TrafficKeys::new(ProtocolVersion::Tls13, Suite::Aes128Gcm, &[0xab; 16], &[0xcd; 12], 7).unwrap();
        let expected = "TrafficKeys { version: Tls13, suite: Aes128Gcm, sequence: 7, .. }";
        assert_eq!(format!("{keys:?}"), expected);
    }
}
