//! The answer of an incremental parser.

/// Either a value and how many bytes it took, or a request for more bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress<T> {
    /// The input ends before the element does. Pass `searched` to the next call on the longer input, so that no byte
    /// is looked at twice however slowly the input drips in.
    NeedMore {
        /// How far the end of the element was looked for.
        searched: usize,
    },
    /// The element is complete.
    Done {
        /// What was parsed.
        value: T,
        /// Bytes of the input that belong to it.
        consumed: usize,
    },
}
