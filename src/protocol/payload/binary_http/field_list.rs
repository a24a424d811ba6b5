//! The fields of one section as spans.

use crate::protocol::span::Span;

/// One field line. Spans start at the first byte given to the decoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldLine {
    /// The name, in lower case.
    pub name: Span,
    /// The value, without white space at its ends.
    pub value: Span,
}

/// The fields of one section in the order they came. Lent to a decoder from message to message: it allocates only while
/// it grows.
#[derive(Clone, Debug, Default)]
pub struct FieldList {
    lines: Vec<FieldLine>,
}

impl FieldList {
    /// An empty list, not allocated yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets all fields and keeps the memory.
    pub fn clear(&mut self) {
        self.lines.clear();
    }

    /// Number of fields.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// True without fields.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// The fields in order.
    pub fn iter(&self) -> impl Iterator<Item = &FieldLine> {
        self.lines.iter()
    }

    pub(super) fn push(&mut self, line: FieldLine) {
        self.lines.push(line);
    }
}
