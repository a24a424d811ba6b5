//! The sole reader of time. Everything else is handed moments.

use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::protocol::moment::{Monotonic, UnixMicros};

/// What [`Monotonic`] counts from: the first reading of this process.
static ORIGIN: OnceLock<Instant> = OnceLock::new();

/// Now, on the clock that never steps back. The same for all threads.
#[inline]
#[expect(clippy::disallowed_methods, reason = "the one reader of the monotonic clock")]
pub fn monotonic() -> Monotonic {
    let now = Instant::now();
    let origin = *ORIGIN.get_or_init(|| now);
    // Saturates to zero when another thread read its first moment a little later than this one.
    Monotonic(now.saturating_duration_since(origin).as_nanos() as u64)
}

/// Now, on the wall clock; zero before 1970.
#[inline]
#[expect(clippy::disallowed_methods, reason = "the one reader of the wall clock")]
pub fn unix_micros() -> UnixMicros {
    UnixMicros(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn monotonic_time_never_steps_back_across_threads() {
        let before = monotonic();
        let other = std::thread::spawn(monotonic).join().unwrap();
        assert!(before <= other && other <= monotonic());
    }

    #[test]
    fn wall_time_is_of_this_age() {
        let year_2020 = UnixMicros(1_577_836_800_000_000);
        let year_2200 = UnixMicros(7_258_118_400_000_000);
        assert!((year_2020..year_2200).contains(&unix_micros()));
    }
}
