//! Which session tickets count: made with a known key, for a listener that asks as much of its clients, not long ago.

use std::path::PathBuf;
use std::sync::Arc;

use ring::digest::Digest;
use rustls::server::ProducesTickets;
use rustls::ticketer::TicketRotator;

use super::fault::{Findings, TlsFault};
use super::files;
use super::ticket_key::TicketKey;
use crate::limits::{TICKET_BYTES, TICKET_LIFETIME};
use crate::net::clock;
use crate::protocol::moment::UnixMicros;

const MOMENT_LEN: usize = size_of::<u64>();

/// The process's own ticket keys: random, replaced every [`TICKET_LIFETIME`], gone after twice that. Made once and handed
/// to every load, so that a reload forgets no session. They serve while the settings name no key files.
#[derive(Debug)]
pub struct TicketKeys {
    rotated: Arc<dyn ProducesTickets>,
}

impl TicketKeys {
    /// Makes the first key.
    ///
    /// # Errors
    /// The system has no randomness.
    pub fn new() -> Result<Self, TlsFault> {
        let seconds = TICKET_LIFETIME.as_secs() as u32;
        let rotator = TicketRotator::new(seconds, || Ok(Box::new(TicketKey::random()?)));
        Ok(Self { rotated: Arc::new(rotator.map_err(|_| TlsFault::Random)?) })
    }

    /// The keys in `paths`, read anew; without paths the process's own. `None` after a fault.
    pub(super) fn select(
        &self,
        paths: &[PathBuf],
        findings: &mut Findings,
    ) -> Option<Arc<dyn ProducesTickets>> {
        if paths.is_empty() {
            return Some(Arc::clone(&self.rotated));
        }
        let secrets: Vec<_> = paths.iter().map(|path| files::ticket_secret(path, findings)).collect();
        let secrets: Vec<_> = secrets.into_iter().map(|secret| findings.keep(secret)).collect();
        let keys = secrets.into_iter().map(|secret| TicketKey::new(&secret?)).collect::<Option<_>>()?;
        Some(Arc::new(FileKeys(keys)))
    }
}

/// Keys from files, which the operator replaces: the first seals, all open.
#[derive(Debug)]
struct FileKeys(Vec<TicketKey>);

impl ProducesTickets for FileKeys {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        TICKET_LIFETIME.as_secs() as u32
    }

    fn encrypt(&self, session: &[u8]) -> Option<Vec<u8>> {
        self.0.first()?.encrypt(session)
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        self.0.iter().find_map(|key| key.decrypt(ticket))
    }
}

/// The tickets of one listener, sealed with keys that other listeners share.
///
/// A resumed session skips all that the first handshake checked. So a ticket carries what its listener asks of clients
/// and which names it answers to (`binding`) and opens only where that is the same: it takes nobody past a stricter
/// listener, a changed authority or a new revocation list, nor to another listener's sites. It also carries when it was
/// made, because keys from files may stay for years.
#[derive(Debug)]
pub(super) struct ListenerTickets {
    keys: Arc<dyn ProducesTickets>,
    binding: Digest,
}

impl ListenerTickets {
    pub(super) fn new(keys: Arc<dyn ProducesTickets>, binding: Digest) -> Self {
        Self { keys, binding }
    }

    fn seal(&self, session: &[u8], now: UnixMicros) -> Option<Vec<u8>> {
        if session.len() > TICKET_BYTES {
            return None;
        }
        self.keys.encrypt(&[self.binding.as_ref(), &now.0.to_be_bytes(), session].concat())
    }

    fn open(&self, ticket: &[u8], now: UnixMicros) -> Option<Vec<u8>> {
        // Whatever stands around a session takes less than another of its size.
        if ticket.len() > 2 * TICKET_BYTES {
            return None;
        }
        let mut opened = self.keys.decrypt(ticket)?;
        let rest = opened.strip_prefix(self.binding.as_ref())?;
        let made = u64::from_be_bytes(*rest.first_chunk::<MOMENT_LEN>()?);
        // A clock that was set back makes a ticket look as if it came from the future: it is young.
        let age = now.0.saturating_sub(made);
        if u128::from(age) > TICKET_LIFETIME.as_micros() {
            return None;
        }
        opened.drain(..self.binding.as_ref().len() + MOMENT_LEN);
        Some(opened)
    }
}

impl ProducesTickets for ListenerTickets {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        TICKET_LIFETIME.as_secs() as u32
    }

    fn encrypt(&self, session: &[u8]) -> Option<Vec<u8>> {
        self.seal(session, clock::unix_micros())
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        self.open(ticket, clock::unix_micros())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(secrets: &[u8]) -> Arc<dyn ProducesTickets> {
        Arc::new(FileKeys(secrets.iter().map(|&byte| TicketKey::new(&[byte; 32]).unwrap()).collect()))
    }

    fn bound(to: u8) -> Digest {
        ring::digest::digest(&ring::digest::SHA256, &[to])
    }

    const NOW: UnixMicros = UnixMicros(1_700_000_000_000_000);

    fn later(seconds: u64) -> UnixMicros {
        UnixMicros(NOW.0 + seconds * 1_000_000)
    }

    #[test]
    fn a_ticket_opens_where_its_listener_asks_the_same() {
        let at = |binding| ListenerTickets::new(keys(&[1]), bound(binding));
        let ticket = at(1).seal(b"session", NOW).unwrap();
        assert_eq!(at(1).open(&ticket, NOW).as_deref(), Some(&b"session"[..]));
        assert_eq!(at(2).open(&ticket, NOW), None);
    }

    #[test]
    fn a_ticket_ages() {
        let tickets = ListenerTickets::new(keys(&[1]), bound(0));
        let ticket = tickets.seal(b"session", NOW).unwrap();
        let check = |now, opens: bool| assert_eq!(tickets.open(&ticket, now).is_some(), opens, "{now:?}");
        let lifetime = TICKET_LIFETIME.as_secs();
        check(later(lifetime), true);
        check(later(lifetime + 1), false);
        check(UnixMicros(NOW.0 - 1), true);
    }

    #[test]
    fn the_first_key_seals_and_all_open() {
        let at = |secrets: &[u8]| ListenerTickets::new(keys(secrets), bound(0));
        let ticket = at(&[1, 2]).seal(b"session", NOW).unwrap();
        let check = |secrets: &[u8], opens: bool| {
            assert_eq!(at(secrets).open(&ticket, NOW).is_some(), opens, "{secrets:?}")
        };
        check(&[1], true);
        check(&[3, 1], true);
        check(&[2, 1], true);
        check(&[2, 3], false);
    }

    #[test]
    fn a_session_too_large_gets_no_ticket() {
        let tickets = ListenerTickets::new(keys(&[1]), bound(0));
        let largest = tickets.seal(&[0; TICKET_BYTES], NOW).unwrap();
        assert!(tickets.open(&largest, NOW).is_some());
        assert_eq!(tickets.seal(&[0; TICKET_BYTES + 1], NOW), None);
        assert_eq!(tickets.open(&[largest, vec![0; TICKET_BYTES]].concat(), NOW), None);
    }

    #[test]
    fn random_keys_serve_every_load_of_a_process_and_no_other() {
        let own = TicketKeys::new().unwrap();
        let mut findings = Findings::default();
        let mut at =
            |keys: &TicketKeys| ListenerTickets::new(keys.select(&[], &mut findings).unwrap(), bound(0));
        let ticket = at(&own).seal(b"session", NOW).unwrap();
        assert!(at(&own).open(&ticket, NOW).is_some());
        assert!(at(&TicketKeys::new().unwrap()).open(&ticket, NOW).is_none());
    }
}
