//! A request sealed: as a message of a session (form 1) or as a single one (form 2, in chunks or whole).
//!
//! ```text
//! begin      header or encapsulation, and the message's head, held back
//! content    as it comes; sealed whenever a chunk is full, or on demand
//! finish     the message's end, in the final chunk
//! ```
//! A request that the proxy would call malformed is refused before anything is sealed. Who sends the bytes, and as what
//! outer request, is left to others.

use zeroize::Zeroizing;

use super::fault::ClientFault;
use super::response::Pending;
use super::session::ClientSession;
use crate::limits;
use crate::protocol::http_date::format_date;
use crate::protocol::moment::Monotonic;
use crate::protocol::payload::aead::{Aead, TAG_LEN};
use crate::protocol::payload::binary_http::{
    BhttpFault, CONTENT_END, FieldList, Framing, MessageLimits, RequestControl, RequestDecoder,
    push_content_head, push_request_head,
};
use crate::protocol::payload::chunk_stream::ChunkSealer;
use crate::protocol::payload::hybrid::PRIVATE_LEN;
use crate::protocol::payload::key_schedule::SALT_LEN;
use crate::protocol::payload::ohttp_keys::KeyConfig;
use crate::protocol::payload::ohttp_message::{begin_chunked, seal_whole};
use crate::protocol::payload::sealed_run::seal_run;
use crate::protocol::progress::Progress;

/// Bytes free in front of what is held: for the lengths and tags of the chunks that the longest head takes.
const ROOM: usize = 128;

const _: () = assert!(
    limits::CLIENT_HEAD_BYTES + limits::PAYLOAD_CHUNK_SENT_BYTES <= 4 * limits::PAYLOAD_CHUNK_SENT_BYTES
);

/// The ways to seal a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// In a session.
    Session,
    /// By itself, in chunks.
    Single,
    /// By itself, in one piece: for gateways that take no chunks.
    SingleWhole,
}

impl Form {
    /// Where such messages go.
    pub fn path(self) -> &'static str {
        match self {
            Self::Session => "/.well-known/payload-message",
            Self::Single | Self::SingleWhole => "/.well-known/ohttp-gateway",
        }
    }

    /// What they are sent as.
    pub fn request_media_type(self) -> &'static str {
        match self {
            Self::Session => "message/payload-request",
            Self::Single => "message/ohttp-chunked-req",
            Self::SingleWhole => "message/ohttp-req",
        }
    }

    /// What they are answered with.
    pub fn response_media_type(self) -> &'static str {
        match self {
            Self::Session => "message/payload-response",
            Self::Single => "message/ohttp-chunked-res",
            Self::SingleWhole => "message/ohttp-res",
        }
    }
}

/// What an app asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `POST`, ...
    pub method: String,
    /// `https`, or `http` towards a proxy without TLS.
    pub scheme: String,
    /// Host and port.
    pub authority: String,
    /// Path and query.
    pub path: String,
    /// Names in any case, with values.
    pub fields: Vec<(String, Vec<u8>)>,
}

impl Request {
    /// Whether it can be sealed.
    ///
    /// # Errors
    /// [`ClientFault::Request`]: the proxy would refuse it.
    pub fn check(&self) -> Result<(), ClientFault> {
        self.message(None, None).map(drop)
    }

    /// Writes the head in Binary HTTP's form. `date`: in seconds since 1970, in the place of any `Date` of the app's.
    fn encode(&self, framing: Framing, date: Option<u64>, out: &mut Vec<u8>) {
        let control = RequestControl {
            method: self.method.as_bytes(),
            scheme: self.scheme.as_bytes(),
            authority: self.authority.as_bytes(),
            path: self.path.as_bytes(),
        };
        let date = date.map(format_date);
        let own = self.fields.iter().filter(|(name, _)| date.is_none() || !name.eq_ignore_ascii_case("date"));
        let fields = own.map(|(name, value)| (name.as_bytes(), value.as_slice()));
        let date = date.iter().map(|date| (&b"date"[..], date.as_bytes()));
        push_request_head(framing, &control, fields.chain(date), out);
    }

    /// Writes the head and what announces the content, and reads it as the proxy will.
    fn message(&self, length: Option<u64>, date: Option<u64>) -> Result<Vec<u8>, ClientFault> {
        let mut message = vec![0; ROOM];
        let framing = if length.is_some() { Framing::Known } else { Framing::Indeterminate };
        self.encode(framing, date, &mut message);
        if length.is_some_and(|length| !push_content_head(length, &mut message)) {
            return Err(ClientFault::ContentLength);
        }
        let limits = MessageLimits {
            path_bytes: limits::CLIENT_HEAD_BYTES,
            head_bytes: limits::CLIENT_HEAD_BYTES,
            field_count: limits::HEADER_COUNT_MAX,
        };
        let head = &message[ROOM..];
        match RequestDecoder::new(limits).head(head, false, &mut FieldList::new()) {
            Ok(Progress::Done { .. }) => Ok(message),
            Ok(Progress::NeedMore { .. }) => Err(ClientFault::Request(BhttpFault::Truncated)),
            Err(fault) => Err(ClientFault::Request(fault)),
        }
    }

    fn is_head(&self) -> bool {
        self.method == "HEAD"
    }
}

/// Seals one request.
pub struct RequestSealer {
    seal: Seal,
    /// [`ROOM`] free bytes, then plaintext not yet sealed.
    held: Vec<u8>,
    framing: Framing,
    /// Content to come, where its length was announced.
    left: u64,
    is_head: bool,
}

enum Seal {
    Chunks(Box<ChunkSealer>),
    /// Only once all of it is here.
    Whole(Box<WholeSeal>),
}

struct WholeSeal {
    config: KeyConfig,
    aead: Aead,
    random: Zeroizing<[u8; PRIVATE_LEN]>,
}

impl RequestSealer {
    /// Begins a message of a session, appending its header to `out`; with what opens the response. `length`: of the
    /// content, if it is known. The message takes a number of the session, whatever becomes of it; `salt` is random.
    ///
    /// # Errors
    /// [`ClientFault::Request`], [`ClientFault::NumbersUsedUp`]. Nothing is to be sent.
    pub fn in_session(
        request: &Request,
        length: Option<u64>,
        session: &mut ClientSession,
        now: Monotonic,
        salt: &[u8; SALT_LEN],
        out: &mut Vec<u8>,
    ) -> Result<(Self, Pending), ClientFault> {
        let held = request.message(length, None)?;
        let (prk, key) = session.header(now, salt, out)?;
        let pending = Pending::session(prk, session.aead(), request.is_head());
        Ok((Self::new(Seal::Chunks(Box::new(ChunkSealer::new(key))), held, length, request), pending))
    }

    /// Begins a single message in chunks, appending its encapsulation to `out`. `time`, in seconds since 1970, becomes
    /// its `Date`; `random` is used once.
    ///
    /// # Errors
    /// [`ClientFault::Request`], [`ClientFault::KeyUnusable`]. Nothing is to be sent.
    pub fn single(
        request: &Request,
        length: Option<u64>,
        (config, aead): (&KeyConfig, Aead),
        time: u64,
        random: &[u8; PRIVATE_LEN],
        out: &mut Vec<u8>,
    ) -> Result<(Self, Pending), ClientFault> {
        let held = request.message(length, Some(time))?;
        let begun = begin_chunked(config, aead, random).ok_or(ClientFault::KeyUnusable)?;
        let (head, sealer, pending) = begun;
        out.extend_from_slice(&head);
        Ok((
            Self::new(Seal::Chunks(Box::new(sealer)), held, length, request),
            Pending::chunked(pending, request.is_head()),
        ))
    }

    /// Begins a single message that is sealed in one piece, by [`Self::finish`], which gives what opens the response.
    ///
    /// # Errors
    /// [`ClientFault::Request`]. Nothing is to be sent.
    pub fn whole(
        request: &Request,
        length: Option<u64>,
        (config, aead): (&KeyConfig, Aead),
        time: u64,
        random: &[u8; PRIVATE_LEN],
    ) -> Result<Self, ClientFault> {
        let held = request.message(length, Some(time))?;
        let whole = WholeSeal { config: config.clone(), aead, random: Zeroizing::new(*random) };
        let seal = Seal::Whole(Box::new(whole));
        Ok(Self::new(seal, held, length, request))
    }

    /// Takes content and appends the chunks that it fills to `out`.
    ///
    /// # Errors
    /// [`ClientFault::ContentLength`], [`ClientFault::RequestTooLarge`], [`ClientFault::Sealing`]. The message can only be broken off.
    pub fn content(&mut self, mut content: &[u8], out: &mut Vec<u8>) -> Result<(), ClientFault> {
        while !content.is_empty() {
            if self.room() == 0 {
                self.flush(out)?;
            }
            let (now, later) = content.split_at(content.len().min(self.room()));
            match self.framing {
                Framing::Known => {
                    let left = self.left.checked_sub(now.len() as u64);
                    self.left = left.ok_or(ClientFault::ContentLength)?;
                }
                Framing::Indeterminate => {
                    push_content_head(now.len() as u64, &mut self.held);
                }
            }
            self.held.extend_from_slice(now);
            if matches!(self.seal, Seal::Whole(_)) && self.held.len() > ROOM + limits::CLIENT_WHOLE_BYTES {
                return Err(ClientFault::RequestTooLarge);
            }
            content = later;
        }
        if self.room() == 0 { self.flush(out) } else { Ok(()) }
    }

    /// Seals what is held back, so that the proxy can go on with it.
    ///
    /// # Errors
    /// As for [`Self::content`].
    pub fn flush(&mut self, out: &mut Vec<u8>) -> Result<(), ClientFault> {
        match &mut self.seal {
            Seal::Chunks(_) if self.held.len() == ROOM => Ok(()),
            Seal::Chunks(sealer) => seal_held(sealer, &mut self.held, false, out),
            Seal::Whole(_) => Ok(()),
        }
    }

    /// Whether it is sealed in one piece, at its end.
    pub fn is_whole(&self) -> bool {
        matches!(self.seal, Seal::Whole(_))
    }

    /// Ends the message and appends its last bytes to `out`; of a whole one all, with what opens the response.
    ///
    /// # Errors
    /// [`ClientFault::ContentLength`]: some is missing; the message is not ended, so that nobody takes it for whole.
    pub fn finish(mut self, out: &mut Vec<u8>) -> Result<Option<Pending>, ClientFault> {
        match self.framing {
            Framing::Known if self.left > 0 => return Err(ClientFault::ContentLength),
            // Empty trailers may be missing (RFC 9292 section 3.8).
            Framing::Known => {}
            Framing::Indeterminate => self.held.extend_from_slice(&[CONTENT_END[0], 0]),
        }
        match &mut self.seal {
            Seal::Chunks(sealer) => {
                seal_held(sealer, &mut self.held, true, out)?;
                Ok(None)
            }
            Seal::Whole(whole) => {
                let message = &self.held[ROOM..];
                if message.len() > limits::CLIENT_WHOLE_BYTES {
                    return Err(ClientFault::RequestTooLarge);
                }
                let sealed = seal_whole(&whole.config, whole.aead, message, &whole.random)
                    .ok_or(ClientFault::KeyUnusable)?;
                out.extend_from_slice(&sealed.0);
                Ok(Some(Pending::whole(sealed.1, self.is_head)))
            }
        }
    }

    fn new(seal: Seal, held: Vec<u8>, length: Option<u64>, request: &Request) -> Self {
        let framing = if length.is_some() { Framing::Known } else { Framing::Indeterminate };
        Self { seal, held, framing, left: length.unwrap_or(0), is_head: request.is_head() }
    }

    /// Content that may be added to what is held, with room for its length in front of it.
    fn room(&self) -> usize {
        const LENGTH: usize = 4;
        match self.seal {
            // A head may be longer than a chunk: then it goes first.
            Seal::Chunks(_) => {
                limits::PAYLOAD_CHUNK_SENT_BYTES.saturating_sub(self.held.len() - ROOM + LENGTH)
            }
            Seal::Whole(_) => limits::PAYLOAD_CHUNK_SENT_BYTES,
        }
    }
}

/// Seals what is held: one chunk, or several if it begins with a long head.
fn seal_held(
    sealer: &mut ChunkSealer,
    held: &mut Vec<u8>,
    is_final: bool,
    out: &mut Vec<u8>,
) -> Result<(), ClientFault> {
    let plain = ROOM..held.len();
    held.resize(plain.end + TAG_LEN, 0);
    let sealed = seal_run(sealer, held, plain, is_final).map_err(ClientFault::Sealing)?;
    out.extend_from_slice(&held[sealed]);
    held.truncate(ROOM);
    Ok(())
}

impl std::fmt::Debug for RequestSealer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("RequestSealer").field("framing", &self.framing).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
