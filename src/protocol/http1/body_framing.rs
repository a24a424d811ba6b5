//! How the body of a message ends: the only code that reads `Content-Length` and `Transfer-Encoding`
//! (RFC 9112 section 6.3).
//!
//! Exactly one reading is accepted for each message; everything else, however common a leniency, is refused.

use super::syntax::canonical_decimal;
use super::{FieldKind, FieldTable, Method, Rejection, RequestHead, ResponseHead, Version};

/// Where a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyFraming {
    /// There is no body.
    None,
    /// After this many bytes, possibly none.
    Length(u64),
    /// With the last chunk and its trailers.
    Chunked,
    /// With the connection; only responses.
    UntilClose,
}

/// How the body of a request ends; without either field there is none.
///
/// # Errors
/// [`Rejection::BothLengths`], [`Rejection::LengthRepeated`], [`Rejection::LengthInvalid`],
/// [`Rejection::TransferCodingUnsupported`].
pub fn request_framing(
    bytes: &[u8],
    head: &RequestHead,
    fields: &FieldTable,
) -> Result<BodyFraming, Rejection> {
    Ok(declared_framing(bytes, head.version, fields)?.unwrap_or(BodyFraming::None))
}

/// How the body of the response to a `request_method` request ends. What declares a length is checked even where there
/// is no body (HEAD, 1xx, 204, 304, CONNECT with 2xx): the fields go on to the client.
///
/// # Errors
/// As for [`request_framing`].
pub fn response_framing(
    bytes: &[u8],
    request_method: Method,
    head: &ResponseHead,
    fields: &FieldTable,
) -> Result<BodyFraming, Rejection> {
    let declared = declared_framing(bytes, head.version, fields)?;
    let is_bodyless = match request_method {
        Method::Head => true,
        Method::Connect if matches!(head.status, 200..=299) => true,
        _ => matches!(head.status, 100..=199 | 204 | 304),
    };
    if is_bodyless {
        return Ok(BodyFraming::None);
    }
    Ok(declared.unwrap_or(BodyFraming::UntilClose))
}

/// What the fields say, `None` if they say nothing.
fn declared_framing(
    bytes: &[u8],
    version: Version,
    fields: &FieldTable,
) -> Result<Option<BodyFraming>, Rejection> {
    let coding = fields.first(FieldKind::TransferEncoding);
    let length = fields.first(FieldKind::ContentLength);
    match (coding, length) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err(Rejection::BothLengths),
        (Some(coding), None) => {
            let is_chunked = fields.count(FieldKind::TransferEncoding) == 1
                && coding.value.of(bytes).eq_ignore_ascii_case(b"chunked");
            // An HTTP/1.0 hop on the way may have passed the field on without understanding it.
            if !is_chunked || version == Version::Http10 {
                return Err(Rejection::TransferCodingUnsupported);
            }
            Ok(Some(BodyFraming::Chunked))
        }
        (None, Some(length)) => {
            let digits = length.value.of(bytes);
            if fields.count(FieldKind::ContentLength) > 1 || digits.contains(&b',') {
                return Err(Rejection::LengthRepeated);
            }
            // Leading zeros are valid in RFC 9110 but octal to some: refused like any sign.
            canonical_decimal(digits).map(BodyFraming::Length).map(Some).ok_or(Rejection::LengthInvalid)
        }
    }
}
