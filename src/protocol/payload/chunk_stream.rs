//! A message as sealed chunks, opened and sealed where they lie:
//!
//! ```text
//! chunk         │length n, varint│ciphertext, n - 16│tag 16│      at least one byte of plaintext
//! final chunk   │0, varint       │ciphertext        │tag 16│      ends with the body
//! ```
//! The chunks are counted from 0, the count goes into the nonce and `final` into the additional data of the last one, so
//! that none can be moved, repeated, left out or cut off. Where the message begins and what it means is left to others;
//! so is how many bytes of it all are too many.

use std::ops::Range;

use super::aead::{MessageKey, NotOpening, TAG_LEN};
use super::varint::{minimal_len, read_varint, varint_len, write_varint};
use crate::limits;

/// Additional data of a chunk that another follows.
const MORE: &[u8] = b"";
/// Additional data of the last chunk.
const FINAL: &[u8] = b"final";

/// Why a message cannot go on, in either direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum ChunkFault {
    /// A chunk with no plaintext that is not the final one, or anything behind the final one.
    #[error("a chunk without content, or one behind the final one")]
    Malformed,
    /// The body ended within a chunk or without a final one.
    #[error("the body ends before its final chunk")]
    Truncated,
    /// More plaintext in a chunk than is taken; when sealing, also more than there is room for.
    #[error("a chunk is larger than allowed")]
    TooLarge,
    /// The chunk was not sealed under this key at this place, or was changed.
    #[error("a chunk does not open")]
    NotOpening,
    /// More than [`limits::PAYLOAD_CHUNKS`].
    #[error("more chunks than a message may have")]
    TooMany,
}

impl From<NotOpening> for ChunkFault {
    fn from(_: NotOpening) -> Self {
        Self::NotOpening
    }
}

/// What [`ChunkOpener::advance`] found at the front of its input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opened {
    /// The chunk is not whole. Nothing was changed.
    NeedMore {
        /// Bytes of input wanted before anything can be said, unless the body ends; more than there were. Of a final
        /// chunk, whose end only the body's end tells, this is one byte more than it has so far.
        total: usize,
    },
    /// One chunk was opened.
    Chunk {
        /// Where its plaintext lies in the input. Empty in some final chunks, never in others.
        plaintext: Range<usize>,
        /// Its bytes on the wire; the next chunk begins behind them.
        taken: usize,
        /// The message ends here.
        is_final: bool,
    },
}

/// Opens the chunks of one message, one per call.
///
/// Contract: bytes are offered in order, from a chunk's first one on, and those taken are not offered again. After an
/// error every call gives that error.
#[derive(Debug)]
pub struct ChunkOpener {
    key: MessageKey,
    max_plaintext: usize,
    opened: u64,
    /// What every further call is answered with.
    over: Option<ChunkFault>,
}

impl ChunkOpener {
    /// Bytes that a chunk on the wire may have beside its plaintext: the longest form of a varint and a tag.
    pub const OVERHEAD_MAX: usize = super::varint::VARINT_LEN_MAX + TAG_LEN;

    /// An opener in front of a message's first chunk. A chunk with more than `max_plaintext` bytes of plaintext, or more
    /// than [`limits::PAYLOAD_CHUNK_BYTES`], is refused; so what [`Opened::NeedMore`] asks for never exceeds
    /// `max_plaintext` + [`Self::OVERHEAD_MAX`] + 1.
    pub fn new(key: MessageKey, max_plaintext: usize) -> Self {
        Self { key, max_plaintext: max_plaintext.min(limits::PAYLOAD_CHUNK_BYTES), opened: 0, over: None }
    }

    /// Looks at the chunk at the front of `sealed` and opens it in place when it is whole. `ended`: the body has no
    /// bytes behind `sealed`; the final chunk is opened only then.
    ///
    /// # Errors
    /// What is wrong with the message. Nothing behind it can be read.
    pub fn advance(&mut self, sealed: &mut [u8], ended: bool) -> Result<Opened, ChunkFault> {
        if let Some(fault) = self.over {
            return Err(fault);
        }
        let advanced = self.open_next(sealed, ended);
        match advanced {
            Ok(Opened::Chunk { is_final: true, .. }) => self.over = Some(ChunkFault::Malformed),
            Ok(Opened::Chunk { is_final: false, .. } | Opened::NeedMore { .. }) => {}
            Err(fault) => self.over = Some(fault),
        }
        advanced
    }

    /// Chunks opened so far.
    pub fn opened_chunks(&self) -> u64 {
        self.opened
    }

    fn open_next(&mut self, sealed: &mut [u8], ended: bool) -> Result<Opened, ChunkFault> {
        if self.opened >= limits::PAYLOAD_CHUNKS {
            return Err(ChunkFault::TooMany);
        }
        let Some((length, head)) = read_varint(sealed) else {
            let total = sealed.first().map_or(1, |&first| varint_len(first));
            return if ended { Err(ChunkFault::Truncated) } else { Ok(Opened::NeedMore { total }) };
        };
        let is_final = length == 0;
        let body = if is_final { sealed.len() - head } else { usize::try_from(length).unwrap_or(usize::MAX) };
        if body > self.max_plaintext + TAG_LEN {
            return Err(ChunkFault::TooLarge);
        }
        if body <= TAG_LEN && !is_final {
            return Err(ChunkFault::Malformed);
        }
        let end = head + body;
        if is_final && !ended {
            return Ok(Opened::NeedMore { total: end + 1 });
        }
        if end > sealed.len() {
            return if ended { Err(ChunkFault::Truncated) } else { Ok(Opened::NeedMore { total: end }) };
        }
        let chunk = sealed.get_mut(head..end).filter(|chunk| chunk.len() >= TAG_LEN);
        let chunk = chunk.ok_or(ChunkFault::Truncated)?;
        let plain = self.key.open(self.opened, if is_final { FINAL } else { MORE }, chunk)?;
        self.opened += 1;
        Ok(Opened::Chunk { plaintext: head..head + plain, taken: end, is_final })
    }
}

/// Seals the chunks of one message, one per call.
#[derive(Debug)]
pub struct ChunkSealer {
    key: MessageKey,
    sealed: u64,
    is_ended: bool,
}

impl ChunkSealer {
    /// Bytes to leave free in front of the plaintext: the length of the largest chunk.
    pub const HEAD_ROOM: usize = 4;
    /// Bytes to leave free behind the plaintext: the tag.
    pub const TAIL_ROOM: usize = TAG_LEN;

    /// A sealer in front of a message's first chunk.
    pub fn new(key: MessageKey) -> Self {
        Self { key, sealed: 0, is_ended: false }
    }

    /// Seals `bytes[plaintext]` where it lies and returns where the whole chunk does: from its length, directly in front
    /// of the plaintext, to the tag directly behind it. Other bytes are not touched.
    ///
    /// # Errors
    /// [`ChunkFault::Malformed`]: no plaintext, though not final, or the final chunk has been sealed.
    /// [`ChunkFault::TooLarge`]: more plaintext than [`limits::PAYLOAD_CHUNK_BYTES`], or no room around it.
    /// [`ChunkFault::TooMany`]: the message can only be cut. Nothing was sealed in any of these cases.
    pub fn seal(
        &mut self,
        bytes: &mut [u8],
        plaintext: Range<usize>,
        is_final: bool,
    ) -> Result<Range<usize>, ChunkFault> {
        if self.is_ended || plaintext.is_empty() && !is_final {
            return Err(ChunkFault::Malformed);
        }
        if plaintext.len() > limits::PAYLOAD_CHUNK_BYTES {
            return Err(ChunkFault::TooLarge);
        }
        if self.sealed >= limits::PAYLOAD_CHUNKS {
            return Err(ChunkFault::TooMany);
        }
        let length = if is_final { 0 } else { (plaintext.len() + TAG_LEN) as u64 };
        let head = minimal_len(length).ok_or(ChunkFault::TooLarge)?;
        let start = plaintext.start.checked_sub(head).ok_or(ChunkFault::TooLarge)?;
        let end = plaintext.end.checked_add(TAG_LEN).ok_or(ChunkFault::TooLarge)?;
        let chunk = bytes.get_mut(start..end).ok_or(ChunkFault::TooLarge)?;
        let (head_room, room) = chunk.split_at_mut(head);
        let aad = if is_final { FINAL } else { MORE };
        self.key.seal(self.sealed, aad, room).map_err(|_| ChunkFault::TooLarge)?;
        write_varint(length, head_room).ok_or(ChunkFault::TooLarge)?;
        self.sealed += 1;
        self.is_ended = is_final;
        Ok(start..end)
    }

    /// Chunks sealed so far.
    pub fn sealed_chunks(&self) -> u64 {
        self.sealed
    }
}

// A varint of four bytes reaches to 2^30 - 1.
const _: () = assert!(limits::PAYLOAD_CHUNK_BYTES + TAG_LEN < 1 << 30);

#[cfg(test)]
mod tests;
