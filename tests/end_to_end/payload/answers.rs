//! Every line of the protocol's tables of answers, over the wire: status, type, and whether it is in clear or sealed.

mod sealed;

use super::sealed_client::{
    Answer, GATEWAY, GET, Inner, Key, MESSAGE, SESSION, SESSION_TYPE, Sealed, now, post, post_bytes, random,
};
use super::*;
use crate::harness::{Message, RawClient, ScriptedServer, unused_address};
use ringwall::protocol::payload::session;

const DATE: &str = "https://iana.org/assignments/http-problem-types#date";
const KEY: &str = "https://iana.org/assignments/http-problem-types#ohttp-key";
const MALFORMED: &str = "urn:ringwall:payload-malformed";
const UNKNOWN: &str = "urn:ringwall:payload-session-unknown";
const REQUIRED: &str = "urn:ringwall:payload-required";

#[track_caller]
fn check_clear(response: &Message, status: u16, kind: &str) {
    let problem: serde_json::Value = serde_json::from_slice(&response.body).unwrap_or_default();
    let found = (response.status(), problem["type"].as_str().unwrap_or_default());
    assert_eq!(found, (status, kind), "{response:?}");
    assert_eq!(response.fields.get("content-type").as_deref(), Some("application/problem+json"));
    assert_eq!(response.fields.get("cache-control").as_deref(), Some("no-store"));
}

#[track_caller]
fn check_sealed(answer: &Answer, status: u16, kind: &str) {
    assert_eq!(answer.summary(), (true, status, kind.to_owned()), "{answer:?}");
}

/// One byte of it is another.
fn flipped(bytes: &[u8], at: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at] ^= 0x40;
    bytes
}

/// A session request of the key, made at `time`.
fn session_request(key: &Key, time: u64) -> Vec<u8> {
    session::request(&key.config, key.aead, time, None, &random()).expect("a session request").0
}

fn post_once(proxy: &Proxy, path: &str, media_type: &str, body: &[u8]) -> Message {
    post(&mut proxy.client(), path, media_type, body)
}

#[test]
fn session_requests_are_answered_in_clear() {
    let server = ScriptedServer::ok();
    let proxy = Setup::to(&server).with("[payload]").start();
    let key = Key::of(&proxy);
    let good = session_request(&key, now());
    let ask = |body: &[u8]| post_once(&proxy, SESSION, SESSION_TYPE, body);
    for malformed in [
        Vec::new(),
        good[..6].to_vec(),
        good[..20].to_vec(),
        good[..good.len() - 1].to_vec(),
        [&good[..], b"x"].concat(),
        flipped(&good, 10),
        flipped(&good, good.len() - 1),
        [&good[..7 + 32], &[0; 4096 + 16 + 1]].concat(),
        [&good[..7 + 32], &[0; 20_000]].concat(),
    ] {
        check_clear(&ask(&malformed), 400, MALFORMED);
    }
    check_clear(&ask(&flipped(&good, 0)), 422, KEY);
    // Another KEM, KDF, AEAD than the key is for.
    for at in [2, 4, 6] {
        check_clear(&ask(&flipped(&good, at)), 422, KEY);
    }
    for time in [now() - 100, now() + 100, 0, u64::MAX >> 12] {
        let response = ask(&session_request(&key, time));
        check_clear(&response, 400, DATE);
        assert!(response.fields.has("date"));
    }
    assert_eq!(ask(&good).status(), 200);
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn what_opens_nothing_is_answered_in_clear() {
    let server = ScriptedServer::ok();
    let proxy = Setup::to(&server).with("[payload]\nsession_lifetime = \"1s\"").start();
    let key = Key::of(&proxy);
    let short = key.session(&proxy, None);
    let good = short.message(0, &GET.bytes());
    let end = 3 + short.0.ticket.len();
    let ask = |body: &[u8]| post_once(&proxy, MESSAGE, good.media_type, body);
    // Only as long as the ticket is good; whatever comes later is unknown before it is malformed.
    for malformed in [vec![], flipped(&good.bytes, 0), vec![1, 0, 0, 1], vec![1, 2, 1, 1]] {
        check_clear(&ask(&malformed), 400, MALFORMED);
    }
    for unknown in [flipped(&good.bytes, 5), flipped(&good.bytes, end - 1)] {
        check_clear(&ask(&unknown), 422, UNKNOWN);
    }
    eventually("the ticket to expire", || {
        (short.message(1, &GET.bytes()).send(&proxy).status == 422).then_some(())
    });
    check_clear(&ask(&good.bytes), 422, UNKNOWN);
    for single in [key.chunked(&GET.dated(now())), key.whole(&GET.dated(now()))] {
        let ask = |body: &[u8]| post_once(&proxy, single.path, single.media_type, body);
        check_clear(&ask(&flipped(&single.bytes, 0)), 422, KEY);
        for malformed in [
            &[][..],
            &single.bytes[..3],
            &single.bytes[..30],
            &single.bytes[..single.bytes.len() - 1],
            &flipped(&single.bytes, 20),
            &flipped(&single.bytes, single.bytes.len() - 1),
        ] {
            check_clear(&ask(malformed), 400, MALFORMED);
        }
    }
    let whole = key.whole(&[0; 1_100_000]);
    check_clear(
        &post_once(&proxy, GATEWAY, whole.media_type, &whole.bytes),
        413,
        "urn:ringwall:payload-too-large",
    );
}

/// With a session that lasts: a first chunk that does not open, or is too large to.
#[test]
fn first_chunks_are_answered_in_clear() {
    let server = ScriptedServer::ok();
    let proxy = Setup::to(&server).with("[payload]").start();
    let session = Key::of(&proxy).session(&proxy, None);
    let good = session.message(0, &GET.bytes());
    let header = 3 + session.0.ticket.len() + 32;
    let ask = |body: &[u8]| post_once(&proxy, MESSAGE, good.media_type, body);
    // n, t, salt, ciphertext, tag; and where it ends.
    for at in [header - 32, header - 20, header - 1, header + 1, good.bytes.len() - 1] {
        check_clear(&ask(&flipped(&good.bytes, at)), 400, MALFORMED);
    }
    for end in [1, header - 1, header, header + 1, good.bytes.len() - 1] {
        check_clear(&ask(&good.bytes[..end]), 400, MALFORMED);
    }
    // A chunk of no plaintext that is not final.
    check_clear(&ask(&[&good.bytes[..header], &[16], &[0; 40]].concat()), 400, MALFORMED);
    let large = (65_536_u32 + 17) | 2 << 30;
    let too_large = [&good.bytes[..header], &large.to_be_bytes(), &[0; 1000]].concat();
    check_clear(&ask(&too_large), 413, "urn:ringwall:payload-too-large");
    assert_eq!(server.requests().len(), 0);
    assert_eq!(good.send(&proxy).status, 200, "nothing of it was entered as seen");
}

#[test]
fn methods_and_media_types_are_answered_in_clear() {
    let server = ScriptedServer::ok();
    let proxy = Setup::to(&server).with("[payload]").start();
    for path in [SESSION, MESSAGE, GATEWAY] {
        for media_type in ["application/json", "", "message/ohttp-res", "message/bhttp"] {
            let response = post_once(&proxy, path, media_type, b"{}");
            assert_eq!((response.status(), response.reason().as_str()), (415, "media-type"), "{path}");
        }
    }
    for (path, method, allow) in [
        (SESSION, "GET", "POST"),
        (MESSAGE, "GET", "POST"),
        (MESSAGE, "PUT", "POST"),
        (GATEWAY, "DELETE", "GET, HEAD, POST"),
        ("/.well-known/payload-keys", "POST", "GET, HEAD"),
    ] {
        let mut client = proxy.client();
        client.send(format!("{method} {path} HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n"));
        let response = client.response();
        assert_eq!(response.status(), 405, "{method} {path}");
        assert_eq!(response.fields.get("allow").as_deref(), Some(allow), "{method} {path}");
    }
    let response = proxy.get("/.well-known/payload-keys");
    assert_eq!(response.status(), 404, "no list is signed here");
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn openings_beyond_the_rate_are_answered_in_clear() {
    let server = ScriptedServer::ok();
    let proxy = Setup::to(&server).with("[payload]").start();
    let key = Key::of(&proxy);
    // Openings that fail cost as much, and count as well.
    let singles = key.chunked(&GET.dated(now()));
    for (path, media_type, own) in [
        (SESSION, SESSION_TYPE, [127, 0, 1, 1]),
        (GATEWAY, singles.media_type, [127, 0, 1, 2]),
        (GATEWAY, "message/ohttp-req", [127, 0, 1, 3]),
    ] {
        let ask = |own: [u8; 4]| {
            post(&mut RawClient::connect_from(own.into(), proxy.address), path, media_type, &[0; 60])
        };
        let refused = eventually("the limit", || Some(ask(own)).filter(|answer| answer.status() != 422));
        check_clear(&refused, 429, "urn:ringwall:payload-rate");
        assert_eq!(refused.fields.get("retry-after").as_deref(), Some("1"));
        assert_eq!(ask([127, 0, 2, own[3]]).status(), 422, "another address has its own");
    }
    eventually("an opening", || {
        let response = post_once(&proxy, SESSION, SESSION_TYPE, &session_request(&key, now()));
        (response.status() == 200).then_some(())
    });
    assert_eq!(server.requests().len(), 0);
}

/// Plaintext where encryption is required, by the route or by the policy for applications.
#[test]
fn plaintext_is_refused_in_clear() {
    let server = ScriptedServer::ok();
    let proxy = Setup::beside(&server)
        .with(
            "[payload]\n[[payload.application]]\nid = \"shop\"\nversion = \"1.*\"\nencryption = \"disabled\"",
        )
        .route("path = \"/secret/*\"\npayload = \"require\"")
        .route("path = \"/open/*\"\npayload = \"off\"")
        .route("path = \"/*\"")
        .start();
    for path in ["/secret/a", "/else"] {
        check_clear(&proxy.get(path), 403, REQUIRED);
        check_clear(&post_once(&proxy, path, "text/plain", b"content"), 403, REQUIRED);
    }
    assert_eq!(server.requests().len(), 0);
    assert_eq!(proxy.get("/open/a").status(), 200);
    let key = Key::of(&proxy);
    let shop = |version| key.session(&proxy, Some(("shop", "ios", version)));
    let refused = "urn:ringwall:payload-app-refused";
    check_sealed(&shop("1.7").message(0, &GET.bytes()).send(&proxy), 403, refused);
    check_sealed(&key.session(&proxy, None).message(0, &GET.bytes()).send(&proxy), 403, refused);
    let served = shop("2.0");
    for (number, path, status) in [(0, "/secret/a", 200), (1, "/else", 200), (2, "/open/a", 404)] {
        let answer = served.message(number, &Inner { path, ..GET }.bytes()).send(&proxy);
        assert_eq!((answer.is_sealed, answer.status), (true, status), "{path}");
    }
    assert_eq!(server.requests().len(), 3);
}
