//! The rules for heads written once more in the plainest way, to compare the codec with. Knows nothing of it.
//!
//! Each function answers `Some(true)` for a complete head, `Some(false)` for one that is still to come, `None` for one
//! that is to be refused.

use crate::protocol::http1::{BodyFraming, HeadLimits, Version};

const TOKEN: &[u8] = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

pub(super) fn request(bytes: &[u8], limits: &HeadLimits) -> Option<bool> {
    let mut bytes = bytes;
    for _ in 0..2 {
        bytes = bytes.strip_prefix(b"\r\n").unwrap_or(bytes);
    }
    let lines = match lines(bytes, Some(limits.request_line), limits.header_bytes)? {
        Some(lines) => lines,
        None => return Some(false),
    };
    let parts: Vec<&[u8]> = lines.first()?.split(|&byte| byte == b' ').collect();
    let [method, target, version] = parts[..] else { return None };
    let is_good = is_token(method)
        && method.len() <= 32
        && !target.is_empty()
        && target.iter().all(|&byte| byte.is_ascii_graphic() && byte != b'#')
        && is_version(version);
    (is_good && are_fields(&lines[1..], limits)).then_some(true)
}

pub(super) fn response(bytes: &[u8], limits: &HeadLimits) -> Option<bool> {
    let lines = match lines(bytes, None, limits.header_bytes)? {
        Some(lines) => lines,
        None => return Some(false),
    };
    let line = lines.first()?;
    let mut parts = line.splitn(3, |&byte| byte == b' ');
    let (version, status, reason) = (parts.next()?, parts.next()?, parts.next().unwrap_or_default());
    let status =
        std::str::from_utf8(status).ok().filter(|status| status.len() == 3 && !status.starts_with('+'))?;
    let is_good = is_version(version) && (100..600).contains(&status.parse::<u16>().ok()?) && is_text(reason);
    (is_good && are_fields(&lines[1..], limits)).then_some(true)
}

/// What the fields declare about the body's end; `None` if nothing, an error if it is to be refused.
pub(super) fn framing(version: Version, fields: &[(Vec<u8>, Vec<u8>)]) -> Result<Option<BodyFraming>, ()> {
    let values = |name: &str| -> Vec<String> {
        let named = fields.iter().filter(|field| field.0.to_ascii_lowercase() == name.as_bytes());
        named.map(|field| String::from_utf8_lossy(&field.1).to_ascii_lowercase()).collect()
    };
    match (&values("content-length")[..], &values("transfer-encoding")[..]) {
        ([], []) => Ok(None),
        ([], [coding]) if coding == "chunked" && version == Version::Http11 => Ok(Some(BodyFraming::Chunked)),
        ([digits], []) => match digits.parse::<u64>() {
            Ok(length) if length.to_string() == *digits => Ok(Some(BodyFraming::Length(length))),
            _ => Err(()),
        },
        _ => Err(()),
    }
}

/// The lines of a head, `Some(None)` while its end is missing, `None` if line ends or sizes are wrong.
fn lines(bytes: &[u8], line_limit: Option<usize>, head_limit: usize) -> Option<Option<Vec<&[u8]>>> {
    let window = &bytes[..bytes.len().min(head_limit)];
    let mut lines = Vec::new();
    let mut rest = window;
    loop {
        let Some(end) = rest.iter().position(|&byte| byte == b'\n') else {
            let is_long = lines.is_empty() && line_limit.is_some_and(|limit| rest.len() >= limit + 2);
            return (!is_long && bytes.len() < head_limit).then_some(None);
        };
        let line = rest[..end].strip_suffix(b"\r")?;
        if lines.is_empty() && line_limit.is_some_and(|limit| line.len() > limit) {
            return None;
        }
        if line.is_empty() {
            return Some(Some(lines));
        }
        lines.push(line);
        rest = &rest[end + 1..];
    }
}

fn are_fields(lines: &[&[u8]], limits: &HeadLimits) -> bool {
    lines.len() <= limits.header_count
        && lines.iter().all(|line| {
            let colon = line.iter().position(|&byte| byte == b':');
            colon.is_some_and(|colon| is_token(&line[..colon]) && is_text(&line[colon + 1..]))
        })
}

fn is_version(version: &[u8]) -> bool {
    version == b"HTTP/1.0" || version == b"HTTP/1.1"
}

fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|byte| TOKEN.contains(byte))
}

fn is_text(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| byte == b'\t' || !byte.is_ascii_control())
}
