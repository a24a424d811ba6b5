//! The rules for chunked bodies written once more in the plainest way, to compare the codec with.

use super::plain_head;
use crate::limits;
use crate::protocol::http1::{FieldKind, HeadLimits};

/// Content and the bytes behind the body.
type Decoded = (Vec<u8>, Vec<u8>);

/// Reads a body; `None` while it has not ended.
pub(super) fn decode(mut bytes: &[u8]) -> Result<Option<Decoded>, ()> {
    let mut content = Vec::new();
    let mut dropped = 0;
    loop {
        let window = &bytes[..bytes.len().min(limits::CHUNK_LINE_BYTES)];
        let Some(end) = window.iter().position(|&byte| byte == b'\n') else {
            return if window.len() == limits::CHUNK_LINE_BYTES { Err(()) } else { Ok(None) };
        };
        let line = window[..end].strip_suffix(b"\r").ok_or(())?;
        let line = std::str::from_utf8(line).map_or_else(|_| latin1(line), str::to_owned);
        let digits = line.find(|digit: char| !digit.is_ascii_hexdigit()).unwrap_or(line.len());
        if digits > limits::CHUNK_SIZE_DIGITS || !is_extensions(line[digits..].chars().collect()) {
            return Err(());
        }
        let size = u64::from_str_radix(&line[..digits], 16).map_err(|_| ())?;
        dropped += end + 1 - format!("{size:x}\r\n").len();
        if dropped > limits::CHUNK_EXTENSION_BYTES {
            return Err(());
        }
        bytes = &bytes[end + 1..];
        if size == 0 {
            return Ok(trailers(bytes)?.map(|length| (content, bytes[length..].to_vec())));
        }
        let data = bytes.len().min(usize::try_from(size).unwrap_or(usize::MAX));
        content.extend_from_slice(&bytes[..data]);
        bytes = &bytes[data..];
        match bytes {
            [b'\r', b'\n', rest @ ..] => bytes = rest,
            [] | [b'\r'] => return Ok(None),
            _ => return Err(()),
        }
    }
}

fn latin1(line: &[u8]) -> String {
    line.iter().map(|&byte| char::from(byte)).collect()
}

/// Reads extensions from the back of a stack, one character at a time.
fn is_extensions(mut rest: Vec<char>) -> bool {
    rest.reverse();
    while !rest.is_empty() {
        skip(&mut rest, is_space);
        if rest.pop() != Some(';') {
            return false;
        }
        skip(&mut rest, is_space);
        if skip(&mut rest, is_token) == 0 {
            return false;
        }
        let before = rest.clone();
        skip(&mut rest, is_space);
        if rest.last() != Some(&'=') {
            rest = before;
            continue;
        }
        rest.pop();
        skip(&mut rest, is_space);
        let is_value =
            if rest.last() == Some(&'"') { is_quoted(&mut rest) } else { skip(&mut rest, is_token) > 0 };
        if !is_value {
            return false;
        }
    }
    true
}

fn is_quoted(rest: &mut Vec<char>) -> bool {
    rest.pop();
    loop {
        match rest.pop() {
            Some('"') => return true,
            Some('\\') if !rest.pop().is_some_and(is_text) => return false,
            Some(other) if is_text(other) => {}
            _ => return false,
        }
    }
}

fn skip(rest: &mut Vec<char>, is_skipped: impl Fn(char) -> bool) -> usize {
    let before = rest.len();
    while rest.last().is_some_and(|&next| is_skipped(next)) {
        rest.pop();
    }
    before - rest.len()
}

fn is_space(next: char) -> bool {
    next == ' ' || next == '\t'
}

fn is_token(next: char) -> bool {
    next.is_ascii_graphic() && !"\"(),/:;<=>?@[\\]{}".contains(next)
}

fn is_text(next: char) -> bool {
    next == '\t' || !next.is_ascii_control()
}

/// Length of the trailer section, `None` while it is incomplete.
fn trailers(bytes: &[u8]) -> Result<Option<usize>, ()> {
    if bytes.starts_with(b"\r\n") {
        return Ok(Some(2));
    }
    let head_limits = HeadLimits {
        request_line: usize::MAX,
        header_bytes: limits::TRAILER_BYTES + STATUS_LINE.len(),
        header_count: limits::TRAILER_COUNT,
    };
    // The rules for field lines are those of a head.
    match plain_head::response(&[STATUS_LINE, bytes].concat(), &head_limits) {
        None => Err(()),
        Some(false) => Ok(None),
        Some(true) => {
            let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").ok_or(())?;
            let lines = bytes[..end].split(|&byte| byte == b'\n');
            let is_allowed = |line: &[u8]| {
                let name = line.split(|&byte| byte == b':').next().unwrap_or_default();
                ALLOWED.contains(&FieldKind::of(name))
            };
            if lines.into_iter().all(is_allowed) { Ok(Some(end + 4)) } else { Err(()) }
        }
    }
}

const STATUS_LINE: &[u8] = b"HTTP/1.1 200 OK\r\n";
const ALLOWED: [FieldKind; 4] =
    [FieldKind::Other, FieldKind::Server, FieldKind::AltSvc, FieldKind::ProxyStatus];
