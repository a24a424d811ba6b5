use std::net::IpAddr;

use rcgen::{CertificateParams, DistinguishedName, DnType, DnValue, SanType, date_time_ymd};

use super::*;
use crate::net::tls::fixture::{Authority, params};

const NOW: UnixMicros = UnixMicros(1_750_000_000_000_000);

fn identity(params: CertificateParams) -> Option<ClientCertificate> {
    let leaf = Authority::new("ca").issue(params);
    client_certificate(leaf.certificate.der(), NOW)
}

fn named(parts: &[(DnType, DnValue)]) -> CertificateParams {
    let mut params = params("", &[]);
    params.distinguished_name = DistinguishedName::new();
    for (kind, value) in parts {
        params.distinguished_name.push(kind.clone(), value.clone());
    }
    params
}

fn other_named(san: Vec<SanType>) -> CertificateParams {
    let mut params = params("", &[]);
    params.subject_alt_names = san;
    params
}

#[test]
fn the_subject_is_written_from_its_end_and_escaped() {
    let check = |parts: &[(DnType, &str)], text: &str| {
        let parts: Vec<_> = parts.iter().map(|(kind, value)| (kind.clone(), DnValue::from(*value))).collect();
        assert_eq!(identity(named(&parts)).unwrap().subject, text);
    };
    let cn = |value| [(DnType::CommonName, value)];
    check(
        &[(DnType::CountryName, "DE"), (DnType::OrganizationName, "E"), (DnType::CommonName, "a")],
        "CN=a,O=E,C=DE",
    );
    check(&cn("a,O=Admins"), "CN=a\\,O=Admins");
    check(&cn("a+b\"c;d<e>f\\g"), "CN=a\\+b\\\"c\\;d\\<e\\>f\\\\g");
    check(&cn(" a # b "), "CN=\\ a # b\\ ");
    check(&cn("#a"), "CN=\\#a");
    check(&cn(" "), "CN=\\ ");
    check(&cn("Größe\u{1f980}"), "CN=Gr\\c3\\b6\\c3\\9fe\\f0\\9f\\a6\\80");
    check(&cn("a\r\nX-User: root\0\u{7f}"), "CN=a\\0d\\0aX-User: root\\00\\7f");
    check(&[], "");
    // 2.5.4.65 has no name here: the value is shown as DER.
    check(&[(DnType::CustomDnType(vec![2, 5, 4, 65]), "x")], "2.5.4.65=#0c0178");
}

#[test]
fn a_subject_that_is_no_plain_string_is_shown_as_it_is_encoded() {
    let value = DnValue::BmpString("a".try_into().unwrap());
    assert_eq!(identity(named(&[(DnType::CommonName, value)])).unwrap().subject, "CN=#1e020061");
}

#[test]
fn alternative_names_carry_their_kind() {
    let ip = |text: &str| SanType::IpAddress(text.parse::<IpAddr>().unwrap());
    let san = vec![
        SanType::DnsName("A.Example".try_into().unwrap()),
        SanType::URI("spiffe://example/Orders".try_into().unwrap()),
        SanType::Rfc822Name("Ops@example".try_into().unwrap()),
        ip("192.0.2.1"),
        ip("2001:db8::1"),
    ];
    let expected = [
        "dns:a.example",
        "uri:spiffe://example/Orders",
        "email:Ops@example",
        "ip:192.0.2.1",
        "ip:2001:db8::1",
    ];
    assert_eq!(identity(other_named(san)).unwrap().san, expected);
    assert_eq!(identity(params("a", &[])).unwrap().san, [""; 0]);
}

#[test]
fn what_cannot_be_written_whole_is_no_identity() {
    let uri = |text: &str| SanType::URI(text.try_into().unwrap());
    let check = |params: CertificateParams, whole: bool| assert_eq!(identity(params).is_some(), whole);
    check(other_named(vec![uri("a b")]), false);
    check(other_named(vec![uri("a\nb")]), false);
    check(other_named(vec![uri("a\0")]), false);
    check(other_named(vec![uri("a"); CLIENT_SAN_COUNT]), true);
    check(other_named(vec![uri("a"); CLIENT_SAN_COUNT + 1]), false);
    check(other_named(vec![uri(&"a".repeat(CLIENT_SAN_BYTES - 4))]), true);
    check(other_named(vec![uri(&"a".repeat(CLIENT_SAN_BYTES - 3))]), false);
    check(params(&"a".repeat(CLIENT_SUBJECT_BYTES - 3), &[]), true);
    check(params(&"a".repeat(CLIENT_SUBJECT_BYTES - 2), &[]), false);
    assert_eq!(client_certificate(&CertificateDer::from(&b"0\x03no"[..]), NOW), None);
}

#[test]
fn a_certificate_out_of_its_time_is_no_identity() {
    let valid = |from, to| {
        let mut params = params("a", &[]);
        (params.not_before, params.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(to, 1, 1));
        identity(params).is_some()
    };
    // NOW is in 2025.
    assert_eq!([valid(2024, 2026), valid(2023, 2024), valid(2026, 2027)], [true, false, false]);
}

#[test]
fn the_digest_is_of_the_whole_certificate() {
    let leaf = Authority::new("ca").issue(params("a", &[]));
    let identity = client_certificate(leaf.certificate.der(), NOW).unwrap();
    let digest = ring::digest::digest(&ring::digest::SHA256, leaf.certificate.der());
    let expected: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(identity.sha256, expected);
}
