use super::*;
use crate::protocol::http_date::format_date;

/// What a response is read as: head, body and whether the connection can be used again.
#[derive(Debug, PartialEq)]
struct Read {
    status: u16,
    body: String,
    reusable: bool,
}

fn read(parts: &[&[u8]], ends: bool) -> Result<Read, ClientFault> {
    let mut reader = OuterReader::new(Method::Post);
    let (mut status, mut body) = (0, Vec::new());
    for at in 0..=parts.len() {
        match parts.get(at) {
            Some(part) => reader.push(part),
            None if ends => reader.end(),
            None => break,
        }
        loop {
            match reader.advance()? {
                OuterPiece::NeedMore => break,
                OuterPiece::Head(head) => status = head.status,
                OuterPiece::Body(bytes) => body.extend_from_slice(bytes),
                OuterPiece::End => {
                    let body = String::from_utf8(body).unwrap();
                    return Ok(Read { status, body, reusable: reader.is_reusable() });
                }
            }
        }
    }
    Err(ClientFault::NoKey)
}

#[test]
fn every_framing_is_read_however_it_is_cut() {
    let long = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    let interim = format!("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n{long}");
    for (wire, ends, body, reusable) in [
        (long, false, "hello", true),
        (interim.as_str(), false, "hello", true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false, "", true),
        ("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx", false, "x", false),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
            false,
            "hello",
            true,
        ),
        ("HTTP/1.1 200 OK\r\n\r\nhello", true, "hello", false),
    ] {
        let expected = Read { status: 200, body: body.into(), reusable };
        for cut in 0..wire.len() {
            let (first, second) = wire.as_bytes().split_at(cut);
            assert_eq!(read(&[first, second], ends).unwrap(), expected, "{wire:?} at {cut}");
        }
        let bytes: Vec<&[u8]> = wire.as_bytes().chunks(1).collect();
        assert_eq!(read(&bytes, ends).unwrap(), expected, "{wire:?}");
    }
}

#[test]
fn a_response_that_breaks_off_is_no_response() {
    for wire in [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
    ] {
        for end in 0..wire.len() {
            let fault = read(&[&wire.as_bytes()[..end]], true).unwrap_err();
            assert!(matches!(fault, ClientFault::OuterTruncated), "{end}: {fault}");
        }
    }
}

#[test]
fn what_breaks_http_is_refused() {
    for wire in [
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        "SSH-2.0-OpenSSH\r\n\r\n",
    ] {
        assert!(matches!(read(&[wire.as_bytes()], false), Err(ClientFault::Outer(_))), "{wire}");
    }
    let flood = "HTTP/1.1 102 Processing\r\n\r\n".repeat(limits::INTERIM_RESPONSES as usize + 1);
    assert!(matches!(read(&[flood.as_bytes()], false), Err(ClientFault::Outer(_))));
    let extra = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxHTTP/1.1";
    assert!(!read(&[extra], false).unwrap().reusable, "bytes nobody asked for");
}

#[test]
fn only_200_with_its_media_type_is_sealed() {
    let head = |status: u16, fields: &str| super::super::gateway::outer(status, fields);
    let sealed = |head: OuterHead| head.require("message/x", b"");
    assert!(sealed(head(200, "Content-Type: Message/X ; a=b\r\n")).is_ok());
    let media = |fields: &str| matches!(sealed(head(200, fields)), Err(ClientFault::MediaType(_)));
    assert!(media("") && media("Content-Type: message/y\r\n"));
    assert!(media("Content-Type: message/x\r\nContent-Type: message/x\r\n"));
    let date = format!("Content-Type: message/x\r\nDate: {}\r\n", format_date(77));
    let fault = sealed(head(404, &date)).unwrap_err();
    assert!(
        matches!(fault, ClientFault::InClear { status: 404, problem: None, date: Some(77) }),
        "{fault:?}"
    );
    let problem = "Content-Type: application/problem+json\r\nRetry-After: 7\r\n";
    let body = br#"{"type":"urn:ringwall:payload-rate"}"#;
    let fault = head(429, problem).require("message/x", body).unwrap_err();
    let ClientFault::InClear { problem: Some(problem), .. } = fault else { panic!("{fault:?}") };
    assert_eq!(problem.retry_after, Some(7));
    // What came in clear is not shown: it might be written by anybody.
    let fault = head(500, "").require("message/x", b"call 555-1234").unwrap_err();
    assert!(!fault.to_string().contains("555") && fault.to_string().contains("in clear"));
}
