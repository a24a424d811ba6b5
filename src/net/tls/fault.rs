//! What can be wrong with TLS settings and the files they name, in words for the person who wrote them.

use std::io;
use std::path::{Path, PathBuf};

use crate::limits::{TICKET_SECRET_BYTES, TLS_FILE_BYTES};

/// Why TLS settings cannot be used, and what to do about it. Numbers of listeners and upstreams count from 1, in the
/// order of the configuration.
#[derive(Debug, thiserror::Error)]
pub enum TlsFault {
    /// A certificate cannot be used.
    #[error("{}: certificate {number} in it cannot be used ({reason}); have it issued anew as X.509 version 3", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// Which certificate of it, from 1.
        number: usize,
        /// Why.
        reason: String,
    },
    /// A listener asks for client certificates and has nothing to check them with.
    #[error(
        "listener {listener}: client certificates are asked for without `client_ca`; name a PEM file with the \
         authorities that issue them"
    )]
    ClientCaMissing {
        /// Which listener.
        listener: usize,
    },
    /// A private key is encrypted.
    #[error(
        "{}: the private key is encrypted, and nobody is there to type its password; write an unencrypted copy with \
         `openssl pkey -in FILE -out NEW` and give it mode 0600", path.display()
    )]
    EncryptedKey {
        /// The file.
        path: PathBuf,
    },
    /// A private key cannot be used.
    #[error("{}: the private key cannot be used ({reason}); RSA from 2048 bits, ECDSA P-256 or P-384 and Ed25519 can", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A private key belongs to another certificate.
    #[error(
        "{}: its first certificate does not belong to the private key in {}; name files made for each other, the owner's \
         certificate before those of its issuers", certificate.display(), key.display()
    )]
    KeyMismatch {
        /// The file with the certificate.
        certificate: PathBuf,
        /// The file with the key.
        key: PathBuf,
    },
    /// A file has nothing of what it is named for.
    #[error("{}: no {wanted} in it; it must be PEM, with a line `-----BEGIN {label}-----`", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// What it is named for.
        wanted: &'static str,
        /// How PEM calls that.
        label: &'static str,
    },
    /// A listener has TLS and no certificate.
    #[error("listener {listener}: no certificate; name at least one with its key")]
    NoCertificates {
        /// Which listener.
        listener: usize,
    },
    /// A file is not well-formed PEM.
    #[error("{}: broken PEM ({reason}); was it cut while copying?", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: &'static str,
    },
    /// The system has no randomness.
    #[error(
        "the system gives no random bytes for session ticket keys; is /dev/urandom or getrandom(2) forbidden?"
    )]
    Random,
    /// A file cannot be read.
    #[error("{}: cannot be read ({source}); check the path and the rights of the user that ringwall runs as", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A revocation list cannot be used.
    #[error(
        "{}: a revocation list in it cannot be used ({reason}); it must be a complete X.509 version 2 list, not a delta, \
         signed by the authority itself", path.display()
    )]
    RevocationList {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// An upstream's server name is none.
    #[error(
        "upstream {upstream}: `{name}` is no server name; write a DNS name or an IP address, without port"
    )]
    ServerName {
        /// Which upstream.
        upstream: usize,
        /// What is there.
        name: String,
    },
    /// The system trusts nobody.
    #[error(
        "upstream {upstream}: the system has no certificate authorities{reasons}; install them (often the package \
         ca-certificates) or set `ca`"
    )]
    SystemRoots {
        /// Which upstream.
        upstream: usize,
        /// What went wrong looking for them, each after a separator.
        reasons: String,
    },
    /// A ticket key file is too short.
    #[error(
        "{}: {found} bytes, read as {form}, are too few for a ticket key; it takes {TICKET_SECRET_BYTES} random bytes or \
         more: `openssl rand -out FILE 48`", path.display()
    )]
    TicketSecret {
        /// The file.
        path: PathBuf,
        /// How many bytes it gives.
        found: usize,
        /// How it was read.
        form: &'static str,
    },
    /// A file is too long.
    #[error("{}: longer than {TLS_FILE_BYTES} bytes; is it the right file?", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
    },
    /// rustls refuses what was made of the settings.
    #[error("TLS cannot be set up: {0}; this is an error in ringwall, please report it")]
    Unexpected(#[from] rustls::Error),
}

impl TlsFault {
    /// The file that is at fault; none where it is the settings or the system.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Certificate { path, .. }
            | Self::EncryptedKey { path }
            | Self::Key { path, .. }
            | Self::KeyMismatch { certificate: path, .. }
            | Self::Missing { path, .. }
            | Self::Pem { path, .. }
            | Self::Read { path, .. }
            | Self::RevocationList { path, .. }
            | Self::TicketSecret { path, .. }
            | Self::TooLong { path } => Some(path),
            Self::ClientCaMissing { .. }
            | Self::NoCertificates { .. }
            | Self::Random
            | Self::ServerName { .. }
            | Self::SystemRoots { .. }
            | Self::Unexpected(_) => None,
        }
    }
}

/// What is odd about a file that can be used all the same.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {words}", path.display())]
pub struct TlsWarning {
    /// The file.
    pub path: PathBuf,
    /// What is odd, and what to do.
    pub words: String,
}

/// All that was noticed while loading. Loading goes on after a fault, so that a person sees all of them at once.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) faults: Vec<TlsFault>,
    pub(super) warnings: Vec<TlsWarning>,
}

impl Findings {
    /// Notes the fault, once, even when several listeners name the same file.
    pub(super) fn fault(&mut self, fault: TlsFault) {
        let text = fault.to_string();
        if self.faults.iter().all(|known| known.to_string() != text) {
            self.faults.push(fault);
        }
    }

    /// Notes the warning, once.
    pub(super) fn warn(&mut self, path: &Path, words: String) {
        let warning = TlsWarning { path: path.to_owned(), words };
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    /// The value, or its fault noted.
    pub(super) fn keep<T>(&mut self, result: Result<T, TlsFault>) -> Option<T> {
        result.map_err(|fault| self.fault(fault)).ok()
    }
}
