//! No allocation for a message of a session on a warm connection: counted for whole exchanges from bytes to bytes.

#[path = "exchange_simulation/rules.rs"]
#[allow(dead_code, reason = "shared with the simulation")]
mod rules;
#[path = "exchange_simulation/warm_loop.rs"]
mod warm_loop;

use std::alloc::System;
use std::sync::Arc;
use std::time::Duration;

use ringwall::policy::exchange::Side;
use ringwall::policy::payload_keys::{PayloadClock, PayloadKeys};
use ringwall::policy::payload_rules::{ApplicationRules, PayloadRules};
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
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use warm_loop::WarmLoop;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const NOW: u64 = 1_000_000;
const START: [u8; 16] = [3; 16];
const SECRET: [u8; 32] = [2; 32];
const CHUNK: usize = 16 * 1024;
const WARM_UP: usize = 3;
const COUNTED: usize = 50;

fn keys() -> PayloadKeys {
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

fn payload_rules() -> PayloadRules {
    PayloadRules {
        session_lifetime: Duration::from_secs(3600),
        window: Duration::from_secs(30),
        session_entries: 1024,
        relays: Vec::new(),
        applications: ApplicationRules::default(),
        service: None,
    }
}

/// Message `number` of a session, with so much content, as the client sends it.
fn request(keys: &PayloadKeys, aead: Aead, number: u64, content: usize) -> Vec<u8> {
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

/// Holds that after a warm-up messages with so much content, and this response, pass without a single allocation.
#[track_caller]
fn check(aead: Aead, content: usize, response: &[u8]) {
    let keys = keys();
    let number = |number: usize| request(&keys, aead, number as u64, content);
    let messages: Vec<_> = (0..WARM_UP + COUNTED).map(number).collect();
    let mut warm = WarmLoop::sealed(payload_rules(), keys);
    for message in &messages[..WARM_UP] {
        warm.exchange(message, response);
    }
    let region = Region::new(ALLOCATOR);
    for message in &messages[WARM_UP..] {
        warm.exchange(message, response);
    }
    let change = region.change();
    let counts = (change.allocations, change.reallocations, change.deallocations);
    assert_eq!(counts, (0, 0, 0), "allocations, reallocations, deallocations with {content} bytes, {aead:?}");
    assert!(warm.arrived(Side::Upstream).windows(14).any(|bytes| bytes == b" /orders/42 HT"));
    let answer = warm.arrived(Side::Downstream);
    assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n") && !answer.windows(6).any(|bytes| bytes == b"xxxxxx"));
}

/// A program without the test harness, whose own thread allocates now and then: that would be counted too.
fn main() {
    let sized = |length: usize| {
        format!("HTTP/1.1 200 OK\r\nServer: s\r\nContent-Length: {length}\r\n\r\n{}", "x".repeat(length))
    };
    let chunked = format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2800\r\n{}\r\n0\r\n\r\n",
        "x".repeat(10_240)
    );
    for aead in Aead::ALL {
        check(aead, 0, sized(1024).as_bytes());
        check(aead, 1024, sized(1024).as_bytes());
        check(aead, 10_240, chunked.as_bytes());
        check(aead, 60_000, sized(300_000).as_bytes());
        check(aead, 300_000, sized(100).as_bytes());
    }
}
