//! The records of one connection after its handshake: what came is opened where it lies, what goes is sealed into one
//! piece of memory.
//!
//! The rules of records are `protocol::tls`'s; reading and writing the socket is the connection's.

use std::io;
use std::os::fd::RawFd;

use nix::sys::socket::{MsgFlags, send};
use rustls::client::ClientConnectionData;
use rustls::kernel::KernelConnection;
use rustls::server::ServerConnectionData;
use rustls::{ConnectionTrafficSecrets, Error, ExtractedSecrets};

use super::handshake::Established;
use crate::limits::{COPY_BYTES, TLS_RECEIVE_STEPS, TLS_SEND_PLAIN_BYTES};
use crate::net::clock;
use crate::protocol::span::Span;
use crate::protocol::tls::{
    Alert, Content, Opening, ProtocolVersion, RecordFault, RecordOpener, RecordSealer, RecordSizing, Role,
    SessionTickets, SizedRun, Suite, TrafficKeys,
};
use crate::protocol::wire_buffer::Storage;

/// A connection's records in both directions.
pub(crate) struct Session {
    version: ProtocolVersion,
    opener: RecordOpener,
    sealer: RecordSealer,
    keys: KeySource,
    sizing: RecordSizing,
    incoming: Incoming,
    outgoing: Outgoing,
    /// The peer wants our key changed before the next data.
    owes_key_update: bool,
    /// We have asked the peer to change its key, and it has not yet.
    asked_key_update: bool,
    /// The peer has said that it sends no more.
    peer_ended: bool,
    ended: bool,
    fault: Option<RecordFault>,
    descriptor: RawFd,
}

/// Where the next traffic secrets come from.
pub(super) enum KeySource {
    Server(KernelConnection<ServerConnectionData>),
    Client(KernelConnection<ClientConnectionData>),
}

/// Ciphertext that came, and the plaintext of its first record.
#[derive(Default)]
struct Incoming {
    storage: Storage,
    /// Opened and not handed over yet.
    plain: Span,
    /// Not opened yet.
    start: usize,
    end: usize,
    /// The last read filled all there was.
    full: bool,
    /// Whole records may wait: they came with the handshake.
    unopened: bool,
}

/// Sealed bytes on their way.
#[derive(Default)]
struct Outgoing {
    bytes: Vec<u8>,
    /// Of `bytes`, sent already.
    sent: usize,
    /// Plaintext bytes of the caller that `bytes` holds.
    plain: usize,
    /// The socket has `bytes`.
    away: bool,
}

/// What [`Session::deliver`] came to.
pub(crate) enum Delivery {
    /// So many bytes of plaintext; 0: the peer has ended its direction in order.
    Plain(usize),
    /// More must come first: memory to read into, and from where.
    Wants(Storage, usize),
    /// The connection is of no use any more.
    Broken(io::Error),
}

/// Sealed bytes to be sent from `from` on; they stand for `plain` bytes of the caller's.
pub(crate) struct Sealed {
    pub(crate) bytes: Vec<u8>,
    pub(crate) from: usize,
    pub(crate) plain: usize,
}

impl Session {
    /// Goes on where a handshake ended.
    pub(super) fn new<D>(
        established: Established<D>,
        source: impl FnOnce(KernelConnection<D>) -> KeySource,
        role: Role,
        descriptor: RawFd,
    ) -> Result<Self, Error> {
        let Established { secrets: ExtractedSecrets { tx, rx }, keys, incoming, outgoing } = established;
        let version = match keys.protocol_version() {
            rustls::ProtocolVersion::TLSv1_3 => ProtocolVersion::Tls13,
            _ => ProtocolVersion::Tls12,
        };
        Ok(Self {
            version,
            opener: RecordOpener::new(traffic_keys(version, rx)?, role),
            sealer: RecordSealer::new(traffic_keys(version, tx)?),
            keys: source(keys),
            sizing: RecordSizing::new(clock::monotonic()),
            incoming: Incoming::new(&incoming),
            outgoing: Outgoing { bytes: outgoing, ..Outgoing::default() },
            owes_key_update: false,
            asked_key_update: false,
            peer_ended: false,
            ended: false,
            fault: None,
            descriptor,
        })
    }

    /// Fills `target` with plaintext, as far as whole records have come.
    pub(crate) fn deliver(&mut self, target: &mut [u8]) -> Delivery {
        self.incoming.unopened = false;
        let mut delivered = 0;
        loop {
            delivered += self.incoming.hand_over(&mut target[delivered..]);
            if delivered == target.len() {
                return Delivery::Plain(delivered);
            }
            if self.fault.is_some() || self.peer_ended {
                return match self.fault {
                    Some(_) if delivered == 0 => Delivery::Broken(io::ErrorKind::InvalidData.into()),
                    _ => Delivery::Plain(delivered),
                };
            }
            match self.open_next() {
                Ok(true) => {}
                Ok(false) if delivered > 0 => return Delivery::Plain(delivered),
                Ok(false) => {
                    let start = self.incoming.end;
                    return Delivery::Wants(std::mem::take(&mut self.incoming.storage), start);
                }
                Err(fault) => self.fail(fault),
            }
        }
    }

    /// True when there may be something to deliver before anything more comes.
    pub(crate) fn may_deliver(&self) -> bool {
        self.incoming.unopened || !self.incoming.plain.is_empty()
    }

    /// True when bytes have come that were not delivered: a read would bring something, or a part of a record waits.
    pub(crate) fn holds_bytes(&self) -> bool {
        !self.incoming.is_empty()
    }

    /// Takes back the memory of a read that brought `count` bytes.
    pub(crate) fn received(&mut self, storage: Storage, count: usize) {
        self.incoming.full = self.incoming.end + count == storage.len();
        self.incoming.storage = storage;
        self.incoming.end += count;
    }

    /// Seals a piece of `plain`, behind what must go ahead of it.
    pub(crate) fn seal(&mut self, plain: &[u8]) -> io::Result<Sealed> {
        if self.fault.is_some() || self.ended {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        if self.outgoing.plain == 0 {
            self.change_key_if_due().map_err(io::Error::other)?;
            let count = plain.len().min(TLS_SEND_PLAIN_BYTES);
            let (mut rest, now) = (&plain[..count], clock::monotonic());
            while !rest.is_empty() {
                let SizedRun { bytes, fragment_max } = self.sizing.next_run(rest.len(), now);
                let (run, behind) = rest.split_at(bytes);
                self.sealer.seal(run, fragment_max, &mut self.outgoing.bytes).map_err(io::Error::other)?;
                rest = behind;
            }
            self.outgoing.plain = count;
        }
        self.outgoing.away = true;
        let bytes = std::mem::take(&mut self.outgoing.bytes);
        Ok(Sealed { bytes, from: self.outgoing.sent, plain: self.outgoing.plain })
    }

    /// Takes back the memory of what was sealed: all of it was sent.
    pub(crate) fn sent(&mut self, mut bytes: Vec<u8>) {
        bytes.clear();
        self.outgoing = Outgoing { bytes, ..Outgoing::default() };
    }

    /// Seals a piece of `plain` and sends it at once. `None`: the socket does not take it now; what is sealed is sent by
    /// the next [`Self::seal`].
    pub(crate) fn seal_and_send(&mut self, plain: &[u8]) -> Option<io::Result<usize>> {
        let Sealed { bytes, from, plain } = match self.seal(plain) {
            Ok(sealed) => sealed,
            Err(fault) => return Some(Err(fault)),
        };
        self.outgoing.away = false;
        match send_now(self.descriptor, &bytes[from..]) {
            Ok(count) if from + count == bytes.len() => {
                self.sent(bytes);
                Some(Ok(plain))
            }
            Ok(count) => {
                self.outgoing.bytes = bytes;
                self.outgoing.sent = from + count;
                None
            }
            Err(fault) => Some(Err(fault)),
        }
    }

    /// Says that we send no more.
    pub(crate) fn end(&mut self) {
        if !self.ended && self.fault.is_none() {
            self.say(Alert::CloseNotify);
        }
        self.ended = true;
    }

    /// What the peer did that ended the connection.
    pub(crate) fn fault(&self) -> Option<RecordFault> {
        self.fault
    }

    /// Gives memory back, for the time that nothing comes. False when bytes that came are still to be read.
    pub(crate) fn cool(&mut self) -> bool {
        if self.outgoing.bytes.is_empty() {
            self.outgoing.bytes = Vec::new();
        }
        if self.incoming.is_empty() {
            self.incoming = Incoming::default();
        }
        self.incoming.plain.is_empty()
    }

    /// True when a record was opened or the state changed, false when more must come.
    fn open_next(&mut self) -> Result<bool, RecordFault> {
        let incoming = &mut self.incoming;
        let (taken, content) = match self.opener.open(&mut incoming.storage[incoming.start..incoming.end])? {
            Opening::Incomplete { total, .. } => {
                incoming.make_room(total);
                return Ok(false);
            }
            Opening::Opened { taken, content } => (taken, content),
        };
        let base = incoming.start;
        incoming.start += taken;
        match content {
            Content::Data(span) => incoming.plain = span.shifted(base),
            Content::Nothing => {}
            Content::CloseNotify => self.peer_ended = true,
            Content::KeyUpdate { answer } => {
                self.owes_key_update |= answer;
                self.asked_key_update = false;
                let keys = self.keys.next(Direction::Receive, self.version);
                self.opener.rekey(keys.map_err(|_| RecordFault::KeysAwaited)?);
            }
            Content::SessionTickets(tickets) => self.keys.take(&tickets),
        }
        Ok(true)
    }

    fn change_key_if_due(&mut self) -> Result<(), Error> {
        if self.version == ProtocolVersion::Tls13 && (self.owes_key_update || self.sealer.needs_key_update())
        {
            self.owes_key_update = false;
            self.sealer.seal_key_update(false, &mut self.outgoing.bytes).map_err(|_| Error::EncryptError)?;
            self.sealer.rekey(self.keys.next(Direction::Transmit, self.version)?);
        }
        Ok(())
    }

    fn fail(&mut self, fault: RecordFault) {
        self.fault = Some(fault);
        if let Some(alert) = fault.alert() {
            self.say(alert);
        }
    }

    /// Sends an alert if the socket takes it now and nothing is half sent.
    fn say(&mut self, alert: Alert) {
        if self.outgoing.away || self.outgoing.plain > 0 {
            return;
        }
        let mut bytes = std::mem::take(&mut self.outgoing.bytes);
        if self.sealer.seal_alert(alert, &mut bytes).is_ok() {
            let _gone = send_now(self.descriptor, &bytes);
        }
    }
}

impl KeySource {
    fn next(&mut self, direction: Direction, version: ProtocolVersion) -> Result<TrafficKeys, Error> {
        let secrets = match (self, direction) {
            (Self::Server(keys), Direction::Receive) => keys.update_rx_secret(),
            (Self::Server(keys), Direction::Transmit) => keys.update_tx_secret(),
            (Self::Client(keys), Direction::Receive) => keys.update_rx_secret(),
            (Self::Client(keys), Direction::Transmit) => keys.update_tx_secret(),
        };
        traffic_keys(version, secrets?)
    }

    /// For the next connection to the same server. One that is not understood is of no consequence.
    fn take(&mut self, tickets: &SessionTickets) {
        if let Self::Client(keys) = self {
            for ticket in tickets.bodies() {
                let _not_kept = keys.handle_new_session_ticket(ticket);
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Direction {
    Receive,
    Transmit,
}

impl Incoming {
    /// Records that came behind the end of a handshake.
    fn new(records: &[u8]) -> Self {
        if records.is_empty() {
            return Self::default();
        }
        let mut storage = vec![0; size_for(records.len()).max(records.len())].into_boxed_slice();
        storage[..records.len()].copy_from_slice(records);
        Self { storage, end: records.len(), unopened: true, ..Self::default() }
    }

    fn is_empty(&self) -> bool {
        self.plain.is_empty() && self.start == self.end
    }

    /// Copies plaintext out, as much as there is and fits.
    fn hand_over(&mut self, target: &mut [u8]) -> usize {
        let plain = self.plain.of(&self.storage);
        let count = plain.len().min(target.len());
        // In pieces: see `limits::COPY_BYTES`.
        let pieces = plain[..count].chunks(COPY_BYTES);
        target[..count].chunks_mut(COPY_BYTES).zip(pieces).for_each(|(to, from)| to.copy_from_slice(from));
        self.plain.start += count as u32;
        count
    }

    /// Makes room behind what has come for a record of `total` bytes that begins there. Only when nothing is left to
    /// hand over. Who fills it whole gets a larger one.
    fn make_room(&mut self, total: usize) {
        let waiting = self.start..self.end;
        let wanted = total.max(if self.full { self.storage.len() + 1 } else { waiting.len() + 1 });
        if self.storage.len() < wanted.min(TLS_RECEIVE_STEPS[TLS_RECEIVE_STEPS.len() - 1]) {
            let mut larger = vec![0; size_for(wanted)].into_boxed_slice();
            larger[..waiting.len()].copy_from_slice(&self.storage[waiting.clone()]);
            self.storage = larger;
        } else {
            self.storage.copy_within(waiting.clone(), 0);
        }
        (self.start, self.end) = (0, waiting.len());
        self.full = false;
    }
}

/// The smallest step that holds `bytes`.
fn size_for(bytes: usize) -> usize {
    let last = TLS_RECEIVE_STEPS[TLS_RECEIVE_STEPS.len() - 1];
    TLS_RECEIVE_STEPS.into_iter().find(|&step| step >= bytes).unwrap_or(last)
}

fn traffic_keys(
    version: ProtocolVersion,
    (sequence, secrets): (u64, ConnectionTrafficSecrets),
) -> Result<TrafficKeys, Error> {
    let (suite, key, iv) = match &secrets {
        ConnectionTrafficSecrets::Aes128Gcm { key, iv } => (Suite::Aes128Gcm, key, iv),
        ConnectionTrafficSecrets::Aes256Gcm { key, iv } => (Suite::Aes256Gcm, key, iv),
        ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } => (Suite::Chacha20Poly1305, key, iv),
        _ => return Err(Error::General("a cipher suite that was not offered".into())),
    };
    TrafficKeys::new(version, suite, key.as_ref(), iv.as_ref(), sequence)
        .ok_or_else(|| Error::General("traffic secrets of unknown shape".into()))
}

fn send_now(descriptor: RawFd, bytes: &[u8]) -> io::Result<usize> {
    match send(descriptor, bytes, MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL) {
        Ok(count) => Ok(count),
        Err(nix::errno::Errno::EAGAIN | nix::errno::Errno::EINTR) => Ok(0),
        Err(fault) => Err(fault.into()),
    }
}

#[cfg(test)]
mod tests;
