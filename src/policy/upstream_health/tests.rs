//! Rules of health, with made-up time.

use std::time::Duration;

use super::*;
use crate::policy::ruleset::Server;

const UPSTREAM: UpstreamId = UpstreamId(0);
const START: Monotonic = Monotonic(1_000_000_000_000);

fn health() -> PassiveHealth {
    let server = Server::new("a.test", 80);
    PassiveHealth::new(&[Upstream::new("", vec![server.clone(), server])])
}

/// One whose first server has just begun its first rest.
fn resting() -> PassiveHealth {
    let mut health = health();
    for _ in 0..limits::PASSIVE_FAILURES {
        assert!(health.usable(UPSTREAM, 0, START));
        health.note_chosen(UPSTREAM, 0, START);
        health.note_failure(UPSTREAM, 0, START, 0);
    }
    health
}

fn view(probe: Probe) -> UpstreamView {
    let known = ServerView { addresses: vec!["127.0.0.1:80".parse().unwrap()], probe };
    UpstreamView { upstreams: vec![vec![known.clone(), known]] }
}

fn at(seconds: u64) -> Monotonic {
    START.after(Duration::from_secs(seconds))
}

#[test]
fn failures_in_a_row_send_a_server_to_rest_and_only_that_one() {
    let health = resting();
    assert!(!health.usable(UPSTREAM, 0, START));
    assert!(health.usable(UPSTREAM, 1, START));
}

#[test]
fn failures_with_successes_between_them_do_not() {
    let mut health = health();
    for _ in 0..100 {
        health.note_failure(UPSTREAM, 0, START, 0);
        health.note_failure(UPSTREAM, 0, START, 0);
        health.note_success(UPSTREAM, 0);
    }
    assert!(health.usable(UPSTREAM, 0, START));
}

#[test]
fn after_a_rest_one_trial_is_let_through() {
    let mut health = resting();
    assert!(!health.usable(UPSTREAM, 0, Monotonic(at(1).0 - 1)));
    assert!(health.usable(UPSTREAM, 0, at(1)));
    health.note_chosen(UPSTREAM, 0, at(1));
    assert!(!health.usable(UPSTREAM, 0, at(1)), "a second trial at the same time");
    health.note_success(UPSTREAM, 0);
    for _ in 1..limits::PASSIVE_FAILURES {
        health.note_failure(UPSTREAM, 0, at(1), 0);
        assert!(health.usable(UPSTREAM, 0, at(1)), "a restored server rests again too early");
    }
}

#[test]
fn a_trial_whose_result_never_comes_does_not_bar_the_server_for_ever() {
    let mut health = resting();
    health.note_chosen(UPSTREAM, 0, at(1));
    assert!(health.usable(UPSTREAM, 0, at(2)));
}

#[test]
fn failed_trials_double_the_rest_up_to_its_bound() {
    let mut health = resting();
    let mut now = at(1);
    for seconds in [2, 4, 8, 16, 30, 30, 30] {
        health.note_chosen(UPSTREAM, 0, now);
        health.note_failure(UPSTREAM, 0, now, 0);
        let end = now.after(Duration::from_secs(seconds));
        assert!(!health.usable(UPSTREAM, 0, Monotonic(end.0 - 1)), "shorter than {seconds} s");
        assert!(health.usable(UPSTREAM, 0, end), "longer than {seconds} s");
        now = end;
    }
}

#[test]
fn success_ends_every_rest_however_many_came_before() {
    for trials in 0..2 * u64::from(limits::PASSIVE_FAILURES) {
        let mut health = resting();
        let mut now = START;
        for _ in 0..trials {
            now = now.after(limits::PASSIVE_REST_MAX);
            health.note_chosen(UPSTREAM, 0, now);
            health.note_failure(UPSTREAM, 0, now, 0);
        }
        assert!(!health.usable(UPSTREAM, 0, now));
        health.note_success(UPSTREAM, 0);
        assert!(health.usable(UPSTREAM, 0, now), "after {trials} failed trials");
    }
}

#[test]
fn late_failures_of_older_requests_do_not_lengthen_a_rest() {
    let mut health = resting();
    for _ in 0..1000 {
        health.note_failure(UPSTREAM, 0, at(0), 0);
    }
    assert!(health.usable(UPSTREAM, 0, at(1)));
}

#[test]
fn jitter_shortens_a_rest_by_up_to_a_quarter() {
    for jitter in [0, 1, 128, 255, 256, u64::MAX] {
        let mut health = health();
        for _ in 0..limits::PASSIVE_FAILURES {
            health.note_failure(UPSTREAM, 0, START, jitter);
        }
        assert!(!health.usable(UPSTREAM, 0, START.after(Duration::from_millis(750))), "{jitter}");
        assert!(health.usable(UPSTREAM, 0, at(1)), "{jitter}");
    }
}

#[test]
fn probes_names_and_results_must_all_speak_for_a_server() {
    let working = health();
    for (probe, expected) in [(Probe::Unknown, true), (Probe::Up, true), (Probe::Down, false)] {
        assert_eq!(working.admits(&view(probe), UPSTREAM, 0, START), expected, "{probe:?}");
        assert!(!resting().admits(&view(probe), UPSTREAM, 0, START), "{probe:?}");
    }
    let mut unresolved = view(Probe::Up);
    unresolved.upstreams[0][0].addresses.clear();
    assert!(!working.admits(&unresolved, UPSTREAM, 0, START));
    assert!(!working.admits(&UpstreamView::default(), UPSTREAM, 0, START));
    assert!(!working.admits(&view(Probe::Up), UPSTREAM, 9, START));
    assert!(!working.admits(&view(Probe::Up), UpstreamId(9), 0, START));
}

#[test]
fn a_server_that_probes_call_up_gets_its_trial_early() {
    let mut health = resting();
    for now in [1, 3] {
        health.note_chosen(UPSTREAM, 0, at(now));
        health.note_failure(UPSTREAM, 0, at(now), 0);
    }
    let [just_before, then] = [Monotonic(at(4).0 - 1), at(4)];
    assert!(!health.admits(&view(Probe::Unknown), UPSTREAM, 0, then));
    assert!(!health.admits(&view(Probe::Up), UPSTREAM, 0, just_before));
    assert!(health.admits(&view(Probe::Up), UPSTREAM, 0, then));
    health.note_chosen(UPSTREAM, 0, then);
    assert!(!health.admits(&view(Probe::Up), UPSTREAM, 0, then), "a second trial at the same time");
}

#[test]
fn results_of_unknown_servers_are_ignored() {
    let mut health = health();
    health.note_failure(UPSTREAM, 9, START, 0);
    health.note_success(UpstreamId(9), 0);
    health.note_chosen(UpstreamId(9), 0, START);
    assert!(!health.usable(UPSTREAM, 9, START));
}

#[test]
fn probe_results_in_a_row_make_a_verdict() {
    #[track_caller]
    fn check(unhealthy: u32, healthy: u32, results: &str, expected: &[Probe]) {
        let check = HealthCheck { path: String::new(), interval: Duration::ZERO, unhealthy, healthy };
        let mut state = ProbeState::default();
        let verdicts: Vec<Probe> = results.bytes().map(|result| state.note(result == b'+', &check)).collect();
        assert_eq!(verdicts, expected, "{results}");
    }
    use Probe::{Down, Unknown, Up};
    check(3, 2, "++", &[Unknown, Up]);
    check(3, 2, "---", &[Unknown, Unknown, Down]);
    check(3, 2, "--+--", &[Unknown; 5]);
    check(3, 2, "++--+---", &[Unknown, Up, Up, Up, Up, Up, Up, Down]);
    check(3, 2, "---+-++", &[Unknown, Unknown, Down, Down, Down, Down, Up]);
    check(1, 1, "+-+", &[Up, Down, Up]);
}

#[test]
fn a_server_at_work_is_not_on_trial() {
    let (mut health, view) = (health(), view(Probe::Up));
    for _ in 0..3 {
        health.note_chosen(UPSTREAM, 0, START);
        assert!(health.admits(&view, UPSTREAM, 0, START));
    }
    health.note_failure(UPSTREAM, 0, START, 0);
    assert!(health.admits(&view, UPSTREAM, 0, START), "one failure is no rest");
}

#[test]
fn a_server_that_checks_call_up_is_admitted_once_its_first_rest_is_over() {
    let mut health = resting();
    for probe in [Probe::Up, Probe::Unknown] {
        assert!(!health.admits(&view(probe), UPSTREAM, 0, START));
        assert!(health.admits(&view(probe), UPSTREAM, 0, at(1)));
    }
    // Restored after several rests, it may fail again as often as a fresh one.
    health.note_chosen(UPSTREAM, 0, at(1));
    health.note_failure(UPSTREAM, 0, at(1), 0);
    health.note_success(UPSTREAM, 0);
    assert!(health.admits(&view(Probe::Up), UPSTREAM, 0, at(1)));
}

#[test]
fn a_success_forgets_single_failures_and_rests_alike() {
    for rests in [false, true] {
        let (mut health, mut now) = (health(), START);
        if rests {
            health = resting();
            now = at(60);
        }
        health.note_failure(UPSTREAM, 0, now, 0);
        health.note_success(UPSTREAM, 0);
        for _ in 1..limits::PASSIVE_FAILURES {
            health.note_failure(UPSTREAM, 0, now, 0);
        }
        assert!(health.usable(UPSTREAM, 0, now), "as if nothing had been: {rests}");
    }
}

#[test]
fn being_chosen_puts_no_healthy_server_on_trial() {
    let mut health = health();
    for _ in 0..3 {
        health.note_chosen(UPSTREAM, 0, START);
        assert!(health.usable(UPSTREAM, 0, START));
    }
    for _ in 1..limits::PASSIVE_FAILURES {
        health.note_failure(UPSTREAM, 0, START, 0);
        assert!(health.usable(UPSTREAM, 0, START));
    }
}
