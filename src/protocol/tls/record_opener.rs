//! Opens the records of one direction in place.
//!
//! ```text
//! TLS 1.3       │header 5│content|type 1|zeros…|tag 16│
//! TLS 1.2 GCM   │header 5│nonce 8|content      |tag 16│
//! ```
//! The content is released where it lies, and only after the tag was checked.

use super::post_handshake::{Messages, PostHandshake};
use super::record_format::{HEADER_BYTES, VERSION, alert_level, content_type};
use super::{Alert, ProtocolVersion, RecordFault, SessionTickets, TrafficKeys};
use crate::limits;
use crate::protocol::span::Span;

/// Which side of the connection we are: it decides which handshake messages may still come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// We connected: the peer may send session tickets.
    Client,
    /// We accepted.
    Server,
}

/// What [`RecordOpener::open`] found at the front of its input.
#[derive(Debug, PartialEq, Eq)]
pub enum Opening {
    /// The record is not whole. Nothing was changed.
    Incomplete {
        /// Bytes to come before anything can be said, at least one.
        missing: usize,
        /// Bytes of the whole record once its header is there, of the header until then.
        total: usize,
    },
    /// One record was read.
    Opened {
        /// Its bytes; the next one begins behind them.
        taken: usize,
        /// What it held.
        content: Content,
    },
}

/// What a record held.
#[derive(Debug, PartialEq, Eq)]
pub enum Content {
    /// At least one byte of data, at these offsets of the input.
    Data(Span),
    /// Nothing for the caller: an empty record, a warning, a part of a message.
    Nothing,
    /// The peer will send nothing more. Whatever follows is ignored.
    CloseNotify,
    /// The peer's next record comes under new keys: [`RecordOpener::rekey`] before the next call (RFC 8446 section
    /// 4.6.3).
    KeyUpdate {
        /// The peer asks for a key update of ours.
        answer: bool,
    },
    /// Tickets for later connections to this server.
    SessionTickets(SessionTickets),
}

/// Reads the records of one direction, one per call.
///
/// Contract: bytes are offered in order and those taken are not offered again. After an error every call gives that
/// error.
#[derive(Debug)]
pub struct RecordOpener {
    keys: TrafficKeys,
    post_handshake: PostHandshake,
    state: State,
    /// Records since the last one with data.
    barren: u32,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Reading,
    /// A KeyUpdate was read and the keys for what follows have not been brought.
    AwaitsKeys,
    Closed,
    Failed(RecordFault),
}

impl RecordOpener {
    /// An opener in front of the first record behind the handshake.
    pub fn new(keys: TrafficKeys, role: Role) -> Self {
        Self { keys, post_handshake: PostHandshake::new(role), state: State::Reading, barren: 0 }
    }

    /// Goes on under the keys that [`Content::KeyUpdate`] called for.
    pub fn rekey(&mut self, keys: TrafficKeys) {
        debug_assert!(matches!(self.state, State::AwaitsKeys));
        debug_assert_eq!(keys.version(), self.keys.version());
        self.keys = keys;
        if let State::AwaitsKeys = self.state {
            self.state = State::Reading;
        }
    }

    /// Looks at the record at the front of `bytes` and opens it in place when it is whole.
    ///
    /// # Errors
    /// What the peer did wrong, or its fatal alert. The connection cannot be continued.
    pub fn open(&mut self, bytes: &mut [u8]) -> Result<Opening, RecordFault> {
        let opened = match self.state {
            State::Reading => self.open_record(bytes),
            State::AwaitsKeys => Err(RecordFault::KeysAwaited),
            State::Closed => Ok(Opening::Opened { taken: bytes.len(), content: Content::CloseNotify }),
            State::Failed(fault) => Err(fault),
        };
        if let Err(fault) = opened {
            self.state = State::Failed(fault);
        }
        opened
    }

    fn open_record(&mut self, bytes: &mut [u8]) -> Result<Opening, RecordFault> {
        let Some(&header) = bytes.first_chunk::<HEADER_BYTES>() else {
            return Ok(Opening::Incomplete { missing: HEADER_BYTES - bytes.len(), total: HEADER_BYTES });
        };
        let taken = HEADER_BYTES + self.fragment_bytes(header)?;
        let offered = bytes.len();
        let Some(record) = bytes.get_mut(..taken) else {
            return Ok(Opening::Incomplete { missing: taken - offered, total: taken });
        };
        if !self.keys.bears(1) {
            return Err(RecordFault::KeysWornOut);
        }
        let plain = self.keys.open(record).ok_or(RecordFault::BadTag)?;
        let (inner_type, end) = match self.keys.version() {
            ProtocolVersion::Tls12 => (header[0], plain.end),
            ProtocolVersion::Tls13 => {
                let padded = &record[plain.clone()];
                let last = padded.iter().rposition(|&byte| byte != 0).ok_or(RecordFault::NoContentType)?;
                (padded[last], plain.start + last)
            }
        };
        let content = self.content(inner_type, Span::new(plain.start, end), record)?;
        Ok(Opening::Opened { taken, content })
    }

    /// The length that the header gives for what follows it.
    fn fragment_bytes(
        &self,
        [outer_type, major, minor, high, low]: [u8; HEADER_BYTES],
    ) -> Result<usize, RecordFault> {
        use content_type::{ALERT, APPLICATION_DATA, HANDSHAKE};
        let is_legal = match self.keys.version() {
            ProtocolVersion::Tls12 => matches!(outer_type, ALERT | HANDSHAKE | APPLICATION_DATA),
            ProtocolVersion::Tls13 => outer_type == APPLICATION_DATA,
        };
        if !is_legal {
            return Err(RecordFault::RecordType);
        }
        if [major, minor] != VERSION {
            return Err(RecordFault::RecordVersion);
        }
        let length = usize::from(u16::from_be_bytes([high, low]));
        if length > limits::TLS_FRAGMENT_BYTES + self.keys.overhead() {
            return Err(RecordFault::RecordTooLarge);
        }
        Ok(length)
    }

    /// What an opened record means. `span` is its content within `record`.
    fn content(&mut self, inner_type: u8, span: Span, record: &[u8]) -> Result<Content, RecordFault> {
        let content = match inner_type {
            content_type::APPLICATION_DATA if self.post_handshake.is_amid_message() => {
                return Err(RecordFault::HandshakeInterleaved);
            }
            content_type::APPLICATION_DATA if span.is_empty() => Content::Nothing,
            content_type::APPLICATION_DATA => Content::Data(span),
            content_type::ALERT => self.alert(span.of(record))?,
            content_type::HANDSHAKE => self.handshake(span.of(record))?,
            _ => return Err(RecordFault::ContentType),
        };
        match content {
            Content::Data(_) => self.barren = 0,
            Content::CloseNotify => self.state = State::Closed,
            Content::Nothing | Content::KeyUpdate { .. } | Content::SessionTickets(_) => {
                self.barren += 1;
                if self.barren > limits::TLS_BARREN_RECORDS {
                    return Err(RecordFault::BarrenRecords);
                }
            }
        }
        Ok(content)
    }

    /// In TLS 1.3 the description alone decides (RFC 8446 section 6), in TLS 1.2 the level does.
    fn alert(&self, content: &[u8]) -> Result<Content, RecordFault> {
        let &[level, code] = content else { return Err(RecordFault::AlertMalformed) };
        let alert = Alert::from_code(code);
        match (self.keys.version(), alert, level) {
            (ProtocolVersion::Tls12, _, level)
                if !matches!(level, alert_level::WARNING | alert_level::FATAL) =>
            {
                Err(RecordFault::AlertLevel)
            }
            (_, Alert::CloseNotify, _) => Ok(Content::CloseNotify),
            (ProtocolVersion::Tls13, Alert::UserCanceled, _)
            | (ProtocolVersion::Tls12, _, alert_level::WARNING) => Ok(Content::Nothing),
            (ProtocolVersion::Tls12 | ProtocolVersion::Tls13, _, _) => Err(RecordFault::PeerAlert(alert)),
        }
    }

    fn handshake(&mut self, content: &[u8]) -> Result<Content, RecordFault> {
        if self.keys.version() == ProtocolVersion::Tls12 {
            return Err(RecordFault::Renegotiation);
        }
        Ok(match self.post_handshake.read(content)? {
            Messages::Part => Content::Nothing,
            Messages::Tickets(tickets) => Content::SessionTickets(tickets),
            Messages::KeyUpdate { answer } => {
                self.state = State::AwaitsKeys;
                Content::KeyUpdate { answer }
            }
        })
    }
}

#[cfg(test)]
mod tests;
