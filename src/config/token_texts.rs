//! Texts that tokens are compared with, and that stand in challenges: words of scopes, realms, names, levels, algorithms.

use super::reader::Field;
use crate::protocol::token::algorithm::Algorithm;

/// One or more words of a scope.
pub(super) fn scope(field: &Field<'_>) -> Vec<String> {
    let fields = field.list_of_some("any scope");
    fields
        .iter()
        .filter_map(|field| field.parsed("a word of a scope or a list of them", parse_scope))
        .collect()
}

/// A realm: it stands in a quoted string of a challenge.
pub(super) fn parse_realm(text: &str) -> Result<String, String> {
    if text.is_empty() || !text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Err("a realm is visible ASCII and spaces".to_owned());
    }
    Ok(text.to_owned())
}

/// A text that something is compared with.
pub(super) fn parse_text(text: &str) -> Result<String, String> {
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err("write a text without control characters".to_owned());
    }
    Ok(text.to_owned())
}

/// A word of a scope (RFC 6749 section 3.3).
fn parse_scope(text: &str) -> Result<String, String> {
    if text.contains(' ') {
        return Err("write a list of words".to_owned());
    }
    let is_allowed = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    if text.is_empty() || !text.bytes().all(is_allowed) {
        return Err("a word of a scope is visible ASCII without `\"` and `\\`".to_owned());
    }
    Ok(text.to_owned())
}

/// An issuer's name.
pub(super) fn parse_issuer(text: &str) -> Result<String, String> {
    if text.is_empty() || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("write it as tokens have it in `iss`, such as \"https://login.example.com\"".to_owned());
    }
    Ok(text.to_owned())
}

/// What may sign.
pub(super) fn parse_algorithm(text: &str) -> Result<Algorithm, String> {
    let names = Algorithm::ALL.map(Algorithm::name).join(", ");
    Algorithm::of_name(text).ok_or_else(|| format!("no token may be signed by it; there are {names}"))
}

/// A level of authentication: challenges list them with spaces between.
pub(super) fn parse_level(text: &str) -> Result<String, String> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("a level is visible ASCII without spaces".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_realms_and_names_are_what_can_be_compared_and_quoted() {
        let check = |parse: fn(&str) -> Result<String, String>, good: &[&str], bad: &[&str]| {
            for text in good {
                assert_eq!(parse(text).as_deref(), Ok(*text));
            }
            for text in bad {
                assert!(parse(text).is_err(), "{text:?}");
            }
        };
        check(parse_scope, &["orders.read", "https://a/b", "a:b!#~"], &["", "a b", "a\"", "a\\", "é", "a\n"]);
        check(parse_realm, &["orders", "the \"orders\""], &["", "a\r\n", "é"]);
        check(parse_level, &["gold", "urn:a:b"], &["", "a b", "é"]);
        check(parse_text, &["orders", "a b", "é"], &["", "a\n"]);
        check(parse_issuer, &["https://a", "accounts.google.com"], &["", "a b", "a\n", " a"]);
    }
}
