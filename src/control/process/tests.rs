use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Mutex;
use std::sync::mpsc::RecvTimeoutError;
use std::thread;
use std::time::Duration;

use super::*;
use crate::control::fixture;
use crate::control::health_prober::{ProbeFault, Probed};
use crate::control::settings::Settings;
use crate::net::payload::fresh;
use crate::net::payload::key_file::payload_key_text;
use crate::net::resolver::Resolved;
use crate::policy::ruleset::{Server, Upstream, UpstreamId};
use crate::policy::service::ServiceId;
use crate::policy::token_rules::{IssuerId, KeySource};
use crate::protocol::payload::hybrid::Kem;
use crate::worker::core_loop::WorkerSettings;
use crate::worker::mailbox::Order;

const LONG: Duration = Duration::from_secs(10);

/// A source that gives what is next in the list.
fn source(mut answers: VecDeque<Result<Settings, &'static str>>) -> Box<dyn SettingsSource> {
    Box::new(move || match answers.pop_front().expect("no more answers") {
        Ok(settings) => Ok(Loaded { settings, warnings: Vec::new() }),
        Err(error) => Err(vec![error.to_owned()]),
    })
}

fn settings(change: impl FnOnce(&mut Settings)) -> Settings {
    let mut settings = fixture::settings();
    settings.workers.cpus = vec![0, 1];
    change(&mut settings);
    settings
}

/// Stub workers that listen, write down what they are told and end when drained.
fn obedient() -> (WorkerFn, Receiver<String>) {
    let (written, told) = channel();
    let written = Mutex::new(written);
    let run = move |settings: WorkerSettings| {
        let written = written.lock().unwrap().clone();
        (settings.ready)();
        let requests = settings.key_requests;
        while let Ok(order) = settings.inbox.orders.recv() {
            match order {
                Order::Apply(rules, _, view, _) => {
                    assert_eq!(rules.upstreams.len(), view.upstreams.len());
                    written.send(format!("rules {}", rules.generation)).unwrap();
                }
                Order::Evict(hash) => written.send(format!("evict {}", hash[0])).unwrap(),
                Order::IssuerKeys(keys) => {
                    let known = keys.sets.iter().flatten().count();
                    written.send(format!("keys of {known} issuers")).unwrap();
                    // As if a token of an unknown key came at once.
                    requests.ask(IssuerId(0));
                }
                Order::Peers(_) | Order::TokenInquiry(_) | Order::TokenReport(_) => {}
                Order::PayloadKeys(_) => written.send("keys".into()).unwrap(),
                Order::View(_) => written.send("view".into()).unwrap(),
                Order::Drain { .. } => return Ok(()),
            }
        }
        Ok(())
    };
    (Arc::new(run), told)
}

fn start(answers: Vec<Result<Settings, &'static str>>, run: WorkerFn) -> Process {
    Process::start(source(answers.into()), run).unwrap()
}

#[test]
fn it_serves_drains_and_ends() {
    let (run, _told) = obedient();
    let mut process = start(vec![Ok(settings(|_| {}))], run);
    process.until_serving().unwrap();
    let status = process.published.clone();
    process.publish_status();
    assert!(status.read().ready);
    assert_eq!(status.read().generation, 1);
    process.handle().ask(Signal::Stop);
    process.until_ended().unwrap();
    assert!(!status.read().ready);
}

#[test]
fn keys_of_payload_encryption_reach_every_worker_when_they_change() {
    let folder = std::env::temp_dir().join(format!("ringwall-process-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let key = folder.join("payload.key");
    let write = |id| {
        let text = payload_key_text(id, &fresh::payload_key(Kem::X25519).unwrap());
        std::fs::write(folder.join("new"), &*text).unwrap();
        std::fs::rename(folder.join("new"), &key).unwrap();
    };
    write(1);
    let sealed = || {
        let mut settings = fixture::sealed_settings();
        settings.payload.as_mut().unwrap().keys.keys = vec![key.clone()];
        settings
    };
    let (run, told) = obedient();
    let mut process = start(vec![Ok(sealed()), Ok(fixture::settings()), Ok(sealed())], run);
    process.until_serving().unwrap();
    write(2);
    process.on_time(clock::monotonic().after(limits::IDENTITY_LOOK)).unwrap();
    assert_eq!(told.recv_timeout(LONG).unwrap(), "keys");
    // Without [payload] the reload is refused as a whole; with it the keys are read again.
    process.on_event(Event::Signal(Signal::Reload), clock::monotonic()).unwrap();
    assert!(process.status.reload.failed);
    process.on_event(Event::Signal(Signal::Reload), clock::monotonic()).unwrap();
    assert_eq!(told.recv_timeout(LONG).unwrap(), "keys");
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_worker_that_cannot_start_ends_the_process() {
    let run = |settings: WorkerSettings| match settings.index {
        0 => {
            let is_more = |order: &Order| !matches!(order, Order::Peers(_));
            settings.inbox.orders.iter().find(is_more);
            Ok(())
        }
        _ => Err(WorkerFault::Other("no ring".into())),
    };
    let mut process = start(vec![Ok(settings(|_| {}))], Arc::new(run));
    let fault = process.until_serving().unwrap_err();
    assert_eq!(fault.to_string(), "worker 1 cannot start: no ring");
    assert_eq!(fault.exit_code(), 1);
}

#[test]
fn a_configuration_that_is_not_good_starts_nothing() {
    let run: WorkerFn = Arc::new(|_| panic!("started"));
    let fault = Process::start(source(vec![Err("line 3: no")].into()), run).err().unwrap();
    assert_eq!(fault.exit_code(), 2);
    assert!(fault.to_string().ends_with("line 3: no"));
}

#[test]
fn a_reload_reaches_every_worker_or_none() {
    let other_listener = |settings: &mut Settings| settings.ruleset.listeners[0].tls = true;
    let two_upstreams = |settings: &mut Settings| {
        settings.ruleset.upstreams.push(fixture::upstream("other", &["192.0.2.9"]));
    };
    let answers =
        vec![Ok(settings(|_| {})), Err("bad"), Ok(settings(other_listener)), Ok(settings(two_upstreams))];
    let (run, told) = obedient();
    let mut process = start(answers, run);
    process.until_serving().unwrap();
    let (status, handle) = (process.published.clone(), process.handle());
    let now = Monotonic(1);
    for _ in 0..2 {
        process.on_event(Event::Signal(Signal::Reload), now).unwrap();
        process.publish_status();
        let status = status.read();
        assert_eq!((status.reload.failed, status.generation), (true, 1));
    }
    assert_eq!(told.recv_timeout(Duration::ZERO), Err(RecvTimeoutError::Timeout));
    process.on_event(Event::Signal(Signal::Reload), now).unwrap();
    process.on_time(now).unwrap();
    process.publish_status();
    for _ in 0..2 {
        assert_eq!(told.recv_timeout(LONG).unwrap(), "rules 2");
    }
    let status = status.read();
    assert_eq!((status.reload.failed, status.generation, status.upstreams.len()), (false, 2, 2));
    handle.ask(Signal::Stop);
    process.until_ended().unwrap();
}

#[test]
fn a_reload_waits_for_new_names_but_not_for_ever() {
    let named = |settings: &mut Settings| {
        settings.ruleset.upstreams = vec![fixture::upstream("orders", &["name.invalid"])];
    };
    let (run, told) = obedient();
    let mut process = start(vec![Ok(settings(|_| {})), Ok(settings(named))], run);
    process.until_serving().unwrap();
    let now = clock::monotonic();
    process.on_event(Event::Signal(Signal::Reload), now).unwrap();
    assert_eq!(process.pending.as_ref().unwrap().until, now.after(limits::RESOLVE_WAIT));
    process.on_time(now).unwrap();
    assert!(process.pending.is_some() && told.try_recv().is_err());
    process.on_time(now.after(limits::RESOLVE_WAIT)).unwrap();
    assert!(process.pending.is_none());
    assert_eq!(told.recv_timeout(LONG).unwrap(), "rules 2");
    let name = resolver::ServerName { host: "name.invalid".into(), port: 8080 };
    let found = Resolved { name, outcome: Ok(vec![([192, 0, 2, 5], 8080).into()]) };
    process.on_event(Event::Resolved(found), now).unwrap();
    let due = process.next_deadline().unwrap();
    assert_eq!(due, now.after(limits::RESOLVE_WAIT).after(limits::VIEW_INTERVAL));
    process.on_time(due).unwrap();
    let mut rest: Vec<String> = (0..3).map(|_| told.recv_timeout(LONG).unwrap()).collect();
    rest.sort();
    assert_eq!(rest, ["rules 2", "view", "view"]);
}

#[test]
fn a_drain_ends_at_its_deadline_and_at_a_second_signal_at_once() {
    let deaf = || -> WorkerFn {
        Arc::new(|settings: WorkerSettings| {
            (settings.ready)();
            while settings.inbox.orders.recv().is_ok() {}
            Ok(())
        })
    };
    let mut process = start(vec![Ok(settings(|_| {}))], deaf());
    process.until_serving().unwrap();
    let now = clock::monotonic();
    process.on_event(Event::Signal(Signal::Stop), now).unwrap();
    process.publish_status();
    assert!(process.published.read().draining);
    process.on_event(Event::Signal(Signal::Reload), now).unwrap();
    let end = now.after(limits::TIMEOUT_DRAIN).after(limits::DRAIN_UNWIND);
    process.on_time(Monotonic(end.0 - 1)).unwrap();
    assert!(matches!(process.stage, Stage::Draining { .. }));
    process.on_time(end).unwrap();
    process.until_ended().unwrap();

    let mut process = start(vec![Ok(settings(|_| {}))], deaf());
    process.until_serving().unwrap();
    process.handle().ask(Signal::Stop);
    process.handle().ask(Signal::Stop);
    assert!(matches!(process.until_ended(), Err(RunFault::Interrupted)));
}

#[test]
fn a_worker_that_dies_later_is_started_again() {
    let lives = Mutex::new(0);
    let (run_told, told) = channel();
    let run = move |settings: WorkerSettings| {
        let life = std::mem::replace(&mut *lives.lock().unwrap(), 1);
        (settings.ready)();
        run_told.send(life).unwrap();
        let order = settings.inbox.orders.recv().unwrap();
        if life == 0 { panic!("{order:?}") } else { Ok(()) }
    };
    let one = |settings: &mut Settings| settings.workers.cpus = vec![0];
    let process = start(vec![Ok(settings(one)), Ok(settings(one))], Arc::new(run));
    let (handle, status) = (process.handle(), process.published.clone());
    let ended = thread::spawn(move || process.until_ended());
    assert_eq!(told.recv_timeout(LONG).unwrap(), 0);
    handle.ask(Signal::Reload);
    assert_eq!(told.recv_timeout(LONG).unwrap(), 1);
    handle.ask(Signal::Stop);
    ended.join().unwrap().unwrap();
    assert_eq!(status.read().workers[0].restarts, 1);
}

#[test]
fn many_changes_become_one_view() {
    let named = |settings: &mut Settings| {
        settings.workers.cpus = vec![0];
        settings.ruleset.upstreams = vec![fixture::upstream("orders", &["192.0.2.1"; 3])];
        settings.ruleset.upstreams[0].health = Some(fixture::health_check());
    };
    let (run, told) = obedient();
    let mut process = start(vec![Ok(settings(named))], run);
    process.until_serving().unwrap();
    let begin = clock::monotonic().after(limits::VIEW_INTERVAL);
    let mut fail = |server: usize, now: Monotonic| {
        for _ in 0..2 {
            let outcome = Err(ProbeFault::Status(500));
            let probed = Probed { generation: 1, upstream: 0, server, outcome };
            process.on_event(Event::Probed(probed), now).unwrap();
            process.on_time(now).unwrap();
        }
        process.next_deadline()
    };
    assert_eq!(fail(0, begin), None, "the first change is given at once");
    assert_eq!(told.recv_timeout(LONG).unwrap(), "view");
    let due = begin.after(limits::VIEW_INTERVAL);
    assert_eq!((fail(1, begin), fail(2, begin)), (Some(due), Some(due)));
    process.on_time(due).unwrap();
    assert_eq!(process.next_deadline(), None);
    let down = process.status.upstreams[0].servers.iter().filter(|server| !server.is_up()).count();
    assert_eq!(down, 3);
    process.handle().ask(Signal::Stop);
    process.until_ended().unwrap();
    assert_eq!(told.try_iter().collect::<Vec<_>>(), ["view"]);
}

#[test]
fn keys_of_issuers_are_fetched_for_every_worker_and_again_when_one_asks() {
    const KEY: &str = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    // What comes of the first keys is to be seen from here on.
    let (open, gate) = channel::<()>();
    let serving = move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            // Open for good once the other end is gone.
            let _ = gate.recv();
            let mut request = [0; 1024];
            let count = stream.read(&mut request).unwrap();
            assert!(request[..count].starts_with(b"GET /jwks HTTP/1.1\r\n"));
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{KEY}", KEY.len()).unwrap();
        }
    };
    drop(thread::Builder::new().spawn(serving).unwrap());
    let with_issuer = |settings: &mut Settings| {
        let upstream = Upstream::new("login", vec![Server::new("127.0.0.1", port)]);
        settings.ruleset.upstreams.push(upstream);
        settings.ruleset.services.push(fixture::service("[issuer.main]", UpstreamId(1), "/jwks"));
        settings.ruleset.issuers.push(fixture::issuer("main", KeySource::Service(ServiceId(0))));
    };
    let (run, told) = obedient();
    let mut process = start(vec![Ok(settings(with_issuer))], run);
    process.until_serving().unwrap();
    drop(open);
    // The fetch that is under way, or that a turn begins; then what the workers ask for.
    let until = |process: &mut Process, is_it: fn(&Event) -> bool| loop {
        process.on_time(clock::monotonic()).unwrap();
        let event = process.events.recv_timeout(LONG).unwrap();
        let is_found = is_it(&event);
        process.on_event(event, clock::monotonic()).unwrap();
        if is_found {
            break;
        }
    };
    until(&mut process, |event| matches!(event, Event::KeysFetched(_)));
    for _ in 0..2 {
        assert_eq!(told.recv_timeout(LONG).unwrap(), "keys of 1 issuers");
    }
    assert_eq!((process.status.issuers[0].keys, process.status.issuers[0].failures), (1, 0));
    let rested = process.keys.next_turn().unwrap();
    until(&mut process, |event| matches!(event, Event::KeysAsked));
    let asked = process.keys.next_turn().unwrap();
    assert!(asked < rested, "it is fetched again earlier than it would be");
    process.on_time(asked).unwrap();
    until(&mut process, |event| matches!(event, Event::KeysFetched(_)));
    for _ in 0..2 {
        assert_eq!(told.recv_timeout(LONG).unwrap(), "keys of 1 issuers");
    }
    process.handle().ask(Signal::Stop);
    process.until_ended().unwrap();
}

#[test]
fn what_is_evicted_at_the_admin_address_every_worker_forgets() {
    let with_admin = |settings: &mut Settings| settings.admin = Some(([127, 0, 0, 1], 0).into());
    let (run, told) = obedient();
    let mut process = start(vec![Ok(settings(with_admin))], run);
    let address = process.admin_address().unwrap();
    let evict = move || {
        let mut stream = TcpStream::connect(address).unwrap();
        let form = format!("token_hash={}", "07".repeat(32));
        let length = form.len();
        write!(stream, "POST /evict HTTP/1.1\r\nHost: {address}\r\nContent-Length: {length}\r\n\r\n{form}")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    process.until_serving().unwrap();
    let handle = process.handle();
    let ended = thread::Builder::new().spawn(move || process.until_ended()).unwrap();
    let answer = evict();
    assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}");
    for _ in 0..2 {
        assert_eq!(told.recv_timeout(LONG).unwrap(), "evict 7");
    }
    handle.ask(Signal::Stop);
    ended.join().unwrap().unwrap();
}

#[test]
fn a_reload_with_a_bad_key_file_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jwks.json");
    let with_file = |settings: &mut Settings| {
        settings.ruleset.issuers.push(fixture::issuer("main", KeySource::File(path.clone())));
    };
    let (run, told) = obedient();
    let mut process = start(vec![Ok(settings(|_| {})), Ok(settings(with_file))], run);
    process.until_serving().unwrap();
    process.on_event(Event::Signal(Signal::Reload), clock::monotonic()).unwrap();
    assert!(process.status.reload.failed && process.pending.is_none());
    assert!(told.try_recv().is_err());
    process.handle().ask(Signal::Stop);
    process.until_ended().unwrap();
    let (run, _told) = obedient();
    let fault = Process::start(source(vec![Ok(settings(with_file))].into()), run).err().unwrap();
    assert_eq!(fault.exit_code(), 2);
}

#[test]
fn it_is_ready_once_every_issuer_was_asked_for_keys_and_from_then_on() {
    // Takes connections and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let with_issuer = |settings: &mut Settings| {
        let upstream = Upstream::new("login", vec![Server::new("127.0.0.1", port)]);
        settings.ruleset.upstreams.push(upstream);
        settings.ruleset.services.push(fixture::service("[issuer.main]", UpstreamId(1), "/jwks"));
        settings.ruleset.issuers.push(fixture::issuer("main", KeySource::Service(ServiceId(0))));
    };
    let (run, _told) = obedient();
    let mut process = start(vec![Ok(settings(|_| {})), Ok(settings(with_issuer))], run);
    process.until_serving().unwrap();
    process.publish_status();
    assert!(process.published.read().ready, "no issuer has keys to wait for");
    // A reload takes nothing away.
    process.on_event(Event::Signal(Signal::Reload), clock::monotonic()).unwrap();
    process.on_time(clock::monotonic()).unwrap();
    process.publish_status();
    assert!(process.published.read().ready && !process.keys.were_all_tried());
    process.handle().ask(Signal::Stop);
    process.until_ended().unwrap();
    let (run, _told) = obedient();
    let mut process = start(vec![Ok(settings(with_issuer))], run);
    process.until_serving().unwrap();
    process.publish_status();
    assert!(!process.published.read().ready && process.published.read().awaits_keys);
    // Not for ever.
    process.on_time(process.status.started.after(limits::FIRST_KEYS_WAIT)).unwrap();
    process.publish_status();
    assert!(process.published.read().ready && !process.published.read().awaits_keys);
    process.handle().ask(Signal::Stop);
    process.until_ended().unwrap();
}
