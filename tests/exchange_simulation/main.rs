//! A seeded simulation of the exchange: clients and servers by chance, short reads and writes, stalls, resets and a
//! virtual clock, with a check of every byte that arrives anywhere.
//!
//! `SIM_SEED=7` runs that one story, `SIM_SEEDS=100000` so many, `SIM_STEPS` bounds the length of one.

mod chance;
mod client;
mod oracle;
mod pipe;
mod proxy;
mod rules;
mod server;

use chance::Chance;
use client::{Client, End};
use pipe::Link;
use proxy::{Proxy, Worker};
use server::Records;

/// Stories told by an ordinary test run.
const SEEDS: u64 = 1_500;
/// More turns than any story needs.
const STEPS: u64 = 200_000;
/// Turns in which nothing moves before time is moved.
const STILL: u32 = 40;

#[expect(clippy::disallowed_methods, reason = "the knobs of a test run, not settings of the proxy")]
fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

#[test]
fn every_story_ends_well() {
    let (first, last) = match setting("SIM_SEED") {
        Some(seed) => (seed, seed),
        None => (1, setting("SIM_SEEDS").unwrap_or(SEEDS)),
    };
    for seed in first..=last {
        let told = std::panic::catch_unwind(|| tell(seed));
        if let Err(fault) = told {
            eprintln!("SIM_SEED={seed} repeats this failure");
            std::panic::resume_unwind(fault);
        }
    }
}

#[test]
fn a_seed_is_a_whole_story() {
    for seed in 1..=20 {
        assert_eq!(tell(seed), tell(seed), "seed {seed}");
    }
}

/// Lets some clients be served one after the other; returns the trace.
fn tell(seed: u64) -> u64 {
    let mut chance = Chance::new(seed);
    let calm = chance.percent(25);
    let mut worker = Worker::new(rules::rules(None), calm);
    let mut records = Records::default();
    let clients = chance.within(1..=4);
    let mut tag = 1;
    for at in 0..clients {
        let client = Client::new(&mut chance, tag, calm);
        tag += client.requests.len();
        worker.draining = !calm && at + 1 == clients && chance.percent(10);
        serve(client, &mut worker, &mut records, &mut chance);
    }
    worker.close();
    assert_eq!(worker.buffers.large_in_use(), 0, "large buffers are lost");
    worker.trace
}

/// One client's connection from its first byte to its end.
fn serve(mut client: Client, worker: &mut Worker, records: &mut Records, chance: &mut Chance) {
    for request in &client.requests {
        records.sent.insert(request.tag, request.clone());
    }
    let mut link = Link::new(*chance.pick(&[200, 4_000, 200_000]));
    let mut proxy = Proxy::new(worker, chance);
    let hurry = chance.percent(50);
    let cut_at = (!worker.calm && chance.percent(3)).then(|| chance.within(1..=400) as u64);
    let bound = setting("SIM_STEPS").unwrap_or(STEPS);
    let mut still = 0;
    for step in 0.. {
        assert!(step < bound, "no end after {step} turns");
        if cut_at == Some(step) {
            proxy.cut(worker, &mut link, chance);
        }
        worker.now += if hurry { 1_000 } else { chance.next() % 3_000_000 };
        let mut moved = client.step(&mut link, chance, records);
        moved |= proxy.step(worker, &mut link, chance);
        let mut servers = std::mem::take(&mut worker.servers);
        for server in servers.iter_mut().rev().take(12) {
            moved |= server.step(chance, records);
        }
        worker.servers = servers;
        if client.is_over() && proxy.ending.is_some() {
            break;
        }
        still = if moved { 0 } else { still + 1 };
        if still > STILL {
            let wakes = proxy.wakes();
            if proxy.ending.is_some() && wakes == u64::MAX {
                // Nobody listens to a client any more that goes on waiting.
                link.forth.deaf = true;
                break;
            }
            assert!(wakes != u64::MAX, "nothing moves and nothing will: {:?}", (&proxy.ending, &client.end));
            worker.now = worker.now.max(wakes);
        }
    }
    judge(&client, &proxy, worker, records);
}

/// What must hold when a connection is over.
fn judge(client: &Client, proxy: &Proxy, worker: &Worker, records: &Records) {
    for (outcome, text) in &proxy.outcomes {
        let path = String::from_utf8_lossy(outcome.path.of(text)).into_owned();
        assert!(path.starts_with("/t") || outcome.refused, "an outcome without a path: {outcome:?}");
        assert!(outcome.ended >= outcome.began && outcome.retries <= 1);
    }
    let paths = proxy.outcomes.iter().map(|(outcome, text)| outcome.path.of(text).to_vec());
    for (path, request) in paths.zip(&client.requests).filter(|(_, request)| !request.malformed) {
        let asked = format!("/t/{}", request.tag);
        assert!(path.is_empty() || path == asked.as_bytes(), "{:?} logged for {asked}", client::text(&path));
    }
    assert!(client.answers <= proxy.outcomes.len(), "more answers than exchanges");
    for request in &client.requests {
        let Some(deliveries) = records.deliveries.get(&request.tag) else { continue };
        assert!(deliveries.len() <= 2, "tag {} was delivered {} times", request.tag, deliveries.len());
        if let [first, _] = &deliveries[..] {
            let given =
                proxy.upstream_bytes.iter().rev().filter(|(connection, _)| *connection == first.connection);
            let given = given.map(|(_, bytes)| *bytes).next().unwrap_or(0);
            let idempotent =
                matches!(request.message.first.as_str(), "GET" | "HEAD" | "PUT" | "DELETE" | "OPTIONS");
            assert!(idempotent && first.reused && given == 0, "tag {} was delivered twice", request.tag);
        }
    }
    if worker.calm {
        let all = client.requests.len();
        assert_eq!(client.answers, all, "answers to a patient client: {:?}", proxy.outcomes);
        let bad = proxy.outcomes.iter().find(|(outcome, _)| outcome.reason != "ok" || outcome.refused);
        assert!(bad.is_none(), "{bad:?}");
        assert!(client.end != Some(End::Reset), "a good exchange ended with a reset");
        assert!(!client.tunnel || client.has_whole_tunnel(), "a tunnel lost bytes");
    }
}
