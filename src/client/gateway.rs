//! The proxy's end in miniature, over `protocol` alone, for the client's tests: opens what the client sealed and seals
//! what it shall open.

use std::collections::HashSet;

use crate::limits;
use crate::protocol::moment::Monotonic;
use crate::protocol::payload::aead::{Aead, TAG_LEN};
use crate::protocol::payload::binary_http::{
    FieldList, Framing, MessageLimits, Part, RequestDecoder, frame_content, push_content_head,
    push_response_head,
};
use crate::protocol::payload::chunk_stream::{ChunkOpener, ChunkSealer, Opened};
use crate::protocol::payload::hybrid::{HpkePrivateKey, Kem};
use crate::protocol::payload::key_document::{DocumentSigner, SigningAlgorithm};
use crate::protocol::payload::key_schedule::{MessageHeader, RequestPrk, request_keys, response_key};
use crate::protocol::payload::ohttp_keys::GatewayKeys;
use crate::protocol::payload::ohttp_message::{ChunkedAnswer, WholeAnswer, open_chunked, open_whole};
use crate::protocol::payload::session::open_request;
use crate::protocol::payload::ticket::{AppIdentity, SessionFacts, TicketKey, TicketKeys};
use crate::protocol::progress::Progress;

use super::outer::OUTER_HEAD_LIMITS;
use super::request::Form;
use crate::protocol::http1::{Method, ReceivedHead, ResponsePiece, ResponseReader};

/// What time it is for the proxy.
pub(super) const NOW: u64 = 1_790_000_000;
/// When that is for the client's clock.
pub(super) const AT: Monotonic = Monotonic(5_000_000_000);

/// The proxy's secrets, and what it has seen.
pub(super) struct Gateway {
    pub(super) keys: GatewayKeys,
    pub(super) tickets: TicketKeys,
    /// Numbers of messages.
    pub(super) seen: HashSet<u64>,
}

/// A request as it was opened.
pub(super) struct Heard {
    pub(super) method: String,
    pub(super) authority: String,
    pub(super) path: String,
    pub(super) fields: Vec<(String, String)>,
    pub(super) content: Vec<u8>,
    pub(super) framing: Framing,
    /// Of a message of a session: its number and time.
    pub(super) numbers: Option<(u64, u64)>,
    answer: Answer,
}

enum Answer {
    Session(RequestPrk, Aead),
    Chunked(ChunkedAnswer),
    Whole(WholeAnswer),
}

pub(super) fn signer() -> DocumentSigner {
    let random = ring::rand::SystemRandom::new();
    // The same for all tests of a process: what one signs, the verifier of another must know.
    static KEY: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
    let key =
        KEY.get_or_init(|| DocumentSigner::generate(SigningAlgorithm::EdDsa, &random).unwrap().to_vec());
    DocumentSigner::from_pkcs8(SigningAlgorithm::EdDsa, key, &random).unwrap()
}

impl Gateway {
    pub(super) fn new() -> Self {
        let key = HpkePrivateKey::generate(Kem::X25519, &[7; 32]);
        let keys = GatewayKeys::new(vec![(3, key)]).unwrap();
        Self { keys, tickets: TicketKeys::new(vec![TicketKey::new(&[9; 32])]).unwrap(), seen: HashSet::new() }
    }

    /// The answer to a session request, with what the request said.
    pub(super) fn open_session(&self, body: &[u8]) -> (Vec<u8>, u64, Option<AppIdentity>) {
        let opened = open_request(&self.keys, &mut body.to_vec()).expect("a session request");
        let random = [11; 32];
        let facts = SessionFacts {
            id: [1; 16],
            secret: opened.secret(&random),
            aead: opened.aead(),
            issued: NOW,
            expires: NOW + 600,
            start: [3; 16],
            app: opened.app.clone(),
        };
        let ticket = self.tickets.seal(&facts, &[4; 12]);
        (opened.answer(&random, &ticket, 600, NOW), opened.time, opened.app)
    }

    /// Opens a whole message.
    pub(super) fn hear(&mut self, form: Form, body: &[u8]) -> Heard {
        let mut body = body.to_vec();
        let (message, answer, numbers) = match form {
            Form::Session => {
                let Ok(Progress::Done { value, consumed }) = MessageHeader::parse(&body) else {
                    panic!("no header")
                };
                let facts = self.tickets.open(value.ticket).expect("a ticket of ours");
                assert!(self.seen.insert(value.n), "the number {} twice", value.n);
                let numbers = (value.n, value.t);
                let (prk, key) = request_keys(&facts.secret, facts.aead, value.bytes);
                let opener = ChunkOpener::new(key, limits::PAYLOAD_CHUNK_SENT_BYTES);
                let message = opened(opener, &mut body[consumed..]);
                (message, Answer::Session(prk, facts.aead), Some(numbers))
            }
            Form::Single => {
                let begun = open_chunked(&self.keys, &body, limits::PAYLOAD_CHUNK_SENT_BYTES).unwrap();
                let Progress::Done { value: (opener, answer), consumed } = begun else {
                    panic!("no encapsulation")
                };
                (opened(opener, &mut body[consumed..]), Answer::Chunked(answer), None)
            }
            Form::SingleWhole => {
                let (range, answer) = open_whole(&self.keys, &mut body).unwrap();
                (body[range].to_vec(), Answer::Whole(answer), None)
            }
        };
        read_message(&message, answer, numbers)
    }
}

impl Heard {
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// Seals `message` as the response, its plaintext in chunks of these lengths and the rest in the final one.
    pub(super) fn seal(&self, message: &[u8], chunks: &[usize]) -> Vec<u8> {
        match &self.answer {
            Answer::Session(prk, aead) => {
                let salt = [6; 16];
                let sealer = ChunkSealer::new(response_key(prk, *aead, &salt));
                [&salt[..], &sealed(sealer, message, chunks)].concat()
            }
            Answer::Chunked(answer) => {
                let random = [8; 32];
                let (nonce, sealer) = answer.sealer(&random);
                [nonce, &sealed(sealer, message, chunks)].concat()
            }
            Answer::Whole(answer) => {
                let room = answer.head_room();
                let mut bytes = vec![0; room];
                bytes.extend_from_slice(message);
                bytes.extend_from_slice(&[0; TAG_LEN]);
                let range = answer.seal(&[8; 32], &mut bytes, room..room + message.len()).unwrap();
                bytes[range].to_vec()
            }
        }
    }
}

/// A response in Binary HTTP's form, of indeterminate length if `parts` are several.
pub(super) fn message(status: u16, fields: &[(&str, &str)], parts: &[&[u8]]) -> Vec<u8> {
    let framing = if parts.len() > 1 { Framing::Indeterminate } else { Framing::Known };
    let fields = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    let mut out = Vec::new();
    push_response_head(framing, status, fields, &mut out);
    match parts {
        [] => {}
        [content] => {
            push_content_head(content.len() as u64, &mut out);
            out.extend_from_slice(content);
        }
        parts => {
            for part in parts {
                let mut room = vec![0; 8];
                room.extend_from_slice(part);
                let range = frame_content(&mut room, 8..8 + part.len()).unwrap();
                out.extend_from_slice(&room[range]);
            }
            out.extend_from_slice(&[0, 0]);
        }
    }
    out
}

/// A problem of the protocol as a response.
pub(super) fn problem(status: u16, name: &str, more: &str) -> Vec<u8> {
    let document = format!(r#"{{"type":"{name}","status":{status}{more}}}"#);
    message(status, &[("content-type", "application/problem+json")], &[document.as_bytes()])
}

/// The head of an outer response.
pub(super) fn outer(status: u16, fields: &str) -> ReceivedHead {
    let mut reader = ResponseReader::new(Method::Post, OUTER_HEAD_LIMITS);
    reader.push(format!("HTTP/1.1 {status} X\r\n{fields}content-length: 9\r\n\r\n").as_bytes());
    match reader.advance().unwrap() {
        ResponsePiece::Head(head) => head,
        piece => panic!("{piece:?}"),
    }
}

/// The head of an outer response that carries what is sealed in this form.
pub(super) fn sealed_outer(form: Form) -> ReceivedHead {
    outer(200, &format!("Content-Type: {}\r\n", form.response_media_type()))
}

/// The rest behind `chunks` goes in chunks of the usual size.
fn sealed(mut sealer: ChunkSealer, message: &[u8], chunks: &[usize]) -> Vec<u8> {
    let (mut out, mut rest, mut chunks) = (Vec::new(), message, chunks.iter().copied());
    loop {
        let usual = limits::PAYLOAD_CHUNK_SENT_BYTES;
        let length = chunks.next().or((rest.len() > usual).then_some(usual));
        let (now, later) = rest.split_at(length.unwrap_or(rest.len()));
        let mut room = vec![0; ChunkSealer::HEAD_ROOM];
        room.extend_from_slice(now);
        room.extend_from_slice(&[0; TAG_LEN]);
        let plain = ChunkSealer::HEAD_ROOM..ChunkSealer::HEAD_ROOM + now.len();
        let wire = sealer.seal(&mut room, plain, length.is_none()).unwrap();
        out.extend_from_slice(&room[wire]);
        rest = later;
        if length.is_none() {
            return out;
        }
    }
}

fn opened(mut opener: ChunkOpener, mut sealed: &mut [u8]) -> Vec<u8> {
    let mut message = Vec::new();
    loop {
        let Opened::Chunk { plaintext, taken, is_final } = opener.advance(sealed, true).unwrap() else {
            panic!("not whole")
        };
        message.extend_from_slice(&sealed[plaintext]);
        sealed = &mut sealed[taken..];
        if is_final {
            return message;
        }
    }
}

fn read_message(message: &[u8], answer: Answer, numbers: Option<(u64, u64)>) -> Heard {
    let limits = MessageLimits { path_bytes: 8192, head_bytes: limits::HEADER_BYTES_MAX, field_count: 100 };
    let (mut decoder, mut fields) = (RequestDecoder::new(limits), FieldList::new());
    let Ok(Progress::Done { value, consumed }) = decoder.head(message, true, &mut fields) else {
        panic!("no head")
    };
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let named =
        fields.iter().map(|line| (text(line.name.of(message)), text(line.value.of(message)))).collect();
    let (mut rest, mut content) = (&message[consumed..], Vec::new());
    loop {
        match decoder.advance(rest, true, &mut fields).unwrap() {
            Part::Content(range) => {
                content.extend_from_slice(&rest[range.clone()]);
                rest = &rest[range.end..];
            }
            Part::Trailers { consumed } | Part::Padding { consumed } => rest = &rest[consumed..],
            Part::Done { .. } => break,
            Part::NeedMore => panic!("not whole"),
        }
    }
    Heard {
        method: text(value.method.of(message)),
        authority: text(value.authority.of(message)),
        path: text(value.path.of(message)),
        fields: named,
        content,
        framing: value.framing,
        numbers,
        answer,
    }
}
