//! What is accepted, and what comes out.

use super::*;
use crate::protocol::progress::Progress;

#[test]
fn content_and_trailers_come_out_of_both_forms() {
    let trailers = [("checksum", "7"), ("grpc-status", "0")];
    for framing in [Framing::Known, Framing::Indeterminate] {
        let content = match framing {
            Framing::Known => prefixed(&[b"hello world"]),
            Framing::Indeterminate => prefixed(&[b"hello", b" ", b"world", b""]),
        };
        let bytes = [head(framing, &[("x", "1")]), content, section(framing, &trailers), vec![0; 5]].concat();
        let message = request_of(&bytes).expect("a request");
        assert_eq!(message.content, b"hello world");
        assert_eq!(message.trailers, pairs(&trailers));
        assert_eq!(message.content_length, (framing == Framing::Known).then_some(11));
        assert_eq!(request_of(&message.write(framing)), Ok(message));
    }
}

#[test]
fn numbers_may_be_longer_than_they_need_be() {
    let bytes = b"\x40\x02\x80\0\0\x03GET\x40\x05https\x09a.example\x01/\x40\x01x\xc0\0\0\0\0\0\0\x01y\x40\0\x40\x02ab\xc0\0\0\0\0\0\0\0\x80\0\0\0";
    let message = request_of(bytes).expect("a request");
    assert_eq!((message.fields, message.content), (pairs(&[("x", "y")]), b"ab".to_vec()));
}

#[test]
fn the_authority_that_counts_is_one() {
    let of = |authority: &[u8], host: Option<&str>| {
        let fields: Vec<_> = host.iter().map(|&host| ("host", host)).collect();
        let control = prefixed(&[b"GET", b"https", authority, b"/"]);
        match request_of(&[vec![0], control, section(Framing::Known, &fields)].concat())?.control {
            Control::Request([_, _, authority, _]) => Ok(String::from_utf8(authority).expect("ASCII")),
            Control::Response(_) => unreachable!("a request"),
        }
    };
    let cases: [(&str, Option<&str>, Result<&str, BhttpFault>); 16] = [
        ("a.example", None, Ok("a.example")),
        ("", Some("a.example:8443"), Ok("a.example:8443")),
        ("a.example", Some("A.Example"), Ok("a.example")),
        ("a.example:443", Some("a.example"), Ok("a.example:443")),
        ("a.example", Some("a.example:443"), Ok("a.example")),
        ("[::1]:1", Some("[::1]:1"), Ok("[::1]:1")),
        ("a.example", Some("b.example"), Err(BhttpFault::HostUnlikeAuthority)),
        ("a.example", Some("a.example:80"), Err(BhttpFault::HostUnlikeAuthority)),
        ("a.example", Some(""), Err(BhttpFault::Authority)),
        ("", None, Err(BhttpFault::AuthorityMissing)),
        ("", Some(""), Err(BhttpFault::Authority)),
        ("u@a.example", None, Err(BhttpFault::Authority)),
        ("a.example:0", None, Err(BhttpFault::Authority)),
        ("a.example:65536", None, Err(BhttpFault::Authority)),
        ("a.example:", None, Err(BhttpFault::Authority)),
        ("[]", None, Err(BhttpFault::Authority)),
    ];
    for (authority, host, counts) in cases {
        assert_eq!(of(authority.as_bytes(), host), counts.map(str::to_owned), "{authority:?} {host:?}");
    }
}

#[test]
fn what_has_no_content_may_speak_of_its_length() {
    let fields = [("content-length", "51")];
    for framing in [Framing::Known, Framing::Indeterminate] {
        for (status, answers_head, accepted) in
            [(200, true, true), (204, false, true), (304, false, true), (200, false, false)]
        {
            let bytes = response(framing, status, &fields);
            let empty = read_response(&[&bytes], LIMITS, answers_head).map(|message| message.content_length);
            let refused = Err(BhttpFault::LengthUnlikeContent);
            assert_eq!(empty, if accepted { Ok(Some(0)) } else { refused }, "{status} {framing:?}");
            let full = [&bytes[..], &[51], &[b'a'; 51], &[0, 0]].concat();
            let full = read_response(&[&full], LIMITS, answers_head).map(|message| message.content.len());
            assert_eq!(full, if accepted { Err(BhttpFault::LengthUnlikeContent) } else { Ok(51) });
        }
    }
}

#[test]
fn a_head_is_done_before_its_content_has_come() {
    let mut decoder = RequestDecoder::new(LIMITS);
    let mut fields = FieldList::new();
    let bytes = [head(Framing::Known, &[]), vec![0x40, 0xff]].concat();
    let Ok(Progress::Done { value, consumed }) = decoder.head(&bytes, false, &mut fields) else {
        panic!("the head is there");
    };
    assert_eq!((value.content_length, consumed), (Some(255), bytes.len()));
    assert_eq!(decoder.advance(b"", false, &mut fields), Ok(Part::NeedMore));
    assert_eq!(decoder.advance(b"abc", false, &mut fields), Ok(Part::Content(0..3)));
    assert_eq!(decoder.advance(b"", true, &mut fields), Err(BhttpFault::Truncated));
}

#[test]
fn a_decoder_used_out_of_turn_waits_or_refuses() {
    let mut fields = FieldList::new();
    let mut decoder = RequestDecoder::new(LIMITS);
    assert_eq!(decoder.advance(b"\0", false, &mut fields), Ok(Part::NeedMore));
    assert_eq!(decoder.advance(b"\0", true, &mut fields), Err(BhttpFault::Truncated));
    let bytes = head(Framing::Known, &[]);
    assert!(matches!(decoder.head(&bytes, true, &mut fields), Ok(Progress::Done { .. })));
    assert!(matches!(decoder.head(&bytes, false, &mut fields), Ok(Progress::NeedMore { .. })));
    assert_eq!(decoder.head(&bytes, true, &mut fields), Err(BhttpFault::Truncated));
}

#[test]
fn a_chunk_is_framed_where_it_lies() {
    for length in [1usize, 63, 64, 16_383, 16_384] {
        let mut bytes = vec![0xee; 8 + length + 1];
        let framed = frame_content(&mut bytes, 8..8 + length).expect("room");
        assert_eq!(framed.end, 8 + length);
        assert_eq!(bytes[framed.clone()], prefixed(&[&vec![0xee; length][..]])[..]);
        assert!(bytes[..framed.start].iter().all(|&byte| byte == 0xee), "bytes before it were touched");
    }
    assert_eq!(frame_content(&mut [0; 9], 8..8), None);
    assert_eq!(frame_content(&mut [0; 9], 8..10), None);
    assert_eq!(frame_content(&mut [0; 70], 1..70), None);
}

#[test]
fn names_are_written_in_lower_case() {
    let mut out = Vec::new();
    let lines = [(&b"X-Mixed"[..], &b"Value"[..])];
    push_response_head(Framing::Known, 200, lines.into_iter(), &mut out);
    assert_eq!(response_of(&out).expect("a response").fields, pairs(&[("x-mixed", "Value")]));
}
