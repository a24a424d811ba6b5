//! Reads certificates, private keys, revocation lists and ticket secrets from files. What they mean is left to others.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};

use super::fault::{Findings, TlsFault};
use crate::limits::{TICKET_SECRET_BYTES, TLS_FILE_BYTES};

/// All certificates of a PEM file, at least one.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsFault> {
    sections(path, "certificate", "CERTIFICATE")
}

/// All revocation lists of a PEM file, at least one.
pub(super) fn revocation_lists(path: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsFault> {
    sections(path, "revocation list", "X509 CRL")
}

/// The first private key of a PEM file: PKCS #8, PKCS #1 or SEC 1. Warns when others than its owner can get at it.
pub(super) fn private_key(path: &Path, findings: &mut Findings) -> Result<PrivateKeyDer<'static>, TlsFault> {
    let bytes = read_secret(path, findings)?;
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| {
        // Both ways of encrypting say so outside of what is encrypted.
        if memchr::memmem::find(&bytes, b"ENCRYPTED").is_some() {
            return TlsFault::EncryptedKey { path: path.into() };
        }
        pem_fault(path, &error, "private key", "PRIVATE KEY")
    })
}

/// The random bytes of a ticket key file. A file of hexadecimal digits is read as such, any other as it is. Warns when
/// others than its owner can get at it.
pub(super) fn ticket_secret(path: &Path, findings: &mut Findings) -> Result<Vec<u8>, TlsFault> {
    let bytes = read_secret(path, findings)?;
    let (secret, form) = match hexadecimal(bytes.trim_ascii()) {
        Some(secret) => (secret, "hexadecimal digits"),
        None => (bytes, "raw bytes"),
    };
    if secret.len() < TICKET_SECRET_BYTES {
        return Err(TlsFault::TicketSecret { path: path.into(), found: secret.len(), form });
    }
    Ok(secret)
}

fn sections<T: PemObject>(
    path: &Path,
    wanted: &'static str,
    label: &'static str,
) -> Result<Vec<T>, TlsFault> {
    let (bytes, _) = read(path)?;
    let found: Result<Vec<T>, PemError> = T::pem_slice_iter(&bytes).collect();
    let found = found.map_err(|error| pem_fault(path, &error, wanted, label))?;
    if found.is_empty() {
        return Err(TlsFault::Missing { path: path.into(), wanted, label });
    }
    Ok(found)
}

fn read_secret(path: &Path, findings: &mut Findings) -> Result<Vec<u8>, TlsFault> {
    let (bytes, mode) = read(path)?;
    if mode & 0o006 != 0 {
        let shown = path.display();
        findings.warn(
            path,
            format!("everybody on this machine can get at this secret key; run `chmod 600 {shown}`"),
        );
    }
    Ok(bytes)
}

/// The file's bytes and its mode.
fn read(path: &Path) -> Result<(Vec<u8>, u32), TlsFault> {
    let cannot = |source| TlsFault::Read { path: path.into(), source };
    let file = File::open(path).map_err(cannot)?;
    let mode = file.metadata().map_err(cannot)?.permissions().mode();
    let mut bytes = Vec::new();
    file.take(TLS_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() as u64 > TLS_FILE_BYTES {
        return Err(TlsFault::TooLong { path: path.into() });
    }
    Ok((bytes, mode))
}

/// Says what is wrong without a byte of the file: it may be a key.
fn pem_fault(path: &Path, error: &PemError, wanted: &'static str, label: &'static str) -> TlsFault {
    let path = path.into();
    let reason = match error {
        PemError::NoItemsFound => return TlsFault::Missing { path, wanted, label },
        PemError::MissingSectionEnd { .. } => "a section without its END line",
        PemError::IllegalSectionStart { .. } => "a BEGIN line that is none",
        PemError::Base64Decode(_) => "what stands between BEGIN and END is not base64",
        _ => "unreadable",
    };
    TlsFault::Pem { path, reason }
}

/// The bytes that an even number of hexadecimal digits stands for; `None` for any other text.
fn hexadecimal(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let (pairs, rest) = text.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|&[high, low]| Some(digit(high)? << 4 | digit(low)?)).collect()
}
