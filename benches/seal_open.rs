//! Messages sealed and opened in place, beside the cipher alone over as many bytes: what chunks cost. And whole requests
//! from their first byte, beside that: what tickets and the key schedule cost.
//!
//! First a table of how much longer chunks take, of the fastest of many rounds that alternate between both: it holds on a
//! busy machine too. Chunks are as large as we make them. Plaintext lies where a connection would have read it, with room around each
//! chunk; keys are made outside the measured time, but for the whole requests.

use std::hint::black_box;
use std::ops::Range;
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BatchSize, BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use ring::aead::{AES_128_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ringwall::limits::PAYLOAD_CHUNK_SENT_BYTES as CHUNK;
use ringwall::protocol::payload::aead::{Aead, MessageKey};
use ringwall::protocol::payload::chunk_stream::{ChunkOpener, ChunkSealer, Opened};
use ringwall::protocol::payload::key_schedule::{MessageHeader, SessionSecret, request_keys};
use ringwall::protocol::payload::ticket::{AppIdentity, SessionFacts, TicketKey, TicketKeys};
use ringwall::protocol::progress::Progress;

const SIZES: [(&str, usize); 6] = [
    ("64 B", 64),
    ("1 KiB", 1024),
    ("16 KiB", 16 * 1024),
    ("64 KiB", 64 * 1024),
    ("256 KiB", 256 * 1024),
    ("1 MiB", 1024 * 1024),
];
const CIPHERS: [(&str, Aead); 2] =
    [("AES-128-GCM", Aead::Aes128Gcm), ("ChaCha20-Poly1305", Aead::ChaCha20Poly1305)];
/// From the first byte of one chunk's room to that of the next.
const PITCH: usize = ChunkSealer::HEAD_ROOM + CHUNK + ChunkSealer::TAIL_ROOM;

fn key(aead: Aead) -> MessageKey {
    MessageKey::new(aead, &[1; 32][..aead.key_len()], &[2; 12]).expect("the length is right")
}

fn bare_key(aead: Aead) -> LessSafeKey {
    let algorithm = if aead == Aead::Aes128Gcm { &AES_128_GCM } else { &CHACHA20_POLY1305 };
    LessSafeKey::new(UnboundKey::new(algorithm, &[1; 32][..aead.key_len()]).expect("the length is right"))
}

fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([2; 12])
}

/// Where the plaintexts of a message of `size` bytes lie; the last one is the final chunk's.
fn plaintexts(size: usize) -> impl Iterator<Item = (Range<usize>, bool)> {
    let last = size.saturating_sub(1) / CHUNK;
    (0..=last).map(move |number| {
        let start = number * PITCH + ChunkSealer::HEAD_ROOM;
        (start..start + CHUNK.min(size - number * CHUNK), number == last)
    })
}

fn seal_all(sealer: &mut ChunkSealer, room: &mut [u8], size: usize) -> usize {
    let mut wire = 0;
    for (plaintext, is_final) in plaintexts(size) {
        wire += sealer.seal(room, plaintext, is_final).expect("room").len();
    }
    wire
}

/// The body of a message of `size` bytes.
fn body(key: MessageKey, size: usize) -> Vec<u8> {
    let mut room = vec![7; size + (size / CHUNK + 1) * PITCH];
    let mut sealer = ChunkSealer::new(key);
    let chunk = |(plaintext, is_final)| {
        let chunk = sealer.seal(&mut room, plaintext, is_final).expect("room");
        room[chunk].to_vec()
    };
    plaintexts(size).flat_map(chunk).collect()
}

fn open_all(opener: &mut ChunkOpener, body: &mut [u8]) -> usize {
    let (mut at, mut opened) = (0, 0);
    loop {
        match opener.advance(&mut body[at..], true).expect("as it was sealed") {
            Opened::Chunk { plaintext, taken, is_final } => {
                opened += plaintext.len();
                at += taken;
                if is_final {
                    return opened;
                }
            }
            Opened::NeedMore { .. } => unreachable!("the body has ended"),
        }
    }
}

fn groups(
    criterion: &mut Criterion,
    what: &str,
    measure: fn(&mut BenchmarkGroup<'_, WallTime>, Aead, usize),
) {
    for (cipher, aead) in CIPHERS {
        for (name, size) in SIZES {
            let mut group = criterion.benchmark_group(format!("{what} {name}, {cipher}"));
            group.throughput(Throughput::Bytes(size as u64));
            group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
            measure(&mut group, aead, size);
            group.finish();
        }
    }
}

fn seal(criterion: &mut Criterion) {
    groups(criterion, "seal", |group, aead, size| {
        let mut room = vec![7; size + (size / CHUNK + 1) * PITCH];
        group.bench_function("chunks", |bencher| {
            bencher.iter_batched_ref(
                || ChunkSealer::new(key(aead)),
                |sealer| seal_all(sealer, black_box(&mut room), size),
                BatchSize::SmallInput,
            );
        });
        let bare = bare_key(aead);
        group.bench_function("alone", |bencher| {
            bencher.iter(|| {
                bare.seal_in_place_separate_tag(nonce(), Aad::empty(), black_box(&mut room[..size])).is_ok()
            });
        });
    });
}

fn open(criterion: &mut Criterion) {
    groups(criterion, "open", |group, aead, size| {
        let sealed = body(key(aead), size);
        group.bench_function("chunks", |bencher| {
            bencher.iter_batched_ref(
                || (ChunkOpener::new(key(aead), CHUNK), sealed.clone()),
                |(opener, body)| open_all(opener, black_box(body)),
                BatchSize::SmallInput,
            );
        });
        let bare = bare_key(aead);
        let mut sealed = vec![7; size];
        bare.seal_in_place_append_tag(nonce(), Aad::empty(), &mut sealed).expect("a short message");
        group.bench_function("alone", |bencher| {
            bencher.iter_batched_ref(
                || sealed.clone(),
                |body| bare.open_in_place(nonce(), Aad::empty(), black_box(body)).is_ok(),
                BatchSize::SmallInput,
            );
        });
    });
}

/// The table: at most 1.5 at 16 KiB and 1.1 from 256 KiB.
fn ratios(_: &mut Criterion) {
    println!("times that of the cipher alone       seal   open");
    for (cipher, aead) in CIPHERS {
        for (name, size) in SIZES {
            let seal = ratio(seal_time(aead, size), bare_seal_time(aead, size));
            let open = ratio(open_time(aead, size), bare_open_time(aead, size));
            println!("{name:>7}, {cipher:<24} {seal:6.2} {open:6.2}");
        }
    }
    println!();
}

/// How much longer one takes than the other, which are called in turn.
fn ratio(mut ours: impl FnMut() -> Duration, mut bare: impl FnMut() -> Duration) -> f64 {
    let (mut of_ours, mut of_bare) = (Duration::MAX, Duration::MAX);
    for _ in 0..300 {
        of_ours = of_ours.min(ours());
        of_bare = of_bare.min(bare());
    }
    of_ours.as_secs_f64() / of_bare.as_secs_f64()
}

/// Messages of `size` bytes that are measured together: enough for the clock.
fn together(size: usize) -> usize {
    (16 * 1024 / size).max(1)
}

fn seal_time(aead: Aead, size: usize) -> impl FnMut() -> Duration {
    let mut room = vec![7; size + (size / CHUNK + 1) * PITCH];
    move || {
        let mut sealers: Vec<_> = (0..together(size)).map(|_| ChunkSealer::new(key(aead))).collect();
        timed(|| {
            for sealer in &mut sealers {
                black_box(seal_all(sealer, &mut room, size));
            }
        })
    }
}

fn bare_seal_time(aead: Aead, size: usize) -> impl FnMut() -> Duration {
    let (bare, mut room) = (bare_key(aead), vec![7; size]);
    move || {
        timed(|| {
            for _ in 0..together(size) {
                let tag = bare.seal_in_place_separate_tag(nonce(), Aad::empty(), &mut room);
                assert!(black_box(tag).is_ok());
            }
        })
    }
}

fn open_time(aead: Aead, size: usize) -> impl FnMut() -> Duration {
    let sealed = body(key(aead), size);
    move || {
        let message = |_| (ChunkOpener::new(key(aead), CHUNK), sealed.clone());
        let mut messages: Vec<_> = (0..together(size)).map(message).collect();
        timed(|| {
            for (opener, body) in &mut messages {
                black_box(open_all(opener, body));
            }
        })
    }
}

fn bare_open_time(aead: Aead, size: usize) -> impl FnMut() -> Duration {
    let bare = bare_key(aead);
    let mut sealed = vec![7; size];
    bare.seal_in_place_append_tag(nonce(), Aad::empty(), &mut sealed).expect("a short message");
    move || {
        let mut messages = vec![sealed.clone(); together(size)];
        timed(|| {
            for body in &mut messages {
                assert!(black_box(bare.open_in_place(nonce(), Aad::empty(), body)).is_ok());
            }
        })
    }
}

#[expect(clippy::disallowed_methods, reason = "a bench measures time")]
fn timed(run: impl FnOnce()) -> Duration {
    let begin = Instant::now();
    run();
    begin.elapsed()
}

/// From the header's first byte to the last of the plaintext.
fn request(criterion: &mut Criterion) {
    let keys = TicketKeys::new(vec![TicketKey::new(&[1; 32])]).expect("one key");
    for (cipher, aead) in CIPHERS {
        let facts = SessionFacts {
            id: [4; 16],
            secret: SessionSecret::new(&[5; 32]),
            aead,
            issued: 1,
            expires: 2,
            start: [6; 16],
            app: AppIdentity::new("com.example.shop", "ios", "2.0.1"),
        };
        let mut sealed = Vec::new();
        assert!(MessageHeader::write(&keys.seal(&facts, &[8; 12]), 1, 2, &[3; 16], &mut sealed));
        let (_, key) = request_keys(&facts.secret, aead, &sealed);
        sealed.extend(body(key, 1024));
        criterion.bench_function(&format!("request of 1 KiB with its ticket, {cipher}"), |bencher| {
            bencher.iter_batched_ref(
                || sealed.clone(),
                |body| open_request(&keys, black_box(body)),
                BatchSize::SmallInput,
            );
        });
        criterion.bench_function(&format!("ticket alone, {cipher}"), |bencher| {
            let Ok(Progress::Done { value, .. }) = MessageHeader::parse(&sealed) else { return };
            bencher.iter(|| keys.open(black_box(value.ticket)).is_some());
        });
    }
}

fn open_request(keys: &TicketKeys, body: &mut [u8]) -> usize {
    let Ok(Progress::Done { value: header, consumed }) = MessageHeader::parse(body) else { return 0 };
    let facts = keys.open(header.ticket).expect("a ticket of ours");
    let (_prk, key) = request_keys(&facts.secret, facts.aead, header.bytes);
    open_all(&mut ChunkOpener::new(key, CHUNK), &mut body[consumed..])
}

criterion_group!(benches, ratios, seal, open, request);
criterion_main!(benches);
