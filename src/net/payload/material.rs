//! All key files of payload encryption at once: every fault is found in one go, and a reload replaces all or nothing.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ring::rand::SystemRandom;

use super::fault::{Findings, KeyFault, KeyWarning};
use super::key_file::{self, TicketSecret};
use super::settings::{DocumentSettings, DocumentSource, PayloadKeySettings};
use crate::limits::KEY_DOCUMENT_EXPIRY_NOTICE;
use crate::protocol::payload::hybrid::HpkePrivateKey;
use crate::protocol::payload::key_document::{DocumentSigner, KeyDocument};
use crate::protocol::payload::ohttp_keys::{GatewayKeys, KeyConfig, parse_key_list};

/// What the files hold.
#[derive(Debug, Default)]
pub struct KeyMaterial {
    /// Key pairs that clients seal to; absent: no file is named.
    pub gateway: Option<Arc<GatewayKeys>>,
    /// What ticket keys are made of, the first of which seals; empty: no file is named.
    pub tickets: Vec<TicketSecret>,
    /// The signed list of keys, or who signs it; absent: there is none.
    pub document: Option<DocumentMaterial>,
}

/// Where the signed list of keys comes from.
#[derive(Debug)]
pub enum DocumentMaterial {
    /// It was signed ahead of time. What it says has been compared with the settings and the keys, except its signature,
    /// which clients check.
    Signed {
        /// The document.
        text: Arc<str>,
        /// What it says.
        says: KeyDocument,
    },
    /// It is signed here.
    Signer {
        /// The key.
        signer: DocumentSigner,
        /// Whom it is for.
        origin: String,
    },
}

/// Files that are good.
#[derive(Debug)]
pub struct Loaded {
    /// What they hold.
    pub material: KeyMaterial,
    /// What is odd about them.
    pub warnings: Vec<KeyWarning>,
}

impl KeyMaterial {
    /// Reads all files that the settings name. `now` is in seconds since 1970, and what expiry is judged by for warnings.
    ///
    /// # Errors
    /// All that is wrong.
    pub fn load(settings: &PayloadKeySettings, now: u64) -> Result<Loaded, Vec<KeyFault>> {
        let mut findings = Findings::default();
        let gateway = gateway(&settings.keys, &mut findings);
        let secrets: Vec<_> =
            settings.ticket_keys.iter().map(|path| key_file::ticket_secret(path, &mut findings)).collect();
        let tickets = secrets.into_iter().filter_map(|secret| findings.keep(secret)).collect();
        let document = settings
            .document
            .as_ref()
            .and_then(|settings| document(settings, gateway.as_deref(), now, &mut findings));
        let Findings { faults, warnings } = findings;
        let material = Self { gateway, tickets, document };
        if faults.is_empty() { Ok(Loaded { material, warnings }) } else { Err(faults) }
    }
}

/// Signs a list of keys for `origin`: made at `issued`, in seconds since 1970, good for so many.
///
/// # Errors
/// It would be too long, or good for longer than clients accept: [`KeyFault::Signing`].
pub fn sign(
    signer: &DocumentSigner,
    origin: &str,
    issued: u64,
    seconds: u64,
    keys: &[u8],
) -> Result<(String, KeyDocument), KeyFault> {
    let expires = issued.saturating_add(seconds);
    let document = KeyDocument { audience: origin.to_owned(), issued, expires, keys: keys.to_vec() };
    Ok((signer.sign(&document, &SystemRandom::new())?, document))
}

/// Every file that is read.
pub fn paths(settings: &PayloadKeySettings) -> Vec<PathBuf> {
    let document = settings.document.iter().map(|document| match &document.source {
        DocumentSource::File(path) | DocumentSource::SigningKey(path) => path,
    });
    settings.keys.iter().chain(&settings.ticket_keys).chain(document).cloned().collect()
}

/// None without files, and after a fault.
fn gateway(paths: &[PathBuf], findings: &mut Findings) -> Option<Arc<GatewayKeys>> {
    if paths.is_empty() {
        return None;
    }
    let mut keys: Vec<(u8, HpkePrivateKey)> = Vec::new();
    let mut whole = true;
    for path in paths {
        let key = key_file::payload_key(path, findings);
        let Some((id, key)) = findings.keep(key) else {
            whole = false;
            continue;
        };
        if keys.iter().any(|(earlier, _)| *earlier == id) {
            findings.faults.push(KeyFault::IdRepeated { path: path.clone(), id });
            whole = false;
        } else {
            keys.push((id, key));
        }
    }
    let keys = GatewayKeys::new(keys).map_err(KeyFault::from);
    if whole { findings.keep(keys).map(Arc::new) } else { None }
}

fn document(
    settings: &DocumentSettings,
    gateway: Option<&GatewayKeys>,
    now: u64,
    findings: &mut Findings,
) -> Option<DocumentMaterial> {
    match &settings.source {
        DocumentSource::SigningKey(path) => {
            let signer = key_file::signing_key(path, findings);
            let signer = findings.keep(signer)?;
            Some(DocumentMaterial::Signer { signer, origin: settings.origin.clone() })
        }
        DocumentSource::File(path) => {
            let text = key_file::public_text(path);
            let text = findings.keep(text)?;
            let says = judge(&text, &settings.origin, gateway)
                .map_err(|reason| KeyFault::Broken { path: path.clone(), reason });
            let says = findings.keep(says)?;
            expiry(path, &says, now, findings);
            Some(DocumentMaterial::Signed { text: text.into(), says })
        }
    }
}

/// Compares a signed list with the origin and the keys that it is served for.
fn judge(text: &str, origin: &str, gateway: Option<&GatewayKeys>) -> Result<KeyDocument, String> {
    let says = KeyDocument::unverified(text.as_bytes())
        .ok_or("no signed list of keys; `ringwall keygen sign-keys` makes one")?;
    if says.audience != origin {
        return Err(format!(
            "it is for the origin {:?}, not for {origin:?}; sign one for that",
            says.audience
        ));
    }
    let listed = parse_key_list(&says.keys).map_err(|fault| fault.to_string())?;
    // Without keys of our own there is a fault that says so already.
    let own = gateway.map(GatewayKeys::configs).unwrap_or_default();
    let is_own = |key: &KeyConfig| own.iter().any(|own| (own.id, &own.public) == (key.id, &key.public));
    if let Some(foreign) = listed.iter().find(|key| gateway.is_some() && !is_own(key)) {
        let id = foreign.id;
        return Err(format!(
            "it names a key with the id {id} that is in no file of `keys`; sign one for those"
        ));
    }
    Ok(says)
}

fn expiry(path: &Path, says: &KeyDocument, now: u64, findings: &mut Findings) {
    let left = says.expires.saturating_sub(now);
    if left == 0 {
        findings.warn(path, "the signed list of keys has expired, and clients refuse it; sign it anew");
    } else if left < KEY_DOCUMENT_EXPIRY_NOTICE.as_secs() {
        let hours = left.div_ceil(60 * 60);
        findings.warn(path, format!("the signed list of keys expires in less than {hours} h; sign it anew"));
    }
}

#[cfg(test)]
mod tests;
