//! Random and mutated TLS bytes for a minute, from several connections at once: nothing dies, nothing grows.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::proxy_for;
use crate::harness::authority::Authority;
use crate::harness::random::Random;
use crate::harness::tls_client::TlsClients;
use crate::harness::{Proxy, ScriptedServer, eventually};

const SEED: u64 = 271_828;
const FUZZING: Duration = Duration::from_secs(60);
const WARM_UP: Duration = Duration::from_secs(10);
const ATTACKERS: u64 = 4;

/// A genuine flight with some of its bytes flipped, cut, repeated or made up.
fn mutate(random: &mut Random, mut bytes: Vec<u8>) -> Vec<u8> {
    for _ in 0..1 + random.below(4) {
        let place = random.below(bytes.len().max(1));
        let end = (place + random.below(40)).min(bytes.len());
        match random.below(5) {
            0 if !bytes.is_empty() => bytes[place] ^= 1 << random.below(8),
            1 => bytes.truncate(place),
            2 => drop(bytes.drain(place.min(end)..end)),
            3 => {
                let copy = bytes[place.min(end)..end].to_vec();
                drop(bytes.splice(place.min(end)..place.min(end), copy));
            }
            _ => {
                let count = random.below(40);
                let made_up = random.bytes(count);
                drop(bytes.splice(place.min(end)..place.min(end), made_up));
            }
        }
    }
    bytes
}

/// Bytes that look like records.
fn records(random: &mut Random) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..1 + random.below(4) {
        let most = if random.one_in(8) { 20_000 } else { 200 };
        let length = random.below(most);
        let kind = 19 + random.below(6) as u8;
        bytes.extend([kind, 3, random.below(5) as u8, (length >> 8) as u8, length as u8]);
        let missing = random.below(length.min(20) + 1);
        bytes.extend(random.bytes(length - missing));
    }
    bytes
}

/// Sends what it can in pieces and takes what comes back, without waiting long for either.
fn attack(mut socket: &TcpStream, random: &mut Random, bytes: &[u8]) {
    let _may_stall = socket.set_write_timeout(Some(Duration::from_millis(200)));
    let _may_stall = socket.set_read_timeout(Some(Duration::from_millis(1 + random.below(20) as u64)));
    let piece = if random.one_in(3) { 1 + random.below(60) } else { bytes.len().max(1) };
    for bytes in bytes.chunks(piece) {
        if socket.write_all(bytes).is_err() {
            return;
        }
    }
    let mut answer = [0; 4096];
    let _anything = socket.read(&mut answer);
}

/// Ends the attacks when the test does, by failing too.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// One connection that goes wrong in one way or another.
fn misbehave(proxy: &Proxy, clients: &TlsClients, random: &mut Random) {
    if random.one_in(3) {
        // Behind a genuine handshake.
        let Ok(mut client) = clients.connect(proxy.address, "a.test") else { return };
        if random.one_in(2) {
            let _answer = client.get("a.test", "/genuine");
        }
        let request = client.records_of(b"GET /mutated HTTP/1.1\r\nHost: a.test\r\n\r\n");
        let bytes = if random.one_in(2) { mutate(random, request) } else { records(random) };
        return attack(client.socket(), random, &bytes);
    }
    let Ok(socket) = TcpStream::connect(proxy.address) else { return };
    let bytes = match random.below(4) {
        0 => {
            let count = random.below(3_000);
            random.bytes(count)
        }
        1 => records(random),
        _ => mutate(random, clients.first_flight("a.test")),
    };
    attack(&socket, random, &bytes);
}

#[test]
#[ignore = "takes a minute"]
fn sixty_seconds_of_garbage_leave_the_proxy_as_it_was() {
    println!("seed {SEED}");
    // One request per connection: an idle one would outlast the patience of its script.
    let server =
        ScriptedServer::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
    let vouching = Authority::new("clients");
    let settings = "client_auth = \"optional\"\nclient_ca = \"clients.pem\"";
    let (setup, authority) = proxy_for(&server, settings);
    let limits = "[timeouts]\nhandshake = \"500ms\"\nheader = \"1s\"\nidle = \"2s\"";
    let mut proxy = setup.with(limits).file("clients.pem", &vouching.certificate).start();
    let (over, attacks, genuine) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    let began = Instant::now();
    let mut early = 0;
    let mut late = 0;
    std::thread::scope(|scope| {
        let _ends = Ends(&over);
        for number in 0..ATTACKERS {
            let own = (number % 2 == 0).then(|| vouching.client("alice.test"));
            let clients = TlsClients::trusting(&authority, own.as_ref());
            let (proxy, over, attacks) = (&proxy, &over, &attacks);
            scope.spawn(move || {
                let mut random = Random(SEED + number);
                while !over.load(Ordering::Relaxed) {
                    misbehave(proxy, &clients, &mut random);
                    attacks.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let clients = TlsClients::trusting(&authority, None);
        while began.elapsed() < FUZZING {
            let mut client = clients.connect(proxy.address, "a.test").expect("a genuine handshake");
            for _ in 0..3 {
                assert_eq!(client.get("a.test", "/genuine").expect("an answer"), (200, "ok".into()));
            }
            genuine.fetch_add(1, Ordering::Relaxed);
            if early == 0 && began.elapsed() >= WARM_UP {
                early = proxy.anonymous_bytes();
            }
            std::thread::park_timeout(Duration::from_millis(5));
        }
        late = proxy.anonymous_bytes();
    });
    let (attacks, genuine) = (attacks.into_inner(), genuine.into_inner());
    println!(
        "{attacks} attacks, {genuine} genuine connections, {early} bytes after {WARM_UP:?}, {late} at the end"
    );
    assert!(proxy.is_alive(), "{}", proxy.stderr());
    assert_eq!(proxy.metric("ringwall_panics_total", ""), 0.0, "{}", proxy.stderr());
    for worker in proxy.status()["workers"].as_array().expect("workers") {
        assert_eq!(worker["restarts"], 0, "{worker}");
    }
    assert!(attacks > 100 && genuine > 100, "too little happened: {attacks} {genuine}");
    assert!(late as f64 <= early as f64 * 1.3, "memory grew from {early} to {late}");
    // Whole records pass, and nothing but what was sealed into them.
    assert!(server.requests().iter().all(|request| ["/genuine", "/mutated"].contains(&request.target())));
    eventually("no connection", || (proxy.metric("ringwall_connections_open", "") == 0.0).then_some(()));
}
