//! Seals what is sent in one direction into records.

use super::record_format::{HEADER_BYTES, content_type, handshake_type};
use super::{Alert, ProtocolVersion, SealFault, TrafficKeys};
use crate::limits;

/// Writes the records of one direction.
///
/// Contract: what was appended is sent, whole and in order. Nothing follows an alert that ends the connection, and
/// new keys follow a key update.
#[derive(Debug)]
pub struct RecordSealer {
    keys: TrafficKeys,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Sealing,
    /// A KeyUpdate was sealed and the keys for what follows have not been brought.
    AwaitsKeys,
    Closed,
}

impl RecordSealer {
    /// A sealer in front of the first record behind the handshake.
    pub fn new(keys: TrafficKeys) -> Self {
        Self { keys, state: State::Sealing }
    }

    /// Goes on under the keys that follow [`Self::seal_key_update`].
    pub fn rekey(&mut self, keys: TrafficKeys) {
        debug_assert_eq!(self.state, State::AwaitsKeys);
        debug_assert_eq!(keys.version(), self.keys.version());
        self.keys = keys;
        if self.state == State::AwaitsKeys {
            self.state = State::Sealing;
        }
    }

    /// True once a new key is due: [`Self::seal_key_update`], or in TLS 1.2 close the connection when the exchange is
    /// done. There is time for that: the limit is a quarter further.
    pub fn needs_key_update(&self) -> bool {
        self.keys.are_due()
    }

    /// Bytes that [`Self::seal`] appends for `plain_bytes`.
    pub fn sealed_bytes(&self, plain_bytes: usize, fragment_max: usize) -> usize {
        let records = plain_bytes.div_ceil(fragment_bytes(fragment_max));
        plain_bytes + records * (HEADER_BYTES + self.keys.overhead())
    }

    /// Appends all of `plain` to `out` in records of at most `fragment_max` bytes of content (1 to 16,384; what is
    /// outside is taken for the nearest). Appends nothing if `plain` is empty.
    ///
    /// # Errors
    /// Nothing was appended; [`SealFault`] says what to do.
    pub fn seal(&mut self, plain: &[u8], fragment_max: usize, out: &mut Vec<u8>) -> Result<(), SealFault> {
        let fragment_max = fragment_bytes(fragment_max);
        let records = plain.len().div_ceil(fragment_max) as u64;
        self.admit(records.saturating_add(limits::TLS_RECORDS_RESERVED))?;
        out.reserve(self.sealed_bytes(plain.len(), fragment_max));
        let start = out.len();
        for fragment in plain.chunks(fragment_max) {
            self.append(content_type::APPLICATION_DATA, fragment, out)
                .inspect_err(|_| out.truncate(start))?;
        }
        Ok(())
    }

    /// Appends an alert. After `close_notify` and after any that is fatal nothing more is sealed.
    ///
    /// # Errors
    /// Nothing was appended; [`SealFault`] says what to do.
    pub fn seal_alert(&mut self, alert: Alert, out: &mut Vec<u8>) -> Result<(), SealFault> {
        self.admit(1)?;
        self.append(content_type::ALERT, &[alert.level(), alert.code()], out)?;
        if alert != Alert::UserCanceled {
            self.state = State::Closed;
        }
        Ok(())
    }

    /// Appends a KeyUpdate, which asks for one of the peer's if `answer` (RFC 8446 section 4.6.3). Bring the new keys
    /// with [`Self::rekey`] before anything else.
    ///
    /// # Errors
    /// Nothing was appended; [`SealFault`] says what to do.
    pub fn seal_key_update(&mut self, answer: bool, out: &mut Vec<u8>) -> Result<(), SealFault> {
        if self.keys.version() == ProtocolVersion::Tls12 {
            return Err(SealFault::NoKeyUpdate);
        }
        self.admit(1)?;
        let message = [handshake_type::KEY_UPDATE, 0, 0, 1, u8::from(answer)];
        self.append(content_type::HANDSHAKE, &message, out)?;
        self.state = State::AwaitsKeys;
        Ok(())
    }

    fn admit(&self, records: u64) -> Result<(), SealFault> {
        match self.state {
            State::Sealing if self.keys.bears(records) => Ok(()),
            State::Sealing => Err(SealFault::KeysWornOut),
            State::AwaitsKeys => Err(SealFault::KeysAwaited),
            State::Closed => Err(SealFault::Closed),
        }
    }

    fn append(&mut self, inner_type: u8, fragment: &[u8], out: &mut Vec<u8>) -> Result<(), SealFault> {
        let start = out.len();
        let sealed = self.keys.seal(inner_type, fragment, out);
        sealed.ok_or_else(|| {
            // What was appended is in clear.
            out.truncate(start);
            self.state = State::Closed;
            SealFault::Cipher
        })
    }
}

fn fragment_bytes(fragment_max: usize) -> usize {
    fragment_max.clamp(1, limits::TLS_FRAGMENT_BYTES)
}

#[cfg(test)]
mod tests;
