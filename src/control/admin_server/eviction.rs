//! `POST /evict`: which token is to be forgotten. Pure.

use super::answer::Refusal;
use crate::limits::ADMIN_BODY_BYTES;
use crate::protocol::token::revocation::{digit, hash_of_value};

/// The SHA-256 of the token that a request names in its form, as `token=...` or `token_hash=...`. `body`: what came of
/// it so far; `None` until it is whole.
pub(super) fn hash_to_evict(
    fields: &[httparse::Header<'_>],
    body: &[u8],
    is_loopback: bool,
) -> Result<Option<[u8; 32]>, Refusal> {
    if !is_loopback {
        return Err(Refusal::NotLoopback);
    }
    let named = |name: &'static str| fields.iter().filter(move |field| field.name.eq_ignore_ascii_case(name));
    // Only browsers say so, of a page that may have come from anywhere.
    if named("origin").next().is_some() {
        return Err(Refusal::Page);
    }
    if named("transfer-encoding").next().is_some() {
        return Err(Refusal::Length);
    }
    let mut lengths = named("content-length");
    let (Some(length), None) = (lengths.next(), lengths.next()) else { return Err(Refusal::Length) };
    if length.value.is_empty() || !length.value.iter().all(u8::is_ascii_digit) {
        return Err(Refusal::Malformed);
    }
    let length = std::str::from_utf8(length.value).ok().and_then(|digits| digits.parse().ok());
    let length = length.filter(|length| *length <= ADMIN_BODY_BYTES).ok_or(Refusal::BodyTooLong)?;
    let Some(form) = body.get(..length) else { return Ok(None) };
    hash_in(form.trim_ascii()).ok_or(Refusal::Form).map(Some)
}

fn hash_in(form: &[u8]) -> Option<[u8; 32]> {
    if let Some(text) = form.strip_prefix(b"token_hash=") {
        return from_hex(text);
    }
    hash_of_value(form.strip_prefix(b"token=")?)
}

fn from_hex(text: &[u8]) -> Option<[u8; 32]> {
    if text.len() != 64 {
        return None;
    }
    let mut hash = [0; 32];
    for (byte, pair) in hash.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    use ring::digest::{SHA256, digest};

    use super::*;
    use crate::limits::TOKEN_BYTES;

    /// The SHA-256 of `abc` (FIPS 180-4).
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn evict(fields: &[(&str, &str)], body: &str, is_loopback: bool) -> Result<Option<[u8; 32]>, Refusal> {
        let fields: Vec<_> =
            fields.iter().map(|(name, value)| httparse::Header { name, value: value.as_bytes() }).collect();
        hash_to_evict(&fields, body.as_bytes(), is_loopback)
    }

    #[test]
    fn a_token_is_named_by_itself_or_by_its_hash() {
        let of = |text: &str| {
            let mut hash = [0; 32];
            hash.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
            hash
        };
        let check = |form: &str, expected: Result<[u8; 32], Refusal>| {
            let length = form.len().to_string();
            let found = evict(&[("Content-Length", &length)], form, true);
            assert_eq!(found, expected.map(Some), "{form}");
        };
        check("token=abc", Ok(of("abc")));
        check("token=abc\r\n", Ok(of("abc")));
        check(&format!("token_hash={ABC}"), Ok(of("abc")));
        check(&format!("token_hash={}", ABC.to_uppercase()), Ok(of("abc")));
        check("token=a+b/c~._-==", Ok(of("a+b/c~._-==")));
        check("token=a%2Bb%2fc%3D", Ok(of("a+b/c=")));
        let long = "a".repeat(TOKEN_BYTES);
        check(&format!("token={long}"), Ok(of(&long)));
        for form in [
            "",
            "abc",
            "token",
            "token=",
            "Token=abc",
            "token=a b",
            "token=a%",
            "token=a%2",
            "token=a%zz",
            "token=a%20b",
            "token=a%00",
            "token=a&token=b",
            "x=1&token=a",
            "token_hash=",
            &format!("token_hash={}", &ABC[1..]),
            &format!("token_hash={ABC}0"),
            &format!("token_hash=+{}", &ABC[1..]),
            &format!("token={long}a"),
        ] {
            check(form, Err(Refusal::Form));
        }
    }

    #[test]
    fn nothing_is_evicted_for_other_machines_or_for_pages() {
        let length = ("Content-Length", "9");
        assert_eq!(evict(&[length], "token=abc", false), Err(Refusal::NotLoopback));
        for origin in ["http://127.0.0.1:9901", "https://evil.test", "null"] {
            assert_eq!(evict(&[length, ("origin", origin)], "token=abc", true), Err(Refusal::Page));
        }
    }

    #[test]
    fn a_body_says_how_long_it_is_and_is_waited_for() {
        let form = "token=abc";
        for end in 0..form.len() {
            assert_eq!(evict(&[("Content-Length", "9")], &form[..end], true), Ok(None), "{end}");
        }
        let most = ADMIN_BODY_BYTES.to_string();
        assert_eq!(evict(&[("Content-Length", &most)], form, true), Ok(None));
        let more = (ADMIN_BODY_BYTES + 1).to_string();
        for (fields, expected) in [
            (vec![], Refusal::Length),
            (vec![("Content-Length", "9"), ("Content-Length", "9")], Refusal::Length),
            (vec![("Content-Length", "9"), ("Transfer-Encoding", "chunked")], Refusal::Length),
            (vec![("Content-Length", "")], Refusal::Malformed),
            (vec![("Content-Length", "+9")], Refusal::Malformed),
            (vec![("Content-Length", "9, 9")], Refusal::Malformed),
            (vec![("Content-Length", &more)], Refusal::BodyTooLong),
            (vec![("Content-Length", "99999999999999999999999")], Refusal::BodyTooLong),
        ] {
            assert_eq!(evict(&fields, form, true), Err(expected), "{fields:?}");
        }
    }
}
