//! From a session's secret to the keys of one message (form 1):
//!
//! ```text
//! hdr    = 0x01 | u16(ticket length) | ticket | u64(n) | u64(t) | salt 16
//! prk    = HMAC(session secret, "payload request 1"  | 0x00 | hdr)
//! prk_r  = HMAC(prk,            "payload response 1" | 0x00 | response salt 16)
//! key, nonce of each = Expand(., "key", Nk), Expand(., "nonce", Nn)
//! ```
//! Which ticket opens, and whether `n` and `t` are acceptable, is left to others.

use std::fmt;

use ring::hmac;
use zeroize::{Zeroize, Zeroizing};

use super::aead::{Aead, MessageKey, NONCE_LEN};
use crate::limits;
use crate::protocol::progress::Progress;

/// Bytes of every secret here: what HMAC-SHA256 makes.
pub const SECRET_LEN: usize = 32;
/// Bytes of the salts of requests and responses.
pub const SALT_LEN: usize = 16;

const VERSION: u8 = 1;
const REQUEST_LABEL: &[u8] = b"payload request 1\0";
const RESPONSE_LABEL: &[u8] = b"payload response 1\0";

/// What both ends of a session share. Erased on drop; `Debug` shows nothing of it.
pub struct SessionSecret([u8; SECRET_LEN]);

impl SessionSecret {
    /// Takes a copy; the caller erases its own.
    pub fn new(bytes: &[u8; SECRET_LEN]) -> Self {
        Self(*bytes)
    }

    /// The secret itself, to be sealed into a ticket or kept by the client.
    pub fn bytes(&self) -> &[u8; SECRET_LEN] {
        &self.0
    }
}

/// Why the bytes in front of a sealed request are none of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum HeaderFault {
    /// The first byte is not 1.
    #[error("a version of the message header that is not known")]
    Version,
    /// A ticket of no bytes or of more than [`limits::PAYLOAD_TICKET_BYTES`].
    #[error("a ticket of no bytes or of too many")]
    TicketLength,
}

/// What stands in clear in front of a sealed request. Nothing of it is authentic before the first chunk has opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageHeader<'a> {
    /// The session, as the proxy sealed it.
    pub ticket: &'a [u8],
    /// Number of the message within its session.
    pub n: u64,
    /// When it was made, in seconds since 1970.
    pub t: u64,
    /// Random bytes.
    pub salt: [u8; SALT_LEN],
    /// The whole header: [`request_keys`] is made of it.
    pub bytes: &'a [u8],
}

impl<'a> MessageHeader<'a> {
    /// Bytes of the longest header.
    pub const LEN_MAX: usize = 1 + 2 + limits::PAYLOAD_TICKET_BYTES + 8 + 8 + SALT_LEN;

    /// Reads the header at the front of `bytes`.
    ///
    /// # Errors
    /// [`HeaderFault`], as soon as the byte that is wrong is there.
    pub fn parse(bytes: &'a [u8]) -> Result<Progress<Self>, HeaderFault> {
        let incomplete = Progress::NeedMore { searched: bytes.len() };
        if bytes.first().is_some_and(|&version| version != VERSION) {
            return Err(HeaderFault::Version);
        }
        let &[_, high, low, ref rest @ ..] = bytes else { return Ok(incomplete) };
        let ticket_len = usize::from(u16::from_be_bytes([high, low]));
        if !(1..=limits::PAYLOAD_TICKET_BYTES).contains(&ticket_len) {
            return Err(HeaderFault::TicketLength);
        }
        Ok(Self::behind_length(bytes, rest, ticket_len).unwrap_or(incomplete))
    }

    /// Appends a header to `out`. `false` if the ticket has no bytes or more than [`limits::PAYLOAD_TICKET_BYTES`];
    /// nothing is appended then.
    #[must_use]
    pub fn write(ticket: &[u8], n: u64, t: u64, salt: &[u8; SALT_LEN], out: &mut Vec<u8>) -> bool {
        if !(1..=limits::PAYLOAD_TICKET_BYTES).contains(&ticket.len()) {
            return false;
        }
        out.push(VERSION);
        out.extend_from_slice(&(ticket.len() as u16).to_be_bytes());
        out.extend_from_slice(ticket);
        out.extend_from_slice(&n.to_be_bytes());
        out.extend_from_slice(&t.to_be_bytes());
        out.extend_from_slice(salt);
        true
    }

    /// `rest`: what follows the ticket's length in `bytes`. `None`: it goes on behind their end.
    fn behind_length(bytes: &'a [u8], rest: &'a [u8], ticket_len: usize) -> Option<Progress<Self>> {
        let (ticket, rest) = rest.split_at_checked(ticket_len)?;
        let (n, rest) = rest.split_first_chunk()?;
        let (t, rest) = rest.split_first_chunk()?;
        let (salt, rest) = rest.split_first_chunk()?;
        let consumed = bytes.len() - rest.len();
        let (n, t) = (u64::from_be_bytes(*n), u64::from_be_bytes(*t));
        let value = Self { ticket, n, t, salt: *salt, bytes: bytes.get(..consumed)? };
        Some(Progress::Done { value, consumed })
    }
}

/// What the key of the response is made of once the request's is known. Erased on drop; `Debug` shows nothing of it.
pub struct RequestPrk([u8; SECRET_LEN]);

/// The key of a request. `header` is the whole of its header ([`MessageHeader::bytes`]).
pub fn request_keys(secret: &SessionSecret, aead: Aead, header: &[u8]) -> (RequestPrk, MessageKey) {
    let prk = hmac_sha256(&secret.0, &[REQUEST_LABEL, header]);
    let key = expanded_key(&prk, aead);
    (RequestPrk(*prk), key)
}

/// The key of the response to that request; one salt for each response.
pub fn response_key(prk: &RequestPrk, aead: Aead, response_salt: &[u8; SALT_LEN]) -> MessageKey {
    expanded_key(&hmac_sha256(&prk.0, &[RESPONSE_LABEL, response_salt]), aead)
}

/// `Expand(prk, "key", Nk)` with `Expand(prk, "nonce", Nn)`: how every key here comes from its `prk`, and in OHTTP too
/// (RFC 9458 section 4.4).
pub fn expanded_key(prk: &[u8; SECRET_LEN], aead: Aead) -> MessageKey {
    let prk = hmac::Key::new(hmac::HMAC_SHA256, prk);
    let key = expand_block(&prk, b"key");
    let block = expand_block(&prk, b"nonce");
    let mut nonce = Zeroizing::new([0; NONCE_LEN]);
    nonce.copy_from_slice(&block[..NONCE_LEN]);
    // invariant: the slice has the cipher's key length, which no block is shorter than.
    MessageKey::new(aead, &key[..aead.key_len()], &nonce).expect("a key of the cipher's length")
}

/// HMAC-SHA256 of `parts` one behind the other.
pub(super) fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> Zeroizing<[u8; SECRET_LEN]> {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    parts.iter().for_each(|part| context.update(part));
    erasable(context.sign())
}

/// The first block of HKDF-Expand (RFC 5869 section 2.3), which is all that keys and nonces need.
fn expand_block(prk: &hmac::Key, label: &[u8]) -> Zeroizing<[u8; SECRET_LEN]> {
    let mut context = hmac::Context::with_key(prk);
    context.update(label);
    context.update(&[1]);
    erasable(context.sign())
}

fn erasable(tag: hmac::Tag) -> Zeroizing<[u8; SECRET_LEN]> {
    let mut bytes = Zeroizing::new([0; SECRET_LEN]);
    bytes.copy_from_slice(tag.as_ref());
    bytes
}

impl Drop for SessionSecret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for SessionSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SessionSecret(..)")
    }
}

impl Drop for RequestPrk {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for RequestPrk {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("RequestPrk(..)")
    }
}

#[cfg(test)]
mod tests;
