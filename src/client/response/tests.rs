use super::*;
use crate::client::gateway::{AT, Gateway, Heard, NOW, message, outer, problem, sealed_outer};
use crate::client::request::{Request, RequestSealer};
use crate::client::session::{Opening as SessionOpening, RESPONSE_MEDIA_TYPE};
use crate::protocol::http_date::format_date;
use crate::protocol::http1::ReceivedHead;

const FORMS: [Form; 3] = [Form::Session, Form::Single, Form::SingleWhole];

/// A request that was sent and heard, with what opens its response.
fn asked(form: Form, method: &str) -> (Heard, Pending) {
    let mut gateway = Gateway::new();
    let config = gateway.keys.configs().remove(0);
    let key = (&config, Aead::Aes128Gcm);
    let request = Request {
        method: method.into(),
        scheme: "https".into(),
        authority: "api.test".into(),
        path: "/".into(),
        fields: Vec::new(),
    };
    let mut out = Vec::new();
    let (sealer, pending) = match form {
        Form::Session => {
            let opening = SessionOpening::new(key, NOW, None, &[5; 32]).unwrap();
            let (mut answer, ..) = gateway.open_session(&opening.body);
            let head = outer(200, &format!("Content-Type: {RESPONSE_MEDIA_TYPE}\r\n"));
            let mut session = opening.finish(&head, &mut answer, AT).unwrap();
            let begun = RequestSealer::in_session(&request, Some(0), &mut session, AT, &[2; 16], &mut out);
            begun.map(|(sealer, pending)| (sealer, Some(pending))).unwrap()
        }
        Form::Single => {
            let begun = RequestSealer::single(&request, Some(0), key, NOW, &[5; 32], &mut out);
            begun.map(|(sealer, pending)| (sealer, Some(pending))).unwrap()
        }
        Form::SingleWhole => (RequestSealer::whole(&request, Some(0), key, NOW, &[5; 32]).unwrap(), None),
    };
    let pending = sealer.finish(&mut out).unwrap().or(pending).unwrap();
    (gateway.hear(form, &out), pending)
}

/// What the app is given.
#[derive(Debug, Default, PartialEq)]
struct Given {
    status: u16,
    fields: Vec<(String, String)>,
    content: Vec<u8>,
    trailers: usize,
    problem: Option<ProblemKind>,
}

/// Opens what comes in `parts`.
fn open_into(
    given: &mut Given,
    pending: Pending,
    head: &ReceivedHead,
    parts: &[&[u8]],
) -> Result<(), ClientFault> {
    let mut opener = ResponseOpener::new(pending, head, parts.first().unwrap_or(&&b""[..]))?;
    for at in 0..=parts.len() {
        match parts.get(at) {
            Some(part) => opener.push(part),
            None => opener.end(),
        }
        loop {
            match opener.advance()? {
                Piece::NeedMore => break,
                Piece::Head(head) => {
                    given.status = head.status;
                    let text = |(name, value): (String, Vec<u8>)| (name, String::from_utf8(value).unwrap());
                    given.fields = head.fields.into_iter().map(text).collect();
                }
                Piece::Content(content) => {
                    assert!(given.status > 0 && !content.is_empty());
                    given.content.extend_from_slice(content);
                }
                Piece::Trailers(trailers) => given.trailers += trailers.len(),
                Piece::Problem(problem) => {
                    given.problem = Some(problem.kind);
                    return Ok(());
                }
                Piece::Done => return Ok(()),
            }
        }
    }
    panic!("neither an end nor a fault");
}

fn opened(pending: Pending, head: &ReceivedHead, parts: &[&[u8]]) -> Result<Given, ClientFault> {
    let mut given = Given::default();
    open_into(&mut given, pending, head, parts).map(|()| given)
}

/// Seals `plain` in chunks of these lengths as the response to a `method` request.
fn answered(form: Form, method: &str, plain: &[u8], chunks: &[usize]) -> (Vec<u8>, Pending) {
    let (heard, pending) = asked(form, method);
    (heard.seal(plain, chunks), pending)
}

#[test]
fn a_response_is_opened_however_it_is_cut() {
    let plain = message(201, &[("x", "y")], &[b"hello ", b"there"]);
    for form in FORMS {
        for chunks in [&[][..], &[1], &[3, 9, 1], &[plain.len()]] {
            let (wire, _) = answered(form, "GET", &plain, chunks);
            for cut in 0..=wire.len() {
                let (_, pending) = answered(form, "GET", &plain, chunks);
                let (first, second) = wire.split_at(cut);
                let given = opened(pending, &sealed_outer(form), &[first, second]).unwrap();
                assert_eq!((given.status, given.content.as_slice()), (201, &b"hello there"[..]), "{cut}");
                assert_eq!(given.fields, [("x".into(), "y".into())]);
            }
            let (_, pending) = answered(form, "GET", &plain, chunks);
            let bytes: Vec<&[u8]> = wire.chunks(1).collect();
            assert_eq!(opened(pending, &sealed_outer(form), &bytes).unwrap().content, b"hello there");
        }
    }
}

#[test]
fn content_comes_with_its_chunk() {
    let plain = message(200, &[], &[b"data: 1\n\n", b"data: 2\n\n"]);
    let first = plain.len() - 12;
    for form in [Form::Session, Form::Single] {
        let (wire, pending) = answered(form, "GET", &plain, &[first]);
        let mut opener = ResponseOpener::new(pending, &sealed_outer(form), b"").unwrap();
        opener.push(&wire[..wire.len() - 1]);
        assert!(matches!(opener.advance().unwrap(), Piece::Head(_)));
        assert_eq!(opener.advance().unwrap(), Piece::Content(b"data: 1\n\n"), "before the rest is there");
        assert_eq!(opener.advance().unwrap(), Piece::NeedMore);
    }
}

#[test]
fn a_response_without_its_end_or_with_more_is_refused() {
    let plain = message(200, &[], &[b"all of it"]);
    for form in FORMS {
        let (wire, _) = answered(form, "GET", &plain, &[4]);
        for end in 0..wire.len() {
            let (_, pending) = answered(form, "GET", &plain, &[4]);
            let fault = opened(pending, &sealed_outer(form), &[&wire[..end]]).unwrap_err();
            assert!(matches!(fault, ClientFault::Response(_)), "{form:?} {end}: {fault}");
        }
        for more in [&b"\0"[..], &[0; 40], &wire] {
            let (_, pending) = answered(form, "GET", &plain, &[4]);
            let fault = opened(pending, &sealed_outer(form), &[&wire, more]).unwrap_err();
            assert!(matches!(fault, ClientFault::Response(_)), "{form:?}: {fault}");
        }
    }
    // Whole chunks, but no final one.
    let (wire, pending) = answered(Form::Session, "GET", &plain, &[plain.len()]);
    let without = wire.len() - 1 - TAG_LEN;
    let mut given = Given::default();
    let fault = open_into(&mut given, pending, &sealed_outer(Form::Session), &[&wire[..without]]);
    assert!(matches!(fault, Err(ClientFault::Response(ChunkFault::Truncated))), "{fault:?}");
    assert_eq!(given.content, b"all of it", "and yet it is not called whole");
}

#[test]
fn no_changed_byte_passes() {
    let plain = message(200, &[], &[b"all of it"]);
    for form in FORMS {
        let (wire, _) = answered(form, "GET", &plain, &[4]);
        for at in 0..wire.len() {
            for bit in [1, 0x80] {
                let (_, pending) = answered(form, "GET", &plain, &[4]);
                let mut changed = wire.clone();
                changed[at] ^= bit;
                assert!(opened(pending, &sealed_outer(form), &[&changed]).is_err(), "{form:?} {at}");
            }
        }
        // The response to another request.
        let other = asked(form, "HEAD").0.seal(&plain, &[]);
        let (mine, pending) = answered(form, "GET", &plain, &[]);
        let is_other = other != mine;
        assert!(!is_other || opened(pending, &sealed_outer(form), &[&other]).is_err());
    }
}

#[test]
fn what_is_not_sealed_is_no_response() {
    for form in FORMS {
        let answer = |head: ReceivedHead, body: &[u8]| {
            opened(asked(form, "GET").1, &head, &[body]).expect_err("in clear")
        };
        let clear = "Content-Type: application/problem+json\r\n";
        let body = br#"{"type":"urn:ringwall:payload-session-unknown"}"#;
        let fault = answer(outer(422, clear), body);
        let ClientFault::InClear { status: 422, problem: Some(problem), .. } = fault else {
            panic!("{fault}")
        };
        assert_eq!(problem.kind, ProblemKind::SessionUnknown);
        assert!(matches!(answer(outer(200, "Content-Type: text/html\r\n"), b"x"), ClientFault::MediaType(_)));
        for other in FORMS.into_iter().filter(|other| *other != form) {
            assert!(matches!(answer(sealed_outer(other), b"x"), ClientFault::MediaType(_)));
        }
        let typed = format!("Content-Type: {}\r\n", form.response_media_type());
        for status in [201, 204, 302, 401, 500] {
            let fault = answer(outer(status, &typed), b"");
            assert!(matches!(fault, ClientFault::InClear { problem: None, .. }), "{status}: {fault}");
        }
    }
}

#[test]
fn the_protocols_problems_are_not_the_apps() {
    let check = |method: &str, plain: &[u8], expected: Option<ProblemKind>| {
        let (wire, pending) = answered(Form::Session, method, plain, &[]);
        let given = opened(pending, &sealed_outer(Form::Session), &[&wire]).unwrap();
        assert_eq!(given.problem, expected);
        assert_eq!(given.status == 0, expected.is_some(), "nothing of it is given");
        given
    };
    for method in ["GET", "HEAD"] {
        check(method, &problem(409, "urn:ringwall:payload-replayed", ""), Some(ProblemKind::Replayed));
    }
    // A server's own problem, and what only looks like one, come through whole.
    let other = problem(404, "about:blank", "");
    assert!(check("GET", &other, None).content.starts_with(br#"{"type":"about:blank""#));
    let document = br#"{"type":"urn:ringwall:payload-date"}"#;
    let as_json = message(400, &[("content-type", "application/json")], &[document]);
    assert_eq!(check("GET", &as_json, None).content, document);
    let fine = message(200, &[("content-type", "application/problem+json")], &[document]);
    assert_eq!(check("GET", &fine, None).content, document);
    let long = vec![b' '; limits::CLIENT_PROBLEM_BYTES + 1];
    let fields = [("content-type", "application/problem+json")];
    assert_eq!(check("GET", &message(500, &fields, &[&long, b"x"]), None).content.len(), long.len() + 1);
}

#[test]
fn a_problem_brings_the_time() {
    let time = |plain: &[u8]| {
        let (wire, pending) = answered(Form::Session, "GET", plain, &[]);
        let mut opener = ResponseOpener::new(pending, &sealed_outer(Form::Session), b"").unwrap();
        opener.push(&wire);
        opener.end();
        match opener.advance().unwrap() {
            Piece::Problem(problem) => (problem.time, problem.retry_after),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(time(&problem(400, "urn:ringwall:payload-date", r#","time":77"#)), (Some(77), None));
    let date = format_date(88);
    let document = br#"{"type":"https://iana.org/assignments/http-problem-types#date"}"#;
    let fields =
        [("content-type", "application/problem+json"), ("date", date.as_str()), ("retry-after", "3")];
    assert_eq!(time(&message(400, &fields, &[document])), (Some(88), Some(3)));
}

#[test]
fn a_response_to_head_has_no_content() {
    let head = [("content-length", "1234")];
    for form in FORMS {
        let (wire, pending) = answered(form, "HEAD", &message(200, &head, &[]), &[]);
        let given = opened(pending, &sealed_outer(form), &[&wire]).unwrap();
        assert_eq!((given.status, given.content.len()), (200, 0));
        let (wire, pending) = answered(form, "HEAD", &message(200, &[], &[b"content"]), &[]);
        assert!(matches!(opened(pending, &sealed_outer(form), &[&wire]), Err(ClientFault::Message(_))));
        let (wire, pending) = answered(form, "GET", &message(200, &head, &[b"short"]), &[]);
        assert!(matches!(opened(pending, &sealed_outer(form), &[&wire]), Err(ClientFault::Message(_))));
    }
}

#[test]
fn what_opens_and_is_no_response_is_refused() {
    for plain in [&b""[..], b"\x00\x03GET", b"\x01\x40", &[7; 50]] {
        let (wire, pending) = answered(Form::Session, "GET", plain, &[]);
        let fault = opened(pending, &sealed_outer(Form::Session), &[&wire]).unwrap_err();
        assert!(matches!(fault, ClientFault::Message(_)), "{fault}");
    }
    let mut trailing = message(200, &[], &[b"x"]);
    trailing.extend_from_slice(&[0, 0, 0]);
    let (wire, pending) = answered(Form::Session, "GET", &trailing, &[]);
    assert_eq!(opened(pending, &sealed_outer(Form::Session), &[&wire]).unwrap().content, b"x", "padding");
    trailing.push(9);
    let (wire, pending) = answered(Form::Session, "GET", &trailing, &[]);
    assert!(opened(pending, &sealed_outer(Form::Session), &[&wire]).is_err());
}

#[test]
fn what_is_held_is_bounded() {
    let (_, pending) = asked(Form::SingleWhole, "GET");
    let mut opener = ResponseOpener::new(pending, &sealed_outer(Form::SingleWhole), b"").unwrap();
    opener.push(&vec![0; WHOLE_MAX]);
    assert_eq!(opener.advance().unwrap(), Piece::NeedMore);
    opener.push(&[0]);
    assert!(matches!(opener.advance(), Err(ClientFault::ResponseTooLarge)));
    for (form, method) in [(Form::Session, "GET"), (Form::Session, "HEAD")] {
        let long = "v".repeat(limits::CLIENT_HEAD_BYTES + 2 * limits::CLIENT_PROBLEM_BYTES);
        let plain = message(200, &[("long", &long)], &[]);
        let (wire, pending) = answered(form, method, &plain, &[16_384, 16_384]);
        assert!(matches!(opened(pending, &sealed_outer(form), &[&wire]), Err(ClientFault::Message(_))));
    }
}
