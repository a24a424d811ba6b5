//! The half of an exchange that comes from the server to the client: reading, the body, writing, the tunnel.
//!
//! What becomes of a head is in `response_head`.

use std::time::Duration;

use super::{Exchange, World};
use crate::limits;
use crate::policy::refusal::Refusal;
use crate::protocol::http1::{ChunkedDecoder, LAST_CHUNK, chunk_line};
use crate::protocol::wire_buffer::BufferPool;

/// Where the response stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Phase {
    /// No final head yet.
    #[default]
    Head,
    /// A response that is sealed in one piece comes; nothing of it is passed on yet.
    Gathering,
    /// The final head is passed on, the body follows.
    Body,
    /// All of the response is read, or made here; some may still have to be written.
    Ended,
    /// Raw bytes after 101.
    Tunnel,
}

/// What is still to come of a body.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Body {
    #[default]
    None,
    Length(u64),
    Chunked(ChunkedDecoder),
    UntilClose,
}

/// State of the response half.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ResponseSide {
    pub(super) phase: Phase,
    pub(super) searched: usize,
    /// The unread bytes are an incomplete element: only more bytes help.
    pub(super) starved: bool,
    pub(super) interim: u32,
    pub(super) body: Body,
    body_seen: u64,
    /// Content at the front of the unread bytes, of a response that is sealed in one piece.
    pub(super) gathered: usize,
    /// Chunks are made here, because the server's body ends with its connection.
    pub(super) encodes: bool,
    /// The client can tell the end of the body only from the end of the connection.
    pub(super) until_close: bool,
    pub(super) persists: bool,
    pub(super) upstream_persists: bool,
    /// How long the server keeps an idle connection, in seconds, where it says so.
    pub(super) keep_alive: Option<u32>,
    /// The upstream connection had served before.
    reused: bool,
    /// The upstream connection has given a byte.
    answered: bool,
    /// The upstream connection has ended.
    gone: Option<Gone>,
}

/// What was moved of a body.
pub(super) struct Released {
    /// That was the end of it.
    pub(super) is_done: bool,
    /// Bytes of trailers, directly before what is unread, where the content was taken out of its framing.
    pub(super) trailers: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gone {
    Ended,
    Failed,
}

impl ResponseSide {
    /// Bytes of a final response are on their way to the client.
    pub(super) fn has_begun(&self) -> bool {
        !matches!(self.phase, Phase::Head | Phase::Gathering)
    }

    /// Nothing more will be put into the out window.
    pub(super) fn is_ended(&self) -> bool {
        self.phase == Phase::Ended
    }

    /// The client's connection can carry another request.
    pub(super) fn persists(&self) -> bool {
        self.persists
    }

    /// Bytes are still owed whose end only the end of the connection shows; `waiting` are there to be written.
    pub(super) fn end_is_the_connections(&self, waiting: usize) -> bool {
        match self.phase {
            Phase::Head | Phase::Gathering => false,
            Phase::Body => self.until_close,
            Phase::Ended => self.until_close && waiting > 0,
            Phase::Tunnel => true,
        }
    }

    /// The end of the connection came before an answer, and what it means for the request is still open.
    pub(super) fn awaits_judgement(&self) -> bool {
        self.gone.is_some() && self.phase == Phase::Head
    }

    /// The server has ended its direction or the connection failed.
    pub(super) fn upstream_is_gone(&self) -> bool {
        self.gone.is_some()
    }

    /// A new upstream connection: nothing has come from it.
    pub(super) fn attempt_begins(&mut self, reused: bool) {
        *self = Self { reused, ..Self::default() };
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
            Phase::Head | Phase::Gathering | Phase::Body => self.down.starved,
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
        buffers.fit(&mut self.response, bulk);
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
        if self.up.has_sent_nothing() && !self.lanes.writing_upstream {
            // Who speaks before being asked does not answer this request: what came is of an earlier one.
            self.down.gone = Some(Gone::Failed);
            return self.upstream_ended(world);
        }
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
            Phase::Gathering => {
                if let Err(refusal) = self.gather_response(world) {
                    self.refuse(refusal, world);
                }
            }
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
        match self.down.phase {
            // The write in flight has the request's memory; its outcome comes here again.
            Phase::Head if self.lanes.writing_upstream => {}
            Phase::Head => {
                if self.down.answered || !self.retry(self.down.reused, world) {
                    self.refuse(Refusal::ResponseIncomplete, world);
                }
            }
            Phase::Gathering => {
                let is_end =
                    matches!(self.down.body, Body::UntilClose) && self.down.gone == Some(Gone::Ended);
                let sealed =
                    if is_end { self.seal_gathered(world) } else { Err(Refusal::ResponseIncomplete) };
                if let Err(refusal) = sealed {
                    self.refuse(refusal, world);
                }
            }
            Phase::Body => match (self.down.body, self.down.gone) {
                (Body::UntilClose, Some(Gone::Ended)) => self.end_close_delimited(world),
                _ => self.abort(Refusal::ResponseIncomplete, world.now),
            },
            Phase::Tunnel if self.down.gone == Some(Gone::Failed) => {
                self.abort(Refusal::TunnelBroken, world.now)
            }
            Phase::Tunnel => {
                self.plan.end_writing_downstream = true;
                self.tunnel_may_end(world.now);
            }
            Phase::Ended => {}
        }
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
            Phase::Head if self.up.is_opening() => self.asked_for_body(world),
            // An interim head is written; the next may be there already.
            Phase::Head => self.response_head_came(world),
            Phase::Body => self.advance_response(world),
            Phase::Tunnel => self.tunnel_may_end(world.now),
            Phase::Gathering | Phase::Ended => {}
        }
    }

    /// The out window is empty: puts the next part of the body there.
    fn advance_response(&mut self, world: &mut World<'_>) {
        let taken =
            if self.is_opened() { self.take_sealed_body(world) } else { self.take_response_body(world) };
        if let Err(refusal) = taken {
            return self.abort(refusal, world.now);
        }
        let stuck = self.down.phase == Phase::Body
            && self.down.starved
            && self.response.out_len() == 0
            && self.response.unread_len() > 0;
        if stuck && !world.buffers.make_readable(&mut self.response) {
            return self.abort(Refusal::Exhausted, world.now);
        }
        self.progressed(world.now);
    }

    /// Moves what is there of the body into the out window; at its end parts with the server.
    pub(super) fn take_response_body(&mut self, world: &mut World<'_>) -> Result<(), Refusal> {
        let available = self.response.unread_len();
        let Released { is_done: done, .. } = self.release_body()?;
        if self.down.encodes && available > 0 {
            let fits = self.response.place_before(chunk_line(available).as_bytes())
                && self.response.place_behind(b"\r\n");
            if !fits {
                return Err(Refusal::ResponseTooLong);
            }
        }
        self.note_body_part(available, done, world);
        Ok(())
    }

    /// Moves what is there of the body, out of the server's framing or in it, into the out window.
    pub(super) fn release_body(&mut self) -> Result<Released, Refusal> {
        let available = self.response.unread_len();
        let mut trailers = 0;
        let is_done = match &mut self.down.body {
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
                trailers = decoded.trailers;
                decoded.done
            }
            Body::UntilClose => {
                self.response.release(available, available);
                false
            }
        };
        Ok(Released { is_done, trailers })
    }

    /// Takes note of a part of the body of so many bytes, and of its end.
    pub(super) fn note_body_part(&mut self, available: usize, is_done: bool, world: &mut World<'_>) {
        self.down.body_seen += available as u64;
        self.down.starved = !is_done;
        if is_done {
            self.response_complete(world);
        }
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
        if self.is_opened() {
            if let Err(refusal) = self.end_sealed(world) {
                return self.abort(refusal, world.now);
            }
        } else if self.down.encodes {
            self.response.place_behind(LAST_CHUNK);
        }
        self.response_complete(world);
    }
}
