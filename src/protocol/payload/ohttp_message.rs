//! Single messages: Oblivious HTTP (RFC 9458) and its chunked form (draft-ietf-ohai-chunked-ohttp), both ends.
//!
//! ```text
//! whole     header | enc | Seal(request)               response nonce | Seal(response)
//! chunked   header | enc | chunks(request)             response nonce | chunks(response)
//! ```
//! What the messages mean, whether they are fresh and how long they may be is left to the caller, who remembers
//! [`WholeAnswer::enc`] or [`ChunkedAnswer::enc`] against replays.

use std::ops::Range;

use super::aead::{Aead, NotOpening, NotSealing, TAG_LEN};
use super::chunk_stream::{ChunkOpener, ChunkSealer};
use super::encapsulation::{AnswerSecret, EncapsulationFault, Labels, RESPONSE_NONCE_LEN_MAX, receive, send};
use super::hybrid::PRIVATE_LEN;
use super::ohttp_keys::{GatewayKeys, KeyConfig};
use crate::protocol::progress::Progress;

const WHOLE: Labels = Labels { request: "message/bhttp request", response: "message/bhttp response" };
const CHUNKED: Labels =
    Labels { request: "message/bhttp chunked request", response: "message/bhttp chunked response" };

/// Opens a request in place. `body` is all of it; returns where in it the plaintext lies.
///
/// # Errors
/// [`EncapsulationFault`].
pub fn open_whole(
    keys: &GatewayKeys,
    body: &mut [u8],
) -> Result<(Range<usize>, WholeAnswer), EncapsulationFault> {
    let Progress::Done { value: (key, answer), consumed } = receive(keys, WHOLE, body)? else {
        return Err(EncapsulationFault::Malformed);
    };
    let sealed = body.get_mut(consumed..).unwrap_or_default();
    let length = key.open(0, b"", sealed).map_err(|_| EncapsulationFault::Malformed)?;
    Ok((consumed..consumed + length, WholeAnswer(answer)))
}

/// Reads what stands in front of a chunked request's chunks, whose opener takes up to `max_plaintext` bytes of
/// plaintext each. Authentic once the first chunk has opened.
///
/// # Errors
/// [`EncapsulationFault`].
pub fn open_chunked(
    keys: &GatewayKeys,
    bytes: &[u8],
    max_plaintext: usize,
) -> Result<Progress<(ChunkOpener, ChunkedAnswer)>, EncapsulationFault> {
    Ok(match receive(keys, CHUNKED, bytes)? {
        Progress::NeedMore { searched } => Progress::NeedMore { searched },
        Progress::Done { value: (key, answer), consumed } => {
            Progress::Done { value: (ChunkOpener::new(key, max_plaintext), ChunkedAnswer(answer)), consumed }
        }
    })
}

/// Seals the one response to a request that came whole.
#[derive(Debug)]
pub struct WholeAnswer(AnswerSecret);

impl WholeAnswer {
    /// Bytes to leave free behind the plaintext: the tag.
    pub const TAIL_ROOM: usize = TAG_LEN;

    /// What the client sent of the key agreement: no two requests have the same, unless one is replayed.
    pub fn enc(&self) -> &[u8] {
        self.0.enc()
    }

    /// Bytes to leave free in front of the plaintext: the response nonce.
    pub fn head_room(&self) -> usize {
        self.0.aead().secret_len()
    }

    /// Seals `bytes[plaintext]` where it lies and returns where the whole response does, directly around it. `random` is
    /// used once.
    ///
    /// # Errors
    /// There is no room around the plaintext, or it is longer than the cipher takes.
    pub fn seal(
        &self,
        random: &[u8; RESPONSE_NONCE_LEN_MAX],
        bytes: &mut [u8],
        plaintext: Range<usize>,
    ) -> Result<Range<usize>, NotSealing> {
        let nonce = self.0.nonce(random);
        let start = plaintext.start.checked_sub(nonce.len()).ok_or(NotSealing)?;
        let end = plaintext.end.checked_add(TAG_LEN).ok_or(NotSealing)?;
        let (head, room) = bytes.get_mut(start..end).ok_or(NotSealing)?.split_at_mut(nonce.len());
        self.0.key(nonce).seal(0, b"", room)?;
        head.copy_from_slice(nonce);
        Ok(start..end)
    }
}

/// Seals the one response to a request that came in chunks.
#[derive(Debug)]
pub struct ChunkedAnswer(AnswerSecret);

impl ChunkedAnswer {
    /// What the client sent of the key agreement: no two requests have the same, unless one is replayed.
    pub fn enc(&self) -> &[u8] {
        self.0.enc()
    }

    /// The response nonce, which is sent first, and the sealer of the chunks behind it. `random` is used once.
    pub fn sealer<'a>(&self, random: &'a [u8; RESPONSE_NONCE_LEN_MAX]) -> (&'a [u8], ChunkSealer) {
        let nonce = self.0.nonce(random);
        (nonce, ChunkSealer::new(self.0.key(nonce)))
    }
}

/// A client's request, sealed whole: the body to send, and what opens the response. `None` if the key does not offer
/// `aead`. `random` is used once.
pub fn seal_whole(
    keys: &KeyConfig,
    aead: Aead,
    message: &[u8],
    random: &[u8; PRIVATE_LEN],
) -> Option<(Vec<u8>, PendingWhole)> {
    let mut body = Vec::new();
    let (key, answer) = send(keys, aead, WHOLE, random, &mut body)?;
    let start = body.len();
    body.extend_from_slice(message);
    body.extend_from_slice(&[0; TAG_LEN]);
    key.seal(0, b"", body.get_mut(start..)?).ok()?;
    Some((body, PendingWhole(answer)))
}

/// Opens the response to a request that was sent whole.
#[derive(Debug)]
pub struct PendingWhole(AnswerSecret);

impl PendingWhole {
    /// Opens the response in place. `body` is all of it; returns where in it the plaintext lies.
    ///
    /// # Errors
    /// The response is none to this request, or was changed.
    pub fn open(&self, body: &mut [u8]) -> Result<Range<usize>, NotOpening> {
        let start = self.0.aead().secret_len();
        let (nonce, sealed) = body.split_at_mut_checked(start).ok_or(NotOpening)?;
        let length = self.0.key(nonce).open(0, b"", sealed)?;
        Ok(start..start + length)
    }
}

/// Begins a client's request in chunks: the bytes to send first, the sealer of the chunks behind them, and what opens
/// the response. `None` if the key does not offer `aead`. `random` is used once.
pub fn begin_chunked(
    keys: &KeyConfig,
    aead: Aead,
    random: &[u8; PRIVATE_LEN],
) -> Option<(Vec<u8>, ChunkSealer, PendingChunked)> {
    let mut head = Vec::new();
    let (key, answer) = send(keys, aead, CHUNKED, random, &mut head)?;
    Some((head, ChunkSealer::new(key), PendingChunked(answer)))
}

/// Opens the response to a request that was sent in chunks.
#[derive(Debug)]
pub struct PendingChunked(AnswerSecret);

impl PendingChunked {
    /// Reads what stands in front of the response's chunks, whose opener takes up to `max_plaintext` bytes of plaintext
    /// each.
    pub fn opener(&self, bytes: &[u8], max_plaintext: usize) -> Progress<ChunkOpener> {
        let length = self.0.aead().secret_len();
        match bytes.get(..length) {
            None => Progress::NeedMore { searched: bytes.len() },
            Some(nonce) => {
                let value = ChunkOpener::new(self.0.key(nonce), max_plaintext);
                Progress::Done { value, consumed: length }
            }
        }
    }
}

#[cfg(test)]
mod tests;
