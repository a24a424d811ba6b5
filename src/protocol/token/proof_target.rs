//! Whether the target that a proof names (`htu`) is that of the request (RFC 9449 section 4.3), without query and fragment.
//!
//! Both are normalised (RFC 3986 sections 6.2.2 and 6.2.3): scheme and host in any case, a default port or none, an empty
//! path or `/`, percent-encoding in any case and of characters that need none. Dot segments are kept: a path with them is
//! another path.

/// Where a client sent a request: the parts of its target, as the client wrote them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProofTarget<'a> {
    /// `https` or `http`.
    pub scheme: &'a str,
    /// Name or address; an IPv6 address in brackets.
    pub host: &'a str,
    /// The port, if it was written.
    pub port: Option<u16>,
    /// The path.
    pub path: &'a str,
}

impl ProofTarget<'_> {
    /// True if `uri` means this target.
    pub fn is_meant_by(&self, uri: &str) -> bool {
        let Some(named) = ProofTarget::parse(uri) else { return false };
        let (Some(own_port), Some(named_port)) = (self.known_port(), named.known_port()) else {
            return false;
        };
        self.scheme.eq_ignore_ascii_case(named.scheme)
            && self.host.eq_ignore_ascii_case(named.host)
            && own_port == named_port
            && normalised(self.path).eq(normalised(named.path))
    }

    /// The port, written or by the scheme.
    fn known_port(&self) -> Option<u16> {
        let is = |scheme: &str| self.scheme.eq_ignore_ascii_case(scheme);
        let default = if is("https") { Some(443) } else { is("http").then_some(80) };
        // Of another scheme nothing is known, not even that it has ports.
        default.map(|default| self.port.unwrap_or(default))
    }
}

impl<'a> ProofTarget<'a> {
    /// The parts of an absolute URI of visible ASCII, but for query and fragment. `None` if it names a user, or is none.
    fn parse(uri: &'a str) -> Option<Self> {
        if !uri.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        let (scheme, rest) = uri.split_once("://")?;
        let end = rest.find(['?', '#']).unwrap_or(rest.len());
        let (rest, _) = rest.split_at(end);
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let host_end = match authority.strip_prefix('[') {
            Some(_) => authority.find(']')? + 1,
            None => authority.find(':').unwrap_or(authority.len()),
        };
        let (host, port) = authority.split_at(host_end);
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => None,
            None => return None,
            Some("") => None,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => Some(digits.parse().ok()?),
            Some(_) => return None,
        };
        let is_host = !host.is_empty() && !host.contains(['@', '\\']);
        is_host.then_some(Self { scheme, host, port, path })
    }
}

/// A path's bytes in the one form that all its spellings have. A `%` that begins no byte is kept as it is.
fn normalised(path: &str) -> impl Iterator<Item = [u8; 3]> {
    let mut rest = if path.is_empty() { b"/" } else { path.as_bytes() };
    std::iter::from_fn(move || match rest {
        [b'%', high, low, tail @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
            rest = tail;
            let encoded = [b'%', high.to_ascii_uppercase(), low.to_ascii_uppercase()];
            let digit = |digit: u8| if digit <= b'9' { digit - b'0' } else { digit - b'A' + 10 };
            let byte = digit(encoded[1]) * 16 + digit(encoded[2]);
            let is_unreserved = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
            Some(if is_unreserved { [byte, 0, 0] } else { encoded })
        }
        [byte, tail @ ..] => {
            rest = tail;
            Some([*byte, 0, 0])
        }
        [] => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_target() {
        let target =
            ProofTarget { scheme: "https", host: "api.example.com", port: None, path: "/Orders/a%2Fb/~x" };
        let check = |uri: &str, expected: bool| assert_eq!(target.is_meant_by(uri), expected, "{uri}");
        for uri in [
            "https://api.example.com/Orders/a%2Fb/~x",
            "HTTPS://API.Example.COM/Orders/a%2Fb/~x",
            "https://api.example.com:443/Orders/a%2Fb/~x",
            "https://api.example.com:/Orders/a%2Fb/~x",
            "https://api.example.com/Orders/a%2fb/%7Ex",
            "https://api.example.com/Orders/a%2Fb/%7ex?q=1",
            "https://api.example.com/%4frders/a%2Fb/~x#f?g",
        ] {
            check(uri, true);
        }
        for uri in [
            "",
            "/Orders/a%2Fb/~x",
            "//api.example.com/Orders/a%2Fb/~x",
            "http://api.example.com/Orders/a%2Fb/~x",
            "https://api.example.com:8443/Orders/a%2Fb/~x",
            "https://api.example.com:80/Orders/a%2Fb/~x",
            "https://api.example.com:x/Orders/a%2Fb/~x",
            "https://api.example.com:+443/Orders/a%2Fb/~x",
            "https://api.example.com:99999/Orders/a%2Fb/~x",
            "https://api.example.com./Orders/a%2Fb/~x",
            "https://api.example.com/orders/a%2Fb/~x",
            "https://api.example.com/Orders/a/b/~x",
            "https://api.example.com/Orders/a%2Fb/~x/",
            "https://api.example.com/Orders/a%2Fb/./~x",
            "https://api.example.com/Orders/a%252Fb/~x",
            "https://evil.example/Orders/a%2Fb/~x",
            "https://api.example.com@evil.example/Orders/a%2Fb/~x",
            "https://user@api.example.com/Orders/a%2Fb/~x",
            "https://evil.example\\@api.example.com/Orders/a%2Fb/~x",
            "https://api.example.com/Orders/a%2Fb/~x ",
            "https:api.example.com/Orders/a%2Fb/~x",
            "https://",
        ] {
            check(uri, false);
        }
    }

    #[test]
    fn ports_addresses_and_empty_paths() {
        let check = |target: (&str, &str, Option<u16>, &str), uri: &str, expected: bool| {
            let (scheme, host, port, path) = target;
            assert_eq!(
                ProofTarget { scheme, host, port, path }.is_meant_by(uri),
                expected,
                "{target:?} {uri}"
            );
        };
        check(("http", "a", Some(80), "/"), "http://a", true);
        check(("http", "a", None, ""), "http://a:80/", true);
        check(("http", "a", Some(8080), "/"), "http://a:8080?x", true);
        check(("http", "a", Some(8080), "/"), "http://a/", false);
        check(("https", "a", Some(80), "/"), "https://a", false);
        check(("https", "[2001:db8::1]", Some(8443), "/x"), "https://[2001:DB8::1]:8443/x", true);
        check(("https", "[2001:db8::1]", None, "/x"), "https://[2001:db8::1]/x", true);
        check(("https", "[2001:db8::1]", None, "/x"), "https://[2001:db8::1]8443/x", false);
        check(("https", "[2001:db8::1]", None, "/x"), "https://[2001:db8::1/x", false);
        check(("ftp", "a", None, "/"), "ftp://a/", false);
        check(("https", "a", None, "/%"), "https://a/%", true);
        check(("https", "a", None, "/%4"), "https://a/%4", true);
        check(("https", "a", None, "/%zz"), "https://a/%ZZ", false);
        check(("https", "a", None, "/é"), "https://a/é", false);
    }
}
