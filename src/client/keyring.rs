//! The keys that a client seals to, and why it trusts them: pinned themselves, or signed by a pinned key.
//!
//! Fetching the signed list is left to the skin.

use super::fault::ClientFault;
use crate::protocol::payload::aead::Aead;
use crate::protocol::payload::key_document::{DocumentVerifier, Expectation};
use crate::protocol::payload::ohttp_keys::{KeyConfig, parse_key_list};

/// The keys of one proxy.
#[derive(Debug)]
pub struct Keyring {
    trust: Trust,
    current: Option<Current>,
}

#[derive(Debug)]
enum Trust {
    Pinned,
    Signed {
        verifier: DocumentVerifier,
        audience: String,
        /// When the newest document was made that was believed.
        newest_issued: Option<u64>,
    },
}

#[derive(Debug)]
struct Current {
    config: KeyConfig,
    aead: Aead,
    /// The first second at which it is no longer trusted.
    expires: Option<u64>,
}

impl Keyring {
    /// Trusts this list of keys (`application/ohttp-keys`), of which the first that can be used is.
    ///
    /// # Errors
    /// [`ClientFault::KeyList`].
    pub fn pinned(list: &[u8]) -> Result<Self, ClientFault> {
        Ok(Self { trust: Trust::Pinned, current: Some(preferred(list, None)?) })
    }

    /// Trusts lists that `verifier` has signed for `audience`, the origin of the proxy, and that are not older than
    /// `newest_issued`. There is no key before [`Self::learn`].
    pub fn signed(verifier: DocumentVerifier, audience: &str, newest_issued: Option<u64>) -> Self {
        let audience = audience.to_owned();
        Self { trust: Trust::Signed { verifier, audience, newest_issued }, current: None }
    }

    /// The key to seal to, with the cipher. `None`: a signed list has to be fetched, or fetched again. `wall` is the
    /// time in seconds since 1970.
    pub fn chosen(&self, wall: u64) -> Option<(&KeyConfig, Aead)> {
        let current = self.current.as_ref()?;
        let is_trusted = current.expires.is_none_or(|expires| wall < expires);
        is_trusted.then_some((&current.config, current.aead))
    }

    /// Takes a signed list.
    ///
    /// # Errors
    /// It is not believed. What was known before is still.
    pub fn learn(&mut self, document: &[u8], wall: u64) -> Result<(), ClientFault> {
        let Trust::Signed { verifier, audience, newest_issued } = &mut self.trust else {
            return Err(ClientFault::NoKey);
        };
        let expected = Expectation { audience, now: wall, newest_issued: *newest_issued };
        let document = verifier.verify(document.trim_ascii(), &expected)?;
        self.current = Some(preferred(&document.keys, Some(document.expires))?);
        *newest_issued = Some(document.issued);
        Ok(())
    }

    /// Whether there may be newer keys to learn.
    pub fn can_learn(&self) -> bool {
        matches!(self.trust, Trust::Signed { .. })
    }

    /// When the newest list was made that was believed: to be remembered beyond this process.
    pub fn newest_issued(&self) -> Option<u64> {
        match &self.trust {
            Trust::Pinned => None,
            Trust::Signed { newest_issued, .. } => *newest_issued,
        }
    }
}

fn preferred(list: &[u8], expires: Option<u64>) -> Result<Current, ClientFault> {
    let config = parse_key_list(list)?.into_iter().next().ok_or(ClientFault::NoKey)?;
    let aead = config.aeads.first().copied().ok_or(ClientFault::NoKey)?;
    Ok(Current { config, aead, expires })
}

#[cfg(test)]
mod tests {
    use super::super::gateway::{Gateway, NOW, signer};
    use super::*;
    use crate::protocol::payload::key_document::{DocumentFault, KeyDocument};

    const ORIGIN: &str = "https://edge.test";

    fn document(issued: u64, audience: &str) -> String {
        let keys = Gateway::new().keys.encode();
        let document = KeyDocument { audience: audience.to_owned(), issued, expires: issued + 3600, keys };
        signer().sign(&document, &ring::rand::SystemRandom::new()).unwrap()
    }

    fn ring() -> Keyring {
        let signer = signer();
        let verifier = DocumentVerifier::new(signer.algorithm(), signer.public()).unwrap();
        Keyring::signed(verifier, ORIGIN, None)
    }

    #[test]
    fn a_pinned_list_is_used_as_it_is() {
        let gateway = Gateway::new();
        let ring = Keyring::pinned(&gateway.keys.encode()).unwrap();
        let (config, aead) = ring.chosen(u64::MAX).unwrap();
        assert_eq!((config, aead), (&gateway.keys.configs()[0], Aead::Aes128Gcm));
        assert!(!ring.can_learn() && Keyring::pinned(b"\0\x01x").is_err() && Keyring::pinned(b"").is_err());
    }

    #[test]
    fn a_signed_list_is_used_while_it_is_good() {
        let mut ring = ring();
        assert!(ring.chosen(NOW).is_none() && ring.can_learn());
        ring.learn(format!("{}\n", document(NOW, ORIGIN)).as_bytes(), NOW).unwrap();
        assert!(ring.chosen(NOW).is_some() && ring.chosen(NOW + 3599).is_some());
        assert!(ring.chosen(NOW + 3600).is_none(), "expired");
        assert_eq!(ring.newest_issued(), Some(NOW));
    }

    #[test]
    fn what_is_not_believed_changes_nothing() {
        let mut ring = ring();
        ring.learn(document(NOW, ORIGIN).as_bytes(), NOW).unwrap();
        let mut check = |document: String, now: u64, expected: DocumentFault| {
            let fault = ring.learn(document.as_bytes(), now).unwrap_err();
            assert!(matches!(fault, ClientFault::Document(fault) if fault == expected), "{fault:?}");
            assert!(ring.chosen(NOW).is_some());
        };
        check(document(NOW, "https://other.test"), NOW, DocumentFault::Audience);
        check(document(NOW - 1, ORIGIN), NOW, DocumentFault::Older);
        check(document(NOW, ORIGIN), NOW + 3600, DocumentFault::Expired);
        check(document(NOW, ORIGIN).replace('.', "x."), NOW, DocumentFault::Signature);
        let mut pinned = Keyring::pinned(&Gateway::new().keys.encode()).unwrap();
        assert!(pinned.learn(document(NOW, ORIGIN).as_bytes(), NOW).is_err(), "a pinned list stays");
    }
}
