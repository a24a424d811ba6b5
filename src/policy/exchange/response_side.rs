//! The half of an exchange that comes from the server to the client: interim and final heads, body, tunnel.

use std::time::Duration;

use super::request_side::{enlarge, fit_for_reading, grow_if_full, route_of};
use super::{Exchange, World};
use crate::limits;
use crate::policy::forwarding::{self, ResponseParts};
use crate::policy::refusal::Refusal;
use crate::protocol::http1::{
    BodyFraming, ChunkedDecoder, ChunkedOutput, FieldKind, FieldTable, HeadLimits, LAST_CHUNK, ResponseHead,
    Version, chunk_line, connection_options, keep_alive_timeout, parse_response_head, response_framing,
    response_persists,
};
use crate::protocol::progress::Progress;
use crate::protocol::wire_buffer::BufferPool;

/// Where the response stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    /// No final head yet.
    #[default]
    Head,
    /// The final head is passed on, the body follows.
    Body,
    /// All of the response is read, or made here; some may still have to be written.
    Ended,
    /// Raw bytes after 101.
    Tunnel,
}

/// What is still to come of a body.
#[derive(Clone, Copy, Debug, Default)]
enum Body {
    #[default]
    None,
    Length(u64),
    Chunked(ChunkedDecoder),
    UntilClose,
}

/// State of the response half.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ResponseSide {
    phase: Phase,
    searched: usize,
    /// The unread bytes are an incomplete element: only more bytes help.
    starved: bool,
    interim: u32,
    body: Body,
    body_seen: u64,
    /// Chunks are made here, because the server's body ends with its connection.
    encodes: bool,
    /// The client can tell the end of the body only from the end of the connection.
    until_close: bool,
    persists: bool,
    upstream_persists: bool,
    /// How long the server keeps an idle connection, in seconds, where it says so.
    keep_alive: Option<u32>,
    /// The upstream connection had served before.
    reused: bool,
    /// The upstream connection has given a byte.
    answered: bool,
    /// The upstream connection has ended.
    gone: Option<Gone>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gone {
    Ended,
    Failed,
}

impl ResponseSide {
    /// Bytes of a final response are on their way to the client.
    pub(super) fn has_begun(&self) -> bool {
        self.phase != Phase::Head
    }

    /// Nothing more will be put into the out window.
    pub(super) fn is_ended(&self) -> bool {
        self.phase == Phase::Ended
    }

    /// The client's connection can carry another request.
    pub(super) fn persists(&self) -> bool {
        self.persists
    }

    /// A body was promised whose end only the end of the connection shows.
    pub(super) fn end_is_the_connections(&self) -> bool {
        self.phase == Phase::Body && self.until_close
    }

    /// The server has ended its direction or the connection failed.
    pub(super) fn upstream_is_gone(&self) -> bool {
        self.gone.is_some()
    }

    /// A new upstream connection: nothing has come from it.
    pub(super) fn attempt_begins(&mut self, reused: bool) {
        *self = Self { reused, interim: self.interim, starved: true, ..Self::default() };
    }

    /// How long the upstream connection may idle by its server's word. A second less than said, because the server
    /// counts from when it sent and we from when it came.
    pub(super) fn keep_alive_limit(&self) -> Option<Duration> {
        self.keep_alive.map(|seconds| Duration::from_secs(u64::from(seconds.saturating_sub(1))))
    }

    /// The answer was made here.
    pub(super) fn end_with_own_answer(&mut self, persists: bool) {
        self.phase = Phase::Ended;
        self.persists = persists;
    }
}

impl Exchange {
    pub(super) fn wants_downstream_write(&self) -> bool {
        !self.lanes.writing_downstream && !self.lanes.reading_upstream && self.response.out_len() > 0
    }

    pub(super) fn wants_upstream_read(&mut self, buffers: &mut BufferPool) -> bool {
        if !self.lanes.upstream
            || self.lanes.reading_upstream
            || self.lanes.writing_downstream
            || self.response.out_len() > 0
            || self.down.gone.is_some()
        {
            return false;
        }
        let wants = match self.down.phase {
            Phase::Head | Phase::Body => self.down.starved,
            Phase::Tunnel => true,
            Phase::Ended => false,
        };
        if !wants {
            return false;
        }
        let bulk = match self.down.body {
            Body::Length(rest) => rest > limits::BULK_THRESHOLD,
            _ => self.down.body_seen > limits::BULK_THRESHOLD,
        };
        fit_for_reading(&mut self.response, bulk, buffers);
        self.response.make_readable() > 0
    }

    /// Outcome of a read from the server.
    pub(super) fn response_read(&mut self, count: Option<usize>, world: &mut World<'_>) {
        let count = match count {
            Some(0) => {
                self.down.gone = Some(Gone::Ended);
                return self.upstream_ended(world);
            }
            None => {
                self.down.gone = Some(Gone::Failed);
                return self.upstream_ended(world);
            }
            Some(count) => count,
        };
        self.response.filled(count);
        self.down.starved = false;
        if !self.down.answered {
            self.down.answered = true;
            if let Some(outcome) = &mut self.outcome {
                outcome.answered = Some(world.now);
            }
        }
        match self.down.phase {
            Phase::Head => self.response_head_came(world),
            Phase::Body => self.advance_response(world),
            Phase::Tunnel => {
                self.response.release(count, count);
                self.progressed(world.now);
            }
            Phase::Ended => {}
        }
    }

    /// The server ended its direction, or the connection failed.
    pub(super) fn upstream_ended(&mut self, world: &mut World<'_>) {
        if self.lanes.writing_upstream {
            // The write in flight has the request's memory; its outcome comes here again.
            return;
        }
        match self.down.phase {
            Phase::Head => {
                if self.down.answered || self.down.interim > 0 || !self.retry(self.down.reused, world) {
                    self.refuse(Refusal::ResponseIncomplete, world);
                }
            }
            Phase::Body => match (self.down.body, self.down.gone) {
                (Body::UntilClose, Some(Gone::Ended)) => self.end_close_delimited(world),
                _ => self.abort(Refusal::ResponseIncomplete, world.now),
            },
            Phase::Tunnel => {
                self.plan.end_writing_downstream = true;
                self.tunnel_may_end(world.now);
            }
            Phase::Ended => {}
        }
    }

    /// Bytes of a response head are there.
    fn response_head_came(&mut self, world: &mut World<'_>) {
        let limits = HeadLimits {
            request_line: limits::HEADER_BYTES_MAX,
            header_bytes: limits::HEADER_BYTES_MAX,
            header_count: limits::HEADER_COUNT_MAX,
        };
        while self.response.out_len() == 0 && self.down.phase == Phase::Head {
            let parsed = parse_response_head(
                self.response.unread(),
                self.down.searched,
                &limits,
                &mut world.scratch.fields,
            );
            match parsed {
                Ok(Progress::NeedMore { searched }) => {
                    self.down.searched = searched;
                    self.down.starved = true;
                    if !grow_if_full(&mut self.response, world.buffers) {
                        self.refuse(Refusal::ResponseTooLong, world);
                    }
                    return;
                }
                Ok(Progress::Done { value, consumed }) => {
                    self.down.searched = 0;
                    if let Err(refusal) = self.response_head_complete(&value, consumed, world) {
                        return self.refuse(refusal, world);
                    }
                }
                Err(rejection) => return self.refuse(Refusal::ResponseMalformed(rejection), world),
            }
        }
    }

    fn response_head_complete(
        &mut self,
        head: &ResponseHead,
        length: usize,
        world: &mut World<'_>,
    ) -> Result<(), Refusal> {
        if head.status == 101 {
            return self.switch_protocols(head, length, world);
        }
        if head.status < 200 {
            return self.pass_interim(head, length, world);
        }
        let bytes = self.response.unread();
        let fields = &world.scratch.fields;
        let framing =
            response_framing(bytes, self.up.method, head, fields).map_err(Refusal::ResponseMalformed)?;
        let options = connection_options(bytes, fields).map_err(Refusal::ResponseMalformed)?;
        let modern = self.up.version == Version::Http11;
        let delimited = modern || !matches!(framing, BodyFraming::Chunked | BodyFraming::UntilClose);
        self.down.upstream_persists = response_persists(head.version, &options, framing);
        self.down.keep_alive = keep_alive_seconds(bytes, fields);
        self.down.persists = delimited && self.up.persists && self.up.is_complete() && !world.draining;
        self.down.until_close = !delimited;
        self.down.encodes = modern && framing == BodyFraming::UntilClose;
        let output = if modern { ChunkedOutput::Framed } else { ChunkedOutput::Bare };
        self.down.body = match framing {
            BodyFraming::None | BodyFraming::Length(0) => Body::None,
            BodyFraming::Length(length) => Body::Length(length),
            BodyFraming::Chunked => Body::Chunked(ChunkedDecoder::new(output)),
            BodyFraming::UntilClose => Body::UntilClose,
        };
        let connection: Option<&'static [u8]> = match (self.down.persists, modern) {
            (false, _) => Some(b"close"),
            (true, false) => Some(b"keep-alive"),
            (true, true) => None,
        };
        let chunked = modern && matches!(framing, BodyFraming::Chunked | BodyFraming::UntilClose);
        self.write_head(head, length, chunked, connection, None, world)?;
        self.begin_body(head.status, length, world)
    }

    /// Puts the final head in front of what there is of the body.
    fn begin_body(&mut self, status: u16, length: usize, world: &mut World<'_>) -> Result<(), Refusal> {
        self.response.consume(length);
        // A chunk line may come between head and body.
        let room = world.scratch.head.len() + crate::protocol::http1::CHUNK_LINE_MAX;
        if !self.response.has_room_before(room) && !enlarge(&mut self.response, world.buffers) {
            return Err(Refusal::ResponseTooLong);
        }
        self.down.phase = Phase::Body;
        if let Err(refusal) = self.take_response_body(world) {
            self.down.phase = Phase::Head;
            return Err(refusal);
        }
        if !self.response.place_before(&world.scratch.head) {
            self.down.phase = Phase::Head;
            return Err(Refusal::ResponseTooLong);
        }
        if let Some(outcome) = &mut self.outcome {
            outcome.status = status;
        }
        self.progressed(world.now);
        Ok(())
    }

    /// Writes the head for the client into the scratch memory.
    fn write_head(
        &self,
        head: &ResponseHead,
        length: usize,
        chunked: bool,
        connection: Option<&'static [u8]>,
        upgrade: Option<&[u8]>,
        world: &mut World<'_>,
    ) -> Result<(), Refusal> {
        let bytes = self.response.unread();
        let scratch = &mut *world.scratch;
        let options = connection_options(bytes, &scratch.fields).map_err(Refusal::ResponseMalformed)?;
        let route = route_of(&self.rules, &self.outcome).ok_or(Refusal::NoRoute)?;
        scratch.head.clear();
        let parts = ResponseParts {
            bytes,
            length,
            head,
            fields: &scratch.fields,
            options: &options,
            chunked,
            upgrade,
            connection,
            route,
            date: world.date,
        };
        forwarding::write_response_head(&parts, &mut scratch.head);
        Ok(())
    }

    /// Passes a 1xx on to clients that know such, and waits for the next head.
    fn pass_interim(
        &mut self,
        head: &ResponseHead,
        length: usize,
        world: &mut World<'_>,
    ) -> Result<(), Refusal> {
        self.down.interim += 1;
        if self.down.interim > limits::INTERIM_RESPONSES {
            return Err(Refusal::InterimFlood);
        }
        response_framing(self.response.unread(), self.up.method, head, &world.scratch.fields)
            .map_err(Refusal::ResponseMalformed)?;
        if self.up.version == Version::Http10 {
            self.response.consume(length);
            return Ok(());
        }
        self.write_head(head, length, false, None, None, world)?;
        self.response.consume(length);
        if !self.response.place_before(&world.scratch.head) {
            return Err(Refusal::ResponseTooLong);
        }
        Ok(())
    }

    /// 101: from here on both directions carry bytes that nobody looks at.
    fn switch_protocols(
        &mut self,
        head: &ResponseHead,
        length: usize,
        world: &mut World<'_>,
    ) -> Result<(), Refusal> {
        let bytes = self.response.unread();
        let fields = &world.scratch.fields;
        let options = connection_options(bytes, fields).map_err(Refusal::ResponseMalformed)?;
        let protocol = fields.first(FieldKind::Upgrade).filter(|_| options.upgrade);
        let Some(protocol) = protocol.filter(|_| self.up.upgrade && self.up.is_sent()) else {
            return Err(Refusal::UpgradeUnasked);
        };
        let protocol = protocol.value.of(bytes);
        self.write_head(head, length, false, None, Some(protocol), world)?;
        self.response.consume(length);
        let rest = self.response.unread_len();
        self.response.release(rest, rest);
        if !self.response.place_before(&world.scratch.head) {
            return Err(Refusal::ResponseTooLong);
        }
        self.down.phase = Phase::Tunnel;
        self.up.become_tunnel();
        if self.request.is_present() {
            let early = self.request.unread_len();
            self.request.drop_out();
            self.request.release(early, early);
        }
        if let Some(outcome) = &mut self.outcome {
            outcome.status = 101;
        }
        self.progressed(world.now);
        Ok(())
    }

    /// Outcome of a write to the client.
    pub(super) fn response_written(&mut self, count: Option<usize>, world: &mut World<'_>) {
        let count = count.unwrap_or(0);
        if count == 0 {
            return self.abort(Refusal::ClientGone, world.now);
        }
        self.response.written(count);
        if let Some(outcome) = &mut self.outcome {
            outcome.response_bytes += count as u64;
        }
        self.progressed(world.now);
        if self.response.out_len() > 0 {
            return;
        }
        match self.down.phase {
            Phase::Head if self.response.unread_len() > 0 && !self.lanes.reading_upstream => {
                self.response_head_came(world);
            }
            Phase::Head => self.down.starved = true,
            Phase::Body => self.advance_response(world),
            Phase::Tunnel => self.tunnel_may_end(world.now),
            Phase::Ended => {}
        }
    }

    /// The out window is empty: puts the next part of the body there.
    fn advance_response(&mut self, world: &mut World<'_>) {
        if let Err(refusal) = self.take_response_body(world) {
            return self.abort(refusal, world.now);
        }
        let stuck = self.down.phase == Phase::Body && self.down.starved && self.response.unread_len() > 0;
        if stuck && !grow_if_full(&mut self.response, world.buffers) {
            return self.abort(Refusal::Exhausted, world.now);
        }
        self.progressed(world.now);
    }

    /// Moves what is there of the body into the out window; at its end parts with the server.
    fn take_response_body(&mut self, world: &mut World<'_>) -> Result<(), Refusal> {
        let available = self.response.unread_len();
        let done = match &mut self.down.body {
            Body::None => true,
            Body::Length(rest) => {
                let count = (*rest).min(available as u64);
                *rest -= count;
                let done = *rest == 0;
                self.response.release(count as usize, count as usize);
                done
            }
            Body::Chunked(decoder) => {
                let decoded =
                    decoder.advance(self.response.unread_mut()).map_err(Refusal::ResponseMalformed)?;
                self.response.release(decoded.produced, decoded.taken);
                decoded.done
            }
            Body::UntilClose => {
                self.response.release(available, available);
                if self.down.encodes && available > 0 {
                    let fits = self.response.place_before(chunk_line(available).as_bytes())
                        && self.response.place_behind(b"\r\n");
                    if !fits {
                        return Err(Refusal::ResponseTooLong);
                    }
                }
                false
            }
        };
        self.down.body_seen += available as u64;
        self.down.starved = !done;
        if done {
            self.response_complete(world);
        }
        Ok(())
    }

    /// The whole response is read: the upstream connection is free, if it can serve again.
    fn response_complete(&mut self, world: &mut World<'_>) {
        let stray = self.response.unread_len();
        self.response.consume(stray);
        let reusable = self.down.upstream_persists && stray == 0 && self.up.is_sent();
        self.down.phase = Phase::Ended;
        self.release(reusable, world.buffers);
        self.up.stop();
    }

    fn end_close_delimited(&mut self, world: &mut World<'_>) {
        self.response.clear();
        if self.down.encodes {
            self.response.place_behind(LAST_CHUNK);
        }
        self.response_complete(world);
    }
}

/// What the server says of how long it keeps the connection.
fn keep_alive_seconds(bytes: &[u8], fields: &FieldTable) -> Option<u32> {
    let field = fields.first(FieldKind::KeepAlive)?;
    let timeout = keep_alive_timeout(field.value.of(bytes))?;
    Some(timeout.as_secs().min(u64::from(u32::MAX)) as u32)
}
