//! The framing around chunks made here. The data itself is written by the caller, followed by CRLF.

/// What ends a chunked body without trailers.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// Longest chunk line: 16 digits and CRLF.
pub const CHUNK_LINE_MAX: usize = 18;

/// A chunk line, ready to be put in front of its data.
#[derive(Clone, Copy, Debug)]
pub struct ChunkLine {
    /// Right-aligned.
    bytes: [u8; CHUNK_LINE_MAX],
    start: usize,
}

impl ChunkLine {
    /// The line with its CRLF.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[self.start..]
    }
}

/// The line in front of `length` bytes of chunk data. `length` is not zero: that would end the body
/// ([`LAST_CHUNK`]).
#[inline]
pub fn chunk_line(length: usize) -> ChunkLine {
    debug_assert!(length > 0, "an empty chunk ends the body");
    hex_line(length as u64)
}

/// `number` in lower-case hexadecimal with CRLF.
#[inline]
pub(super) fn hex_line(number: u64) -> ChunkLine {
    let mut bytes = [0; CHUNK_LINE_MAX];
    bytes[CHUNK_LINE_MAX - 2..].copy_from_slice(b"\r\n");
    let mut start = CHUNK_LINE_MAX - 2;
    let mut rest = number;
    loop {
        start -= 1;
        bytes[start] = b"0123456789abcdef"[(rest & 15) as usize];
        rest >>= 4;
        if rest == 0 {
            return ChunkLine { bytes, start };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunk_lines_are_what_formatting_gives() {
        for length in [1, 9, 10, 15, 16, 0x400, 0xabc_def0, usize::MAX - 1, usize::MAX] {
            assert_eq!(chunk_line(length).as_bytes(), format!("{length:x}\r\n").as_bytes());
        }
        assert_eq!(chunk_line(usize::MAX).as_bytes().len(), CHUNK_LINE_MAX);
        assert_eq!([hex_line(0).as_bytes(), b"\r\n"].concat(), LAST_CHUNK);
    }
}
