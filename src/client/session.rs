//! A session as the app holds it: opened once, then good for many messages, each with a number of its own and the time
//! by the proxy's clock.
//!
//! Where it is kept between two runs of a process is left to the app; [`KeptSession`] is what it keeps.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use super::fault::ClientFault;
use super::outer::require_sealed;
use crate::protocol::http1::ReceivedHead;
use crate::protocol::moment::Monotonic;
use crate::protocol::payload::aead::{Aead, MessageKey};
use crate::protocol::payload::hybrid::PRIVATE_LEN;
use crate::protocol::payload::key_schedule::{
    MessageHeader, RequestPrk, SALT_LEN, SECRET_LEN, SessionSecret, request_keys,
};
use crate::protocol::payload::ohttp_keys::KeyConfig;
use crate::protocol::payload::session::{PendingSession, Session, request};
use crate::protocol::payload::ticket::AppIdentity;

/// Where sessions are opened.
pub const SESSION_PATH: &str = "/.well-known/payload-session";
/// What opens them.
pub const REQUEST_MEDIA_TYPE: &str = "application/payload-session-request";
/// What answers that.
pub const RESPONSE_MEDIA_TYPE: &str = "application/payload-session-response";

/// The time as a proxy told it, sealed, and as it goes on since on a clock that never steps back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProxyClock {
    time: u64,
    at: Monotonic,
}

impl ProxyClock {
    /// `time`, in seconds since 1970, was said at `at`.
    pub fn new(time: u64, at: Monotonic) -> Self {
        Self { time, at }
    }

    /// What time it is for the proxy, in seconds since 1970.
    pub fn now(&self, now: Monotonic) -> u64 {
        self.time.saturating_add(now.since(self.at).as_secs())
    }
}

/// A session that was asked for.
#[derive(Debug)]
pub struct Opening {
    /// What to send to [`SESSION_PATH`] as [`REQUEST_MEDIA_TYPE`].
    pub body: Vec<u8>,
    pending: PendingSession,
}

impl Opening {
    /// Asks for a session. `time` is in seconds since 1970; `random` is used once.
    ///
    /// # Errors
    /// [`ClientFault::KeyUnusable`].
    pub fn new(
        (config, aead): (&KeyConfig, Aead),
        time: u64,
        app: Option<&AppIdentity>,
        random: &[u8; PRIVATE_LEN],
    ) -> Result<Self, ClientFault> {
        let asked = request(config, aead, time, app, random);
        let (body, pending) = asked.ok_or(ClientFault::KeyUnusable)?;
        Ok(Self { body, pending })
    }

    /// Takes the answer, which came at `now`: all of its body.
    ///
    /// # Errors
    /// [`ClientFault::InClear`], [`ClientFault::MediaType`], [`ClientFault::SessionAnswer`].
    pub fn finish(
        self,
        outer: &ReceivedHead,
        body: &mut [u8],
        now: Monotonic,
    ) -> Result<ClientSession, ClientFault> {
        require_sealed(outer, RESPONSE_MEDIA_TYPE, body)?;
        let session = self.pending.finish(body).map_err(|_| ClientFault::SessionAnswer)?;
        Ok(ClientSession::new(session, now))
    }
}

/// An open session.
pub struct ClientSession {
    ticket: Vec<u8>,
    secret: SessionSecret,
    aead: Aead,
    clock: ProxyClock,
    /// By the proxy's clock, in seconds since 1970.
    expires: u64,
    /// The next message's number.
    next: u64,
    /// The first number that may not be used.
    end: u64,
    was_kept: bool,
}

impl ClientSession {
    fn new(session: Session, now: Monotonic) -> Self {
        let Session { ticket, secret, aead, expires_in, time } = session;
        let expires = time.saturating_add(expires_in);
        let clock = ProxyClock::new(time, now);
        Self { ticket, secret, aead, clock, expires, next: 0, end: u64::MAX, was_kept: false }
    }

    /// Whether another message can be sealed in it.
    pub fn is_good(&self, now: Monotonic) -> bool {
        self.next < self.end && self.clock.now(now) < self.expires
    }

    /// The cipher of its messages.
    pub fn aead(&self) -> Aead {
        self.aead
    }

    /// Sets the clock by what the proxy said, sealed, at `now`. Nothing else sets it.
    pub fn correct(&mut self, time: u64, now: Monotonic) {
        // What is left of the session's life is known from its own answer: another time moves both.
        let left = self.expires.saturating_sub(self.clock.now(now));
        self.clock = ProxyClock::new(time, now);
        self.expires = time.saturating_add(left);
    }

    /// Whether it came from [`KeptSession::reserve`] instead of having been opened.
    pub fn was_kept(&self) -> bool {
        self.was_kept
    }

    /// Appends the header of the next message to `out` and makes its keys. Its number is used up, whatever follows.
    pub(super) fn header(
        &mut self,
        now: Monotonic,
        salt: &[u8; SALT_LEN],
        out: &mut Vec<u8>,
    ) -> Result<(RequestPrk, MessageKey), ClientFault> {
        if self.next >= self.end {
            return Err(ClientFault::NumbersUsedUp);
        }
        let number = self.next;
        self.next += 1;
        let start = out.len();
        if !MessageHeader::write(&self.ticket, number, self.clock.now(now), salt, out) {
            return Err(ClientFault::SessionAnswer);
        }
        Ok(request_keys(&self.secret, self.aead, &out[start..]))
    }

    /// What to keep of it, so that another process can go on with it. `binding` names what it must not be used without:
    /// the proxy, the reason to trust it, the app. `clock` names the clock that moments are of.
    pub fn keep(&self, binding: &str, clock: &str) -> KeptSession {
        KeptSession {
            binding: binding.to_owned(),
            clock: clock.to_owned(),
            ticket: BASE64URL.encode(&self.ticket),
            secret: BASE64URL.encode(self.secret.bytes()),
            aead: self.aead.id(),
            next: self.next,
            expires: self.expires,
            time: self.clock.time,
            at: self.clock.at.0,
        }
    }
}

impl fmt::Debug for ClientSession {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ClientSession")
            .field("aead", &self.aead)
            .field("clock", &self.clock)
            .field("expires", &self.expires)
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

/// A session at rest. Its text holds the session's secret: for the owner's eyes alone. Erased when dropped.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct KeptSession {
    binding: String,
    clock: String,
    ticket: String,
    secret: String,
    aead: u16,
    next: u64,
    expires: u64,
    time: u64,
    at: u64,
}

impl KeptSession {
    /// Reads what [`Self::to_text`] wrote. `None`: it is something else.
    pub fn from_text(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// The session as text.
    pub fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(serde_json::to_string(self).unwrap_or_default())
    }

    /// Sets `count` numbers aside and returns a session that uses no others. What is kept must be written, for good,
    /// before that session seals anything: so no number is used twice, even if the process breaks off. `None`: it is
    /// bound to something else, by another clock, at its end, or malformed; open another.
    pub fn reserve(
        &mut self,
        count: u64,
        binding: &str,
        clock: &str,
        now: Monotonic,
    ) -> Option<ClientSession> {
        if self.binding != binding || self.clock != clock || now.0 < self.at {
            return None;
        }
        let mut secret = Zeroizing::new([0; SECRET_LEN]);
        let decoded = Zeroizing::new(BASE64URL.decode(&self.secret).ok()?);
        secret.as_mut_slice().copy_from_slice(decoded.get(..).filter(|all| all.len() == SECRET_LEN)?);
        let next = self.next;
        let session = ClientSession {
            ticket: BASE64URL.decode(&self.ticket).ok()?,
            secret: SessionSecret::new(&secret),
            aead: Aead::of_id(self.aead)?,
            clock: ProxyClock::new(self.time, Monotonic(self.at)),
            expires: self.expires,
            next,
            end: next.checked_add(count)?,
            was_kept: true,
        };
        self.next = session.end;
        session.is_good(now).then_some(session)
    }
}

impl Drop for KeptSession {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

impl fmt::Debug for KeptSession {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("KeptSession").field("next", &self.next).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
