//! Calls, one after the other on one thread: the core driven over a [`transport`](super::transport).
//!
//! A call opens a session if there is none, sends its request while the response may already come, gives the app what was
//! opened, and does about failures what [`Attempts`] allows.

mod conversation;
mod receiver;
mod sealing;

use std::fmt;
use std::io;

use super::attempts::{Attempts, Remedy};
use super::fault::ClientFault;
use super::keyring::Keyring;
use super::origin::Origin;
use super::outer::in_clear;
use super::problem::ProblemKind;
use super::request::{Form, Request, RequestSealer};
use super::response::{Pending, ResponseHead};
use super::session::{self, ClientSession, Opening, ProxyClock};
use super::transport::{Link, Timeouts, TlsTrust, monotonic, random, wall_seconds};
use crate::limits;
use crate::protocol::http1::{HeadWriter, ReceivedHead, ResponsePiece};
use crate::protocol::payload::ticket::AppIdentity;
use conversation::{Outgoing, converse};
use receiver::Receiver;
use sealing::SealedBody;

/// Where the signed list of keys is.
pub const DOCUMENT_PATH: &str = "/.well-known/payload-keys";
/// Where the list of keys is, vouched for by TLS alone.
pub const KEYS_PATH: &str = "/.well-known/ohttp-gateway";

/// What a request carries.
pub trait Content {
    /// Its bytes, if they can be known before they are read.
    fn length(&self) -> Option<u64>;
    /// Reads some of it; 0 at its end.
    ///
    /// # Errors
    /// The app's own. The request is broken off.
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize>;
    /// Whether it can be read again.
    fn is_repeatable(&self) -> bool;
    /// Begins anew.
    ///
    /// # Errors
    /// It cannot.
    fn rewind(&mut self) -> io::Result<()>;
}

/// Takes a response. An error of it breaks the response off.
#[allow(clippy::missing_errors_doc, reason = "the app's own errors")]
pub trait Sink {
    /// The head: once, first.
    fn head(&mut self, head: &ResponseHead) -> io::Result<()>;
    /// Content, as it comes. What came is authentic; that it is all, only the call's success says.
    fn content(&mut self, content: &[u8]) -> io::Result<()>;
    /// Trailers.
    fn trailers(&mut self, trailers: &[(String, Vec<u8>)]) -> io::Result<()>;
}

/// Watches what crosses the wire.
pub trait Tap {
    /// The head of an outer request.
    fn request_head(&mut self, _head: &[u8]) {}
    /// Bytes of its body, without the framing around them.
    fn request_body(&mut self, _bytes: &[u8]) {}
    /// The head of an outer response.
    fn response_head(&mut self, _head: &[u8]) {}
    /// Bytes of its body, without the framing around them.
    fn response_body(&mut self, _bytes: &[u8]) {}
    /// Something the client does by itself.
    fn note(&mut self, _what: &str) {}
}

/// Watches nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unwatched;

impl Tap for Unwatched {}

/// What is known of a request whose call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing of it was sent.
    NotSent,
    /// It may have been carried out, or may be later; repeating it does no more harm than having sent it.
    Repeatable,
    /// It may have been carried out, or may be later.
    Unknown,
}

/// Why a call failed, and what that means for its request.
#[derive(Debug)]
pub struct CallFault {
    /// Why.
    pub fault: ClientFault,
    /// What is known of the request.
    pub outcome: Outcome,
}

impl fmt::Display for CallFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcome = match self.outcome {
            Outcome::NotSent => "the request was not sent",
            Outcome::Repeatable => "the request may be sent again",
            Outcome::Unknown => {
                "whether the request was carried out is unknown: find out before you send it again"
            }
        };
        write!(formatter, "{}; {outcome}", self.fault)
    }
}

impl std::error::Error for CallFault {}

/// How a client talks to a proxy.
#[derive(Debug)]
pub struct Settings {
    /// Where the proxy is.
    pub origin: Origin,
    /// Who may vouch for its certificate.
    pub trust: TlsTrust,
    /// How messages are sealed.
    pub form: Form,
    /// What the app says of itself.
    pub app: Option<AppIdentity>,
    /// How long to wait for what.
    pub timeouts: Timeouts,
}

/// A client of one proxy.
pub struct Client {
    settings: Settings,
    keyring: Keyring,
    session: Option<ClientSession>,
    /// The proxy's time, for single messages, where it has said it sealed.
    clock: Option<ProxyClock>,
    /// What to add to the wall clock for the next session request: from a `Date` in clear.
    skew: i64,
    link: Option<Link>,
}

impl Client {
    /// A client that trusts these keys. Nothing is sent yet.
    pub fn new(settings: Settings, keyring: Keyring) -> Self {
        Self { settings, keyring, session: None, clock: None, skew: 0, link: None }
    }

    /// Goes on with a session that was kept.
    pub fn resume(&mut self, session: ClientSession) {
        self.session = Some(session);
    }

    /// The session, if one is open.
    pub fn session(&self) -> Option<&ClientSession> {
        self.session.as_ref()
    }

    /// The keys.
    pub fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// Seals and sends `request` with `content`, and gives `sink` the response as it comes.
    ///
    /// # Errors
    /// [`CallFault`]. What `sink` was given by then is authentic, but is not the whole response.
    pub fn call(
        &mut self,
        request: &Request,
        content: &mut dyn Content,
        sink: &mut dyn Sink,
        tap: &mut dyn Tap,
    ) -> Result<(), CallFault> {
        let mut attempts = Attempts::new(&request.method, content.is_repeatable());
        let mut was_sent = false;
        loop {
            let mut progress = Progressed::default();
            let fault = match self.attempt(request, content, sink, tap, &mut progress) {
                Ok(()) => return Ok(()),
                Err(fault) => fault,
            };
            was_sent |= progress.was_sent;
            self.link = None;
            if is_session_lost(&fault) {
                self.session = None;
            }
            let outcome = match (was_sent, attempts.may_repeat()) {
                (false, _) => Outcome::NotSent,
                (true, true) => Outcome::Repeatable,
                (true, false) => Outcome::Unknown,
            };
            let remedy = if progress.was_sent { attempts.after(&fault, progress.has_begun) } else { None };
            let Some(remedy) = remedy else { return Err(CallFault { fault, outcome }) };
            tap.note(&format!("{fault}; trying again"));
            match self.apply(remedy, tap) {
                Ok(true) => {}
                Ok(false) => return Err(CallFault { fault, outcome }),
                Err(fault) => return Err(CallFault { fault, outcome }),
            }
            content.rewind().map_err(|error| CallFault { fault: ClientFault::App(error), outcome })?;
        }
    }

    /// One try: `true` in `progress` as far as it went.
    fn attempt(
        &mut self,
        request: &Request,
        content: &mut dyn Content,
        sink: &mut dyn Sink,
        tap: &mut dyn Tap,
        progress: &mut Progressed,
    ) -> Result<(), ClientFault> {
        if self.settings.form == Form::Session {
            self.open_session(tap)?;
        } else {
            self.have_key(tap)?;
        }
        let mut first = Vec::new();
        let (sealer, pending) = self.begin(request, content.length(), &mut first)?;
        let mut body = SealedBody::new(sealer, content, first);
        body.gather()?;
        let pending = body.pending().or(pending).ok_or(ClientFault::ContentLength)?;
        let head = self.message_head(&body);
        tap.request_head(&head);
        let mut link = self.link()?;
        let mut receiver = Receiver::new(pending);
        progress.was_sent = true;
        let mut outgoing = Outgoing::new(head, &mut body);
        let has_begun = &mut progress.has_begun;
        let reusable = converse(&mut link, &mut outgoing, tap, &mut |piece, tap| {
            receiver.take(piece, sink, has_begun, tap)
        })?;
        if reusable {
            self.link = Some(link);
        }
        Ok(())
    }

    /// Begins to seal: what to send first, and what opens the response where that is known already.
    fn begin(
        &mut self,
        request: &Request,
        length: Option<u64>,
        out: &mut Vec<u8>,
    ) -> Result<(RequestSealer, Option<Pending>), ClientFault> {
        let now = monotonic();
        if self.settings.form == Form::Session {
            let session = self.session.as_mut().ok_or(ClientFault::NoKey)?;
            let (sealer, pending) =
                RequestSealer::in_session(request, length, session, now, &random()?, out)?;
            return Ok((sealer, Some(pending)));
        }
        let time = self.clock.map_or_else(|| self.opening_time(), |clock| clock.now(now));
        let key = self.keyring.chosen(wall_seconds()).ok_or(ClientFault::NoKey)?;
        if self.settings.form == Form::SingleWhole {
            return Ok((RequestSealer::whole(request, length, key, time, &random()?)?, None));
        }
        let (sealer, pending) = RequestSealer::single(request, length, key, time, &random()?, out)?;
        Ok((sealer, Some(pending)))
    }

    fn message_head(&self, body: &SealedBody<'_>) -> Vec<u8> {
        let form = self.settings.form;
        let mut head = Vec::new();
        let mut writer = HeadWriter::new(&mut head);
        writer.request_line(b"POST", form.path().as_bytes());
        writer.field(b"host", self.settings.origin.authority().as_bytes());
        writer.field(b"content-type", form.request_media_type().as_bytes());
        if form == Form::Single {
            writer.field(b"incremental", b"?1");
        }
        match body.length() {
            Some(length) => writer.field_number(b"content-length", length),
            None => writer.field(b"transfer-encoding", b"chunked"),
        }
        writer.end();
        head
    }

    /// `false`: there is nothing to be done.
    fn apply(&mut self, remedy: Remedy, tap: &mut dyn Tap) -> Result<bool, ClientFault> {
        match remedy {
            Remedy::CorrectClock(time) => {
                let now = monotonic();
                if let Some(session) = &mut self.session {
                    session.correct(time, now);
                }
                self.clock = Some(ProxyClock::new(time, now));
            }
            Remedy::FetchKeys if !self.keyring.can_learn() => return Ok(false),
            Remedy::FetchKeys => self.learn(tap)?,
            Remedy::Resend => {}
            Remedy::Reopen => self.session = None,
        }
        Ok(true)
    }

    /// Sees to it that there is a session with a number left.
    fn open_session(&mut self, tap: &mut dyn Tap) -> Result<(), ClientFault> {
        if self.session.as_ref().is_some_and(|session| session.is_good(monotonic())) {
            return Ok(());
        }
        self.session = None;
        for openings_left in (0..limits::CLIENT_OPENINGS).rev() {
            self.have_key(tap)?;
            match self.ask_for_session(tap) {
                Ok(session) => {
                    self.session = Some(session);
                    return Ok(());
                }
                // Nothing ran: a session request may be repeated.
                Err(ClientFault::InClear { problem: Some(problem), date, .. }) if openings_left > 0 => {
                    let is_mended = match (problem.kind, date) {
                        (ProblemKind::Date, Some(date)) => {
                            self.skew = (date as i64).saturating_sub(wall_seconds() as i64);
                            true
                        }
                        (ProblemKind::KeyUnknown, _) => self.apply(Remedy::FetchKeys, tap)?,
                        _ => false,
                    };
                    if !is_mended {
                        return Err(ClientFault::InClear {
                            status: problem.status,
                            problem: Some(problem),
                            date,
                        });
                    }
                    tap.note("asking for a session once more");
                }
                Err(fault) => return Err(fault),
            }
        }
        Err(ClientFault::SessionAnswer)
    }

    fn ask_for_session(&mut self, tap: &mut dyn Tap) -> Result<ClientSession, ClientFault> {
        let key = self.keyring.chosen(wall_seconds()).ok_or(ClientFault::NoKey)?;
        let opening = Opening::new(key, self.opening_time(), self.settings.app.as_ref(), &random()?)?;
        let mut head = Vec::new();
        let mut writer = HeadWriter::new(&mut head);
        writer.request_line(b"POST", session::SESSION_PATH.as_bytes());
        writer.field(b"host", self.settings.origin.authority().as_bytes());
        writer.field(b"content-type", session::REQUEST_MEDIA_TYPE.as_bytes());
        writer.field_number(b"content-length", opening.body.len() as u64);
        writer.end();
        let max = limits::PAYLOAD_SESSION_BYTES + limits::CLIENT_PROBLEM_BYTES;
        let (outer, mut body) = self.ask(&head, &opening.body, max, tap)?;
        opening.finish(&outer, &mut body, monotonic())
    }

    /// By the wall clock, or by what a `Date` in clear said of it.
    fn opening_time(&self) -> u64 {
        wall_seconds().saturating_add_signed(self.skew)
    }

    fn have_key(&mut self, tap: &mut dyn Tap) -> Result<(), ClientFault> {
        if self.keyring.chosen(wall_seconds()).is_some() || !self.keyring.can_learn() {
            return Ok(());
        }
        self.learn(tap)
    }

    fn learn(&mut self, tap: &mut dyn Tap) -> Result<(), ClientFault> {
        let head = get_head(&self.settings.origin, DOCUMENT_PATH);
        let answer = self.ask(&head, b"", limits::PAYLOAD_KEY_DOCUMENT_BYTES, tap)?;
        self.keyring.learn(&document(answer)?, wall_seconds())
    }

    /// Sends what is no message, and takes the whole answer, of at most `max` bytes.
    fn ask(
        &mut self,
        head: &[u8],
        body: &[u8],
        max: usize,
        tap: &mut dyn Tap,
    ) -> Result<(ReceivedHead, Vec<u8>), ClientFault> {
        let mut link = self.link()?;
        let (outer, answer, is_reusable) = ask_over(&mut link, head, body, max, tap)?;
        if is_reusable {
            self.link = Some(link);
        }
        Ok((outer, answer))
    }

    /// The connection there is, if it is still good, or a new one.
    fn link(&mut self) -> Result<Link, ClientFault> {
        if let Some(mut link) = self.link.take()
            && link.is_quiet()
        {
            return Ok(link);
        }
        Ok(Link::connect(&self.settings.origin, &self.settings.trust, self.settings.timeouts)?)
    }
}

/// Whether the next call had better open another session. Whoever forges this answer costs the client one opening.
fn is_session_lost(fault: &ClientFault) -> bool {
    let ClientFault::InClear { problem: Some(problem), .. } = fault else { return false };
    problem.kind == ProblemKind::SessionUnknown
}

/// Fetches a list of keys; at most `max` bytes.
///
/// # Errors
/// It is not to be had.
pub fn fetch(settings: &Settings, path: &str, max: usize, tap: &mut dyn Tap) -> Result<Vec<u8>, ClientFault> {
    let mut link = Link::connect(&settings.origin, &settings.trust, settings.timeouts)?;
    let (outer, answer, _) = ask_over(&mut link, &get_head(&settings.origin, path), b"", max, tap)?;
    document((outer, answer))
}

fn get_head(origin: &Origin, path: &str) -> Vec<u8> {
    let mut head = Vec::new();
    let mut writer = HeadWriter::new(&mut head);
    writer.request_line(b"GET", path.as_bytes());
    writer.field(b"host", origin.authority().as_bytes());
    writer.end();
    head
}

/// What was fetched, if it was.
fn document((outer, body): (ReceivedHead, Vec<u8>)) -> Result<Vec<u8>, ClientFault> {
    if outer.status == 200 { Ok(body) } else { Err(in_clear(&outer, &body)) }
}

/// The head and body of the answer to what is no message, and whether the connection can be used again.
fn ask_over(
    link: &mut Link,
    head: &[u8],
    body: &[u8],
    max: usize,
    tap: &mut dyn Tap,
) -> Result<(ReceivedHead, Vec<u8>, bool), ClientFault> {
    tap.request_head(head);
    if !body.is_empty() {
        tap.request_body(body);
    }
    let (mut outer, mut answer) = (None, Vec::new());
    let mut outgoing = Outgoing::whole([head, body].concat());
    let is_reusable = converse(link, &mut outgoing, tap, &mut |piece, tap| {
        match piece {
            ResponsePiece::Head(head) => {
                tap.response_head(&head.bytes);
                outer = Some(head);
            }
            ResponsePiece::Body(bytes) => {
                tap.response_body(bytes);
                answer.extend_from_slice(bytes);
            }
            ResponsePiece::NeedMore | ResponsePiece::End => {}
        }
        if answer.len() > max { Err(ClientFault::ResponseTooLarge) } else { Ok(()) }
    })?;
    Ok((outer.ok_or(ClientFault::OuterTruncated)?, answer, is_reusable))
}

/// How far a try went.
#[derive(Debug, Default)]
struct Progressed {
    was_sent: bool,
    /// The app has been given part of a response.
    has_begun: bool,
}

#[cfg(test)]
mod tests;
