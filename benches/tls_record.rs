//! One TLS record sealed and opened, beside the cipher alone in place: what framing and the copy into the record cost.
//!
//! The copy is measured twice, with the payload at the worst and at the best distance to its target within their pages:
//! some CPUs copy 25 times slower over a distance of 1 to 31 bytes. Beside both, rustls's own unbuffered connection.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ringwall::protocol::tls::{ProtocolVersion, RecordOpener, RecordSealer, Role, Suite, TrafficKeys};
use rustls::client::UnbufferedClientConnection;
use rustls::crypto::{CryptoProvider, ring as provider};
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, UnbufferedStatus};
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

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
        let (_, mut server) = rustls_ends();
        let mut out = vec![0; size + 256];
        group.bench_function("rustls unbuffered, 1.3 AES-128-GCM", |bencher| {
            bencher.iter(|| rustls_seal(&mut server, black_box(&source[..size]), &mut out));
        });
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
        let (mut client, mut server) = rustls_ends();
        let plain = vec![7; size];
        group.bench_function("rustls unbuffered, 1.3 AES-128-GCM", |bencher| {
            let next = || {
                let mut record = vec![0; size + 256];
                let length = rustls_seal(&mut server, &plain, &mut record);
                record.truncate(length);
                record
            };
            // One at a time: records are opened in the order they were sealed in.
            let open = |record: &mut Vec<u8>| rustls_open(&mut client, black_box(record));
            bencher.iter_batched_ref(next, open, BatchSize::PerIteration);
        });
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

/// Two ends whose handshake is done.
fn rustls_ends() -> (UnbufferedClientConnection, UnbufferedServerConnection) {
    let certified = rcgen::generate_simple_self_signed(["a.test".to_owned()]).expect("a certificate");
    let suite = provider::cipher_suite::TLS13_AES_128_GCM_SHA256;
    let provider = Arc::new(CryptoProvider { cipher_suites: vec![suite], ..provider::default_provider() });
    let mut roots = RootCertStore::empty();
    roots.add(certified.cert.der().clone()).expect("a root");
    let key = PrivateKeyDer::try_from(certified.signing_key.serialize_der()).expect("a key");
    let server = ServerConfig::builder_with_provider(provider.clone()).with_protocol_versions(&[&TLS13]);
    let server = server.expect("TLS 1.3").with_no_client_auth();
    let mut server = server.with_single_cert(vec![certified.cert.der().clone()], key).expect("a pair");
    // None waits in front of the records then.
    server.send_tls13_tickets = 0;
    let client = ClientConfig::builder_with_provider(provider).with_protocol_versions(&[&TLS13]);
    let client = client.expect("TLS 1.3").with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from("a.test").expect("a name");
    let mut client = UnbufferedClientConnection::new(Arc::new(client), name).expect("a client");
    let mut server = UnbufferedServerConnection::new(Arc::new(server)).expect("a server");
    let (mut to_server, mut to_client) = (Vec::new(), Vec::new());
    while client.is_handshaking() || server.is_handshaking() {
        while go_on(client.process_tls_records(&mut to_client.clone()), &mut to_client, &mut to_server) {}
        while go_on(server.process_tls_records(&mut to_server.clone()), &mut to_server, &mut to_client) {}
    }
    (client, server)
}

/// One step of a handshake. False when it waits for the other end.
fn go_on<D>(status: UnbufferedStatus<'_, '_, D>, incoming: &mut Vec<u8>, outgoing: &mut Vec<u8>) -> bool {
    let UnbufferedStatus { discard, state } = status;
    let goes_on = match state.expect("a handshake") {
        ConnectionState::EncodeTlsData(mut data) => {
            let mut room = vec![0; 16 * 1024];
            let length = data.encode(&mut room).expect("room");
            outgoing.extend_from_slice(&room[..length]);
            true
        }
        ConnectionState::TransmitTlsData(data) => {
            data.done();
            true
        }
        _ => false,
    };
    incoming.drain(..discard);
    goes_on
}

fn rustls_seal(server: &mut UnbufferedServerConnection, plain: &[u8], out: &mut [u8]) -> usize {
    match server.process_tls_records(&mut []).state {
        Ok(ConnectionState::WriteTraffic(mut traffic)) => traffic.encrypt(plain, out).expect("room"),
        _ => panic!("a handshake that is not done"),
    }
}

fn rustls_open(client: &mut UnbufferedClientConnection, record: &mut [u8]) -> usize {
    match client.process_tls_records(record).state {
        Ok(ConnectionState::ReadTraffic(mut traffic)) => {
            traffic.next_record().and_then(Result::ok).expect("a record").payload.len()
        }
        _ => panic!("no record"),
    }
}

criterion_group!(benches, seal, open);
criterion_main!(benches);
