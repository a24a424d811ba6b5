//! Texts that end up in HTTP messages: field names and values, methods, targets, templates.
//!
//! What is refused here can never be sent, whatever a request holds.

use crate::policy::field_template::FieldTemplate;
use crate::policy::route_table::check_template;

/// Fields the proxy writes itself, on requests and responses alike: they frame or belong to one hop.
const OWN_FIELDS: &[&str] = &[
    "connection",
    "content-length",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
/// Fields the proxy writes itself on requests.
const OWN_REQUEST_FIELDS: &[&str] = &[
    "expect",
    "forwarded",
    "max-forwards",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
];

/// A token of RFC 9110 section 5.6.2.
pub(super) fn is_token(text: &str) -> bool {
    let symbol = |byte| b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || symbol(byte))
}

/// The name of a field a route may set on the forwarded request, in lower case.
pub(super) fn parse_request_field(name: &str) -> Result<String, String> {
    let lower = parse_field_name(name)?;
    match lower.as_str() {
        "host" => Err("the `Host` a server sees is set by `upstream_host`".to_owned()),
        own if OWN_REQUEST_FIELDS.contains(&own) => Err("the proxy writes this field itself".to_owned()),
        _ => Ok(lower),
    }
}

/// The name of a field a route may set on the response, in lower case.
pub(super) fn parse_response_field(name: &str) -> Result<String, String> {
    parse_field_name(name)
}

fn parse_field_name(name: &str) -> Result<String, String> {
    let lower = name.to_ascii_lowercase();
    if !is_token(name) {
        return Err("not a field name: letters, digits and `-` make one".to_owned());
    }
    if OWN_FIELDS.contains(&lower.as_str()) {
        return Err("the proxy writes this field itself".to_owned());
    }
    Ok(lower)
}

/// A field value: visible ASCII, inner spaces and tabs.
pub(super) fn parse_field_value(text: &str) -> Result<String, String> {
    if text.trim_matches([' ', '\t']) != text {
        return Err("spaces around a field value do not survive the way; leave them out".to_owned());
    }
    if let Some(bad) = text.chars().find(|c| !matches!(c, '\t' | ' '..='~')) {
        return Err(format!("{bad:?} cannot stand in a field value; visible ASCII can"));
    }
    Ok(text.to_owned())
}

/// A field value with placeholders.
pub(super) fn parse_field_template(text: &str) -> Result<FieldTemplate, String> {
    parse_field_value(text)?;
    FieldTemplate::parse(text).map_err(|fault| fault.to_string())
}

/// A method, in upper case.
pub(super) fn parse_method(text: &str) -> Result<String, String> {
    if !is_token(text) {
        return Err("not a method; write for example \"GET\"".to_owned());
    }
    Ok(text.to_ascii_uppercase())
}

/// A target a health check asks for.
pub(super) fn parse_target(text: &str) -> Result<String, String> {
    if !text.starts_with('/') {
        return Err("a path begins with `/`".to_owned());
    }
    target_characters(text, "#\"<>\\^`{|}")?;
    Ok(text.to_owned())
}

/// A target with `{path}` and `{query}`.
pub(super) fn parse_rewrite(text: &str) -> Result<String, String> {
    if !text.starts_with('/') && !text.starts_with("{path}") {
        return Err("a rewritten target begins with `/` or `{path}`".to_owned());
    }
    check_template(text).map_err(|fault| fault.to_string())?;
    target_characters(text, "#\"<>\\^`|")?;
    Ok(text.to_owned())
}

/// A `Location`: a URL or a target, with `{path}` and `{query}`.
pub(super) fn parse_location(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("write a URL or a path".to_owned());
    }
    check_template(text).map_err(|fault| fault.to_string())?;
    Ok(text.to_owned())
}

/// What is taken from the front of a path.
pub(super) fn parse_prefix(text: &str) -> Result<String, String> {
    if !text.starts_with('/') || text.ends_with('/') || text.contains("//") {
        return Err("a prefix begins with `/` and does not end with one, as in \"/orders\"".to_owned());
    }
    target_characters(text, "#?*%\"<>\\^`{|}")?;
    Ok(text.to_owned())
}

/// Refuses what no target may hold, and `others`.
fn target_characters(text: &str, others: &str) -> Result<(), String> {
    match text.chars().find(|c| !c.is_ascii_graphic() || others.contains(*c)) {
        Some(bad) => Err(format!("{bad:?} cannot stand here")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(parse: fn(&str) -> Result<String, String>, good: &[&str], bad: &[&str]) {
        for text in good {
            assert!(parse(text).is_ok(), "{text:?}: {:?}", parse(text));
        }
        for text in bad {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn field_names_are_tokens_and_not_the_proxys_own() {
        let own =
            ["Connection", "content-length", "Transfer-Encoding", "upgrade", "te", "", "a b", "a:", "é"];
        check(parse_request_field, &["X-User", "a_b", "date"], &own);
        check(parse_request_field, &[], &["Host", "via", "Forwarded", "X-Forwarded-For"]);
        check(parse_response_field, &["via", "strict-transport-security"], &own);
        assert_eq!(parse_request_field("X-User"), Ok("x-user".to_owned()));
    }

    #[test]
    fn field_values_cannot_end_the_field() {
        let bad = ["a\r\nb: c", "a\nb", "a\0", "\u{7f}", "é", " a", "a ", "\ta"];
        check(parse_field_value, &["", "a", "a b\tc", "{\"a\":1}"], &bad);
        for text in ["", "max-age=1", "{client_certificate.san}", "{sub}"] {
            assert!(parse_field_template(text).is_ok(), "{text:?}");
        }
        for text in ["a}", "a\nb", "{client_certificate.san}\r\nb: c", " {client_certificate.san}"] {
            assert!(parse_field_template(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn targets_and_templates_hold_only_what_a_target_may() {
        check(
            parse_target,
            &["/", "/health?a=b"],
            &["", "health", "/a b", "/a#b", "/\u{e9}", "/a\r\n", "/{path}"],
        );
        check(
            parse_rewrite,
            &["/v2{path}", "{path}", "/a?{query}", "/fixed"],
            &["v2{path}", "{query}", "/{sub}", "/{", "/a b", "/{path}#", ""],
        );
        check(parse_location, &["https://a/{path}?{query}", "/a"], &["", "/a b", "/{sub}", "/a\r\nb", "/é"]);
        check(
            parse_prefix,
            &["/orders", "/a/b"],
            &["/", "orders", "/a/", "/a//b", "/a%2f", "/*", "/a?b", ""],
        );
        check(parse_method, &["GET", "get", "M-SEARCH"], &["", "G T", "GET\r"]);
    }
}
