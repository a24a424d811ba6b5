//! What a driver asks of an exchange beside its next action.

use std::time::Duration;

use super::super::*;
use super::stage::{Dial, Stage, open_route, ruleset_of};
use crate::policy::ruleset::{Balance, HashKey, Ruleset};

const GET: &str = "GET /a HTTP/1.1\r\nHost: a.test\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[track_caller]
fn check(stage: &mut Stage, idle: bool, busy: bool, sent: bool) {
    let seen = stage.seen();
    assert_eq!((seen.is_idle(), seen.is_busy(), seen.is_sent()), (idle, busy, sent), "idle, busy, sent");
}

#[test]
fn an_exchange_is_idle_until_a_byte_comes_busy_from_the_head_on_and_sent_at_its_end() {
    let mut stage = Stage::new().dialing(&[Dial::Later]);
    check(&mut stage, true, false, false);
    stage.client("GET /a HT");
    check(&mut stage, false, false, false);
    stage.client("TP/1.1\r\nHost: a.test\r\n\r\n");
    check(&mut stage, false, true, false);
    let mut stage = Stage::new();
    stage.client("POST /a HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\n\r\nab");
    check(&mut stage, false, true, false);
    stage.client("c");
    check(&mut stage, false, true, true);
    stage.server(OK);
    check(&mut stage, true, false, false);
}

#[test]
fn an_idle_read_that_was_called_back_can_be_asked_for_again() {
    let mut stage = Stage::new();
    let (storage, ..) = stage.read_in_flight(Side::Downstream);
    stage.seen().read_called_back(storage);
    check(&mut stage, true, false, false);
    assert_eq!(stage.client(GET).at_server().lines().next(), Some("GET /a HTTP/1.1"));
}

#[test]
fn the_time_of_connecting_is_noted() {
    let mut stage = Stage::new().dialing(&[Dial::Later]);
    stage.client(GET);
    let began = stage.now;
    stage.seen().note_connecting(began);
    stage.pass(Duration::from_millis(7));
    let mut response = stage.buffers.take_small();
    let _in_flight = response.lend_for_read();
    stage.step_only(Event::Connected { reused: false, response });
    let ended = stage.now;
    stage.step_only(Event::Cut);
    let (outcome, _) = stage.event(Event::DeadlinePassed).outcomes.last().expect("an outcome");
    assert_eq!(outcome.connect, Some((began, ended)));
}

#[test]
fn buffers_come_back_at_the_end() {
    let mut stage = Stage::new();
    stage.client("GET /a HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n").server(OK);
    assert_eq!(stage.ending, Some(Ending::Close));
    // That of the response went away with the connection to the server.
    assert_eq!(stage.buffers.small_free(), 1);
}

#[test]
fn a_header_that_servers_are_chosen_by_decides() {
    let mut rules = ruleset_of(vec![open_route()]);
    rules.upstreams[0].balance = Balance::Hash(HashKey::Header("x-shard".to_owned()));
    let rules: Ruleset = rules;
    let mut stage = Stage::under(Rules::new(std::sync::Arc::new(rules)));
    for shard in ["one", "two", "one"] {
        stage.client(format!("GET / HTTP/1.1\r\nHost: a.test\r\nX-Shard: {shard}\r\n\r\n")).server(OK);
    }
    let [one, two, again] = stage.keys[..] else { panic!("{:?}", stage.keys) };
    assert_eq!(one, again);
    assert_ne!(one, two);
}

#[test]
fn so_many_interim_responses_are_passed_and_not_one_more() {
    for (beyond, expected) in [(0, "HTTP/1.1 200 OK"), (1, "HTTP/1.1 103 Early Hints")] {
        let mut stage = Stage::new();
        stage.client(GET);
        for _ in 0..limits::INTERIM_RESPONSES + beyond {
            stage.server("HTTP/1.1 103 Early Hints\r\n\r\n");
        }
        stage.server(OK);
        let got = stage.at_client();
        let last = got.rsplit("HTTP/1.1 ").next().unwrap_or_default();
        let refused = got.contains("interim-flood")
            || stage.outcomes.iter().any(|(it, _)| it.reason == "interim-flood");
        assert_eq!((refused, last.starts_with("200")), (beyond > 0, beyond == 0), "{expected}: {got}");
    }
}

#[test]
fn after_an_interim_response_nothing_is_sent_again() {
    let mut stage = Stage::new().dialing(&[Dial::Reused]);
    stage.client(GET).server("HTTP/1.1 103 Early Hints\r\n\r\n").server_ends();
    assert_eq!(stage.orders.len(), 1);
    let got = stage.at_client();
    assert!(got.contains("HTTP/1.1 502 ") || stage.ending.is_some(), "{got}");
}

#[test]
fn a_client_that_ends_its_direction_is_still_answered_and_an_idle_one_is_parted_with() {
    let mut stage = Stage::new();
    stage.client_ends();
    assert_eq!(stage.ending, Some(Ending::Close));
    let mut stage = Stage::new();
    stage.hold(Side::Upstream, 5);
    stage.client(GET).client_ends();
    stage.hold(Side::Upstream, usize::MAX).server(OK);
    assert!(stage.at_client().starts_with("HTTP/1.1 200 OK\r\n"));
}

#[test]
fn a_response_that_is_all_there_and_not_taken_is_cut_as_its_framing_shows() {
    for (version, ending) in [("1.1", Ending::Cut), ("1.0", Ending::Reset)] {
        let mut stage = Stage::new();
        stage.client(format!("GET / HTTP/{version}\r\nHost: a.test\r\n\r\n")).hold(Side::Downstream, 3);
        stage.server("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
        stage.pass(Duration::from_secs(3600));
        assert_eq!(stage.ending, Some(ending), "{version}");
    }
}

#[test]
fn the_bytes_of_a_body_are_counted() {
    let mut stage = Stage::new();
    stage.client("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 7\r\n\r\nabc").client("defg").server(OK);
    assert_eq!(stage.outcomes[0].0.request_bytes, 7);
}
