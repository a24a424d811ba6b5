//! The tokens that are known, by their hashes, in memory: as many as there is room for. Those that have expired go first,
//! then those that would expire next.

use std::collections::{BTreeMap, BTreeSet};

use ring::digest::{SHA256, digest};

use super::grant::Grant;

/// What is kept of a token in its place: who reads the memory of this server gets no token.
type TokenHash = [u8; 32];

/// The tokens.
pub(super) struct TokenStore {
    grants: BTreeMap<TokenHash, Grant>,
    /// The same in the order in which they expire.
    order: BTreeSet<(u64, TokenHash)>,
    room: usize,
}

impl TokenStore {
    /// An empty store for `room` tokens.
    pub(super) fn new(room: usize) -> Self {
        Self { grants: BTreeMap::new(), order: BTreeSet::new(), room }
    }

    /// Keeps a token, unless it has expired at `now`.
    pub(super) fn insert(&mut self, token: &str, grant: Grant, now: u64) {
        while self.order.first().is_some_and(|(expires, _)| *expires <= now) {
            self.order.pop_first().map(|(_, hash)| self.grants.remove(&hash));
        }
        if grant.expires <= now {
            return;
        }
        let hash = hash(token);
        self.order.insert((grant.expires, hash));
        self.grants.insert(hash, grant);
        while self.grants.len() > self.room {
            self.order.pop_first().map(|(_, hash)| self.grants.remove(&hash));
        }
    }

    /// What was granted with a token that is good at `now`.
    pub(super) fn find(&mut self, token: &str, now: u64) -> Option<&mut Grant> {
        self.grants.get_mut(&hash(token)).filter(|grant| grant.expires > now)
    }

    /// Forgets a token.
    pub(super) fn remove(&mut self, token: &str) {
        let hash = hash(token);
        if let Some(grant) = self.grants.remove(&hash) {
            self.order.remove(&(grant.expires, hash));
        }
    }
}

fn hash(token: &str) -> TokenHash {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authority::fixture::grant;

    fn until(expires: u64) -> Grant {
        Grant { expires, ..grant() }
    }

    #[test]
    fn a_token_is_known_until_it_expires_or_is_forgotten() {
        let mut store = TokenStore::new(3);
        store.insert("a", until(200), 100);
        store.insert("b", until(300), 100);
        store.insert("late", until(100), 100);
        let mut known = |token: &str, now| store.find(token, now).map(|grant| grant.expires);
        assert_eq!([known("a", 199), known("a", 200), known("b", 200)], [Some(200), None, Some(300)]);
        assert_eq!([known("late", 0), known("c", 0), known("", 0)], [None; 3]);
        store.remove("b");
        store.remove("b");
        assert!(store.find("b", 100).is_none() && store.find("a", 100).is_some());
        assert_eq!(store.order.len(), 1);
    }

    #[test]
    fn where_there_is_no_room_the_first_to_expire_goes() {
        let mut store = TokenStore::new(2);
        for (token, expires) in [("b", 300), ("a", 200), ("c", 400)] {
            store.insert(token, until(expires), 100);
        }
        assert_eq!(["a", "b", "c"].map(|token| store.find(token, 100).is_some()), [false, true, true]);
        store.insert("d", until(350), 300);
        let known = ["b", "c", "d"].map(|token| store.find(token, 300).is_some());
        assert_eq!((known, store.grants.len(), store.order.len()), ([false, true, true], 2, 2));
    }
}
