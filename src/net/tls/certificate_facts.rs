//! What our own and the authorities' certificates say that a person should be warned of, and the names they are chosen by.
//! Whether a peer's certificate is to be believed is left to rustls.

use std::path::Path;

use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;
use x509_parser::revocation_list::CertificateRevocationList;
use x509_parser::time::ASN1Time;

use super::fault::{Findings, TlsFault};
use crate::limits::CERTIFICATE_EXPIRY_NOTICE;
use crate::protocol::moment::UnixMicros;

const SECONDS_PER_DAY: i64 = 24 * 60 * 60;

/// The DNS names in the owner's certificate, the first of `chain` (subjectAltName; the common name is not one, RFC 9525
/// section 2).
pub(super) fn dns_names(chain: &[CertificateDer<'_>]) -> Vec<String> {
    let Some(Ok((_, certificate))) = chain.first().map(|leaf| X509Certificate::from_der(leaf)) else {
        return Vec::new();
    };
    let Ok(Some(names)) = certificate.subject_alternative_name() else { return Vec::new() };
    let dns = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        _ => None,
    };
    names.value.general_names.iter().filter_map(dns).collect()
}

/// Warns of certificates that are out of their time or soon will be. One that cannot be read is a fault.
pub(super) fn review_validity(
    path: &Path,
    certificates: &[CertificateDer<'_>],
    now: UnixMicros,
    findings: &mut Findings,
) -> Result<(), TlsFault> {
    for (at, certificate) in certificates.iter().enumerate() {
        let (_, certificate) = X509Certificate::from_der(certificate).map_err(|error| {
            TlsFault::Certificate { path: path.into(), number: at + 1, reason: error.to_string() }
        })?;
        let validity = certificate.validity();
        if let Some(words) = out_of_time(validity.not_before, validity.not_after, now) {
            findings.warn(path, format!("the certificate of `{}` {words}", certificate.subject()));
        }
    }
    Ok(())
}

/// Warns of lists that are outdated, which are still obeyed, and of lists by nobody in `authorities`.
pub(super) fn review_revocation(
    path: &Path,
    lists: &[CertificateRevocationListDer<'_>],
    authorities: &[CertificateDer<'_>],
    now: UnixMicros,
    findings: &mut Findings,
) {
    for list in lists {
        // rustls refuses a list that cannot be read.
        let Ok((_, list)) = CertificateRevocationList::from_der(list) else { continue };
        let issuer = list.issuer();
        if let Some(next) = list.next_update().filter(|next| next.timestamp() <= seconds(now)) {
            findings.warn(
                path,
                format!(
                    "the revocation list of `{issuer}` should have been replaced on {next}; it is still obeyed, but fetch \
                     a new one"
                ),
            );
        }
        let known = authorities.iter().any(|authority| {
            X509Certificate::from_der(authority).is_ok_and(|(_, it)| it.subject().as_raw() == issuer.as_raw())
        });
        if !known {
            findings.warn(
                path,
                format!(
                    "the revocation list of `{issuer}` is by none of the authorities in `client_ca`; it concerns only \
                     intermediates that clients send, so check that it is the right file"
                ),
            );
        }
    }
}

/// What to say of a certificate with this validity.
fn out_of_time(from: ASN1Time, to: ASN1Time, now: UnixMicros) -> Option<String> {
    let now = seconds(now);
    let left = to.timestamp().saturating_sub(now);
    if from.timestamp() > now {
        Some(format!("is not valid before {from}; is the clock right?"))
    } else if left < 0 {
        Some(format!("expired on {to}; replace it"))
    } else if left < CERTIFICATE_EXPIRY_NOTICE.as_secs() as i64 {
        Some(format!("expires on {to}, in {} days; replace it", left / SECONDS_PER_DAY))
    } else {
        None
    }
}

fn seconds(now: UnixMicros) -> i64 {
    (now.0 / 1_000_000) as i64
}
