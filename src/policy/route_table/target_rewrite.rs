//! The target that is forwarded under `strip_prefix` and `rewrite`, and the `Location` of a fixed answer.
//!
//! Works on the bytes the client sent: nothing is decoded or encoded on the way, so that the server behind sees the
//! client's spelling of what was not replaced.

use super::{FixedAnswer, Route};
use crate::limits;
use crate::policy::path_rules::{normalise_lenient, spelled_prefix};

#[cfg(test)]
mod tests;

/// Why no target can be made for a request. The rule is at fault, not the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetFault {
    /// The result would not begin with `/`.
    #[error("`rewrite` gives a target that does not begin with `/`: begin it with `/` or `{{path}}`")]
    NotAbsolute,
    /// The result would be longer than any head may be.
    #[error("`rewrite` gives a target longer than a head may be: use `{{path}}` and `{{query}}` once")]
    TooLong,
}

/// What is wrong with a template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateFault {
    /// A brace that does not belong to `{path}` or `{query}`.
    #[error("only `{{path}}` and `{{query}}` may stand in braces: `{0}` means nothing here")]
    UnknownPlace(String),
    /// A space, a control or a character beyond ASCII.
    #[error("a target is printable ASCII without spaces: percent-encode the rest")]
    InvalidByte,
}

/// Appends the target to forward to `out` and returns true, or returns false when the client's is to be forwarded as
/// it is: the route has neither `strip_prefix` nor `rewrite`, or the prefix is not there, or the target is `*`.
///
/// `path` and `query` are as sent; a path left empty becomes `/`. A `rewrite` without `?` keeps the query, one with `?`
/// or `{query}` has the last word on it.
pub fn forwarded_target(
    route: &Route,
    path: &[u8],
    query: Option<&[u8]>,
    out: &mut Vec<u8>,
) -> Result<bool, TargetFault> {
    let prefix = route.strip_prefix.as_deref().map(|prefix| prefix.trim_end_matches('/').as_bytes());
    let stripped = prefix.filter(|prefix| !prefix.is_empty()).and_then(|prefix| without_prefix(path, prefix));
    if path == b"*" || stripped.is_none() && route.rewrite.is_none() {
        return Ok(false);
    }
    let rest = match stripped.unwrap_or(path) {
        [] => b"/",
        rest => rest,
    };
    let template = route.rewrite.as_deref().unwrap_or("{path}");
    let start = out.len();
    expand(template, rest, query, out)?;
    if let Some(query) = query.filter(|_| !template.contains('?') && !template.contains("{query}")) {
        append(&[b"?", query], out)?;
    }
    if out.get(start) == Some(&b'/') { Ok(true) } else { Err(TargetFault::NotAbsolute) }
}

/// Appends the `Location` of `answer` to `out`; false when it has none. `path` and `query` are as sent.
///
/// A client cannot choose another host by it: where the template begins with `{path}`, several leading slashes become
/// one.
pub fn fixed_location(
    answer: &FixedAnswer,
    path: &[u8],
    query: Option<&[u8]>,
    out: &mut Vec<u8>,
) -> Result<bool, TargetFault> {
    let Some(template) = &answer.location else { return Ok(false) };
    let path = match path {
        [] => b"/",
        path if template.starts_with("{path}") => {
            let slashes = path.iter().take_while(|byte| **byte == b'/').count();
            &path[slashes.saturating_sub(1)..]
        }
        path => path,
    };
    expand(template, path, query, out)?;
    Ok(true)
}

/// Says at start what is wrong with a `rewrite` or `location`.
pub fn check_template(template: &str) -> Result<(), TemplateFault> {
    if !template.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(TemplateFault::InvalidByte);
    }
    let literal = template.replace("{path}", "").replace("{query}", "");
    match literal.find(['{', '}']) {
        None => Ok(()),
        Some(at) => Err(TemplateFault::UnknownPlace(literal[at..].to_owned())),
    }
}

/// The raw `path` behind `prefix`, found at a segment's end however the client spells it; None when it is not there.
fn without_prefix<'a>(path: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let mut scratch = Vec::new();
    let prefix = normalise_lenient(prefix, &mut scratch).ok()?;
    spelled_prefix(path, prefix).map(|end| &path[end..])
}

/// Appends `template` with its places filled. A separator that an empty `{query}` would leave alone is left out.
fn expand(template: &str, path: &[u8], query: Option<&[u8]>, out: &mut Vec<u8>) -> Result<(), TargetFault> {
    let mut rest = template;
    while let Some(at) = rest.find('{') {
        let literal = &rest[..at];
        if let Some(behind) = rest[at..].strip_prefix("{path}") {
            append(&[literal.as_bytes(), path], out)?;
            rest = behind;
        } else if let Some(behind) = rest[at..].strip_prefix("{query}") {
            rest = behind;
            match query.unwrap_or_default() {
                [] => match rest.strip_prefix('&') {
                    Some(next) => {
                        append(&[literal.as_bytes()], out)?;
                        rest = next;
                    }
                    None => append(&[literal.strip_suffix(['?', '&']).unwrap_or(literal).as_bytes()], out)?,
                },
                query => append(&[literal.as_bytes(), query], out)?,
            }
        } else {
            append(&[&rest.as_bytes()[..=at]], out)?;
            rest = &rest[at + 1..];
        }
    }
    append(&[rest.as_bytes()], out)
}

fn append(parts: &[&[u8]], out: &mut Vec<u8>) -> Result<(), TargetFault> {
    for part in parts {
        if out.len() + part.len() > limits::HEADER_BYTES_MAX {
            return Err(TargetFault::TooLong);
        }
        out.extend_from_slice(part);
    }
    Ok(())
}
