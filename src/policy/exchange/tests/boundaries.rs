//! Where one exchange, connection or buffer ends and another begins.

use std::time::Duration;

use super::super::*;
use super::stage::{Stage, open_route};
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
