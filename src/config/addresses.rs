//! Addresses, networks, servers and hosts as texts. Every error is the reason with what to write instead.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use ipnet::IpNet;

use crate::policy::ruleset::ListenAddress;

/// What a server's URL says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ServerUrl {
    /// Name or address literal without brackets, lower case.
    pub(super) host: String,
    pub(super) port: u16,
    /// The Unix socket to connect to in place of host and port.
    pub(super) socket: Option<PathBuf>,
    /// `https`.
    pub(super) tls: bool,
    /// Host with brackets where it needs them, and the port where it is not the scheme's.
    pub(super) authority: String,
}

const HTTP_PORT: u16 = 80;
const HTTPS_PORT: u16 = 443;
/// What a `sockaddr_un` holds beside the final zero.
const SOCKET_PATH_BYTES_MAX: usize = 107;
const NAME_BYTES_MAX: usize = 253;
const LABEL_BYTES_MAX: usize = 63;

/// `127.0.0.1:8443` or `[::1]:8443`.
pub(super) fn parse_socket_address(text: &str) -> Result<SocketAddr, String> {
    if text.starts_with("unix:") {
        return Err("only a data listener may have a Unix socket; write an IP address and a port".to_owned());
    }
    text.parse().map_err(|_| {
        if let Ok(address) = text.parse::<IpAddr>() {
            format!("the port is missing, as in \"{}\"", SocketAddr::new(address, 8443))
        } else if text.starts_with(':') {
            format!("the address is missing; for every one write \"[::]{text}\" or \"0.0.0.0{text}\"")
        } else {
            "write an IP address and a port, such as \"127.0.0.1:8443\" or \"[::1]:8443\"; names are not looked up"
                .to_owned()
        }
    })
}

/// An address as [`parse_socket_address`] reads it, or `unix:` and a path, which `locate` puts in its place.
pub(super) fn parse_listen_address(
    text: &str,
    locate: impl FnOnce(&str) -> PathBuf,
) -> Result<ListenAddress, String> {
    match text.strip_prefix("unix:") {
        Some(path) => parse_socket_path(path, locate).map(ListenAddress::Unix),
        None => parse_socket_address(text).map(ListenAddress::Tcp),
    }
}

/// `10.0.0.0/8`, or one address.
pub(super) fn parse_network(text: &str) -> Result<IpNet, String> {
    let network = match text.parse::<IpAddr>() {
        Ok(address) => IpNet::from(address),
        Err(_) => text
            .parse::<IpNet>()
            .map_err(|_| "write a network such as \"10.0.0.0/8\" or an address such as \"::1\"".to_owned())?,
    };
    if network.trunc() != network {
        return Err(format!("bits are set beyond the prefix; write \"{}\"", network.trunc()));
    }
    if let IpNet::V6(v6) = network
        && v6.prefix_len() >= 96
        && v6.addr().to_ipv4_mapped().is_some()
    {
        return Err("write an IPv4 network as such: addresses are compared that way".to_owned());
    }
    Ok(network)
}

/// `http://host:port`, `https://host:port`, or `unix:` and a path, which `locate` puts in its place.
pub(super) fn parse_server_url(
    text: &str,
    locate: impl FnOnce(&str) -> PathBuf,
) -> Result<ServerUrl, String> {
    if let Some(path) = text.strip_prefix("unix:") {
        let socket = Some(parse_socket_path(path, locate)?);
        let host = "localhost".to_owned();
        return Ok(ServerUrl { authority: host.clone(), host, port: HTTP_PORT, socket, tls: false });
    }
    let after = |scheme: &str| {
        let (own, rest) = text.split_at_checked(scheme.len())?;
        own.eq_ignore_ascii_case(scheme).then_some(rest)
    };
    let (rest, tls) = match (after("http://"), after("https://")) {
        (Some(rest), _) => (rest, false),
        (None, Some(rest)) => (rest, true),
        (None, None) => return Err("write a URL such as \"http://10.0.0.1:8080\"".to_owned()),
    };
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    if authority.contains(['/', '?', '#']) {
        return Err("a server has no path or query; leave it out, a route's `rewrite` can add one".to_owned());
    }
    if authority.contains('@') {
        return Err("a server has no user name or password; leave it out".to_owned());
    }
    let (host, port) = parse_authority(authority)?;
    let of_scheme = if tls { HTTPS_PORT } else { HTTP_PORT };
    let port = port.unwrap_or(of_scheme);
    if port == 0 {
        return Err("port 0 cannot be connected to".to_owned());
    }
    let shown = if host.contains(':') { format!("[{host}]") } else { host.clone() };
    let authority = if port == of_scheme { shown } else { format!("{shown}:{port}") };
    Ok(ServerUrl { host, port, socket: None, tls, authority })
}

/// A host and an optional port, as `Host` has them.
pub(super) fn parse_authority(text: &str) -> Result<(String, Option<u16>), String> {
    if text.contains('/') {
        return Err("a host has no scheme and no path; leave them out".to_owned());
    }
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (inner, after) = rest.split_once(']').ok_or("the closing bracket is missing")?;
            let address: Ipv6Addr = inner.parse().map_err(|_| format!("{inner:?} is no IPv6 address"))?;
            let port = after
                .strip_prefix(':')
                .or(after.is_empty().then_some(""))
                .ok_or_else(|| format!("{after:?} follows the bracket; only a colon and a port may"))?;
            (address.to_string(), (!after.is_empty()).then_some(port))
        }
        None => {
            let (host, port) = text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
            (parse_name(host)?, port)
        }
    };
    Ok((host, port.map(parse_port).transpose()?))
}

fn parse_socket_path(text: &str, locate: impl FnOnce(&str) -> PathBuf) -> Result<PathBuf, String> {
    if text.is_empty() {
        return Err("the path of the socket is missing, as in \"unix:/run/ringwall.sock\"".to_owned());
    }
    if text.contains('\0') {
        return Err("a path has no zero byte".to_owned());
    }
    let path = locate(text);
    let bytes = path.as_os_str().len();
    if bytes > SOCKET_PATH_BYTES_MAX {
        return Err(format!(
            "the path of a socket has at most {SOCKET_PATH_BYTES_MAX} bytes, this one {bytes}; choose a shorter one"
        ));
    }
    Ok(path)
}

fn parse_port(text: &str) -> Result<u16, String> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let port = if digits { text.parse().ok() } else { None };
    port.ok_or_else(|| format!("{text:?} is no port; an IPv6 address stands in brackets"))
}

/// A host name or IPv4 address, in lower case. What looks like a number but is no dotted address is refused:
/// resolvers differ in what they make of `127.1` or `0x7f000001`.
fn parse_name(text: &str) -> Result<String, String> {
    let name = text.to_ascii_lowercase();
    if name.is_empty() {
        return Err("the host is missing".to_owned());
    }
    let last = name.rsplit('.').next().unwrap_or("");
    if last.starts_with(|first: char| first.is_ascii_digit())
        && (last.parse::<u64>().is_ok() || last.starts_with("0x"))
    {
        return match name.parse::<Ipv4Addr>() {
            Ok(address) => Ok(address.to_string()),
            Err(_) => Err(format!("{text:?} is no IPv4 address; write four numbers, as in \"10.0.0.1\"")),
        };
    }
    let label = |label: &str| {
        let edge = |byte: Option<&u8>| byte.is_some_and(|byte| *byte != b'-');
        let bytes = label.as_bytes();
        (1..=LABEL_BYTES_MAX).contains(&bytes.len())
            && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            && edge(bytes.first())
            && edge(bytes.last())
    };
    if name.len() > NAME_BYTES_MAX || !name.split('.').all(label) {
        return Err(format!(
            "{text:?} is no host name; its parts are 1 to {LABEL_BYTES_MAX} letters, digits, `-` or `_`"
        ));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn servers_are_urls_without_a_path() {
        let check = |text: &str, expected: Result<(&str, u16, &str), &str>| match (
            parse_server_url(text, |path| Path::new("/etc").join(path)),
            expected,
        ) {
            (Ok(found), Ok((host, port, authority))) => {
                assert_eq!(
                    (found.host.as_str(), found.port, found.authority.as_str()),
                    (host, port, authority)
                );
            }
            (Err(found), Err(part)) => assert!(found.contains(part), "{text}: {found}"),
            (found, expected) => panic!("{text}: {found:?}, not {expected:?}"),
        };
        check("http://10.0.0.1:8080", Ok(("10.0.0.1", 8080, "10.0.0.1:8080")));
        check("HTTP://Orders.Internal/", Ok(("orders.internal", 80, "orders.internal")));
        check("http://a_b.c:80", Ok(("a_b.c", 80, "a_b.c")));
        check("http://[2001:DB8::1]:81", Ok(("2001:db8::1", 81, "[2001:db8::1]:81")));
        check("http://[::1]", Ok(("::1", 80, "[::1]")));
        check("https://a", Ok(("a", 443, "a")));
        check("HTTPS://a:80", Ok(("a", 80, "a:80")));
        check("https://[::1]:8443/", Ok(("::1", 8443, "[::1]:8443")));
        check("http://a:443", Ok(("a", 443, "a:443")));
        check("unix:/run/a.sock", Ok(("localhost", 80, "localhost")));
        check("unix:", Err("the path of the socket is missing"));
        check("unix:a\0b", Err("no zero byte"));
        check(&format!("unix:{}", "a".repeat(102)), Ok(("localhost", 80, "localhost")));
        check(&format!("unix:{}", "a".repeat(103)), Err("at most 107 bytes, this one 108"));
        check("https:/a", Err("write a URL"));
        check("ftp://a", Err("write a URL"));
        check("é", Err("write a URL"));
        check("10.0.0.1:80", Err("write a URL"));
        check("http://", Err("the host is missing"));
        check("http://a:0", Err("port 0"));
        check("http://a:65536", Err("no port"));
        check("http://a:+1", Err("no port"));
        check("http://a:", Err("no port"));
        check("http://[::1]:", Err("no port"));
        check("http://[::1]a", Err("follows the bracket"));
        check("http://[::1", Err("closing bracket"));
        check("http://[1.2.3.4]", Err("no IPv6 address"));
        check("http://::1", Err("the host is missing"));
        check("http://a/b", Err("no path"));
        check("http://a?b", Err("no path"));
        check("http://u:p@a", Err("no user name"));
        check("http://127.1", Err("no IPv4 address"));
        check("http://0x7f000001", Err("no IPv4 address"));
        check("http://1.2.3.256", Err("no IPv4 address"));
        check("http://a..b", Err("no host name"));
        check("http://-a", Err("no host name"));
        check("http://a b", Err("no host name"));
        check("http://é", Err("no host name"));
    }

    #[test]
    fn a_server_tells_how_it_is_spoken_to() {
        let check = |text: &str, tls: bool, socket: Option<&str>| {
            let found = parse_server_url(text, |path| Path::new("/etc").join(path)).expect(text);
            assert_eq!((found.tls, found.socket), (tls, socket.map(PathBuf::from)), "{text}");
        };
        check("http://a", false, None);
        check("https://a", true, None);
        check("unix:/run/a.sock", false, Some("/run/a.sock"));
        check("unix:a.sock", false, Some("/etc/a.sock"));
    }

    #[test]
    fn networks_have_no_bits_beyond_their_prefix() {
        let check = |text: &str, expected: Result<&str, &str>| match (parse_network(text), expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found.to_string(), expected, "{text}"),
            (Err(found), Err(part)) => assert!(found.contains(part), "{text}: {found}"),
            (found, expected) => panic!("{text}: {found:?}, not {expected:?}"),
        };
        check("10.0.0.0/8", Ok("10.0.0.0/8"));
        check("10.1.2.3", Ok("10.1.2.3/32"));
        check("::1", Ok("::1/128"));
        check("0.0.0.0/0", Ok("0.0.0.0/0"));
        check("10.0.0.1/8", Err("write \"10.0.0.0/8\""));
        check("::ffff:10.0.0.0/104", Err("as such"));
        check("10.0.0.0/33", Err("write a network"));
        check("localhost", Err("write a network"));
    }
}
