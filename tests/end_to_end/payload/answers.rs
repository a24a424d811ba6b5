//! Every line of the protocol's tables of answers, over the wire: status, type, and whether it is in clear or sealed.

use super::sealed_client::{
    Answer, GATEWAY, GET, Inner, Key, MESSAGE, SESSION, SESSION_TYPE, Sealed, now, post, random,
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
    let session = eventually("an opening", || {
        let response = post_once(&proxy, SESSION, SESSION_TYPE, &session_request(&key, now()));
        (response.status() == 200).then_some(())
    });
    assert_eq!((session, server.requests().len()), ((), 0));
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

#[test]
fn what_a_message_says_of_itself_is_judged_sealed() {
    let server = ScriptedServer::ok();
    let proxy = Setup::to(&server).with("[payload]\nsession_entries = 16\nreplay_entries = 64").start();
    let key = Key::of(&proxy);
    let session = key.session(&proxy, None);
    let time = session.0.time;
    for wrong in [time - 60, time + 60, 0, u64::MAX] {
        let answer = session.message_at(wrong, 0, &[&GET.bytes()]).send(&proxy);
        check_sealed(&answer, 400, "urn:ringwall:payload-date");
        let said = answer.problem()["time"].as_u64().expect("the proxy's time");
        assert!(said.abs_diff(now()) < 20, "{said}");
    }
    let first = session.message(0, &GET.bytes());
    assert_eq!(first.send(&proxy).status, 200);
    check_sealed(&first.send(&proxy), 409, "urn:ringwall:payload-replayed");
    for number in 1..16 {
        assert_eq!(session.message(number, &GET.bytes()).send(&proxy).status, 200);
    }
    let beyond = session.message(16, &GET.bytes()).send(&proxy);
    check_sealed(&beyond, 429, "urn:ringwall:payload-session-rate");
    // Other sessions fill the memory.
    let full = (0..40).find_map(|_| {
        let other = key.session(&proxy, None);
        let mut answers = (0..16).map(|number| other.message(number, &GET.bytes()).send(&proxy));
        answers.find(|answer| answer.status != 200)
    });
    let full = full.expect("a memory that is full");
    check_sealed(&full, 503, "urn:ringwall:payload-busy");
    assert_eq!(full.field("retry-after"), Some("1"));
    check_sealed(&first.send(&proxy), 409, "urn:ringwall:payload-replayed");
}

/// Single messages: the time is the inner `Date`.
#[test]
fn what_a_single_message_says_of_itself_is_judged_sealed() {
    let server = ScriptedServer::ok();
    let proxy = Setup::to(&server).with(SHORT_WINDOW).start();
    let key = Key::of(&proxy);
    let seal: [&dyn Fn(&[u8]) -> Sealed; 2] =
        [&|message| key.chunked(message), &|message| key.whole(message)];
    for seal in seal {
        check_sealed(&seal(&GET.dated(now())).send(&proxy), 503, "urn:ringwall:payload-busy");
        for wrong in [GET.dated(now() - 60), GET.dated(now() + 60), GET.bytes()] {
            let answer = seal(&wrong).send(&proxy);
            check_sealed(&answer, 400, DATE);
            assert!(answer.field("date").is_some(), "{answer:?}");
        }
        check_sealed(&seal(b"\x05").send(&proxy), 400, MALFORMED);
    }
    assert_eq!(server.requests().len(), 0);
    wait_for_single_messages(&proxy, "/");
    for seal in seal {
        let sealed = seal(&GET.dated(now()));
        assert_eq!(sealed.send(&proxy).summary(), (true, 200, String::new()));
        check_sealed(&sealed.send(&proxy), 409, "urn:ringwall:payload-replayed");
        check_sealed(&seal(&Inner { path: GATEWAY, ..GET }.dated(now())).send(&proxy), 404, "about:blank");
    }
}

#[test]
fn malformed_inner_messages_are_refused_sealed() {
    let server = ScriptedServer::ok();
    let proxy = Setup::to(&server).with("[payload]").start();
    let session = Key::of(&proxy).session(&proxy, None);
    let mut number = 0;
    let mut check = |message: &[u8]| {
        number += 1;
        let answer = session.message(number, message).send(&proxy);
        check_sealed(&answer, 400, MALFORMED);
    };
    let fields: [&[(&str, &str)]; 16] = [
        &[("connection", "close")],
        &[("keep-alive", "5")],
        &[("proxy-connection", "close")],
        &[("transfer-encoding", "chunked")],
        &[("upgrade", "websocket")],
        &[("expect", "100-continue")],
        &[("host", "other.test")],
        &[("content-length", "1")],
        &[("Accept", "*/*")],
        &[(":path", "/")],
        &[("a b", "c")],
        &[("", "c")],
        &[("a\r\nb", "c")],
        &[("a", "b\r\nc: d")],
        &[("a", "b\nc")],
        &[("a", "b\0c")],
    ];
    for fields in fields {
        check(&Inner { fields, ..GET }.bytes());
    }
    for inner in [
        Inner { method: "G ET", ..GET },
        Inner { method: "", ..GET },
        Inner { method: "GET / HTTP/1.1\r\nx:", ..GET },
        Inner { scheme: "ftp", ..GET },
        Inner { scheme: "", ..GET },
        Inner { authority: "a\r\nb", ..GET },
        Inner { authority: "", ..GET },
        Inner { path: "/ HTTP/1.1\r\nx: y", ..GET },
        Inner { path: "/a b", ..GET },
        Inner { path: "", ..GET },
        Inner { path: "/\0", ..GET },
    ] {
        check(&inner.bytes());
    }
    let whole = GET.bytes();
    // A response, forms that do not exist, cuts, and bytes behind the end.
    for message in [&[1, 0x40, 200, 0, 0][..], &[4], &[], &whole[..5], &[&whole[..], &[0, 0, 1]].concat()] {
        check(message);
    }
    assert_eq!(server.requests().len(), 0);
    let padded = [&whole[..], &[0; 500]].concat();
    assert_eq!(session.message(0, &padded).send(&proxy).status, 200, "zeros are padding");
}

/// A later chunk that does not open, is too large or is missing: nothing of a small message was forwarded.
#[test]
fn faults_in_later_chunks_are_answered_sealed() {
    let server = ScriptedServer::ok();
    let proxy = Setup::to(&server).with("[payload]").start();
    let session = Key::of(&proxy).session(&proxy, None);
    let message = Inner { method: "POST", content: &[7; 3000], ..GET }.bytes();
    let (one, rest) = message.split_at(1000);
    let (two, three) = rest.split_at(1000);
    let sealed = |number| session.message_at(session.0.time, number, &[one, two, three]);
    let header = 3 + session.0.ticket.len() + 32;
    // A length of two bytes, plaintext, tag; the final one has a length of one byte.
    let chunk = 2 + 1000 + 16;
    let starts = [header, header + chunk, header + 2 * chunk];
    let part = |sealed: &Sealed, at: usize| {
        let end = starts.get(at + 1).copied().unwrap_or(sealed.bytes.len());
        sealed.bytes[starts[at]..end].to_vec()
    };
    let faults: [(&str, &dyn Fn(&Sealed) -> Vec<u8>); 6] = [
        ("flipped", &|sealed| [part(sealed, 0), flipped(&part(sealed, 1), 500), part(sealed, 2)].concat()),
        ("twice", &|sealed| [part(sealed, 0), part(sealed, 0), part(sealed, 1), part(sealed, 2)].concat()),
        ("dropped", &|sealed| [part(sealed, 0), part(sealed, 2)].concat()),
        ("in another order", &|sealed| [part(sealed, 0), part(sealed, 2), part(sealed, 1)].concat()),
        ("no end", &|sealed| [part(sealed, 0), part(sealed, 1)].concat()),
        ("cut", &|sealed| {
            let whole = [part(sealed, 0), part(sealed, 1), part(sealed, 2)].concat();
            whole[..whole.len() - 1].to_vec()
        }),
    ];
    for (number, (name, fault)) in faults.iter().enumerate() {
        let sealed = sealed(number as u64);
        let body = [&sealed.bytes[..header], &fault(&sealed)].concat();
        let answer = sealed.answer(&post_once(&proxy, MESSAGE, sealed.media_type, &body));
        assert_eq!(answer.summary(), (true, 400, MALFORMED.to_owned()), "{name}");
    }
    let large = sealed(100);
    let length = ((65_536_u32 + 17) | 2 << 30).to_be_bytes();
    let body = [&large.bytes[..starts[1]], &length, &[0; 1000]].concat();
    let answer = large.answer(&post_once(&proxy, MESSAGE, large.media_type, &body));
    check_sealed(&answer, 413, "urn:ringwall:payload-too-large");
    assert_eq!(server.requests().len(), 0);
    assert_eq!(sealed(101).send(&proxy).status, 200);
}

/// A message that streams: what was begun at the server is never ended as if it were whole.
#[test]
fn a_fault_in_a_streamed_message_tears_the_request_down() {
    let server = ScriptedServer::ok();
    let proxy = Setup::to(&server).with("[payload]").start();
    let session = Key::of(&proxy).session(&proxy, None);
    let message = Inner { method: "POST", content: &[7; 200_000], ..GET }.bytes();
    let parts: Vec<_> = message.chunks(50_000).collect();
    for (number, is_cut) in [(0, true), (1, false)] {
        let sealed = session.message_at(session.0.time, number, &parts);
        let end = sealed.bytes.len() - 1;
        let body = if is_cut { sealed.bytes[..end].to_vec() } else { flipped(&sealed.bytes, end) };
        let mut client = proxy.client();
        client.send_if_open(super::sealed_client::post_bytes(MESSAGE, sealed.media_type, &body));
        if let Ok(response) = client.try_response() {
            check_sealed(&sealed.answer(&response), 400, MALFORMED);
        }
        server.wait_for("the end of a request that is not whole", |seen| {
            let cut =
                seen.iter().filter(|seen| matches!(seen.fault, Some(crate::harness::message::Fault::Cut(_))));
            (cut.count() > number as usize).then_some(())
        });
    }
    assert_eq!(server.requests().len(), 0);
    let whole = session.message_at(session.0.time, 2, &parts);
    assert_eq!(whole.send(&proxy).status, 200);
    assert_eq!(server.request().body.len(), 200_000);
}

/// Everything else is said as in plain, and sealed.
#[test]
fn ordinary_refusals_are_sealed() {
    let server = ScriptedServer::ok();
    let nobody = unused_address();
    let proxy = Setup::beside(&server)
        .with("[payload]")
        .with(format!("[upstream.gone]\nservers = [\"http://{nobody}\"]"))
        .with("[[route]]\npath = \"/gone\"\nupstream = \"gone\"\naccess = \"open\"")
        .route("path = \"/get\"\nmethods = [\"GET\"]")
        .route("path = \"/small\"\nlimits = { body_bytes = \"1KiB\" }")
        .route("path = \"/off\"\npayload = \"off\"")
        .route("host = \"named.test\"\npath = \"/*\"")
        .start();
    let session = Key::of(&proxy).session(&proxy, None);
    let (named, posted) = (Inner { authority: "named.test", ..GET }, Inner { method: "POST", ..GET });
    let rows = [
        (Inner { path: "/none", ..GET }, 404),
        (Inner { path: "/off", ..GET }, 404),
        (Inner { path: "/gone", ..GET }, 502),
        (Inner { path: "/get", ..posted }, 405),
        (Inner { path: "/small", content: &[1; 1025], ..posted }, 413),
        (Inner { path: SESSION, ..named }, 404),
        (Inner { path: MESSAGE, method: "POST", ..named }, 404),
        (Inner { path: GATEWAY, ..named }, 404),
        (Inner { path: "/.well-known/payload-keys", ..named }, 404),
    ];
    for (number, (inner, status)) in rows.iter().enumerate() {
        let answer = session.message(number as u64, &inner.bytes()).send(&proxy);
        assert_eq!(answer.summary(), (true, *status, "about:blank".to_owned()), "{inner:?}");
    }
    assert_eq!(server.requests().len(), 0);
    let answer = session.message(100, &Inner { path: "/any", ..named }.bytes()).send(&proxy);
    assert_eq!((answer.status, answer.content.as_slice()), (200, &b"ok"[..]));
}
