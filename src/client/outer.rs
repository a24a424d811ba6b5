//! The HTTP/1.1 around sealed messages, as the client reads it: heads, and bodies of every framing, as they come.
//!
//! What is in a body is left to others. So is whether a cut one matters: an end that nobody announced is one here.

use super::fault::ClientFault;
use super::problem::Problem;
use crate::limits;
use crate::protocol::http_date::parse_date;
use crate::protocol::http1::{
    BodyFraming, ChunkedDecoder, ChunkedOutput, FieldKind, FieldTable, HeadLimits, Method, Rejection,
    connection_options, parse_response_head, response_framing, response_persists,
};
use crate::protocol::progress::Progress;

const LIMITS: HeadLimits = HeadLimits {
    request_line: 0,
    header_bytes: limits::CLIENT_HEAD_BYTES,
    header_count: limits::HEADER_COUNT_MAX,
};

/// The head of an outer response. Nothing of it is authentic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OuterHead {
    /// The final status.
    pub status: u16,
    /// Names as sent, with values.
    pub fields: Vec<(String, Vec<u8>)>,
    /// The head as it came.
    pub bytes: Vec<u8>,
}

impl OuterHead {
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

    /// Whether the response is sealed: 200 with this media type. `body` is what came of the body, to say what is wrong.
    ///
    /// # Errors
    /// [`ClientFault::InClear`], [`ClientFault::MediaType`].
    pub fn require(&self, sealed: &str, body: &[u8]) -> Result<(), ClientFault> {
        let media_type = self.media_type();
        if self.status == 200 && media_type == sealed {
            return Ok(());
        }
        if self.status == 200 {
            return Err(ClientFault::MediaType(media_type.chars().filter(char::is_ascii_graphic).collect()));
        }
        Err(self.in_clear(body))
    }

    /// Why a response in clear is none. `body` is what came of its body.
    pub fn in_clear(&self, body: &[u8]) -> ClientFault {
        let is_problem = self.media_type() == Problem::MEDIA_TYPE;
        let problem = if is_problem { Problem::read(self.status, body) } else { None };
        let retry_after = self.field("retry-after").and_then(decimal);
        let problem = problem.map(|problem| Problem { retry_after, ..problem });
        let date = self.field("date").and_then(parse_date);
        ClientFault::InClear { status: self.status, problem, date }
    }
}

/// `type/subtype` in lower case, without parameters.
pub(super) fn media_type(value: &[u8]) -> String {
    let value = value.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii();
    String::from_utf8_lossy(value).to_ascii_lowercase()
}

/// A number as it stands in a field.
pub(super) fn decimal(value: &[u8]) -> Option<u64> {
    let digits =
        std::str::from_utf8(value).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    digits?.parse().ok()
}

/// What [`OuterReader::advance`] found.
#[derive(Debug, PartialEq, Eq)]
pub enum OuterPiece<'a> {
    /// Nothing can be said before more has come.
    NeedMore,
    /// The head of the final response. Comes once, and first.
    Head(OuterHead),
    /// Bytes of the body, at least one.
    Body(&'a mut [u8]),
    /// The response has ended.
    End,
}

/// Reads one response: [`Self::push`] what came, then [`Self::advance`] until it needs more.
#[derive(Debug)]
pub struct OuterReader {
    method: Method,
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

impl OuterReader {
    /// A reader in front of the response to a request with this method.
    pub fn new(method: Method) -> Self {
        Self {
            method,
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
    /// [`ClientFault::Outer`], [`ClientFault::OuterTruncated`].
    pub fn advance(&mut self) -> Result<OuterPiece<'_>, ClientFault> {
        if matches!(self.stage, Stage::Head) {
            return self.head();
        }
        let unread = &mut self.bytes[self.at..];
        let (taken, produced, is_done) = match &mut self.stage {
            Stage::Head | Stage::Done => return Ok(OuterPiece::End),
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
            0 if is_done => Ok(OuterPiece::End),
            0 if self.ended => Err(ClientFault::OuterTruncated),
            0 => Ok(OuterPiece::NeedMore),
            _ => Ok(OuterPiece::Body(&mut self.bytes[start..start + produced])),
        }
    }

    fn head(&mut self) -> Result<OuterPiece<'_>, ClientFault> {
        loop {
            let unread = &self.bytes[self.at..];
            let parsed = parse_response_head(unread, self.searched, &LIMITS, &mut self.fields)?;
            let (head, consumed) = match parsed {
                Progress::NeedMore { .. } if self.ended => return Err(ClientFault::OuterTruncated),
                Progress::NeedMore { searched } => {
                    self.searched = searched;
                    return Ok(OuterPiece::NeedMore);
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
            let field = |field: &crate::protocol::http1::Field| {
                (text(field.name.of(bytes)), field.value.of(bytes).to_vec())
            };
            let fields = self.fields.iter().map(field).collect();
            let bytes = bytes.to_vec();
            return Ok(OuterPiece::Head(OuterHead { status: head.status, fields, bytes }));
        }
    }
}

#[cfg(test)]
mod tests;
