//! When one issuer's keys are fetched. Pure: moments and random numbers come from outside.

use std::time::Duration;

use crate::limits::{
    KEY_FETCH_GIVEN_UP, KEYS_ASKED_INTERVAL, KEYS_LIFETIME, KEYS_LIFETIME_MAX, KEYS_LIFETIME_MIN,
    KEYS_RETRY_FIRST, KEYS_RETRY_LONGEST,
};
use crate::protocol::moment::Monotonic;

/// When to fetch, for one issuer.
#[derive(Debug)]
pub(super) struct Schedule {
    state: State,
    /// When the newest fetch began.
    began: Option<Monotonic>,
    /// When the newest one began that somebody had asked for.
    asked: Option<Monotonic>,
    /// The next is one that somebody asked for.
    is_asked: bool,
    /// After the next failure.
    next_wait: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    UnderWay,
    Waiting { until: Monotonic },
}

impl Schedule {
    /// For an issuer whose keys are needed at once.
    pub(super) fn new(now: Monotonic) -> Self {
        let state = State::Waiting { until: now };
        Self { state, began: None, asked: None, is_asked: false, next_wait: KEYS_RETRY_FIRST }
    }

    /// When to begin a fetch; absent while one is under way.
    pub(super) fn due(&self) -> Option<Monotonic> {
        match self.state {
            State::UnderWay => None,
            State::Waiting { until } => Some(until),
        }
    }

    /// When the fetch that is under way is no longer waited for.
    pub(super) fn given_up(&self) -> Option<Monotonic> {
        match self.state {
            State::UnderWay => self.began.map(|began| began.after(KEY_FETCH_GIVEN_UP)),
            State::Waiting { .. } => None,
        }
    }

    /// Until when keys are as new as they can be had. Only what was asked for counts: a key that came into use a moment
    /// after a fetch that was due is known at once.
    pub(super) fn rest(&self) -> Monotonic {
        self.asked.map_or(Monotonic(0), |asked| asked.after(KEYS_ASKED_INTERVAL))
    }

    /// A fetch begins.
    pub(super) fn begin(&mut self, now: Monotonic) {
        (self.state, self.began) = (State::UnderWay, Some(now));
        if std::mem::take(&mut self.is_asked) {
            self.asked = Some(now);
        }
    }

    /// Somebody met a key that is not known. What is under way will tell; else it is fetched early, at a limited rate.
    pub(super) fn ask(&mut self, now: Monotonic) {
        if let State::Waiting { until } = self.state {
            let early = self.rest().max(now);
            self.is_asked |= early < until;
            self.state = State::Waiting { until: until.min(early) };
        }
    }

    /// The keys were fetched, and their server says how long they are good, if it does. They are fetched again before
    /// that is over, and not all issuers' at once.
    pub(super) fn succeed(&mut self, says: Option<Duration>, random: u64) {
        let lifetime = says.unwrap_or(KEYS_LIFETIME).clamp(KEYS_LIFETIME_MIN, KEYS_LIFETIME_MAX);
        let wait = lifetime * 7 / 8 - part(lifetime / 8, random);
        // From the beginning on: the server may have answered just then.
        let until = self.began.unwrap_or_default().after(wait);
        (self.state, self.next_wait) = (State::Waiting { until }, KEYS_RETRY_FIRST);
    }

    /// The fetch failed.
    pub(super) fn fail(&mut self, now: Monotonic, random: u64) {
        let wait = self.next_wait - part(self.next_wait / 2, random);
        self.state = State::Waiting { until: now.after(wait) };
        self.next_wait = (self.next_wait * 2).min(KEYS_RETRY_LONGEST);
    }
}

/// A part of `whole`, all of them equally likely.
fn part(whole: Duration, random: u64) -> Duration {
    const PARTS: u64 = 1024;
    whole * (random % PARTS) as u32 / PARTS as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Monotonic = Monotonic(1_000_000_000_000);
    /// The largest part of whatever may vary.
    const MOST: u64 = 1023;

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    fn at(millis: u64) -> Monotonic {
        START.after(Duration::from_millis(millis))
    }

    /// One whose keys were fetched at [`START`] and are good for the default time.
    fn fetched() -> Schedule {
        let mut schedule = Schedule::new(START);
        schedule.begin(START);
        schedule.succeed(None, 0);
        schedule
    }

    #[test]
    fn keys_are_fetched_again_before_they_are_no_longer_good() {
        for (says, random, expected) in [
            (None, 0, 262_500),
            (None, MOST, 225_036),
            (Some(seconds(600)), 0, 525_000),
            (Some(seconds(60)), 0, 52_500),
            (Some(seconds(59)), 0, 52_500),
            (Some(Duration::ZERO), MOST, 45_007),
            (Some(seconds(3600)), 0, 3_150_000),
            (Some(seconds(1 << 40)), 0, 3_150_000),
        ] {
            let mut schedule = Schedule::new(START);
            assert_eq!(schedule.due(), Some(START));
            schedule.begin(START);
            assert_eq!(schedule.due(), None);
            schedule.succeed(says, random);
            let due = schedule.due().unwrap().since(START);
            assert_eq!(due.as_millis(), expected, "{says:?} {random}");
        }
    }

    #[test]
    fn a_server_that_fails_is_asked_less_and_less_often() {
        let waits = |random: u64| {
            let mut schedule = fetched();
            let mut wait = || {
                schedule.begin(at(7));
                schedule.fail(at(7), random);
                schedule.due().unwrap().since(at(7)).as_millis()
            };
            (0..8).map(|_| wait()).collect::<Vec<_>>()
        };
        assert_eq!(waits(0), [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
        let jittered = waits(MOST);
        assert!(jittered.iter().zip(waits(0)).all(|(short, long)| *short >= long / 2 && *short < long));
        let mut schedule = fetched();
        schedule.fail(START, 0);
        schedule.begin(START);
        schedule.succeed(None, 0);
        schedule.fail(START, 0);
        assert_eq!(schedule.due(), Some(at(1_000)), "a success is a new beginning");
    }

    #[test]
    fn whoever_asks_has_them_fetched_early_at_a_limited_rate() {
        let interval = KEYS_ASKED_INTERVAL.as_millis() as u64;
        for asked in [1, interval - 1, interval, interval + 5] {
            // A fetch that was due is no reason to wait.
            let mut schedule = fetched();
            schedule.ask(at(asked));
            assert_eq!(schedule.due(), Some(at(asked)), "{asked}");
            schedule.begin(at(asked));
            schedule.succeed(None, 0);
            // One that was asked for is.
            schedule.ask(at(asked + 1));
            schedule.ask(at(asked + 2));
            assert_eq!(schedule.due(), Some(at(asked + interval)), "{asked} and once more");
        }
    }

    #[test]
    fn asking_puts_nothing_off() {
        let mut schedule = Schedule::new(START);
        schedule.ask(START);
        assert_eq!(schedule.due(), Some(START), "the first fetch rests from nothing");
        schedule.begin(START);
        schedule.ask(at(1));
        assert_eq!(schedule.due(), None);
        schedule.fail(at(2), 0);
        schedule.ask(at(3));
        assert_eq!(schedule.due(), Some(at(3)), "nobody has asked so far");
        schedule.begin(at(3));
        schedule.fail(at(4), 0);
        schedule.ask(at(5));
        assert!(
            schedule.due() < Some(at(3).after(KEYS_ASKED_INTERVAL)),
            "the next try comes sooner than the rest ends"
        );
    }

    #[test]
    fn a_fetch_that_says_nothing_is_given_up() {
        let mut schedule = fetched();
        assert_eq!(schedule.given_up(), None);
        schedule.begin(at(5));
        assert_eq!(schedule.given_up(), Some(at(5).after(KEY_FETCH_GIVEN_UP)));
    }
}
