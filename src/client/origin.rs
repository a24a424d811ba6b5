//! Where a proxy is, and what is asked of it: an `http` or `https` URL taken apart.

use crate::protocol::http1::parse_authority;

/// A scheme, a host and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// `https`.
    pub is_tls: bool,
    /// A name or an address; IPv6 in brackets.
    pub host: String,
    /// The port, written or not.
    pub port: u16,
}

impl Origin {
    /// Takes `https://host[:port][/path][?query]`, in which anything behind `#` does not count; the origin and the path
    /// with its query, which begins with `/`. `None`: it is another kind of URL, or malformed.
    pub fn parse(url: &str) -> Option<(Self, String)> {
        let (scheme, rest) = url.split_once("://")?;
        let is_tls = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let (host, port) = parse_authority(authority.as_bytes())?;
        let port = port.unwrap_or(if is_tls { 443 } else { 80 });
        let host = authority.get(..host)?.to_ascii_lowercase();
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        (!host.is_empty() && path.bytes().all(|byte| byte.is_ascii_graphic()))
            .then_some((Self { is_tls, host, port }, path))
    }

    /// Its scheme.
    pub fn scheme(&self) -> &'static str {
        if self.is_tls { "https" } else { "http" }
    }

    /// Host and port, the latter unless it is the scheme's own.
    pub fn authority(&self) -> String {
        let own = if self.is_tls { 443 } else { 80 };
        if self.port == own { self.host.clone() } else { format!("{}:{}", self.host, self.port) }
    }

    /// The host as certificates and name servers know it: without brackets.
    pub fn bare_host(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}://{}", self.scheme(), self.authority())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        let check = |url: &str, expected: Option<(&str, &str)>| {
            let found = Origin::parse(url).map(|(origin, path)| (origin.to_string(), path));
            let expected = expected.map(|(origin, path)| (origin.to_owned(), path.to_owned()));
            assert_eq!(found, expected, "{url}");
        };
        check("https://a.test", Some(("https://a.test", "/")));
        check("HTTPS://A.test:443/x?y=/#z", Some(("https://a.test", "/x?y=/")));
        check("http://a.test:443?q", Some(("http://a.test:443", "/?q")));
        check("http://[::1]:80/", Some(("http://[::1]", "/")));
        for url in
            ["a.test", "ftp://a.test", "https://", "https://u@a.test", "https://a.test:0", "https:///x"]
        {
            check(url, None);
        }
        check("https://a.test/a b", None);
        check("https://a.test/\u{e9}", None);
        assert_eq!(Origin::parse("https://[::1]/").unwrap().0.bare_host(), "::1");
    }
}
