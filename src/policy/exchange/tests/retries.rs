//! When a request is tried again, and when it must not be.

use std::time::Duration;

use super::super::*;
use super::answers::forwarded;
use super::stage::{Dial, Stage, open_route};
use crate::policy::route_table::{Route, UpstreamHost};

const GET: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
const POST: &str = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc";
const PUT: &str = "PUT / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc";
const NO_CONTENT: &str = "HTTP/1.1 204 X\r\n\r\n";

#[test]
fn a_stale_connection_is_replaced_by_a_fresh_one_once() {
    for (request, end) in [(GET, 0), (GET, 1), (PUT, 0)] {
        let mut stage = Stage::new().dialing(&[Dial::Reused]);
        stage.client(request);
        let first = stage.at_server();
        if end == 0 {
            stage.server_ends()
        } else {
            stage.server_resets()
        };
        assert_eq!(stage.at_server(), first, "the same bytes again");
        assert_eq!(stage.orders.iter().map(|order| order.fresh).collect::<Vec<_>>(), [false, true]);
        assert_eq!(stage.released, [false]);
        stage.server_ends();
        assert_eq!(stage.refusal(), (502, "response-incomplete".to_owned()));
        assert_eq!((stage.orders.len(), stage.outcomes[0].0.retries), (2, 1));
    }
}

/// Holds that the first attempt's end is the request's.
#[track_caller]
fn check_no_retry(dial: Dial, request: &str, before_the_end: impl FnOnce(&mut Stage)) {
    let mut stage = Stage::new().dialing(&[dial]);
    stage.client(request);
    before_the_end(&mut stage);
    stage.server_ends();
    assert_eq!((stage.orders.len(), stage.reason()), (1, "response-incomplete"));
}

#[test]
fn nothing_is_tried_again_that_could_have_an_effect_twice() {
    check_no_retry(Dial::Fresh, GET, |_| {});
    check_no_retry(Dial::Reused, POST, |_| {});
    check_no_retry(Dial::Reused, "FOO / HTTP/1.1\r\nhost: a\r\n\r\n", |_| {});
    check_no_retry(Dial::Reused, GET, |stage| {
        stage.server("H");
    });
    check_no_retry(Dial::Reused, GET, |stage| {
        stage.server("HTTP/1.1 103 X\r\n\r\n");
    });
    // Part of the body is gone from the buffer.
    check_no_retry(Dial::Reused, "PUT / HTTP/1.1\r\nhost: a\r\ncontent-length: 6\r\n\r\nabc", |stage| {
        stage.client("def");
    });
    check_no_retry(
        Dial::Reused,
        "PUT / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n",
        |stage| {
            stage.client("0\r\n\r\n");
        },
    );
    // The client is watched: what it sends next stands where the request stood.
    check_no_retry(Dial::Reused, GET, |stage| {
        stage.pass(Duration::from_secs(1));
        assert!(stage.is_reading_client());
    });
}

#[test]
fn a_chunked_body_that_is_whole_in_the_buffer_can_be_repeated() {
    let mut stage = Stage::new().dialing(&[Dial::Reused]);
    stage.client(
        "PUT / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n003;x\r\nabc\r\n0\r\n\r\nGET /2 HT",
    );
    let expected = forwarded("PUT /", "") + "transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    assert_eq!(stage.at_server(), expected);
    stage.server_ends();
    assert_eq!(stage.at_server(), expected);
    stage.server(NO_CONTENT).client("TP/1.1\r\nhost: a\r\n\r\n");
    assert_eq!(stage.at_server(), forwarded("GET /2", "") + "\r\n");
}

#[test]
fn a_body_half_consumed_is_not_repeated_even_if_nothing_was_read_since() {
    let mut stage = Stage::new().dialing(&[Dial::Reused]);
    let head = "PUT / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
    stage.hold(Side::Upstream, 0).client(format!("{head}3;gone=x\r\nabc\r\n5"));
    // Both come at once: the write is done, and the server is gone.
    let (write, start, end) = stage.write_in_flight(Side::Upstream);
    let (read, ..) = stage.read_in_flight(Side::Upstream);
    stage.step_only(Event::Written { side: Side::Upstream, storage: Some(write), count: Some(end - start) });
    stage.event(Event::Read { side: Side::Upstream, storage: read, count: None });
    assert_eq!((stage.orders.len(), stage.refusal()), (1, (502, "response-incomplete".to_owned())));
}

#[test]
fn what_was_provably_not_sent_is_sent_once_more() {
    for dial in [Dial::Fresh, Dial::Reused] {
        let mut stage = Stage::new().dialing(&[dial]);
        stage.hold(Side::Upstream, 0).client(POST);
        stage.write_fails(Side::Upstream).server_resets().hold(Side::Upstream, usize::MAX);
        assert_eq!(stage.orders.len(), 2);
        assert!(stage.at_server().ends_with("\r\n\r\nabc"));
    }
}

#[test]
fn a_write_that_fails_half_way_waits_for_what_the_server_said() {
    let mut stage = Stage::new();
    stage.hold(Side::Upstream, 10).client(POST).write_fails(Side::Upstream);
    stage.server("HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n");
    assert!(stage.at_client().starts_with("HTTP/1.1 413 "));
    assert_eq!((stage.released.as_slice(), stage.ending), (&[false][..], Some(Ending::Linger)));
    let mut silent = Stage::new();
    silent.hold(Side::Upstream, 10).client(POST).write_fails(Side::Upstream).pass(Duration::from_secs(31));
    assert_eq!(silent.refusal(), (504, "response-timeout".to_owned()));
}

#[test]
fn the_end_of_a_connection_waits_for_the_write_under_way() {
    let mut stage = Stage::new().dialing(&[Dial::Reused]);
    stage.hold(Side::Upstream, 0).client(GET).server_resets();
    assert_eq!(stage.orders.len(), 1);
    stage.write_fails(Side::Upstream).hold(Side::Upstream, usize::MAX);
    assert_eq!(stage.orders.len(), 2);
    assert_eq!(stage.at_server(), forwarded("GET /", "") + "\r\n");
}

#[test]
fn bytes_that_came_before_the_request_are_no_answer_to_it() {
    let mut stage = Stage::new().dialing(&[Dial::Later]);
    stage.client(GET);
    let mut response = stage.buffers.take_small();
    let (mut storage, start, _) = response.lend_for_read();
    storage[start..start + NO_CONTENT.len()].copy_from_slice(NO_CONTENT.as_bytes());
    stage.read_before_writing(response, storage, NO_CONTENT.len());
    assert_eq!((stage.at_client().as_str(), stage.orders.len()), ("", 2));
    assert_eq!(stage.at_server(), forwarded("GET /", "") + "\r\n");
    stage.server("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    assert!(stage.at_client().starts_with("HTTP/1.1 200 "));
    // A farewell to an idle connection, found when writing to it fails.
    let mut farewell = Stage::new().dialing(&[Dial::Reused]);
    farewell
        .hold(Side::Upstream, 0)
        .client(POST)
        .write_fails(Side::Upstream)
        .hold(Side::Upstream, usize::MAX);
    farewell.server("HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n");
    assert_eq!((farewell.at_client().as_str(), farewell.orders.len()), ("", 2));
}

#[test]
fn a_server_that_cannot_be_reached_is_replaced_by_another_once() {
    let refused = Dial::Fails(ConnectFault::Refused);
    let mut stage = Stage::new().dialing(&[refused]);
    stage.client(POST);
    assert_eq!(stage.orders.iter().map(|order| order.server).collect::<Vec<_>>(), [0, 1]);
    assert!(stage.at_server().ends_with("abc"));
    for (fault, status, reason) in [
        (ConnectFault::Refused, 502, "connect-refused"),
        (ConnectFault::Unresolved, 502, "name-unresolved"),
        (ConnectFault::TimedOut, 504, "connect-timeout"),
    ] {
        let mut stage = Stage::new().dialing(&[refused, Dial::Fails(fault)]);
        stage.client(GET);
        assert_eq!((stage.refusal(), stage.orders.len()), ((status, reason.to_owned()), 2));
        assert_eq!(stage.ending, None);
    }
    // Another server would not help.
    let mut full = Stage::new().dialing(&[Dial::Fails(ConnectFault::Exhausted)]);
    full.client(GET);
    assert_eq!((full.refusal(), full.orders.len()), ((503, "exhausted".to_owned()), 1));
}

#[test]
fn a_head_made_for_one_server_goes_to_no_other() {
    let mut stage = Stage::with(vec![Route { upstream_host: UpstreamHost::Server, ..open_route() }])
        .dialing(&[Dial::Fails(ConnectFault::Refused)]);
    stage.client(GET);
    assert_eq!((stage.refusal(), stage.orders.len()), ((502, "connect-refused".to_owned()), 1));
}
