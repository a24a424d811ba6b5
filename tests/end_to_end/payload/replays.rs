//! What was served once is not served again: on other connections, by other workers, after a reload, after a restart.

use super::sealed_client::Sealed;
use super::*;
use crate::harness::proxy::allowed_cpus;
use crate::harness::{Directory, RawClient, ScriptedServer};

const REPLAYED: &str = "urn:ringwall:payload-replayed";

/// Two workers on one CPU: they still are threads of their own, and change places at any instruction.
fn two_workers() -> String {
    let cpu = allowed_cpus()[0];
    format!("{cpu},{cpu}")
}

/// Connections of which each worker has some.
#[track_caller]
fn connections_to_both(proxy: &Proxy) -> Vec<RawClient> {
    let clients: Vec<_> = (0..24)
        .map(|_| {
            let mut client = proxy.client();
            assert_eq!(client.get(KEYS_PATH).status(), 200);
            client
        })
        .collect();
    let status = proxy.status();
    let workers = status["workers"].as_array().expect("workers");
    let open = workers.iter().map(|worker| worker["counters"]["connections_open"].as_u64().unwrap_or(0));
    let open: Vec<_> = open.collect();
    assert!(open.len() == 2 && open.iter().all(|open| *open > 0), "connections of each worker: {open:?}");
    clients
}

/// Sends one message on all connections at once: one is served, all others are told, sealed, that it was seen.
#[track_caller]
fn check_served_once(clients: &mut [RawClient], sealed: &Sealed) {
    let wire = sealed.wire();
    let (body, last) = wire.split_at(wire.len() - 1);
    for client in clients.iter_mut() {
        client.send(body);
    }
    // What completes it goes out close together: the workers judge it at the same time.
    for client in clients.iter_mut() {
        client.send(last);
    }
    let answers: Vec<_> = clients.iter_mut().map(|client| sealed.answer(&client.response())).collect();
    let served = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(served, 1, "{answers:#?}");
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        assert_eq!(answer.summary(), (true, 409, REPLAYED.to_owned()));
    }
}

#[test]
fn two_workers_serve_a_message_once() {
    let server = ScriptedServer::ok();
    let proxy = Setup::to(&server).cpus(&two_workers()).with("[payload]").start();
    let session = Key::of(&proxy).session(&proxy, None);
    let mut clients = connections_to_both(&proxy);
    const ROUNDS: u64 = 20;
    for number in 0..ROUNDS {
        check_served_once(&mut clients, &session.message(number, &GET.bytes()));
        clients.rotate_left(7);
    }
    assert_eq!(server.requests().len(), ROUNDS as usize);
}

#[test]
fn two_workers_serve_a_single_message_once() {
    let server = ScriptedServer::ok();
    let proxy = Setup::to(&server).cpus(&two_workers()).with(SHORT_WINDOW).start();
    wait_for_single_messages(&proxy, "/");
    let before = server.requests().len();
    let mut clients = connections_to_both(&proxy);
    let key = Key::of(&proxy);
    for _ in 0..3 {
        check_served_once(&mut clients, &key.chunked(&GET.dated(now())));
        check_served_once(&mut clients, &key.whole(&GET.dated(now())));
    }
    assert_eq!(server.requests().len(), before + 6);
}

/// A number is used up, whatever else is said with it, and whatever became of the message.
#[test]
fn a_number_is_used_once_even_if_its_message_fails_and_after_reloads() {
    let server = ScriptedServer::ok();
    let proxy = Setup::to(&server).cpus(&two_workers()).with("[payload]").start();
    let session = Key::of(&proxy).session(&proxy, None);
    let (served, malformed) = (session.message(0, &GET.bytes()), session.message(1, b"\x07"));
    assert_eq!(served.send(&proxy).status, 200);
    assert_eq!(malformed.send(&proxy).status, 400);
    let time = session.0.time;
    for round in 0..2 {
        for number in 0..2 {
            let anew = session.message_at(time + 1, number, &[&GET.bytes()]);
            for sealed in [&served, &malformed, &anew] {
                let summary = sealed.send(&proxy).summary();
                assert_eq!(summary, (true, 409, REPLAYED.to_owned()), "round {round}, number {number}");
            }
        }
        proxy.reload();
    }
    assert_eq!(session.message(2, &GET.bytes()).send(&proxy).status, 200, "a session outlives reloads");
    assert_eq!(server.requests().len(), 2);
}

/// Keys and ticket keys are in files, so that the process after a restart could open what was made for the one before.
#[test]
fn a_restart_forgets_no_message_and_no_session_from_before_is_taken() {
    let server = ScriptedServer::ok();
    let keys = Directory::new();
    let file = |kind: &str| {
        let path = keys.path().join(kind);
        let mut command = Command::new(env!("CARGO_BIN_EXE_ringwall"));
        output_of(command.args(["keygen", kind, "--out"]).arg(&path)).expect("a key");
        path
    };
    let (own, ticket) = (file("payload"), file("ticket"));
    let settings =
        format!("{SHORT_WINDOW}\nkeys = [\"{}\"]\nticket_keys = [\"{}\"]", text(&own), text(&ticket));
    let start = || Setup::to(&server).with(&settings).start();
    let first = start();
    wait_for_single_messages(&first, "/");
    let key = Key::of(&first);
    let session = key.session(&first, None);
    let (message, single) = (session.message(0, &GET.bytes()), key.chunked(&GET.dated(now())));
    assert_eq!((message.send(&first).status, single.send(&first).status), (200, 200));
    let before = server.requests().len();
    drop(first);
    let second = start();
    for sealed in [&message, &session.message(1, &GET.bytes())] {
        let expected = (false, 422, "urn:ringwall:payload-session-unknown".to_owned());
        assert_eq!(sealed.send(&second).summary(), expected);
    }
    let (is_sealed, status, _) = single.send(&second).summary();
    assert!(is_sealed && matches!(status, 400 | 503), "{status}: outside the window, or not sure to be new");
    let fresh = key.chunked(&GET.dated(now())).send(&second);
    assert_eq!(fresh.summary(), (true, 503, "urn:ringwall:payload-busy".to_owned()));
    assert!(fresh.field("retry-after").is_some(), "{fresh:?}");
    assert_eq!(server.requests().len(), before, "nothing of it was forwarded");
    let anew = Key::of(&second).session(&second, None);
    assert_eq!(anew.message(0, &GET.bytes()).send(&second).status, 200);
}
