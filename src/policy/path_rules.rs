//! Host and path patterns, and the one form of a path that routes are decided by.
//!
//! A path can be spelled in many ways, and a proxy that reads it differently from the server behind lets requests
//! past its rules. So there is one strict form ([`normalise`]) and everything that servers are known to disagree
//! about is refused. Which route a path takes is `route_table`'s business; the bytes forwarded stay the client's.

#[cfg(test)]
mod tests;

/// A host pattern: a name or address, or `*.` and a suffix.
///
/// `*.example.org` stands for every name below `example.org` at any depth, not for `example.org` itself. Case, a
/// port and one trailing dot make no difference, neither here nor in what is matched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPattern {
    /// Lower case; without port, trailing dot, brackets and the leading `*.`.
    name: String,
    wildcard: bool,
}

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

/// Why a path is not used to choose a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathFault {
    /// A segment is `.` or `..`, plain, percent-encoded or with parameters (`..;x`).
    #[error("the path has a dot segment")]
    DotSegment,
    /// Two slashes in a row.
    #[error("the path has an empty segment")]
    EmptySegment,
    /// `%2F`.
    #[error("the path has an encoded slash")]
    EncodedSlash,
    /// `%5C`.
    #[error("the path has an encoded backslash")]
    EncodedBackslash,
    /// `%00`.
    #[error("the path has an encoded NUL")]
    EncodedNul,
    /// `\`, which some servers read as `/`.
    #[error("the path has a backslash")]
    Backslash,
    /// `%` without two hexadecimal digits.
    #[error("the path has a `%` that two hexadecimal digits do not follow")]
    InvalidEncoding,
    /// A control, a space, `?`, `#` or a byte beyond ASCII.
    #[error("the path has a byte that a path cannot have")]
    InvalidByte,
    /// Not empty and not `/` first.
    #[error("the path does not begin with `/`")]
    NotAbsolute,
}

impl PathFault {
    /// The stable token for logs and answers.
    pub fn reason(self) -> &'static str {
        match self {
            Self::DotSegment => "path-dot-segment",
            Self::EmptySegment => "path-empty-segment",
            Self::EncodedSlash => "path-encoded-slash",
            Self::EncodedBackslash => "path-encoded-backslash",
            Self::EncodedNul => "path-encoded-nul",
            Self::Backslash => "path-backslash",
            Self::InvalidEncoding => "path-invalid-encoding",
            Self::InvalidByte => "path-invalid-byte",
            Self::NotAbsolute => "path-not-absolute",
        }
    }

    /// True for a valid path that servers read differently: what `encoded_paths = true` lets through.
    pub fn is_ambiguity(self) -> bool {
        match self {
            Self::DotSegment
            | Self::EmptySegment
            | Self::EncodedSlash
            | Self::EncodedBackslash
            | Self::EncodedNul => true,
            Self::Backslash | Self::InvalidEncoding | Self::InvalidByte | Self::NotAbsolute => false,
        }
    }
}

// --- Hosts ---------------------------------------------------------------------------------------------------

impl HostPattern {
    /// Reads a pattern as it stands in the configuration.
    pub fn parse(text: &str) -> Result<Self, PatternFault> {
        let (wildcard, rest) = match text.strip_prefix("*.") {
            Some(suffix) => (true, suffix),
            None => (false, text),
        };
        let name = without_port(rest)?;
        let name = name.strip_suffix('.').unwrap_or(name);
        if name.is_empty() {
            return Err(PatternFault::EmptyHost);
        }
        if let Some(address) = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            return match address.parse::<std::net::Ipv6Addr>() {
                Ok(_) if !wildcard => Ok(Self { name: address.to_ascii_lowercase(), wildcard }),
                _ => Err(PatternFault::HostByte),
            };
        }
        if name.contains('*') {
            return Err(PatternFault::HostWildcard);
        }
        if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')) {
            return Err(PatternFault::HostByte);
        }
        if name.split('.').any(str::is_empty) {
            return Err(PatternFault::HostLabel);
        }
        Ok(Self { name: name.to_ascii_lowercase(), wildcard })
    }

    /// True when `host`, as sent but without its port, is meant.
    #[inline]
    pub fn matches(&self, host: &[u8]) -> bool {
        let host = bare_host(host);
        let name = self.name.as_bytes();
        if !self.wildcard {
            return host.eq_ignore_ascii_case(name);
        }
        // At least one byte and the dot stand before the suffix.
        let Some(dot) = host.len().checked_sub(name.len() + 1).filter(|dot| *dot > 0) else { return false };
        host[dot] == b'.' && host[dot + 1..].eq_ignore_ascii_case(name)
    }

    /// True when every host that `other` means is meant by this one too.
    pub fn covers(&self, other: &Self) -> bool {
        match (self.wildcard, other.wildcard) {
            (false, false) => self.name == other.name,
            (false, true) => false,
            (true, false) => self.matches(other.name.as_bytes()),
            (true, true) => self.name == other.name || self.matches(other.name.as_bytes()),
        }
    }

    /// The name, or the suffix behind `*.`: lower case, without a trailing dot.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// True for `*.` patterns.
    pub fn is_wildcard(&self) -> bool {
        self.wildcard
    }
}

impl std::fmt::Display for HostPattern {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}{}", if self.wildcard { "*." } else { "" }, self.name)
    }
}

/// `host` without one trailing dot and without the brackets of an address.
#[inline]
pub(super) fn bare_host(host: &[u8]) -> &[u8] {
    match host {
        [b'[', address @ .., b']'] => address,
        [name @ .., b'.'] => name,
        name => name,
    }
}

/// What stands before the port, if there is one.
fn without_port(text: &str) -> Result<&str, PatternFault> {
    let name_end = if text.starts_with('[') { text.find(']').map_or(text.len(), |at| at + 1) } else { 0 };
    let Some(colon) = text[name_end..].find(':').map(|at| name_end + at) else { return Ok(text) };
    match text[colon + 1..].parse::<u16>() {
        Ok(_) => Ok(&text[..colon]),
        Err(_) => Err(PatternFault::HostPort),
    }
}

// --- Path patterns -------------------------------------------------------------------------------------------

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

    /// The leading segments that are fixed text: all paths meant begin with them.
    pub(super) fn literal_segments(&self) -> impl Iterator<Item = &str> {
        self.stem_segments().take_while(|segment| *segment != "*")
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

// --- Paths ---------------------------------------------------------------------------------------------------

/// The strict form of a request path: the only one that routes without `encoded_paths` are matched against.
///
/// Percent-encoded unreserved characters are decoded, other hexadecimal digits become upper case (RFC 3986 section
/// 6.2.2); an empty path is `/`. Whatever servers are known to read differently is refused. Without `%` the result
/// is `path` itself; else it is built in `scratch`.
#[inline]
pub fn normalise<'a>(path: &'a [u8], scratch: &'a mut Vec<u8>) -> Result<&'a [u8], PathFault> {
    if is_evident(path) {
        return Ok(path);
    }
    let path = normalise_lenient(path, scratch)?;
    refuse_ambiguity(path)?;
    Ok(path)
}

/// The form that routes with `encoded_paths` are matched against where [`normalise`] finds an ambiguity: unreserved
/// characters are decoded and nothing is refused but what no path can hold.
pub fn normalise_lenient<'a>(path: &'a [u8], scratch: &'a mut Vec<u8>) -> Result<&'a [u8], PathFault> {
    match path.first() {
        None => return Ok(b"/"),
        Some(b'/') => {}
        Some(_) => return Err(PathFault::NotAbsolute),
    }
    let mut encoded = false;
    for byte in path {
        match byte {
            b'%' => encoded = true,
            b'\\' => return Err(PathFault::Backslash),
            b'?' | b'#' => return Err(PathFault::InvalidByte),
            b'!'..=b'~' => {}
            _ => return Err(PathFault::InvalidByte),
        }
    }
    if !encoded {
        return Ok(path);
    }
    scratch.clear();
    let mut rest = path;
    while let Some(at) = memchr::memchr(b'%', rest) {
        let decoded = decode(&rest[at..]).ok_or(PathFault::InvalidEncoding)?;
        scratch.extend_from_slice(&rest[..at]);
        if is_unreserved(decoded) {
            scratch.push(decoded);
        } else {
            scratch.extend(rest[at..at + 3].iter().map(u8::to_ascii_uppercase));
        }
        rest = &rest[at + 3..];
    }
    scratch.extend_from_slice(rest);
    Ok(scratch)
}

/// How many bytes of the raw `path` spell `prefix`, which is in the strict form and ends before a `/`. None when
/// the path does not begin with it or goes on within the segment.
pub(super) fn spelled_prefix(path: &[u8], prefix: &[u8]) -> Option<usize> {
    let (mut at, mut rest) = (0, prefix);
    while let [wanted, others @ ..] = rest {
        match (path.get(at)?, decode(&path[at..])) {
            (b'%', Some(decoded)) if decoded == *wanted && is_unreserved(decoded) => rest = others,
            (b'%', Some(_)) if rest.len() >= 3 && path[at..at + 3].eq_ignore_ascii_case(&rest[..3]) => {
                rest = &rest[3..];
            }
            (byte, None) if byte == wanted => {
                at += 1;
                rest = others;
                continue;
            }
            _ => return None,
        }
        at += 3;
    }
    matches!(path.get(at), None | Some(b'/')).then_some(at)
}

/// Number of modes of [`reading`].
pub(super) const READINGS: u8 = 16;

/// The ways a server behind may read an ambiguous path, one for every `mode` below [`READINGS`]. The bits of a mode:
/// encoded slashes and backslashes are slashes and `%00` ends the path; empty segments vanish before dot segments are
/// resolved, not after; parameters (`;x`) are cut from segments; the result ends with a slash. `path` is in the
/// lenient form.
pub(super) fn reading(path: &[u8], mode: u8) -> Vec<u8> {
    let [slashes, merge_first, parameters, slash_last] = [1, 2, 4, 8].map(|bit| mode & bit != 0);
    // Lenient paths are ASCII, so this loses nothing.
    let mut text = String::from_utf8_lossy(path).into_owned();
    if slashes {
        text.truncate(text.find("%00").unwrap_or(text.len()));
        text = text.replace("%2F", "/").replace("%5C", "/");
    }
    let mut kept: Vec<&str> = Vec::new();
    for segment in text.split('/').skip(1) {
        match segment.split(';').next().filter(|_| parameters).unwrap_or(segment) {
            "" if merge_first => {}
            "." => {}
            ".." => drop(kept.pop()),
            plain => kept.push(plain),
        }
    }
    kept.retain(|segment| !segment.is_empty());
    let slash = if slash_last && !kept.is_empty() { "/" } else { "" };
    format!("/{}{slash}", kept.join("/")).into_bytes()
}

/// What each byte means to [`is_evident`].
static CLASSES: [u8; 256] = {
    let mut classes = [LOOK_CLOSER; 256];
    let mut byte = b'!';
    while byte <= b'~' {
        classes[byte as usize] = match byte {
            b'/' => SLASH,
            b'.' => DOT,
            b'%' | b'\\' | b'?' | b'#' => LOOK_CLOSER,
            _ => ORDINARY,
        };
        byte += 1;
    }
    classes
};
const ORDINARY: u8 = 0;
const SLASH: u8 = 1;
const DOT: u8 = 2;
const LOOK_CLOSER: u8 = 4;

/// True when `path` is in the strict form and one glance shows it: no `%`, and neither `/` nor `.` behind a `/`.
#[inline]
fn is_evident(path: &[u8]) -> bool {
    let [b'/', rest @ ..] = path else { return false };
    let mut previous = SLASH;
    for byte in rest {
        let class = CLASSES[*byte as usize];
        if class == LOOK_CLOSER || class != ORDINARY && previous == SLASH {
            return false;
        }
        previous = class;
    }
    true
}

fn refuse_ambiguity(path: &[u8]) -> Result<(), PathFault> {
    let mut segments = path.split(|byte| *byte == b'/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        if segment.is_empty() && segments.peek().is_some() {
            return Err(PathFault::EmptySegment);
        }
        // Servlet containers cut parameters before they resolve dots: `..;x` climbs there.
        let bare = segment.split(|byte| *byte == b';').next().unwrap_or(segment);
        if matches!(bare, b"." | b"..") {
            return Err(PathFault::DotSegment);
        }
        for at in memchr::memchr_iter(b'%', segment) {
            match &segment[at..] {
                [_, b'2', b'F', ..] => return Err(PathFault::EncodedSlash),
                [_, b'5', b'C', ..] => return Err(PathFault::EncodedBackslash),
                [_, b'0', b'0', ..] => return Err(PathFault::EncodedNul),
                _ => {}
            }
        }
    }
    Ok(())
}

/// The byte that `%` and two hexadecimal digits at the front of `text` stand for.
fn decode(text: &[u8]) -> Option<u8> {
    let [b'%', high, low, ..] = text else { return None };
    let digit = |byte: u8| (byte as char).to_digit(16);
    Some((digit(*high)? * 16 + digit(*low)?) as u8)
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}
