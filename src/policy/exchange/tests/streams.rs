//! Bodies under way: both directions at once, stalls, early answers, clients that leave.

use std::time::Duration;

use super::super::*;
use super::answers::forwarded;
use super::stage::Stage;

const UPLOAD: &str = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 6\r\n\r\n";
const GET: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";

#[test]
fn a_body_is_forwarded_as_it_comes_and_its_end_found() {
    let mut stage = Stage::new();
    stage.client(UPLOAD);
    assert_eq!(stage.at_server(), forwarded("POST /", "content-length: 6\r\n") + "\r\n");
    stage.client("abc");
    assert_eq!(stage.at_server(), "abc");
    stage.client("defGET /2 HTTP/1.1\r\nhost: a\r\n\r\n");
    assert_eq!(stage.at_server(), "def");
    stage.server("HTTP/1.1 204 X\r\n\r\n");
    assert_eq!(stage.at_server(), forwarded("GET /2", "") + "\r\n");
}

#[test]
fn chunks_are_forwarded_in_canonical_form_at_every_cut() {
    let body = "5;a=b\r\nhello\r\n0A\r\n0123456789\r\n0\r\nx-check: 1\r\n\r\n";
    for cut in 0..=body.len() {
        let mut stage = Stage::new();
        stage.client("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n");
        stage.client(&body[..cut]).client(&body[cut..]);
        let expected = "5\r\nhello\r\na\r\n0123456789\r\n0\r\nx-check: 1\r\n\r\n";
        assert_eq!(stage.body_at_server(), expected, "cut at {cut}");
        stage.server("HTTP/1.1 204 X\r\n\r\n");
        assert_eq!((stage.released.as_slice(), stage.ending), (&[true][..], None));
    }
}

#[test]
fn long_uploads_use_large_buffers_and_give_them_back() {
    let body = "0123456789".repeat(40_000);
    let chunk = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    for (framing, sent) in
        [("content-length: 400000", body.as_str()), ("transfer-encoding: chunked", chunk.as_str())]
    {
        let mut stage = Stage::new();
        stage.client(format!("PUT / HTTP/1.1\r\nhost: a\r\n{framing}\r\n\r\n"));
        for part in sent.as_bytes().chunks(100_000) {
            stage.client(part);
        }
        assert!(stage.body_at_server() == sent, "{framing}");
        stage.server("HTTP/1.1 204 X\r\n\r\n").client(GET);
        assert_eq!(stage.buffers.large_in_use(), 0, "{framing}");
    }
}

#[test]
fn a_server_that_takes_nothing_holds_the_client_back() {
    let mut stage = Stage::new();
    stage.hold(Side::Upstream, 0).client(UPLOAD).client("abc");
    assert!(!stage.is_reading_client());
    stage.pass(Duration::from_secs(31));
    assert_eq!(stage.refusal(), (504, "response-timeout".to_owned()));
    assert_eq!(stage.ending, Some(Ending::Linger));
}

#[test]
fn what_followed_a_request_lost_with_its_server_is_not_guessed_at() {
    let mut stage = Stage::new();
    stage.hold(Side::Upstream, 0).client(format!("{GET}{GET}")).pass(Duration::from_secs(31));
    assert_eq!(stage.refusal(), (504, "response-timeout".to_owned()));
    assert_eq!((stage.ending, stage.outcomes.len()), (Some(Ending::Linger), 1));
}

#[test]
fn a_client_that_stalls_in_its_body_is_408() {
    let mut stage = Stage::new();
    stage.client(UPLOAD).pass(Duration::from_secs(29)).client("a").pass(Duration::from_secs(29));
    assert_eq!(stage.ending, None);
    stage.pass(Duration::from_secs(1));
    assert_eq!((stage.refusal(), stage.ending), ((408, "body-timeout".to_owned()), Some(Ending::Linger)));
    assert!(!stage.outcomes[0].0.blames_server());
}

#[test]
fn a_body_that_ends_early_is_400_and_never_whole_for_the_server() {
    let mut stage = Stage::new();
    stage.client(UPLOAD).client("abc").client_ends();
    assert_eq!((stage.refusal(), stage.ending), ((400, "body-incomplete".to_owned()), Some(Ending::Close)));
    assert_eq!(stage.released, [false]);
    assert!(stage.ended_writing.is_empty());
}

#[test]
fn a_body_beyond_its_limit_is_413_also_without_a_length() {
    let mut stage = Stage::new();
    stage.client("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n");
    for _ in 0..17 {
        stage.client(format!("10000\r\n{}\r\n", "x".repeat(65_536)));
    }
    assert_eq!((stage.refusal(), stage.ending), ((413, "body-too-large".to_owned()), Some(Ending::Linger)));
    assert_eq!(stage.released, [false]);
    assert!(stage.body_at_server().len() < (1 << 20) + 1_000);
}

#[test]
fn a_fault_in_a_later_chunk_ends_both_sides() {
    let mut stage = Stage::new();
    stage
        .client("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n")
        .client("zz\r\n");
    assert_eq!(
        (stage.refusal(), stage.ending),
        ((400, "chunk-size-invalid".to_owned()), Some(Ending::Linger))
    );
    assert_eq!((stage.body_at_server().as_str(), stage.released.as_slice()), ("1\r\na\r\n", &[false][..]));
}

#[test]
fn the_last_word_of_a_server_let_go_does_not_disturb_the_answer() {
    // Both come at once: a faulty chunk, refused, and what the server said meanwhile.
    let mut stage = Stage::new();
    stage.client("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n");
    let storage = stage.read_in_flight(Side::Upstream);
    let (mut bytes, start, _) = stage.read_in_flight(Side::Downstream);
    bytes[start..start + 4].copy_from_slice(b"zz\r\n");
    stage.step_only(Event::Read { side: Side::Downstream, storage: bytes, count: Some(4) });
    stage.event(Event::Read { side: Side::Upstream, storage: storage.0, count: Some(9) });
    assert_eq!(stage.refusal(), (400, "chunk-size-invalid".to_owned()));
}

#[test]
fn expect_continue_passes_end_to_end() {
    let mut stage = Stage::new();
    let head = "POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 6\r\n\r\n";
    stage.client(head);
    assert_eq!(
        stage.at_server(),
        forwarded("POST /", "expect: 100-continue\r\ncontent-length: 6\r\n") + "\r\n"
    );
    stage.server("HTTP/1.1 100 Continue\r\n\r\n");
    assert_eq!(stage.at_client(), "HTTP/1.1 100 Continue\r\nvia: 1.1 ringwall\r\n\r\n");
    stage.client("abcdef").server("HTTP/1.1 204 X\r\n\r\n");
    assert_eq!(
        (stage.at_server().as_str(), stage.released.as_slice(), stage.ending),
        ("abcdef", &[true][..], None)
    );
    // Refused by the server: the client may or may not send the body, so the connection cannot go on.
    let mut refused = Stage::new();
    refused.client(head).server("HTTP/1.1 417 No\r\ncontent-length: 0\r\n\r\n");
    assert!(refused.at_client().contains("connection: close\r\n"));
    assert_eq!((refused.released.as_slice(), refused.ending), (&[false][..], Some(Ending::Linger)));
}

#[test]
fn an_early_answer_reaches_a_client_that_still_sends() {
    let mut stage = Stage::new();
    stage.client(UPLOAD).client("abc").server("HTTP/1.1 403 No\r\ncontent-length: 2\r\n\r\nno");
    let seen = stage.at_client();
    assert!(
        seen.starts_with("HTTP/1.1 403 No\r\n")
            && seen.contains("connection: close\r\n")
            && seen.ends_with("no")
    );
    assert_eq!((stage.released.as_slice(), stage.ending), (&[false][..], Some(Ending::Linger)));
}

#[test]
fn request_and_response_bodies_flow_at_once() {
    let mut stage = Stage::new();
    stage.client(UPLOAD).server("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n");
    stage.client("abc").server("ABC").client("def").server("DEF");
    assert!(stage.at_client().ends_with("\r\n\r\nABCDEF"));
    assert_eq!(stage.body_at_server(), "abcdef");
    // It was not known when the head was written that the request would be read to its end.
    assert_eq!((stage.released.as_slice(), stage.ending), (&[true][..], Some(Ending::Linger)));
}

#[test]
fn an_unframed_early_answer_is_whole_though_the_server_takes_no_more() {
    let mut stage = Stage::new();
    stage.client(UPLOAD).hold(Side::Upstream, 0).client("abc");
    stage.server("HTTP/1.1 200 OK\r\n\r\nbye").server_ends();
    assert!(stage.at_client().ends_with("3\r\nbye\r\n0\r\n\r\n"));
    assert_eq!((stage.reason(), stage.ending), ("ok", Some(Ending::Linger)));
}

#[test]
fn an_interim_head_written_half_way_is_not_followed_by_another() {
    let mut stage = Stage::new();
    stage.hold(Side::Downstream, 5).client(UPLOAD).server("HTTP/1.1 103 X\r\n\r\n").client_ends();
    assert_eq!((stage.at_client().as_str(), stage.ending), ("HTTP/", Some(Ending::Cut)));
}

#[test]
fn a_client_may_end_its_direction_and_still_get_its_answer() {
    let mut stage = Stage::new();
    stage.client(GET).client_ends().pass(Duration::from_secs(1));
    stage.server("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    assert!(stage.at_client().ends_with("ok"));
    assert_eq!((stage.reason(), stage.ending), ("ok", Some(Ending::Close)));
}

#[test]
fn a_client_that_goes_away_costs_the_server_nothing_more() {
    let mut stage = Stage::new();
    stage.client(GET).client_resets();
    assert_eq!(stage.ending, None);
    stage.pass(Duration::from_millis(500));
    assert_eq!((stage.ending, stage.reason()), (Some(Ending::Cut), "client-gone"));
    assert!(!stage.outcomes[0].0.blames_server());
}

#[test]
fn a_response_that_does_not_come_is_504() {
    let mut stage = Stage::new();
    stage.client(GET).pass(Duration::from_secs(29)).pass(Duration::from_millis(999));
    assert_eq!(stage.ending, None);
    stage.pass(Duration::from_millis(1));
    assert_eq!((stage.refusal(), stage.ending), ((504, "response-timeout".to_owned()), None));
    // Neither interim responses nor a head that drips buy time.
    let mut dripping = Stage::new();
    dripping.client(GET);
    for byte in "HTTP/1.1 102 X\r\n\r\nHTTP/1.1 200 OK\r\n".chars() {
        dripping.pass(Duration::from_millis(900)).server(byte.to_string());
    }
    dripping.pass(Duration::from_secs(1));
    assert_eq!(dripping.reason(), "response-timeout");
}

#[test]
fn a_response_that_stalls_is_cut_and_the_staller_named() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n";
    let mut server = Stage::new();
    server.client(GET).server(head).pass(Duration::from_secs(30));
    assert_eq!((server.ending, server.reason()), (Some(Ending::Cut), "response-stalled"));
    let mut client = Stage::new();
    client.hold(Side::Downstream, 3).client(GET).server(head).pass(Duration::from_secs(30));
    assert_eq!((client.ending, client.reason()), (Some(Ending::Cut), "client-stalled"));
    let mut sender = Stage::new();
    sender.client(UPLOAD).server(head).pass(Duration::from_secs(30));
    assert_eq!((sender.ending, sender.reason()), (Some(Ending::Cut), "client-stalled"));
    assert!(server.outcomes[0].0.blames_server() && !client.outcomes[0].0.blames_server());
}

#[test]
fn one_read_ahead_and_no_more() {
    let mut stage = Stage::new();
    stage.client(GET);
    assert!(!stage.is_reading_client(), "the request is kept for another attempt");
    stage.server("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n");
    assert!(stage.is_reading_client(), "a client that leaves is noticed");
    stage.client("GET /2 HTTP/1.1\r\nhost: a\r\n\r\n");
    assert!(!stage.is_reading_client());
    stage.server("123456789");
    assert_eq!(stage.at_server(), forwarded("GET /", "") + "\r\n" + &forwarded("GET /2", "") + "\r\n");
}
