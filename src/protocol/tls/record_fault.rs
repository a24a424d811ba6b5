//! Why a connection's records cannot go on, in either direction.

use super::Alert;

/// Why what a peer sent is refused, or that it gave up itself. Nothing behind it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{}", self.reason())]
pub enum RecordFault {
    /// The peer ended the connection with a fatal alert; there is nothing to answer.
    PeerAlert(Alert),
    /// A record of a type that may not stand here: no TLS at all, in clear, or ChangeCipherSpec (RFC 8446 section 5).
    RecordType,
    /// A record version other than 3.3 (RFC 8446 section 5.1).
    RecordVersion,
    /// A record with more content than 2^14 bytes (RFC 8446 sections 5.1, 5.2 and 5.4; RFC 5246 section 6.2.3).
    RecordTooLarge,
    /// The record was not sealed with these keys at this place, or was changed (RFC 8446 section 5.2).
    BadTag,
    /// A TLS 1.3 record of padding alone (RFC 8446 section 5.4).
    NoContentType,
    /// A sealed record of a type that may not follow the handshake (RFC 8446 section 5).
    ContentType,
    /// An alert that is not one level and one description (RFC 8446 section 6).
    AlertMalformed,
    /// A TLS 1.2 alert that is neither warning nor fatal (RFC 5246 section 7.2).
    AlertLevel,
    /// A handshake message in TLS 1.2 behind the handshake: we never renegotiate (RFC 5246 section 7.4.1).
    Renegotiation,
    /// A handshake record without content (RFC 8446 section 5.1).
    HandshakeEmpty,
    /// A handshake message that this side does not take behind the handshake (RFC 8446 section 4.6).
    HandshakeUnexpected,
    /// A session ticket beyond the limit.
    HandshakeTooLarge,
    /// Data between the parts of a handshake message (RFC 8446 section 5.1).
    HandshakeInterleaved,
    /// A KeyUpdate that is not one byte (RFC 8446 section 4.6.3).
    KeyUpdateMalformed,
    /// A KeyUpdate that says neither yes nor no (RFC 8446 section 4.6.3).
    KeyUpdateValue,
    /// Bytes behind a KeyUpdate in its record: under which keys, is a guess (RFC 8446 section 5.1).
    KeyUpdateNotLast,
    /// Too many records in a row without data.
    BarrenRecords,
    /// More records under one key than its cipher bears (RFC 8446 section 5.5).
    KeysWornOut,
    /// Asked to read on without the keys that a KeyUpdate called for.
    KeysAwaited,
}

impl RecordFault {
    /// What to tell the peer before closing; nothing if it was the peer who gave up.
    pub fn alert(self) -> Option<Alert> {
        Some(match self {
            Self::PeerAlert(_) => return None,
            Self::RecordVersion => Alert::ProtocolVersion,
            Self::RecordTooLarge => Alert::RecordOverflow,
            Self::BadTag => Alert::BadRecordMac,
            Self::Renegotiation => Alert::NoRenegotiation,
            Self::AlertMalformed | Self::HandshakeTooLarge | Self::KeyUpdateMalformed => Alert::DecodeError,
            Self::AlertLevel | Self::KeyUpdateValue => Alert::IllegalParameter,
            Self::KeysWornOut | Self::KeysAwaited => Alert::InternalError,
            Self::RecordType
            | Self::NoContentType
            | Self::ContentType
            | Self::HandshakeEmpty
            | Self::HandshakeUnexpected
            | Self::HandshakeInterleaved
            | Self::KeyUpdateNotLast
            | Self::BarrenRecords => Alert::UnexpectedMessage,
        })
    }

    /// The stable token of this fault in logs and metrics. For [`Self::PeerAlert`] the alert's name says more.
    pub fn reason(self) -> &'static str {
        match self {
            Self::PeerAlert(_) => "peer-alert",
            Self::RecordType => "record-type",
            Self::RecordVersion => "record-version",
            Self::RecordTooLarge => "record-too-large",
            Self::BadTag => "bad-tag",
            Self::NoContentType => "no-content-type",
            Self::ContentType => "content-type",
            Self::AlertMalformed => "alert-malformed",
            Self::AlertLevel => "alert-level",
            Self::Renegotiation => "renegotiation",
            Self::HandshakeEmpty => "handshake-empty",
            Self::HandshakeUnexpected => "handshake-unexpected",
            Self::HandshakeTooLarge => "handshake-too-large",
            Self::HandshakeInterleaved => "handshake-interleaved",
            Self::KeyUpdateMalformed => "key-update-malformed",
            Self::KeyUpdateValue => "key-update-value",
            Self::KeyUpdateNotLast => "key-update-not-last",
            Self::BarrenRecords => "barren-records",
            Self::KeysWornOut => "keys-worn-out",
            Self::KeysAwaited => "keys-awaited",
        }
    }
}

/// Why nothing more can be sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum SealFault {
    /// The key has sealed all its cipher bears: close the connection, or in TLS 1.3 update the key before it comes to
    /// this (RFC 8446 section 5.5).
    #[error("the key has sealed as many records as its cipher bears: update it earlier or close")]
    KeysWornOut,
    /// A key update was sealed: bring the new keys first.
    #[error("a key update was sent: bring the new keys before sealing on")]
    KeysAwaited,
    /// An alert that ends the connection was sealed.
    #[error("the connection was closed by an alert: seal nothing behind it")]
    Closed,
    /// TLS 1.2 has no key updates.
    #[error("TLS 1.2 has no key updates: close the connection instead")]
    NoKeyUpdate,
    /// The cipher refused.
    #[error("the cipher refused to seal: close the connection")]
    Cipher,
}
