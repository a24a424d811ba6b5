//! Status line and fields to spans, as strict with servers as with clients.
//!
//! Left to others: how the body ends ([`super::response_framing`]).

use super::head_fault::response_head_fault;
use super::head_scan::{Scan, ScanLimits, find_head_end};
use super::request_head::FEW_FIELDS;
use super::syntax::is_text_byte;
use super::{FieldTable, HeadLimits, Rejection, Version};
use crate::limits;
use crate::protocol::progress::Progress;
use crate::protocol::span::Span;
use httparse::Header;
use std::mem::MaybeUninit;

/// A parsed status line. Spans start at the first byte given to the parser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseHead {
    /// The version the server speaks.
    pub version: Version,
    /// 100 to 599.
    pub status: u16,
    /// The reason phrase as sent, often empty.
    pub reason: Span,
}

/// Parses the response head at the start of `bytes`, putting its fields into `fields` (cleared first).
///
/// `searched` is 0 or what the last [`Progress::NeedMore`] for the same, then shorter, bytes said. The space after the
/// status may be missing when the reason phrase is: RFC 9112 section 4 wants it, many servers do not send it, and
/// nothing can be confused.
///
/// # Errors
/// Any [`Rejection`] about sizes, line structure, status line or fields. Which one does not depend on how the bytes
/// were cut into reads.
pub fn parse_response_head(
    bytes: &[u8],
    searched: usize,
    limits: &HeadLimits,
    fields: &mut FieldTable,
) -> Result<Progress<ResponseHead>, Rejection> {
    fields.clear();
    let scan_limits = ScanLimits { start_line: None, head: limits.header_bytes };
    let end = match find_head_end(bytes, 0, searched, &scan_limits, Rejection::InvalidVersion)? {
        Scan::NeedMore { searched } => return Ok(Progress::NeedMore { searched }),
        Scan::End(end) => end,
    };
    let head = &bytes[..end];
    let parsed = parse_whole::<FEW_FIELDS>(head, fields).or_else(|fault| {
        if fault == httparse::Error::TooManyHeaders { parse_many(head, fields) } else { Err(fault) }
    });
    match parsed {
        Ok(Some(value)) if fields.len() <= limits.header_count => Ok(Progress::Done { value, consumed: end }),
        Ok(Some(_)) | Err(httparse::Error::TooManyHeaders) => Err(Rejection::TooManyFields),
        Ok(None) | Err(_) => Err(response_head_fault(head).unwrap_or(Rejection::InvalidFieldName)),
    }
}

#[cold]
#[inline(never)]
fn parse_many(head: &[u8], fields: &mut FieldTable) -> Result<Option<ResponseHead>, httparse::Error> {
    parse_whole::<{ limits::HEADER_COUNT_MAX }>(head, fields)
}

/// Parses a complete head. `None` when `httparse` took it in a way RFC 9112 does not allow.
fn parse_whole<const FIELDS: usize>(
    head: &[u8],
    fields: &mut FieldTable,
) -> Result<Option<ResponseHead>, httparse::Error> {
    let mut scratch = [const { MaybeUninit::<Header<'_>>::uninit() }; FIELDS];
    let mut response = httparse::Response::new(&mut []);
    let parsed = httparse::ParserConfig::default().parse_response_with_uninit_headers(
        &mut response,
        head,
        &mut scratch,
    )?;
    let (Some(version), Some(status @ 100..=599)) = (response.version, response.code) else {
        return Ok(None);
    };
    // httparse skips empty lines and drops a reason with obs-text, so the line is looked at here.
    let Some(reason) = reason_span(head) else { return Ok(None) };
    if parsed != httparse::Status::Complete(head.len()) {
        return Ok(None);
    }
    fields.extend(head, response.headers);
    Ok(Some(ResponseHead {
        version: if version == 0 { Version::Http10 } else { Version::Http11 },
        status,
        reason,
    }))
}

/// The reason phrase, `None` when the line is not `HTTP/1.x SP 3DIGIT [SP reason] CRLF`.
fn reason_span(head: &[u8]) -> Option<Span> {
    const STATUS_END: usize = b"HTTP/1.x 200".len();
    let end = memchr::memchr(b'\r', head)?;
    match head.get(STATUS_END..end)? {
        [] => Some(Span::new(end, end)),
        [b' ', reason @ ..] if reason.iter().all(|&byte| is_text_byte(byte)) => {
            Some(Span::new(STATUS_END + 1, end))
        }
        _ => None,
    }
}
