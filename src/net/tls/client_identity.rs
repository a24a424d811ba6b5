//! Who a client proved to be, read from the certificate that rustls verified.

use std::net::{Ipv4Addr, Ipv6Addr};

use ring::digest;
use rustls::pki_types::CertificateDer;
use x509_parser::asn1_rs::ToDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

use crate::limits::{CLIENT_SAN_BYTES, CLIENT_SAN_COUNT, CLIENT_SUBJECT_BYTES};
use crate::protocol::client_certificate::ClientCertificate;
use crate::protocol::moment::UnixMicros;

/// Attribute types by the names that RFC 4514 section 3 and, for those below it, OpenSSL give them.
const ATTRIBUTES: [(&str, &str); 14] = [
    ("2.5.4.3", "CN"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.6", "C"),
    ("2.5.4.9", "street"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("0.9.2342.19200300.100.1.1", "UID"),
    ("1.2.840.113549.1.9.1", "emailAddress"),
    ("2.5.4.5", "serialNumber"),
    ("2.5.4.4", "SN"),
    ("2.5.4.42", "GN"),
    ("2.5.4.12", "title"),
];

/// The identity in `leaf`, the first of the certificates a client was verified with.
///
/// `None` is no identity, and the connection must not go on: the certificate is out of its time, which nobody else looks
/// at when a session is resumed; or it cannot be written down whole, because it is beyond the bounds in `limits` or an
/// alternative name has other bytes than visible ASCII. Half an identity might be taken for another one.
///
/// The subject is written as `openssl x509 -subject -nameopt RFC2253` does: other bytes than printable ASCII are escaped.
pub fn client_certificate(leaf: &CertificateDer<'_>, now: UnixMicros) -> Option<ClientCertificate> {
    let (_, certificate) = X509Certificate::from_der(leaf).ok()?;
    let validity = certificate.validity();
    let seconds = i64::try_from(now.0 / 1_000_000).ok()?;
    if seconds < validity.not_before.timestamp() || seconds > validity.not_after.timestamp() {
        return None;
    }
    let subject = distinguished_name(certificate.subject())?;
    let names = certificate.subject_alternative_name().ok()?;
    let names = names.map_or(&[][..], |names| &names.value.general_names);
    let san = alternative_names(names)?;
    let digest = digest::digest(&digest::SHA256, leaf);
    let mut sha256 = String::new();
    digest.as_ref().iter().for_each(|&byte| push_hexadecimal(&mut sha256, byte));
    Some(ClientCertificate { subject, san, sha256 })
}

fn alternative_names(names: &[GeneralName<'_>]) -> Option<Vec<String>> {
    let mut found = Vec::new();
    let mut bytes = 0_usize;
    for name in names {
        let text = match name {
            GeneralName::DNSName(name) => format!("dns:{}", name.to_ascii_lowercase()),
            GeneralName::URI(uri) => format!("uri:{uri}"),
            GeneralName::RFC822Name(address) => format!("email:{address}"),
            GeneralName::IPAddress(octets) => ip_address(octets)?,
            GeneralName::Invalid(..) => return None,
            _ => continue,
        };
        bytes = bytes.saturating_add(text.len());
        let fits = bytes <= CLIENT_SAN_BYTES && found.len() < CLIENT_SAN_COUNT;
        if !fits || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        found.push(text);
    }
    Some(found)
}

fn ip_address(octets: &[u8]) -> Option<String> {
    if let Ok(octets) = <[u8; 4]>::try_from(octets) {
        return Some(format!("ip:{}", Ipv4Addr::from(octets)));
    }
    let octets = <[u8; 16]>::try_from(octets).ok()?;
    Some(format!("ip:{}", Ipv6Addr::from(octets)))
}

/// RFC 4514 section 2: the parts in reverse order.
fn distinguished_name(name: &X509Name<'_>) -> Option<String> {
    let mut text = String::new();
    let parts: Vec<_> = name.iter_rdn().collect();
    for part in parts.into_iter().rev() {
        for (at, attribute) in part.iter().enumerate() {
            if !text.is_empty() {
                text.push(if at == 0 { ',' } else { '+' });
            }
            push_attribute(&mut text, attribute)?;
            if text.len() > CLIENT_SUBJECT_BYTES {
                return None;
            }
        }
    }
    Some(text)
}

/// A type without a name, and a value that is no string, are written so that nothing is lost: RFC 4514 section 2.4.
fn push_attribute(text: &mut String, attribute: &AttributeTypeAndValue<'_>) -> Option<()> {
    let oid = attribute.attr_type().to_id_string();
    let name = ATTRIBUTES.iter().find(|(known, _)| *known == oid).map(|(_, name)| *name);
    text.push_str(name.unwrap_or(&oid));
    text.push('=');
    match attribute.as_str() {
        Ok(value) if name.is_some() => push_escaped(text, value),
        _ => {
            text.push('#');
            attribute.attr_value().to_der_vec().ok()?.iter().for_each(|&byte| push_hexadecimal(text, byte));
        }
    }
    Some(())
}

fn push_escaped(text: &mut String, value: &str) {
    let last = value.len().saturating_sub(1);
    for (at, byte) in value.bytes().enumerate() {
        let special = match byte {
            b'"' | b'+' | b',' | b';' | b'<' | b'>' | b'\\' => true,
            b'#' => at == 0,
            b' ' => at == 0 || at == last,
            _ => false,
        };
        if special {
            text.push('\\');
        }
        if byte == b' ' || byte.is_ascii_graphic() {
            text.push(char::from(byte));
        } else {
            text.push('\\');
            push_hexadecimal(text, byte);
        }
    }
}

fn push_hexadecimal(text: &mut String, byte: u8) {
    let digits = [byte >> 4, byte & 15];
    text.extend(digits.into_iter().filter_map(|digit| char::from_digit(digit.into(), 16)));
}

#[cfg(test)]
mod tests;
