//! The numbers of the record format that opening and sealing share (RFC 8446 section 5, RFC 5246 section 6.2).

use crate::limits;

/// Content type, legacy version, length.
pub(super) const HEADER_BYTES: usize = 5;
/// What every record of TLS 1.2 and, as the legacy version, of TLS 1.3 says.
pub(super) const VERSION: [u8; 2] = [3, 3];
/// The authentication tag of every suite here.
pub(super) const TAG_BYTES: usize = 16;
/// The explicit part of an AES-GCM nonce in TLS 1.2 (RFC 5288 section 3).
pub(super) const EXPLICIT_NONCE_BYTES: usize = 8;

/// Bytes of the largest record that is accepted or made, with its header. RFC 8446 allows 2^14 + 256 bytes behind the
/// header and RFC 5246 2^14 + 2048, for ciphers that need more room; with these suites a longer record cannot be valid.
pub const RECORD_BYTES_MAX: usize =
    HEADER_BYTES + EXPLICIT_NONCE_BYTES + limits::TLS_FRAGMENT_BYTES + TAG_BYTES;
const _: () = assert!(RECORD_BYTES_MAX == 5 + 8 + 16_384 + 16);

/// Content types (RFC 8446 section 5.1).
pub(super) mod content_type {
    pub(in super::super) const ALERT: u8 = 21;
    pub(in super::super) const HANDSHAKE: u8 = 22;
    pub(in super::super) const APPLICATION_DATA: u8 = 23;
}

/// Types of handshake messages that may follow a TLS 1.3 handshake (RFC 8446 section 4.6).
pub(super) mod handshake_type {
    pub(in super::super) const NEW_SESSION_TICKET: u8 = 4;
    pub(in super::super) const KEY_UPDATE: u8 = 24;
}

/// Levels of alerts (RFC 8446 section 6).
pub(super) mod alert_level {
    pub(in super::super) const WARNING: u8 = 1;
    pub(in super::super) const FATAL: u8 = 2;
}
