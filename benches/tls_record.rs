//! One TLS record sealed and opened, beside the cipher alone in place: what framing and the copy into the record cost.
//!
//! The copy is measured twice, with the payload at the worst and at the best distance to its target within their pages:
//! some CPUs copy 25 times slower over a distance of 1 to 31 bytes.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ringwall::protocol::tls::{ProtocolVersion, RecordOpener, RecordSealer, Role, Suite, TrafficKeys};

const PAGE: usize = 4096;
const SIZES: [(&str, usize); 2] = [("1 KiB", 1024), ("16 KiB", 16 * 1024)];
const SUITES: [(&str, ProtocolVersion, Suite); 3] = [
    ("1.3 AES-128-GCM", ProtocolVersion::Tls13, Suite::Aes128Gcm),
    ("1.2 AES-128-GCM", ProtocolVersion::Tls12, Suite::Aes128Gcm),
    ("1.3 ChaCha20-Poly1305", ProtocolVersion::Tls13, Suite::Chacha20Poly1305),
];

fn keys(version: ProtocolVersion, suite: Suite) -> TrafficKeys {
    let length = if suite == Suite::Aes128Gcm { 16 } else { 32 };
    let keys = TrafficKeys::new(version, suite, &vec![1; length], &[2; 12], 0);
    keys.expect("the lengths are those of the suite")
}

/// How far into `bytes` its first page begins.
fn page_start(bytes: &[u8]) -> usize {
    bytes.as_ptr().align_offset(PAGE)
}

fn seal(criterion: &mut Criterion) {
    for (size_name, size) in SIZES {
        let mut group = criterion.benchmark_group(format!("seal {size_name}"));
        group.throughput(Throughput::Bytes(size as u64));
        let source = vec![7_u8; 2 * PAGE + size];
        for (name, version, suite) in SUITES {
            for (place, distance) in [("5 bytes off", 0), ("64 bytes off", PAGE - 64 + 5)] {
                let mut out: Vec<u8> = Vec::with_capacity(2 * PAGE + 2 * size);
                out.resize(out.as_ptr().align_offset(PAGE), 0);
                let start = page_start(&source) + distance;
                let plain = &source[start..start + size];
                let mut sealer = RecordSealer::new(keys(version, suite));
                let begin = out.len();
                group.bench_function(format!("{name}, {place}"), |bencher| {
                    bencher.iter(|| {
                        if sealer.needs_key_update() {
                            sealer = RecordSealer::new(keys(version, suite));
                        }
                        out.truncate(begin);
                        sealer.seal(black_box(plain), size, &mut out)
                    });
                });
            }
        }
        let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &[1; 16]).expect("16 bytes"));
        let mut payload = vec![7_u8; PAGE + size];
        let start = page_start(&payload);
        let payload = &mut payload[start..start + size];
        group.bench_function("AES-128-GCM alone", |bencher| {
            bencher.iter(|| {
                let nonce = Nonce::assume_unique_for_key([3; 12]);
                key.seal_in_place_separate_tag(nonce, Aad::from([0; 5]), black_box(&mut *payload))
            });
        });
        group.finish();
    }
}

/// Every record is opened by a fresh opener, whose making is not measured.
fn open(criterion: &mut Criterion) {
    for (size_name, size) in SIZES {
        let mut group = criterion.benchmark_group(format!("open {size_name}"));
        group.throughput(Throughput::Bytes(size as u64));
        for (name, version, suite) in SUITES {
            let mut record = Vec::new();
            let sealed = RecordSealer::new(keys(version, suite)).seal(&vec![7; size], size, &mut record);
            sealed.expect("fresh keys");
            group.bench_function(name, |bencher| {
                bencher.iter_batched_ref(
                    || (RecordOpener::new(keys(version, suite), Role::Server), record.clone()),
                    |(opener, record)| opener.open(black_box(record)).is_ok(),
                    BatchSize::SmallInput,
                );
            });
        }
        let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &[1; 16]).expect("16 bytes"));
        let mut sealed = vec![7_u8; size];
        let nonce = || Nonce::assume_unique_for_key([3; 12]);
        key.seal_in_place_append_tag(nonce(), Aad::from([0; 5]), &mut sealed).expect("a short payload");
        group.bench_function("AES-128-GCM alone", |bencher| {
            bencher.iter_batched_ref(
                || sealed.clone(),
                |sealed| key.open_in_place(nonce(), Aad::from([0; 5]), black_box(sealed)).is_ok(),
                BatchSize::SmallInput,
            );
        });
        group.finish();
    }
}

criterion_group!(benches, seal, open);
criterion_main!(benches);
