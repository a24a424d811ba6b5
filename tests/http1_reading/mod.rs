//! Reads messages the way they come from a network: whole, cut in two at every byte, and byte by byte. All ways must
//! give the same answer; that answer is returned.

#![allow(dead_code, reason = "each test binary reads only some of these")]

use ringwall::protocol::http1::{
    BodyFraming, ChunkedDecoder, ChunkedOutput, FieldKind, FieldTable, HeadLimits, Method, Rejection,
    RequestHead, RequestTarget, ResponseHead, connection_options, parse_request_head, parse_response_head,
    request_framing, request_target, response_framing,
};
use ringwall::protocol::progress::Progress;
use ringwall::protocol::span::Span;

/// Limits small enough to write messages around.
pub(crate) const LIMITS: HeadLimits = HeadLimits { request_line: 200, header_bytes: 2000, header_count: 20 };

/// A parsed head with what stands in it spelt out.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Read<H> {
    pub(crate) head: H,
    pub(crate) consumed: usize,
    pub(crate) fields: Vec<(String, String, FieldKind)>,
}

/// A request with all that is decided about it before its body is read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ReadRequest {
    pub(crate) read: Read<RequestHead>,
    pub(crate) target: RequestTarget,
    pub(crate) framing: BodyFraming,
}

pub(crate) fn text(bytes: &[u8], span: Span) -> String {
    span.of(bytes).escape_ascii().to_string()
}

fn spell(bytes: &[u8], fields: &FieldTable) -> Vec<(String, String, FieldKind)> {
    fields.iter().map(|field| (text(bytes, field.name), text(bytes, field.value), field.kind)).collect()
}

/// Feeds `bytes` cut at `cuts` to `parse` until it answers; `None` if it still wants more at the end.
fn feed<H>(
    bytes: &[u8],
    cuts: &[usize],
    parse: impl Fn(&[u8], usize, &mut FieldTable) -> Result<Progress<H>, Rejection>,
) -> Result<Option<Read<H>>, Rejection> {
    let mut fields = FieldTable::new();
    let mut from = 0;
    for &end in cuts.iter().chain([&bytes.len()]) {
        let arrived = &bytes[..end];
        match parse(arrived, from, &mut fields)? {
            Progress::NeedMore { searched } => {
                assert_eq!(searched, end, "not all that arrived was searched");
                from = searched;
            }
            Progress::Done { value: head, consumed } => {
                assert!(consumed <= end);
                return Ok(Some(Read { head, consumed, fields: spell(arrived, &fields) }));
            }
        }
    }
    Ok(None)
}

/// The one answer of `parse`, however the bytes come.
pub(crate) fn read_head<H: Clone + PartialEq + std::fmt::Debug>(
    bytes: &[u8],
    parse: impl Fn(&[u8], usize, &mut FieldTable) -> Result<Progress<H>, Rejection>,
) -> Result<Option<Read<H>>, Rejection> {
    let whole = feed(bytes, &[], &parse);
    for cut in 0..bytes.len() {
        assert_eq!(feed(bytes, &[cut], &parse), whole, "{:?} cut at {cut}", bytes.escape_ascii().to_string());
    }
    let all: Vec<usize> = (0..bytes.len()).collect();
    assert_eq!(feed(bytes, &all, &parse), whole, "{:?} byte by byte", bytes.escape_ascii().to_string());
    whole
}

pub(crate) fn read_request_head(
    bytes: &[u8],
    limits: &HeadLimits,
) -> Result<Option<Read<RequestHead>>, Rejection> {
    read_head(bytes, |bytes, searched, fields| parse_request_head(bytes, searched, limits, fields))
}

pub(crate) fn read_response_head(
    bytes: &[u8],
    limits: &HeadLimits,
) -> Result<Option<Read<ResponseHead>>, Rejection> {
    read_head(bytes, |bytes, searched, fields| parse_response_head(bytes, searched, limits, fields))
}

/// Reads a request as a proxy does: head, target, framing, connection options.
pub(crate) fn read_request(bytes: &[u8]) -> Result<Option<ReadRequest>, Rejection> {
    let Some(read) = read_request_head(bytes, &LIMITS)? else { return Ok(None) };
    let mut fields = FieldTable::new();
    parse_request_head(bytes, 0, &LIMITS, &mut fields)?;
    let target = request_target(bytes, &read.head, &fields)?;
    let framing = request_framing(bytes, &read.head, &fields)?;
    connection_options(bytes, &fields)?;
    Ok(Some(ReadRequest { read, target, framing }))
}

/// Reads a response to a request of `method`.
pub(crate) fn read_response(
    bytes: &[u8],
    method: Method,
) -> Result<Option<(Read<ResponseHead>, BodyFraming)>, Rejection> {
    let Some(read) = read_response_head(bytes, &LIMITS)? else { return Ok(None) };
    let mut fields = FieldTable::new();
    parse_response_head(bytes, 0, &LIMITS, &mut fields)?;
    let framing = response_framing(bytes, method, &read.head, &fields)?;
    connection_options(bytes, &fields)?;
    Ok(Some((read, framing)))
}

/// What came out of a chunked body.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Unchunked {
    /// Everything produced.
    pub(crate) output: Vec<u8>,
    /// Sum of the content counts.
    pub(crate) content: usize,
    /// The bytes after the body; `None` while it has not ended.
    pub(crate) rest: Option<Vec<u8>>,
}

/// Feeds `bytes` cut at `cuts` to a decoder, keeping what it leaves untaken.
pub(crate) fn unchunk_cut(
    bytes: &[u8],
    cuts: &[usize],
    output: ChunkedOutput,
) -> Result<Unchunked, Rejection> {
    let mut decoder = ChunkedDecoder::new(output);
    let mut all = Unchunked::default();
    let mut unread = Vec::new();
    let mut start = 0;
    for &end in cuts.iter().chain([&bytes.len()]) {
        unread.extend_from_slice(&bytes[start..end]);
        start = end;
        let before = unread.clone();
        let decoded = decoder.advance(&mut unread)?;
        assert!(decoded.produced <= decoded.taken && decoded.content <= decoded.produced);
        assert_eq!(unread[decoded.taken..], before[decoded.taken..], "unread bytes were touched");
        assert_eq!(decoded.done, decoder.is_done());
        all.output.extend_from_slice(&unread[..decoded.produced]);
        all.content += decoded.content;
        unread.drain(..decoded.taken);
    }
    all.rest = decoder.is_done().then_some(unread);
    Ok(all)
}

/// The one outcome of decoding `bytes`, however they come.
pub(crate) fn unchunk(bytes: &[u8], output: ChunkedOutput) -> Result<Unchunked, Rejection> {
    let whole = unchunk_cut(bytes, &[], output);
    for cut in 0..bytes.len() {
        assert_eq!(
            unchunk_cut(bytes, &[cut], output),
            whole,
            "{:?} cut at {cut}",
            bytes.escape_ascii().to_string()
        );
    }
    let all: Vec<usize> = (0..bytes.len()).collect();
    assert_eq!(
        unchunk_cut(bytes, &all, output),
        whole,
        "{:?} byte by byte",
        bytes.escape_ascii().to_string()
    );
    whole
}

/// A request is refused for this reason and no other.
pub(crate) fn check_request(name: &str, message: &[u8], fault: Rejection) {
    let outcome = read_request(message);
    assert_eq!(outcome.as_ref().err(), Some(&fault), "{name}: {outcome:?}");
}

/// A response to a GET is refused for this reason and no other.
pub(crate) fn check_response(name: &str, message: &[u8], fault: Rejection) {
    let outcome = read_response(message, Method::Get);
    assert_eq!(outcome.as_ref().err(), Some(&fault), "{name}: {outcome:?}");
}

/// A `GET` of HTTP/1.1 with `Host: a` and these field lines.
pub(crate) fn with_fields(fields: &str) -> Vec<u8> {
    format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n").into_bytes()
}

/// A 200 response with these field lines.
pub(crate) fn response_with(fields: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n").into_bytes()
}
