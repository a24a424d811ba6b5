//! An issuer's metadata (RFC 8414, OpenID Connect Discovery 1.0): whose they are, and where its keys are. Pure.

use std::net::IpAddr;

use crate::limits::KEY_URI_BYTES;
use crate::policy::ruleset::Server;
use crate::protocol::http1::parse_authority;
use crate::protocol::strict_json::Object;

/// Why metadata lead to no keys. Nothing of what they say is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetadataFault {
    /// Another one's, or nobody's.
    #[error("the metadata are those of another issuer: `issuer` must be exactly what is configured")]
    Issuer,
    /// No JSON object, or one in which a member appears twice.
    #[error("the metadata are no JSON object in which no member appears twice")]
    Malformed,
    /// There is no set of keys, or the URI is none.
    #[error("the metadata have no `jwks_uri` that is an http or https URI")]
    NoUri,
    /// Keys would come in the clear from somewhere else.
    #[error("the `jwks_uri` of the metadata is not https")]
    Unprotected,
}

/// A resource on a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// `https`.
    pub tls: bool,
    /// Name or address literal without brackets, lower case.
    pub host: String,
    /// The port, that of the scheme where none is named.
    pub port: u16,
    /// What goes into `Host`.
    pub authority: String,
    /// Path and query.
    pub target: String,
}

/// Where the keys of `issuer` are, as its metadata in `text` say. `is_local`: they came from this machine.
///
/// # Errors
/// [`MetadataFault`].
pub(super) fn key_set_of(text: &[u8], issuer: &str, is_local: bool) -> Result<Resource, MetadataFault> {
    let metadata = Object::parse(text).ok_or(MetadataFault::Malformed)?;
    if metadata.text("issuer") != Some(issuer) {
        return Err(MetadataFault::Issuer);
    }
    let uri = metadata.text("jwks_uri").and_then(Resource::parse).ok_or(MetadataFault::NoUri)?;
    // Whoever else names this machine in the clear means another, and would have any program here vouch for tokens.
    if uri.tls || is_local && is_loopback_name(&uri.host) { Ok(uri) } else { Err(MetadataFault::Unprotected) }
}

impl Resource {
    /// An absolute http or https URI (RFC 9110 section 4.2) without user and fragment.
    pub(super) fn parse(uri: &str) -> Option<Self> {
        if uri.len() > KEY_URI_BYTES || !uri.bytes().all(|byte| byte.is_ascii_graphic()) || uri.contains('#')
        {
            return None;
        }
        let (scheme, rest) = uri.split_once("://")?;
        let tls = scheme.eq_ignore_ascii_case("https");
        if !tls && !scheme.eq_ignore_ascii_case("http") {
            return None;
        }
        let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (length, port) = parse_authority(authority.as_bytes())?;
        let shown = authority.get(..length)?.to_ascii_lowercase();
        let of_scheme = if tls { 443 } else { 80 };
        let port = port.unwrap_or(of_scheme);
        if shown.is_empty() || port == 0 {
            return None;
        }
        let host =
            shown.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(&shown).to_owned();
        let authority = if port == of_scheme { shown } else { format!("{shown}:{port}") };
        let slash = if target.starts_with('/') { "" } else { "/" };
        Some(Self { tls, host, port, authority, target: format!("{slash}{target}") })
    }

    /// Whether it is on `server`, which is no Unix socket.
    pub(super) fn is_on(&self, server: &Server) -> bool {
        let place = (server.tls, server.host.as_str(), server.port);
        server.socket.is_none() && place == (self.tls, self.host.as_str(), self.port)
    }

    /// Whether both are on one server as far as their URIs say.
    pub(super) fn is_beside(&self, other: &Self) -> bool {
        (self.tls, &self.host, self.port) == (other.tls, &other.host, other.port)
    }
}

/// `localhost`, or an address that no network reaches.
fn is_loopback_name(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &str = "https://login.test";

    fn metadata(uri: &str) -> String {
        format!(r#"{{"issuer":"{ISSUER}","jwks_uri":"{uri}","token_endpoint":"https://login.test/token"}}"#)
    }

    #[test]
    fn metadata_are_those_of_the_issuer_letter_for_letter() {
        let check = |text: &str, expected: MetadataFault| {
            assert_eq!(key_set_of(text.as_bytes(), ISSUER, true), Err(expected), "{text}");
        };
        let uri = r#""jwks_uri":"https://login.test/jwks""#;
        for issuer in ["https://login.test/", "https://LOGIN.test", "http://login.test", "login.test", ""] {
            check(&format!(r#"{{"issuer":"{issuer}",{uri}}}"#), MetadataFault::Issuer);
        }
        check(&format!("{{{uri}}}"), MetadataFault::Issuer);
        check(&format!(r#"{{"issuer":["{ISSUER}"],{uri}}}"#), MetadataFault::Issuer);
        check(&format!(r#"{{"issuer":"{ISSUER}","issuer":"{ISSUER}",{uri}}}"#), MetadataFault::Malformed);
        check("<html>", MetadataFault::Malformed);
        check("[]", MetadataFault::Malformed);
        check(&format!(r#"{{"issuer":"{ISSUER}"}}"#), MetadataFault::NoUri);
        check(&format!(r#"{{"issuer":"{ISSUER}","jwks_uri":7}}"#), MetadataFault::NoUri);
    }

    #[test]
    fn keys_come_protected_or_do_not_leave_the_machine() {
        let check = |uri: &str, is_local, expected: Result<&str, MetadataFault>| {
            let found = key_set_of(metadata(uri).as_bytes(), ISSUER, is_local);
            let found = found.map(|resource| resource.authority);
            assert_eq!(found, expected.map(str::to_owned), "{uri} {is_local}");
        };
        let refused = Err(MetadataFault::Unprotected);
        for is_local in [false, true] {
            check("https://login.test/jwks", is_local, Ok("login.test"));
            check("https://127.0.0.1/jwks", is_local, Ok("127.0.0.1"));
            check("http://login.test/jwks", is_local, refused);
            check("http://10.0.0.1/jwks", is_local, refused);
            check("http://localhost.login.test/jwks", is_local, refused);
            check("http://127.0.0.1.login.test/jwks", is_local, refused);
        }
        for uri in
            ["http://127.0.0.1:81/jwks", "http://127.8.9.1/jwks", "http://[::1]:81/", "http://LOCALHOST"]
        {
            check(uri, false, refused);
        }
        check("http://127.0.0.1:81/jwks", true, Ok("127.0.0.1:81"));
        check("http://127.8.9.1/jwks", true, Ok("127.8.9.1"));
        check("http://[::1]:81/", true, Ok("[::1]:81"));
        check("http://LOCALHOST", true, Ok("localhost"));
    }

    #[test]
    fn a_uri_is_read_in_one_way() {
        let check = |uri: &str, expected: Option<(bool, &str, u16, &str, &str)>| {
            let found = Resource::parse(uri);
            let found = found
                .as_ref()
                .map(|it| (it.tls, it.host.as_str(), it.port, it.authority.as_str(), it.target.as_str()));
            assert_eq!(found, expected, "{uri}");
        };
        check("https://Login.test/a/b?c=d", Some((true, "login.test", 443, "login.test", "/a/b?c=d")));
        check("HTTPS://login.test:443", Some((true, "login.test", 443, "login.test", "/")));
        check("http://login.test:443/", Some((false, "login.test", 443, "login.test:443", "/")));
        check("https://login.test?x=1", Some((true, "login.test", 443, "login.test", "/?x=1")));
        check("https://[2001:DB8::1]:8443/k", Some((true, "2001:db8::1", 8443, "[2001:db8::1]:8443", "/k")));
        let long = format!("https://login.test/{}", "a".repeat(KEY_URI_BYTES));
        for none in [
            "",
            "/jwks",
            "login.test/jwks",
            "//login.test/jwks",
            "ftp://login.test/jwks",
            "https:///jwks",
            "https://:443/jwks",
            "https://user@login.test/jwks",
            "https://login.test:0/jwks",
            "https://login.test:65536/jwks",
            "https://login.test/jwks#a",
            "https://login.test/a b",
            "https://login.test/a\r\nb",
            "https://[::1/jwks",
            "https://l\u{f6}gin.test/jwks",
            &long,
        ] {
            check(none, None);
        }
    }

    #[test]
    fn a_resource_knows_its_servers() {
        let resource = Resource::parse("https://login.test:8443/jwks").unwrap();
        let server = Server { tls: true, ..Server::new("login.test", 8443) };
        for (server, expected) in [
            (server.clone(), true),
            (Server { tls: false, ..server.clone() }, false),
            (Server { port: 443, ..server.clone() }, false),
            (Server { host: "other.test".into(), ..server.clone() }, false),
            (Server { socket: Some("/run/a.sock".into()), ..server }, false),
        ] {
            assert_eq!(resource.is_on(&server), expected, "{server:?}");
        }
        for (other, expected) in [
            ("https://LOGIN.test:8443/realm", true),
            ("http://login.test:8443", false),
            ("https://login.test", false),
        ] {
            assert_eq!(resource.is_beside(&Resource::parse(other).unwrap()), expected, "{other}");
        }
    }
}
