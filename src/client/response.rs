//! A sealed response opened as it comes: head, content chunk by chunk, trailers, and an end that only the final chunk
//! can tell.
//!
//! What the proxy itself says of the message, as a problem of the protocol, is held back and told apart from what a
//! server answered. Judging it is left to [`attempts`](super::attempts).

use std::collections::VecDeque;
use std::ops::Range;

use super::fault::ClientFault;
use super::outer::{decimal, require_sealed};
use super::problem::{Problem, ProblemKind};
use super::request::Form;
use crate::limits;
use crate::protocol::http_date::parse_date;
use crate::protocol::http1::{ReceivedHead, media_type};
use crate::protocol::payload::aead::{Aead, NotOpening, TAG_LEN};
use crate::protocol::payload::binary_http::{
    BhttpFault, FieldList, MessageLimits, Part, ResponseDecoder, ResponseHead as InnerHead,
};
use crate::protocol::payload::chunk_stream::{ChunkFault, ChunkOpener, Opened};
use crate::protocol::payload::encapsulation::RESPONSE_NONCE_LEN_MAX;
use crate::protocol::payload::key_schedule::{RequestPrk, SALT_LEN, response_key};
use crate::protocol::payload::ohttp_message::{PendingChunked, PendingWhole};
use crate::protocol::progress::Progress;

const LIMITS: MessageLimits = MessageLimits {
    path_bytes: 0,
    head_bytes: limits::CLIENT_HEAD_BYTES,
    field_count: limits::HEADER_COUNT_MAX,
};

/// What opens the response to one request.
#[derive(Debug)]
pub struct Pending {
    keys: PendingKeys,
    /// The request was HEAD.
    answers_head: bool,
}

#[derive(Debug)]
enum PendingKeys {
    Session { prk: RequestPrk, aead: Aead },
    Chunked(PendingChunked),
    Whole(PendingWhole),
}

impl Pending {
    pub(super) fn session(prk: RequestPrk, aead: Aead, answers_head: bool) -> Self {
        Self { keys: PendingKeys::Session { prk, aead }, answers_head }
    }

    pub(super) fn chunked(pending: PendingChunked, answers_head: bool) -> Self {
        Self { keys: PendingKeys::Chunked(pending), answers_head }
    }

    pub(super) fn whole(pending: PendingWhole, answers_head: bool) -> Self {
        Self { keys: PendingKeys::Whole(pending), answers_head }
    }

    /// The form of the request.
    pub fn form(&self) -> Form {
        match self.keys {
            PendingKeys::Session { .. } => Form::Session,
            PendingKeys::Chunked(_) => Form::Single,
            PendingKeys::Whole(_) => Form::SingleWhole,
        }
    }
}

/// The head of a response as the app sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseHead {
    /// The final status, of the server or the proxy.
    pub status: u16,
    /// Names in lower case, with values.
    pub fields: Vec<(String, Vec<u8>)>,
}

impl ResponseHead {
    /// The value of the first field of this name, which is in lower case.
    pub fn field(&self, name: &str) -> Option<&[u8]> {
        self.fields.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_slice())
    }
}

/// What [`ResponseOpener::advance`] found.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Nothing can be said before more has come.
    NeedMore,
    /// The head. Comes once, and first, unless there is a problem.
    Head(ResponseHead),
    /// Content. Authentic, and in order; whether it is all of it only [`Piece::Done`] says.
    Content(&'a [u8]),
    /// Trailers, at least one.
    Trailers(Vec<(String, Vec<u8>)>),
    /// The whole response is a problem of the protocol: nothing of it is for the app.
    Problem(Problem),
    /// The response is whole.
    Done,
}

/// Opens one response: [`Self::push`] what came, [`Self::end`] when the outer body has ended, and after each of them
/// [`Self::advance`] until it needs more. After an error nothing that was given can be taken for whole.
#[derive(Debug)]
pub struct ResponseOpener {
    opening: Opening,
    /// Sealed bytes; all before `taken` were opened.
    wire: Vec<u8>,
    taken: usize,
    ended: bool,
    /// Opened bytes; all before `read` were decoded.
    plain: Vec<u8>,
    read: usize,
    /// The final chunk is open.
    is_open: bool,
    answers_head: bool,
    decoder: ResponseDecoder,
    fields: FieldList,
    stage: Stage,
    /// A response that may be a problem.
    held: Option<Held>,
    ready: VecDeque<Ready>,
    /// Content lent by the last [`Piece::Content`] that was held before.
    lent: Vec<u8>,
}

#[derive(Debug)]
enum Opening {
    Waiting(PendingKeys),
    Chunks(Box<ChunkOpener>),
    /// Nothing more to open.
    Over,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Head,
    Body,
    Done,
}

#[derive(Debug)]
struct Held {
    head: ResponseHead,
    content: Vec<u8>,
    /// It is a problem or refused: see [`ResponseOpener::choose_reading`].
    must_be_problem: bool,
}

/// What was held and is given out after all.
#[derive(Debug)]
enum Ready {
    Head(ResponseHead),
    Content(Vec<u8>),
    Problem(Problem),
    Trailers(Vec<(String, Vec<u8>)>),
}

enum Found {
    /// Look again: something is ready, or a step was made.
    Again,
    /// Content in `plain`.
    Content(Range<usize>),
    NeedMore,
    Done,
}

/// Bytes of the longest response that is sealed whole.
const WHOLE_MAX: usize = limits::CLIENT_WHOLE_BYTES + RESPONSE_NONCE_LEN_MAX + TAG_LEN;

impl ResponseOpener {
    /// An opener for the body of the outer response with this head. Where that is not a sealed response `body` is what
    /// came of its body, to say what is wrong.
    ///
    /// # Errors
    /// [`ClientFault::InClear`], [`ClientFault::MediaType`].
    pub fn new(pending: Pending, outer: &ReceivedHead, body: &[u8]) -> Result<Self, ClientFault> {
        require_sealed(outer, pending.form().response_media_type(), body)?;
        let Pending { keys, answers_head } = pending;
        Ok(Self {
            opening: Opening::Waiting(keys),
            wire: Vec::new(),
            taken: 0,
            ended: false,
            plain: Vec::new(),
            read: 0,
            is_open: false,
            answers_head,
            decoder: ResponseDecoder::new(LIMITS, answers_head),
            fields: FieldList::new(),
            stage: Stage::Head,
            held: None,
            ready: VecDeque::new(),
            lent: Vec::new(),
        })
    }

    /// Takes sealed bytes.
    pub fn push(&mut self, sealed: &[u8]) {
        self.wire.drain(..self.taken);
        self.taken = 0;
        self.wire.extend_from_slice(sealed);
    }

    /// The outer body has no more bytes.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// The next piece of the response.
    ///
    /// # Errors
    /// [`ClientFault::Response`], [`ClientFault::Message`], [`ClientFault::ResponseTooLarge`]: the response is refused.
    pub fn advance(&mut self) -> Result<Piece<'_>, ClientFault> {
        loop {
            match self.ready.pop_front() {
                Some(Ready::Head(head)) => return Ok(Piece::Head(head)),
                Some(Ready::Trailers(fields)) => return Ok(Piece::Trailers(fields)),
                Some(Ready::Problem(problem)) => return Ok(Piece::Problem(problem)),
                Some(Ready::Content(content)) => {
                    self.lent = content;
                    return Ok(Piece::Content(&self.lent));
                }
                None => {}
            }
            let found = match self.stage {
                Stage::Head => self.head()?,
                Stage::Body => self.body()?,
                Stage::Done => Found::Done,
            };
            match found {
                Found::Again => {}
                Found::Content(range) => return Ok(Piece::Content(&self.plain[range])),
                Found::Done => return Ok(Piece::Done),
                Found::NeedMore if self.is_open => return Err(BhttpFault::Truncated.into()),
                Found::NeedMore => {
                    if !self.open_more()? {
                        return Ok(Piece::NeedMore);
                    }
                }
            }
        }
    }

    /// Opens the next chunk. `false`: it is not whole.
    fn open_more(&mut self) -> Result<bool, ClientFault> {
        let unread = &mut self.wire[self.taken..];
        let opened = match &mut self.opening {
            Opening::Over => return Ok(false),
            Opening::Waiting(PendingKeys::Whole(_)) if unread.len() > WHOLE_MAX => {
                return Err(ClientFault::ResponseTooLarge);
            }
            Opening::Waiting(PendingKeys::Whole(_)) if !self.ended => return Ok(false),
            Opening::Waiting(PendingKeys::Whole(pending)) => {
                let plain = pending.open(unread).map_err(|NotOpening| ChunkFault::NotOpening)?;
                Opened::Chunk { plaintext: plain, taken: unread.len(), is_final: true }
            }
            Opening::Waiting(keys) => match keys.opener(unread) {
                None if self.ended => return Err(ChunkFault::Truncated.into()),
                None => return Ok(false),
                Some((opener, length)) => {
                    self.opening = Opening::Chunks(Box::new(opener));
                    self.taken += length;
                    return Ok(true);
                }
            },
            Opening::Chunks(opener) => opener.advance(unread, self.ended)?,
        };
        let Opened::Chunk { plaintext, taken, is_final } = opened else { return Ok(false) };
        self.plain.drain(..self.read);
        self.read = 0;
        self.plain.extend_from_slice(&unread[plaintext]);
        self.taken += taken;
        if is_final {
            self.is_open = true;
            self.opening = Opening::Over;
        }
        Ok(true)
    }

    fn head(&mut self) -> Result<Found, ClientFault> {
        let mut must_be_problem = false;
        if self.answers_head {
            if !self.is_open {
                let too_long = self.plain.len() > limits::CLIENT_HEAD_BYTES + limits::CLIENT_PROBLEM_BYTES;
                return if too_long { Err(BhttpFault::HeadTooLarge.into()) } else { Ok(Found::NeedMore) };
            }
            must_be_problem = self.choose_reading();
        }
        let head = match self.decoder.head(&self.plain, self.is_open, &mut self.fields)? {
            Progress::NeedMore { .. } => return Ok(Found::NeedMore),
            Progress::Done { value, consumed } => {
                self.read = consumed;
                self.named(&value)
            }
        };
        self.stage = Stage::Body;
        let is_problem = head.status >= 400
            && media_type(head.field("content-type").unwrap_or_default()) == Problem::MEDIA_TYPE;
        if is_problem || must_be_problem {
            self.held = Some(Held { head, content: Vec::new(), must_be_problem });
        } else {
            self.ready.push_back(Ready::Head(head));
        }
        Ok(Found::Again)
    }

    /// A response to HEAD has no content. But a proxy that refuses a message does not yet know its method, and says why
    /// as it says it to all: such a response is read a second time as one to GET, and must then be a problem. `true`: it
    /// has to be read that way.
    fn choose_reading(&mut self) -> bool {
        let as_head = decodes(&mut ResponseDecoder::new(LIMITS, true), &self.plain);
        self.decoder = ResponseDecoder::new(LIMITS, as_head);
        !as_head
    }

    fn body(&mut self) -> Result<Found, ClientFault> {
        let start = self.read;
        let part = self.decoder.advance(&self.plain[start..], self.is_open, &mut self.fields)?;
        match part {
            Part::NeedMore => Ok(Found::NeedMore),
            Part::Content(range) => {
                self.read = start + range.end;
                Ok(self.content(start + range.start..start + range.end))
            }
            Part::Trailers { consumed } => {
                self.read = start + consumed;
                self.release();
                let trailers = fields_of(&self.fields, &self.plain[start..]);
                self.ready.push_back(Ready::Trailers(trailers));
                Ok(Found::Again)
            }
            Part::Padding { consumed } => {
                self.read = start + consumed;
                Ok(Found::Again)
            }
            Part::Done { consumed } => {
                self.read = start + consumed;
                self.stage = Stage::Done;
                self.judge()?;
                Ok(Found::Again)
            }
        }
    }
    /// Content that may be a problem's is held back while it is short enough to be one.
    fn content(&mut self, range: Range<usize>) -> Found {
        let Some(held) = &mut self.held else { return Found::Content(range) };
        held.content.extend_from_slice(&self.plain[range]);
        if held.content.len() > limits::CLIENT_PROBLEM_BYTES && !held.must_be_problem {
            self.release();
        }
        Found::Again
    }

    /// Gives out what was held: it is no problem.
    fn release(&mut self) {
        let Some(Held { head, content, .. }) = self.held.take() else { return };
        self.ready.push_back(Ready::Head(head));
        if !content.is_empty() {
            self.ready.push_back(Ready::Content(content));
        }
    }

    /// The response is whole: is it a problem?
    fn judge(&mut self) -> Result<(), ClientFault> {
        let Some(held) = &self.held else { return Ok(()) };
        let Some(mut problem) = Problem::read(held.head.status, &held.content) else {
            if held.must_be_problem {
                return Err(BhttpFault::LengthUnlikeContent.into());
            }
            self.release();
            return Ok(());
        };
        problem.retry_after = held.head.field("retry-after").and_then(decimal);
        if problem.kind == ProblemKind::Date {
            problem.time = problem.time.or_else(|| held.head.field("date").and_then(parse_date));
        }
        self.held = None;
        self.ready.push_back(Ready::Problem(problem));
        Ok(())
    }

    fn named(&self, head: &InnerHead) -> ResponseHead {
        ResponseHead { status: head.status, fields: fields_of(&self.fields, &self.plain) }
    }
}

impl PendingKeys {
    /// The opener of the chunks, and how many bytes stand in front of them. `None`: these are not all there.
    fn opener(&self, bytes: &[u8]) -> Option<(ChunkOpener, usize)> {
        match self {
            Self::Session { prk, aead } => {
                let key = response_key(prk, *aead, bytes.first_chunk()?);
                Some((ChunkOpener::new(key, limits::PAYLOAD_CHUNK_BYTES), SALT_LEN))
            }
            Self::Chunked(pending) => match pending.opener(bytes, limits::PAYLOAD_CHUNK_BYTES) {
                Progress::Done { value, consumed } => Some((value, consumed)),
                Progress::NeedMore { .. } => None,
            },
            Self::Whole(_) => None,
        }
    }
}

fn fields_of(fields: &FieldList, bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let text = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
    fields.iter().map(|line| (text(line.name.of(bytes)), line.value.of(bytes).to_vec())).collect()
}

/// Whether `message`, which is all of one, can be read this way.
fn decodes(decoder: &mut ResponseDecoder, message: &[u8]) -> bool {
    let mut fields = FieldList::new();
    let Ok(Progress::Done { consumed, .. }) = decoder.head(message, true, &mut fields) else { return false };
    let mut rest = message.get(consumed..).unwrap_or_default();
    loop {
        let used = match decoder.advance(rest, true, &mut fields) {
            Ok(Part::Content(range)) => range.end,
            Ok(Part::Trailers { consumed } | Part::Padding { consumed }) => consumed,
            Ok(Part::Done { .. }) => return true,
            Ok(Part::NeedMore) | Err(_) => return false,
        };
        rest = rest.get(used..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests;
