mod decoded;
mod examples;
mod oracle;
mod refused;

use super::*;
use crate::fuzzing::binary_http::{Control, Message, read_request, read_response};
use crate::limits;
use crate::protocol::payload::varint::push_varint;

const LIMITS: MessageLimits = MessageLimits { path_bytes: 8192, head_bytes: 32 * 1024, field_count: 100 };

/// `parts`, each with its length in front.
fn prefixed(parts: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    for part in parts {
        assert!(push_varint(part.len() as u64, &mut out));
        out.extend_from_slice(part);
    }
    out
}

/// A field section of `lines`.
fn section(framing: Framing, lines: &[(&str, &str)]) -> Vec<u8> {
    let lines: Vec<u8> =
        lines.iter().flat_map(|(name, value)| prefixed(&[name.as_bytes(), value.as_bytes()])).collect();
    match framing {
        Framing::Known => prefixed(&[&lines]),
        Framing::Indeterminate => [&lines[..], &[0]].concat(),
    }
}

/// A GET of `https://a.example/` with these fields, up to its content.
fn head(framing: Framing, lines: &[(&str, &str)]) -> Vec<u8> {
    let indicator = if framing == Framing::Known { 0 } else { 2 };
    [vec![indicator], prefixed(&[b"GET", b"https", b"a.example", b"/"]), section(framing, lines)].concat()
}

/// The same for a response of this status.
fn response(framing: Framing, status: u64, lines: &[(&str, &str)]) -> Vec<u8> {
    let mut out = vec![if framing == Framing::Known { 1 } else { 3 }];
    assert!(push_varint(status, &mut out));
    [out, section(framing, lines)].concat()
}

fn pairs(lines: &[(&str, &str)]) -> Vec<(Vec<u8>, Vec<u8>)> {
    lines.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec())).collect()
}

/// What `read` makes of the whole of `bytes`, which must be the same for every cut in two and byte by byte.
#[track_caller]
fn at_every_split(
    bytes: &[u8],
    read: impl Fn(&[&[u8]]) -> Result<Message, BhttpFault>,
) -> Result<Message, BhttpFault> {
    let whole = read(&[bytes]);
    for cut in 0..=bytes.len() {
        assert_eq!(read(&[&bytes[..cut], &bytes[cut..]]), whole, "cut at {cut}");
    }
    let drip: Vec<&[u8]> = bytes.chunks(1).chain([&[][..]]).collect();
    assert_eq!(read(&drip), whole, "byte by byte");
    whole
}

#[track_caller]
fn request_of(bytes: &[u8]) -> Result<Message, BhttpFault> {
    at_every_split(bytes, |parts| read_request(parts, LIMITS))
}

#[track_caller]
fn response_of(bytes: &[u8]) -> Result<Message, BhttpFault> {
    at_every_split(bytes, |parts| read_response(parts, LIMITS, false))
}
