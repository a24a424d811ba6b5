//! The messages of the `sealed` scenario: sealed on the load's CPU, ahead of the measured time as far as memory allows,
//! and a sample of what comes back opened and compared.
//!
//! Each message has a number, a time and a salt, or a key agreement, of its own. Session openings alone are sent more than
//! once: no proxy remembers them, and each costs it as much as the first.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use ringwall::client::outer::OUTER_HEAD_LIMITS;
use ringwall::client::request::{self, Form, RequestSealer};
use ringwall::client::response::{Pending, Piece, ResponseOpener};
use ringwall::client::session::{
    ClientSession, Opening, REQUEST_MEDIA_TYPE, RESPONSE_MEDIA_TYPE, SESSION_PATH,
};
use ringwall::client::transport::{monotonic, random, wall_seconds};
use ringwall::limits::PAYLOAD_SESSION_BYTES;
use ringwall::protocol::http1::{Method, ReceivedHead, ResponsePiece, ResponseReader};
use ringwall::protocol::moment::Monotonic;
use ringwall::protocol::payload::aead::Aead;
use ringwall::protocol::payload::hybrid::Kem;
use ringwall::protocol::payload::ohttp_keys::{KeyConfig, parse_key_list};

use crate::answer::{AnswerReader, Expected};
use crate::certificate::NAME;
use crate::load::Request;

/// Where the proxy's keys are.
const KEYS_PATH: &str = "/.well-known/ohttp-gateway";
const AEAD: Aead = Aead::Aes128Gcm;
/// Fewer than one address may open at once.
const SESSIONS: usize = 16;
/// One response in so many is opened.
const SAMPLED: u64 = 64;
/// Messages made ahead take no more than this.
const PREPARED_BYTES_MAX: usize = 512 * 1024 * 1024;
/// More messages are made ahead than the last run needs in the time.
const PREPARED_SHARE: f64 = 1.3;
/// Openings that are sent in turn, each from an address of its own: few enough to make, and so many that no address comes
/// to its limit.
const OPENINGS: usize = 2048;
/// What sealing, the inner head and the lengths in a response may add to its content, beside a part of it.
const ADDED_BYTES_MAX: usize = 1024;
const PATIENCE: Duration = Duration::from_secs(5);

/// What is sent.
#[derive(Clone, Copy)]
pub(crate) enum Sealing {
    /// Messages of the same exchange.
    Messages { form: Form, exchange: Exchange },
    /// Openings, from ever other addresses or from one.
    Openings { from_one_address: bool },
}

/// An exchange with the origin, in the clear or sealed.
#[derive(Clone, Copy)]
pub(crate) struct Exchange {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) body_bytes: usize,
    pub(crate) response_bytes: usize,
}

/// A request to be sent once.
pub(crate) struct SealedRequest {
    pub(crate) request: Request,
    /// What opens the response, where it is in the sample.
    proof: Option<Proof>,
}

enum Proof {
    Response(Pending),
    Opening(Opening),
}

/// Makes the requests for one proxy and judges the responses.
pub(crate) struct SealedLoad {
    sealing: Sealing,
    key: KeyConfig,
    sessions: Vec<ClientSession>,
    content: Vec<u8>,
    /// Bodies of openings, and the place of the next.
    openings: Vec<Vec<u8>>,
    prepared: VecDeque<Box<SealedRequest>>,
    made: u64,
    opened: u64,
    begun: (Instant, Monotonic),
    none: Request,
}

impl SealedLoad {
    /// Fetches the proxy's keys and opens what sessions are needed.
    pub(crate) fn connect(proxy: SocketAddr, sealing: Sealing) -> Result<Self, String> {
        let ask = format!("GET {KEYS_PATH} HTTP/1.1\r\nHost: {NAME}\r\n\r\n");
        let (_, list) = exchange(proxy, ask.as_bytes(), Method::Get)?;
        let keys = parse_key_list(&list).map_err(|fault| fault.to_string())?;
        let key = keys.into_iter().find(|key| key.public.kem() == Kem::X25519 && key.aeads.contains(&AEAD));
        let (body_bytes, in_session) = match sealing {
            Sealing::Messages { form, exchange } => (exchange.body_bytes, form == Form::Session),
            Sealing::Openings { .. } => (0, false),
        };
        let mut load = SealedLoad {
            sealing,
            key: key.ok_or("the proxy offers no X25519 with AES-128-GCM")?,
            sessions: Vec::new(),
            content: vec![b'x'; body_bytes],
            openings: Vec::new(),
            prepared: VecDeque::new(),
            made: 0,
            opened: 0,
            begun: (Instant::now(), monotonic()),
            none: Request { bytes: Vec::new(), expected: Expected::bytes(0) },
        };
        for _ in 0..if in_session { SESSIONS } else { 0 } {
            let opening = load.opening()?;
            let bytes = load.opening_bytes(&opening.body);
            let (head, mut body) = exchange(proxy, &bytes, Method::Post)?;
            let session = opening.finish(&head, &mut body, load.now());
            load.sessions.push(session.map_err(|fault| format!("opening a session: {fault}"))?);
        }
        if matches!(sealing, Sealing::Openings { .. }) {
            for _ in 0..OPENINGS {
                load.openings.push(load.opening()?.body);
            }
        }
        Ok(load)
    }

    /// Seals so many requests, and some more, before they are needed.
    pub(crate) fn prepare(&mut self, count: usize) -> Result<(), String> {
        self.prepared.clear();
        let count = match self.sealing {
            Sealing::Messages { .. } => (count as f64 * PREPARED_SHARE) as usize,
            Sealing::Openings { .. } => 0,
        };
        let mut bytes = 0;
        while self.prepared.len() < count && bytes < PREPARED_BYTES_MAX {
            let sealed = self.make()?;
            bytes += sealed.request.bytes.len() + size_of::<SealedRequest>();
            self.prepared.push_back(sealed);
        }
        Ok(())
    }

    /// One that was never sent.
    pub(crate) fn next(&mut self) -> Result<Box<SealedRequest>, String> {
        match self.prepared.pop_front() {
            Some(sealed) => Ok(sealed),
            None => self.make(),
        }
    }

    /// What a connection without a request sends and awaits: nothing.
    pub(crate) fn none(&self) -> &Request {
        &self.none
    }

    /// Judges the response to a request by its content, if that is in the sample.
    pub(crate) fn answered(&mut self, sealed: SealedRequest, answer: &AnswerReader) -> Result<(), String> {
        let Some(proof) = sealed.proof else { return Ok(()) };
        if answer.is_refused() {
            return Ok(());
        }
        let (head, mut body) =
            read_response(answer.kept(), Method::Post).ok_or("a response that breaks off")?;
        let outcome = match (proof, self.sealing) {
            (Proof::Response(pending), Sealing::Messages { exchange, .. }) => {
                open_and_compare(pending, &head, &body, exchange.response_bytes)
            }
            (Proof::Response(_), Sealing::Openings { .. }) => Err("a message among openings".into()),
            (Proof::Opening(opening), _) => {
                let session = opening.finish(&head, &mut body, self.now());
                session.map(drop).map_err(|fault| fault.to_string())
            }
        };
        self.opened += 1;
        outcome.map_err(|fault| format!("a sealed response: {fault}"))
    }

    /// Responses that were opened and found right.
    pub(crate) fn opened(&self) -> u64 {
        self.opened
    }

    fn make(&mut self) -> Result<Box<SealedRequest>, String> {
        let is_sampled = self.made.is_multiple_of(SAMPLED);
        self.made += 1;
        match self.sealing {
            Sealing::Messages { form, exchange } => self.message(form, exchange, is_sampled),
            Sealing::Openings { .. } => {
                let opening = if is_sampled { Some(self.opening()?) } else { None };
                let again = &self.openings[self.made as usize % OPENINGS];
                let bytes = self.opening_bytes(opening.as_ref().map_or(again, |opening| &opening.body));
                let expected = Expected {
                    body_bytes: 1..=PAYLOAD_SESSION_BYTES,
                    media_type: Some(RESPONSE_MEDIA_TYPE),
                    may_be_refused: true,
                    is_kept: is_sampled,
                };
                let request = Request { bytes, expected };
                Ok(Box::new(SealedRequest { request, proof: opening.map(Proof::Opening) }))
            }
        }
    }

    fn message(
        &mut self,
        form: Form,
        exchange: Exchange,
        is_sampled: bool,
    ) -> Result<Box<SealedRequest>, String> {
        let inner = inner_request(exchange);
        let now = self.now();
        let length = Some(self.content.len() as u64);
        let mut body = Vec::with_capacity(self.content.len() + 512);
        let begun = match form {
            Form::Session => {
                let at = self.made as usize % self.sessions.len();
                let salt = fresh()?;
                RequestSealer::in_session(&inner, length, &mut self.sessions[at], now, &salt, &mut body)
            }
            Form::Single | Form::SingleWhole => {
                let key = (&self.key, AEAD);
                RequestSealer::single(&inner, length, key, wall_seconds(), &fresh()?, &mut body)
            }
        };
        let sealing = |fault| format!("sealing a message: {fault}");
        let (mut sealer, pending) = begun.map_err(sealing)?;
        sealer.content(&self.content, &mut body).map_err(sealing)?;
        sealer.finish(&mut body).map_err(sealing)?;
        let least = exchange.response_bytes;
        let expected = Expected {
            body_bytes: least..=least + least / 64 + ADDED_BYTES_MAX,
            media_type: Some(form.response_media_type()),
            may_be_refused: false,
            is_kept: is_sampled,
        };
        let bytes = post(form.path(), form.request_media_type(), "", &body);
        let proof = is_sampled.then_some(Proof::Response(pending));
        Ok(Box::new(SealedRequest { request: Request { bytes, expected }, proof }))
    }

    fn opening(&self) -> Result<Opening, String> {
        let asked = Opening::new((&self.key, AEAD), wall_seconds(), None, &fresh()?);
        asked.map_err(|fault| format!("asking for a session: {fault}"))
    }

    /// From an address of its own, where many are sent.
    fn opening_bytes(&self, body: &[u8]) -> Vec<u8> {
        let number = match self.sealing {
            Sealing::Openings { from_one_address: false } => self.made as usize % OPENINGS,
            _ => 0,
        };
        let address = Ipv4Addr::from_bits(Ipv4Addr::new(10, 0, 0, 1).to_bits() + number as u32);
        post(SESSION_PATH, REQUEST_MEDIA_TYPE, &format!("X-Forwarded-For: {address}\r\n"), body)
    }

    fn now(&self) -> Monotonic {
        let (instant, moment) = self.begun;
        moment.after(instant.elapsed())
    }
}

fn inner_request(exchange: Exchange) -> request::Request {
    let fields = [("user-agent", "versus"), ("accept", "*/*"), ("content-type", "application/octet-stream")];
    let count = if exchange.body_bytes > 0 { fields.len() } else { fields.len() - 1 };
    let fields = fields[..count].iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()));
    request::Request {
        method: exchange.method.into(),
        scheme: "http".into(),
        authority: NAME.into(),
        path: exchange.path.into(),
        fields: fields.collect(),
    }
}

fn post(path: &str, media_type: &str, fields: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {NAME}\r\n{fields}Content-Type: {media_type}\r\nContent-Length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

fn fresh<const N: usize>() -> Result<[u8; N], String> {
    random().map_err(|fault| fault.to_string())
}

/// The response must be 200 with so many bytes of the origin's, and whole.
fn open_and_compare(
    pending: Pending,
    head: &ReceivedHead,
    body: &[u8],
    content_bytes: usize,
) -> Result<(), String> {
    let mut opener = ResponseOpener::new(pending, head, body).map_err(|fault| fault.to_string())?;
    opener.push(body);
    opener.end();
    let (mut status, mut count) = (0, 0);
    loop {
        match opener.advance().map_err(|fault| fault.to_string())? {
            Piece::Head(head) => status = head.status,
            Piece::Content(content) if content.iter().all(|&byte| byte == b'x') => count += content.len(),
            Piece::Content(_) => return Err("content that is not the origin's".into()),
            Piece::Done if status == 200 && count == content_bytes => return Ok(()),
            Piece::Done => return Err(format!("status {status} with {count} bytes of content")),
            other => return Err(format!("unexpected: {other:?}")),
        }
    }
}

/// One request on a connection of its own, and the whole response.
fn exchange(proxy: SocketAddr, request: &[u8], method: Method) -> Result<(ReceivedHead, Vec<u8>), String> {
    let fault = |fault: std::io::Error| format!("asking the proxy: {fault}");
    let mut stream = TcpStream::connect(proxy).map_err(fault)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(fault)?;
    stream.write_all(request).map_err(fault)?;
    let (mut bytes, mut part) = (Vec::new(), [0; 4096]);
    loop {
        if let Some((head, body)) = read_response(&bytes, method) {
            let answered = (head.status == 200).then_some((head, body));
            return answered.ok_or_else(|| String::from_utf8_lossy(&bytes).into_owned());
        }
        match stream.read(&mut part).map_err(fault)? {
            0 => return Err("asking the proxy: it closed the connection".into()),
            count => bytes.extend_from_slice(&part[..count]),
        }
    }
}

/// A response from its first byte to its last; `None` if it is not whole.
fn read_response(bytes: &[u8], method: Method) -> Option<(ReceivedHead, Vec<u8>)> {
    let mut reader = ResponseReader::new(method, OUTER_HEAD_LIMITS);
    reader.push(bytes);
    let (mut head, mut body) = (None, Vec::new());
    loop {
        match reader.advance().ok()? {
            ResponsePiece::NeedMore => return None,
            ResponsePiece::Head(received) => head = Some(received),
            ResponsePiece::Body(part) => body.extend_from_slice(part),
            ResponsePiece::End => return Some((head?, body)),
        }
    }
}
