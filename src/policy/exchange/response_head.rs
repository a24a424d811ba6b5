//! What becomes of response heads: interim ones are passed on, 101 opens a tunnel, a final one begins the response.

use super::answering::nonce_of;
use super::judgement::UPGRADE_PROTOCOL;
use super::response_side::{Body, Phase};
use super::{Exchange, World};
use crate::limits;
use crate::policy::forwarding::{self, ResponseParts};
use crate::policy::refusal::Refusal;
use crate::protocol::http1::{
    BodyFraming, CHUNK_LINE_MAX, ChunkedDecoder, ChunkedOutput, ConnectionOptions, FieldKind, FieldTable,
    HeadLimits, ResponseHead, Version, connection_options, keep_alive_timeout, parse_response_head,
    response_framing, response_persists,
};
use crate::protocol::progress::Progress;

/// The largest there are: a server is answerable to whoever configured it.
pub(super) const LIMITS: HeadLimits = HeadLimits {
    request_line: limits::HEADER_BYTES_MAX,
    header_bytes: limits::HEADER_BYTES_MAX,
    header_count: limits::HEADER_COUNT_MAX,
};

/// What the head for the client says beyond what the server's head says.
#[derive(Clone, Copy, Default)]
struct Additions<'a> {
    chunked: bool,
    connection: Option<&'static [u8]>,
    upgrade: Option<&'a [u8]>,
}

impl Exchange {
    /// Bytes of a response head may be there.
    pub(super) fn response_head_came(&mut self, world: &mut World<'_>) {
        while self.response.out_len() == 0 && self.down.phase == Phase::Head {
            let fields = &mut world.scratch.fields;
            match parse_response_head(self.response.unread(), self.down.searched, &LIMITS, fields) {
                Ok(Progress::NeedMore { searched }) => {
                    self.down.searched = searched;
                    self.down.starved = true;
                    if !world.buffers.make_readable(&mut self.response) {
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
        let bytes = self.response.unread();
        let fields = &world.scratch.fields;
        let framing =
            response_framing(bytes, self.up.method, head, fields).map_err(Refusal::ResponseMalformed)?;
        let options = connection_options(bytes, fields).map_err(Refusal::ResponseMalformed)?;
        match head.status {
            101 => self.switch_protocols(head, length, &options, world),
            100..=199 => self.pass_interim(head, length, &options, world),
            _ => self.begin_response(head, length, framing, &options, world),
        }
    }

    /// Decides how the response is delimited for this client, and begins it.
    fn begin_response(
        &mut self,
        head: &ResponseHead,
        length: usize,
        framing: BodyFraming,
        options: &ConnectionOptions,
        world: &mut World<'_>,
    ) -> Result<(), Refusal> {
        let sealed = self.is_opened();
        let modern = self.up.version == Version::Http11;
        let chunkable = matches!(framing, BodyFraming::Chunked | BodyFraming::UntilClose);
        let delimited = modern || !chunkable;
        self.down.upstream_persists = response_persists(head.version, options, framing);
        self.down.keep_alive = keep_alive_seconds(self.response.unread(), &world.scratch.fields);
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
        if sealed {
            self.write_response_head(head, length, options, Additions::default(), world)?;
            return self.begin_sealed(head.status, length, world);
        }
        let connection: Option<&'static [u8]> = match (self.down.persists, modern) {
            (false, _) => Some(b"close"),
            (true, false) => Some(b"keep-alive"),
            (true, true) => None,
        };
        let additions = Additions { chunked: modern && chunkable, connection, upgrade: None };
        self.write_response_head(head, length, options, additions, world)?;
        self.begin_body(head.status, length, world)
    }

    /// Puts the final head in front of what there is of the body.
    fn begin_body(&mut self, status: u16, length: usize, world: &mut World<'_>) -> Result<(), Refusal> {
        self.response.consume(length);
        // A chunk line may come between head and body.
        let room = world.scratch.head.len() + CHUNK_LINE_MAX;
        if !self.response.has_room_before(room) && !world.buffers.enlarge(&mut self.response) {
            return Err(Refusal::ResponseTooLong);
        }
        self.take_response_body(world)?;
        if !self.response.place_before(&world.scratch.head) {
            self.response.drop_out();
            return Err(Refusal::ResponseTooLong);
        }
        if self.down.phase == Phase::Head {
            self.down.phase = Phase::Body;
        }
        if let Some(outcome) = &mut self.outcome {
            outcome.status = status;
        }
        self.progressed(world.now);
        Ok(())
    }

    /// Passes a 1xx on to clients that know such, and waits for the next head. A sealed response has no place for them.
    fn pass_interim(
        &mut self,
        head: &ResponseHead,
        length: usize,
        options: &ConnectionOptions,
        world: &mut World<'_>,
    ) -> Result<(), Refusal> {
        self.down.interim += 1;
        if self.down.interim > limits::INTERIM_RESPONSES {
            return Err(Refusal::InterimFlood);
        }
        if self.up.version == Version::Http10 || self.is_opened() {
            self.response.consume(length);
            return Ok(());
        }
        self.write_response_head(head, length, options, Additions::default(), world)?;
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
        options: &ConnectionOptions,
        world: &mut World<'_>,
    ) -> Result<(), Refusal> {
        let bytes = self.response.unread();
        let fields = &world.scratch.fields;
        let switched = fields
            .first(FieldKind::Upgrade)
            .filter(|_| options.upgrade && fields.count(FieldKind::Upgrade) == 1);
        let switched =
            switched.is_some_and(|field| field.value.of(bytes).eq_ignore_ascii_case(UPGRADE_PROTOCOL));
        if !(switched && self.up.upgrade && self.up.is_sent()) {
            return Err(Refusal::UpgradeUnasked);
        }
        let additions = Additions { upgrade: Some(UPGRADE_PROTOCOL), ..Additions::default() };
        self.write_response_head(head, length, options, additions, world)?;
        self.response.consume(length);
        let rest = self.response.unread_len();
        self.response.release(rest, rest);
        if !self.response.place_before(&world.scratch.head) {
            self.response.drop_out();
            return Err(Refusal::ResponseTooLong);
        }
        self.down.phase = Phase::Tunnel;
        self.enter_tunnel();
        if let Some(outcome) = &mut self.outcome {
            outcome.status = 101;
        }
        self.progressed(world.now);
        Ok(())
    }

    /// Writes the head for the client into the scratch memory.
    fn write_response_head(
        &self,
        head: &ResponseHead,
        length: usize,
        options: &ConnectionOptions,
        additions: Additions<'_>,
        world: &mut World<'_>,
    ) -> Result<(), Refusal> {
        let index = self.outcome.as_ref().and_then(|outcome| outcome.route).ok_or(Refusal::NoRoute)?;
        let route = self.rules.routes.routes().get(usize::from(index)).ok_or(Refusal::NoRoute)?;
        let renews_nonce = self.outcome.as_ref().is_some_and(|outcome| outcome.renews_nonce);
        let nonce = if renews_nonce { nonce_of(world) } else { None };
        let scratch = &mut *world.scratch;
        scratch.head.clear();
        let parts = ResponseParts {
            bytes: self.response.unread(),
            length,
            head,
            fields: &scratch.fields,
            options,
            chunked: additions.chunked,
            upgrade: additions.upgrade,
            connection: additions.connection,
            route,
            date: world.date,
            nonce: nonce.as_deref(),
        };
        forwarding::write_response_head(&parts, &mut scratch.head);
        Ok(())
    }
}

/// What the server says of how long it keeps the connection.
fn keep_alive_seconds(bytes: &[u8], fields: &FieldTable) -> Option<u32> {
    let field = fields.first(FieldKind::KeepAlive)?;
    let timeout = keep_alive_timeout(field.value.of(bytes))?;
    Some(timeout.as_secs().min(u64::from(u32::MAX)) as u32)
}
