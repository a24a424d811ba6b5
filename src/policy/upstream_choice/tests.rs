//! Rules of choosing: exact proportions, least load, minimal movement.

use super::*;
use crate::policy::fixed_hash::Numbers;
use crate::policy::ruleset::Server;

const UPSTREAM: UpstreamId = UpstreamId(0);

fn upstream(balance: Balance, weights: &[u32]) -> Upstream {
    let server = |(at, weight): (usize, &u32)| Server {
        weight: *weight,
        ..Server::new(format!("server-{at}.test"), 80)
    };
    Upstream { balance, ..Upstream::new("", weights.iter().enumerate().map(server).collect()) }
}

fn chooser(balance: Balance, weights: &[u32], seed: u64) -> Chooser {
    Chooser::new(&[upstream(balance, weights)], seed)
}

fn by_source() -> Balance {
    Balance::Hash(HashKey::Source)
}

/// How often each server is chosen in `turns` turns.
fn counts(chooser: &mut Chooser, turns: u64, usable: impl Fn(u16) -> bool, servers: usize) -> Vec<u64> {
    let mut counts = vec![0; servers];
    for turn in 0..turns {
        let chosen = chooser.choose(UPSTREAM, &usable, hash_key(&turn.to_le_bytes()), None).unwrap();
        counts[usize::from(chosen)] += 1;
    }
    counts
}

#[test]
fn round_robin_keeps_the_weights_exactly_in_every_cycle() {
    let mut numbers = Numbers(4);
    for _ in 0..50 {
        let weights: Vec<u32> = (0..1 + numbers.below(6)).map(|_| 1 + numbers.below(9) as u32).collect();
        let cycle = weights.iter().sum::<u32>().into();
        let mut chooser = chooser(Balance::RoundRobin, &weights, numbers.below(1000) as u64);
        for _ in 0..3 {
            let counts = counts(&mut chooser, cycle, |_| true, weights.len());
            assert_eq!(counts, weights.iter().map(|weight| u64::from(*weight)).collect::<Vec<_>>());
        }
    }
}

#[test]
fn round_robin_spreads_a_heavy_servers_turns() {
    let mut chooser = chooser(Balance::RoundRobin, &[5, 1, 1], 0);
    let turns: Vec<u16> = (0..7).map(|_| chooser.choose(UPSTREAM, |_| true, 0, None).unwrap()).collect();
    assert_eq!(turns, [0, 0, 1, 0, 2, 0, 0]);
}

#[test]
fn round_robin_divides_the_share_of_an_unusable_server_by_weight() {
    #[track_caller]
    fn check(counts: &[u64], due: [u64; 3]) {
        assert!(
            counts.iter().zip(due).all(|(count, due)| count.abs_diff(due) <= 2),
            "{counts:?}, not {due:?}"
        );
    }
    let mut chooser = chooser(Balance::RoundRobin, &[2, 3, 1], 0);
    check(&counts(&mut chooser, 4, |_| true, 3), [1, 2, 1]);
    check(&counts(&mut chooser, 300, |server| server != 1, 3), [200, 0, 100]);
    check(&counts(&mut chooser, 600, |_| true, 3), [200, 300, 100]);
}

#[test]
fn workers_begin_with_different_servers() {
    for balance in [Balance::RoundRobin, Balance::LeastRequests] {
        let first = |seed| chooser(balance.clone(), &[1, 1, 1], seed).choose(UPSTREAM, |_| true, 0, None);
        assert_eq!([first(0), first(1), first(2), first(3)], [Some(0), Some(1), Some(2), Some(0)]);
    }
}

#[test]
fn least_requests_evens_out_what_is_under_way_by_weight() {
    let mut chooser = chooser(Balance::LeastRequests, &[1, 3], 0);
    for _ in 0..40 {
        let server = chooser.choose(UPSTREAM, |_| true, 0, None).unwrap();
        chooser.begin(UPSTREAM, server);
    }
    assert_eq!([0, 1].map(|server| chooser.outstanding(UPSTREAM, server)), [10, 30]);
    for _ in 0..8 {
        chooser.finish(UPSTREAM, 0);
    }
    for _ in 0..7 {
        assert_eq!(chooser.choose(UPSTREAM, |_| true, 0, None), Some(0));
        chooser.begin(UPSTREAM, 0);
    }
}

#[test]
fn least_requests_counts_the_request_that_is_to_come() {
    // Of idle servers the heaviest; of busy ones the one that is least busy afterwards, for its weight.
    let mut idle = chooser(Balance::LeastRequests, &[1, 3], 0);
    assert_eq!(idle.choose(UPSTREAM, |_| true, 0, None), Some(1));
    let mut busy = chooser(Balance::LeastRequests, &[3, 2], 0);
    [0, 0, 0, 1, 1].into_iter().for_each(|server| busy.begin(UPSTREAM, server));
    assert_eq!(busy.choose(UPSTREAM, |_| true, 0, None), Some(0));
}

#[test]
fn least_requests_takes_turns_between_equals() {
    let mut chooser = chooser(Balance::LeastRequests, &[1, 1, 1], 0);
    assert_eq!(counts(&mut chooser, 30, |_| true, 3), [10, 10, 10]);
    assert_eq!(counts(&mut chooser, 30, |server| server != 0, 3), [0, 15, 15]);
}

#[test]
fn a_hash_spreads_keys_by_weight() {
    let mut chooser = chooser(by_source(), &[1, 2, 5], 0);
    let counts = counts(&mut chooser, 80_000, |_| true, 3);
    assert!(
        counts.iter().zip([10_000, 20_000, 50_000]).all(|(count, due)| count.abs_diff(due) < 600),
        "{counts:?}"
    );
}

#[test]
fn a_hash_moves_no_key_but_those_of_the_lost_server() {
    // Directly compared, and in clusters.
    for servers in [3_u16, 64, 65, 500] {
        let mut chooser = chooser(by_source(), &vec![1; servers.into()], 0);
        let lost = servers / 2;
        let mut moved = 0;
        for key in (0..4_000_u64).map(|key| hash_key(&key.to_le_bytes())) {
            let before = chooser.choose(UPSTREAM, |_| true, key, None).unwrap();
            let after = chooser.choose(UPSTREAM, |server| server != lost, key, None).unwrap();
            assert_ne!(after, lost);
            if before == lost {
                moved += 1;
                assert_eq!(chooser.choose(UPSTREAM, |_| true, key, Some(lost)), Some(after));
            } else {
                assert_eq!(before, after, "a key of another server moved");
            }
        }
        assert!(moved > 0 && moved < 3 * 4_000 / servers, "{moved} of 4000 keys on one of {servers} servers");
    }
}

#[test]
fn a_hash_finds_the_last_usable_server_wherever_it_is() {
    let mut chooser = chooser(by_source(), &[1; 300], 0);
    for last in [0, 7, 299] {
        assert_eq!(chooser.choose(UPSTREAM, |server| server == last, 12345, None), Some(last));
    }
}

#[test]
fn a_hash_knows_servers_by_name_not_by_place() {
    let mut forward = upstream(by_source(), &[1, 1, 1, 1]);
    // Unix sockets all have the same host and port.
    for (server, path) in forward.servers.iter_mut().zip(["/run/a.sock", "/run/b.sock"]) {
        (server.host, server.socket) = ("localhost".to_owned(), Some(path.into()));
    }
    let mut backward = forward.clone();
    backward.servers.reverse();
    let mut choosers = [forward, backward].map(|upstream| Chooser::new(&[upstream], 0));
    for key in (0..100_u64).map(|key| hash_key(&key.to_le_bytes())) {
        let chosen =
            choosers.each_mut().map(|chooser| chooser.choose(UPSTREAM, |_| true, key, None).unwrap());
        assert_eq!(chosen[0], 3 - chosen[1]);
    }
}

#[test]
fn a_server_that_joins_takes_only_its_share_of_keys() {
    let mut four = chooser(by_source(), &[1; 4], 0);
    let mut five = chooser(by_source(), &[1; 5], 0);
    for key in (0..1_000_u64).map(|key| hash_key(&key.to_le_bytes())) {
        let before = four.choose(UPSTREAM, |_| true, key, None).unwrap();
        let after = five.choose(UPSTREAM, |_| true, key, None).unwrap();
        assert!(after == 4 || after == before);
    }
}

#[test]
fn without_a_usable_server_none_is_chosen() {
    for balance in [Balance::RoundRobin, Balance::LeastRequests, by_source()] {
        let mut one = chooser(balance.clone(), &[1, 1], 0);
        assert_eq!(one.choose(UPSTREAM, |_| false, 7, None), None);
        assert_eq!(one.choose(UPSTREAM, |server| server == 1, 7, Some(1)), None);
        assert_eq!(one.choose(UPSTREAM, |_| true, 7, Some(0)), Some(1));
        assert_eq!(one.choose(UpstreamId(9), |_| true, 7, None), None);
        assert_eq!(chooser(balance, &[], 5).choose(UPSTREAM, |_| true, 7, None), None);
    }
}

#[test]
fn counting_a_request_too_many_or_of_nobody_is_harmless() {
    let mut chooser = chooser(Balance::LeastRequests, &[1], 0);
    chooser.finish(UPSTREAM, 0);
    chooser.begin(UPSTREAM, 5);
    chooser.finish(UpstreamId(9), 5);
    assert_eq!(chooser.outstanding(UPSTREAM, 0), 0);
}

#[test]
fn the_balance_key_is_the_field_or_else_the_address() {
    let header = Balance::Hash(HashKey::Header("x-user".to_owned()));
    let [one, other, mapped] = ["10.0.0.1", "10.0.0.2", "::ffff:10.0.0.1"].map(|text| text.parse().unwrap());
    assert_eq!(balance_key(&Balance::RoundRobin, one, Some(b"a")), 0);
    assert_eq!(balance_key(&header, one, Some(b"a")), balance_key(&header, other, Some(b"a")));
    assert_ne!(balance_key(&header, one, Some(b"a")), balance_key(&header, one, Some(b"b")));
    assert_eq!(balance_key(&header, one, None), balance_key(&by_source(), one, Some(b"ignored")));
    assert_ne!(balance_key(&by_source(), one, None), balance_key(&by_source(), other, None));
    assert_eq!(balance_key(&by_source(), one, None), balance_key(&by_source(), mapped, None));
}
