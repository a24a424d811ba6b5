//! A run of plaintext of any length sealed as chunks where it lies.
//!
//! ```text
//! before  │    room    │plaintext · · · · · · · · · · · · · · · · · · · ·│ 16 │
//! after   │ │n│16 KiB sealed│tag│n│16 KiB sealed│tag│n│the rest sealed│tag     │
//! ```
//! The last chunk stays where it is; those before it move to the left by what the lengths and tags behind them take. A
//! message within one chunk is not moved at all.

use std::ops::Range;

use super::aead::TAG_LEN;
use super::chunk_stream::{ChunkFault, ChunkSealer};
use super::varint::minimal_len;
use crate::limits::{COPY_BYTES, PAYLOAD_CHUNK_SENT_BYTES};

/// Bytes to leave free in front of `length` bytes of plaintext. Behind them [`TAG_LEN`] are needed.
pub fn room_before(length: usize, is_final: bool) -> usize {
    let before_last = length.saturating_sub(1) / PAYLOAD_CHUNK_SENT_BYTES;
    let last = length - before_last * PAYLOAD_CHUNK_SENT_BYTES;
    before_last * (head_len(PAYLOAD_CHUNK_SENT_BYTES, false) + TAG_LEN) + head_len(last, is_final)
}

/// Seals `bytes[plaintext]`, which is not empty unless it ends the message, and returns where the chunks lie.
///
/// # Errors
/// Those of [`ChunkSealer::seal`]; then the message can only be cut.
pub fn seal_run(
    sealer: &mut ChunkSealer,
    bytes: &mut [u8],
    plaintext: Range<usize>,
    is_final: bool,
) -> Result<Range<usize>, ChunkFault> {
    let room = room_before(plaintext.len(), is_final);
    let start = plaintext.start.checked_sub(room).ok_or(ChunkFault::TooLarge)?;
    let mut source = plaintext.start;
    let mut end = start;
    while plaintext.end - source > PAYLOAD_CHUNK_SENT_BYTES {
        let target = end + head_len(PAYLOAD_CHUNK_SENT_BYTES, false);
        move_left(bytes, source..source + PAYLOAD_CHUNK_SENT_BYTES, target);
        end = sealer.seal(bytes, target..target + PAYLOAD_CHUNK_SENT_BYTES, false)?.end;
        source += PAYLOAD_CHUNK_SENT_BYTES;
    }
    let last = sealer.seal(bytes, source..plaintext.end, is_final)?;
    debug_assert_eq!(last.start, end);
    Ok(start..last.end)
}

/// Bytes of a chunk's length in front of so much plaintext.
fn head_len(plaintext: usize, is_final: bool) -> usize {
    if is_final { 1 } else { minimal_len((plaintext + TAG_LEN) as u64).unwrap_or(ChunkSealer::HEAD_ROOM) }
}

/// In pieces, as [`COPY_BYTES`] says.
fn move_left(bytes: &mut [u8], source: Range<usize>, target: usize) {
    let mut from = source.start;
    let mut to = target;
    while from < source.end {
        let count = (source.end - from).min(COPY_BYTES);
        bytes.copy_within(from..from + count, to);
        from += count;
        to += count;
    }
}

#[cfg(test)]
mod tests {
    use super::super::aead::{Aead, MessageKey};
    use super::super::chunk_stream::{ChunkOpener, Opened};
    use super::*;

    fn key() -> MessageKey {
        MessageKey::new(Aead::Aes128Gcm, &[7; 16], &[9; 12]).unwrap()
    }

    /// Seals as runs of these lengths, the last of them final, in exactly the room that is asked for.
    fn check(runs: &[usize]) {
        let mut sealer = ChunkSealer::new(key());
        let message: Vec<u8> = (0..runs.iter().sum()).map(|at: usize| (at % 251) as u8).collect();
        let (mut wire, mut at) = (Vec::new(), 0);
        for (number, length) in runs.iter().enumerate() {
            let is_final = number + 1 == runs.len();
            let room = room_before(*length, is_final);
            let mut bytes = vec![0xee; room];
            bytes.extend_from_slice(&message[at..at + length]);
            bytes.extend_from_slice(&[0xee; TAG_LEN]);
            let sealed = seal_run(&mut sealer, &mut bytes, room..room + length, is_final).unwrap();
            assert_eq!(sealed, 0..bytes.len(), "{runs:?}");
            wire.extend_from_slice(&bytes);
            at += length;
        }
        let mut opener = ChunkOpener::new(key(), PAYLOAD_CHUNK_SENT_BYTES);
        let mut opened = Vec::new();
        loop {
            let Opened::Chunk { plaintext, taken, is_final } = opener.advance(&mut wire, true).unwrap()
            else {
                panic!("a chunk is not whole: {runs:?}");
            };
            opened.extend_from_slice(&wire[plaintext]);
            wire.drain(..taken);
            if is_final {
                break;
            }
        }
        assert!(opened == message, "{runs:?}");
    }

    #[test]
    fn runs_of_every_length_open_to_what_was_sealed() {
        const CHUNK: usize = PAYLOAD_CHUNK_SENT_BYTES;
        for length in [0, 1, 47, 48, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 5 * CHUNK + 77] {
            check(&[length]);
            check(&[1, length]);
            if length > 0 {
                check(&[length, 0]);
                check(&[length, length, 3]);
            }
        }
    }

    #[test]
    fn a_run_without_room_is_refused() {
        let mut bytes = vec![0; 3 * PAYLOAD_CHUNK_SENT_BYTES];
        let long = 20..2 * PAYLOAD_CHUNK_SENT_BYTES;
        assert_eq!(seal_run(&mut ChunkSealer::new(key()), &mut bytes, long, true), Err(ChunkFault::TooLarge));
        let behind = bytes.len() - 5..bytes.len();
        assert_eq!(
            seal_run(&mut ChunkSealer::new(key()), &mut bytes, behind, true),
            Err(ChunkFault::TooLarge)
        );
    }
}
