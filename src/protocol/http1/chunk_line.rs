//! One chunk line: size, extensions, CRLF (RFC 9112 sections 7.1 and 7.1.1).

use super::Rejection;
use super::syntax::{is_space, is_text_byte, is_token_byte};
use crate::limits;
use crate::protocol::progress::Progress;

/// A complete chunk line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ChunkSize {
    /// Bytes of data that follow; zero ends the body.
    pub size: u64,
    /// The line is the size without leading zeros and nothing else.
    pub is_canonical: bool,
}

/// Reads the chunk line at the start of `bytes`.
pub(super) fn parse_chunk_line(bytes: &[u8], searched: usize) -> Result<Progress<ChunkSize>, Rejection> {
    let window = &bytes[..bytes.len().min(limits::CHUNK_LINE_BYTES)];
    let from = searched.min(window.len());
    let Some(found) = memchr::memchr(b'\n', &window[from..]) else {
        if bytes.len() >= limits::CHUNK_LINE_BYTES {
            return Err(Rejection::ChunkLineTooLong);
        }
        return Ok(Progress::NeedMore { searched: bytes.len() });
    };
    let line_feed = from + found;
    let line = window[..line_feed].strip_suffix(b"\r").ok_or(Rejection::BareLf)?;
    Ok(Progress::Done { value: chunk_size(line)?, consumed: line_feed + 1 })
}

fn chunk_size(line: &[u8]) -> Result<ChunkSize, Rejection> {
    if line.contains(&b'\r') {
        return Err(Rejection::BareCr);
    }
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    if digits == 0 {
        return Err(Rejection::ChunkSizeInvalid);
    }
    if digits > limits::CHUNK_SIZE_DIGITS {
        return Err(Rejection::ChunkSizeOverflow);
    }
    let size = line[..digits].iter().fold(0, |size, &digit| size << 4 | u64::from(hex_value(digit)));
    let extensions = &line[digits..];
    if !extensions.is_empty() {
        check_extensions(extensions)?;
    }
    Ok(ChunkSize { size, is_canonical: extensions.is_empty() && (line[0] != b'0' || digits == 1) })
}

/// The value of a hexadecimal digit.
fn hex_value(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

/// `*( BWS ";" BWS token [ BWS "=" BWS ( token / quoted-string ) ] )` up to the end. What does not begin like an
/// extension makes the size invalid, as in `5 ` or `5g`.
fn check_extensions(mut rest: &[u8]) -> Result<(), Rejection> {
    let after = skip_space(rest);
    if after.first() != Some(&b';') {
        return Err(Rejection::ChunkSizeInvalid);
    }
    while !rest.is_empty() {
        let fault = Rejection::ChunkExtensionInvalid;
        let name = skip_space(rest).strip_prefix(b";").ok_or(fault)?;
        rest = skip_token(skip_space(name)).ok_or(fault)?;
        if let Some(value) = skip_space(rest).strip_prefix(b"=") {
            let value = skip_space(value);
            rest = match value.strip_prefix(b"\"") {
                Some(quoted) => skip_quoted(quoted).ok_or(fault)?,
                None => skip_token(value).ok_or(fault)?,
            };
        }
    }
    Ok(())
}

fn skip_space(bytes: &[u8]) -> &[u8] {
    let spaces = bytes.iter().take_while(|&&byte| is_space(byte)).count();
    &bytes[spaces..]
}

fn skip_token(bytes: &[u8]) -> Option<&[u8]> {
    let length = bytes.iter().take_while(|&&byte| is_token_byte(byte)).count();
    (length > 0).then(|| &bytes[length..])
}

/// What follows the closing quote of the string that `bytes` is inside of.
fn skip_quoted(mut bytes: &[u8]) -> Option<&[u8]> {
    loop {
        match bytes {
            [b'"', rest @ ..] => return Some(rest),
            [b'\\', escaped, rest @ ..] if is_text_byte(*escaped) => bytes = rest,
            [byte, rest @ ..] if is_text_byte(*byte) => bytes = rest,
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests;
