//! Seals and opens session tickets with one secret (RFC 5077 section 4). Which secret, and what else must hold for a
//! ticket to count, is left to `tickets`.

use std::fmt;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Prk, Salt};
use ring::rand::{SecureRandom, SystemRandom};
use rustls::crypto::GetRandomFailed;
use rustls::server::ProducesTickets;

use crate::limits::{TICKET_LIFETIME, TICKET_SECRET_BYTES};

/// Says which key a ticket is for.
const NAME_LEN: usize = 16;
/// Together with the nonce 28 random bytes, which no two tickets share even when many machines seal for years with the
/// same secret. The nonce alone would allow only 2^32 tickets (NIST SP 800-38D section 8.3).
const SEED_LEN: usize = 16;

/// One key of tickets. A ticket is: name, seed, nonce, sealed session. Each is sealed with AES-256-GCM under a key of its
/// own, derived from the secret and the seed, with all that stands before as associated data.
pub(super) struct TicketKey {
    name: [u8; NAME_LEN],
    secret: Prk,
}

impl TicketKey {
    /// The key made of `secret`, which holds [`TICKET_SECRET_BYTES`] random bytes or more.
    pub(super) fn new(secret: &[u8]) -> Option<Self> {
        let secret = Salt::new(HKDF_SHA256, b"ringwall session tickets").extract(secret);
        let mut long_name = [0; 32];
        secret.expand(&[b"name"], HKDF_SHA256).and_then(|okm| okm.fill(&mut long_name)).ok()?;
        let name = *long_name.first_chunk()?;
        Some(Self { name, secret })
    }

    /// A key that nobody else has.
    pub(super) fn random() -> Result<Self, GetRandomFailed> {
        let mut secret = [0; TICKET_SECRET_BYTES];
        SystemRandom::new().fill(&mut secret).map_err(|_| GetRandomFailed)?;
        Self::new(&secret).ok_or(GetRandomFailed)
    }

    fn sealing_key(&self, seed: &[u8]) -> Option<LessSafeKey> {
        let info = [b"ticket", seed];
        let key = self.secret.expand(&info, &AES_256_GCM).ok()?;
        Some(LessSafeKey::new(UnboundKey::from(key)))
    }
}

impl ProducesTickets for TicketKey {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        TICKET_LIFETIME.as_secs() as u32
    }

    fn encrypt(&self, session: &[u8]) -> Option<Vec<u8>> {
        let mut fresh = [0; SEED_LEN + NONCE_LEN];
        SystemRandom::new().fill(&mut fresh).ok()?;
        let (seed, nonce) = fresh.split_first_chunk::<SEED_LEN>()?;
        let key = self.sealing_key(seed)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let head = [&self.name[..], &fresh].concat();
        let mut sealed = session.to_vec();
        key.seal_in_place_append_tag(nonce, Aad::from(&head), &mut sealed).ok()?;
        Some([head, sealed].concat())
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        let (head, sealed) = ticket.split_at_checked(NAME_LEN + SEED_LEN + NONCE_LEN)?;
        let (name, fresh) = head.split_first_chunk::<NAME_LEN>()?;
        if *name != self.name {
            return None;
        }
        let (seed, nonce) = fresh.split_first_chunk::<SEED_LEN>()?;
        let key = self.sealing_key(seed)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut session = sealed.to_vec();
        let length = key.open_in_place(nonce, Aad::from(head), &mut session).ok()?.len();
        session.truncate(length);
        Some(session)
    }
}

impl fmt::Debug for TicketKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TicketKey").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> TicketKey {
        TicketKey::new(&[byte; TICKET_SECRET_BYTES]).unwrap()
    }

    #[test]
    fn a_ticket_opens_with_its_key_alone_and_only_whole() {
        let ticket = key(1).encrypt(b"session").unwrap();
        assert_eq!(key(1).decrypt(&ticket).as_deref(), Some(&b"session"[..]));
        assert_eq!(key(2).decrypt(&ticket), None);
        for cut in 0..ticket.len() {
            assert_eq!(key(1).decrypt(&ticket[..cut]), None, "cut at {cut}");
        }
        for at in 0..ticket.len() {
            let mut changed = ticket.clone();
            changed[at] ^= 1;
            assert_eq!(key(1).decrypt(&changed), None, "changed at {at}");
        }
        assert_eq!(key(1).decrypt(&[ticket, vec![0]].concat()), None);
    }

    #[test]
    fn equal_sessions_look_different_and_show_nothing() {
        let [first, second] = [(); 2].map(|()| key(1).encrypt(b"session").unwrap());
        assert_ne!(first[NAME_LEN..][..SEED_LEN], second[NAME_LEN..][..SEED_LEN]);
        let sealed = |ticket: &[u8]| ticket[NAME_LEN + SEED_LEN + NONCE_LEN..].to_vec();
        assert_ne!(sealed(&first), sealed(&second));
        assert!(memchr::memmem::find(&first, b"session").is_none());
    }

    #[test]
    fn a_random_key_is_a_new_one() {
        let ticket = TicketKey::random().unwrap().encrypt(b"session").unwrap();
        assert_eq!(TicketKey::random().unwrap().decrypt(&ticket), None);
    }

    #[test]
    fn debug_output_keeps_the_secret() {
        assert_eq!(format!("{:?}", key(1)), "TicketKey { .. }");
    }
}
