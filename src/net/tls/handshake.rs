//! A TLS handshake as a step machine over bytes: rustls decides, whoever drives it reads and writes.
//!
//! When it is done the connection goes on with the traffic secrets in [`Session`](super::session::Session).

use std::ops::{Deref, RangeInclusive};

use rustls::client::{ClientConnectionData, UnbufferedClientConnection};
use rustls::kernel::KernelConnection;
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{ConnectionState, EncodeError, UnbufferedConnectionCommon, UnbufferedStatus};
use rustls::{Error, ExtractedSecrets, InvalidMessage};

use crate::limits::TLS_HANDSHAKE_BYTES;

/// Bytes of a record's header, and of the largest record that TLS 1.2 allows (RFC 5246 section 6.2.3).
const HEADER_BYTES: usize = 5;
const RECORD_BYTES: usize = HEADER_BYTES + (1 << 14) + 2048;
/// What a record may hold (RFC 8446 section 5.1).
const CONTENT_TYPES: RangeInclusive<u8> = 20..=23;

/// One end of a handshake.
pub(super) trait End: Deref<Target = UnbufferedConnectionCommon<Self::Data>> {
    /// What rustls calls the kind of connection.
    type Data;
    /// See rustls.
    fn process<'c, 'i>(&'c mut self, incoming: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data>;
    /// Gives the secrets out.
    fn into_secrets(self) -> Result<(ExtractedSecrets, KernelConnection<Self::Data>), Error>;
}

impl End for UnbufferedServerConnection {
    type Data = ServerConnectionData;
    fn process<'c, 'i>(&'c mut self, incoming: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(incoming)
    }
    fn into_secrets(self) -> Result<(ExtractedSecrets, KernelConnection<Self::Data>), Error> {
        self.dangerous_into_kernel_connection()
    }
}

impl End for UnbufferedClientConnection {
    type Data = ClientConnectionData;
    fn process<'c, 'i>(&'c mut self, incoming: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(incoming)
    }
    fn into_secrets(self) -> Result<(ExtractedSecrets, KernelConnection<Self::Data>), Error> {
        self.dangerous_into_kernel_connection()
    }
}

/// A handshake under way.
pub(super) struct Handshake<E> {
    pub(super) end: E,
    /// What came and is not consumed.
    incoming: Vec<u8>,
    /// Of it, what rustls may see: whole records up to the end of the handshake and none behind it, because it would act
    /// on them, and what it then wants to send or has changed would be lost with it.
    shown: usize,
    /// What is to be sent.
    outgoing: Vec<u8>,
}

/// What a handshake needs next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Needs {
    /// [`Handshake::take_outgoing`] sent, then another step.
    Sending,
    /// Bytes through [`Handshake::receive`], then another step.
    Receiving,
    /// Nothing: it is done. What is still outgoing goes ahead of everything else.
    Nothing,
}

/// What is left of a handshake that is done.
pub(super) struct Established<D> {
    pub(super) secrets: ExtractedSecrets,
    pub(super) keys: KernelConnection<D>,
    /// Records that came behind the handshake, not opened yet.
    pub(super) incoming: Vec<u8>,
    /// Records to be sent ahead of everything else.
    pub(super) outgoing: Vec<u8>,
}

impl<E: End> Handshake<E> {
    pub(super) fn new(end: E) -> Self {
        Self { end, incoming: Vec::new(), shown: 0, outgoing: Vec::new() }
    }

    /// Goes as far as it can without the peer.
    ///
    /// # Errors
    /// The handshake failed; an alert that says why may be in [`Self::take_outgoing`].
    pub(super) fn step(&mut self) -> Result<Needs, Error> {
        loop {
            let UnbufferedStatus { discard, state } = self.end.process(&mut self.incoming[..self.shown]);
            let blocked = match state {
                Ok(ConnectionState::EncodeTlsData(mut data)) => {
                    encode(&mut self.outgoing, |room| data.encode(room))?;
                    false
                }
                // What was encoded is ours to send from here on.
                Ok(ConnectionState::TransmitTlsData(data)) => {
                    data.done();
                    false
                }
                Ok(ConnectionState::BlockedHandshake | ConnectionState::WriteTraffic(_)) => true,
                Ok(ConnectionState::PeerClosed | ConnectionState::Closed) => {
                    return Err(Error::HandshakeNotComplete);
                }
                Ok(_) => return Err(Error::General("a state that was not asked for".into())),
                Err(fault) => {
                    self.incoming.clear();
                    self.shown = 0;
                    self.encode_alert();
                    return Err(fault);
                }
            };
            let consumed = discard.min(self.shown);
            self.incoming.drain(..consumed);
            self.shown -= consumed;
            if blocked && !self.end.is_handshaking() {
                return Ok(Needs::Nothing);
            }
            if blocked && !self.show_next() {
                return Ok(if self.outgoing.is_empty() { Needs::Receiving } else { Needs::Sending });
            }
        }
    }

    /// Shows one more record. False when none is whole.
    fn show_next(&mut self) -> bool {
        let hidden = &self.incoming[self.shown..];
        let Some(&[kind, major, _, high, low]) = hidden.first_chunk::<HEADER_BYTES>() else { return false };
        let record = HEADER_BYTES + usize::from(u16::from_be_bytes([high, low]));
        // What cannot become a record is shown at once, to be refused.
        let possible = CONTENT_TYPES.contains(&kind) && major == 3 && record <= RECORD_BYTES;
        if hidden.len() < record && possible {
            return false;
        }
        self.shown += record.min(hidden.len());
        true
    }

    /// Takes in what came.
    ///
    /// # Errors
    /// More than a handshake may have.
    pub(super) fn receive(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if self.incoming.len() + bytes.len() > TLS_HANDSHAKE_BYTES {
            return Err(InvalidMessage::HandshakePayloadTooLarge.into());
        }
        self.incoming.extend_from_slice(bytes);
        Ok(())
    }

    /// What is to be sent now.
    pub(super) fn take_outgoing(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.outgoing)
    }

    /// The secrets, once [`Needs::Nothing`] is needed.
    pub(super) fn establish(self) -> Result<Established<E::Data>, Error> {
        let Self { end, incoming, outgoing, .. } = self;
        let (secrets, keys) = end.into_secrets()?;
        Ok(Established { secrets, keys, incoming, outgoing })
    }

    /// After a fault the alert for it may wait to be encoded. When nothing does, rustls would go on reading where it
    /// stopped, in bytes that are gone, and panic.
    fn encode_alert(&mut self) {
        while self.end.wants_write()
            && let Ok(ConnectionState::EncodeTlsData(mut data)) = self.end.process(&mut []).state
        {
            let _no_alert = encode(&mut self.outgoing, |room| data.encode(room));
        }
    }
}

/// Appends what `write` writes, in as much room as it asks for.
fn encode(
    outgoing: &mut Vec<u8>,
    mut write: impl FnMut(&mut [u8]) -> Result<usize, EncodeError>,
) -> Result<(), Error> {
    let before = outgoing.len();
    let mut room = 0;
    loop {
        outgoing.resize(before + room, 0);
        match write(&mut outgoing[before..]) {
            Ok(count) => {
                outgoing.truncate(before + count);
                return Ok(());
            }
            Err(EncodeError::InsufficientSize(needed)) if needed.required_size > room => {
                room = needed.required_size;
            }
            Err(fault) => return Err(Error::General(fault.to_string())),
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
