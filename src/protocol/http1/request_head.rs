//! Request line and fields to spans.
//!
//! Left to others: what the target means ([`super::request_target()`]) and how the body ends
//! ([`super::request_framing`]).

use super::head_fault::{is_target_byte, request_head_fault};
use super::head_scan::{Scan, ScanLimits, find_head_end};
use super::{FieldTable, Rejection};
use crate::limits;
use crate::protocol::progress::Progress;
use crate::protocol::span::Span;
use httparse::Header;
use std::mem::MaybeUninit;

/// How large a head may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadLimits {
    /// Bytes of the request line without its CRLF; a response has no such limit.
    pub request_line: usize,
    /// Bytes of the whole head from its start line to the end of its empty line.
    pub header_bytes: usize,
    /// Number of fields; [`limits::HEADER_COUNT_MAX`] holds in any case.
    pub header_count: usize,
}

/// The protocol version of a message; there are no others here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    Http11,
}

/// A request method. Names are case-sensitive (RFC 9110 section 9.1): `get` is [`Method::Other`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each variant is the method of that name")]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Delete,
    Connect,
    Options,
    Trace,
    Patch,
    /// Any other token.
    Other,
}

impl Method {
    /// The method of this name.
    pub fn of(name: &[u8]) -> Self {
        match name {
            b"GET" => Self::Get,
            b"HEAD" => Self::Head,
            b"POST" => Self::Post,
            b"PUT" => Self::Put,
            b"DELETE" => Self::Delete,
            b"CONNECT" => Self::Connect,
            b"OPTIONS" => Self::Options,
            b"TRACE" => Self::Trace,
            b"PATCH" => Self::Patch,
            _ => Self::Other,
        }
    }

    /// Sending it twice does no more than sending it once (RFC 9110 section 9.2.2).
    pub fn is_idempotent(self) -> bool {
        self.is_safe() || matches!(self, Self::Put | Self::Delete)
    }

    /// It only reads (RFC 9110 section 9.2.1).
    pub fn is_safe(self) -> bool {
        matches!(self, Self::Get | Self::Head | Self::Options | Self::Trace)
    }
}

/// A parsed request line. Spans start at the first byte given to the parser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestHead {
    /// The method.
    pub method: Method,
    /// The method as sent: what to forward for [`Method::Other`].
    pub method_name: Span,
    /// The request target as sent.
    pub target: Span,
    /// The version the client speaks.
    pub version: Version,
}

/// Parses the request head at the start of `bytes`, putting its fields into `fields` (cleared first).
///
/// `searched` is 0 or what the last [`Progress::NeedMore`] for the same, then shorter, bytes said. Up to
/// [`limits::EMPTY_LINES`] empty lines before the request line are skipped and count as consumed.
///
/// # Errors
/// Any [`Rejection`] about sizes, line structure, request line or fields. Which one does not depend on how the bytes
/// were cut into reads.
pub fn parse_request_head(
    bytes: &[u8],
    searched: usize,
    limits: &HeadLimits,
    fields: &mut FieldTable,
) -> Result<Progress<RequestHead>, Rejection> {
    fields.clear();
    let start = skip_empty_lines(bytes);
    let scan_limits = ScanLimits {
        start_line: Some((limits.request_line, Rejection::RequestLineTooLong)),
        head: limits.header_bytes,
    };
    let end = match find_head_end(bytes, start, searched, &scan_limits, Rejection::InvalidMethod)? {
        Scan::NeedMore { searched } => return Ok(Progress::NeedMore { searched }),
        Scan::End(end) => end,
    };
    let head = &bytes[start..end];
    let parsed = parse_whole::<FEW_FIELDS>(head, fields).or_else(|fault| {
        if fault == httparse::Error::TooManyHeaders { parse_many(head, fields) } else { Err(fault) }
    });
    let mut value = match parsed {
        Ok(Some(value)) if fields.len() <= limits.header_count => value,
        Ok(Some(_)) | Err(httparse::Error::TooManyHeaders) => return Err(Rejection::TooManyFields),
        Ok(None) | Err(_) => return Err(request_head_fault(head).unwrap_or(Rejection::InvalidFieldName)),
    };
    value.method_name = value.method_name.shifted(start);
    value.target = value.target.shifted(start);
    if start > 0 {
        fields.shift(start);
    }
    Ok(Progress::Done { value, consumed: end })
}

/// Fields most heads stay below: their scratch space is 2 KiB of stack instead of 32.
pub(super) const FEW_FIELDS: usize = 64;

#[cold]
#[inline(never)]
fn parse_many(head: &[u8], fields: &mut FieldTable) -> Result<Option<RequestHead>, httparse::Error> {
    parse_whole::<{ limits::HEADER_COUNT_MAX }>(head, fields)
}

/// Parses a complete head. `None` when `httparse` took it in a way RFC 9112 does not allow.
fn parse_whole<const FIELDS: usize>(
    head: &[u8],
    fields: &mut FieldTable,
) -> Result<Option<RequestHead>, httparse::Error> {
    let mut scratch = [const { MaybeUninit::<Header<'_>>::uninit() }; FIELDS];
    let mut request = httparse::Request::new(&mut []);
    let status = request.parse_with_uninit_headers(head, &mut scratch)?;
    let (Some(method), Some(target), Some(version)) = (request.method, request.path, request.version) else {
        return Ok(None);
    };
    // The parts must be all there is: method SP target SP HTTP/1.x CRLF.
    let line = method.len() + 1 + target.len() + 1 + b"HTTP/1.x".len();
    let is_strict = status == httparse::Status::Complete(head.len())
        && head.get(line..line + 2) == Some(b"\r\n")
        && method.len() <= limits::METHOD_BYTES
        && target.bytes().all(is_target_byte);
    if !is_strict {
        return Ok(None);
    }
    fields.extend(head, request.headers);
    Ok(Some(RequestHead {
        method: Method::of(method.as_bytes()),
        method_name: Span::locate(head, method.as_bytes()),
        target: Span::locate(head, target.as_bytes()),
        version: if version == 0 { Version::Http10 } else { Version::Http11 },
    }))
}

/// Where the request line starts: behind the empty lines tolerated before it.
fn skip_empty_lines(bytes: &[u8]) -> usize {
    let mut start = 0;
    while start < 2 * limits::EMPTY_LINES && bytes[start..].starts_with(b"\r\n") {
        start += 2;
    }
    start
}
