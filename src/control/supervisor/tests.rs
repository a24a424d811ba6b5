use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};

use super::*;
use crate::control::fixture;
use crate::control::payload_keyring::{Moment, PayloadKeyring};
use crate::protocol::moment::UnixMicros;

const LONG: Duration = Duration::from_secs(10);
const SECOND: u64 = 1_000_000_000;

/// What a stub worker does after it said that it listens.
#[derive(Clone, Copy)]
enum Then {
    Fail,
    Panic,
    /// Waits for orders, writes them down, ends at `Drain`.
    Serve,
}

/// Stub workers that do what is next in the list, and `Serve` when it is empty.
struct Stage {
    supervisor: Supervisor,
    events: Receiver<Event>,
    orders: Receiver<(usize, String)>,
}

fn stage(cpus: &[usize], script: Vec<Then>) -> Stage {
    let (sender, events) = channel();
    let (written, orders) = channel();
    let script = Mutex::new(script.into_iter());
    let run = move |settings: WorkerSettings| {
        let then = script.lock().unwrap().next().unwrap_or(Then::Serve);
        settings.metrics.accepted.add(1);
        (settings.ready)();
        match then {
            Then::Fail => return Err(WorkerFault::Other("the stub failed".into())),
            Then::Panic => panic!("the stub panicked"),
            Then::Serve => {}
        }
        let keys = if settings.payload_keys.is_some() { " and keys" } else { "" };
        let issuers = match settings.issuer_keys.sets.len() {
            0 => String::new(),
            count => format!(" and {count} issuers"),
        };
        let started = format!("started with {}{keys}{issuers}", settings.ruleset.generation);
        written.send((settings.index, started)).unwrap();
        while let Ok(order) = settings.inbox.orders.recv() {
            let text = match &order {
                Order::Apply(rules, _, view, _) => {
                    format!("apply {} {}", rules.generation, view.upstreams.len())
                }
                Order::Evict(hash) => format!("evict {}", hash[0]),
                Order::IssuerKeys(keys) => format!("issuers {}", keys.sets.len()),
                Order::Drain { deadline } => format!("drain {}", deadline.0),
                Order::PayloadKeys(_) => "keys".to_owned(),
                Order::Peers(_) | Order::TokenInquiry(_) | Order::TokenReport(_) => continue,
                Order::View(view) => format!("view {}", view.upstreams.len()),
            };
            written.send((settings.index, text)).unwrap();
            if let Order::Drain { .. } = order {
                break;
            }
        }
        Ok(())
    };
    let workers = settings::WorkerSettings { cpus: cpus.to_vec(), busy_poll: Duration::ZERO };
    let rules = Arc::new(fixture::ruleset());
    let in_force = (rules, Arc::default(), Arc::default(), Arc::default());
    let supervisor =
        Supervisor::start(&workers, in_force, Equipment::default(), Arc::new(run), sender).unwrap();
    Stage { supervisor, events, orders }
}

impl Stage {
    /// Takes in events until `count` of them were ends, and says why they ended.
    fn ends(&mut self, count: usize, now: Monotonic) -> Vec<String> {
        let mut ends = Vec::new();
        while ends.len() < count {
            match self.events.recv_timeout(LONG).unwrap() {
                Event::WorkerEnded { index, result } => {
                    ends.push(result.as_ref().map_or_else(ToString::to_string, |()| "as asked".to_owned()));
                    self.supervisor.worker_ended(index, result, now);
                }
                Event::WorkerReady { index } => self.supervisor.worker_ready(index, now),
                event => panic!("{event:?}"),
            }
        }
        ends
    }

    fn until_all_serve(&mut self, now: Monotonic) {
        while !self.supervisor.all_serving() {
            match self.events.recv_timeout(LONG).unwrap() {
                Event::WorkerReady { index } => self.supervisor.worker_ready(index, now),
                event => panic!("{event:?}"),
            }
        }
    }

    fn orders(&self, count: usize) -> Vec<(usize, String)> {
        let mut orders: Vec<_> = (0..count).map(|_| self.orders.recv_timeout(LONG).unwrap()).collect();
        orders.sort();
        orders
    }
}

fn said(orders: &[(usize, &str)]) -> Vec<(usize, String)> {
    orders.iter().map(|(index, text)| (*index, (*text).to_owned())).collect()
}

#[test]
fn one_worker_per_entry_and_ready_when_all_are() {
    let mut stage = stage(&[4, 4, 6], vec![]);
    assert!(!stage.supervisor.all_serving());
    stage.until_all_serve(Monotonic(1));
    let cpus: Vec<usize> = stage.supervisor.seats().iter().map(|seat| seat.cpu).collect();
    assert_eq!(cpus, [4, 4, 6]);
    assert_eq!(stage.orders(3), said(&[(0, "started with 1"), (1, "started with 1"), (2, "started with 1")]));
}

#[test]
fn a_dead_worker_is_started_again_after_its_wait_and_keeps_its_counters() {
    for (then, why) in [(Then::Fail, "the stub failed"), (Then::Panic, "panicked: the stub panicked")] {
        let mut stage = stage(&[0], vec![then]);
        let died = Monotonic(5 * SECOND);
        assert_eq!(stage.ends(1, died), [why]);
        let again = died.after(limits::RESTART_FIRST);
        assert_eq!(stage.supervisor.next_start(), Some(again));
        stage.supervisor.start_due(Monotonic(again.0 - 1));
        assert_eq!(stage.supervisor.seats()[0].restarts, 0);
        stage.supervisor.start_due(again);
        stage.until_all_serve(again);
        let seat = &stage.supervisor.seats()[0];
        assert_eq!((seat.restarts, seat.metrics.accepted.get()), (1, 2));
        assert_eq!(stage.supervisor.next_start(), None);
    }
}

#[test]
fn the_wait_doubles_to_a_bound_and_is_forgiven() {
    let mut seat = Seat::new(0);
    let now = Monotonic(1_000 * SECOND);
    let waits: Vec<u128> = (0..9).map(|_| seat.wait_before_restart(now).as_millis()).collect();
    assert_eq!(waits, [100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000]);
    seat.state = SeatState::Serving { since: now };
    let soon = Monotonic(now.after(limits::RESTART_FORGIVEN).0 - 1);
    assert_eq!(seat.wait_before_restart(soon), limits::RESTART_LONGEST);
    assert_eq!(seat.wait_before_restart(now.after(limits::RESTART_FORGIVEN)), limits::RESTART_FIRST);
}

#[test]
fn new_rules_reach_every_worker_and_a_dead_one_at_its_start() {
    let mut stage = stage(&[0, 1], vec![Then::Fail]);
    assert_eq!(stage.ends(1, Monotonic(0)).len(), 1);
    let served = stage.orders(1)[0].0;
    let mut rules = fixture::ruleset();
    rules.generation = 2;
    let view = UpstreamView { upstreams: vec![Vec::new(); 3] };
    stage.supervisor.apply((Arc::new(rules), Arc::default(), Arc::new(view), Arc::default()));
    assert_eq!(stage.orders(1), said(&[(served, "apply 2 3")]));
    stage.supervisor.start_due(Monotonic(SECOND));
    assert_eq!(stage.orders(1), said(&[(1 - served, "started with 2")]));
    stage.supervisor.publish(Arc::default());
    assert_eq!(stage.orders(2), said(&[(0, "view 0"), (1, "view 0")]));
}

#[test]
fn new_keys_reach_every_worker_and_a_dead_one_at_its_start() {
    let mut stage = stage(&[0, 1], vec![Then::Fail]);
    assert_eq!(stage.ends(1, Monotonic(0)).len(), 1);
    let served = stage.orders(1)[0].0;
    let now = Moment { monotonic: Monotonic(0), unix: UnixMicros(0) };
    let ring = PayloadKeyring::start(&fixture::sealed_settings(), now).unwrap().unwrap();
    stage.supervisor.give_payload_keys(ring.keys());
    assert_eq!(stage.orders(1), said(&[(served, "keys")]));
    stage.supervisor.start_due(Monotonic(SECOND));
    assert_eq!(stage.orders(1), said(&[(1 - served, "started with 1 and keys")]));
}

#[test]
fn keys_of_issuers_reach_every_worker_and_a_dead_one_at_its_start() {
    let mut stage = stage(&[0, 1], vec![Then::Fail]);
    assert_eq!(stage.ends(1, Monotonic(0)).len(), 1);
    let served = stage.orders(1)[0].0;
    let keys = IssuerKeys { sets: vec![None; 2], ..IssuerKeys::default() };
    stage.supervisor.give_issuer_keys(Arc::new(keys));
    assert_eq!(stage.orders(1), said(&[(served, "issuers 2")]));
    stage.supervisor.start_due(Monotonic(SECOND));
    assert_eq!(stage.orders(1), said(&[(1 - served, "started with 1 and 2 issuers")]));
    stage.supervisor.evict([7; 32]);
    assert_eq!(stage.orders(2), said(&[(0, "evict 7"), (1, "evict 7")]));
}

#[test]
fn a_drain_reaches_all_and_starts_none_again() {
    let mut stage = stage(&[0, 1, 2], vec![Then::Fail]);
    assert_eq!(stage.ends(1, Monotonic(0)).len(), 1);
    assert_eq!(stage.orders(2).len(), 2);
    stage.supervisor.drain(Monotonic(77));
    assert!(!stage.supervisor.all_serving() && !stage.supervisor.all_ended());
    assert_eq!(stage.supervisor.next_start(), None);
    assert!(stage.orders(2).iter().all(|(_, text)| text == "drain 77"));
    assert_eq!(stage.ends(2, Monotonic(1)), ["as asked", "as asked"]);
    assert!(stage.supervisor.all_ended());
    stage.supervisor.start_due(Monotonic::NEVER);
    assert!(stage.supervisor.all_ended());
}
