//! The strict and the lenient form of a request path, and the ways servers may read an ambiguous one.

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
pub(in crate::policy) fn spelled_prefix(path: &[u8], prefix: &[u8]) -> Option<usize> {
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
pub(in crate::policy) const READINGS: u8 = 16;

/// The ways a server behind may read an ambiguous path, one for every `mode` below [`READINGS`]. The bits of a mode:
/// encoded slashes and backslashes are slashes and `%00` ends the path; empty segments vanish before dot segments are
/// resolved, not after; parameters (`;x`) are cut from segments; the result ends with a slash. `path` is in the
/// lenient form.
pub(in crate::policy) fn reading(path: &[u8], mode: u8) -> Vec<u8> {
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

/// Bytes looked at together; one vector register on every target.
const BLOCK: usize = 16;

/// True when `path` is in the strict form and one glance shows it: no `%`, and neither `/` nor `.` behind a `/`.
#[inline]
fn is_evident(path: &[u8]) -> bool {
    let (Some(b'/'), Some((_, rest))) = (path.first(), path.split_first()) else { return false };
    let (Some(last), Some(before_last)) = (rest.last_chunk(), path[..path.len() - 1].last_chunk()) else {
        return path.windows(2).all(|pair| is_evident_block(&[pair[1]], &[pair[0]]));
    };
    let blocks = rest.as_chunks::<BLOCK>().0.iter().zip(path.as_chunks::<BLOCK>().0);
    blocks.fold(is_evident_block::<BLOCK>(last, before_last), |evident, (block, before)| {
        evident & is_evident_block(block, before)
    })
}

/// True when nothing in `block` needs a closer look; `before` are the bytes one place further to the front. Without a
/// branch, so that all bytes are compared at once.
#[inline]
fn is_evident_block<const LEN: usize>(block: &[u8; LEN], before: &[u8; LEN]) -> bool {
    let mut odd = false;
    for (byte, before) in block.iter().zip(before) {
        let byte = *byte;
        odd |= (byte <= b' ')
            | (byte > b'~')
            | (byte == b'%')
            | (byte == b'\\')
            | (byte == b'?')
            | (byte == b'#');
        odd |= (*before == b'/') & ((byte == b'/') | (byte == b'.'));
    }
    !odd
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
