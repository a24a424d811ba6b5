//! No allocation for a sealed message: its ticket, its keys, its chunks, both ways.

use std::alloc::System;

use ringwall::protocol::payload::aead::Aead;
use ringwall::protocol::payload::chunk_stream::{ChunkOpener, ChunkSealer, Opened};
use ringwall::protocol::payload::key_schedule::{MessageHeader, SessionSecret, request_keys, response_key};
use ringwall::protocol::payload::ticket::{AppIdentity, SessionFacts, TicketKey, TicketKeys};
use ringwall::protocol::progress::Progress;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const SECRET: [u8; 32] = [5; 32];
const CHUNK: usize = 16 * 1024;

/// What the client does in its buffer: header, then `content` in chunks. Says how long the body is.
fn seal_request(aead: Aead, ticket: &[u8], content: usize, body: &mut Vec<u8>) -> usize {
    body.clear();
    assert!(MessageHeader::write(ticket, 1, 2, &[3; 16], body));
    let (_, key) = request_keys(&SessionSecret::new(&SECRET), aead, body);
    let mut end = body.len();
    // Every chunk's head takes what it needs of this; the next one begins where its tag ended.
    body.resize(body.capacity(), 7);
    let mut sealer = ChunkSealer::new(key);
    for _ in 0..content / CHUNK {
        let start = end + ChunkSealer::HEAD_ROOM;
        let chunk = sealer.seal(body, start..start + CHUNK, false).expect("room");
        assert_eq!(chunk.start, end);
        end = chunk.end;
    }
    sealer.seal(body, end + 1..end + 1 + content % CHUNK, true).expect("room").end
}

/// What the proxy does: opens `body` in place and seals `answer` bytes. Says how much it opened.
fn serve(keys: &TicketKeys, body: &mut [u8], answer: &mut [u8]) -> usize {
    let Ok(Progress::Done { value: header, consumed }) = MessageHeader::parse(body) else { return 0 };
    let Some(facts) = keys.open(header.ticket) else { return 0 };
    let (prk, key) = request_keys(&facts.secret, facts.aead, header.bytes);
    let mut opener = ChunkOpener::new(key, CHUNK);
    let (mut at, mut opened) = (consumed, 0);
    while let Ok(Opened::Chunk { plaintext, taken, is_final }) = opener.advance(&mut body[at..], true) {
        opened += plaintext.len();
        at += taken;
        if is_final {
            let mut sealer = ChunkSealer::new(response_key(&prk, facts.aead, &[9; 16]));
            let end = answer.len() - ChunkSealer::TAIL_ROOM;
            return sealer.seal(answer, 1..end, true).map_or(0, |_| opened);
        }
    }
    0
}

/// A program without the test harness, whose own thread allocates now and then: that would be counted too.
fn main() {
    let keys = TicketKeys::new(vec![TicketKey::new(&[1; 32]), TicketKey::new(&[2; 32])]).expect("two keys");
    for aead in Aead::ALL {
        let facts = SessionFacts {
            id: [4; 16],
            secret: SessionSecret::new(&SECRET),
            aead,
            issued: 1,
            expires: 2,
            start: [6; 16],
            app: AppIdentity::new("shop", "ios", "2.0"),
        };
        let ticket = keys.seal(&facts, &[8; 12]);
        let mut body = Vec::with_capacity(8 * CHUNK);
        let mut answer = vec![0; 4096];
        let region = Region::new(ALLOCATOR);
        for content in [0, 1, 1000, CHUNK, 5 * CHUNK + 77] {
            let length = seal_request(aead, &ticket, content, &mut body);
            assert_eq!(serve(&keys, &mut body[..length], &mut answer), content);
        }
        let change = region.change();
        let counts = (change.allocations, change.reallocations, change.deallocations);
        assert_eq!(counts, (0, 0, 0), "allocations, reallocations, deallocations with {aead:?}");
    }
}
