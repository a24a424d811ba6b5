//! The PROXY protocol, versions 1 and 2: what a balancer in front says of the connection it passes on (HAProxy's
//! `proxy-protocol.txt`). Whether the balancer is believed is decided elsewhere.
//!
//! Version 1 is a line of text, version 2 binary. Additional values (TLVs) of version 2 are checked for their form and
//! passed over; so is a CRC-32c among them, for TCP has checked more than it would.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::limits;
use crate::protocol::progress::Progress;

/// Begins a version 2 header, which no text does (section 2.2).
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// Begins a version 1 line (section 2.1).
const LINE_START: &[u8; 6] = b"PROXY ";
/// Signature, version with command, family with transport, and the length of what follows.
const FIXED_BYTES: usize = SIGNATURE.len() + 4;

/// Whom a connection joins. Neither end is known when the balancer speaks for itself (a health check), does not know,
/// or was reached over a Unix socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProxyHeader {
    /// Where the connection comes from.
    pub source: Option<SocketAddr>,
    /// The address of the balancer it was made to.
    pub destination: Option<SocketAddr>,
}

impl ProxyHeader {
    const UNKNOWN: Self = Self { source: None, destination: None };
}

/// Why a connection does not begin with a PROXY header. It cannot be continued: who sent it is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{}", self.reason())]
pub enum ProxyHeaderFault {
    /// Neither a version 1 line nor a version 2 signature.
    Signature,
    /// A version 1 line that does not end with CRLF, or not within 107 bytes (section 2.1).
    LineEnd,
    /// A version 1 line that is not a family, two addresses and two ports with single spaces between (section 2.1).
    Line,
    /// An address that is none of its family (section 2.1).
    Address,
    /// A port that is not a canonical decimal number below 65,536 (section 2.1).
    Port,
    /// A binary header of another version than 2 (section 2.2).
    Version,
    /// A command other than LOCAL and PROXY (section 2.2).
    Command,
    /// A family or a transport that is not defined, or a transport other than a stream (section 2.2).
    Family,
    /// A binary header beyond the limit.
    TooLong,
    /// A binary header too short for the addresses of its family (section 2.2).
    TooShort,
    /// Additional values that do not end where the header does (section 2.2).
    Values,
}

impl ProxyHeaderFault {
    /// The stable token of this fault in logs and metrics.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Signature => "signature",
            Self::LineEnd => "line-end",
            Self::Line => "line",
            Self::Address => "address",
            Self::Port => "port",
            Self::Version => "version",
            Self::Command => "command",
            Self::Family => "family",
            Self::TooLong => "too-long",
            Self::TooShort => "too-short",
            Self::Values => "values",
        }
    }
}

/// Reads the header at the front of a connection. Everything behind it belongs to the peer it speaks of.
///
/// # Errors
/// As soon as no further byte can make it a header.
pub fn parse_proxy_header(bytes: &[u8]) -> Result<Progress<ProxyHeader>, ProxyHeaderFault> {
    if begins(bytes, SIGNATURE) {
        binary(bytes)
    } else if begins(bytes, LINE_START) {
        line(bytes)
    } else {
        Err(ProxyHeaderFault::Signature)
    }
}

/// True while `bytes`, as far as they go, are `start`.
fn begins(bytes: &[u8], start: &[u8]) -> bool {
    bytes.iter().zip(start).all(|(byte, expected)| byte == expected)
}

/// There is no state: a header is so short that it is looked at from its beginning when more of it has come.
fn need_more(bytes: &[u8]) -> Result<Progress<ProxyHeader>, ProxyHeaderFault> {
    Ok(Progress::NeedMore { searched: bytes.len() })
}

fn line(bytes: &[u8]) -> Result<Progress<ProxyHeader>, ProxyHeaderFault> {
    let within = &bytes[..bytes.len().min(limits::PROXY_LINE_BYTES)];
    let Some(end) = within.iter().position(|byte| matches!(byte, b'\r' | b'\n')) else {
        // The LF needs a byte, too.
        let is_too_long = bytes.len() >= limits::PROXY_LINE_BYTES - 1;
        return if is_too_long { Err(ProxyHeaderFault::LineEnd) } else { need_more(bytes) };
    };
    match within[end..] {
        [b'\r', b'\n', ..] => {}
        [b'\r'] if within.len() < limits::PROXY_LINE_BYTES => return need_more(bytes),
        _ => return Err(ProxyHeaderFault::LineEnd),
    }
    let words = within.get(LINE_START.len()..end).ok_or(ProxyHeaderFault::Line)?;
    let value = line_words(std::str::from_utf8(words).map_err(|_| ProxyHeaderFault::Line)?)?;
    Ok(Progress::Done { value, consumed: end + 2 })
}

/// `TCP4 192.0.2.1 198.51.100.1 56324 443`, or `UNKNOWN` and anything.
fn line_words(text: &str) -> Result<ProxyHeader, ProxyHeaderFault> {
    let mut words = text.split(' ');
    let parse: fn(&str) -> Option<IpAddr> = match words.next() {
        Some("UNKNOWN") => return Ok(ProxyHeader::UNKNOWN),
        Some("TCP4") => |word| word.parse().ok().map(IpAddr::V4),
        Some("TCP6") => |word| word.parse().ok().map(IpAddr::V6),
        _ => return Err(ProxyHeaderFault::Line),
    };
    let (Some(source), Some(destination), Some(source_port), Some(destination_port), None) =
        (words.next(), words.next(), words.next(), words.next(), words.next())
    else {
        return Err(ProxyHeaderFault::Line);
    };
    let address = |word, port_word| {
        let address = parse(word).ok_or(ProxyHeaderFault::Address)?;
        Ok(SocketAddr::new(address, port(port_word)?))
    };
    Ok(ProxyHeader {
        source: Some(address(source, source_port)?),
        destination: Some(address(destination, destination_port)?),
    })
}

fn port(word: &str) -> Result<u16, ProxyHeaderFault> {
    let is_canonical =
        word == "0" || word.bytes().all(|byte| byte.is_ascii_digit()) && !word.starts_with('0');
    word.parse().ok().filter(|_| is_canonical).ok_or(ProxyHeaderFault::Port)
}

/// ```text
/// │signature 12│version 4 bits|command 4 bits│family 4 bits|transport 4 bits│length 2│addresses│values…│
/// ```
fn binary(bytes: &[u8]) -> Result<Progress<ProxyHeader>, ProxyHeaderFault> {
    let rest = bytes.get(SIGNATURE.len()..).unwrap_or_default();
    let Some(&version_command) = rest.first() else { return need_more(bytes) };
    if version_command >> 4 != 2 {
        return Err(ProxyHeaderFault::Version);
    }
    let is_local = match version_command & 0x0f {
        0 => true,
        1 => false,
        _ => return Err(ProxyHeaderFault::Command),
    };
    let Some(&family) = rest.get(1) else { return need_more(bytes) };
    // LOCAL: the family and what follows say nothing.
    let family = if is_local { Family::Unknown } else { Family::of(family)? };
    let Some(&[_, _, high, low]) = rest.first_chunk() else { return need_more(bytes) };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if FIXED_BYTES + length > limits::PROXY_HEADER_BYTES {
        return Err(ProxyHeaderFault::TooLong);
    }
    if length < family.address_bytes() {
        return Err(ProxyHeaderFault::TooShort);
    }
    let Some(body) = bytes.get(FIXED_BYTES..FIXED_BYTES + length) else { return need_more(bytes) };
    let (addresses, values) = body.split_at(family.address_bytes());
    if family != Family::Unknown {
        check_values(values)?;
    }
    Ok(Progress::Done { value: family.header(addresses), consumed: FIXED_BYTES + length })
}

/// Family and transport of a version 2 header, as far as they matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    /// Nothing is known, and what follows has no form to check.
    Unknown,
    Ipv4,
    Ipv6,
    Unix,
}

impl Family {
    fn of(byte: u8) -> Result<Self, ProxyHeaderFault> {
        Ok(match byte {
            0x00 => Self::Unknown,
            0x11 => Self::Ipv4,
            0x21 => Self::Ipv6,
            0x31 => Self::Unix,
            _ => return Err(ProxyHeaderFault::Family),
        })
    }

    /// Two addresses and two ports, or two paths.
    fn address_bytes(self) -> usize {
        match self {
            Self::Unknown => 0,
            Self::Ipv4 => 12,
            Self::Ipv6 => 36,
            Self::Unix => 216,
        }
    }

    /// `addresses` has [`Self::address_bytes`].
    fn header(self, addresses: &[u8]) -> ProxyHeader {
        let found = match self {
            Self::Unknown | Self::Unix => None,
            Self::Ipv4 => pair(addresses, |bytes: [u8; 4]| Ipv4Addr::from(bytes).into()),
            Self::Ipv6 => pair(addresses, |bytes: [u8; 16]| Ipv6Addr::from(bytes).into()),
        };
        found.map_or(ProxyHeader::UNKNOWN, |(source, destination)| ProxyHeader {
            source: Some(source),
            destination: Some(destination),
        })
    }
}

/// Source and destination address, source and destination port.
fn pair<const N: usize>(
    bytes: &[u8],
    address: impl Fn([u8; N]) -> IpAddr,
) -> Option<(SocketAddr, SocketAddr)> {
    let (source, rest) = bytes.split_first_chunk()?;
    let (destination, rest) = rest.split_first_chunk()?;
    let &[a, b, c, d] = rest.first_chunk()?;
    let source = SocketAddr::new(address(*source), u16::from_be_bytes([a, b]));
    Some((source, SocketAddr::new(address(*destination), u16::from_be_bytes([c, d]))))
}

/// Each is a type, a length of two bytes, and so many bytes (section 2.2.1).
fn check_values(mut rest: &[u8]) -> Result<(), ProxyHeaderFault> {
    while !rest.is_empty() {
        let (&[_, high, low], behind) = rest.split_first_chunk().ok_or(ProxyHeaderFault::Values)?;
        let length = usize::from(u16::from_be_bytes([high, low]));
        rest = behind.get(length..).ok_or(ProxyHeaderFault::Values)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
