//! Readers of what concerns TLS: `[listener.tls]`, `[upstream.NAME.tls]`, `[tls]`. The files are not opened here.

use std::path::PathBuf;

use super::addresses::parse_authority;
use super::reader::{Field, Section};
use super::schema;
use crate::net::tls::settings::{CertificateFiles, ClientAuth, ListenerTls, UpstreamTls};
use crate::policy::ruleset::Upstream;

/// Of SHA-256 in hexadecimal.
const DIGEST_DIGITS: usize = 64;
const CLIENT_AUTH: &[(&str, ClientAuth)] =
    &[("off", ClientAuth::Off), ("optional", ClientAuth::Optional), ("required", ClientAuth::Required)];

/// TLS of a listener; none where it speaks plain HTTP.
pub(super) fn of_listener(listener: &Section<'_>) -> Option<ListenerTls> {
    let section = listener.table("tls", schema::LISTENER_TLS)?;
    let stated = section.get("client_auth").map(|field| field.choice(CLIENT_AUTH));
    let client_auth = match stated {
        None => ClientAuth::Off,
        // The stand-in of a faulty one: routes may rely on it.
        Some(stated) => stated.unwrap_or(ClientAuth::Optional),
    };
    let (authorities, revoked) = (section.get("client_ca"), section.get("client_crl"));
    if client_auth == ClientAuth::Off {
        for field in [&authorities, &revoked].into_iter().flatten() {
            field.warn(
                "clients are not asked for a certificate while `client_auth` is off; set that or remove this",
            );
        }
    } else if authorities.is_none() && stated.flatten().is_some() {
        let label = section.label("client_ca");
        let message = format!(
            "{label} is missing: a certificate is worth what vouches for it; write for example `client_ca = \"clients.pem\"`"
        );
        section.error("client_ca", message);
    }
    Some(ListenerTls {
        certificates: certificates(&section),
        client_auth,
        client_ca: authorities.and_then(|field| field.file()),
        client_crl: revoked.and_then(|field| field.file()),
    })
}

/// TLS of an upstream; none where no server is spoken to over TLS.
pub(super) fn of_upstream(upstream: &Upstream, section: &Section<'_>) -> Option<UpstreamTls> {
    let settings = section.table("tls", schema::UPSTREAM_TLS).map(|section| upstream_tls(&section));
    if upstream.servers.iter().any(|server| server.tls) {
        return Some(settings.unwrap_or_default());
    }
    if let Some(field) = section.get("tls").filter(|_| !upstream.servers.is_empty()) {
        field.warn(
            "no server of this upstream is spoken to over TLS; write its URL with https:// or remove this",
        );
    }
    None
}

/// The keys of session tickets, the first of which seals.
pub(super) fn ticket_keys(root: &Section<'_>) -> Vec<PathBuf> {
    let section = root.section("tls", schema::TLS);
    let fields = section.get("ticket_keys").map(|field| field.list_of_some("keys made at the start"));
    fields.unwrap_or_default().iter().filter_map(Field::file).collect()
}

/// A name of a certificate, in lower case where it is a host's: those are compared without regard to case.
pub(super) fn parse_alternative_name(text: &str) -> Result<String, String> {
    if text.is_empty() || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("write a name as it stands in the certificate, such as \"orders.internal\"".to_owned());
    }
    // Mail addresses and URIs have parts in which case matters.
    Ok(if text.contains(['@', ':']) { text.to_owned() } else { text.to_ascii_lowercase() })
}

/// A SHA-256 digest as tools print it: 64 hexadecimal digits, colons between pairs or not.
pub(super) fn parse_digest(text: &str) -> Result<String, String> {
    let parted = text.split(':').all(|pair| pair.len() == 2);
    let digits = if parted { text.replace(':', "") } else { text.to_owned() };
    if digits.len() == DIGEST_DIGITS && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(digits.to_ascii_lowercase());
    }
    Err("write 64 hexadecimal digits; `openssl x509 -noout -fingerprint -sha256 -in FILE` prints them"
        .to_owned())
}

/// A list of pairs, or one pair directly.
fn certificates(section: &Section<'_>) -> Vec<CertificateFiles> {
    let direct: Vec<_> = ["certificate", "key"].into_iter().filter_map(|key| section.get(key)).collect();
    match section.get("certificates") {
        Some(list) => {
            for field in direct {
                field.object("it excludes `certificates`; put the pair into that list");
            }
            let pairs = list.list();
            if pairs.is_empty() {
                list.object("TLS needs at least one certificate");
            }
            let pair = |field: &Field<'_>| pair(&field.inner_section(schema::CERTIFICATE)?);
            pairs.iter().filter_map(pair).collect()
        }
        None if direct.is_empty() => {
            let advice =
                "write `certificate = \"cert.pem\"` and `key = \"key.pem\"`, or a list `certificates`";
            section.error("certificates", format!("{} needs a certificate; {advice}", section.title()));
            Vec::new()
        }
        None => pair(section).into_iter().collect(),
    }
}

fn pair(section: &Section<'_>) -> Option<CertificateFiles> {
    let certificate = section.require("certificate", "certificate = \"cert.pem\"");
    let key = section.require("key", "key = \"key.pem\"");
    let (certificate, key) = (certificate.map(|field| field.file()), key.map(|field| field.file()));
    Some(CertificateFiles { certificate: certificate??, key: key?? })
}

fn upstream_tls(section: &Section<'_>) -> UpstreamTls {
    let shows_itself = section.get("certificate").is_some() || section.get("key").is_some();
    let dangerous = section.get("dangerous_accept_any_certificate");
    let accepts_any = dangerous.as_ref().and_then(Field::flag).unwrap_or(false);
    if let Some(field) = dangerous.filter(|_| accepts_any) {
        field.warn(
            "any certificate of anybody is taken: whoever is on the way reads and changes everything; name the \
             authority in `ca` instead",
        );
    }
    UpstreamTls {
        ca: section.get("ca").and_then(|field| field.file()),
        server_name: section
            .get("server_name")
            .and_then(|field| field.parsed("a host name such as \"orders.internal\"", parse_server_name)),
        certificate: if shows_itself { pair(section) } else { None },
        dangerous_accept_any_certificate: accepts_any,
    }
}

fn parse_server_name(text: &str) -> Result<String, String> {
    match parse_authority(text)? {
        (host, None) => Ok(host),
        (host, Some(_)) => Err(format!("a certificate has no port; write {host:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_64_digits_however_a_tool_parts_them() {
        let plain = "0123456789abcdef".repeat(4);
        let pairs: Vec<_> = plain.as_bytes().chunks(2).map(|pair| String::from_utf8_lossy(pair)).collect();
        let check = |text: &str, good: bool| {
            assert_eq!(parse_digest(text).ok(), good.then(|| plain.clone()), "{text}");
        };
        check(&plain, true);
        check(&plain.to_uppercase(), true);
        check(&pairs.join(":"), true);
        check(&pairs.join("-"), false);
        check(&plain[1..], false);
        check(&format!("{plain}0"), false);
        check(&format!("sha256:{plain}"), false);
        check(&plain.replace('f', "g"), false);
        check("", false);
    }

    #[test]
    fn names_of_hosts_are_compared_in_lower_case() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(parse_alternative_name(text).ok().as_deref(), expected, "{text}");
        };
        check("Orders.Internal", Some("orders.internal"));
        check("10.0.0.1", Some("10.0.0.1"));
        check("spiffe://corp/Orders", Some("spiffe://corp/Orders"));
        check("Ops@example.com", Some("Ops@example.com"));
        check("", None);
        check("a b", None);
        check("a\n", None);
    }
}
