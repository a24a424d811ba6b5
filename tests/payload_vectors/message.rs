//! `message.json`: sealed requests of a session, of every cipher and several lengths.

use ringwall::protocol::payload::aead::Aead;
use ringwall::protocol::payload::binary_http::Framing;
use ringwall::protocol::payload::chunk_stream::{ChunkOpener, ChunkSealer, Opened};
use ringwall::protocol::payload::key_schedule::{MessageHeader, SessionSecret, request_keys};
use serde::Serialize;

use crate::binary_http::{Request, pattern};
use crate::derivation::{Keys, aead_name, drawn, drawn_part, hmac_of, sha256};
use crate::shape::{Chunk, Hex, in_chunks, on_wire};

#[derive(Serialize)]
pub(crate) struct Sealed {
    name: String,
    aead: u16,
    session_secret: Hex,
    ticket: Hex,
    n: u64,
    t: u64,
    salt: Hex,
    hdr: Hex,
    prk: Hex,
    key: Hex,
    nonce: Hex,
    #[serde(flatten)]
    content: Content,
}

/// A large message is described: its content's byte at `i` is `i` modulo 251.
#[derive(Serialize)]
#[serde(untagged)]
enum Content {
    Whole { message: Hex, chunks: Vec<Chunk>, body: Hex },
    Large(Large),
}

#[derive(Serialize)]
struct Large {
    message_before_content: Hex,
    content_length: usize,
    message_after_content: Hex,
    message_sha256: Hex,
    chunk_plaintext_lengths: Vec<usize>,
    body_length: usize,
    body_sha256: Hex,
}

#[derive(Serialize)]
pub(crate) struct Vectors {
    about: &'static str,
    messages: Vec<Sealed>,
}

/// What is sealed, and in which non-final chunks.
struct Plan {
    name: &'static str,
    request: Request,
    chunks: Vec<usize>,
}

pub(crate) fn vectors() -> Vectors {
    let mut messages = Vec::new();
    for aead in Aead::ALL {
        for (number, plan) in plans().into_iter().enumerate() {
            messages.push(sealed(aead, number as u64, &plan));
        }
    }
    Vectors { about: "Sealed requests (form 1), protocol section 2.2.", messages }
}

fn plans() -> Vec<Plan> {
    let post = |framing, content: Vec<u8>| Request::post().with(framing, content);
    let plan = |name, request, chunks: &[usize]| Plan { name, request, chunks: chunks.to_vec() };
    vec![
        plan("a GET in one chunk", Request::get(), &[]),
        plan("five bytes of content in three chunks", post(Framing::Known, b"hello".to_vec()), &[1, 47]),
        plan("an empty final chunk", post(Framing::Indeterminate, b"hello".to_vec()), &[20, 51]),
        plan("1200 bytes, lengths of two bytes", post(Framing::Indeterminate, pattern(1200)), &[600, 600]),
        plan("lengths in longer forms than needed", post(Framing::Known, b"hello".to_vec()), &[10, 11, 12]),
        plan("16 KiB of content", post(Framing::Known, pattern(16_384)), &[16_384]),
        plan("a chunk of 65536 bytes", post(Framing::Known, pattern(100_000)), &[65_536]),
        plan("100000 bytes, chunk by chunk", post(Framing::Indeterminate, pattern(100_000)), &[16_384; 6]),
    ]
}

fn sealed(aead: Aead, number: u64, plan: &Plan) -> Sealed {
    let name = format!("{}, {}", aead_name(aead), plan.name);
    let session_secret = drawn(&format!("session secret, {}", aead_name(aead)));
    let ticket = [drawn("a ticket"), drawn("is opaque to the client")].concat();
    let (n, t) = (number + 1, 1_800_000_100 + number);
    let salt = drawn_part(&format!("salt, {name}"));
    let mut hdr = Vec::new();
    assert!(MessageHeader::write(&ticket, n, t, &salt, &mut hdr));
    let prk = hmac_of(&session_secret, &[b"payload request 1\0", &hdr]);
    let keys = Keys::of(&prk, aead);
    let message = plan.request.encoded();
    let (_, key) = request_keys(&SessionSecret::new(&session_secret), aead, &hdr);
    let mut chunks = in_chunks(ChunkSealer::new(key), Some(&keys), &message, &plan.chunks);
    if plan.name.starts_with("lengths") {
        chunks = in_longer_forms(chunks);
    }
    let body = [&hdr[..], &on_wire(&chunks)].concat();
    check_opens(&session_secret, aead, &hdr, &body, &message);
    Sealed {
        name,
        aead: aead.id(),
        session_secret: session_secret.into(),
        ticket: ticket.into(),
        n,
        t,
        salt: salt.into(),
        hdr: hdr.into(),
        prk: prk.into(),
        key: keys.key.into(),
        nonce: keys.nonce.into(),
        content: described(&plan.request, message, chunks, body),
    }
}

fn described(request: &Request, message: Vec<u8>, chunks: Vec<Chunk>, body: Vec<u8>) -> Content {
    if message.len() < 4096 {
        return Content::Whole { message: message.into(), chunks, body: body.into() };
    }
    let length = request.content.len();
    let before = message.windows(length).position(|part| part == request.content).expect("in one piece");
    Content::Large(Large {
        message_before_content: message[..before].into(),
        content_length: length,
        message_after_content: message[before + length..].into(),
        message_sha256: sha256(&message),
        chunk_plaintext_lengths: chunks.iter().map(|chunk| chunk.plaintext.0.len()).collect(),
        body_length: body.len(),
        body_sha256: sha256(&body),
    })
}

/// Two, four and eight bytes where one would do.
fn in_longer_forms(chunks: Vec<Chunk>) -> Vec<Chunk> {
    let forms = [(2, 0x40), (4, 0x80), (8, 0xc0), (2, 0x40)];
    let longer = |(at, (chunk, (bytes, mark))): (usize, (Chunk, (usize, u8)))| {
        let length = if at == 3 { 0 } else { chunk.sealed_len() as u64 };
        let mut form = length.to_be_bytes()[8 - bytes..].to_vec();
        form[0] |= mark;
        chunk.with_length(&form)
    };
    chunks.into_iter().zip(forms).enumerate().map(longer).collect()
}

/// The proxy's end reads the message out of the body.
fn check_opens(secret: &[u8; 32], aead: Aead, hdr: &[u8], body: &[u8], message: &[u8]) {
    let (_, key) = request_keys(&SessionSecret::new(secret), aead, hdr);
    let mut opener = ChunkOpener::new(key, usize::MAX);
    let mut rest = body[hdr.len()..].to_vec();
    let mut opened = Vec::new();
    loop {
        let Opened::Chunk { plaintext, taken, is_final } = opener.advance(&mut rest, true).expect("opens")
        else {
            panic!("a chunk is not whole");
        };
        opened.extend_from_slice(&rest[plaintext]);
        rest.drain(..taken);
        if is_final {
            break;
        }
    }
    assert!(opened == message, "opens to another message");
}
