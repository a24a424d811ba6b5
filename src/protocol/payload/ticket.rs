//! A session as its client carries it: sealed under a key of the proxy's own, so that no table of sessions exists.
//!
//! ```text
//! ticket   │key name 4│nonce 12│sealed facts│tag 16│      AES-256-GCM, the key name as additional data
//! facts    │layout 1│id 16│secret 32│AEAD id 2│issued 8│expires 8│start 16│app
//! app      │0│   or three texts, each │length 1│UTF-8│: id, platform, version
//! ```
//! Whether a ticket is still good (its expiry, the process that made it) is judged by who opens it, and so is how many
//! a key may seal: at most 2^32, because nonces are random (NIST SP 800-38D section 8.3).

use std::fmt;

use aes_gcm::aead::inout::InOutBuf;
use aes_gcm::{AeadInOut, Aes256Gcm, KeyInit};
use zeroize::Zeroizing;

use super::aead::{Aead, NONCE_LEN, TAG_LEN};
use super::key_schedule::{SECRET_LEN, SessionSecret, hmac_sha256};
use crate::limits::{
    PAYLOAD_APP_ID_BYTES, PAYLOAD_APP_PLATFORM_BYTES, PAYLOAD_APP_VERSION_BYTES, PAYLOAD_TICKET_BYTES,
};

/// Bytes of the random numbers that name a session, and a process.
pub const SESSION_ID_LEN: usize = 16;

const NAME_LEN: usize = 4;
const LAYOUT: u8 = 1;
const OVERHEAD: usize = NAME_LEN + NONCE_LEN + TAG_LEN;
const FACTS_MAX: usize = PAYLOAD_TICKET_BYTES - OVERHEAD;

/// What an application says of itself: it selects policy and grants nothing. Kept inline, without an allocation.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct AppIdentity {
    id: Text<PAYLOAD_APP_ID_BYTES>,
    platform: Text<PAYLOAD_APP_PLATFORM_BYTES>,
    version: Text<PAYLOAD_APP_VERSION_BYTES>,
}

impl AppIdentity {
    /// `None` if one of them is empty, longer than its bound in [`limits`](crate::limits), or has control characters.
    pub fn new(id: &str, platform: &str, version: &str) -> Option<Self> {
        Some(Self { id: Text::new(id)?, platform: Text::new(platform)?, version: Text::new(version)? })
    }

    /// Which application.
    pub fn id(&self) -> &str {
        self.id.as_str()
    }

    /// On which platform.
    pub fn platform(&self) -> &str {
        self.platform.as_str()
    }

    /// In which version.
    pub fn version(&self) -> &str {
        self.version.as_str()
    }
}

/// What a ticket holds. Times are in seconds since 1970.
#[derive(Debug)]
pub struct SessionFacts {
    /// The session's random name.
    pub id: [u8; SESSION_ID_LEN],
    /// What its keys are made of.
    pub secret: SessionSecret,
    /// The cipher of its messages.
    pub aead: Aead,
    /// When it was opened.
    pub issued: u64,
    /// When it ends.
    pub expires: u64,
    /// The random start id of the process that opened it.
    pub start: [u8; SESSION_ID_LEN],
    /// What the application said of itself.
    pub app: Option<AppIdentity>,
}

/// A key that seals and opens tickets, ready for use. Erased on drop; `Debug` shows its name alone.
pub struct TicketKey {
    name: [u8; NAME_LEN],
    cipher: Aes256Gcm,
}

impl TicketKey {
    /// The key made of these random bytes. They seal nothing themselves: cipher key and name, which stands in clear in
    /// every ticket, are derived from them.
    pub fn new(bytes: &[u8; SECRET_LEN]) -> Self {
        let key = hmac_sha256(bytes, &[b"payload ticket key"]);
        let name_block = hmac_sha256(bytes, &[b"payload ticket key name"]);
        let mut name = [0; NAME_LEN];
        name.copy_from_slice(&name_block[..NAME_LEN]);
        Self { name, cipher: Aes256Gcm::new((&*key).into()) }
    }

    /// Opens `sealed` (facts and tag) in place.
    fn open<'a>(&self, nonce: &[u8; NONCE_LEN], sealed: &'a mut [u8]) -> Option<&'a [u8]> {
        let (facts, tag) = sealed.split_last_chunk_mut::<TAG_LEN>()?;
        let tag = (&*tag).into();
        self.cipher
            .decrypt_inout_detached(nonce.into(), &self.name, InOutBuf::from(&mut *facts), tag)
            .ok()?;
        Some(facts)
    }
}

/// The keys in use: the first seals, all open.
#[derive(Debug)]
pub struct TicketKeys {
    keys: Vec<TicketKey>,
}

impl TicketKeys {
    /// `None` without a key.
    pub fn new(keys: Vec<TicketKey>) -> Option<Self> {
        (!keys.is_empty()).then_some(Self { keys })
    }

    /// A ticket of at most [`PAYLOAD_TICKET_BYTES`] bytes. `nonce` is random and used for nothing else.
    pub fn seal(&self, facts: &SessionFacts, nonce: &[u8; NONCE_LEN]) -> Vec<u8> {
        // invariant: `new` refuses an empty list.
        let key = self.keys.first().expect("at least one key");
        // All of it at once: a vector that grows leaves the secret behind in freed memory.
        let mut ticket = Vec::with_capacity(PAYLOAD_TICKET_BYTES);
        ticket.extend_from_slice(&key.name);
        ticket.extend_from_slice(nonce);
        write_facts(facts, &mut ticket);
        let (_, plain) = ticket.split_at_mut(NAME_LEN + NONCE_LEN);
        let sealed = key.cipher.encrypt_inout_detached(nonce.into(), &key.name, InOutBuf::from(plain));
        // invariant: the cipher refuses nothing below 64 GiB.
        ticket.extend_from_slice(&sealed.expect("a plaintext of some hundred bytes"));
        ticket
    }

    /// What `ticket` holds. `None`: none of the keys made it, or it was changed. Allocates nothing.
    pub fn open(&self, ticket: &[u8]) -> Option<SessionFacts> {
        let (name, rest) = ticket.split_first_chunk::<NAME_LEN>()?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_LEN>()?;
        let mut scratch = Zeroizing::new([0; FACTS_MAX + TAG_LEN]);
        let scratch = scratch.get_mut(..sealed.len())?;
        // Names are short and may agree by chance.
        self.keys.iter().filter(|key| key.name == *name).find_map(|key| {
            scratch.copy_from_slice(sealed);
            read_facts(key.open(nonce, scratch)?)
        })
    }
}

fn write_facts(facts: &SessionFacts, out: &mut Vec<u8>) {
    out.push(LAYOUT);
    out.extend_from_slice(&facts.id);
    out.extend_from_slice(facts.secret.bytes());
    out.extend_from_slice(&facts.aead.id().to_be_bytes());
    out.extend_from_slice(&facts.issued.to_be_bytes());
    out.extend_from_slice(&facts.expires.to_be_bytes());
    out.extend_from_slice(&facts.start);
    match &facts.app {
        None => out.push(0),
        Some(app) => {
            app.id.write(out);
            app.platform.write(out);
            app.version.write(out);
        }
    }
}

/// `None` for what [`write_facts`] never wrote: another release of the proxy may have, under a shared key.
fn read_facts(bytes: &[u8]) -> Option<SessionFacts> {
    let (&LAYOUT, rest) = bytes.split_first()? else { return None };
    let (id, rest) = rest.split_first_chunk()?;
    let (secret, rest) = rest.split_first_chunk()?;
    let (aead, rest) = rest.split_first_chunk()?;
    let (issued, rest) = rest.split_first_chunk()?;
    let (expires, rest) = rest.split_first_chunk()?;
    let (start, rest) = rest.split_first_chunk()?;
    let app = if rest == [0] { None } else { Some(read_app(rest)?) };
    Some(SessionFacts {
        id: *id,
        secret: SessionSecret::new(secret),
        aead: Aead::of_id(u16::from_be_bytes(*aead))?,
        issued: u64::from_be_bytes(*issued),
        expires: u64::from_be_bytes(*expires),
        start: *start,
        app,
    })
}

fn read_app(bytes: &[u8]) -> Option<AppIdentity> {
    let (id, rest) = Text::read(bytes)?;
    let (platform, rest) = Text::read(rest)?;
    let (version, rest) = Text::read(rest)?;
    rest.is_empty().then_some(AppIdentity { id, platform, version })
}

/// A text of 1 to `N` bytes without control characters. What lies behind its end is zero.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Text<const N: usize> {
    length: u8,
    bytes: [u8; N],
}

impl<const N: usize> Text<N> {
    fn new(text: &str) -> Option<Self> {
        if text.is_empty() || text.chars().any(char::is_control) {
            return None;
        }
        let mut bytes = [0; N];
        bytes.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        Some(Self { length: u8::try_from(text.len()).ok()?, bytes })
    }

    fn as_str(&self) -> &str {
        // Never the default: `new` took it from a text.
        self.bytes
            .get(..usize::from(self.length))
            .and_then(|text| str::from_utf8(text).ok())
            .unwrap_or_default()
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.length);
        out.extend_from_slice(self.as_str().as_bytes());
    }

    /// The text at the front of `bytes`, and what follows it.
    fn read(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (&length, rest) = bytes.split_first()?;
        let (text, rest) = rest.split_at_checked(usize::from(length))?;
        Some((Self::new(str::from_utf8(text).ok()?)?, rest))
    }
}

impl fmt::Debug for AppIdentity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("AppIdentity")
            .field("id", &self.id())
            .field("platform", &self.platform())
            .field("version", &self.version())
            .finish()
    }
}

impl fmt::Debug for TicketKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("TicketKey").field("name", &self.name).finish_non_exhaustive()
    }
}

const FACTS_FIXED: usize = 1 + SESSION_ID_LEN + SECRET_LEN + 2 + 8 + 8 + SESSION_ID_LEN;
const APP_MAX: usize = 3 + PAYLOAD_APP_ID_BYTES + PAYLOAD_APP_PLATFORM_BYTES + PAYLOAD_APP_VERSION_BYTES;
const _: () = assert!(FACTS_FIXED + APP_MAX <= FACTS_MAX && PAYLOAD_APP_ID_BYTES <= u8::MAX as usize);

#[cfg(test)]
mod tests;
