//! From workers to the control thread: "this issuer's keys are too old". One word that all of them write, without locks.
//!
//! A bit stays set until the control thread has done what it asks for: however many tokens of unknown keys come, the
//! control thread is woken once in that time, and a worker that asks again only reads. When to ask an issuer is the control
//! thread's business.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::limits::ISSUERS;
use crate::policy::token_rules::IssuerId;

/// What is asked for and not done yet.
pub struct KeyRequests {
    wanted: AtomicU64,
    wake: Box<dyn Fn() + Send + Sync>,
}

impl KeyRequests {
    /// Nothing so far. `wake` is called by whoever asks first, and must not wait for anything.
    pub fn new(wake: impl Fn() + Send + Sync + 'static) -> Self {
        Self { wanted: AtomicU64::new(0), wake: Box::new(wake) }
    }

    /// Asks for newer keys of `issuer`. [`IssuerKeys`](crate::policy::issuer_keys::IssuerKeys) that come afterwards are as
    /// new as they can be had.
    pub fn ask(&self, issuer: IssuerId) {
        let bit = bit(issuer);
        // Read first: of many who ask at once only the first need write.
        if self.wanted.load(Ordering::Relaxed) & bit == bit {
            return;
        }
        if self.wanted.fetch_or(bit, Ordering::AcqRel) & bit == 0 {
            (self.wake)();
        }
    }

    /// Whose keys are asked for.
    pub fn wanted(&self) -> impl Iterator<Item = IssuerId> {
        let wanted = self.wanted.load(Ordering::Acquire);
        (0..ISSUERS as u16).map(IssuerId).filter(move |issuer| wanted & bit(*issuer) != 0)
    }

    /// What was asked for `issuer` is done. To be called before the keys are given to the workers: what is asked from then
    /// on is asked anew.
    pub fn done(&self, issuer: IssuerId) {
        self.wanted.fetch_and(!bit(issuer), Ordering::AcqRel);
    }

    /// Forgets everything: positions mean other issuers now.
    pub fn clear(&self) {
        self.wanted.store(0, Ordering::Release);
    }
}

/// One that wakes nobody.
impl Default for KeyRequests {
    fn default() -> Self {
        Self::new(|| {})
    }
}

impl fmt::Debug for KeyRequests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRequests").field("wanted", &self.wanted).finish_non_exhaustive()
    }
}

/// None for an issuer beyond the bound, which no configuration has.
fn bit(issuer: IssuerId) -> u64 {
    1_u64.checked_shl(u32::from(issuer.0)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;

    use super::*;

    fn requests() -> (KeyRequests, Arc<AtomicUsize>) {
        let wakes = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&wakes);
        let wake = move || {
            counted.fetch_add(1, Ordering::Relaxed);
        };
        (KeyRequests::new(wake), wakes)
    }

    #[test]
    fn the_control_thread_is_woken_once_until_it_has_done_what_is_asked() {
        let (requests, wakes) = requests();
        let woken = || wakes.load(Ordering::Relaxed);
        let wanted = || requests.wanted().map(|issuer| issuer.0).collect::<Vec<_>>();
        for (issuer, expected) in [(0, 1), (0, 1), (63, 2), (5, 3), (63, 3), (64, 3), (u16::MAX, 3)] {
            requests.ask(IssuerId(issuer));
            assert_eq!(woken(), expected, "{issuer}");
        }
        assert_eq!(wanted(), [0, 5, 63]);
        requests.done(IssuerId(5));
        requests.done(IssuerId(64));
        assert_eq!(wanted(), [0, 63]);
        requests.ask(IssuerId(5));
        assert_eq!((woken(), wanted()), (4, vec![0, 5, 63]));
        requests.clear();
        assert!(wanted().is_empty());
    }

    #[test]
    fn of_many_threads_that_ask_at_once_one_wakes() {
        let (requests, wakes) = requests();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..1000).for_each(|_| requests.ask(IssuerId(7))));
            }
        });
        assert_eq!(wakes.load(Ordering::Relaxed), 1);
    }
}
