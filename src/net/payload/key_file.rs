//! Keys as text files: one key between a BEGIN and an END line, its parts as `name: value` lines.
//!
//! ```text
//! -----BEGIN RINGWALL PAYLOAD KEY-----        -----BEGIN RINGWALL TICKET KEY-----
//! id: 7                                       secret: c2VjcmV0 ... (32 bytes, base64)
//! kem: x25519                                 -----END RINGWALL TICKET KEY-----
//! private: cHJpdmF0ZQ ... (32 bytes, base64)
//! -----END RINGWALL PAYLOAD KEY-----
//! ```
//! What stands before and behind is for people. Signing keys are PKCS #8 in PEM, as other tools make and read them.

use std::fmt::Write;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::rand::SystemRandom;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use zeroize::Zeroizing;

use super::fault::{Findings, KeyFault};
use crate::limits::PAYLOAD_KEY_FILE_BYTES;
use crate::protocol::payload::hybrid::{HpkePrivateKey, Kem, PRIVATE_LEN};
use crate::protocol::payload::key_document::{DocumentSigner, SigningAlgorithm};

/// The random bytes that a ticket key is made of.
pub type TicketSecret = Zeroizing<[u8; SECRET_LEN]>;

/// Bytes of a [`TicketSecret`].
pub const SECRET_LEN: usize = 32;

const PAYLOAD_KEY: &str = "RINGWALL PAYLOAD KEY";
const TICKET_KEY: &str = "RINGWALL TICKET KEY";
const SIGNING_KEY: &str = "PRIVATE KEY";
/// Names of the kinds of keys in files.
const KEMS: [(&str, Kem); 2] = [("x25519", Kem::X25519), ("p256", Kem::P256)];
/// Characters in a line of PEM (RFC 7468 section 2).
const PEM_LINE: usize = 64;

/// A key pair that clients seal to, and its id, as a file has it.
pub fn payload_key_text(id: u8, key: &HpkePrivateKey) -> Zeroizing<String> {
    let kem = KEMS.iter().find(|(_, kem)| *kem == key.kem()).map_or("", |(name, _)| name);
    let private = Zeroizing::new(BASE64.encode(key.to_bytes().as_slice()));
    section_text(PAYLOAD_KEY, &[("id", &id.to_string()), ("kem", kem), ("private", &private)])
}

/// A ticket key as a file has it.
pub fn ticket_key_text(secret: &TicketSecret) -> Zeroizing<String> {
    section_text(TICKET_KEY, &[("secret", &Zeroizing::new(BASE64.encode(secret.as_slice())))])
}

/// A signing key, which is PKCS #8, as a file has it.
pub fn signing_key_text(pkcs8: &[u8]) -> Zeroizing<String> {
    let encoded = Zeroizing::new(BASE64.encode(pkcs8));
    let mut text = with_room();
    text.push_str(&format!("-----BEGIN {SIGNING_KEY}-----\n"));
    for line in encoded.as_bytes().chunks(PEM_LINE) {
        text.extend(line.iter().copied().map(char::from).chain(['\n']));
    }
    text.push_str(&format!("-----END {SIGNING_KEY}-----\n"));
    text
}

/// The kind of key that files call `name`.
pub fn kem_named(name: &str) -> Option<Kem> {
    KEMS.iter().find(|(known, _)| *known == name).map(|(_, kem)| *kem)
}

/// The key pair in a file, with its id. Warns when others than its owner can get at it.
pub(super) fn payload_key(path: &Path, findings: &mut Findings) -> Result<(u8, HpkePrivateKey), KeyFault> {
    let text = read_secret(path, findings)?;
    let [id, kem, private] = section(path, &text, PAYLOAD_KEY, "payload", ["id", "kem", "private"])?;
    let kem = kem_named(kem).ok_or_else(|| broken(path, "`kem` is neither x25519 nor p256"))?;
    let id = id.parse().map_err(|_| broken(path, "`id` is not a number from 0 to 255"))?;
    let private =
        decoded::<PRIVATE_LEN>(private).and_then(|bytes| HpkePrivateKey::from_bytes(kem, bytes.as_slice()));
    let private =
        private.ok_or_else(|| broken(path, "`private` is no private key of this kind in base64"))?;
    Ok((id, private))
}

/// The secret in a file. Warns when others than its owner can get at it.
pub(super) fn ticket_secret(path: &Path, findings: &mut Findings) -> Result<TicketSecret, KeyFault> {
    let text = read_secret(path, findings)?;
    let [secret] = section(path, &text, TICKET_KEY, "ticket", ["secret"])?;
    decoded(secret).ok_or_else(|| broken(path, "`secret` is not 32 bytes in base64"))
}

/// The signing key in a file: Ed25519 or ECDSA over P-256. Warns when others than its owner can get at it.
pub(super) fn signing_key(path: &Path, findings: &mut Findings) -> Result<DocumentSigner, KeyFault> {
    let text = read_secret(path, findings)?;
    let key = PrivatePkcs8KeyDer::from_pem_slice(text.as_bytes()).map_err(|_| {
        broken(path, "no private key in PKCS #8 and PEM in it; `ringwall keygen signing` makes one")
    })?;
    let random = SystemRandom::new();
    let mut signers = SigningAlgorithm::ALL.into_iter();
    let signer = signers
        .find_map(|algorithm| DocumentSigner::from_pkcs8(algorithm, key.secret_pkcs8_der(), &random).ok());
    signer.ok_or_else(|| broken(path, "the private key is neither Ed25519 nor ECDSA over P-256"))
}

/// A file's text that is no secret.
pub(super) fn public_text(path: &Path) -> Result<String, KeyFault> {
    let (text, _) = read(path)?;
    Ok(text.trim().to_owned())
}

fn section_text(label: &str, parts: &[(&str, &str)]) -> Zeroizing<String> {
    let mut text = with_room();
    // Writing to a string cannot fail.
    let _written = writeln!(text, "-----BEGIN {label}-----");
    for (name, value) in parts {
        let _written = writeln!(text, "{name}: {value}");
    }
    let _written = writeln!(text, "-----END {label}-----");
    text
}

/// A text that never grows: one that does leaves a part of the secret behind in freed memory.
fn with_room() -> Zeroizing<String> {
    Zeroizing::new(String::with_capacity(1024))
}

/// The parts of the one section with `label`, in the order of `names`.
fn section<'t, const N: usize>(
    path: &Path,
    text: &'t str,
    label: &str,
    kind: &str,
    names: [&str; N],
) -> Result<[&'t str; N], KeyFault> {
    let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
    let mut lines = text.lines().map(str::trim_end).skip_while(|line| *line != begin).skip(1).peekable();
    if lines.peek().is_none() {
        let advice = format!("no line `{begin}` in it; `ringwall keygen {kind}` makes such a file");
        return Err(broken(path, advice));
    }
    let mut found = [None; N];
    loop {
        let line = lines
            .next()
            .ok_or_else(|| broken(path, format!("no line `{end}`; was it cut while copying?")))?;
        if line == end {
            break;
        }
        let part = line.split_once(": ").and_then(|(name, value)| {
            let at = names.iter().position(|known| *known == name)?;
            Some((found.get_mut(at)?, value))
        });
        match part {
            Some((place @ None, value)) => *place = Some(value),
            _ => return Err(broken(path, format!("a line that is none of a {kind} key, or is there twice"))),
        }
    }
    if lines.any(|line| line == begin) {
        return Err(broken(path, "more than one key; write each to a file of its own"));
    }
    let mut parts = [""; N];
    for ((part, found), name) in parts.iter_mut().zip(found).zip(names) {
        *part =
            found.ok_or_else(|| broken(path, format!("no line `{name}: ...`; was it cut while copying?")))?;
    }
    Ok(parts)
}

/// Exactly so many bytes, from base64.
fn decoded<const N: usize>(text: &str) -> Option<Zeroizing<[u8; N]>> {
    // What base64 may take before it knows how much there is.
    let mut room = Zeroizing::new([0; 2 * PRIVATE_LEN]);
    let length = BASE64.decode_slice(text, room.as_mut_slice()).ok()?;
    let bytes = room.get(..length)?.try_into().ok()?;
    Some(Zeroizing::new(bytes))
}

fn read_secret(path: &Path, findings: &mut Findings) -> Result<Zeroizing<String>, KeyFault> {
    let (text, mode) = read(path)?;
    if mode & 0o006 != 0 {
        let shown = path.display();
        findings.warn(
            path,
            format!("everybody on this machine can get at this secret key; run `chmod 600 {shown}`"),
        );
    }
    Ok(text)
}

/// The file's text and its mode.
fn read(path: &Path) -> Result<(Zeroizing<String>, u32), KeyFault> {
    let cannot = |source| KeyFault::Read { path: path.into(), source };
    let file = File::open(path).map_err(cannot)?;
    let mode = file.metadata().map_err(cannot)?.permissions().mode();
    // All of it at once: a vector that grows leaves a part of the key behind in freed memory.
    let mut bytes = Zeroizing::new(Vec::with_capacity(2 * PAYLOAD_KEY_FILE_BYTES));
    file.take(PAYLOAD_KEY_FILE_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() > PAYLOAD_KEY_FILE_BYTES {
        return Err(KeyFault::TooLong { path: path.into() });
    }
    let text =
        std::str::from_utf8(&bytes).map_err(|_| broken(path, "it is no text; is it the right file?"))?;
    Ok((Zeroizing::new(text.to_owned()), mode))
}

fn broken(path: &Path, reason: impl Into<String>) -> KeyFault {
    KeyFault::Broken { path: path.into(), reason: reason.into() }
}
