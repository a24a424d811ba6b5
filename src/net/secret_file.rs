//! Files that hold one secret: a password, read whole, without what ends its last line, or a private key.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use zeroize::Zeroizing;

use crate::limits::{PASSWORD_FILE_BYTES, PRIVATE_KEY_FILE_BYTES};
use crate::protocol::secret::Secret;

/// Why a file gives no secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretFileFault {
    /// It cannot be read.
    #[error("cannot read the secret in {}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is no file with one secret.
    #[error("{} holds no secret: {reason}", .path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// A secret, and what is odd about its file.
#[derive(Debug)]
pub struct SecretFile {
    /// What it holds.
    pub secret: Secret,
    /// True when everybody on this machine can read or write it.
    pub is_open: bool,
}

impl SecretFile {
    /// Reads a password.
    ///
    /// # Errors
    /// [`SecretFileFault`], which shows nothing of what it holds.
    pub fn read(path: &Path) -> Result<Self, SecretFileFault> {
        let (bytes, is_open) = read(path, PASSWORD_FILE_BYTES)?;
        let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            return Err(broken(path, "it is empty"));
        }
        if line.iter().any(u8::is_ascii_control) {
            return Err(broken(path, "write it as one line, without control characters"));
        }
        Ok(Self { secret: Secret::new(line.to_vec()), is_open })
    }

    /// Reads a private key in PKCS #8 and PEM, as `ringwall keygen signing` and other tools make them; the secret is the
    /// key in DER.
    ///
    /// # Errors
    /// [`SecretFileFault`], which shows nothing of what it holds.
    pub fn read_private_key(path: &Path) -> Result<Self, SecretFileFault> {
        let (bytes, is_open) = read(path, PRIVATE_KEY_FILE_BYTES)?;
        let key = PrivatePkcs8KeyDer::from_pem_slice(&bytes).map_err(|_| {
            broken(
                path,
                "no private key in PKCS #8 and PEM in it (`-----BEGIN PRIVATE KEY-----`); `ringwall keygen signing` makes \
                 one, and `openssl pkcs8 -topk8 -nocrypt` rewrites those of other forms",
            )
        })?;
        Ok(Self { secret: Secret::new(key.secret_pkcs8_der().to_vec()), is_open })
    }
}

/// The file, and whether everybody on this machine can read or write it.
fn read(path: &Path, longest: usize) -> Result<(Zeroizing<Vec<u8>>, bool), SecretFileFault> {
    let cannot = |source| SecretFileFault::Read { path: path.into(), source };
    let file = File::open(path).map_err(cannot)?;
    let mode = file.metadata().map_err(cannot)?.permissions().mode();
    // All of it at once: a vector that grows leaves a part of it behind in freed memory.
    let mut bytes = Zeroizing::new(Vec::with_capacity(2 * longest));
    file.take(longest as u64 + 1).read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() > longest {
        return Err(broken(path, &format!("it is longer than {longest} bytes; is it the right file?")));
    }
    Ok((bytes, mode & 0o006 != 0))
}

fn broken(path: &Path, reason: &str) -> SecretFileFault {
    SecretFileFault::Content { path: path.into(), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_one_line_without_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let check = |content: &[u8], expected: Option<&str>| {
            std::fs::write(&path, content).unwrap();
            let read = SecretFile::read(&path);
            let found = read.as_ref().ok().map(|file| file.secret.expose());
            assert_eq!(found, expected.map(str::as_bytes), "{content:?}");
            if let Err(fault) = read {
                assert!(!fault.to_string().contains("sesame"), "{fault}");
            }
        };
        check(b"open sesame", Some("open sesame"));
        check(b"open sesame\n", Some("open sesame"));
        check(b"open sesame\r\n", Some("open sesame"));
        check("pä ß ".as_bytes(), Some("pä ß "));
        check(b"open\nsesame\n", None);
        check(b"sesame\n\n", None);
        check(b"sesame\0", None);
        check(b"", None);
        check(b"\n", None);
        check(&vec![b'x'; PASSWORD_FILE_BYTES], Some(&"x".repeat(PASSWORD_FILE_BYTES)));
        check(&vec![b'x'; PASSWORD_FILE_BYTES + 1], None);
        assert!(SecretFile::read(&folder.path().join("none")).is_err());
    }

    #[test]
    fn a_file_that_everybody_can_read_is_open() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, "x").unwrap();
        for (mode, is_open) in [(0o600, false), (0o640, false), (0o644, true), (0o602, true)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(SecretFile::read(&path).unwrap().is_open, is_open, "{mode:o}");
        }
    }

    #[test]
    fn a_private_key_is_pkcs8_in_pem() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let text = include_str!("../../tests/fixtures/token/rsa_private_key.pem");
        let check = |content: &str, is_good: bool| {
            std::fs::write(&path, content).unwrap();
            let read = SecretFile::read_private_key(&path);
            assert_eq!(read.is_ok(), is_good, "{content:.80}");
            if let Err(fault) = read {
                assert!(!fault.to_string().contains("MII"), "{fault}");
            }
        };
        check(text, true);
        check(&format!("what people write in front\n{text}"), true);
        check("", false);
        check(&text.replace("PRIVATE KEY", "RSA PRIVATE KEY"), false);
        check(&text.replace("PRIVATE KEY", "PUBLIC KEY"), false);
        check(&text[..text.len() / 2], false);
        check(&format!("{}{text}", " ".repeat(PRIVATE_KEY_FILE_BYTES)), false);
    }
}
