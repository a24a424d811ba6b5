//! Fuzz bodies: each takes any bytes and panics when a rule of the codec is broken.
//!
//! Shared by `tests/fuzz_replay.rs` (a named corpus and seeded mutations, in every `cargo test`) and by the libFuzzer
//! shims in `tests/fuzz`. Not part of the API.

pub(crate) mod binary_http;
mod payload_chunks;
mod plain_chunked;
mod plain_head;
mod plain_records;
mod proxy_header;
mod tls_records;
mod token;

pub use binary_http::binary_http;
pub use payload_chunks::payload_chunks;
pub use proxy_header::proxy_header;
pub use tls_records::tls_records;
pub use token::token;

use crate::limits;
use crate::protocol::http1::{
    BodyFraming, ChunkedDecoder, ChunkedOutput, FieldTable, HeadLimits, HeadWriter, Method, Rejection,
    RequestHead, connection_options, parse_request_head, parse_response_head, request_framing,
    request_target, response_framing, upgrade_protocol,
};
use crate::protocol::progress::Progress;
use crate::protocol::span::Span;

/// Small enough that a fuzzer reaches them.
const LIMITS: HeadLimits = HeadLimits { request_line: 256, header_bytes: 1024, header_count: 70 };

/// What a parser answered, with the fields spelt out so that answers can be compared.
type Answer<H> = Result<Option<(H, usize, Vec<(Vec<u8>, Vec<u8>)>)>, Rejection>;

/// A request head. The first byte chooses where the rest is cut.
pub fn request_head(data: &[u8]) {
    let Some((&cut, bytes)) = data.split_first() else { return };
    let answer =
        read(bytes, cut, |bytes, searched, fields| parse_request_head(bytes, searched, &LIMITS, fields));
    let judged = plain_head::request(bytes, &LIMITS);
    assert_eq!(answer.as_ref().ok().map(Option::is_some), judged, "the plain reading differs: {answer:?}");
    let Ok(Some((head, consumed, spelt))) = answer else { return };

    let mut fields = FieldTable::new();
    let again = parse_request_head(bytes, 0, &LIMITS, &mut fields);
    assert!(matches!(again, Ok(Progress::Done { .. })));
    assert!(in_bounds(head.method_name, consumed) && in_bounds(head.target, consumed));
    assert_eq!(head.method, Method::of(head.method_name.of(bytes)));
    check_fields(bytes, consumed, &fields);
    let framing = request_framing(bytes, &head, &fields);
    let plain = plain_head::framing(head.version, &spelt);
    assert_eq!(framing.map_err(drop), plain.map(|declared| declared.unwrap_or(BodyFraming::None)));
    check_target(bytes, consumed, &head, &fields);

    let mut written = Vec::new();
    let mut writer = HeadWriter::new(&mut written);
    writer.request_line(head.method_name.of(bytes), head.target.of(bytes));
    spelt.iter().for_each(|(name, value)| writer.field(name, value));
    writer.end();
    let roomy = HeadLimits { header_bytes: 2 * LIMITS.header_bytes, ..LIMITS };
    let back =
        read(&written, cut, |bytes, searched, fields| parse_request_head(bytes, searched, &roomy, fields));
    assert!(matches!(back, Ok(Some((_, length, fields))) if length == written.len() && fields == spelt));
}

/// A response head. The first byte chooses the cut, the second the method of the request.
pub fn response_head(data: &[u8]) {
    let [cut, method, bytes @ ..] = data else { return };
    let method = [Method::Get, Method::Head, Method::Connect, Method::Post][usize::from(method % 4)];
    let answer =
        read(bytes, *cut, |bytes, searched, fields| parse_response_head(bytes, searched, &LIMITS, fields));
    let judged = plain_head::response(bytes, &LIMITS);
    assert_eq!(answer.as_ref().ok().map(Option::is_some), judged, "the plain reading differs: {answer:?}");
    let Ok(Some((head, consumed, spelt))) = answer else { return };

    let mut fields = FieldTable::new();
    let again = parse_response_head(bytes, 0, &LIMITS, &mut fields);
    assert!(matches!(again, Ok(Progress::Done { .. })));
    assert!(in_bounds(head.reason, consumed) && (100..600).contains(&head.status));
    check_fields(bytes, consumed, &fields);
    let framing = response_framing(bytes, method, &head, &fields);
    let is_bodyless = method == Method::Head
        || matches!(head.status, 100..200 | 204 | 304)
        || method == Method::Connect && head.status / 100 == 2;
    let undeclared = BodyFraming::UntilClose;
    let plain = plain_head::framing(head.version, &spelt)
        .map(|declared| if is_bodyless { BodyFraming::None } else { declared.unwrap_or(undeclared) });
    assert_eq!(framing.map_err(drop), plain);

    let mut written = Vec::new();
    let mut writer = HeadWriter::new(&mut written);
    writer.status_line(head.status, head.reason.of(bytes));
    spelt.iter().for_each(|(name, value)| writer.field(name, value));
    writer.end();
    let roomy = HeadLimits { header_bytes: 2 * LIMITS.header_bytes, ..LIMITS };
    let back =
        read(&written, *cut, |bytes, searched, fields| parse_response_head(bytes, searched, &roomy, fields));
    assert!(matches!(back, Ok(Some((_, length, fields))) if length == written.len() && fields == spelt));
}

/// A chunked body. The first two bytes choose where the rest is cut.
pub fn chunked(data: &[u8]) {
    let [first, second, bytes @ ..] = data else { return };
    let cuts = [usize::from(*first), usize::from(*first) + usize::from(*second)];
    let bare = decode(bytes, &[], ChunkedOutput::Bare);
    let framed = decode(bytes, &[], ChunkedOutput::Framed);
    assert_eq!(decode(bytes, &cuts, ChunkedOutput::Bare), bare, "cut at {cuts:?}");
    assert_eq!(decode(bytes, &cuts, ChunkedOutput::Framed), framed, "cut at {cuts:?}");
    assert_eq!(bare.as_ref().err(), framed.as_ref().err());
    let plain = plain_chunked::decode(bytes);
    match (bare, framed) {
        (Ok(bare), Ok(framed)) => {
            assert_eq!((bare.content, &bare.rest), (framed.content, &framed.rest));
            assert_eq!(bare.content, bare.output.len());
            let again = decode(&framed.output, &[], ChunkedOutput::Framed);
            assert!(again.is_ok_and(|again| again.output == framed.output), "framed output is not canonical");
            let again = decode(&framed.output, &cuts, ChunkedOutput::Bare);
            let is_ended = bare.rest.is_some();
            assert!(again.is_ok_and(|again| again.output == bare.output && again.rest.is_some() == is_ended));
            let ended = bare.rest.map(|rest| (bare.output, rest));
            assert_eq!(plain, Ok(ended), "the plain reading differs");
        }
        _ => assert_eq!(plain, Err(()), "only the plain reading takes it"),
    }
}

fn in_bounds(span: Span, length: usize) -> bool {
    span.start <= span.end && span.end as usize <= length
}

/// The answer of `parse`, which must be the same for the whole and for the two parts of `bytes` around `cut`.
fn read<H: PartialEq + std::fmt::Debug>(
    bytes: &[u8],
    cut: u8,
    parse: impl Fn(&[u8], usize, &mut FieldTable) -> Result<Progress<H>, Rejection>,
) -> Answer<H> {
    let once = |bytes: &[u8], searched: usize| -> Result<(Option<_>, usize), Rejection> {
        let mut fields = FieldTable::new();
        Ok(match parse(bytes, searched, &mut fields)? {
            Progress::NeedMore { searched } => (None, searched),
            Progress::Done { value, consumed } => {
                let spell = |span: Span| span.of(bytes).to_vec();
                let spelt = fields.iter().map(|field| (spell(field.name), spell(field.value))).collect();
                (Some((value, consumed, spelt)), 0)
            }
        })
    };
    let whole = once(bytes, 0).map(|(answer, _)| answer);
    let cut = bytes.len() * usize::from(cut) / 256;
    let in_parts = match once(&bytes[..cut], 0) {
        Ok((None, searched)) => {
            assert!(searched <= cut);
            once(bytes, searched).map(|(answer, _)| answer)
        }
        early => early.map(|(answer, _)| answer),
    };
    assert_eq!(in_parts, whole, "cut at {cut}");
    whole
}

fn check_fields(bytes: &[u8], consumed: usize, fields: &FieldTable) {
    assert!(fields.len() <= LIMITS.header_count);
    let mut end = 0;
    for field in fields.iter() {
        assert!(in_bounds(field.name, consumed) && in_bounds(field.value, consumed));
        assert!(end < field.name.start && field.name.end < field.value.start.max(field.name.end + 1));
        end = field.name.end;
        let value = field.value.of(bytes);
        assert!(value.iter().all(|&byte| byte == b'\t' || byte >= b' ' && byte != 0x7f));
        assert!(![value.first(), value.last()].iter().any(|edge| matches!(edge, Some(b' ' | b'\t'))));
    }
    let Ok(options) = connection_options(bytes, fields) else { return };
    let nominated = options.nominated();
    assert!(nominated.iter().all(|&name| in_bounds(name, consumed) && !name.is_empty()));
    assert!(upgrade_protocol(bytes, fields, &options).is_none_or(|protocol| in_bounds(protocol, consumed)));
    for field in fields.iter() {
        let is_nominated =
            nominated.iter().any(|name| name.of(bytes).eq_ignore_ascii_case(field.name.of(bytes)));
        assert!(!is_nominated || !options.forwards(bytes, field));
    }
}

fn check_target(bytes: &[u8], consumed: usize, head: &RequestHead, fields: &FieldTable) {
    let Ok(target) = request_target(bytes, head, fields) else { return };
    for span in [target.authority, target.host, target.path, target.query.unwrap_or_default()] {
        assert!(in_bounds(span, consumed));
    }
    assert!(target.host.len() <= limits::HOST_BYTES.max(47), "longer than any name or IPv6 address");
    assert!(target.authority.of(bytes).starts_with(target.host.of(bytes)));
    let path = target.path.of(bytes);
    assert!(path.is_empty() || path == b"*" || path.starts_with(b"/") && !path.contains(&b'?'));
}

/// What came out of a chunked body.
#[derive(Debug, PartialEq)]
struct Unchunked {
    output: Vec<u8>,
    content: usize,
    /// What lies behind the body, once it has ended.
    rest: Option<Vec<u8>>,
}

/// Decodes `bytes` as they come in parts that end at `cuts` (ascending, those beyond the end count as the end).
fn decode(bytes: &[u8], cuts: &[usize], output: ChunkedOutput) -> Result<Unchunked, Rejection> {
    let mut decoder = ChunkedDecoder::new(output);
    let mut all = Unchunked { output: Vec::new(), content: 0, rest: None };
    let (mut unread, mut start) = (Vec::new(), 0);
    for &end in cuts.iter().chain([&bytes.len()]) {
        let end = end.min(bytes.len());
        unread.extend_from_slice(&bytes[start..end]);
        start = end;
        let behind = unread.clone();
        let decoded = decoder.advance(&mut unread)?;
        assert!(decoded.produced <= decoded.taken && decoded.content <= decoded.produced);
        assert!(unread[decoded.taken..] == behind[decoded.taken..], "unread bytes were touched");
        assert!(decoded.done == decoder.is_done());
        assert!(
            decoded.done || unread.len() - decoded.taken <= limits::TRAILER_BYTES,
            "too much is held back"
        );
        all.output.extend_from_slice(&unread[..decoded.produced]);
        all.content += decoded.content;
        unread.drain(..decoded.taken);
    }
    all.rest = decoder.is_done().then_some(unread);
    Ok(all)
}
