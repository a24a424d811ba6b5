//! What opening a session and single messages have in common (RFC 9458 sections 4.3 and 4.4): the header that names key
//! and ciphers, the HPKE context behind it, and the key of the answer.
//!
//! ```text
//! request   │key id 1│KEM 2│KDF 2│AEAD 2│enc│sealed ...      info = label | 0x00 | the seven bytes
//! answer    │response nonce max(Nn, Nk)│sealed ...
//! ```
//! What is sealed, and the labels that keep the uses of one key apart, are left to [`session`](super::session) and
//! [`ohttp_message`](super::ohttp_message).

use super::aead::{Aead, MessageKey};
use super::hybrid::{
    Exporter, HpkePrivateKey, KDF_ID, Kem, PRIVATE_LEN, PublicBytes, setup_receiver, setup_sender,
};
use super::key_schedule::{expanded_key, hmac_sha256};
use super::ohttp_keys::{GatewayKeys, KeyConfig};
use crate::protocol::progress::Progress;

/// Bytes of the header in front of `enc`.
pub const HEADER_LEN: usize = 7;
/// Bytes of the longest response nonce, and random bytes to draw for one.
pub const RESPONSE_NONCE_LEN_MAX: usize = 32;

/// Why what a client sealed is not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum EncapsulationFault {
    /// It names a key we do not hold, or a use that this key does not have: the client's list of keys is old.
    #[error("the key that it names is unknown, or is no key for the algorithms it names")]
    KeyUnknown,
    /// It is cut, does not open, or is not what should be sealed. Which of them is not told.
    #[error("it is malformed or does not open")]
    Malformed,
}

/// The labels of one use: of the request's HPKE context and of the secret that its answer's key is made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Labels {
    pub(super) request: &'static str,
    pub(super) response: &'static str,
}

/// Makes the key of the answer, at either end.
#[derive(Debug)]
pub(super) struct AnswerSecret {
    exporter: Exporter,
    aead: Aead,
    enc: PublicBytes,
    label: &'static str,
}

impl AnswerSecret {
    /// What the client sent of the key agreement: a request that was replayed has it again.
    pub(super) fn enc(&self) -> &[u8] {
        self.enc.as_ref()
    }

    pub(super) fn aead(&self) -> Aead {
        self.aead
    }

    pub(super) fn exporter(&self) -> &Exporter {
        &self.exporter
    }

    /// The response nonce made of `random`: its first bytes.
    pub(super) fn nonce<'a>(&self, random: &'a [u8; RESPONSE_NONCE_LEN_MAX]) -> &'a [u8] {
        &random[..self.aead.secret_len()]
    }

    /// The key of the answer with this nonce.
    pub(super) fn key(&self, response_nonce: &[u8]) -> MessageKey {
        let salt = [self.enc(), response_nonce].concat();
        let label = self.label.as_bytes();
        let prk = match self.aead.secret_len() {
            16 => hmac_sha256(&salt, &[self.exporter.export::<16>(label).as_slice()]),
            _ => hmac_sha256(&salt, &[self.exporter.export::<32>(label).as_slice()]),
        };
        expanded_key(&prk, self.aead)
    }
}

/// The proxy's end: reads the header and `enc` at the front of `bytes`; the key that opens the rest, whose indexes count
/// from 0, and what the answer is sealed with.
pub(super) fn receive(
    keys: &GatewayKeys,
    labels: Labels,
    bytes: &[u8],
) -> Result<Progress<(MessageKey, AnswerSecret)>, EncapsulationFault> {
    let incomplete = Progress::NeedMore { searched: bytes.len() };
    let Some((header, rest)) = bytes.split_first_chunk() else { return Ok(incomplete) };
    let (key, aead) = named(keys, header).ok_or(EncapsulationFault::KeyUnknown)?;
    let Some(enc) = rest.get(..key.kem().enc_len()) else { return Ok(incomplete) };
    let ends = setup_receiver(key, aead, enc, &info(labels.request, header));
    let (message, exporter) = ends.map_err(|_| EncapsulationFault::Malformed)?;
    let consumed = HEADER_LEN + enc.len();
    let enc = PublicBytes::new(enc).ok_or(EncapsulationFault::Malformed)?;
    Ok(Progress::Done {
        value: (message, AnswerSecret { exporter, aead, enc, label: labels.response }),
        consumed,
    })
}

/// The client's end: appends header and `enc` to `out`. `None` if the key does not offer `aead`, or is one that agrees
/// on nothing. The ephemeral key is made of `random`, which is used once.
pub(super) fn send(
    config: &KeyConfig,
    aead: Aead,
    labels: Labels,
    random: &[u8; PRIVATE_LEN],
    out: &mut Vec<u8>,
) -> Option<(MessageKey, AnswerSecret)> {
    if !config.aeads.contains(&aead) {
        return None;
    }
    let header = header(config.id, config.public.kem(), aead);
    let ends = setup_sender(&config.public, aead, &info(labels.request, &header), random);
    let (enc, message, exporter) = ends.ok()?;
    out.extend_from_slice(&header);
    out.extend_from_slice(enc.as_ref());
    Some((message, AnswerSecret { exporter, aead, enc, label: labels.response }))
}

fn header(id: u8, kem: Kem, aead: Aead) -> [u8; HEADER_LEN] {
    let ([a, b], [c, d], [e, f]) = (kem.id().to_be_bytes(), KDF_ID.to_be_bytes(), aead.id().to_be_bytes());
    [id, a, b, c, d, e, f]
}

/// The key that a header names, if it is one for the algorithms that the header names.
fn named<'a>(keys: &'a GatewayKeys, header: &[u8; HEADER_LEN]) -> Option<(&'a HpkePrivateKey, Aead)> {
    let &[id, a, b, c, d, e, f] = header;
    let key = keys.find(id)?;
    let fits = u16::from_be_bytes([a, b]) == key.kem().id() && u16::from_be_bytes([c, d]) == KDF_ID;
    fits.then_some((key, Aead::of_id(u16::from_be_bytes([e, f]))?))
}

fn info(label: &str, header: &[u8; HEADER_LEN]) -> Vec<u8> {
    [label.as_bytes(), &[0], header].concat()
}
