//! The response to a sealed request: any final response, the server's or one made here, as Binary HTTP, sealed in place
//! in the buffer it was read into, inside an outer response that says nothing.
//!
//! ```text
//! out   │outer head│chunk line│salt│chunks of: │inner head│content│end│ │chunk end│
//! ```

use std::borrow::Cow;

use super::response_head::LIMITS;
use super::response_side::{Body, Phase, Released};
use super::sealed_request::Sealed;
use super::{Exchange, Scratch, World};
use crate::limits;
use crate::policy::refusal::Refusal;
use crate::protocol::http1::{
    ChunkedDecoder, ChunkedOutput, HeadWriter, LAST_CHUNK, Version, chunk_line, parse_response_head,
    trailer_fields,
};
use crate::protocol::payload::aead::TAG_LEN;
use crate::protocol::payload::binary_http::{
    CONTENT_END, Framing, push_content_head, push_response_head, push_trailers,
};
use crate::protocol::payload::chunk_stream::ChunkSealer;
use crate::protocol::payload::encapsulation::RESPONSE_NONCE_LEN_MAX;
use crate::protocol::payload::key_schedule::SALT_LEN;
use crate::protocol::payload::ohttp_message::WholeAnswer;
use crate::protocol::payload::sealed_run::{room_before, seal_run};
use crate::protocol::progress::Progress;
use crate::protocol::wire_buffer::WireBuffer;

/// Bytes of the outer head at most, and of all that stands between it and the inner one.
const OUTER_BYTES: usize = 384;

/// What a response is sealed with, and how far it is.
#[derive(Debug)]
pub(super) struct SealedResponse {
    sealer: Sealer,
    /// What stands in front of what is sealed: salt or nonce.
    lead: [u8; RESPONSE_NONCE_LEN_MAX],
    lead_len: usize,
    media_type: &'static [u8],
    framing: Framing,
    outer: Outer,
    /// Of a response in one piece, until the rest is there.
    inner_head: Vec<u8>,
    /// The server's trailer section, once it has come.
    trailers: Vec<u8>,
}

#[expect(clippy::large_enum_variant, reason = "a message allocates nothing")]
#[derive(Debug)]
enum Sealer {
    Chunks(ChunkSealer),
    /// All of it at once.
    Whole(WholeAnswer),
}

/// How the client sees where the outer body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outer {
    /// Nothing is sent yet.
    NotBegun,
    /// In chunks of HTTP.
    Chunked,
    /// By a length, or by the end of the connection.
    Bare,
}

impl SealedResponse {
    /// The response to a message of a session. The sealer's key is derived from `salt`.
    pub(super) fn message(sealer: ChunkSealer, salt: &[u8; SALT_LEN]) -> Self {
        Self::new(Sealer::Chunks(sealer), salt, b"message/payload-response")
    }

    /// The response to a single message in chunks.
    pub(super) fn chunked_single(sealer: ChunkSealer, nonce: &[u8]) -> Self {
        Self::new(Sealer::Chunks(sealer), nonce, b"message/ohttp-chunked-res")
    }

    /// The response to a single message in one piece. `random` is used once.
    pub(super) fn whole(answer: WholeAnswer, random: [u8; RESPONSE_NONCE_LEN_MAX]) -> Self {
        Self::new(Sealer::Whole(answer), &random, b"message/ohttp-res")
    }

    fn new(sealer: Sealer, lead_bytes: &[u8], media_type: &'static [u8]) -> Self {
        let mut lead = [0; RESPONSE_NONCE_LEN_MAX];
        let lead_len = lead_bytes.len().min(RESPONSE_NONCE_LEN_MAX);
        lead[..lead_len].copy_from_slice(&lead_bytes[..lead_len]);
        Self {
            sealer,
            lead,
            lead_len,
            media_type,
            framing: Framing::Known,
            outer: Outer::NotBegun,
            inner_head: Vec::new(),
            trailers: Vec::new(),
        }
    }

    /// True when all of the response must be there before any of it can be sealed.
    pub(super) fn is_whole(&self) -> bool {
        matches!(self.sealer, Sealer::Whole(_))
    }

    /// Seals all that waits to be written, with the inner head from `prefix` in front of it.
    fn seal_whole(&self, response: &mut WireBuffer, prefix: &[u8]) -> Result<(), Refusal> {
        let Sealer::Whole(answer) = &self.sealer else { return Err(Refusal::ResponseTooLong) };
        let suffix = self.message_end();
        let plain = prefix.len() + response.out_len() + suffix.len();
        let front = answer.head_room();
        if !response.widen(front + prefix.len(), suffix.len() + WholeAnswer::TAIL_ROOM) {
            return Err(Refusal::ResponseTooLong);
        }
        let bytes = response.out_mut();
        put(bytes, front, &[prefix]);
        put(bytes, front + plain - suffix.len(), &[&suffix]);
        answer.seal(&self.lead, bytes, front..front + plain).map_err(|_| Refusal::ResponseTooLong)?;
        Ok(())
    }

    /// Seals what waits to be written, with the inner head or a content length from `prefix` in front of it.
    fn seal(
        &mut self,
        response: &mut WireBuffer,
        prefix: &[u8],
        is_final: bool,
        chunked: bool,
    ) -> Result<(), Refusal> {
        let first = self.outer == Outer::NotBegun;
        if self.is_whole() {
            self.outer = Outer::Bare;
            return self.seal_whole(response, prefix);
        }
        if first {
            self.outer = if chunked { Outer::Chunked } else { Outer::Bare };
        }
        let suffix = if is_final { self.message_end() } else { Cow::Borrowed(&[][..]) };
        let plain = prefix.len() + response.out_len() + suffix.len();
        let room = room_before(plain, is_final);
        let salt: &[u8] = if first { &self.lead[..self.lead_len] } else { &[] };
        let line = chunk_line(salt.len() + room + plain + TAG_LEN);
        let (line, crlf, last): (&[u8], &[u8], &[u8]) = match self.outer {
            Outer::Chunked => (line.as_bytes(), b"\r\n", if is_final { LAST_CHUNK } else { b"" }),
            _ => (b"", b"", b""),
        };
        let front = line.len() + salt.len() + room;
        let behind = suffix.len() + TAG_LEN + crlf.len() + last.len();
        if !response.widen(front + prefix.len(), behind) {
            return Err(Refusal::ResponseTooLong);
        }
        let bytes = response.out_mut();
        put(bytes, 0, &[line, salt]);
        put(bytes, front, &[prefix]);
        put(bytes, front + plain - suffix.len(), &[&suffix]);
        let Sealer::Chunks(sealer) = &mut self.sealer else { return Err(Refusal::ResponseTooLong) };
        let sealed = seal_run(sealer, bytes, front..front + plain, is_final);
        let sealed = sealed.map_err(|_| Refusal::ResponseTooLong)?;
        debug_assert_eq!(sealed.start, line.len() + salt.len());
        put(bytes, sealed.end, &[crlf, last]);
        Ok(())
    }
}

impl SealedResponse {
    /// What ends the message behind its content: the end of that, and the trailers.
    fn message_end(&self) -> Cow<'static, [u8]> {
        let end: &[u8] = if self.framing == Framing::Indeterminate { &CONTENT_END } else { &[] };
        if self.trailers.is_empty() {
            return Cow::Borrowed(if end.is_empty() { end } else { &[CONTENT_END[0], 0] });
        }
        let mut out = end.to_vec();
        push_trailers(self.framing, trailer_fields(&self.trailers), &mut out);
        Cow::Owned(out)
    }
}

impl Exchange {
    /// Begins the sealed form of the response whose head for the client is in the scratch memory, and whose body follows
    /// in the buffer as `self.down.body` says.
    pub(super) fn begin_sealed(
        &mut self,
        status: u16,
        length: usize,
        world: &mut World<'_>,
    ) -> Result<(), Refusal> {
        let content = match self.down.body {
            Body::None => Some(0),
            Body::Length(length) => Some(length),
            Body::Chunked(_) => {
                self.down.body = Body::Chunked(ChunkedDecoder::new(ChunkedOutput::Bare));
                None
            }
            Body::UntilClose => None,
        };
        self.response.consume(length);
        if let Some(outcome) = &mut self.outcome {
            outcome.status = status;
        }
        if self.sealing().is_some_and(|sealed| sealed.is_whole()) {
            return self.begin_gathering(world);
        }
        self.encode_inner_head(framing_of(content), world.scratch)?;
        if let Some(length) = content {
            push_content_head(length, &mut world.scratch.inner);
        }
        let room = OUTER_BYTES + world.scratch.inner.len();
        if !self.response.has_room_before(room) && !world.buffers.enlarge(&mut self.response) {
            return Err(Refusal::ResponseTooLong);
        }
        let is_done = self.take_content(world)?;
        if self.down.phase == Phase::Head {
            self.down.phase = Phase::Body;
        }
        self.seal_out(is_done, world)?;
        self.progressed(world.now);
        Ok(())
    }

    /// Sends the answer in the scratch memory sealed.
    pub(super) fn say_sealed(&mut self, world: &mut World<'_>) -> Result<(), Refusal> {
        let head = match parse_response_head(&world.scratch.head, 0, &LIMITS, &mut world.scratch.fields) {
            Ok(Progress::Done { consumed, .. }) => consumed,
            _ => return Err(Refusal::ResponseTooLong),
        };
        let body = world.scratch.head.len() - head;
        self.encode_inner_head(Framing::Known, world.scratch)?;
        push_content_head(body as u64, &mut world.scratch.inner);
        if body > 0 && !self.response.place_before(&world.scratch.head[head..]) {
            return Err(Refusal::ResponseTooLong);
        }
        self.seal_out(true, world)
    }

    /// The out window is empty: seals the next part of the body.
    pub(super) fn take_sealed_body(&mut self, world: &mut World<'_>) -> Result<(), Refusal> {
        let is_done = self.take_content(world)?;
        world.scratch.inner.clear();
        let content = self.response.out_len();
        if content == 0 && !is_done {
            return Ok(());
        }
        self.prefix_content(content, world.scratch);
        self.seal_out(is_done, world)
    }

    /// The server's connection ended, and with it the body.
    pub(super) fn end_sealed(&mut self, world: &mut World<'_>) -> Result<(), Refusal> {
        world.scratch.inner.clear();
        self.seal_out(true, world)
    }

    /// The head of a response that is sealed in one piece is there: all of the rest has to come.
    fn begin_gathering(&mut self, world: &mut World<'_>) -> Result<(), Refusal> {
        self.encode_inner_head(Framing::Known, world.scratch)?;
        let Some(sealed) = self.sealing() else { return Err(Refusal::ResponseTooLong) };
        sealed.inner_head.clone_from(&world.scratch.inner);
        self.down.phase = Phase::Gathering;
        self.gather_response(world)
    }

    /// More of a response that is sealed in one piece is there.
    pub(super) fn gather_response(&mut self, world: &mut World<'_>) -> Result<(), Refusal> {
        let from = self.down.gathered;
        let available = self.response.unread_len() - from;
        let is_done = match &mut self.down.body {
            Body::None => true,
            Body::Length(rest) => {
                let count = (*rest).min(available as u64);
                *rest -= count;
                self.down.gathered += count as usize;
                *rest == 0
            }
            Body::Chunked(decoder) => {
                let framed = &mut self.response.unread_mut()[from..];
                let decoded = decoder.advance(framed).map_err(Refusal::ResponseMalformed)?;
                let trailers = &framed[decoded.taken - decoded.trailers..decoded.taken];
                note_trailers(&mut self.sealed, trailers);
                self.down.gathered += decoded.produced;
                self.response.remove(from + decoded.produced..from + decoded.taken);
                decoded.done
            }
            Body::UntilClose => {
                self.down.gathered += available;
                false
            }
        };
        if self.down.gathered > limits::PAYLOAD_SINGLE_BYTES {
            return Err(Refusal::ResponseTooLong);
        }
        if is_done {
            return self.seal_gathered(world);
        }
        self.down.starved = true;
        let has_room = world.buffers.make_readable(&mut self.response)
            || world.buffers.enlarge_for_message(&mut self.response);
        self.progressed(world.now);
        if has_room { Ok(()) } else { Err(Refusal::Exhausted) }
    }

    /// All of a response that is sealed in one piece is there.
    pub(super) fn seal_gathered(&mut self, world: &mut World<'_>) -> Result<(), Refusal> {
        let length = self.down.gathered;
        self.response.release(length, length);
        self.note_body_part(length, true, world);
        let Some(sealed) = self.sealing() else { return Err(Refusal::ResponseTooLong) };
        world.scratch.inner.clone_from(&sealed.inner_head);
        push_content_head(length as u64, &mut world.scratch.inner);
        self.seal_out(true, world)
    }

    /// Releases the content that is there. True when that was the end of it.
    fn take_content(&mut self, world: &mut World<'_>) -> Result<bool, Refusal> {
        let available = self.response.unread_len();
        let Released { is_done, trailers } = self.release_body()?;
        note_trailers(&mut self.sealed, self.response.consumed(trailers));
        self.note_body_part(available, is_done, world);
        Ok(is_done)
    }

    /// Writes the head in the scratch memory, which was parsed or is about to be, in Binary HTTP's form.
    fn encode_inner_head(&mut self, framing: Framing, scratch: &mut Scratch) -> Result<(), Refusal> {
        let Ok(Progress::Done { value, .. }) =
            parse_response_head(&scratch.head, 0, &LIMITS, &mut scratch.fields)
        else {
            return Err(Refusal::ResponseTooLong);
        };
        let Some(sealed) = self.sealing() else { return Err(Refusal::ResponseTooLong) };
        sealed.framing = framing;
        let (bytes, fields) = (&scratch.head, &scratch.fields);
        let fields = fields.iter().map(|field| (field.name.of(bytes), field.value.of(bytes)));
        scratch.inner.clear();
        push_response_head(framing, value.status, fields, &mut scratch.inner);
        Ok(())
    }

    /// In a message of unknown length each part of the content has its own length in front.
    fn prefix_content(&mut self, content: usize, scratch: &mut Scratch) {
        let is_indeterminate = self.sealing().is_some_and(|sealed| sealed.framing == Framing::Indeterminate);
        if content > 0 && is_indeterminate {
            push_content_head(content as u64, &mut scratch.inner);
        }
    }

    /// Seals what is released, behind what is in `scratch.inner`; in front of the first part goes the outer head.
    fn seal_out(&mut self, is_final: bool, world: &mut World<'_>) -> Result<(), Refusal> {
        let version = self.up.version;
        let persists = self.down.persists;
        let Some(sealed) = self.sealed.as_mut().and_then(|sealed| sealed.response.as_mut()) else {
            return Err(Refusal::ResponseTooLong);
        };
        let first = sealed.outer == Outer::NotBegun;
        if first && sealed.framing == Framing::Indeterminate && self.response.out_len() > 0 {
            push_content_head(self.response.out_len() as u64, &mut world.scratch.inner);
        }
        // All of it is here: its length can be said.
        let chunked = !is_final && version == Version::Http11;
        sealed.seal(&mut self.response, &world.scratch.inner, is_final, chunked)?;
        if !first {
            return Ok(());
        }
        let length = is_final.then_some(self.response.out_len() as u64);
        let head = &mut world.scratch.head;
        head.clear();
        write_outer_head(sealed.media_type, length, chunked, persists, version, world.date, head);
        if self.response.place_before(head) { Ok(()) } else { Err(Refusal::ResponseTooLong) }
    }

    fn sealing(&mut self) -> Option<&mut SealedResponse> {
        self.sealed.as_mut()?.response.as_mut()
    }
}

/// Keeps the server's trailers for the end of the message.
fn note_trailers(sealed: &mut Option<Box<Sealed>>, section: &[u8]) {
    if let Some(response) = sealed.as_mut().and_then(|sealed| sealed.response.as_mut()) {
        response.trailers.extend_from_slice(section);
    }
}

fn framing_of(content: Option<u64>) -> Framing {
    if content.is_some() { Framing::Known } else { Framing::Indeterminate }
}

fn put(bytes: &mut [u8], at: usize, parts: &[&[u8]]) {
    let mut at = at;
    for part in parts {
        bytes[at..at + part.len()].copy_from_slice(part);
        at += part.len();
    }
}

fn write_outer_head(
    media_type: &[u8],
    length: Option<u64>,
    chunked: bool,
    persists: bool,
    version: Version,
    date: &[u8],
    out: &mut Vec<u8>,
) {
    let mut writer = HeadWriter::new(out);
    writer.status_line(200, b"OK");
    writer.field(b"date", date);
    writer.field(b"content-type", media_type);
    if media_type == b"message/ohttp-chunked-res" {
        writer.field(b"incremental", b"?1");
    }
    writer.field(b"cache-control", b"no-store, no-transform");
    match (persists, version) {
        (false, _) => writer.field(b"connection", b"close"),
        (true, Version::Http10) => writer.field(b"connection", b"keep-alive"),
        (true, Version::Http11) => {}
    }
    match length {
        Some(length) => writer.field_number(b"content-length", length),
        None if chunked => writer.field(b"transfer-encoding", b"chunked"),
        None => {}
    }
    writer.end();
}
