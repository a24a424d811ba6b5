//! Names the fault of a head that was refused: the slow second look, taken only then.
//!
//! Works on complete sections whose every LF follows a CR. Answers with the first fault in reading order.

use super::Rejection;
use super::syntax::{is_space, is_text_byte, is_token};
use crate::limits;

/// The first fault of a request head (request line to empty line), `None` if there is none.
pub(super) fn request_head_fault(head: &[u8]) -> Option<Rejection> {
    let mut lines = lines(head);
    let line = lines.next()?;
    stray_byte(line).or_else(|| request_line_fault(line)).or_else(|| field_lines_fault(lines))
}

/// The first fault of a response head (status line to empty line), `None` if there is none.
pub(super) fn response_head_fault(head: &[u8]) -> Option<Rejection> {
    let mut lines = lines(head);
    let line = lines.next()?;
    stray_byte(line).or_else(|| status_line_fault(line)).or_else(|| field_lines_fault(lines))
}

/// The fault of one field line without its CRLF.
pub(super) fn field_line_fault(line: &[u8]) -> Option<Rejection> {
    if let Some(fault) = stray_byte(line) {
        return Some(fault);
    }
    if line.first().is_some_and(|&byte| is_space(byte)) {
        return Some(Rejection::ObsFold);
    }
    let Some(colon) = line.iter().position(|&byte| byte == b':') else {
        return Some(Rejection::InvalidFieldName);
    };
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    if name.last().is_some_and(|&byte| is_space(byte)) {
        return Some(Rejection::SpaceBeforeColon);
    }
    if !is_token(name) {
        return Some(Rejection::InvalidFieldName);
    }
    if !value.iter().all(|&byte| is_text_byte(byte)) {
        return Some(Rejection::InvalidFieldValue);
    }
    None
}

/// A byte no line of a target may hold: everything but visible ASCII, and `#`, which only a URI with a fragment has.
/// The rest is taken as browsers send it, also where RFC 3986 wants it encoded (`"<>\^{}|` and the backtick).
pub(super) fn is_target_byte(byte: u8) -> bool {
    matches!(byte, b'!'..=b'~') && byte != b'#'
}

fn field_lines_fault<'a>(mut lines: impl Iterator<Item = &'a [u8]>) -> Option<Rejection> {
    lines.find_map(field_line_fault)
}

fn request_line_fault(line: &[u8]) -> Option<Rejection> {
    let (method, rest) = cut(line);
    if !is_token(method) || method.len() > limits::METHOD_BYTES {
        return Some(Rejection::InvalidMethod);
    }
    let (target, version) = cut(rest.unwrap_or_default());
    if target.is_empty() || !target.iter().all(|&byte| is_target_byte(byte)) {
        return Some(Rejection::InvalidTarget);
    }
    if !matches!(version, Some(b"HTTP/1.1" | b"HTTP/1.0")) {
        return Some(Rejection::InvalidVersion);
    }
    None
}

fn status_line_fault(line: &[u8]) -> Option<Rejection> {
    let (version, rest) = cut(line);
    if !matches!(version, b"HTTP/1.1" | b"HTTP/1.0") {
        return Some(Rejection::InvalidVersion);
    }
    let (status, reason) = cut(rest.unwrap_or_default());
    let is_status = matches!(status, [b'1'..=b'5', b'0'..=b'9', b'0'..=b'9']);
    if !is_status || !reason.unwrap_or_default().iter().all(|&byte| is_text_byte(byte)) {
        return Some(Rejection::InvalidStatus);
    }
    None
}

/// What precedes the first space, and what follows it if there is one.
fn cut(line: &[u8]) -> (&[u8], Option<&[u8]>) {
    match line.iter().position(|&byte| byte == b' ') {
        Some(space) => (&line[..space], Some(&line[space + 1..])),
        None => (line, None),
    }
}

fn stray_byte(line: &[u8]) -> Option<Rejection> {
    line.iter().find_map(|byte| match byte {
        0 => Some(Rejection::Nul),
        b'\r' => Some(Rejection::BareCr),
        _ => None,
    })
}

/// The lines of a section without their CRLF, up to its empty line.
fn lines(section: &[u8]) -> impl Iterator<Item = &[u8]> {
    section
        .split(|&byte| byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .take_while(|line| !line.is_empty())
}
