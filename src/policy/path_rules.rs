//! Host and path patterns, and the one form of a path that routes are decided by.
//!
//! A path can be spelled in many ways, and a proxy that reads it differently from the server behind lets requests
//! past its rules. So there is one strict form ([`normalise`]) and everything that servers are known to disagree
//! about is refused. Which route a path takes is `route_table`'s business; the bytes forwarded stay the client's.

mod host_pattern;
mod normal_form;
#[cfg(test)]
mod tests;

pub use self::host_pattern::HostPattern;
pub(super) use self::host_pattern::bare_host;
pub use self::normal_form::{PathFault, normalise, normalise_lenient};
pub(super) use self::normal_form::{READINGS, reading, spelled_prefix};

/// A path pattern: exact; a `*` in the middle is one non-empty segment; a final `/*` is the prefix itself and
/// everything below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPattern {
    /// In the strict form, as written otherwise.
    text: String,
    /// Bytes of `text` before a final `/*`; all of them without one.
    stem: usize,
    /// A segment of the stem is `*`.
    wildcard: bool,
}

/// What is wrong with a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternFault {
    /// Nothing, or nothing behind `*.`.
    #[error("a host pattern is a name, an address or `*.` and a suffix: this one is empty")]
    EmptyHost,
    /// A `*` that is not the whole first label.
    #[error("in a host pattern `*` stands only for what precedes a suffix, as in `*.example.org`")]
    HostWildcard,
    /// A character that no host has.
    #[error(
        "a host pattern holds letters, digits, `-`, `_` and `.`, or is an address: no scheme, path or space"
    )]
    HostByte,
    /// An empty label, as in `a..b`.
    #[error("a host pattern has an empty label: write one dot between two labels")]
    HostLabel,
    /// The part behind the colon is no port.
    #[error("what follows `:` in a host pattern is a port, and it may be left out: ports do not matter")]
    HostPort,
    /// Not `/` first.
    #[error("a path pattern begins with `/`")]
    NotAbsolute,
    /// A `*` that is not a whole segment.
    #[error(
        "in a path pattern `*` stands for a whole segment, as in `/users/*/orders`, or ends it, as in `/api/*`"
    )]
    PartialWildcard,
    /// No request path in the strict form can look like this.
    #[error("no request can match this path pattern: {0}")]
    Unmatchable(PathFault),
}

impl PathPattern {
    /// Reads a pattern as it stands in the configuration. Percent-encoding is brought into the strict form.
    pub fn parse(text: &str) -> Result<Self, PatternFault> {
        if !text.starts_with('/') {
            return Err(PatternFault::NotAbsolute);
        }
        let mut scratch = Vec::new();
        let strict = normalise(text.as_bytes(), &mut scratch).map_err(PatternFault::Unmatchable)?;
        // Strict paths are ASCII, so this loses nothing.
        let text = String::from_utf8_lossy(strict).into_owned();
        let stem = text.strip_suffix("/*").map_or(text.len(), str::len);
        let mut wildcard = false;
        for segment in text[..stem].split('/') {
            match segment {
                "*" => wildcard = true,
                _ if segment.contains('*') => return Err(PatternFault::PartialWildcard),
                _ => {}
            }
        }
        Ok(Self { text, stem, wildcard })
    }

    /// True when `path`, in the form of [`normalise`] or [`normalise_lenient`], is meant. The path `*` of
    /// `OPTIONS *` is meant by `/*` alone.
    #[inline]
    pub fn matches(&self, path: &[u8]) -> bool {
        let stem = &self.text.as_bytes()[..self.stem];
        if self.wildcard {
            return self.matches_segments(stem, path);
        }
        match path.strip_prefix(stem) {
            Some([]) => !self.is_tail() || self.stem > 0,
            Some(rest) => self.is_tail() && (rest[0] == b'/' || rest == b"*" && self.stem == 0),
            None => false,
        }
    }

    /// True when every path that `other` means is meant by this one too. Never true wrongly; may be false where a
    /// longer proof would say true.
    pub fn covers(&self, other: &Self) -> bool {
        let mut others = other.stem_segments();
        for own in self.stem_segments() {
            match others.next() {
                Some(segment) if own == segment || own == "*" && !segment.is_empty() => {}
                _ => return false,
            }
        }
        self.is_tail() || !other.is_tail() && others.next().is_none()
    }

    /// The pattern in the strict form.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// True when it ends with `/*`.
    #[inline]
    pub fn is_tail(&self) -> bool {
        self.stem < self.text.len()
    }

    /// The fixed text that all paths meant begin with, up to `most` segments: their number and the text.
    pub(super) fn literal_start(&self, most: usize) -> (usize, &str) {
        let fixed = self.stem_segments().take(most).take_while(|segment| *segment != "*");
        let (count, len) = fixed.fold((0, 0), |(count, len), segment| (count + 1, len + 1 + segment.len()));
        (count, &self.text[..len])
    }

    /// The segments before a final `/*`; none for `/*` itself.
    fn stem_segments(&self) -> impl Iterator<Item = &str> {
        self.text[..self.stem].split('/').skip(1)
    }

    fn matches_segments(&self, stem: &[u8], path: &[u8]) -> bool {
        let mut segments = path.split(|byte| *byte == b'/').skip(1);
        for own in stem.split(|byte| *byte == b'/').skip(1) {
            match segments.next() {
                Some(segment) if own == segment || own == b"*" && !segment.is_empty() => {}
                _ => return false,
            }
        }
        self.is_tail() || segments.next().is_none()
    }
}

impl std::fmt::Display for PathPattern {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.text)
    }
}
