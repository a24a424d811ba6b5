use super::*;
use crate::protocol::http1::{FieldTable, HeadLimits, parse_request_head, parse_response_head};
use crate::protocol::progress::Progress;

const LIMITS: HeadLimits = HeadLimits { request_line: 1000, header_bytes: 1000, header_count: 10 };

#[test]
fn what_is_written_is_read_back() {
    let mut out = b"already there".to_vec();
    let before = out.len();
    let mut writer = HeadWriter::new(&mut out);
    writer.request_line(b"PROPFIND", b"/a?b");
    writer.field(b"Host", b"a");
    writer.field(b"X-Text", b"t\t\xfcxt, \"x\"");
    writer.field(b"X-Empty", b"");
    for (name, kept) in [(b"X-Kept", true), (b"X-Gone", false)] {
        writer.field_if(name, |out| {
            out.push(b'1');
            kept
        });
    }
    writer.field_number(b"Content-Length", u64::MAX);
    writer.end();
    let expected =
        b"PROPFIND /a?b HTTP/1.1\r\nHost: a\r\nX-Text: t\t\xfcxt, \"x\"\r\nX-Empty: \r\nX-Kept: 1\r\n\
        Content-Length: 18446744073709551615\r\n\r\n";
    assert_eq!(&out[..before], b"already there");
    assert_eq!(&out[before..], expected);

    let mut fields = FieldTable::new();
    let parsed = parse_request_head(&out[before..], 0, &LIMITS, &mut fields);
    assert!(
        matches!(parsed, Ok(Progress::Done { consumed, .. }) if consumed == expected.len()),
        "{parsed:?}"
    );
    let mut again = Vec::new();
    let mut writer = HeadWriter::new(&mut again);
    let Ok(Progress::Done { value: head, .. }) = parsed else { panic!() };
    writer.request_line(head.method_name.of(&out[before..]), head.target.of(&out[before..]));
    for field in fields.iter() {
        writer.field(field.name.of(&out[before..]), field.value.of(&out[before..]));
    }
    writer.end();
    assert_eq!(again, expected);
}

#[test]
fn every_status_is_written_as_a_readable_line() {
    for status in 100..600 {
        let mut out = Vec::new();
        let mut writer = HeadWriter::new(&mut out);
        writer.status_line(status, reason_phrase(status).as_bytes());
        writer.end();
        assert_eq!(out, format!("HTTP/1.1 {status} {}\r\n\r\n", reason_phrase(status)).into_bytes());
        let parsed = parse_response_head(&out, 0, &LIMITS, &mut FieldTable::new());
        let Ok(Progress::Done { value: head, consumed }) = parsed else { panic!("{status}: {parsed:?}") };
        assert_eq!((head.status, consumed), (status, out.len()));
        assert_eq!(head.reason.of(&out), reason_phrase(status).as_bytes());
    }
    assert_eq!(reason_phrase(299), "");
}

/// The codes that IANA's registry lists with a phrase, but for 418 and others it calls unused or obsolete.
#[test]
fn every_registered_status_has_its_phrase_and_no_other() {
    let registered = [
        (100..=103, ""),
        (200..=208, ""),
        (226..=226, ""),
        (300..=308, "306"),
        (400..=417, ""),
        (421..=431, "427 430"),
        (451..=451, ""),
        (500..=508, ""),
        (511..=511, ""),
    ];
    let mut phrases = Vec::new();
    for status in 0..1000 {
        let without = |skipped: &str| skipped.split(' ').any(|code| code == status.to_string());
        let is_registered = registered.iter().any(|(codes, but)| codes.contains(&status) && !without(but));
        assert_eq!(reason_phrase(status).is_empty(), !is_registered, "{status}");
        phrases.extend(is_registered.then(|| reason_phrase(status)));
    }
    let count = phrases.len();
    phrases.sort_unstable();
    phrases.dedup();
    assert_eq!(phrases.len(), count, "no two codes have one");
}
