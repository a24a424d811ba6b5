//! Messages of a payload session as a client sends them, and what opens them, for those who measure exchanges.

use std::sync::Arc;

use ringwall::policy::payload_keys::{PayloadClock, PayloadKeys};
use ringwall::protocol::moment::Monotonic;
use ringwall::protocol::payload::aead::Aead;
use ringwall::protocol::payload::binary_http::{
    Framing, RequestControl, push_content_head, push_request_head,
};
use ringwall::protocol::payload::chunk_stream::ChunkSealer;
use ringwall::protocol::payload::hybrid::{HpkePrivateKey, Kem};
use ringwall::protocol::payload::key_schedule::{MessageHeader, SessionSecret, request_keys};
use ringwall::protocol::payload::ohttp_keys::GatewayKeys;
use ringwall::protocol::payload::ticket::{AppIdentity, SessionFacts, TicketKey, TicketKeys};

const NOW: u64 = 1_000_000;
const START: [u8; 16] = [3; 16];
const SECRET: [u8; 32] = [2; 32];
const CHUNK: usize = 16 * 1024;

pub(crate) fn keys() -> PayloadKeys {
    let key = HpkePrivateKey::generate(Kem::X25519, &[7; 32]);
    let gateway = Arc::new(GatewayKeys::new(vec![(1, key)]).expect("a key"));
    PayloadKeys {
        key_list: gateway.encode().into(),
        gateway,
        document: None,
        tickets: TicketKeys::new(vec![TicketKey::new(&[9; 32])]).expect("a key"),
        starts: vec![START],
        clock: PayloadClock { started: Monotonic(0), unix: NOW, window: 30 },
    }
}

/// Message `number` of a session, with so much content, as the client sends it.
pub(crate) fn request(keys: &PayloadKeys, aead: Aead, number: u64, content: usize) -> Vec<u8> {
    let facts = SessionFacts {
        id: [1; 16],
        secret: SessionSecret::new(&SECRET),
        aead,
        issued: NOW,
        expires: NOW + 3600,
        start: START,
        app: AppIdentity::new("shop", "ios", "2.4.1"),
    };
    let ticket = keys.tickets.seal(&facts, &[4; 12]);
    let method: &[u8] = if content > 0 { b"POST" } else { b"GET" };
    let control =
        RequestControl { method, scheme: b"https", authority: b"api.example.com", path: b"/orders/42" };
    let mut message = Vec::new();
    let fields = [(&b"accept"[..], &b"*/*"[..]), (b"authorization", b"Bearer 0123456789abcdef")];
    push_request_head(Framing::Known, &control, fields.into_iter(), &mut message);
    push_content_head(content as u64, &mut message);
    message.resize(message.len() + content, b'c');
    let mut body = Vec::new();
    assert!(MessageHeader::write(&ticket, number, NOW, &[number as u8; 16], &mut body));
    let mut sealer = ChunkSealer::new(request_keys(&SessionSecret::new(&SECRET), aead, &body).1);
    let count = message.len().div_ceil(CHUNK);
    for (position, plain) in message.chunks(CHUNK).enumerate() {
        let mut room = vec![0; ChunkSealer::HEAD_ROOM];
        room.extend_from_slice(plain);
        room.resize(room.len() + ChunkSealer::TAIL_ROOM, 0);
        let place = ChunkSealer::HEAD_ROOM..ChunkSealer::HEAD_ROOM + plain.len();
        let wire = sealer.seal(&mut room, place, position + 1 == count).expect("room");
        body.extend_from_slice(&room[wire]);
    }
    let head = format!(
        "POST /.well-known/payload-message HTTP/1.1\r\nHost: edge.test\r\nContent-Type: message/payload-request\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), &body].concat()
}
