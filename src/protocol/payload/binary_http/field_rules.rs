//! Which names and values a field line may have, and which fields have no place in a Binary HTTP message.

use super::BhttpFault;

/// What a field in a header section means to the reading of the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Nothing.
    Plain,
    /// The authority once more.
    Host,
    /// The length of the content once more.
    ContentLength,
}

/// `tchar` without upper case (RFC 9113 section 8.2.1). Pseudo-fields begin with `:`, which is none.
pub(super) fn check_name(name: &[u8]) -> Result<(), BhttpFault> {
    let is_valid =
        !name.is_empty() && name.iter().all(|&byte| is_token_byte(byte) && !byte.is_ascii_uppercase());
    if is_valid { Ok(()) } else { Err(BhttpFault::FieldName) }
}

/// HTAB, SP, VCHAR and obs-text, no white space at the ends.
pub(super) fn check_value(value: &[u8]) -> Result<(), BhttpFault> {
    let is_space = |edge: Option<&u8>| matches!(edge, Some(b' ' | b'\t'));
    let is_text = |byte: &u8| matches!(byte, b'\t' | b' '..=b'~' | 0x80..);
    let is_valid = value.iter().all(is_text) && !is_space(value.first()) && !is_space(value.last());
    if is_valid { Ok(()) } else { Err(BhttpFault::FieldValue) }
}

/// Judges a field of a header section. `name` is in lower case.
pub(super) fn header_meaning(name: &[u8], value: &[u8]) -> Result<Meaning, BhttpFault> {
    match name {
        b"host" => Ok(Meaning::Host),
        b"content-length" => Ok(Meaning::ContentLength),
        // The one value that HTTP/2 lets stand: it promises no framing of its own.
        b"te" if value == b"trailers" => Ok(Meaning::Plain),
        b"connection" | b"expect" | b"keep-alive" | b"proxy-connection" | b"te" | b"transfer-encoding"
        | b"upgrade" => Err(BhttpFault::FieldForbidden),
        _ => Ok(Meaning::Plain),
    }
}

/// Refuses in trailers what a recipient would have needed before the content (RFC 9110 section 6.5.1): one that merges
/// them into the head would let a sender replace framing, routing or identity after these were judged. The same fields
/// are refused in the trailers of chunked HTTP/1.1, but for `trailer`: harmless, and RFC 9292 has it in an example.
pub(super) fn check_trailer(name: &[u8]) -> Result<(), BhttpFault> {
    match name {
        b"content-length" | b"transfer-encoding" | b"connection" | b"keep-alive" | b"proxy-connection"
        | b"te" | b"upgrade" => Err(BhttpFault::TrailerForbidden),
        b"host" | b"max-forwards" | b"via" | b"forwarded" | b"x-forwarded-for" | b"x-forwarded-proto"
        | b"x-forwarded-host" | b"x-real-ip" | b"traceparent" | b"tracestate" => {
            Err(BhttpFault::TrailerForbidden)
        }
        b"authorization"
        | b"proxy-authorization"
        | b"proxy-authenticate"
        | b"proxy-authentication-info"
        | b"set-cookie"
        | b"cookie" => Err(BhttpFault::TrailerForbidden),
        b"expect" | b"date" | b"content-type" | b"content-encoding" | b"location" | b"cache-control"
        | b"content-range" | b"range" => Err(BhttpFault::TrailerForbidden),
        _ => Ok(()),
    }
}

/// A decimal number without sign and leading zeros.
pub(super) fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || (digits[0] == b'0' && digits.len() > 1) {
        return None;
    }
    digits.iter().try_fold(0u64, |number, &digit| {
        let value = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        number.checked_mul(10)?.checked_add(value)
    })
}

/// `tchar` (RFC 9110 section 5.6.2).
pub(super) fn is_token_byte(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+'
        | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~')
}
