//! Where one exchange, connection or buffer ends and another begins.

use std::time::Duration;

use super::super::*;
use super::stage::{Dial, Stage, open_route};
use crate::policy::field_template::FieldTemplate;
use crate::policy::route_table::Route;

const GET: &str = "GET /a HTTP/1.1\r\nHost: a.test\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A stage whose route adds a field with so many bytes.
fn adding(bytes: usize) -> Stage {
    let template = FieldTemplate::parse(&"x".repeat(bytes)).expect("a template");
    Stage::with(vec![Route { set_headers: vec![("x-long".to_owned(), template)], ..open_route() }])
}

/// A POST with a head of at least `head` bytes and this body.
fn post(head: usize, body: &str) -> String {
    let length = body.len();
    let filler = "y".repeat(head);
    format!(
        "POST /a HTTP/1.1\r\nHost: a.test\r\nX-Filler: {filler}\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

#[test]
fn the_last_word_of_a_connection_parted_with_changes_nothing() {
    let mut stage = Stage::new();
    stage.hold(Side::Upstream, 5).client(GET).hold(Side::Downstream, 0);
    let (storage, ..) = stage.write_in_flight(Side::Upstream);
    stage.pass(Duration::from_secs(3600));
    assert_eq!(stage.released, [false]);
    stage.step_only(Event::Written { side: Side::Upstream, storage: Some(storage), count: None });
    stage.hold(Side::Downstream, usize::MAX);
    assert!(stage.at_client().starts_with("HTTP/1.1 504 "));
    // Nothing but the request was in the memory that went away: the connection goes on.
    assert_eq!(stage.hold(Side::Upstream, usize::MAX).ending, None);
    stage.client(GET).server(OK);
    assert!(stage.at_client().starts_with("HTTP/1.1 200 OK\r\n"));
}

#[test]
fn a_connection_idles_as_long_after_a_response_as_before_the_first_request() {
    let mut stage = Stage::new();
    stage.client(GET).server(OK).pass(limits::TIMEOUT_IDLE - Duration::from_millis(1));
    assert_eq!(stage.ending, None);
    stage.at_client();
    stage.pass(Duration::from_millis(1));
    assert_eq!((stage.ending, stage.at_client().as_str()), (Some(Ending::Close), ""));
}

#[test]
fn no_answer_is_put_into_a_response_that_has_begun() {
    let broken_chunk = "zz\r\n";
    let post = "POST /a HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n";
    let begun = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc";
    for held in [false, true] {
        let mut stage = Stage::new();
        stage.client(post).hold(Side::Downstream, if held { 3 } else { usize::MAX }).server(begun);
        stage.client(broken_chunk).hold(Side::Downstream, usize::MAX);
        assert_eq!(stage.ending, Some(Ending::Cut), "held: {held}");
        assert!(!stage.at_client().contains("HTTP/1.1 400 "), "held: {held}");
    }
    // Nor behind a piece of an interim one.
    let mut stage = Stage::new();
    stage.client(post).hold(Side::Downstream, 3).server("HTTP/1.1 103 Early Hints\r\n\r\n");
    stage.client(broken_chunk);
    assert_eq!(stage.ending, Some(Ending::Cut));
    assert_eq!(stage.at_client(), "HTT");
}

#[test]
fn a_head_that_grows_beyond_its_buffer_is_moved_to_a_larger_one() {
    let body = "b".repeat(limits::BUFFER_SMALL_BYTES);
    let mut stage = adding(4096);
    stage.client(post(0, &body)).server(OK);
    assert_eq!(stage.body_at_server(), body);
    assert!(stage.at_client().starts_with("HTTP/1.1 200 OK\r\n"));
}

#[test]
fn a_response_head_that_grows_beyond_its_buffer_is_moved_to_a_larger_one() {
    let body = "b".repeat(limits::BUFFER_SMALL_BYTES);
    let response = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let long = vec![("x-long".to_owned(), "x".repeat(4096))];
    let mut stage = Stage::with(vec![Route { response_headers: long, ..open_route() }]);
    stage.client(GET).server(&response);
    assert!(stage.at_client().ends_with(&format!("\r\n\r\n{body}")));
    // Without one there is an answer all the same.
    while stage.buffers.take_large().is_some() {}
    stage.client(GET).server(&response);
    assert_eq!(stage.refusal(), (502, Refusal::ResponseTooLong.reason().to_owned()));
}

#[test]
fn a_head_that_grows_beyond_every_buffer_is_refused() {
    let body = "b".repeat(limits::BUFFER_LARGE_BYTES);
    let mut stage = adding(limits::BUFFER_LARGE_BYTES / 2);
    stage.client(post(10 * 1024, &body));
    assert_eq!(
        stage.refusal(),
        (Refusal::RewriteTooLong.status(), Refusal::RewriteTooLong.reason().to_owned())
    );
}

#[test]
fn without_a_larger_buffer_a_head_that_grows_is_refused_for_now() {
    let mut stage = adding(4096);
    while stage.buffers.take_large().is_some() {}
    stage.client(post(0, &"b".repeat(limits::BUFFER_SMALL_BYTES)));
    assert_eq!(stage.refusal(), (503, Refusal::Exhausted.reason().to_owned()));
}

#[test]
fn buffers_of_a_connection_that_is_refused_come_back() {
    let mut stage = Stage::new();
    stage.client("nonsense\r\n\r\n");
    assert_eq!(stage.ending, Some(Ending::Linger));
    assert_eq!(stage.buffers.small_free(), 2);
}

#[test]
fn a_chunked_body_may_have_all_that_is_allowed_and_not_a_byte_more() {
    for (beyond, accepted) in [(0, true), (1, false)] {
        let mut stage = Stage::with(vec![Route { body_bytes: Some(5), ..open_route() }]);
        let body = format!("{}\r\n{}\r\n0\r\n\r\n", 5 + beyond, "b".repeat(5 + beyond));
        stage.client("POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n").client(body);
        stage.server(OK);
        let status = if accepted { "HTTP/1.1 200 " } else { "HTTP/1.1 413 " };
        assert!(stage.at_client().starts_with(status), "{beyond}");
    }
}

#[test]
fn what_is_still_to_come_of_a_body_decides_how_much_is_read_at_once() {
    for (beyond, large) in [(0, 0), (1, 1)] {
        let length = limits::BULK_THRESHOLD + beyond;
        let mut stage = Stage::new();
        stage.client(format!("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: {length}\r\n\r\n"));
        assert_eq!(stage.buffers.large_in_use(), large, "request of {length}");
        let mut stage = Stage::new();
        stage.client(GET).server(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n"));
        assert_eq!(stage.buffers.large_in_use(), large, "response of {length}");
        let chunk = format!("{length:x}\r\n{}\r\n", "c".repeat(length as usize));
        let mut stage = Stage::new();
        stage.client("POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n").client(&chunk);
        assert_eq!(stage.buffers.large_in_use(), large, "chunks of {length} in a request");
        // There the framing counts as well.
        let content = length as usize - 8;
        let chunk = format!("{content:x}\r\n{}\r\n", "c".repeat(content));
        let mut stage = Stage::new();
        stage.client(GET).server("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").server(&chunk);
        assert_eq!(stage.buffers.large_in_use(), large, "chunks of {length} in a response");
    }
}

#[test]
fn a_client_is_not_read_while_what_it_sent_waits() {
    let mut stage = Stage::new();
    stage.hold(Side::Upstream, 5).client("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 9\r\n\r\nabc");
    assert!(!stage.is_reading_client());
    stage.hold(Side::Upstream, usize::MAX);
    assert!(stage.is_reading_client());
}

#[test]
fn no_time_limit_runs_while_a_connection_is_made() {
    let mut stage = Stage::new().dialing(&[Dial::Later]);
    stage.client(GET);
    assert_eq!(stage.seen().deadline(), Monotonic::NEVER);
}

#[test]
fn an_answer_that_the_client_does_not_take_is_given_up_in_time() {
    let mut stage = Stage::new();
    stage.hold(Side::Downstream, 0).client("GET  / HTTP/1.1\r\n\r\n");
    stage.pass(limits::TIMEOUT_BODY - Duration::from_millis(1));
    assert_eq!(stage.ending, None);
    stage.pass(Duration::from_millis(1));
    assert_eq!(stage.ending, Some(Ending::Cut));
}

#[test]
fn of_a_target_that_cannot_be_read_the_query_is_not_noted() {
    let mut stage = Stage::new();
    stage.client("GET nonsense?token=secret HTTP/1.1\r\nHost: a.test\r\n\r\n");
    let (outcome, texts) = &stage.outcomes[0];
    assert_eq!(outcome.path.of(texts), b"nonsense");
}
