//! Control data: what a request is for (RFC 9292 section 3.4) and the framing indicator before it.

use super::cursor::{Cursor, Stop};
use super::field_rules::{decimal, is_token_byte};
use super::{BhttpFault, Framing, MessageLimits};
use crate::limits;
use crate::protocol::span::Span;

/// The schemes a request may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `http`
    Http,
    /// `https`
    Https,
}

impl Scheme {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    fn default_port(self) -> u64 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// A port is written with up to so many characters behind a host: `:65535`.
const PORT_BYTES: usize = 6;
const SCHEME_BYTES: usize = "https".len();

/// Checked control data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RequestLine {
    pub(super) method: Span,
    pub(super) scheme: Scheme,
    pub(super) authority: Span,
    pub(super) path: Span,
}

/// The framing indicator of a message whose known-length form has `known`.
pub(super) fn framing(cursor: &mut Cursor<'_>, known: u64) -> Result<Framing, Stop> {
    match cursor.varint()? {
        indicator if indicator == known => Ok(Framing::Known),
        indicator if indicator == known + 2 => Ok(Framing::Indeterminate),
        _ => Err(BhttpFault::Framing.into()),
    }
}

/// The control data of a request, judged when it is all there; its lengths are judged before.
pub(super) fn request_line(cursor: &mut Cursor<'_>, limits: &MessageLimits) -> Result<RequestLine, Stop> {
    let method = cursor.prefixed(limits::METHOD_BYTES, BhttpFault::Method)?;
    let scheme = cursor.prefixed(SCHEME_BYTES, BhttpFault::Scheme)?;
    let authority = cursor.prefixed(limits::HOST_BYTES + PORT_BYTES, BhttpFault::Authority)?;
    let path = cursor.prefixed(limits.path_bytes, BhttpFault::PathTooLong)?;
    let bytes = cursor.bytes();
    check_method(method.of(bytes))?;
    let scheme = scheme_of(scheme.of(bytes)).ok_or(BhttpFault::Scheme)?;
    if !authority.is_empty() {
        host_and_port(authority.of(bytes)).ok_or(BhttpFault::Authority)?;
    }
    check_path(method.of(bytes), path.of(bytes))?;
    Ok(RequestLine { method, scheme, authority, path })
}

/// The authority that counts, given the one of the control data and the value of the Host field.
pub(super) fn authority(
    bytes: &[u8],
    line: &RequestLine,
    host_field: Option<Span>,
) -> Result<Span, BhttpFault> {
    let Some(host) = host_field else {
        return if line.authority.is_empty() {
            Err(BhttpFault::AuthorityMissing)
        } else {
            Ok(line.authority)
        };
    };
    let named = host_and_port(host.of(bytes)).ok_or(BhttpFault::Authority)?;
    if line.authority.is_empty() {
        return Ok(host);
    }
    let expected = host_and_port(line.authority.of(bytes)).ok_or(BhttpFault::Authority)?;
    let port = |port: Option<u64>| port.unwrap_or(line.scheme.default_port());
    let is_same = named.0.eq_ignore_ascii_case(expected.0) && port(named.1) == port(expected.1);
    if is_same { Ok(line.authority) } else { Err(BhttpFault::HostUnlikeAuthority) }
}

fn check_method(method: &[u8]) -> Result<(), BhttpFault> {
    let is_token = !method.is_empty() && method.iter().all(|&byte| is_token_byte(byte));
    if is_token && method != b"CONNECT" { Ok(()) } else { Err(BhttpFault::Method) }
}

fn scheme_of(name: &[u8]) -> Option<Scheme> {
    [Scheme::Http, Scheme::Https].into_iter().find(|scheme| name == scheme.name().as_bytes())
}

fn check_path(method: &[u8], path: &[u8]) -> Result<(), BhttpFault> {
    let is_target = path.iter().all(|&byte| matches!(byte, b'!'..=b'~') && byte != b'#');
    let is_path = path.first() == Some(&b'/') || (method == b"OPTIONS" && path == b"*");
    if is_target && is_path { Ok(()) } else { Err(BhttpFault::Path) }
}

/// Splits `host [":" port]` made of bytes that hosts are made of. Whether the host is a name or an address is judged
/// where a route is chosen.
fn host_and_port(authority: &[u8]) -> Option<(&[u8], Option<u64>)> {
    let is_name_byte = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    let is_address_byte = |byte: &u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
    let length = if authority.first() == Some(&b'[') {
        let close = authority.iter().position(|&byte| byte == b']')?;
        authority[1..close].iter().all(is_address_byte).then_some(close + 1)?
    } else {
        let end = authority.iter().position(|&byte| byte == b':').unwrap_or(authority.len());
        authority[..end].iter().all(is_name_byte).then_some(end)?
    };
    let (host, port) = authority.split_at(length);
    let is_host = !host.is_empty() && host != b"[]" && host.len() <= limits::HOST_BYTES;
    match port {
        [] => is_host.then_some((host, None)),
        [b':', digits @ ..] => {
            let port = decimal(digits).filter(|&port| (1..=u64::from(u16::MAX)).contains(&port))?;
            is_host.then_some((host, Some(port)))
        }
        _ => None,
    }
}
