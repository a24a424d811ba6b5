//! A sealed request on its way in: its header, the checks in the order the protocol fixes, its chunks, and the inner
//! request put where a plain one would lie, so that everything behind it is the same for both.
//!
//! Up to [`limits::PAYLOAD_WHOLE_BYTES`] a message is opened to its end before its request is looked at. A larger one goes
//! on chunk by chunk, and what would complete the request for the server is held back until the final chunk is open.

use super::inner_request::{Content, refusal_for, write_inner_head};
use super::payload_endpoints::{SealedArrival, SealedForm};
use super::request_side::{Body, Phase};
use super::sealed_body::{Chunk, SealedBody};
use super::sealed_claim::{Claim, Encapsulated};
use super::sealed_response::SealedResponse;
use super::{Exchange, Scratch, World};
use crate::limits;
use crate::policy::forwarding::is_trusted;
use crate::policy::refusal::Refusal;
use crate::protocol::http1::parse_request_head;
use crate::protocol::moment::Monotonic;
use crate::protocol::payload::aead::TAG_LEN;
use crate::protocol::payload::binary_http::{
    BhttpFault, FieldList, MessageLimits, Part, RequestDecoder, RequestHead, Scheme,
};
use crate::protocol::payload::chunk_stream::{ChunkFault, ChunkOpener, ChunkSealer};
use crate::protocol::payload::encapsulation::{EncapsulationFault, RESPONSE_NONCE_LEN_MAX};
use crate::protocol::payload::hybrid::PUBLIC_LEN_MAX;
use crate::protocol::payload::key_schedule::{MessageHeader, request_keys, response_key};
use crate::protocol::payload::ohttp_message::{open_chunked, open_whole};
use crate::protocol::payload::ticket::AppIdentity;
use crate::protocol::progress::Progress;
use crate::protocol::wire_buffer::{BufferPool, WireBuffer};

/// A sealed request and the response to it.
#[derive(Debug)]
pub(super) struct Sealed {
    form: SealedForm,
    pub(super) body: SealedBody,
    pub(super) opening: Option<Opening>,
    decoder: RequestDecoder,
    /// What the response is sealed with: there from the first chunk on that opened, when the client is known to hold the
    /// keys. Before it answers go out in clear.
    pub(super) response: Option<SealedResponse>,
    /// Content of a streamed request still to come, where its length is known.
    pub(super) left: Option<u64>,
    /// The last byte of the content stands first in the buffer, held back.
    pub(super) holds_byte: bool,
    /// Of a single message that is not yet entered into the replay memory.
    single: Option<Encapsulated>,
    /// Of the URL that the client asked for.
    pub(super) scheme: Scheme,
    /// The application that the session's ticket names.
    pub(super) app: Option<AppIdentity>,
    /// When all of it must have come.
    pub(super) due: Monotonic,
}

/// From the header until all is open.
#[derive(Debug)]
pub(super) struct Opening {
    pub(super) opener: ChunkOpener,
    claim: Claim,
    response: Option<SealedResponse>,
}

/// Bytes of what opens a session: the key's number and those of the algorithms, the longest key, plaintext, tag.
const PAYLOAD_SESSION_REQUEST_MAX: usize = 7 + PUBLIC_LEN_MAX + limits::PAYLOAD_SESSION_BYTES + TAG_LEN;

/// How far opening has come.
enum Step {
    NeedMore,
    Ready,
}

impl Exchange {
    /// True when what is read now is a request that came sealed.
    pub(super) fn is_opened(&self) -> bool {
        self.sealed.as_ref().is_some_and(|sealed| sealed.response.is_some())
    }

    /// The head of a sealed message is consumed: its body follows.
    pub(super) fn begin_opening(&mut self, form: SealedForm, arrival: SealedArrival, world: &mut World<'_>) {
        if let Some(outcome) = &mut self.outcome {
            outcome.payload = Some(form);
        }
        if !self.may_send(form, world) {
            // Of a body that is all there the connection is rid at once, and can go on.
            return self.refuse(Refusal::PayloadRate, world);
        }
        let body = SealedBody::new(arrival.framing);
        let is_empty = body.has_come();
        let new = Sealed {
            form,
            body,
            opening: None,
            decoder: RequestDecoder::new(self.message_limits()),
            response: None,
            left: None,
            holds_byte: false,
            single: None,
            scheme: Scheme::Http,
            app: None,
            due: world.now.after(limits::PAYLOAD_MESSAGE_TIME),
        };
        self.sealed = Some(match world.scratch.spare_sealed.pop() {
            Some(mut spare) => {
                *spare = new;
                spare
            }
            None => Box::new(new),
        });
        self.up.phase = Phase::Opening;
        self.up.body = Body::Sealed;
        self.up.starved = true;
        self.up.body_timeout = self.rules.timeouts.body;
        self.progressed(world.now);
        if self.request.unread_len() > 0 || is_empty {
            self.advance_opening(world);
        } else if arrival.awaits_continue {
            self.ask_for_body(world);
        }
    }

    /// Tells the client to send. No server could: which it will be stands in the body.
    fn ask_for_body(&mut self, world: &mut World<'_>) {
        let fresh = world.buffers.take_small();
        world.buffers.give(std::mem::replace(&mut self.response, fresh));
        if !self.response.place_before(b"HTTP/1.1 100 Continue\r\n\r\n") {
            self.abort(Refusal::Exhausted, world.now);
        }
    }

    /// The client was told to send: the answer takes memory when it comes.
    pub(super) fn asked_for_body(&mut self, world: &mut World<'_>) {
        world.buffers.give(std::mem::take(&mut self.response));
    }

    /// What costs a key agreement is counted by address, single messages from a relay only together.
    fn may_send(&self, form: SealedForm, world: &mut World<'_>) -> bool {
        let address = self.outcome.as_ref().map_or(self.peer.address, |outcome| outcome.client).ip();
        let is_relay = self.rules.payload.as_ref().is_some_and(|it| is_trusted(address, &it.relays));
        match form {
            SealedForm::Message => true,
            SealedForm::Session | SealedForm::Whole | SealedForm::Chunked => {
                let counted = Some(address).filter(|_| form == SealedForm::Session || !is_relay);
                world.payload.as_mut().is_some_and(|payload| (payload.admit)(counted))
            }
        }
    }

    /// Bytes of a sealed message have come.
    pub(super) fn advance_opening(&mut self, world: &mut World<'_>) {
        let Some(mut sealed) = self.sealed.take() else { return };
        let step = sealed.open(&mut self.request, self.rules.limits.payload_chunk, world);
        self.note_taken(&mut sealed);
        let end = sealed.body.end();
        self.sealed = Some(sealed);
        match step {
            Ok(Step::Ready) if self.sealed.as_ref().is_some_and(|it| it.form == SealedForm::Session) => {
                self.open_session(end, world);
            }
            Ok(Step::Ready) => self.begin_inner(world),
            Ok(Step::NeedMore) => {
                self.up.starved = true;
                if !self.make_request_readable(world) {
                    return self.refuse(Refusal::Exhausted, world);
                }
                self.progressed(world.now);
            }
            Err(refusal) => self.refuse_message(refusal, world),
        }
    }

    /// Refuses what came. If all of it did, the connection can go on behind it.
    fn refuse_message(&mut self, refusal: Refusal, world: &mut World<'_>) {
        let body = self.sealed.as_ref().map(|sealed| &sealed.body);
        if let Some(end) = body.filter(|body| body.has_come()).map(SealedBody::end) {
            self.request.consume(end);
            self.up.end_body();
        }
        self.refuse(refusal, world);
    }

    fn make_request_readable(&mut self, world: &mut World<'_>) -> bool {
        let whole = self.sealed.as_ref().is_some_and(|sealed| sealed.form == SealedForm::Whole);
        world.buffers.make_readable(&mut self.request)
            || whole && world.buffers.enlarge_for_message(&mut self.request)
    }

    /// Enough is open to judge the request in it.
    fn begin_inner(&mut self, world: &mut World<'_>) {
        let Some(mut sealed) = self.sealed.take() else { return };
        let inner = sealed.place_inner(&mut self.request, self.peer.tls.is_some(), world);
        self.sealed = Some(sealed);
        match inner {
            Ok(body) => {
                self.up.body = body;
                self.inner_head_came(world);
            }
            // The buffer is in pieces.
            Err(Refusal::Exhausted) => self.refuse(Refusal::Exhausted, world),
            Err(refusal) => self.refuse_message(refusal, world),
        }
    }

    /// Reads the inner head as if it had come in plain.
    fn inner_head_came(&mut self, world: &mut World<'_>) {
        let limits = self.head_limits();
        match parse_request_head(self.request.unread(), 0, &limits, &mut world.scratch.fields) {
            Ok(Progress::Done { value, consumed }) => self.inner_head_complete(&value, consumed, world),
            Ok(Progress::NeedMore { .. }) => self.refuse(Refusal::PayloadMalformed, world),
            Err(rejection) => self.refuse(Refusal::Malformed(rejection), world),
        }
    }

    fn message_limits(&self) -> MessageLimits {
        let rules = &self.rules.limits;
        MessageLimits {
            path_bytes: rules.request_line,
            head_bytes: rules.header_bytes,
            field_count: rules.header_count,
        }
    }

    pub(super) fn note_taken(&mut self, sealed: &mut Sealed) {
        if let Some(outcome) = &mut self.outcome {
            outcome.request_bytes += sealed.body.take_count();
        }
    }
}

impl Sealed {
    /// Erases the keys of a message that is over, so that its memory can be kept for another.
    pub(super) fn forget(&mut self) {
        self.opening = None;
        self.response = None;
        self.app = None;
    }

    /// Goes on until more has to come, or the request can be judged.
    fn open(
        &mut self,
        request: &mut WireBuffer,
        chunk_max: usize,
        world: &mut World<'_>,
    ) -> Result<Step, Refusal> {
        self.body.unframe(request)?;
        if self.form == SealedForm::Session {
            return self.gather(PAYLOAD_SESSION_REQUEST_MAX, Refusal::PayloadMalformed);
        }
        if self.form == SealedForm::Whole {
            return match self.gather(limits::PAYLOAD_SINGLE_BYTES, Refusal::PayloadTooLarge)? {
                Step::Ready => self.open_whole(request, world),
                Step::NeedMore => Ok(Step::NeedMore),
            };
        }
        if self.opening.is_none() {
            let is_read = match self.form {
                SealedForm::Message => self.read_header(request, chunk_max, world)?,
                _ => self.read_encapsulation(request, chunk_max, world)?,
            };
            if !is_read {
                return Ok(Step::NeedMore);
            }
        }
        let Some(opening) = &mut self.opening else { return Ok(Step::NeedMore) };
        while !self.body.is_open() && self.body.opened() <= limits::PAYLOAD_WHOLE_BYTES as u64 {
            match self.body.open_next(&mut opening.opener, request) {
                Ok(Chunk::NeedMore) => return Ok(Step::NeedMore),
                Ok(Chunk::Opened) if self.response.is_none() => {
                    self.response = opening.response.take();
                    if let Claim::Single(enc) = &opening.claim {
                        self.single = Some(*enc);
                    }
                    opening.claim.check(world)?;
                    self.app = opening.claim.take_application();
                }
                Ok(Chunk::Opened) => {}
                Err(ChunkFault::TooLarge) => return Err(Refusal::PayloadTooLarge),
                Err(_) => return Err(Refusal::PayloadMalformed),
            }
        }
        if self.body.is_open() {
            opening.claim.check_time(world)?;
        }
        Ok(Step::Ready)
    }

    /// Waits for all of the body, which must stay within `most`.
    fn gather(&self, most: usize, beyond: Refusal) -> Result<Step, Refusal> {
        match (self.body.end() > most, self.body.has_come()) {
            (true, _) => Err(beyond),
            (false, true) => Ok(Step::Ready),
            (false, false) => Ok(Step::NeedMore),
        }
    }

    /// Reads the header and derives the keys. False: it is not whole.
    fn read_header(
        &mut self,
        request: &WireBuffer,
        chunk_max: usize,
        world: &mut World<'_>,
    ) -> Result<bool, Refusal> {
        let payload = world.payload.as_mut().ok_or(Refusal::NoRoute)?;
        let bytes = &request.unread()[self.body.sealed()];
        let (header, length) = match MessageHeader::parse(bytes) {
            Ok(Progress::Done { value, consumed }) => (value, consumed),
            Ok(Progress::NeedMore { .. }) if !self.body.has_come() => return Ok(false),
            _ => return Err(Refusal::PayloadMalformed),
        };
        let facts = payload.keys.tickets.open(header.ticket).ok_or(Refusal::PayloadSessionUnknown)?;
        if !payload.keys.accepts(&facts, payload.time) {
            return Err(Refusal::PayloadSessionUnknown);
        }
        let (prk, key) = request_keys(&facts.secret, facts.aead, header.bytes);
        let mut salt = [0; 16];
        (payload.entropy)(&mut salt);
        let sealer = ChunkSealer::new(response_key(&prk, facts.aead, &salt));
        self.opening = Some(Opening {
            opener: ChunkOpener::new(key, chunk_max),
            response: Some(SealedResponse::message(sealer, &salt)),
            claim: Claim::OfSession { number: header.n, time: header.t, facts },
        });
        self.body.skip(length);
        Ok(true)
    }

    /// Reads what stands in front of a single message's chunks. False: it is not whole.
    fn read_encapsulation(
        &mut self,
        request: &WireBuffer,
        chunk_max: usize,
        world: &mut World<'_>,
    ) -> Result<bool, Refusal> {
        let payload = world.payload.as_mut().ok_or(Refusal::NoRoute)?;
        let bytes = &request.unread()[self.body.sealed()];
        let opened =
            open_chunked(&payload.keys.gateway, bytes, chunk_max).map_err(refusal_for_encapsulation)?;
        let Progress::Done { value: (opener, answer), consumed } = opened else {
            return if self.body.has_come() { Err(Refusal::PayloadMalformed) } else { Ok(false) };
        };
        let mut random = [0; RESPONSE_NONCE_LEN_MAX];
        (payload.entropy)(&mut random);
        let (nonce, sealer) = answer.sealer(&random);
        self.opening = Some(Opening {
            opener,
            response: Some(SealedResponse::chunked_single(sealer, nonce)),
            claim: Claim::Single(Encapsulated::new(answer.enc())),
        });
        self.body.skip(consumed);
        Ok(true)
    }

    /// Opens a single message that is all there.
    fn open_whole(&mut self, request: &mut WireBuffer, world: &mut World<'_>) -> Result<Step, Refusal> {
        let payload = world.payload.as_mut().ok_or(Refusal::NoRoute)?;
        let end = self.body.end();
        let body = &mut request.unread_mut()[..end];
        let (plain, answer) = open_whole(&payload.keys.gateway, body).map_err(refusal_for_encapsulation)?;
        let mut random = [0; RESPONSE_NONCE_LEN_MAX];
        (payload.entropy)(&mut random);
        self.single = Some(Encapsulated::new(answer.enc()));
        self.response = Some(SealedResponse::whole(answer, random));
        self.body.opened_whole(plain);
        Ok(Step::Ready)
    }

    /// Decodes the head and puts it, as HTTP/1.1, in front of the content. Of a message that is all open the content
    /// becomes an ordinary body. Gives what is to come behind the head.
    fn place_inner(
        &mut self,
        request: &mut WireBuffer,
        is_tls: bool,
        world: &mut World<'_>,
    ) -> Result<Body, Refusal> {
        let scratch = &mut *world.scratch;
        let plain = self.body.plain();
        let bytes = &request.unread()[plain.clone()];
        let (head, length) = match self.decoder.head(bytes, self.body.is_open(), &mut scratch.inner_fields) {
            Ok(Progress::Done { value, consumed }) => (value, consumed),
            Ok(Progress::NeedMore { .. }) => return Err(refusal_for(BhttpFault::HeadTooLarge)),
            Err(fault) => return Err(refusal_for(fault)),
        };
        if head.scheme == Scheme::Http && is_tls {
            return Err(Refusal::PayloadMalformed);
        }
        self.scheme = head.scheme;
        self.body.decoded(length);
        let head_bytes = plain.start..plain.start + length;
        if let Some(enc) = self.single.take() {
            enc.check(&request.unread()[head_bytes.clone()], world)?;
        }
        let scratch = &mut *world.scratch;
        if self.body.is_open() {
            self.place_whole(request, &head, head_bytes, scratch, world.buffers)
        } else {
            if head.content_length == Some(0) {
                // Nothing but padding is left, which would only hold the request up.
                return Err(Refusal::PayloadTooLarge);
            }
            self.left = head.content_length;
            let content = head.content_length.map_or(Content::Chunked, Content::Length);
            write_head(request, &head, head_bytes, content, scratch);
            self.consume(request, self.body.plain().start);
            prepend(request, &scratch.head, world.buffers)?;
            Ok(Body::Sealed)
        }
    }

    fn place_whole(
        &mut self,
        request: &mut WireBuffer,
        head: &RequestHead,
        head_bytes: std::ops::Range<usize>,
        scratch: &mut Scratch,
        buffers: &mut BufferPool,
    ) -> Result<Body, Refusal> {
        scratch.trailers.clear();
        // Of a small message trailers are dropped, as RFC 9110 section 6.5.1 allows: its length is known.
        let mut content = self.body.plain().start..self.body.plain().start;
        self.decode_content(request, &mut content, &mut scratch.trailers)?;
        let length = content.len() as u64;
        write_head(request, head, head_bytes, Content::Length(length), scratch);
        request.consume(content.start);
        request.remove(content.len()..self.body.end() - content.start);
        prepend(request, &scratch.head, buffers)?;
        Ok(if length > 0 { Body::Length(length) } else { Body::None })
    }

    /// Decodes what is open, and draws the content in it together behind `content`. True at the end of the message.
    pub(super) fn decode_content(
        &mut self,
        request: &mut WireBuffer,
        content: &mut std::ops::Range<usize>,
        trailers: &mut FieldList,
    ) -> Result<bool, Refusal> {
        loop {
            let plain = self.body.plain();
            let bytes = &request.unread()[plain.clone()];
            match self.decoder.advance(bytes, self.body.is_open(), trailers).map_err(refusal_for)? {
                Part::Content(found) => {
                    self.body.decoded(found.end);
                    let found = plain.start + found.start..plain.start + found.end;
                    if content.start == content.end {
                        *content = found;
                    } else {
                        let length = found.len();
                        if found.start != content.end {
                            request.unread_mut().copy_within(found, content.end);
                        }
                        content.end += length;
                    }
                }
                Part::Trailers { consumed } | Part::Padding { consumed } => self.body.decoded(consumed),
                Part::Done { consumed } => {
                    self.body.decoded(consumed);
                    return Ok(true);
                }
                Part::NeedMore => return Ok(false),
            }
        }
    }

    pub(super) fn consume(&mut self, request: &mut WireBuffer, count: usize) {
        request.consume(count);
        self.body.consumed(count);
    }
}

fn refusal_for_encapsulation(fault: EncapsulationFault) -> Refusal {
    match fault {
        EncapsulationFault::KeyUnknown => Refusal::PayloadKeyUnknown,
        EncapsulationFault::Malformed => Refusal::PayloadMalformed,
    }
}

fn write_head(
    request: &WireBuffer,
    head: &RequestHead,
    place: std::ops::Range<usize>,
    content: Content,
    scratch: &mut Scratch,
) {
    scratch.head.clear();
    write_inner_head(&request.unread()[place], head, &scratch.inner_fields, content, &mut scratch.head);
}

fn prepend(request: &mut WireBuffer, head: &[u8], buffers: &mut BufferPool) -> Result<(), Refusal> {
    if request.prepend(head) || buffers.enlarge(request) && request.prepend(head) {
        Ok(())
    } else {
        Err(Refusal::Exhausted)
    }
}
