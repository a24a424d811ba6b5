//! What a proxy decides about a message before its body: the head alone, and the head with target, framing, options.
//!
//! For scale: `httparse` alone takes about 150 ns for such a request on the reference machine.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ringwall::protocol::http1::{
    FieldKind, FieldTable, HeadLimits, Method, connection_options, parse_request_head, parse_response_head,
    request_framing, request_target, response_framing,
};
use ringwall::protocol::progress::Progress;
use std::hint::black_box;

const LIMITS: HeadLimits = HeadLimits { request_line: 8192, header_bytes: 32768, header_count: 100 };

/// What curl sends.
const SMALL: &[u8] = b"GET /items/17?full=1 HTTP/1.1\r\nHost: api.example.com\r\nUser-Agent: curl/8.5.0\r\n\
    Accept: */*\r\n\r\n";

/// What a browser sends, shortened: 12 fields, about 700 bytes.
const BROWSER: &[u8] = b"GET /shop/articles/4711?colour=blue&size=m HTTP/1.1\r\nHost: www.example.com\r\n\
    Connection: keep-alive\r\nCache-Control: max-age=0\r\n\
    sec-ch-ua: \"Chromium\";v=\"128\", \"Not;A=Brand\";v=\"24\"\r\nsec-ch-ua-mobile: ?0\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0.0.0 Safari/537.36\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n\
    Sec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: navigate\r\nAccept-Encoding: gzip, deflate, br\r\n\
    Accept-Language: en-GB,en;q=0.9\r\nCookie: session=0123456789abcdef0123456789abcdef; theme=dark; basket=17\r\n\r\n";

/// What nginx sends with a file.
const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
    Content-Type: application/octet-stream\r\nContent-Length: 1024\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
    Connection: keep-alive\r\nETag: \"2ebc7b91-400\"\r\nAccept-Ranges: bytes\r\n\r\n";

fn requests(criterion: &mut Criterion) {
    for (name, message) in [("small", SMALL), ("browser", BROWSER)] {
        let mut group = criterion.benchmark_group(format!("request/{name}"));
        group.throughput(Throughput::Bytes(message.len() as u64));
        let mut fields = FieldTable::new();
        group.bench_function("head", |bencher| {
            bencher.iter(|| parse_request_head(black_box(message), 0, &LIMITS, &mut fields));
        });
        group.bench_function("decisions", |bencher| {
            bencher.iter(|| {
                let bytes = black_box(message);
                let Ok(Progress::Done { value: head, .. }) =
                    parse_request_head(bytes, 0, &LIMITS, &mut fields)
                else {
                    return None;
                };
                let target = request_target(bytes, &head, &fields).ok()?;
                let framing = request_framing(bytes, &head, &fields).ok()?;
                let options = connection_options(bytes, &fields).ok()?;
                let forwarded = fields.iter().filter(|field| options.forwards(bytes, field)).count();
                Some((target, framing, forwarded))
            });
        });
        group.finish();
    }
}

fn responses(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("response/file");
    group.throughput(Throughput::Bytes(RESPONSE.len() as u64));
    let mut fields = FieldTable::new();
    group.bench_function("decisions", |bencher| {
        bencher.iter(|| {
            let bytes = black_box(RESPONSE);
            let Ok(Progress::Done { value: head, .. }) = parse_response_head(bytes, 0, &LIMITS, &mut fields)
            else {
                return None;
            };
            let framing = response_framing(bytes, Method::Get, &head, &fields).ok()?;
            let options = connection_options(bytes, &fields).ok()?;
            Some((framing, fields.iter().filter(|field| options.forwards(bytes, field)).count()))
        });
    });
    group.finish();
}

fn field_names(criterion: &mut Criterion) {
    for name in ["Host", "Content-Length", "X-Forwarded-For", "Accept-Language"] {
        criterion.bench_function(&format!("field_kind/{name}"), |bencher| {
            bencher.iter(|| FieldKind::of(black_box(name.as_bytes())));
        });
    }
}

criterion_group!(benches, requests, responses, field_names);
criterion_main!(benches);
