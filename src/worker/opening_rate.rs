//! How often one address may open sessions or send single messages, each of which costs a key agreement, and how many of
//! them a worker takes in all.
//!
//! A fixed table: addresses share a place in it now and then, and then also what it allows. Which ones share depends on a
//! random key, so that nobody can choose his neighbour.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::time::Duration;

use super::address_ledger::client;
use crate::limits::{
    OPENING_BURST, OPENING_INTERVAL, OPENING_PLACES, OPENINGS_PER_WORKER_BURST, OPENINGS_PER_WORKER_INTERVAL,
};
use crate::protocol::moment::Monotonic;

/// The openings of one worker by address.
pub(super) struct OpeningRate {
    /// When each place has made up for what it took.
    places: Box<[Monotonic]>,
    all: Monotonic,
    hasher: RandomState,
}

impl OpeningRate {
    pub(super) fn new() -> Self {
        Self {
            places: vec![Monotonic(0); OPENING_PLACES].into_boxed_slice(),
            all: Monotonic(0),
            hasher: RandomState::new(),
        }
    }

    /// Whether one more may come from `address` at `now`; none: from a relay, which stands for many and counts only
    /// towards all. If so, that counts.
    pub(super) fn admit(&mut self, address: Option<IpAddr>, now: Monotonic) -> bool {
        let all = Debt {
            made_up: &mut self.all,
            interval: OPENINGS_PER_WORKER_INTERVAL,
            burst: OPENINGS_PER_WORKER_BURST,
        };
        if !all.bears_more(now) {
            return false;
        }
        if let Some(address) = address {
            let place = self.hasher.hash_one(client(address)) as usize % self.places.len();
            let Some(place) = self.places.get_mut(place) else { return false };
            let own = Debt { made_up: place, interval: OPENING_INTERVAL, burst: OPENING_BURST };
            if !own.bears_more(now) {
                return false;
            }
            own.add(now);
        }
        all.add(now);
        true
    }
}

/// What was taken beyond the steady rate: as much time as it takes to make up for it.
struct Debt<'a> {
    made_up: &'a mut Monotonic,
    interval: Duration,
    burst: u32,
}

impl Debt<'_> {
    fn bears_more(&self, now: Monotonic) -> bool {
        self.made_up.since(now) < self.interval * self.burst
    }

    fn add(self, now: Monotonic) {
        *self.made_up = (*self.made_up).max(now).after(self.interval);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Monotonic {
        Monotonic(0).after(Duration::from_secs(1000) + Duration::from_millis(millis))
    }

    #[test]
    fn an_address_has_its_burst_and_then_its_rate() {
        let mut rate = OpeningRate::new();
        let one = "192.0.2.1".parse().unwrap();
        let taken = |rate: &mut OpeningRate, address, now| {
            (0..1000).filter(|_| rate.admit(Some(address), now)).count()
        };
        assert_eq!(taken(&mut rate, one, at(0)), OPENING_BURST as usize);
        assert_eq!(taken(&mut rate, one, at(0)), 0);
        let second = (1.0 / OPENING_INTERVAL.as_secs_f64()) as usize;
        assert!((second..=second + 1).contains(&taken(&mut rate, one, at(1000))));
        assert_eq!(taken(&mut rate, one, at(60_000)), OPENING_BURST as usize, "no more is saved up");
        // Some other address has a place of its own.
        let others = (2..20).map(|last| IpAddr::from([192, 0, 2, last]));
        assert!(
            others.into_iter().any(|other| taken(&mut rate, other, at(60_000)) == OPENING_BURST as usize)
        );
    }

    #[test]
    fn all_addresses_of_a_v6_network_are_one() {
        let mut rate = OpeningRate::new();
        let taken = (0..1000u16)
            .filter(|number| rate.admit(Some(IpAddr::from([0x2001, 0xdb8, 0, 7, 0, 0, 0, *number])), at(0)))
            .count();
        assert_eq!(taken, OPENING_BURST as usize);
    }

    #[test]
    fn all_addresses_together_have_a_bound() {
        let mut rate = OpeningRate::new();
        let taken = (0..100_000u32)
            .filter(|number| rate.admit(Some(IpAddr::from(number.to_be_bytes())), at(0)))
            .count();
        assert_eq!(taken, OPENINGS_PER_WORKER_BURST as usize);
        assert!(!rate.admit(None, at(0)), "a relay's count too");
        let mut rate = OpeningRate::new();
        let relayed = (0..100_000).filter(|_| rate.admit(None, at(0))).count();
        assert_eq!(relayed, OPENINGS_PER_WORKER_BURST as usize, "and have no other bound");
    }
}
