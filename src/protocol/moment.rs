//! Points in time as plain numbers, so that tests and simulations can make them up. Only `net::clock` reads a clock.

use std::time::Duration;

/// Nanoseconds on a clock that never steps back; zero is somewhere before the process began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Monotonic(pub u64);

impl Monotonic {
    /// Later than any moment a process can reach.
    pub const NEVER: Self = Self(u64::MAX);

    /// This moment plus `duration`, [`Self::NEVER`] on overflow.
    #[inline]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration.as_nanos().min(u64::MAX as u128) as u64))
    }

    /// Time since `earlier`, zero if it was later.
    #[inline]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// Microseconds since 1970 on the wall clock: for log lines and dates, never for intervals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnixMicros(pub u64);
