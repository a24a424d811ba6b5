//! (in work)
/// A host pattern: exact, or `*.` and a suffix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPattern {}
/// A path pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPattern {}
