//! A sealed request's body where it lies in the request buffer: out of its HTTP framing, then out of its chunks.
//!
//! ```text
//! unread   │plain: opened, not decoded│ gap │sealed: out of the framing, not opened│ framed: as it came │
//! ```
//! What the plaintext means is decided elsewhere, and so is when there is too much of it. Ranges are relative to the
//! first unread byte of the buffer.

use std::ops::Range;

use crate::policy::refusal::Refusal;
use crate::protocol::http1::{BodyFraming, ChunkedDecoder, ChunkedOutput};
use crate::protocol::payload::chunk_stream::{ChunkFault, ChunkOpener, Opened};
use crate::protocol::wire_buffer::WireBuffer;

/// How far a body has come.
#[derive(Debug)]
pub(super) struct SealedBody {
    framed: Framed,
    plain: Range<usize>,
    sealed: Range<usize>,
    /// The final chunk is open.
    is_open: bool,
    /// Plaintext opened so far.
    opened: u64,
    /// Bytes of the body taken so far, its framing included.
    taken: u64,
}

/// What is still to come of the outer body.
#[derive(Clone, Copy, Debug)]
enum Framed {
    Nothing,
    Length(u64),
    Chunked(ChunkedDecoder),
}

/// What one more chunk brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chunk {
    /// One was opened.
    Opened,
    /// More bytes have to come.
    NeedMore,
}

impl SealedBody {
    /// A body of which nothing has been looked at.
    pub(super) fn new(framing: BodyFraming) -> Self {
        let framed = match framing {
            BodyFraming::Chunked => Framed::Chunked(ChunkedDecoder::new(ChunkedOutput::Bare)),
            BodyFraming::Length(length) if length > 0 => Framed::Length(length),
            _ => Framed::Nothing,
        };
        Self { framed, plain: 0..0, sealed: 0..0, is_open: false, opened: 0, taken: 0 }
    }

    /// All of the body has come: what follows it is the next request.
    pub(super) fn has_come(&self) -> bool {
        matches!(self.framed, Framed::Nothing)
    }

    /// The final chunk is open: there is no more plaintext than this.
    pub(super) fn is_open(&self) -> bool {
        self.is_open
    }

    /// Bytes of plaintext so far, decoded or not.
    pub(super) fn opened(&self) -> u64 {
        self.opened
    }

    /// Bytes of the body taken since this was asked last, its framing included.
    pub(super) fn take_count(&mut self) -> u64 {
        std::mem::take(&mut self.taken)
    }

    /// The plaintext that waits to be decoded.
    pub(super) fn plain(&self) -> Range<usize> {
        self.plain.clone()
    }

    /// What is not opened.
    pub(super) fn sealed(&self) -> Range<usize> {
        self.sealed.clone()
    }

    /// Where what is not looked at begins: the framed rest of the body, or the next request.
    pub(super) fn end(&self) -> usize {
        self.sealed.end
    }

    /// Takes what has come out of its HTTP framing.
    pub(super) fn unframe(&mut self, request: &mut WireBuffer) -> Result<(), Refusal> {
        let from = self.sealed.end;
        let available = request.unread_len() - from;
        match &mut self.framed {
            Framed::Nothing => {}
            Framed::Length(rest) => {
                let count = (*rest).min(available as u64);
                *rest -= count;
                self.sealed.end += count as usize;
                self.taken += count;
                if *rest == 0 {
                    self.framed = Framed::Nothing;
                }
            }
            Framed::Chunked(decoder) => {
                let framed = &mut request.unread_mut()[from..];
                let decoded = decoder.advance(framed).map_err(Refusal::Malformed)?;
                self.sealed.end += decoded.produced;
                self.taken += decoded.taken as u64;
                request.remove(from + decoded.produced..from + decoded.taken);
                if decoded.done {
                    self.framed = Framed::Nothing;
                }
            }
        }
        Ok(())
    }

    /// Passes over the first `count` bytes that are not opened: they are no chunks.
    pub(super) fn skip(&mut self, count: usize) {
        self.sealed.start += count;
        self.plain = self.sealed.start..self.sealed.start;
    }

    /// Opens the next chunk. Its plaintext joins what waits to be decoded, moved only if there is some.
    pub(super) fn open_next(
        &mut self,
        opener: &mut ChunkOpener,
        request: &mut WireBuffer,
    ) -> Result<Chunk, ChunkFault> {
        let bytes = request.unread_mut();
        let at = self.sealed.start;
        match opener.advance(&mut bytes[self.sealed.clone()], self.has_come())? {
            Opened::NeedMore { .. } => Ok(Chunk::NeedMore),
            Opened::Chunk { plaintext, taken, is_final } => {
                let found = at + plaintext.start..at + plaintext.end;
                self.opened += found.len() as u64;
                self.is_open = is_final;
                self.sealed.start += taken;
                if self.plain.is_empty() {
                    self.plain = found;
                } else {
                    let to = self.plain.end;
                    bytes.copy_within(found.clone(), to);
                    self.plain.end += found.len();
                }
                Ok(Chunk::Opened)
            }
        }
    }

    /// All of it was opened at once, and `plain` is what it says.
    pub(super) fn opened_whole(&mut self, plain: Range<usize>) {
        self.opened = plain.len() as u64;
        self.is_open = true;
        self.plain = plain;
        self.sealed = self.sealed.end..self.sealed.end;
    }

    /// Takes note that the first `count` bytes of the plaintext are decoded.
    pub(super) fn decoded(&mut self, count: usize) {
        self.plain.start += count;
    }

    /// Takes note that the buffer's first `count` unread bytes were consumed, or moved into its out window.
    pub(super) fn consumed(&mut self, count: usize) {
        for range in [&mut self.plain, &mut self.sealed] {
            range.start = range.start.saturating_sub(count);
            range.end = range.end.saturating_sub(count);
        }
    }
}
