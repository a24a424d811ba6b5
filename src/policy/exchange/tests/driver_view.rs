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
