//! What is said once the first chunk has opened: inside an ordinary sealed response.

use super::*;

/// Seals a single message.
type Sealer = fn(&Key, &[u8]) -> Sealed;
/// What became of a message's chunks on the way.
type Fault<'a> = dyn Fn(&Sealed) -> Vec<u8> + 'a;

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
    let seal: [Sealer; 2] = [Key::chunked, Key::whole];
    for seal in seal {
        check_sealed(&seal(&key, &GET.dated(now())).send(&proxy), 503, "urn:ringwall:payload-busy");
        for wrong in [GET.dated(now() - 60), GET.dated(now() + 60), GET.bytes()] {
            let answer = seal(&key, &wrong).send(&proxy);
            check_sealed(&answer, 400, DATE);
            assert!(answer.field("date").is_some(), "{answer:?}");
        }
        check_sealed(&seal(&key, b"\x05").send(&proxy), 400, MALFORMED);
    }
    assert_eq!(server.requests().len(), 0);
    wait_for_single_messages(&proxy, "/");
    for seal in seal {
        let sealed = seal(&key, &GET.dated(now()));
        assert_eq!(sealed.send(&proxy).summary(), (true, 200, String::new()));
        check_sealed(&sealed.send(&proxy), 409, "urn:ringwall:payload-replayed");
        check_sealed(
            &seal(&key, &Inner { path: GATEWAY, ..GET }.dated(now())).send(&proxy),
            404,
            "about:blank",
        );
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
    let faults: [(&str, &Fault); 6] = [
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
        client.send_if_open(post_bytes(MESSAGE, sealed.media_type, &body));
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
