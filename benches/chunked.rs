//! Chunked bodies through the decoder: canonical framing, which is left as it is, against what has to be moved.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use ringwall::protocol::http1::{ChunkedDecoder, ChunkedOutput, LAST_CHUNK, chunk_line};
use std::hint::black_box;

/// 64 KiB in chunks of `size` with `extension` on every line.
fn body(size: usize, extension: &str) -> Vec<u8> {
    let mut body = Vec::new();
    for _ in 0..64 * 1024 / size {
        let line = chunk_line(size);
        body.extend_from_slice(line.as_bytes().strip_suffix(b"\r\n").unwrap_or_default());
        body.extend_from_slice(extension.as_bytes());
        body.extend_from_slice(b"\r\n");
        body.extend(std::iter::repeat_n(b'x', size));
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(LAST_CHUNK);
    body
}

fn decode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("chunked");
    group.throughput(Throughput::Bytes(64 * 1024));
    for (name, size, extension, output) in [
        ("canonical 16 KiB", 16 * 1024, "", ChunkedOutput::Framed),
        ("canonical 1 KiB", 1024, "", ChunkedOutput::Framed),
        ("canonical 64 B", 64, "", ChunkedOutput::Framed),
        ("extended 1 KiB", 1024, ";a=b", ChunkedOutput::Framed),
        ("bare 16 KiB", 16 * 1024, "", ChunkedOutput::Bare),
        ("bare 1 KiB", 1024, "", ChunkedOutput::Bare),
    ] {
        let body = body(size, extension);
        group.bench_function(name, |bencher| {
            bencher.iter_batched_ref(
                || body.clone(),
                |bytes| ChunkedDecoder::new(output).advance(black_box(bytes)),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

fn encode(criterion: &mut Criterion) {
    criterion.bench_function("chunk_line", |bencher| bencher.iter(|| chunk_line(black_box(0x4000))));
}

criterion_group!(benches, decode, encode);
criterion_main!(benches);
