//! Where a head ends: looked for before anything in it is interpreted, each byte once however slowly they come.
//!
//! Left to others: whether what lies before the end is a head.

use super::Rejection;
use memchr::{memchr, memchr_iter};

/// How far the search came.
pub(super) enum Scan {
    /// The empty line has not come yet; everything up to here was searched.
    NeedMore { searched: usize },
    /// The head, its empty line included, ends before this offset.
    End(usize),
}

/// Bounds of one search.
pub(super) struct ScanLimits {
    /// Bytes of the start line without CRLF, and what to call a longer one.
    pub start_line: Option<(usize, Rejection)>,
    /// Bytes from the start line to the end of the empty line.
    pub head: usize,
}

/// Finds the empty line that ends the head beginning at `start`. The start line itself may not be empty: an empty line
/// at `start` is `empty`. Limits hold while the head is incomplete, too. The outcome does not depend on how the bytes
/// were cut into reads.
pub(super) fn find_head_end(
    bytes: &[u8],
    start: usize,
    searched: usize,
    limits: &ScanLimits,
    empty: Rejection,
) -> Result<Scan, Rejection> {
    debug_assert!(start <= bytes.len());
    let bound = start.saturating_add(limits.head);
    let window = &bytes[..bytes.len().min(bound)];
    if let Some((length, too_long)) = limits.start_line
        && !line_fits(window, start, searched, length)
    {
        return Err(too_long);
    }
    let from = searched.clamp(start, window.len());
    for found in memchr_iter(b'\n', &window[from..]) {
        let line_feed = from + found;
        if line_feed == start || window[line_feed - 1] != b'\r' {
            return Err(Rejection::BareLf);
        }
        if line_feed == start + 1 {
            return Err(empty);
        }
        // Every LF before this one had its CR, so LF CR LF is an empty line.
        if window[line_feed - 2] == b'\n' {
            return Ok(Scan::End(line_feed + 1));
        }
    }
    if bytes.len() >= bound {
        return Err(Rejection::HeadTooLarge);
    }
    Ok(Scan::NeedMore { searched: bytes.len() })
}

/// Whether the line at `start` ends within `length` bytes plus CRLF, or may still do so. Looks only when the input
/// grows past that bound, so once per head.
fn line_fits(window: &[u8], start: usize, searched: usize, length: usize) -> bool {
    let bound = start.saturating_add(length).saturating_add(2);
    window.len() < bound || searched >= bound || memchr(b'\n', &window[start..bound]).is_some()
}
