//! Sealed requests: what the server gets and the client opens, in what order a message is checked, and that nothing of a
//! message that does not open whole ever completes a request.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use super::super::*;
use super::stage::{Stage, Vault, open_route, ruleset_of};
use crate::limits;
use crate::policy::payload_keys::{PayloadClock, PayloadKeys};
use crate::policy::payload_rules::{PayloadMode, PayloadRules};
use crate::policy::route_table::Route;
use crate::policy::ruleset::Ruleset;
use crate::protocol::payload::aead::{Aead, TAG_LEN};
use crate::protocol::payload::binary_http::{
    FieldList, Framing, MessageLimits, Part, RequestControl, ResponseDecoder, push_content_head,
    push_request_head,
};
use crate::protocol::payload::chunk_stream::{ChunkOpener, ChunkSealer, Opened};
use crate::protocol::payload::hybrid::{HpkePrivateKey, Kem};
use crate::protocol::payload::key_schedule::{
    MessageHeader, RequestPrk, SessionSecret, request_keys, response_key,
};
use crate::protocol::payload::ohttp_keys::{GatewayKeys, parse_key_list};
use crate::protocol::payload::ohttp_message;
use crate::protocol::payload::session;
use crate::protocol::payload::ticket::{AppIdentity, SessionFacts, TicketKey, TicketKeys};
use crate::protocol::progress::Progress;

pub(super) const NOW: u64 = 1_000_000;
const START: [u8; 16] = [3; 16];

/// An app with a session.
pub(super) struct App {
    facts: SessionFacts,
    ticket: Vec<u8>,
    /// Of the message sealed last.
    prk: Option<RequestPrk>,
}

/// A response as the app sees it.
#[derive(Debug, PartialEq)]
pub(super) struct Received {
    pub(super) status: u16,
    fields: Vec<(String, String)>,
    pub(super) content: String,
    pub(super) trailers: Vec<(String, String)>,
}

impl App {
    fn new(aead: Aead) -> Self {
        Self::named(aead, None)
    }

    /// One that says in its session what it is.
    pub(super) fn named(aead: Aead, app: Option<AppIdentity>) -> Self {
        let facts = SessionFacts {
            id: [1; 16],
            secret: SessionSecret::new(&[2; 32]),
            aead,
            issued: NOW,
            expires: NOW + 3600,
            start: START,
            app,
        };
        let ticket = keys().tickets.seal(&facts, &[4; 12]);
        Self { facts, ticket, prk: None }
    }

    /// A whole message on the wire, its plaintext in chunks of these lengths and the rest in the final one.
    pub(super) fn seal_at(&mut self, n: u64, t: u64, plaintext: &[u8], chunks: &[usize]) -> Vec<u8> {
        let mut body = Vec::new();
        assert!(MessageHeader::write(&self.ticket, n, t, &[n as u8; 16], &mut body));
        let (prk, key) = request_keys(&self.facts.secret, self.facts.aead, &body);
        self.prk = Some(prk);
        let mut sealer = ChunkSealer::new(key);
        let mut rest = plaintext;
        for length in chunks.iter().copied().map(Some).chain([None]) {
            let (now, later) = rest.split_at(length.unwrap_or(rest.len()));
            let mut room = vec![0; ChunkSealer::HEAD_ROOM];
            room.extend_from_slice(now);
            room.extend_from_slice(&[0; TAG_LEN]);
            let plain = ChunkSealer::HEAD_ROOM..ChunkSealer::HEAD_ROOM + now.len();
            let wire = sealer.seal(&mut room, plain, length.is_none()).unwrap();
            body.extend_from_slice(&room[wire]);
            rest = later;
        }
        body
    }

    pub(super) fn seal(&mut self, n: u64, plaintext: &[u8]) -> Vec<u8> {
        self.seal_at(n, NOW, plaintext, &[])
    }

    /// Opens the sealed response in an outer one with a length or in chunks.
    pub(super) fn open(&self, outer: &[u8]) -> Received {
        let at = outer.windows(4).position(|four| four == b"\r\n\r\n").expect("an outer head") + 4;
        let head = String::from_utf8(outer[..at].to_vec()).unwrap();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert!(head.contains("content-type: message/payload-response\r\n"), "{head}");
        assert!(head.contains("cache-control: no-store, no-transform\r\n"), "{head}");
        let body = if head.contains("transfer-encoding: chunked") {
            unchunked(&outer[at..])
        } else {
            assert!(head.contains(&format!("content-length: {}\r\n", outer.len() - at)), "{head}");
            outer[at..].to_vec()
        };
        self.open_body(&body)
    }

    fn open_body(&self, body: &[u8]) -> Received {
        let (salt, sealed) = body.split_first_chunk::<16>().expect("a salt");
        let key = response_key(self.prk.as_ref().unwrap(), self.facts.aead, salt);
        let mut opener = ChunkOpener::new(key, limits::PAYLOAD_CHUNK_SENT_BYTES);
        let mut sealed = sealed.to_vec();
        let mut message = Vec::new();
        loop {
            let Opened::Chunk { plaintext, taken, is_final } = opener.advance(&mut sealed, true).unwrap()
            else {
                panic!("not whole")
            };
            message.extend_from_slice(&sealed[plaintext]);
            sealed.drain(..taken);
            if is_final {
                break;
            }
        }
        read_response(&message)
    }
}

fn read_response(message: &[u8]) -> Received {
    let limits = MessageLimits { path_bytes: 0, head_bytes: 1 << 16, field_count: 100 };
    let mut decoder = ResponseDecoder::new(limits, false);
    let mut fields = FieldList::new();
    let Progress::Done { value, consumed } = decoder.head(message, true, &mut fields).unwrap() else {
        panic!("no head")
    };
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let fields_of = |list: &FieldList| {
        list.iter().map(|line| (text(line.name.of(message)), text(line.value.of(message)))).collect()
    };
    let named = fields_of(&fields);
    let (mut rest, mut content, mut trailers) = (&message[consumed..], String::new(), Vec::new());
    loop {
        match decoder.advance(rest, true, &mut fields).unwrap() {
            Part::Content(range) => {
                content.push_str(&text(&rest[range.clone()]));
                rest = &rest[range.end..];
            }
            Part::Trailers { consumed } => {
                let line = fields.iter().map(|line| (text(line.name.of(rest)), text(line.value.of(rest))));
                trailers = line.collect();
                rest = &rest[consumed..];
            }
            Part::Padding { consumed } => rest = &rest[consumed..],
            Part::Done { .. } => {
                return Received { status: value.status, fields: named, content, trailers };
            }
            Part::NeedMore => panic!("not whole"),
        }
    }
}

fn unchunked(mut bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let line = bytes.windows(2).position(|two| two == b"\r\n").expect("a chunk line");
        let length = usize::from_str_radix(std::str::from_utf8(&bytes[..line]).unwrap(), 16).unwrap();
        if length == 0 {
            assert_eq!(bytes, b"0\r\n\r\n");
            return body;
        }
        body.extend_from_slice(&bytes[line + 2..line + 2 + length]);
        bytes = &bytes[line + 4 + length..];
    }
}

pub(super) fn keys() -> PayloadKeys {
    let key = HpkePrivateKey::generate(Kem::X25519, &[7; 32]);
    let gateway = Arc::new(GatewayKeys::new(vec![(1, key)]).unwrap());
    PayloadKeys {
        key_list: gateway.encode().into(),
        gateway,
        document: None,
        tickets: TicketKeys::new(vec![TicketKey::new(&[9; 32])]).unwrap(),
        starts: vec![START],
        clock: PayloadClock { started: Monotonic(0), unix: NOW, window: 30 },
    }
}

pub(super) fn rules(mode: PayloadMode, payload: PayloadRules) -> Rules {
    let routes = vec![Route { payload: mode, ..open_route() }];
    Rules::new(Arc::new(Ruleset { payload: Some(Arc::new(payload)), ..ruleset_of(routes) }))
}

fn stage(mode: PayloadMode) -> Stage {
    stage_under(rules(mode, PayloadRules::default()))
}

pub(super) fn stage_under(rules: Rules) -> Stage {
    let mut stage = Stage::under(rules);
    stage.vault = Some(Vault { keys: keys(), seen: HashSet::new(), full: None });
    stage
}

/// A request in Binary HTTP's form.
pub(super) fn message(framing: Framing, method: &str, path: &str, content: &[u8]) -> Vec<u8> {
    let control = RequestControl {
        method: method.as_bytes(),
        scheme: b"https",
        authority: b"a.test",
        path: path.as_bytes(),
    };
    let fields = [(&b"accept"[..], &b"*/*"[..])];
    let mut out = Vec::new();
    push_request_head(framing, &control, fields.into_iter(), &mut out);
    match framing {
        Framing::Known => {
            push_content_head(content.len() as u64, &mut out);
            out.extend_from_slice(content);
        }
        Framing::Indeterminate => {
            for part in content.chunks(1000) {
                push_content_head(part.len() as u64, &mut out);
                out.extend_from_slice(part);
            }
            out.extend_from_slice(&[0, 0]);
        }
    }
    out
}

/// The outer request around a sealed body.
pub(super) fn posted(body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST /.well-known/payload-message HTTP/1.1\r\nHost: edge.test\r\nContent-Type: message/payload-request\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

fn posted_in_chunks(body: &[u8], size: usize) -> Vec<u8> {
    let mut out = b"POST /.well-known/payload-message HTTP/1.1\r\nHost: edge.test\r\n\
        Content-Type: message/payload-request\r\nTransfer-Encoding: chunked\r\n\r\n"
        .to_vec();
    for part in body.chunks(size) {
        out.extend_from_slice(format!("{:x}\r\n", part.len()).as_bytes());
        out.extend_from_slice(part);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"0\r\n\r\n");
    out
}

pub(super) fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nContent-Type: text/plain\r\n\r\n{body}", body.len())
}

#[test]
fn a_sealed_request_reaches_the_server_as_a_plain_one_and_its_answer_comes_back_sealed() {
    for aead in Aead::ALL {
        let mut app = App::new(aead);
        let mut stage = stage(PayloadMode::Require);
        for n in 0..3 {
            let wire = app.seal(n, &message(Framing::Known, "POST", "/orders?x=1", b"hello"));
            let got = stage.client(posted(&wire)).at_server();
            assert!(got.starts_with("POST /orders?x=1 HTTP/1.1\r\nhost: a.test\r\naccept: */*\r\n"), "{got}");
            assert!(got.contains("content-length: 5\r\n") && got.ends_with("\r\n\r\nhello"), "{got}");
            assert!(!got.contains("payload"), "nothing of the outer request: {got}");
            let answer = stage.server(ok("there")).bytes_at_client();
            assert!(!answer.windows(5).any(|five| five == b"there"));
            let answer = app.open(&answer);
            assert_eq!((answer.status, answer.content.as_str()), (200, "there"));
            assert!(answer.fields.contains(&("content-type".into(), "text/plain".into())), "{answer:?}");
        }
        assert_eq!(stage.orders.len(), 3);
    }
}

#[test]
fn every_framing_of_the_message_and_of_the_outer_request_is_read_alike() {
    for framing in [Framing::Known, Framing::Indeterminate] {
        for (length, chunk) in [(0, 10), (1, 10), (2500, 700), (60_000, 16_384), (60_000, 333)] {
            let content = vec![b'x'; length];
            let plaintext = message(framing, "PUT", "/a", &content);
            let chunks = vec![chunk.min(plaintext.len()); (plaintext.len() / chunk).min(plaintext.len() - 1)];
            for size in [0, 7, 1000] {
                let mut app = App::new(Aead::Aes128Gcm);
                let wire = app.seal_at(1, NOW, &plaintext, &chunks);
                let mut stage = stage(PayloadMode::Accept);
                let outer = if size == 0 { posted(&wire) } else { posted_in_chunks(&wire, size) };
                let got = stage.client(outer).at_server();
                let (head, body) = got.split_once("\r\n\r\n").unwrap();
                assert!(head.starts_with("PUT /a HTTP/1.1\r\n"), "{head}");
                assert_eq!(body.len(), length, "{framing:?} {length} {chunk} {size}: {head}");
                stage.server(ok("done"));
                assert_eq!(app.open(&stage.bytes_at_client()).content, "done");
            }
        }
    }
}

/// Content above what is opened whole, in every framing, byte for byte; and the last of it only once the final chunk is
/// open.
#[test]
fn a_large_message_streams_and_completes_only_when_it_is_open() {
    for framing in [Framing::Known, Framing::Indeterminate] {
        let content: Vec<u8> = (0..300_000).map(|at| b'a' + (at % 23) as u8).collect();
        let plaintext = message(framing, "POST", "/up", &content);
        let mut app = App::new(Aead::ChaCha20Poly1305);
        let chunks = vec![16_000; plaintext.len() / 16_000];
        let wire = app.seal_at(1, NOW, &plaintext, &chunks);
        let outer = posted(&wire);
        let mut stage = stage(PayloadMode::Accept);
        for part in outer[..outer.len() - 1].chunks(9_999) {
            stage.client(part);
        }
        let begun = stage.at_server();
        match framing {
            Framing::Known => {
                assert!(begun.contains("content-length: 300000\r\n"));
                let body = begun.split_once("\r\n\r\n").unwrap().1;
                assert!(body.len() > 200_000 && body.len() < 300_000, "{}", body.len());
            }
            Framing::Indeterminate => {
                assert!(begun.contains("transfer-encoding: chunked\r\n") && !begun.ends_with("0\r\n\r\n"));
            }
        }
        stage.client(&outer[outer.len() - 1..]);
        let got = begun + &stage.at_server();
        let body = got.split_once("\r\n\r\n").unwrap().1.as_bytes();
        let body = if framing == Framing::Known { body.to_vec() } else { unchunked(body) };
        assert!(body == content, "{framing:?} {} of {}", body.len(), content.len());
        stage.server(ok("stored"));
        assert_eq!(app.open(&stage.bytes_at_client()).content, "stored");
    }
}

#[test]
fn a_large_message_that_breaks_tears_the_servers_request_down_unfinished() {
    for framing in [Framing::Known, Framing::Indeterminate] {
        let plaintext = message(framing, "POST", "/up", &vec![b'c'; 200_000]);
        let mut app = App::new(Aead::Aes256Gcm);
        let chunks = vec![16_000; plaintext.len() / 16_000];
        let mut wire = app.seal_at(1, NOW, &plaintext, &chunks);
        *wire.last_mut().unwrap() ^= 1;
        let mut stage = stage(PayloadMode::Accept);
        posted(&wire).chunks(9_999).for_each(|part| {
            stage.client(part);
        });
        let got = stage.at_server();
        let body = got.split_once("\r\n\r\n").unwrap().1;
        assert!(body.len() < 200_000 || !body.ends_with("0\r\n\r\n"));
        assert_eq!(stage.released, [false], "the server's connection is closed");
        let answer = app.open(&stage.bytes_at_client());
        assert_eq!((answer.status, answer.content.contains("payload-malformed")), (400, true), "{answer:?}");
    }
}

#[test]
fn responses_of_every_framing_come_back_sealed() {
    let big = "b".repeat(100_000);
    for (response, content, ends) in [
        (ok(&big), big.as_str(), false),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n".into(),
            "abcde",
            false,
        ),
        ("HTTP/1.1 200 OK\r\n\r\nuntil the end".into(), "until the end", true),
        ("HTTP/1.1 204 No Content\r\n\r\n".into(), "", false),
    ] {
        for part in [1, 1000, usize::MAX] {
            let mut app = App::new(Aead::Aes128Gcm);
            let mut stage = stage(PayloadMode::Accept);
            stage.client(posted(&app.seal(1, &message(Framing::Known, "GET", "/", b""))));
            stage.server(&response.as_bytes()[..response.len().min(200)]);
            let rest = &response.as_bytes()[response.len().min(200)..];
            rest.chunks(part.max(if rest.len() > 1000 { 999 } else { 1 })).for_each(|bytes| {
                stage.server(bytes);
            });
            if ends {
                stage.server_ends();
            }
            assert_eq!(app.open(&stage.bytes_at_client()).content, content, "{part} {:.60}", response);
        }
    }
}

#[test]
fn trailers_of_the_server_end_the_sealed_message() {
    let response = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 1\r\nServer-Timing: a\r\n\r\n";
    let expected = [("x-sum", "1"), ("server-timing", "a")].map(|(name, value)| (name.into(), value.into()));
    for split in [1, 44, 52, 60, 70, response.len()] {
        let mut app = App::new(Aead::Aes128Gcm);
        let mut stage = stage(PayloadMode::Accept);
        stage.client(posted(&app.seal(1, &message(Framing::Known, "GET", "/", b""))));
        stage.server(&response[..split]).server(&response[split..]);
        let answer = app.open(&stage.bytes_at_client());
        assert_eq!((answer.content.as_str(), answer.trailers.as_slice()), ("abc", &expected[..]), "{split}");
        // Nothing of them is left for the next response.
        stage.client(posted(&app.seal(2, &message(Framing::Known, "GET", "/", b""))));
        stage.server("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n");
        assert_eq!(app.open(&stage.bytes_at_client()).trailers, []);
        let (mut stage, date) = settled_stage();
        let plain = single(&date, "/", b"");
        let key = &keys().gateway.configs()[0];
        let (body, pending) = ohttp_message::seal_whole(key, Aead::Aes128Gcm, &plain, &[5; 32]).unwrap();
        stage.client(posted_to_gateway("message/ohttp-req", &body));
        stage.server(&response[..split]).server(&response[split..]);
        let mut sealed = outer_body(&stage.bytes_at_client(), "message/ohttp-res");
        let plain = pending.open(&mut sealed).unwrap();
        let answer = read_response(&sealed[plain]);
        assert_eq!((answer.content.as_str(), answer.trailers.as_slice()), ("abc", &expected[..]), "{split}");
    }
}

#[test]
fn a_response_that_the_server_cuts_never_gets_its_final_chunk() {
    let mut app = App::new(Aead::Aes128Gcm);
    let mut stage = stage(PayloadMode::Accept);
    stage.client(posted(&app.seal(1, &message(Framing::Known, "GET", "/", b""))));
    stage.server("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf").server_ends();
    let got = stage.bytes_at_client();
    assert!(got.windows(26).any(|some| some == b"transfer-encoding: chunked"));
    assert!(!got.ends_with(b"0\r\n\r\n"));
    assert_eq!(stage.ending, Some(Ending::Cut));
}

/// What the app gets, sealed or in clear, for a message; nothing reaches a server.
#[track_caller]
fn check_refused(stage: &mut Stage, app: &App, wire: &[u8], sealed: bool, status: u16, reason: &str) {
    stage.client(posted(wire));
    assert_eq!(stage.at_server(), "", "{reason}");
    let got = stage.bytes_at_client();
    if sealed {
        let answer = app.open(&got);
        assert_eq!(answer.status, status, "{answer:?}");
        assert!(answer.content.contains(&format!("\"reason\":\"{reason}\"")), "{answer:?}");
    } else {
        let text = String::from_utf8(got).unwrap();
        assert!(text.starts_with(&format!("HTTP/1.1 {status} ")), "{reason}: {text}");
        assert!(text.contains(&format!("\"reason\":\"{reason}\"")), "{text}");
        assert!(text.contains("cache-control: no-store"), "{text}");
    }
}

#[test]
fn what_is_wrong_before_the_first_chunk_opens_is_said_in_clear() {
    let mut app = App::new(Aead::Aes128Gcm);
    let wire = app.seal(1, &message(Framing::Known, "GET", "/", b""));
    let other = TicketKeys::new(vec![TicketKey::new(&[8; 32])]).unwrap();
    let foreign = other.seal(&app.facts, &[4; 12]);
    let mut swapped = wire.clone();
    swapped[3..3 + foreign.len()].copy_from_slice(&foreign);
    check_refused(&mut stage(PayloadMode::Accept), &app, &swapped, false, 422, "payload-session-unknown");
    let mut late = stage(PayloadMode::Accept);
    late.vault.as_mut().unwrap().keys.clock.unix += 3600;
    check_refused(&mut late, &app, &wire, false, 422, "payload-session-unknown");
    for end in 0..wire.len() {
        let reason = (400, "payload-malformed");
        check_refused(&mut stage(PayloadMode::Accept), &app, &wire[..end], false, reason.0, reason.1);
    }
    // Whatever is changed, but in the ticket: one answer.
    let ticket = 3..3 + app.ticket.len();
    for at in (0..wire.len()).filter(|at| !ticket.contains(at) && *at != 1 && *at != 2) {
        let mut changed = wire.clone();
        changed[at] ^= 1;
        check_refused(&mut stage(PayloadMode::Accept), &app, &changed, false, 400, "payload-malformed");
    }
}

#[test]
fn what_is_wrong_behind_it_is_said_sealed() {
    let get = message(Framing::Known, "GET", "/", b"");
    for (t, window) in [(NOW - 30, true), (NOW - 31, false), (NOW + 30, true), (NOW + 31, false)] {
        let mut app = App::new(Aead::Aes128Gcm);
        let wire = app.seal_at(1, t, &get, &[]);
        let mut stage = stage(PayloadMode::Accept);
        if window {
            assert_ne!(stage.client(posted(&wire)).at_server(), "");
        } else {
            check_refused(&mut stage, &app, &wire, true, 400, "payload-date");
        }
    }
    let mut app = App::new(Aead::Aes128Gcm);
    let wire = app.seal(1, &get);
    let mut twice = stage(PayloadMode::Accept);
    twice.client(posted(&wire)).server(ok("once"));
    twice.bytes_at_client();
    twice.at_server();
    check_refused(&mut twice, &app, &wire, true, 409, "payload-replayed");
    let other_time = app.seal_at(1, NOW + 1, &get, &[]);
    check_refused(&mut twice, &app, &other_time, true, 409, "payload-replayed");
    for (full, status, reason) in
        [(Remembered::SessionFull, 429, "payload-session-rate"), (Remembered::Full, 503, "payload-busy")]
    {
        let mut stage = stage(PayloadMode::Accept);
        stage.vault.as_mut().unwrap().full = Some(full);
        check_refused(&mut stage, &app, &other_time, true, status, reason);
    }
    let mut trailing = get.clone();
    trailing.extend_from_slice(b"\0\0x");
    let wire = app.seal(2, &trailing);
    check_refused(&mut stage(PayloadMode::Accept), &app, &wire, true, 400, "payload-malformed");
    let wire = app.seal(3, &message(Framing::Known, "POST", "/.well-known/payload-message", b""));
    check_refused(&mut stage(PayloadMode::Accept), &app, &wire, true, 404, "no-route");
    let wire = app.seal(4, &get);
    check_refused(&mut stage(PayloadMode::Off), &app, &wire, true, 404, "no-route");
}

#[test]
fn plain_requests_are_taken_where_the_route_says_so() {
    let plain = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
    assert_eq!(stage(PayloadMode::Require).client(plain).refusal(), (403, "payload-required".into()));
    for mode in [PayloadMode::Off, PayloadMode::Accept] {
        assert_ne!(stage(mode).client(plain).at_server(), "");
    }
}

#[test]
fn the_endpoint_asks_for_its_method_and_media_type() {
    for (method, media, expected) in [
        ("GET", "message/payload-request", (405, "method-not-allowed")),
        ("POST", "text/plain", (415, "media-type")),
    ] {
        let request = format!(
            "{method} /.well-known/payload-message HTTP/1.1\r\nHost: a.test\r\nContent-Type: {media}\r\nContent-Length: 0\r\n\r\n"
        );
        let got = stage(PayloadMode::Accept).client(request).refusal();
        assert_eq!(got, (expected.0, expected.1.to_owned()));
    }
}

/// The outer request that opens a session.
fn session_request(body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST /.well-known/payload-session HTTP/1.1\r\nHost: edge.test\r\n\
         Content-Type: application/payload-session-request\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

#[test]
fn a_session_opened_here_carries_messages() {
    let mut stage = stage(PayloadMode::Require);
    let told =
        stage.client("GET /.well-known/ohttp-gateway HTTP/1.1\r\nHost: a.test\r\n\r\n").bytes_at_client();
    let at = told.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    assert!(told.starts_with(b"HTTP/1.1 200 OK\r\n"));
    let keys = parse_key_list(&told[at..]).unwrap();
    for aead in Aead::ALL {
        let identity = AppIdentity::new("shop", "ios", "2.1").unwrap();
        let (body, pending) = session::request(&keys[0], aead, NOW, Some(&identity), &[6; 32]).unwrap();
        let answer = stage.client(session_request(&body)).bytes_at_client();
        let at = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
        let head = String::from_utf8(answer[..at].to_vec()).unwrap();
        assert!(head.contains("content-type: application/payload-session-response\r\n"), "{head}");
        assert!(head.contains("cache-control: no-store\r\n"), "{head}");
        let session = pending.finish(&mut answer[at..].to_vec()).unwrap();
        assert_eq!((session.aead, session.expires_in, session.time), (aead, 3600, NOW));
        let mut app = App::new(aead);
        app.facts.secret = session.secret;
        app.ticket = session.ticket;
        let wire = app.seal(u64::from(aead.id()), &message(Framing::Known, "GET", "/in", b""));
        assert!(stage.client(posted(&wire)).at_server().starts_with("GET /in HTTP/1.1\r\n"));
        assert_eq!(app.open(&stage.server(ok("session")).bytes_at_client()).content, "session");
    }
}

#[test]
fn what_opens_no_session_is_refused_in_one_way() {
    let key = &keys().gateway.configs()[0];
    let opening = |time| session::request(key, Aead::Aes128Gcm, time, None, &[6; 32]).unwrap().0;
    let check = |body: &[u8], status: u16, reason: &str| {
        let got = stage(PayloadMode::Accept).client(session_request(body)).refusal();
        assert_eq!(got, (status, reason.to_owned()));
    };
    let good = opening(NOW);
    for at in 7..good.len() {
        let mut changed = good.clone();
        changed[at] ^= 0x10;
        check(&changed, 400, "payload-malformed");
        check(&good[..at], 400, "payload-malformed");
    }
    let mut unknown = good.clone();
    unknown[0] ^= 1;
    check(&unknown, 422, "payload-key-unknown");
    check(&opening(NOW - 31), 400, "payload-clock");
    check(&opening(NOW + 31), 400, "payload-clock");
    check(&[good, vec![0; 5000]].concat(), 400, "payload-malformed");
}

/// A single message's date and fields around it.
fn single(date: &str, path: &str, content: &[u8]) -> Vec<u8> {
    let control =
        RequestControl { method: b"POST", scheme: b"https", authority: b"a.test", path: path.as_bytes() };
    let fields = [(&b"date"[..], date.as_bytes())];
    let mut out = Vec::new();
    let fields = &fields[..usize::from(!date.is_empty())];
    push_request_head(Framing::Known, &control, fields.iter().copied(), &mut out);
    push_content_head(content.len() as u64, &mut out);
    out.extend_from_slice(content);
    out
}

fn posted_to_gateway(media_type: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST /.well-known/ohttp-gateway HTTP/1.1\r\nHost: edge.test\r\nContent-Type: {media_type}\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// A stage long after its start, when single messages are taken, and the date then.
fn settled_stage() -> (Stage, String) {
    let mut stage = stage(PayloadMode::Accept);
    stage.vault.as_mut().unwrap().keys.clock.unix -= 100;
    stage.vault.as_mut().unwrap().keys.clock.started = Monotonic(0);
    let now = stage.vault.as_ref().unwrap().keys.clock.unix;
    stage.now = Monotonic(0).after(Duration::from_secs(60));
    (stage, date(now + 60))
}

fn date(unix: u64) -> String {
    crate::protocol::http_date::format_date(unix)
}

fn outer_body(answer: &[u8], media_type: &str) -> Vec<u8> {
    let at = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    let head = String::from_utf8(answer[..at].to_vec()).unwrap();
    assert!(head.contains(&format!("content-type: {media_type}\r\n")), "{head}");
    if head.contains("transfer-encoding: chunked") { unchunked(&answer[at..]) } else { answer[at..].to_vec() }
}

#[test]
fn single_messages_in_one_piece_go_the_same_way() {
    let key = &keys().gateway.configs()[0];
    let big = "b".repeat(900_000);
    for (content, response) in [
        ("", ok("short")),
        (big.as_str(), ok(&big)),
        (
            "x",
            format!(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{big}\r\n0\r\n\r\n",
                big.len()
            ),
        ),
    ] {
        let (mut stage, date) = settled_stage();
        let plain = single(&date, "/single", content.as_bytes());
        let (body, pending) = ohttp_message::seal_whole(key, Aead::Aes128Gcm, &plain, &[5; 32]).unwrap();
        posted_to_gateway("message/ohttp-req", &body).chunks(100_000).for_each(|part| {
            stage.client(part);
        });
        let got = stage.at_server();
        assert!(got.starts_with("POST /single HTTP/1.1\r\n"), "{:.200}", got);
        assert!(got.ends_with(&format!("\r\n\r\n{content}")));
        response.as_bytes().chunks(77_777).for_each(|part| {
            stage.server(part);
        });
        let mut sealed = outer_body(&stage.bytes_at_client(), "message/ohttp-res");
        let plain = pending.open(&mut sealed).unwrap();
        let answer = read_response(&sealed[plain]);
        assert_eq!(answer.status, 200);
        assert!(answer.content == "short" || answer.content == big);
    }
}

#[test]
fn single_messages_in_chunks_go_the_same_way() {
    let key = &keys().gateway.configs()[0];
    let (mut stage, date) = settled_stage();
    let plain = single(&date, "/single", &[b'c'; 100_000]);
    let (mut body, mut sealer, pending) =
        ohttp_message::begin_chunked(key, Aead::Aes256Gcm, &[5; 32]).unwrap();
    let parts: Vec<_> = plain.chunks(16_000).collect();
    for (number, part) in parts.iter().enumerate() {
        let mut room = [&[0; 4][..], part, &[0; TAG_LEN]].concat();
        let wire = sealer.seal(&mut room, 4..4 + part.len(), number + 1 == parts.len()).unwrap();
        body.extend_from_slice(&room[wire]);
    }
    stage.client(posted_to_gateway("message/ohttp-chunked-req", &body));
    assert_eq!(stage.body_at_server().len(), 100_000);
    let mut sealed = outer_body(&stage.server(ok("there")).bytes_at_client(), "message/ohttp-chunked-res");
    let Progress::Done { value: mut opener, consumed } = pending.opener(&sealed, 16_384) else { panic!() };
    let Opened::Chunk { plaintext, is_final: true, .. } =
        opener.advance(&mut sealed[consumed..], true).unwrap()
    else {
        panic!("not one chunk")
    };
    assert_eq!(read_response(&sealed[consumed..][plaintext]).content, "there");
}

#[test]
fn what_is_wrong_with_a_single_message_is_said_sealed_once_it_has_opened() {
    let key = &keys().gateway.configs()[0];
    let check = |stage: &mut Stage, plain: &[u8], status: u16, reason: &str| {
        let (body, pending) = ohttp_message::seal_whole(key, Aead::Aes128Gcm, plain, &[5; 32]).unwrap();
        stage.client(posted_to_gateway("message/ohttp-req", &body));
        assert_eq!(stage.at_server(), "", "{reason}");
        let mut sealed = outer_body(&stage.bytes_at_client(), "message/ohttp-res");
        let plain = pending.open(&mut sealed).unwrap();
        let answer = read_response(&sealed[plain]);
        assert_eq!(answer.status, status, "{answer:?}");
        assert!(answer.content.contains(&format!("\"reason\":\"{reason}\"")), "{answer:?}");
    };
    let (mut undated, today) = settled_stage();
    check(&mut undated, &single("", "/", b""), 400, "payload-clock");
    check(&mut settled_stage().0, &single("yesterday", "/", b""), 400, "payload-clock");
    check(&mut settled_stage().0, &single(&date(NOW - 200), "/", b""), 400, "payload-clock");
    check(&mut stage(PayloadMode::Accept), &single(&date(NOW), "/", b""), 503, "payload-busy");
    let (mut twice, _) = settled_stage();
    let plain = single(&today, "/", b"");
    let (body, _) = ohttp_message::seal_whole(key, Aead::Aes128Gcm, &plain, &[5; 32]).unwrap();
    assert_ne!(twice.client(posted_to_gateway("message/ohttp-req", &body)).at_server(), "");
    twice.server(ok("once")).bytes_at_client();
    check(&mut twice, &plain, 409, "payload-replayed");
    let (mut stage, _) = settled_stage();
    let mut changed = body.clone();
    *changed.last_mut().unwrap() ^= 1;
    let got = stage.client(posted_to_gateway("message/ohttp-req", &changed)).refusal();
    assert_eq!(got, (400, "payload-malformed".to_owned()));
}

#[test]
fn a_response_too_large_for_one_piece_is_a_bad_gateway() {
    let key = &keys().gateway.configs()[0];
    let (mut stage, date) = settled_stage();
    let (body, pending) =
        ohttp_message::seal_whole(key, Aead::Aes128Gcm, &single(&date, "/", b""), &[5; 32]).unwrap();
    stage.client(posted_to_gateway("message/ohttp-req", &body));
    stage.at_server();
    let huge = ok(&"h".repeat(1_200_000));
    huge.as_bytes().chunks(200_000).for_each(|part| {
        stage.server(part);
    });
    let mut sealed = outer_body(&stage.bytes_at_client(), "message/ohttp-res");
    let plain = pending.open(&mut sealed).unwrap();
    assert_eq!(read_response(&sealed[plain]).status, 502);
}

#[test]
fn a_client_is_read_only_once_it_was_told_to_send() {
    let mut app = App::new(Aead::Aes128Gcm);
    let mut stage = stage(PayloadMode::Accept);
    let wire = String::from_utf8_lossy(&posted(&app.seal(1, b""))).replacen(
        "\r\n",
        "\r\nExpect: 100-continue\r\n",
        1,
    );
    let (head, _) = wire.split_once("\r\n\r\n").unwrap();
    stage.hold(Side::Downstream, 0).client(format!("{head}\r\n\r\n"));
    assert!(!stage.is_reading_client());
    stage.hold(Side::Downstream, usize::MAX);
    assert_eq!(stage.at_client(), "HTTP/1.1 100 Continue\r\n\r\n");
    assert!(stage.is_reading_client());
}

#[test]
fn who_asks_too_often_is_refused_and_keeps_his_connection() {
    let (mut stage, date) = settled_stage();
    let key = &keys().gateway.configs()[0];
    let plain = single(&date, "/", b"");
    let (body, _) = ohttp_message::seal_whole(key, Aead::Aes128Gcm, &plain, &[5; 32]).unwrap();
    for request in [posted_to_gateway("message/ohttp-req", &body), session_request(b"anything")] {
        stage.crowded = true;
        stage.client(request);
        assert_eq!(stage.refusal(), (429, "payload-rate".to_owned()));
        assert_eq!(stage.ending, None);
        stage.crowded = false;
        stage.client(posted_to_gateway("message/ohttp-req", &body[..1]));
        assert_eq!(stage.refusal().0, 400);
    }
}
