//! The character classes of RFC 9110 section 5.6 and lists of tokens.

/// `tchar`: what tokens (methods, field names, codings, options) are made of.
#[inline]
pub(super) fn is_token_byte(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+'
        | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~')
}

/// A non-empty token.
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&byte| is_token_byte(byte))
}

/// What a field value or reason phrase is made of: HTAB, SP, VCHAR, obs-text.
#[inline]
pub(crate) fn is_text_byte(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'~' | 0x80..)
}

/// Optional white space: SP or HTAB.
#[inline]
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// `bytes` without optional white space at both ends; always a sub-slice of `bytes`.
#[inline]
pub(super) fn trim_space(mut bytes: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = bytes
        && is_space(*first)
    {
        bytes = rest;
    }
    while let [rest @ .., last] = bytes
        && is_space(*last)
    {
        bytes = rest;
    }
    bytes
}

/// The elements of a comma-separated list (RFC 9110 section 5.6.1), trimmed, empty ones left out. Not for lists whose
/// elements may hold quoted strings.
pub(super) fn list_elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(trim_space).filter(|element| !element.is_empty())
}

/// A decimal number without sign and leading zeros, `None` on overflow too.
pub(super) fn canonical_decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || (digits[0] == b'0' && digits.len() > 1) {
        return None;
    }
    digits.iter().try_fold(0u64, |number, &digit| {
        if !digit.is_ascii_digit() {
            return None;
        }
        number.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_canonical_or_nothing() {
        for (digits, number) in [
            ("0", Some(0)),
            ("7", Some(7)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("99999999999999999999", None),
            ("", None),
            ("00", None),
            ("07", None),
            ("+7", None),
            ("-7", None),
            ("7 ", None),
            ("0x7", None),
            ("7\u{663}", None),
        ] {
            assert_eq!(canonical_decimal(digits.as_bytes()), number, "{digits:?}");
        }
    }

    #[test]
    fn white_space_is_trimmed_at_both_ends_only() {
        for (text, trimmed) in
            [("", ""), (" ", ""), ("\t \t", ""), (" a\t", "a"), ("a b", "a b"), ("\ta \tb ", "a \tb")]
        {
            assert_eq!(trim_space(text.as_bytes()), trimmed.as_bytes(), "{text:?}");
        }
    }

    #[test]
    fn lists_leave_out_empty_elements() {
        let elements: Vec<&[u8]> = list_elements(b", a ,,\tb c,").collect();
        assert_eq!(elements, [&b"a"[..], b"b c"]);
    }
}
