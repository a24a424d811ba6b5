//! The content of a sealed request above what is opened whole: chunk by chunk to the server, all but what would complete
//! its request, which waits for the final chunk.

use std::ops::Range;

use super::sealed_body::Chunk;
use super::sealed_request::Sealed;
use super::{Exchange, Scratch};
use crate::policy::refusal::Refusal;
use crate::protocol::http1::{LAST_CHUNK, chunk_line};
use crate::protocol::payload::binary_http::FieldList;
use crate::protocol::wire_buffer::WireBuffer;

impl Exchange {
    /// Moves what there is of a streamed request's content into the out window. True when that was all.
    pub(super) fn take_opened(&mut self, scratch: &mut Scratch) -> Result<bool, Refusal> {
        let Some(mut sealed) = self.sealed.take() else { return Ok(true) };
        let taken = sealed.take_content(&mut self.request, scratch);
        self.note_taken(&mut sealed);
        self.sealed = Some(sealed);
        let (content, is_done) = taken?;
        self.up.count_body(content)?;
        Ok(is_done)
    }
}

impl Sealed {
    /// Opens and decodes what has come of a streamed message, and releases its content, framed for the server. Gives how
    /// much content that was, and whether the message is over.
    fn take_content(
        &mut self,
        request: &mut WireBuffer,
        scratch: &mut Scratch,
    ) -> Result<(u64, bool), Refusal> {
        let held = usize::from(self.holds_byte);
        let at = if self.holds_byte { 0 } else { self.body.plain().start };
        let mut content = at..at + held;
        let is_done = self.decode_available(request, &mut content, &mut scratch.trailers)?;
        let length = content.len();
        let fresh = (length - held) as u64;
        self.consume(request, content.start);
        let withheld = match &mut self.left {
            Some(left) => {
                *left = left.checked_sub(fresh).ok_or(Refusal::PayloadMalformed)?;
                usize::from(*left == 0 && !is_done && length > 0)
            }
            None => 0,
        };
        self.holds_byte = withheld == 1;
        let ready = length - withheld;
        let next = if is_done {
            self.body.end()
        } else if self.holds_byte {
            ready
        } else {
            self.next_bytes().max(ready)
        };
        request.release(ready, next);
        self.body.consumed(next);
        if self.left.is_none() {
            // Trailers are dropped, as RFC 9110 section 6.5.1 allows.
            frame_chunk(request, is_done, &mut scratch.path)?;
        }
        Ok((fresh, is_done))
    }

    fn decode_available(
        &mut self,
        request: &mut WireBuffer,
        content: &mut Range<usize>,
        trailers: &mut FieldList,
    ) -> Result<bool, Refusal> {
        self.body.unframe(request)?;
        loop {
            if self.decode_content(request, content, trailers)? {
                return Ok(true);
            }
            let Some(opening) = &mut self.opening else { return Err(Refusal::PayloadMalformed) };
            match self.body.open_next(&mut opening.opener, request) {
                Ok(Chunk::Opened) => {}
                Ok(Chunk::NeedMore) => return Ok(false),
                Err(_) => return Err(Refusal::PayloadMalformed),
            }
        }
    }

    /// Where the first bytes stand that are still needed.
    fn next_bytes(&self) -> usize {
        let plain = self.body.plain();
        if plain.is_empty() { self.body.sealed().start } else { plain.start }
    }
}

/// Makes what is released a chunk for the server, and ends the body behind it when it `is_done`.
fn frame_chunk(request: &mut WireBuffer, is_done: bool, end: &mut Vec<u8>) -> Result<(), Refusal> {
    let length = request.out_len();
    if length == 0 && !is_done {
        return Ok(());
    }
    let line = chunk_line(length.max(1));
    let line: &[u8] = if length > 0 { line.as_bytes() } else { b"" };
    end.clear();
    if length > 0 {
        end.extend_from_slice(b"\r\n");
    }
    if is_done {
        end.extend_from_slice(LAST_CHUNK);
    }
    if !request.widen(line.len(), end.len()) {
        return Err(Refusal::Exhausted);
    }
    let out = request.out_mut();
    out[..line.len()].copy_from_slice(line);
    let tail = out.len() - end.len();
    out[tail..].copy_from_slice(end);
    Ok(())
}
