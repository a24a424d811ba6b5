//! What one exchange costs from bytes in to bytes out: parsing, routing and writing both heads, moving the bodies. One
//! thread, no sockets: the part of a request's cost that is the proxy's own.
//!
//! `cargo bench --bench exchange_memory`

#[path = "../tests/exchange_simulation/rules.rs"]
#[allow(dead_code, reason = "shared with the simulation")]
mod rules;
#[path = "../tests/exchange_simulation/warm_loop.rs"]
mod warm_loop;

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ringwall::policy::exchange::Side;
use warm_loop::WarmLoop;

/// What a load generator sends.
const SHORT: &str = "GET /1k HTTP/1.1\r\nHost: localhost:8080\r\n\r\n";
/// What a browser sends.
const BROWSER: &str = "GET /orders/42?full=1 HTTP/1.1\r\nHost: api.example.com\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\n\
    Accept: text/html,application/json\r\nAccept-Language: en\r\nAccept-Encoding: gzip, br\r\nCookie: session=0123456789\r\n\
    Authorization: Bearer 0123456789abcdef\r\nConnection: keep-alive\r\n\r\n";

fn response(length: usize) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nServer: origin\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Type: text/plain\r\n\
         Content-Length: {length}\r\nConnection: keep-alive\r\n\r\n{}",
        "x".repeat(length)
    )
}

fn exchanges(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("exchange");
    let upload = format!(
        "POST /orders HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 10240\r\n\r\n{}",
        "x".repeat(10_240)
    );
    let small = response(1024);
    for (name, request, response) in [
        ("short GET, 1 KiB", SHORT, &small),
        ("browser GET, 1 KiB", BROWSER, &small),
        ("POST 10 KiB, 1 KiB", &upload, &small),
        ("short GET, 1 MiB", SHORT, &response(1 << 20)),
    ] {
        let mut warm = WarmLoop::new();
        warm.exchange(request.as_bytes(), response.as_bytes());
        assert!(warm.arrived(Side::Downstream).starts_with(b"HTTP/1.1 200 OK\r\n"));
        group.throughput(Throughput::Bytes(response.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| warm.exchange(black_box(request.as_bytes()), black_box(response.as_bytes())));
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(2));
    targets = exchanges
}
criterion_main!(benches);
