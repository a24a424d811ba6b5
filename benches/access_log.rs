//! What formatting one access-log line costs the log writer, JSON and text.
//!
//! `cargo bench --bench access_log`

use std::hint::black_box;
use std::net::SocketAddr;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ringwall::config;
use ringwall::control::access_log::line::{Names, write_line};
use ringwall::control::settings::LogFormat;
use ringwall::policy::ruleset::{ListenerId, UpstreamId};
use ringwall::protocol::moment::UnixMicros;
use ringwall::protocol::span::Span;
use ringwall::telemetry::access_record::{AccessRecord, LogBatch};

const CONFIGURATION: &str = r#"
listener = [{ name = "public", address = "127.0.0.1:8443" }]
upstream.orders.servers = ["http://10.0.0.1:8080"]
route = [{ path = "/orders/*", upstream = "orders", access = "upstream" }]
"#;

fn record(batch: &mut LogBatch) -> AccessRecord {
    AccessRecord {
        time: UnixMicros(1_787_745_600_123_456),
        client: SocketAddr::from(([203, 0, 113, 7], 40_123)),
        listener: ListenerId(0),
        method: batch.note(b"GET"),
        authority: batch.note(b"api.example.com"),
        path: batch.note(b"/orders/2026/08/26/1234567890"),
        route: Some(0),
        server: Some((UpstreamId(0), 0)),
        status: 200,
        reason: "ok",
        request_bytes: 412,
        response_bytes: 1_364,
        duration_micros: 850,
        connect_micros: None,
        wait_micros: Some(702),
        retries: 0,
        trace_id: *b"0af7651916cd43dd8448eb211c80319c",
        generation: 0,
        server_name: Span::default(),
        certificate_subject: Span::default(),
        certificate_digest: Span::default(),
        detail: None,
        payload: None,
        token: None,
    }
}

fn lines(criterion: &mut Criterion) {
    let loaded = config::parse(CONFIGURATION, "bench", std::iter::empty()).expect("a good configuration");
    let mut batch = LogBatch::with_bound();
    let record = record(&mut batch);
    let mut group = criterion.benchmark_group("access_log");
    group.measurement_time(Duration::from_secs(2)).warm_up_time(Duration::from_millis(500));
    for (name, format) in [("json", LogFormat::Json), ("text", LogFormat::Text)] {
        let names = Names::new(&loaded.settings.ruleset, format);
        let mut line = Vec::with_capacity(4096);
        group.throughput(Throughput::Elements(1));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                line.clear();
                write_line(&mut line, format, 0, black_box(&record), &batch.text, Some(&names));
                black_box(line.len())
            });
        });
    }
    group.finish();
}

criterion_group!(benches, lines);
criterion_main!(benches);
