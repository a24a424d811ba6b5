use super::*;

const LIMITS: HeadLimits = HeadLimits { request_line: 0, header_bytes: 1024, header_count: 10 };

/// What a response is read as: head, body and whether the connection can be used again.
#[derive(Debug, PartialEq)]
struct Read {
    status: u16,
    body: String,
    reusable: bool,
}

fn read(parts: &[&[u8]], ends: bool) -> Result<Read, Option<ResponseFault>> {
    let mut reader = ResponseReader::new(Method::Post, LIMITS);
    let (mut status, mut body) = (0, Vec::new());
    for at in 0..=parts.len() {
        match parts.get(at) {
            Some(part) => reader.push(part),
            None if ends => reader.end(),
            None => break,
        }
        loop {
            match reader.advance().map_err(Some)? {
                ResponsePiece::NeedMore => break,
                ResponsePiece::Head(head) => status = head.status,
                ResponsePiece::Body(bytes) => body.extend_from_slice(bytes),
                ResponsePiece::End => {
                    let body = String::from_utf8(body).unwrap();
                    return Ok(Read { status, body, reusable: reader.is_reusable() });
                }
            }
        }
    }
    Err(None)
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
            assert_eq!(read(&[&wire.as_bytes()[..end]], true), Err(Some(ResponseFault::Truncated)), "{end}");
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
        assert!(matches!(read(&[wire.as_bytes()], false), Err(Some(ResponseFault::Rejected(_)))), "{wire}");
    }
    let flood = "HTTP/1.1 102 Processing\r\n\r\n".repeat(limits::INTERIM_RESPONSES as usize + 1);
    assert!(matches!(read(&[flood.as_bytes()], false), Err(Some(ResponseFault::Rejected(_)))));
    let extra = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxHTTP/1.1";
    assert!(!read(&[extra], false).unwrap().reusable, "bytes nobody asked for");
}
