//! How long a document is good, by what its server says of it (RFC 9111 section 4.2.1). Pure.

use std::time::Duration;

/// The time left of `Cache-Control: max-age` after `Age`; zero if it should not be kept, or is repeated and so not to be
/// relied on. Absent: the server says nothing of use.
pub(super) fn lifetime<'a>(fields: impl Iterator<Item = (&'a str, &'a [u8])>) -> Option<Duration> {
    let (mut allowed, mut age) = (None, 0);
    for (name, value) in fields {
        if name.eq_ignore_ascii_case("age") {
            age = number(value.trim_ascii()).unwrap_or(u64::MAX).max(age);
        } else if name.eq_ignore_ascii_case("cache-control") {
            for directive in value.split(|byte| *byte == b',') {
                let Some(seconds) = seconds(directive) else { continue };
                allowed = Some(allowed.unwrap_or(u64::MAX).min(seconds));
            }
        }
    }
    allowed.map(|allowed: u64| Duration::from_secs(allowed.saturating_sub(age)))
}

/// What a directive allows, if it speaks of that. A number that is none allows nothing.
fn seconds(directive: &[u8]) -> Option<u64> {
    let mut parts = directive.splitn(2, |byte| *byte == b'=').map(<[u8]>::trim_ascii);
    let name = parts.next()?;
    if name.eq_ignore_ascii_case(b"no-store") || name.eq_ignore_ascii_case(b"no-cache") {
        return Some(0);
    }
    if !name.eq_ignore_ascii_case(b"max-age") {
        return None;
    }
    let value = parts.next().unwrap_or_default();
    let unquoted = value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
    Some(number(unquoted.unwrap_or(value)).unwrap_or(0))
}

/// Digits alone; as many as there are.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    // More than 64 bits hold is as good as for ever (RFC 9111 section 1.2.2).
    Some(std::str::from_utf8(digits).ok()?.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_good_for_what_is_left_of_its_age() {
        let check = |fields: &[(&str, &str)], expected: Option<u64>| {
            let found = lifetime(fields.iter().map(|(name, value)| (*name, value.as_bytes())));
            assert_eq!(found, expected.map(Duration::from_secs), "{fields:?}");
        };
        let control = "Cache-Control";
        check(&[], None);
        check(&[(control, "public")], None);
        check(&[(control, "s-maxage=9, immutable")], None);
        check(&[("expires", "0"), ("age", "5")], None);
        check(&[(control, "max-age=300")], Some(300));
        check(&[("CACHE-CONTROL", "public, Max-Age = 300 , must-revalidate")], Some(300));
        check(&[(control, "max-age=\"60\"")], Some(60));
        check(&[(control, "max-age=300"), ("Age", "100")], Some(200));
        check(&[("Age", "100"), (control, "max-age=60")], Some(0));
        check(&[(control, "max-age=300"), ("Age", "x")], Some(0));
        check(&[(control, "no-store")], Some(0));
        check(&[(control, "max-age=300, no-cache")], Some(0));
        check(&[(control, "max-age=300"), (control, "max-age=20")], Some(20));
        for odd in ["max-age", "max-age=", "max-age=-1", "max-age=+1", "max-age=1.5", "max-age=\"1"] {
            check(&[(control, odd)], Some(0));
        }
        check(&[(control, "max-age=99999999999999999999999")], Some(u64::MAX));
        check(&[(control, "xmax-age=3, max-agex=4")], None);
    }
}
