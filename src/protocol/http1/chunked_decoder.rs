//! Chunked bodies in place: checked, stripped of what is not forwarded, bounded in everything.
//!
//! ```text
//! before   |4;x=y␍␊|data|␍␊|3␍␊|abc|␍␊|0␍␊|␍␊|GET /next …
//! framed   |4␍␊|data|␍␊|3␍␊|abc|␍␊|0␍␊|␍␊|····|GET /next …     produced │ gap │ taken
//! bare     |data|abc|·························|GET /next …
//! ```
//! What already is canonical is not touched, so that ordinary bodies pass without a copy.

use super::Rejection;
use super::chunk_line::{ChunkSize, parse_chunk_line};
use super::chunked_encoder::hex_line;
use super::trailer_section::parse_trailer_section;
use crate::limits;
use crate::protocol::progress::Progress;

/// What is left of a chunked body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChunkedOutput {
    /// Chunks and trailers in canonical framing, for a peer that reads chunked.
    Framed,
    /// The content alone; of trailers it is said where they were.
    Bare,
}

/// What one call of [`ChunkedDecoder::advance`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decoded {
    /// Bytes of the input that were read for good; the rest is unread.
    pub taken: usize,
    /// Bytes at the front of the input that now are what to forward; never more than `taken`.
    pub produced: usize,
    /// Bytes of body content among them.
    pub content: usize,
    /// Bytes of the trailer section, its last line end included, which were the last that were taken. Of bare output they
    /// are there still, directly before what is unread; 0: there are no trailers.
    pub trailers: usize,
    /// The body has ended; what is unread belongs to the next message.
    pub done: bool,
}

/// Reads one chunked body.
#[derive(Clone, Copy, Debug)]
pub struct ChunkedDecoder {
    output: ChunkedOutput,
    state: State,
    /// How far the incomplete line or section at the front of the unread bytes was searched for its end.
    searched: u32,
    /// Bytes of extensions and padding thrown away so far.
    discarded: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// In front of a chunk line.
    Line,
    /// In chunk data with this much, at least one byte, to come.
    Data(u64),
    /// In front of the CRLF behind chunk data.
    DataEnd,
    /// Behind the line of the last chunk.
    Trailers,
    Done,
}

/// The two ends of the gap that rewriting opens: all before `write` is output, all from `read` on is unread.
struct Cursors<'a> {
    bytes: &'a mut [u8],
    read: usize,
    write: usize,
}

impl Cursors<'_> {
    fn unread(&self) -> &[u8] {
        &self.bytes[self.read..]
    }

    /// Moves `length` unread bytes to the output.
    fn keep(&mut self, length: usize) {
        if self.write != self.read {
            self.bytes.copy_within(self.read..self.read + length, self.write);
        }
        self.read += length;
        self.write += length;
    }

    /// Takes `length` unread bytes and puts `replacement`, which is not longer, to the output.
    fn replace(&mut self, length: usize, replacement: &[u8]) {
        debug_assert!(replacement.len() <= length);
        self.bytes[self.write..self.write + replacement.len()].copy_from_slice(replacement);
        self.read += length;
        self.write += replacement.len();
    }
}

impl ChunkedDecoder {
    /// A decoder in front of a body.
    pub fn new(output: ChunkedOutput) -> Self {
        Self { output, state: State::Line, searched: 0, discarded: 0 }
    }

    /// True once the whole body was read.
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Reads on. `bytes` is all unread input: what the last call left untaken, with more appended. Afterwards
    /// `bytes[..produced]` is what to forward and `bytes[taken..]` is unread still: an incomplete line or trailer
    /// section, or what follows the body.
    ///
    /// # Errors
    /// The `Chunk…` and `Trailer…` rejections, [`Rejection::BareCr`], [`Rejection::BareLf`]. What was produced by
    /// earlier calls is valid; the body cannot be continued.
    pub fn advance(&mut self, bytes: &mut [u8]) -> Result<Decoded, Rejection> {
        let (mut content, mut trailers) = (0, 0);
        let mut cursors = Cursors { bytes, read: 0, write: 0 };
        loop {
            let goes_on = match self.state {
                State::Line => self.chunk_line(&mut cursors)?,
                State::Data(left) => {
                    let length = cursors.unread().len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    cursors.keep(length);
                    content += length;
                    let left = left - length as u64;
                    self.state = if left == 0 { State::DataEnd } else { State::Data(left) };
                    left == 0
                }
                State::DataEnd => self.data_end(&mut cursors)?,
                State::Trailers => self.trailers(&mut cursors, &mut trailers)?,
                State::Done => false,
            };
            if !goes_on {
                let Cursors { read: taken, write: produced, .. } = cursors;
                debug_assert!(produced <= taken && content <= produced);
                return Ok(Decoded { taken, produced, content, trailers, done: self.is_done() });
            }
        }
    }

    /// Each of these reads one element, or answers false if it is incomplete.
    fn chunk_line(&mut self, cursors: &mut Cursors<'_>) -> Result<bool, Rejection> {
        let (ChunkSize { size, is_canonical }, length) =
            match parse_chunk_line(cursors.unread(), self.searched as usize)? {
                Progress::NeedMore { searched } => return Ok(self.wait(searched)),
                Progress::Done { value, consumed } => (value, consumed),
            };
        if !is_canonical {
            self.discarded += (length - hex_line(size).as_bytes().len()) as u32;
            if self.discarded as usize > limits::CHUNK_EXTENSION_BYTES {
                return Err(Rejection::ChunkExtensionsTooLarge);
            }
        }
        match self.output {
            ChunkedOutput::Bare => cursors.replace(length, b""),
            ChunkedOutput::Framed if is_canonical => cursors.keep(length),
            ChunkedOutput::Framed => cursors.replace(length, hex_line(size).as_bytes()),
        }
        Ok(self.enter(if size == 0 { State::Trailers } else { State::Data(size) }))
    }

    fn data_end(&mut self, cursors: &mut Cursors<'_>) -> Result<bool, Rejection> {
        match cursors.unread() {
            [b'\r', b'\n', ..] => {}
            [] | [b'\r'] => return Ok(false),
            _ => return Err(Rejection::ChunkEndInvalid),
        }
        match self.output {
            ChunkedOutput::Framed => cursors.keep(2),
            ChunkedOutput::Bare => cursors.replace(2, b""),
        }
        Ok(self.enter(State::Line))
    }

    fn trailers(&mut self, cursors: &mut Cursors<'_>, trailers: &mut usize) -> Result<bool, Rejection> {
        let length = match parse_trailer_section(cursors.unread(), self.searched as usize)? {
            Progress::NeedMore { searched } => return Ok(self.wait(searched)),
            Progress::Done { consumed, .. } => consumed,
        };
        // The empty line alone is none.
        *trailers = if length > 2 { length } else { 0 };
        match self.output {
            ChunkedOutput::Framed => cursors.keep(length),
            ChunkedOutput::Bare => cursors.replace(length, b""),
        }
        Ok(self.enter(State::Done))
    }

    fn wait(&mut self, searched: usize) -> bool {
        self.searched = searched as u32;
        false
    }

    fn enter(&mut self, state: State) -> bool {
        self.searched = 0;
        self.state = state;
        true
    }
}

#[cfg(test)]
mod tests;
