//! `ringwall keygen`: new key files for payload encryption, and the signed list of keys.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use clap::builder::PossibleValuesParser;
use clap::{Subcommand, value_parser};

use super::{EXIT_FAILED, complain, say};
use crate::config;
use crate::net::clock;
use crate::net::payload::key_file::{self, kem_named};
use crate::net::payload::material::{self, DocumentMaterial, KeyMaterial};
use crate::net::payload::settings::{DocumentSettings, DocumentSource, PayloadKeySettings};
use crate::net::payload::{KeyFault, fresh};
use crate::protocol::payload::hybrid::Kem;
use crate::protocol::payload::key_document::{DocumentSigner, SigningAlgorithm};
use crate::protocol::payload::ohttp_keys::GatewayKeys;

const DAY_SECONDS: u64 = 24 * 60 * 60;

/// What to make.
#[derive(Debug, Subcommand)]
pub(super) enum What {
    /// A key pair that clients seal to, for `keys` in [payload].
    Payload {
        /// The new file.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// The kind of key.
        #[arg(long, default_value = "x25519", value_parser = PossibleValuesParser::new(["x25519", "p256"]))]
        kem: String,
        /// What names the key in messages: no other key that clients may still know has it. Absent: at random.
        #[arg(long, value_name = "0-255")]
        id: Option<u8>,
    },
    /// A key of session tickets, for `ticket_keys` in [payload].
    Ticket {
        /// The new file.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// A key that signs the list of keys, for `signing_key` in [payload], or what an issuer knows the proxy by, for
    /// `client_key_file`. Prints what clients pin.
    Signing {
        /// The new file.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// How it signs.
        #[arg(long, default_value = "es256", value_parser = PossibleValuesParser::new(["es256", "eddsa"]))]
        algorithm: String,
    },
    /// Sign the list of keys ahead of time, for `key_document` in [payload]. An older list is replaced.
    SignKeys {
        /// The file of the signing key.
        #[arg(long, value_name = "FILE")]
        signing_key: PathBuf,
        /// The file of a key to list, the preferred one first; may be repeated.
        #[arg(long = "key", value_name = "FILE", required = true)]
        keys: Vec<PathBuf>,
        /// Whom the list is for, as clients call it.
        #[arg(long, value_name = "https://HOST", value_parser = config::parse_origin)]
        origin: String,
        /// For how many days clients may believe it.
        #[arg(long, value_name = "1-7", default_value_t = 7, value_parser = value_parser!(u64).range(1..=7))]
        days: u64,
        /// The file to write.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
}

/// Why nothing was made.
#[derive(Debug, thiserror::Error)]
enum KeygenFault {
    #[error(transparent)]
    Keys(#[from] KeyFault),
    #[error("{}: there is such a file already; name a new one, so that no key is lost", .0.display())]
    Exists(PathBuf),
    #[error("{}: cannot be written ({source}); check the path and your rights", path.display())]
    Write { path: PathBuf, source: io::Error },
}

/// Makes it and says what to do with it.
pub(super) fn keygen(what: What) -> ExitCode {
    let made = match what {
        What::Payload { out, kem, id } => payload(&out, kem_named(&kem).unwrap_or(Kem::X25519), id),
        What::Ticket { out } => ticket(&out),
        What::Signing { out, algorithm } => {
            let algorithm =
                if algorithm == "eddsa" { SigningAlgorithm::EdDsa } else { SigningAlgorithm::Es256 };
            signing(&out, algorithm)
        }
        What::SignKeys { signing_key, keys, origin, days, out } => {
            sign_keys(signing_key, keys, origin, days, &out)
        }
    };
    match made {
        Ok(lines) => {
            lines.iter().for_each(|line| say(line));
            ExitCode::SUCCESS
        }
        Err(faults) => {
            faults.iter().for_each(|fault| complain(&fault.to_string()));
            EXIT_FAILED.into()
        }
    }
}

type Made = Result<Vec<String>, Vec<KeygenFault>>;

fn payload(out: &Path, kem: Kem, id: Option<u8>) -> Made {
    let make = || {
        let key = fresh::payload_key(kem)?;
        let id = id.map_or_else(fresh::key_id, Ok)?;
        write_new(out, &key_file::payload_key_text(id, &key))?;
        let list = GatewayKeys::new(vec![(id, key)]).map_err(KeyFault::from)?.encode();
        let shown = out.display();
        Ok(vec![
            format!("{shown}: a payload key with the id {id}; name it in `keys` of [payload]"),
            format!(
                "clients that pin keys pin (application/ohttp-keys in base64url): {}",
                BASE64URL.encode(list)
            ),
        ])
    };
    make().map_err(|fault: KeygenFault| vec![fault])
}

fn ticket(out: &Path) -> Made {
    let make = || {
        write_new(out, &key_file::ticket_key_text(&fresh::ticket_secret()?))?;
        let shown = out.display();
        Ok(vec![format!(
            "{shown}: a ticket key; name it first in `ticket_keys` of [payload], on all that share them"
        )])
    };
    make().map_err(|fault: KeygenFault| vec![fault])
}

fn signing(out: &Path, algorithm: SigningAlgorithm) -> Made {
    let make = || {
        let pkcs8 = fresh::signing_key(algorithm)?;
        let signer = fresh::signer(algorithm, &pkcs8)?;
        write_new(out, &key_file::signing_key_text(&pkcs8))?;
        let shown = out.display();
        Ok(vec![
            format!(
                "{shown}: a signing key; name it in `signing_key` of [payload], sign with `ringwall keygen sign-keys`, or \
                 name it in `client_key_file` of an issuer"
            ),
            pin(&signer),
        ])
    };
    make().map_err(|fault: KeygenFault| vec![fault])
}

fn sign_keys(signing_key: PathBuf, keys: Vec<PathBuf>, origin: String, days: u64, out: &Path) -> Made {
    let document = Some(DocumentSettings { origin, source: DocumentSource::SigningKey(signing_key) });
    let settings = PayloadKeySettings { keys, document, ..PayloadKeySettings::default() };
    let now = clock::unix_micros().0 / 1_000_000;
    let loaded = KeyMaterial::load(&settings, now);
    let loaded = loaded.map_err(|faults| faults.into_iter().map(KeygenFault::from).collect::<Vec<_>>())?;
    loaded.warnings.iter().for_each(|warning| complain(&format!("warning: {warning}")));
    let (Some(gateway), Some(DocumentMaterial::Signer { signer, origin })) =
        (loaded.material.gateway, loaded.material.document)
    else {
        // invariant: the settings name both, and what they name was read.
        return Err(Vec::new());
    };
    let write = || {
        let (text, says) = material::sign(&signer, &origin, now, days * DAY_SECONDS, &gateway.encode())?;
        replace(out, &format!("{text}\n"))?;
        let (shown, keys) = (out.display(), gateway.configs().len());
        let until =
            httpdate::fmt_http_date(std::time::UNIX_EPOCH + std::time::Duration::from_secs(says.expires));
        Ok(vec![
            format!("{shown}: a signed list of keys ({keys}) for {origin}, good until {until}"),
            pin(&signer),
        ])
    };
    write().map_err(|fault: KeygenFault| vec![fault])
}

fn pin(signer: &DocumentSigner) -> String {
    let (algorithm, public) = (signer.algorithm().name(), BASE64URL.encode(signer.public()));
    format!("clients pin ({algorithm}, public key in base64url): {public}")
}

/// A new file that its owner alone can read.
fn write_new(path: &Path, text: &str) -> Result<(), KeygenFault> {
    let fault = |source: io::Error| match source.kind() {
        io::ErrorKind::AlreadyExists => KeygenFault::Exists(path.to_owned()),
        _ => KeygenFault::Write { path: path.to_owned(), source },
    };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(fault)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    if written.is_err() {
        // Half a key is of no use, and would be in the way of the next.
        let _removed = fs::remove_file(path);
    }
    written.map_err(fault)
}

/// A file in the place of another at once: whoever reads it has the one or the other, whole.
fn replace(path: &Path, text: &str) -> Result<(), KeygenFault> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let written = fs::write(&new, text).and_then(|()| fs::rename(&new, path));
    written.map_err(|source| KeygenFault::Write { path: path.to_owned(), source })
}
