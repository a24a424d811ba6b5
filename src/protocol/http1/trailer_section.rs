//! The trailer section of a chunked body (RFC 9112 section 7.1.2), whole or not at all.
//!
//! A trailer may carry nothing a recipient would have needed before the body: RFC 9110 section 6.5.1. Recipients that
//! merge trailers into the head would otherwise let a peer replace framing, routing or identity after these were judged.

use super::head_fault::field_line_fault;
use super::head_scan::{Scan, ScanLimits, find_head_end};
use super::{FieldKind, Rejection};
use crate::limits;
use crate::protocol::progress::Progress;

/// Checks the trailer section at the start of `bytes`, its empty line included.
pub(super) fn parse_trailer_section(bytes: &[u8], searched: usize) -> Result<Progress<()>, Rejection> {
    if bytes.starts_with(b"\r\n") {
        return Ok(Progress::Done { value: (), consumed: 2 });
    }
    let scan_limits = ScanLimits { start_line: None, head: limits::TRAILER_BYTES };
    let end = match find_head_end(bytes, 0, searched, &scan_limits, Rejection::TrailerInvalid) {
        Ok(Scan::NeedMore { searched }) => return Ok(Progress::NeedMore { searched }),
        Ok(Scan::End(end)) => end,
        Err(Rejection::HeadTooLarge) => return Err(Rejection::TrailersTooLarge),
        Err(fault) => return Err(fault),
    };
    let lines = bytes[..end - 2].split_inclusive(|&byte| byte == b'\n');
    for (index, line) in lines.enumerate() {
        if index == limits::TRAILER_COUNT {
            return Err(Rejection::TrailersTooLarge);
        }
        check_line(line.strip_suffix(b"\r\n").unwrap_or(line))?;
    }
    Ok(Progress::Done { value: (), consumed: end })
}

/// The fields of a trailer section that was checked: names as sent, values without the space around them.
pub fn trailer_fields(section: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> + Clone {
    section.split(|&byte| byte == b'\n').filter_map(|line| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let colon = memchr::memchr(b':', line)?;
        Some((&line[..colon], line[colon + 1..].trim_ascii()))
    })
}

fn check_line(line: &[u8]) -> Result<(), Rejection> {
    if field_line_fault(line).is_some() {
        return Err(Rejection::TrailerInvalid);
    }
    let colon = memchr::memchr(b':', line).unwrap_or(line.len());
    if is_allowed(FieldKind::of(&line[..colon])) { Ok(()) } else { Err(Rejection::TrailerForbidden) }
}

/// Whether a field of this kind may stand in trailers.
fn is_allowed(kind: FieldKind) -> bool {
    match kind {
        FieldKind::Other | FieldKind::Server | FieldKind::AltSvc | FieldKind::ProxyStatus => true,
        // Framing and hop-by-hop.
        FieldKind::ContentLength
        | FieldKind::TransferEncoding
        | FieldKind::Connection
        | FieldKind::KeepAlive
        | FieldKind::ProxyConnection
        | FieldKind::Te
        | FieldKind::Trailer
        | FieldKind::Upgrade => false,
        // Routing, forwarding and tracing.
        FieldKind::Host
        | FieldKind::MaxForwards
        | FieldKind::Via
        | FieldKind::Forwarded
        | FieldKind::XForwardedFor
        | FieldKind::XForwardedProto
        | FieldKind::XForwardedHost
        | FieldKind::XRealIp
        | FieldKind::Traceparent
        | FieldKind::Tracestate => false,
        // Authentication and sessions.
        FieldKind::Authorization
        | FieldKind::ProxyAuthorization
        | FieldKind::ProxyAuthenticate
        | FieldKind::ProxyAuthenticationInfo
        | FieldKind::SetCookie
        | FieldKind::Cookie => false,
        // Request modifiers, response control, content format.
        FieldKind::Expect
        | FieldKind::Date
        | FieldKind::ContentType
        | FieldKind::ContentEncoding
        | FieldKind::Location
        | FieldKind::CacheControl
        | FieldKind::ContentRange
        | FieldKind::Range => false,
    }
}
