//! The places where payload encryption is spoken: who may ask what there, the lists of keys, the opening of sessions.
//!
//! What becomes of sealed messages is `sealed_request`'s.

use super::answering::Declined;
use super::{Exchange, World};
use crate::limits;
use crate::policy::refusal::{Refusal, write_document};
use crate::protocol::http1::{BodyFraming, FieldKind, FieldTable, Method, RequestHead, Version};
use crate::protocol::payload::aead::NONCE_LEN;
use crate::protocol::payload::encapsulation::{EncapsulationFault, RESPONSE_NONCE_LEN_MAX};
use crate::protocol::payload::session::open_request;
use crate::protocol::payload::ticket::{SESSION_ID_LEN, SessionFacts};

/// A well-known path of payload encryption.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// `/.well-known/ohttp-gateway` (RFC 9540): the list of keys, and single messages.
    Gateway,
    /// `/.well-known/payload-keys`: the list of keys, signed.
    KeyDocument,
    /// `/.well-known/payload-session`: opens a session.
    Session,
    /// `/.well-known/payload-message`: messages of a session.
    Message,
}

/// What the body of a request to an endpoint is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealedForm {
    /// What opens a session.
    Session,
    /// A message of a session.
    Message,
    /// A single message, in one piece (RFC 9458).
    Whole,
    /// A single message in chunks.
    Chunked,
}

impl SealedForm {
    /// What logs and metrics call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Session => "opening",
            Self::Message => "session",
            Self::Whole => "single",
            Self::Chunked => "single-chunked",
        }
    }
}

/// How that body comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SealedArrival {
    /// How it is delimited.
    pub(super) framing: BodyFraming,
    /// The client sends it once it is told to (RFC 9110 section 10.1.1).
    pub(super) awaits_continue: bool,
}

/// What is told of the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyAnswer {
    /// `application/ohttp-keys`.
    List,
    /// The signed document.
    Document,
}

impl Endpoint {
    /// The endpoint at `path`, as sent: there is only one way to write it.
    pub(super) fn of(path: &[u8]) -> Option<Self> {
        match path.strip_prefix(b"/.well-known/")? {
            b"ohttp-gateway" => Some(Self::Gateway),
            b"payload-keys" => Some(Self::KeyDocument),
            b"payload-session" => Some(Self::Session),
            b"payload-message" => Some(Self::Message),
            _ => None,
        }
    }

    fn allow(self) -> &'static str {
        match self {
            Self::Gateway => "GET, HEAD, POST",
            Self::KeyDocument => "GET, HEAD",
            Self::Session | Self::Message => "POST",
        }
    }

    /// What becomes of a request that came here in plain.
    pub(super) fn answer(
        self,
        head: &RequestHead,
        framing: BodyFraming,
        bytes: &[u8],
        fields: &FieldTable,
    ) -> Declined {
        let media_type = fields.first(FieldKind::ContentType).map(|field| field.value.of(bytes));
        let says = |expected: &[u8]| {
            let said = media_type.and_then(|said| said.split(|byte| *byte == b';').next());
            said.is_some_and(|said| said.trim_ascii().eq_ignore_ascii_case(expected))
        };
        let awaits_continue = head.version == Version::Http11
            && fields
                .first(FieldKind::Expect)
                .is_some_and(|field| field.value.of(bytes).eq_ignore_ascii_case(b"100-continue"));
        let arrival = SealedArrival { framing, awaits_continue };
        match (self, head.method) {
            (Self::Gateway, Method::Get | Method::Head) => Declined::Keys(KeyAnswer::List),
            (Self::KeyDocument, Method::Get | Method::Head) => Declined::Keys(KeyAnswer::Document),
            (Self::Session, Method::Post) if says(b"application/payload-session-request") => {
                Declined::Sealed(SealedForm::Session, arrival)
            }
            (Self::Message, Method::Post) if says(b"message/payload-request") => {
                Declined::Sealed(SealedForm::Message, arrival)
            }
            (Self::Gateway, Method::Post) if says(b"message/ohttp-req") => {
                Declined::Sealed(SealedForm::Whole, arrival)
            }
            (Self::Gateway, Method::Post) if says(b"message/ohttp-chunked-req") => {
                Declined::Sealed(SealedForm::Chunked, arrival)
            }
            (Self::Gateway | Self::Session | Self::Message, Method::Post) => Refusal::PayloadMediaType.into(),
            _ => Declined::NotAllowed { allow: self.allow().to_owned() },
        }
    }
}

impl Exchange {
    /// Tells the keys.
    pub(super) fn tell_keys(&mut self, which: KeyAnswer, world: &mut World<'_>) {
        let Some(payload) = &world.payload else { return self.refuse(Refusal::NoRoute, world) };
        let keys = payload.keys;
        let (media_type, body): (&str, &[u8]) = match which {
            KeyAnswer::List => ("application/ohttp-keys", &keys.key_list),
            KeyAnswer::Document => match &keys.document {
                Some(document) => ("application/payload-keys+jwt", document.as_bytes()),
                None => return self.refuse(Refusal::NoRoute, world),
            },
        };
        self.tell(media_type, body, world);
    }

    /// Answers what opened a session, all of which is in the request buffer's first `length` bytes.
    pub(super) fn open_session(&mut self, length: usize, world: &mut World<'_>) {
        let body = &mut self.request.unread_mut()[..length];
        let lifetime =
            self.rules.payload.as_ref().map_or(limits::PAYLOAD_SESSION_LIFETIME, |it| it.session_lifetime);
        let answer = session_answer(body, lifetime.as_secs(), world);
        self.request.consume(length);
        self.up.end_body();
        match answer {
            Ok(answer) => self.tell("application/payload-session-response", &answer, world),
            Err(refusal) => self.refuse(refusal, world),
        }
    }

    /// Answers 200 with `body`.
    pub(super) fn tell(&mut self, media_type: &str, body: &[u8], world: &mut World<'_>) {
        self.up.skip_rest(&mut self.request);
        let keeps = self.may_keep(world);
        let frame = self.frame(keeps, world);
        world.scratch.head.clear();
        write_document(media_type, body, frame, &mut world.scratch.head);
        self.say(200, "ok", keeps, world);
    }
}

/// Opens the request, judges its time, and makes ticket and answer.
fn session_answer(body: &mut [u8], lifetime: u64, world: &mut World<'_>) -> Result<Vec<u8>, Refusal> {
    let payload = world.payload.as_mut().ok_or(Refusal::NoRoute)?;
    let opened = open_request(&payload.keys.gateway, body).map_err(|fault| match fault {
        EncapsulationFault::KeyUnknown => Refusal::PayloadKeyUnknown,
        EncapsulationFault::Malformed => Refusal::PayloadMalformed,
    })?;
    let now = payload.time;
    if opened.time.abs_diff(now) > payload.keys.clock.window {
        return Err(Refusal::PayloadClock);
    }
    let mut random = [0; RESPONSE_NONCE_LEN_MAX];
    (payload.entropy)(&mut random);
    let mut id = [0; SESSION_ID_LEN];
    (payload.entropy)(&mut id);
    let mut nonce = [0; NONCE_LEN];
    (payload.entropy)(&mut nonce);
    let start = payload.keys.starts.first().copied().unwrap_or_default();
    let facts = SessionFacts {
        id,
        secret: opened.secret(&random),
        aead: opened.aead(),
        issued: now,
        expires: now + lifetime,
        start,
        app: opened.app.clone(),
    };
    let ticket = payload.keys.tickets.seal(&facts, &nonce);
    Ok(opened.answer(&random, &ticket, lifetime, now))
}

const _: () = assert!(limits::PAYLOAD_SESSION_BYTES < limits::BUFFER_SMALL_BYTES);
