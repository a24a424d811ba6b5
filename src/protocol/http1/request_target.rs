//! The request target with `Host`: which authority and path a request is for, refusing what two hops could read
//! differently (RFC 9112 sections 3.2 and 3.3).
//!
//! Left to others: normalising the path and choosing a route.

use super::{FieldKind, FieldTable, Method, Rejection, RequestHead, Version};
use crate::limits;
use crate::protocol::span::Span;
use std::net::{Ipv4Addr, Ipv6Addr};

/// The four forms of RFC 9112 section 3.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TargetForm {
    /// `/path?query`
    Origin,
    /// `http://host/path?query`, as sent to proxies
    Absolute,
    /// `host:port`, only with CONNECT
    Authority,
    /// `*`, only with OPTIONS
    Asterisk,
}

/// What a request is for. Spans are relative to the bytes given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestTarget {
    /// How the target was written.
    pub form: TargetForm,
    /// Host and port as they count: from the target if it has them, else from `Host`. Empty only for HTTP/1.0 without
    /// `Host`.
    pub authority: Span,
    /// The authority without its port; an IPv6 address keeps its brackets.
    pub host: Span,
    /// The port, if one was written.
    pub port: Option<u16>,
    /// Begins with `/`, or is `*`, or is empty: in authority form, and where an absolute target ends with its authority
    /// (to be treated as `/`).
    pub path: Span,
    /// What follows the first `?`.
    pub query: Option<Span>,
}

/// Host and port within some bytes.
#[derive(Clone, Copy)]
struct Authority {
    whole: Span,
    host: Span,
    port: Option<u16>,
}

/// Reads the target of `head` together with `Host`.
///
/// # Errors
/// [`Rejection::InvalidTarget`] for a form the method does not allow, a scheme other than `http` and `https`, userinfo,
/// or a bad authority; the `Host…` rejections for `Host`.
pub fn request_target(
    bytes: &[u8],
    head: &RequestHead,
    fields: &FieldTable,
) -> Result<RequestTarget, Rejection> {
    let target = head.target.of(bytes);
    let start = head.target.start as usize;
    let host = host_field(bytes, head.version, fields)?;
    match (head.method, target) {
        (Method::Connect, _) => {
            let authority = authority_at(bytes, head.target).ok_or(Rejection::InvalidTarget)?;
            // No default: a tunnel needs its port spelt out (RFC 9112 section 3.2.3).
            let port = authority.port.ok_or(Rejection::InvalidTarget)?;
            same_authority(bytes, &authority, host.as_ref(), port)?;
            let end = head.target.end as usize;
            Ok(of_parts(TargetForm::Authority, Some(authority), Span::new(end, end), None))
        }
        (Method::Options, b"*") => Ok(of_parts(TargetForm::Asterisk, host, head.target, None)),
        (_, [b'/', ..]) => {
            let (path, query) = path_and_query(bytes, head.target);
            Ok(of_parts(TargetForm::Origin, host, path, query))
        }
        _ => {
            let (scheme, default_port) = scheme(target).ok_or(Rejection::InvalidTarget)?;
            let rest = &target[scheme..];
            let length = rest.iter().position(|&byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
            let end = start + scheme + length;
            let authority =
                authority_at(bytes, Span::new(start + scheme, end)).ok_or(Rejection::InvalidTarget)?;
            same_authority(bytes, &authority, host.as_ref(), default_port)?;
            let (path, query) = path_and_query(bytes, Span::new(end, head.target.end as usize));
            Ok(of_parts(TargetForm::Absolute, Some(authority), path, query))
        }
    }
}

/// Checks a `host [":" port]` and returns the length of its host and the port.
///
/// Narrower than RFC 3986: names are letters, digits, `-`, `_`, `~` and dots between non-empty labels (one dot may end
/// the name), without percent-encoding and sub-delimiters, which some hops decode or split at. What ends in a number
/// must be a dotted-quad IPv4 address; IPv6 addresses stand in brackets, without zone. A port is 1 to 65535 without
/// leading zeros.
pub fn parse_authority(bytes: &[u8]) -> Option<(usize, Option<u16>)> {
    let host = if bytes.first() == Some(&b'[') {
        let close = memchr::memchr(b']', bytes)?;
        std::str::from_utf8(&bytes[1..close]).ok()?.parse::<Ipv6Addr>().ok()?;
        close + 1
    } else {
        let end = memchr::memchr(b':', bytes).unwrap_or(bytes.len());
        is_host_name(&bytes[..end]).then_some(end)?
    };
    match &bytes[host..] {
        [] => Some((host, None)),
        [b':', port @ ..] => Some((host, Some(parse_port(port)?))),
        _ => None,
    }
}

/// The one valid `Host`, `None` where HTTP/1.0 left it out.
fn host_field(bytes: &[u8], version: Version, fields: &FieldTable) -> Result<Option<Authority>, Rejection> {
    match (fields.first(FieldKind::Host), fields.count(FieldKind::Host)) {
        (Some(field), 1) => authority_at(bytes, field.value).map(Some).ok_or(Rejection::HostInvalid),
        (Some(_), _) => Err(Rejection::HostRepeated),
        (None, _) if version == Version::Http10 => Ok(None),
        (None, _) => Err(Rejection::HostMissing),
    }
}

fn authority_at(bytes: &[u8], whole: Span) -> Option<Authority> {
    let (host, port) = parse_authority(whole.of(bytes))?;
    let start = whole.start as usize;
    Some(Authority { whole, host: Span::new(start, start + host), port })
}

/// Refuses a `Host` unlike the target's authority. Both ports default to `default_port`.
fn same_authority(
    bytes: &[u8],
    target: &Authority,
    host: Option<&Authority>,
    default_port: u16,
) -> Result<(), Rejection> {
    let Some(host) = host else { return Ok(()) };
    let same_host = host.host.of(bytes).eq_ignore_ascii_case(target.host.of(bytes));
    let same_port = host.port.unwrap_or(default_port) == target.port.unwrap_or(default_port);
    if same_host && same_port { Ok(()) } else { Err(Rejection::HostUnlikeTarget) }
}

fn of_parts(
    form: TargetForm,
    authority: Option<Authority>,
    path: Span,
    query: Option<Span>,
) -> RequestTarget {
    let (authority, host, port) = authority
        .map_or_else(Default::default, |authority| (authority.whole, authority.host, authority.port));
    RequestTarget { form, authority, host, port, path, query }
}

/// Length of `http://` or `https://` at the start of `target`, and the scheme's default port.
fn scheme(target: &[u8]) -> Option<(usize, u16)> {
    [(&b"http://"[..], 80), (b"https://", 443)].into_iter().find_map(|(prefix, port)| {
        let start = target.get(..prefix.len())?;
        start.eq_ignore_ascii_case(prefix).then_some((prefix.len(), port))
    })
}

fn path_and_query(bytes: &[u8], span: Span) -> (Span, Option<Span>) {
    let (start, end) = (span.start as usize, span.end as usize);
    match memchr::memchr(b'?', span.of(bytes)) {
        Some(mark) => (Span::new(start, start + mark), Some(Span::new(start + mark + 1, end))),
        None => (span, None),
    }
}

fn is_host_name(name: &[u8]) -> bool {
    if name.len() > limits::HOST_BYTES {
        return false;
    }
    let labels = name.strip_suffix(b".").unwrap_or(name);
    let mut label_bytes = 0;
    for &byte in labels {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' => label_bytes += 1,
            b'.' if label_bytes > 0 => label_bytes = 0,
            _ => return false,
        }
    }
    label_bytes > 0 && (!ends_in_number(labels) || is_ipv4(name))
}

/// The rule by which browsers take a host for an IPv4 address: its last label is a number, decimal or hexadecimal.
fn ends_in_number(labels: &[u8]) -> bool {
    let last = memchr::memrchr(b'.', labels).map_or(labels, |dot| &labels[dot + 1..]);
    match last {
        [b'0', b'x' | b'X', digits @ ..] => digits.iter().all(u8::is_ascii_hexdigit),
        _ => last.iter().all(u8::is_ascii_digit),
    }
}

fn is_ipv4(name: &[u8]) -> bool {
    std::str::from_utf8(name).is_ok_and(|text| text.parse::<Ipv4Addr>().is_ok())
}

fn parse_port(digits: &[u8]) -> Option<u16> {
    let port = super::syntax::canonical_decimal(digits)?;
    u16::try_from(port).ok().filter(|&port| port != 0)
}

#[cfg(test)]
mod tests;
