//! An offset range into a buffer: what a parser returns instead of a borrow.

/// Half-open byte range `start..end` of some buffer. It does not know which: its owner does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Offset of the first byte.
    pub start: u32,
    /// Offset behind the last byte.
    pub end: u32,
}

impl Span {
    /// The range `start..end`. Buffers are far below 4 GiB (`limits::BUFFER_LARGE_BYTES`).
    #[inline]
    pub fn new(start: usize, end: usize) -> Self {
        debug_assert!(start <= end && end <= u32::MAX as usize);
        Self { start: start as u32, end: end as u32 }
    }

    /// The bytes this span covers in `bytes`.
    #[inline]
    pub fn of(self, bytes: &[u8]) -> &[u8] {
        &bytes[self.start as usize..self.end as usize]
    }

    /// Number of bytes covered.
    #[inline]
    pub fn len(self) -> usize {
        (self.end - self.start) as usize
    }

    /// True when it covers nothing.
    #[inline]
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// The same bytes seen from a buffer that begins `offset` bytes earlier.
    #[inline]
    pub fn shifted(self, offset: usize) -> Self {
        Self { start: self.start + offset as u32, end: self.end + offset as u32 }
    }

    /// Where `part` lies within `whole`. `part` must be a sub-slice of `whole`.
    #[inline]
    pub fn locate(whole: &[u8], part: &[u8]) -> Self {
        let start = part.as_ptr() as usize - whole.as_ptr() as usize;
        debug_assert!(start + part.len() <= whole.len());
        Self::new(start, start + part.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_covers_what_stands_between_its_ends() {
        for (start, end) in [(0, 0), (3, 3), (2, 7), (0, 5)] {
            let span = Span::new(start, end);
            assert_eq!((span.len(), span.is_empty()), (end - start, start == end));
            assert_eq!(span.of(b"0123456789").len(), end - start);
        }
    }
}
