//! Host patterns.

use super::PatternFault;

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
pub(in crate::policy) fn bare_host(host: &[u8]) -> &[u8] {
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
