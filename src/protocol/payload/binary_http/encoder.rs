//! Binary HTTP messages, written. Which fields pass is the caller's choice; names are written in lower case.
//!
//! Known length: head with the content's length, the content, the trailers. Indeterminate: head, any number of
//! [`frame_content`], [`CONTENT_END`], the trailers.

use crate::protocol::payload::varint::{VARINT_MAX, minimal_len, push_varint, write_varint};
use std::ops::Range;

/// Whether a message says its lengths first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Framing {
    /// Sections and content begin with their length.
    Known,
    /// Sections and content end with a zero.
    Indeterminate,
}

impl Framing {
    pub(super) fn is_known(self) -> bool {
        self == Self::Known
    }

    /// What an indeterminate message adds to its framing indicator.
    fn offset(self) -> u8 {
        if self.is_known() { 0 } else { 2 }
    }
}

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestControl<'a> {
    /// The method.
    pub method: &'a [u8],
    /// The scheme.
    pub scheme: &'a [u8],
    /// Host and port; empty where a Host field says it.
    pub authority: &'a [u8],
    /// Path and query.
    pub path: &'a [u8],
}

/// Behind the last content of an indeterminate message.
pub const CONTENT_END: [u8; 1] = [0];

/// Appends framing indicator, control data and header section of a request.
pub fn push_request_head<'a>(
    framing: Framing,
    control: &RequestControl<'_>,
    fields: impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone,
    out: &mut Vec<u8>,
) {
    out.push(framing.offset());
    for part in [control.method, control.scheme, control.authority, control.path] {
        push_prefixed(part, out);
    }
    push_section(framing, fields, out);
}

/// Appends framing indicator, status and header section of a response.
pub fn push_response_head<'a>(
    framing: Framing,
    status: u16,
    fields: impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone,
    out: &mut Vec<u8>,
) {
    out.push(1 + framing.offset());
    push_length(status.into(), out);
    push_section(framing, fields, out);
}

/// Appends the length before content: all of it in a message of known length, a chunk's (at least 1) in others. `false`:
/// above 2^62 - 1; nothing is appended then.
pub fn push_content_head(length: u64, out: &mut Vec<u8>) -> bool {
    push_varint(length, out)
}

/// Makes `content` a chunk of an indeterminate message where it lies: writes its length directly before it and returns
/// the range of both. `None`: it is empty, which would end the content, or there is no room before it (8 bytes always
/// are enough).
pub fn frame_content(bytes: &mut [u8], content: Range<usize>) -> Option<Range<usize>> {
    if content.is_empty() || content.end > bytes.len() {
        return None;
    }
    let length = content.len() as u64;
    let start = content.start.checked_sub(minimal_len(length)?)?;
    write_varint(length, &mut bytes[start..content.start])?;
    Some(start..content.end)
}

/// Appends the trailer section.
pub fn push_trailers<'a>(
    framing: Framing,
    fields: impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone,
    out: &mut Vec<u8>,
) {
    push_section(framing, fields, out);
}

fn push_section<'a>(
    framing: Framing,
    fields: impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone,
    out: &mut Vec<u8>,
) {
    if framing.is_known() {
        let prefixed = |part: &[u8]| part.len() + minimal_len(part.len() as u64).unwrap_or_default();
        let length: usize = fields.clone().map(|(name, value)| prefixed(name) + prefixed(value)).sum();
        push_length(length as u64, out);
    }
    for (name, value) in fields {
        push_prefixed(name, out);
        let start = out.len() - name.len();
        out[start..].make_ascii_lowercase();
        push_prefixed(value, out);
    }
    if !framing.is_known() {
        push_length(0, out);
    }
}

fn push_prefixed(part: &[u8], out: &mut Vec<u8>) {
    push_length(part.len() as u64, out);
    out.extend_from_slice(part);
}

/// Nothing in memory is longer than a length can say.
fn push_length(length: u64, out: &mut Vec<u8>) {
    debug_assert!(length <= VARINT_MAX);
    push_varint(length, out);
}
