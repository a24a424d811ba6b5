//! The HTTP/1.1 around sealed messages as the client judges it: what says that a response is sealed, and what one in clear
//! says. Nothing of it is authentic.

use super::fault::ClientFault;
use super::problem::Problem;
use crate::limits;
use crate::protocol::http_date::parse_date;
use crate::protocol::http1::{HeadLimits, ReceivedHead};

/// Of the head of an outer response.
pub const OUTER_HEAD_LIMITS: HeadLimits = HeadLimits {
    request_line: 0,
    header_bytes: limits::CLIENT_HEAD_BYTES,
    header_count: limits::HEADER_COUNT_MAX,
};

/// Whether a response is sealed: 200 with this media type. `body` is what came of the body, to say what is wrong.
///
/// # Errors
/// [`ClientFault::InClear`], [`ClientFault::MediaType`].
pub(super) fn require_sealed(head: &ReceivedHead, sealed: &str, body: &[u8]) -> Result<(), ClientFault> {
    let media_type = head.media_type();
    if head.status == 200 && media_type == sealed {
        return Ok(());
    }
    if head.status == 200 {
        return Err(ClientFault::MediaType(media_type.chars().filter(char::is_ascii_graphic).collect()));
    }
    Err(in_clear(head, body))
}

/// Why a response in clear is none. `body` is what came of its body.
pub(super) fn in_clear(head: &ReceivedHead, body: &[u8]) -> ClientFault {
    let is_problem = head.media_type() == Problem::MEDIA_TYPE;
    let problem = if is_problem { Problem::read(head.status, body) } else { None };
    let retry_after = head.field("retry-after").and_then(decimal);
    let problem = problem.map(|problem| Problem { retry_after, ..problem });
    let date = head.field("date").and_then(parse_date);
    ClientFault::InClear { status: head.status, problem, date }
}

/// A number as it stands in a field.
pub(super) fn decimal(value: &[u8]) -> Option<u64> {
    let digits =
        std::str::from_utf8(value).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    digits?.parse().ok()
}

#[cfg(test)]
mod tests;
