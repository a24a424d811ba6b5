//! What sealing adds to an exchange of 1 KiB each way, without the system calls: the same request in plain and as a message
//! of a session.

#[path = "../tests/exchange_simulation/rules.rs"]
#[allow(dead_code, reason = "shared with the simulation")]
mod rules;
#[path = "../tests/exchange_simulation/sealed_message.rs"]
mod sealed_message;
#[path = "../tests/exchange_simulation/warm_loop.rs"]
mod warm_loop;

use criterion::{Criterion, criterion_group, criterion_main};
use ringwall::protocol::payload::aead::Aead;
use sealed_message::{keys, request};
use warm_loop::WarmLoop;

const CONTENT: usize = 1024;

fn exchanges(criterion: &mut Criterion) {
    let content = "c".repeat(CONTENT);
    let plain = format!(
        "POST /orders/42 HTTP/1.1\r\nHost: api.example.com\r\nAccept: */*\r\nAuthorization: Bearer 0123456789abcdef\r\n\
         Content-Length: {CONTENT}\r\n\r\n{content}"
    );
    let response = format!("HTTP/1.1 200 OK\r\nServer: s\r\nContent-Length: {CONTENT}\r\n\r\n{content}");
    let mut group = criterion.benchmark_group("exchange of 1 KiB");
    let mut warm = WarmLoop::new();
    group.bench_function("plain", |bencher| {
        bencher.iter(|| warm.exchange(plain.as_bytes(), response.as_bytes()));
    });
    for aead in Aead::ALL {
        let keys = keys();
        let message = request(&keys, aead, 1, CONTENT);
        let mut warm = WarmLoop::sealed(keys);
        group.bench_function(format!("sealed, {aead:?}"), |bencher| {
            bencher.iter(|| warm.exchange(&message, response.as_bytes()));
        });
    }
}

criterion_group!(benches, exchanges);
criterion_main!(benches);
