//! What can be set about the keys of payload encryption, as plain values. `config` fills them; reading the files is left
//! to the rest of this folder.

use std::path::PathBuf;

use crate::protocol::payload::ticket::SESSION_ID_LEN;

/// Bytes of a start id.
pub const START_ID_LEN: usize = SESSION_ID_LEN;

/// Where the keys of payload encryption come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PayloadKeySettings {
    /// Key pairs that clients seal to, the first of which is offered first; empty: made at the start.
    pub keys: Vec<PathBuf>,
    /// Keys of session tickets, the first of which seals; empty: made at the start and rotated.
    pub ticket_keys: Vec<PathBuf>,
    /// The signed list of the key pairs' public halves; absent: there is none.
    pub document: Option<DocumentSettings>,
    /// What tells this process's tickets from those of an earlier one: the first stands in its tickets, all are taken.
    /// Empty: made at the start.
    pub start_ids: Vec<[u8; START_ID_LEN]>,
}

/// The signed list of public keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentSettings {
    /// The origin that clients use, `https://api.example.com`: it stands in the document.
    pub origin: String,
    /// Who signs it.
    pub source: DocumentSource,
}

/// Where the signed list of public keys comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DocumentSource {
    /// It is in this file, signed ahead of time.
    File(PathBuf),
    /// It is signed here, with the key in this file.
    SigningKey(PathBuf),
}
