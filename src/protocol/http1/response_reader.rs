//! Whole responses for those who ask for themselves: heads, and bodies of every framing, as they come.
//!
//! What a response means, how much of a body is wanted and how long it may take is left to others. So is whether a cut
//! one matters: an end that nobody announced is one here.

use super::{
    BodyFraming, ChunkedDecoder, ChunkedOutput, Field, FieldKind, FieldTable, HeadLimits, Method, Rejection,
    connection_options, parse_response_head, response_framing, response_persists,
};
use crate::limits;
use crate::protocol::progress::Progress;

/// Why a response cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResponseFault {
    /// It breaks the rules of HTTP/1.1.
    #[error("the response breaks HTTP/1.1 ({})", .0.reason())]
    Rejected(Rejection),
    /// The connection ended before it did.
    #[error("the response was cut off")]
    Truncated,
}

impl From<Rejection> for ResponseFault {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

/// The head of a final response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedHead {
    /// The final status.
    pub status: u16,
    /// Names as sent, with values.
    pub fields: Vec<(String, Vec<u8>)>,
    /// The head as it came.
    pub bytes: Vec<u8>,
}

impl ReceivedHead {
    /// The value of the only field of this name.
    pub fn field(&self, name: &str) -> Option<&[u8]> {
        let mut named = self.fields.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        let value = named.next()?;
        named.next().is_none().then_some(value.1.as_slice())
    }

    /// The media type in lower case, without parameters; empty if there is none, or more than one.
    pub fn media_type(&self) -> String {
        media_type(self.field("content-type").unwrap_or_default())
    }
}

/// `type/subtype` of a `Content-Type` in lower case, without parameters.
pub fn media_type(value: &[u8]) -> String {
    let value = value.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii();
    String::from_utf8_lossy(value).to_ascii_lowercase()
}

/// What [`ResponseReader::advance`] found.
#[derive(Debug, PartialEq, Eq)]
pub enum ResponsePiece<'a> {
    /// Nothing can be said before more has come.
    NeedMore,
    /// The head of the final response. Comes once, and first.
    Head(ReceivedHead),
    /// Bytes of the body, at least one.
    Body(&'a mut [u8]),
    /// The response has ended.
    End,
}

/// Reads one response: [`Self::push`] what came, then [`Self::advance`] until it needs more.
#[derive(Debug)]
pub struct ResponseReader {
    method: Method,
    limits: HeadLimits,
    bytes: Vec<u8>,
    /// All before it was read.
    at: usize,
    searched: usize,
    interim: u32,
    ended: bool,
    stage: Stage,
    persists: bool,
    fields: FieldTable,
}

#[derive(Debug)]
enum Stage {
    Head,
    Length(u64),
    Chunked(ChunkedDecoder),
    UntilClose,
    Done,
}

impl ResponseReader {
    /// A reader in front of the response to a request with this method. `limits` bound its head.
    pub fn new(method: Method, limits: HeadLimits) -> Self {
        Self {
            method,
            limits,
            bytes: Vec::new(),
            at: 0,
            searched: 0,
            interim: 0,
            ended: false,
            stage: Stage::Head,
            persists: false,
            fields: FieldTable::new(),
        }
    }

    /// Takes bytes of the connection.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.at);
        self.at = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The connection has no more bytes.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// Whether the connection can take another request: the response is over, and nothing came behind it.
    pub fn is_reusable(&self) -> bool {
        matches!(self.stage, Stage::Done) && self.persists && self.at == self.bytes.len() && !self.ended
    }

    /// The next piece of the response.
    ///
    /// # Errors
    /// [`ResponseFault`]; nothing more can be read then.
    pub fn advance(&mut self) -> Result<ResponsePiece<'_>, ResponseFault> {
        if matches!(self.stage, Stage::Head) {
            return self.head();
        }
        let unread = &mut self.bytes[self.at..];
        let (taken, produced, is_done) = match &mut self.stage {
            Stage::Head | Stage::Done => return Ok(ResponsePiece::End),
            Stage::Length(left) => {
                let count = unread.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= count as u64;
                (count, count, *left == 0)
            }
            Stage::Chunked(decoder) => {
                let decoded = decoder.advance(unread)?;
                (decoded.taken, decoded.produced, decoded.done)
            }
            Stage::UntilClose => (unread.len(), unread.len(), self.ended && unread.is_empty()),
        };
        let start = self.at;
        self.at += taken;
        if is_done {
            self.stage = Stage::Done;
        }
        match produced {
            0 if is_done => Ok(ResponsePiece::End),
            0 if self.ended => Err(ResponseFault::Truncated),
            0 => Ok(ResponsePiece::NeedMore),
            _ => Ok(ResponsePiece::Body(&mut self.bytes[start..start + produced])),
        }
    }

    fn head(&mut self) -> Result<ResponsePiece<'_>, ResponseFault> {
        loop {
            let unread = &self.bytes[self.at..];
            let parsed = parse_response_head(unread, self.searched, &self.limits, &mut self.fields)?;
            let (head, consumed) = match parsed {
                Progress::NeedMore { .. } if self.ended => return Err(ResponseFault::Truncated),
                Progress::NeedMore { searched } => {
                    self.searched = searched;
                    return Ok(ResponsePiece::NeedMore);
                }
                Progress::Done { value, consumed } => (value, consumed),
            };
            self.searched = 0;
            self.at += consumed;
            match head.status {
                101 => return Err(Rejection::InvalidVersion.into()),
                100..200 if self.interim >= limits::INTERIM_RESPONSES => {
                    return Err(Rejection::HeadTooLarge.into());
                }
                100..200 => {
                    self.interim += 1;
                    continue;
                }
                _ => {}
            }
            let bytes = &self.bytes[self.at - consumed..self.at];
            let framing = response_framing(bytes, self.method, &head, &self.fields)?;
            let options = connection_options(bytes, &self.fields)?;
            self.persists = response_persists(head.version, &options, framing)
                && self.fields.first(FieldKind::Upgrade).is_none();
            self.stage = match framing {
                BodyFraming::None | BodyFraming::Length(0) => Stage::Done,
                BodyFraming::Length(length) => Stage::Length(length),
                BodyFraming::Chunked => Stage::Chunked(ChunkedDecoder::new(ChunkedOutput::Bare)),
                BodyFraming::UntilClose => Stage::UntilClose,
            };
            let text = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
            let field = |field: &Field| (text(field.name.of(bytes)), field.value.of(bytes).to_vec());
            let fields = self.fields.iter().map(field).collect();
            let bytes = bytes.to_vec();
            return Ok(ResponsePiece::Head(ReceivedHead { status: head.status, fields, bytes }));
        }
    }
}

#[cfg(test)]
mod tests;
