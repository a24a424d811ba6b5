//! Bytes that mean nothing, at every place where payload encryption is spoken: right answers, nothing forwarded, and a
//! proxy that serves as before.

use super::sealed_client::{
    GATEWAY, GET, Inner, Key, MESSAGE, SESSION, SESSION_TYPE, Sealed, now, post_bytes,
};
use super::*;
use crate::harness::random::Random;
use crate::harness::{Message, RawClient, ScriptedServer};

const PLACES: [(&str, &str); 4] = [
    (SESSION, SESSION_TYPE),
    (MESSAGE, "message/payload-request"),
    (GATEWAY, "message/ohttp-req"),
    (GATEWAY, "message/ohttp-chunked-req"),
];

/// Asks from an address that changes with `turn`, so that the limit per address stays out of it.
#[track_caller]
fn ask(proxy: &Proxy, turn: usize, wire: &[u8]) -> Message {
    let own = [127, 10, (turn / 40) as u8, 1];
    let mut client = RawClient::connect_from(own.into(), proxy.address);
    client.send_if_open(wire);
    client.response()
}

/// As many kinds of answers as the tables have for what cannot be opened.
#[track_caller]
fn check_refused(response: &Message, what: &str) {
    let problem: serde_json::Value = serde_json::from_slice(&response.body).expect("a problem");
    let kind = problem["type"].as_str().unwrap_or_default();
    let kind = kind.rsplit([':', '#']).next().unwrap_or_default();
    let expected = matches!(
        (response.status(), kind),
        (400, "payload-malformed")
            | (422, "payload-session-unknown" | "ohttp-key")
            | (413, "payload-too-large")
    );
    assert!(expected, "{what}: {response:?}");
}

#[test]
fn random_bytes_are_refused_everywhere() {
    let server = ScriptedServer::ok();
    let mut proxy = Setup::to(&server).with("[payload]").start();
    let key = Key::of(&proxy).config.encode();
    let mut random = Random(23);
    for turn in 0..400 {
        let (path, media_type) = PLACES[turn % PLACES.len()];
        let length = *random.pick(&[0, 1, 7, 16, 39, 60, 300, 5000, 70_000]);
        let mut body = random.bytes(length);
        // Half of them begin as what they should be.
        let start: &[u8] = if path == MESSAGE { &[1, 0, 100] } else { &[key[2], 0, 0x20, 0, 1, 0, 1] };
        if random.one_in(2) && length >= start.len() {
            body[..start.len()].copy_from_slice(start);
        }
        let response = ask(&proxy, turn, &post_bytes(path, media_type, &body));
        check_refused(&response, &format!("turn {turn}: {length} bytes to {path}"));
    }
    assert_eq!(server.requests().len(), 0);
    assert!(proxy.is_alive());
    let session = Key::of(&proxy).session(&proxy, None);
    assert_eq!(session.message(0, &GET.bytes()).send(&proxy).status, 200);
}

/// A message cut anywhere or with any bit flipped is refused and leaves no trace: then it is served as it is.
#[test]
fn every_change_of_a_sealed_request_is_refused() {
    let server = ScriptedServer::ok();
    let proxy = Setup::to(&server).with("[payload]").start();
    let session = Key::of(&proxy).session(&proxy, None);
    let sealed = session.message(0, &Inner { method: "POST", content: b"content", ..GET }.bytes());
    let mut client = proxy.client();
    let mut check = |body: &[u8], what: &str| {
        client.send(post_bytes(MESSAGE, sealed.media_type, body));
        check_refused(&client.response(), what);
    };
    for end in 0..sealed.bytes.len() {
        check(&sealed.bytes[..end], &format!("cut at {end}"));
    }
    for at in 0..sealed.bytes.len() {
        let mut body = sealed.bytes.clone();
        body[at] ^= 1 << (at % 8);
        check(&body, &format!("flipped at {at}"));
    }
    check(&[&sealed.bytes[..], b"\0"].concat(), "a byte more");
    assert_eq!(server.requests().len(), 0);
    assert_eq!(sealed.send(&proxy).status, 200);
    assert_eq!(server.request().body, b"content");
}

/// Random plaintext, sealed as it should be: whoever holds a session sends what he likes.
#[test]
fn random_messages_are_refused_sealed() {
    let server = ScriptedServer::ok();
    let proxy = Setup::to(&server).with("[payload]\nsession_entries = 4096").start();
    let session = Key::of(&proxy).session(&proxy, None);
    let good = Inner { method: "POST", fields: &[("accept", "*/*")], content: &[b'a'; 50], ..GET }.bytes();
    let mut random = Random(29);
    let mut client = proxy.client();
    let (mut served, mut refused) = (0, 0);
    for number in 0..1000 {
        let mut message = good.clone();
        for _ in 0..1 + random.below(3) {
            match random.below(3) {
                0 => message.truncate(random.below(message.len() + 1)),
                1 if !message.is_empty() => {
                    let at = random.below(message.len());
                    message[at] = random.next() as u8;
                }
                _ => message.extend(random.bytes(4)),
            }
        }
        let sealed: Sealed = session.message(number, &message);
        let was = client.send_if_open(sealed.wire());
        let Ok(response) = client.try_response() else {
            panic!("{number}: no answer, {was}: {message:02x?}");
        };
        if response.fields.has("connection") {
            client = proxy.client();
        }
        let answer = sealed.answer(&response);
        assert!(answer.is_sealed, "{number}: {answer:?}");
        // What still is a request may be served.
        match answer.status {
            200 => served += 1,
            400..=499 | 501 => refused += 1,
            _ => panic!("{number}: {answer:?}: {message:02x?}"),
        }
    }
    assert!(served > 0 && refused > 500, "{served} served, {refused} refused");
    assert_eq!(server.requests().len(), served);
}

/// Framing, pipelining and bytes that come one by one do not matter.
#[test]
fn sealed_messages_come_in_any_framing() {
    let server = ScriptedServer::ok();
    let proxy = Setup::to(&server).with("[payload]").start();
    let session = Key::of(&proxy).session(&proxy, None);
    let head = |framing: &str| {
        format!(
            "POST {MESSAGE} HTTP/1.1\r\nHost: a.test\r\nContent-Type: message/payload-request\r\n{framing}\r\n"
        )
    };
    let mut client = proxy.client();
    for (number, size) in [1, 7, 100, 100_000].into_iter().enumerate() {
        let sealed = session.message(number as u64, &GET.bytes());
        let mut wire = head("Transfer-Encoding: chunked\r\n").into_bytes();
        for part in sealed.bytes.chunks(size) {
            wire.extend_from_slice(format!("{:x}\r\n", part.len()).as_bytes());
            wire.extend_from_slice(part);
            wire.extend_from_slice(b"\r\n");
        }
        wire.extend_from_slice(b"0\r\n\r\n");
        client.send(wire);
        assert_eq!(sealed.answer(&client.response()).status, 200, "chunks of {size}");
    }
    let sealed = session.message(10, &GET.bytes());
    for byte in sealed.wire() {
        client.send([byte]);
    }
    assert_eq!(sealed.answer(&client.response()).status, 200, "byte by byte");
    let several = [11, 12, 13].map(|number| session.message(number, &GET.bytes()));
    client.send(several.each_ref().map(Sealed::wire).concat());
    for sealed in &several {
        assert_eq!(sealed.answer(&client.response()).status, 200, "pipelined");
    }
    let sealed = session.message(14, &GET.bytes());
    client.send(head(&format!("Expect: 100-continue\r\nContent-Length: {}\r\n", sealed.bytes.len())));
    assert_eq!(client.head().status(), 100, "the proxy itself says to go on");
    client.send(&sealed.bytes);
    assert_eq!(sealed.answer(&client.response()).status, 200);
    assert_eq!(server.requests().len(), 9);
}

/// What stands in the outer request stays there, and who the client is comes from the connection.
#[test]
fn nothing_of_the_outer_request_is_merged_in() {
    let server = ScriptedServer::ok();
    let proxy = Setup::to(&server).with("[payload]").start();
    let session = Key::of(&proxy).session(&proxy, None);
    let fields = [("x-inner", "yes"), ("x-forwarded-for", "9.9.9.9"), ("forwarded", "for=9.9.9.9")];
    let sealed = session.message(0, &Inner { fields: &fields, ..GET }.dated(now()));
    let mut client = proxy.client();
    client.send(format!(
        "POST {MESSAGE} HTTP/1.1\r\nHost: outer.test\r\nContent-Type: {}\r\nContent-Length: {}\r\n\
         Cookie: outer=1\r\nAuthorization: Bearer outer\r\nX-Outer: yes\r\n\r\n",
        sealed.media_type,
        sealed.bytes.len()
    ));
    client.send(&sealed.bytes);
    assert_eq!(sealed.answer(&client.response()).status, 200);
    let request = server.request();
    assert_eq!((request.start_line.as_str(), request.target()), ("GET / HTTP/1.1", "/"));
    assert_eq!(request.fields.get("x-inner").as_deref(), Some("yes"));
    for name in ["x-outer", "cookie", "authorization", "content-type", "content-length"] {
        assert!(!request.fields.has(name), "{name}: {request:?}");
    }
    for (name, value) in &request.fields.0 {
        let value = String::from_utf8_lossy(value);
        assert!(!value.contains("9.9.9.9") && !value.contains("outer"), "{name}: {value}");
    }
}
