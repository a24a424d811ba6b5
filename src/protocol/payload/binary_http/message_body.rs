//! What comes behind the head: content, trailers, zeros.

use super::cursor::{Cursor, Stop};
use super::field_section::FieldSection;
use super::{BhttpFault, FieldList, Framing};
use std::ops::Range;

/// What the next bytes of a message are. `consumed` bytes, or those up to the end of a range, need not be given again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// The next part is not all there. Never said when the message has ended.
    NeedMore,
    /// Content. It begins behind the length of its chunk, if one comes first.
    Content(Range<usize>),
    /// A trailer section with at least one field, which stand in the list.
    Trailers {
        /// Bytes up to its end.
        consumed: usize,
    },
    /// Zeros behind the message: all the bytes that are there.
    Padding {
        /// How many.
        consumed: usize,
    },
    /// The message is whole and so is all that was given.
    Done {
        /// How many bytes that was.
        consumed: usize,
    },
}

/// Reads a message from its content on.
#[derive(Clone, Debug)]
pub(super) struct MessageBody {
    framing: Framing,
    state: State,
    /// How long the content must be.
    expected: Option<u64>,
    /// How long it was so far.
    seen: u64,
    trailers: FieldSection,
    /// Bytes at the front that were read and not yet reported as consumed.
    ahead: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Within content of which this much is to come.
    Content(u64),
    /// In front of the length of a chunk.
    ChunkLength,
    Trailers,
    Padding,
}

impl MessageBody {
    /// Content of known length.
    pub(super) fn known(length: u64) -> Self {
        Self::new(Framing::Known, State::Content(length), Some(length))
    }

    /// Content in chunks that must add up to `expected` if that is given.
    pub(super) fn indeterminate(expected: Option<u64>) -> Self {
        Self::new(Framing::Indeterminate, State::ChunkLength, expected)
    }

    fn new(framing: Framing, state: State, expected: Option<u64>) -> Self {
        Self { framing, state, expected, seen: 0, trailers: FieldSection::trailer(framing), ahead: 0 }
    }

    pub(super) fn advance(
        &mut self,
        bytes: &[u8],
        ended: bool,
        trailers: &mut FieldList,
    ) -> Result<Part, BhttpFault> {
        let mut cursor = Cursor::new(bytes, self.ahead, ended);
        match self.next(&mut cursor, trailers) {
            Ok(part) => {
                self.ahead = 0;
                Ok(part)
            }
            Err(Stop::NeedMore) => {
                self.ahead = cursor.at();
                Ok(Part::NeedMore)
            }
            Err(Stop::Fault(fault)) => Err(fault),
        }
    }

    fn next(&mut self, cursor: &mut Cursor<'_>, trailers: &mut FieldList) -> Result<Part, Stop> {
        loop {
            match self.state {
                State::Content(0) if self.framing.is_known() => self.state = State::Trailers,
                State::Content(0) => self.state = State::ChunkLength,
                State::Content(left) => {
                    let content = cursor.take_some(left)?;
                    self.state = State::Content(left - content.len() as u64);
                    return Ok(Part::Content(content.start as usize..content.end as usize));
                }
                State::ChunkLength => self.state = self.chunk_length(cursor)?,
                State::Trailers => {
                    self.trailers.read(cursor, trailers)?;
                    self.state = State::Padding;
                    if !trailers.is_empty() {
                        return Ok(Part::Trailers { consumed: cursor.at() });
                    }
                }
                State::Padding => return padding(cursor),
            }
        }
    }

    fn chunk_length(&mut self, cursor: &mut Cursor<'_>) -> Result<State, Stop> {
        // Content that was never begun may be missing.
        let is_missing = self.seen == 0 && cursor.is_at_end();
        let length = if is_missing { 0 } else { cursor.varint()? };
        self.seen = self.seen.saturating_add(length);
        let is_refused = self
            .expected
            .is_some_and(|expected| self.seen > expected || (length == 0 && self.seen != expected));
        match length {
            _ if is_refused => Err(BhttpFault::LengthUnlikeContent.into()),
            0 => Ok(State::Trailers),
            length => Ok(State::Content(length)),
        }
    }
}

fn padding(cursor: &mut Cursor<'_>) -> Result<Part, Stop> {
    let (start, bytes) = (cursor.at(), cursor.bytes());
    if bytes[start..].iter().any(|&byte| byte != 0) {
        return Err(BhttpFault::Padding.into());
    }
    cursor.take(bytes.len() - start)?;
    let consumed = bytes.len();
    match (cursor.is_at_end(), consumed) {
        (true, _) => Ok(Part::Done { consumed }),
        (false, 0) => Err(Stop::NeedMore),
        (false, _) => Ok(Part::Padding { consumed }),
    }
}
