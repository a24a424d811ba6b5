//! What the proxy's processor pays for public keys: a session opened, from the client's bytes to the answer with its
//! ticket, and a single message opened. Beside both the key agreement alone, which is nearly all of it, and what
//! the client pays.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use ringwall::protocol::payload::aead::Aead;
use ringwall::protocol::payload::hybrid::{HpkePrivateKey, Kem, setup_receiver, setup_sender};
use ringwall::protocol::payload::ohttp_keys::GatewayKeys;
use ringwall::protocol::payload::ticket::{AppIdentity, SessionFacts, TicketKey, TicketKeys};
use ringwall::protocol::payload::{ohttp_message, session};

const RANDOM: [u8; 32] = [7; 32];
const TIME: u64 = 1_700_000_000;
const AEAD: Aead = Aead::Aes128Gcm;

/// The proxy's whole work for one session.
fn open_session(keys: &GatewayKeys, tickets: &TicketKeys, body: &mut [u8]) -> Vec<u8> {
    let opened = session::open_request(keys, body).expect("a request of ours");
    let facts = SessionFacts {
        id: [1; 16],
        secret: opened.secret(&RANDOM),
        aead: opened.aead(),
        issued: TIME,
        expires: TIME + 3600,
        start: [2; 16],
        app: opened.app.clone(),
    };
    opened.answer(&RANDOM, &tickets.seal(&facts, &[3; 12]), 3600, TIME)
}

fn openings(criterion: &mut Criterion) {
    let app = AppIdentity::new("com.example.bank", "ios", "5.4.1").expect("short texts");
    let tickets = TicketKeys::new(vec![TicketKey::new(&[4; 32])]).expect("one key");
    for (name, kem) in [("X25519", Kem::X25519), ("P-256", Kem::P256)] {
        let private = HpkePrivateKey::generate(kem, &RANDOM);
        let (enc, _, _) = setup_sender(private.public(), AEAD, b"", &[5; 32]).expect("a key that agrees");
        let mut group = criterion.benchmark_group(name);
        group.bench_function("key agreement alone", |bencher| {
            bencher.iter(|| setup_receiver(&private, AEAD, black_box(enc.as_ref()), b"").is_ok());
        });
        let keys = GatewayKeys::new(vec![(1, private)]).expect("one key");
        let config = keys.configs().remove(0);
        let ask =
            || session::request(&config, AEAD, TIME, Some(&app), &[5; 32]).expect("an offered cipher").0;
        group.bench_function("session, the client's request", |bencher| bencher.iter(ask));
        let request = ask();
        let mut body = request.clone();
        group.bench_function("session, the proxy's work", |bencher| {
            bencher.iter(|| {
                body.copy_from_slice(&request);
                open_session(&keys, &tickets, black_box(&mut body))
            });
        });
        let (message, _) =
            ohttp_message::seal_whole(&config, AEAD, &[6; 1024], &[5; 32]).expect("an offered cipher");
        let mut body = message.clone();
        group.bench_function("single message of 1 KiB opened", |bencher| {
            bencher.iter(|| {
                body.copy_from_slice(&message);
                ohttp_message::open_whole(&keys, black_box(&mut body)).is_ok()
            });
        });
        group.finish();
    }
}

criterion_group!(benches, openings);
criterion_main!(benches);
