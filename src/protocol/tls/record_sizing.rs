//! How much goes into one record: little while a connection is cold, so that the peer need not wait for the end of a
//! large one, and much once it is warm, so that framing costs little.

use crate::limits;
use crate::protocol::moment::Monotonic;

/// Bytes to seal next and the size of their records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SizedRun {
    /// How many bytes of what is to be sent; zero only if nothing is.
    pub bytes: usize,
    /// Most bytes of content per record.
    pub fragment_max: usize,
}

/// What one direction of one connection has sent of late.
#[derive(Clone, Copy, Debug)]
pub struct RecordSizing {
    /// Bytes that still go into small records.
    small: usize,
    last: Monotonic,
}

impl RecordSizing {
    /// Sizing for a connection whose handshake ended `now`.
    pub fn new(now: Monotonic) -> Self {
        Self { small: limits::TLS_SMALL_RECORDS_BYTES, last: now }
    }

    /// How to seal the front of `unsent` bytes that are sent `now`; ask again for the rest.
    pub fn next_run(&mut self, unsent: usize, now: Monotonic) -> SizedRun {
        if now.since(self.last) >= limits::TLS_SMALL_RECORDS_REST {
            self.small = limits::TLS_SMALL_RECORDS_BYTES;
        }
        self.last = now;
        if self.small == 0 {
            return SizedRun { bytes: unsent, fragment_max: limits::TLS_FRAGMENT_BYTES };
        }
        let bytes = unsent.min(self.small);
        self.small -= bytes;
        SizedRun { bytes, fragment_max: limits::TLS_SMALL_FRAGMENT_BYTES }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: usize = limits::TLS_SMALL_FRAGMENT_BYTES;
    const FULL: usize = limits::TLS_FRAGMENT_BYTES;

    /// At this millisecond so many bytes are sent, in runs of so many bytes and fragments of that size.
    type Sent<'a> = (u64, usize, &'a [(usize, usize)]);

    /// What one connection sends.
    #[track_caller]
    fn check(sent: &[Sent<'_>]) {
        let at = |milliseconds: u64| Monotonic(milliseconds * 1_000_000);
        let mut sizing = RecordSizing::new(at(0));
        for (milliseconds, bytes, runs) in sent {
            let mut unsent = *bytes;
            for (bytes, fragment_max) in *runs {
                let run = sizing.next_run(unsent, at(*milliseconds));
                assert_eq!((run.bytes, run.fragment_max), (*bytes, *fragment_max), "at {milliseconds} ms");
                unsent -= run.bytes;
            }
            assert_eq!(unsent, 0, "at {milliseconds} ms");
        }
    }

    #[test]
    fn the_first_bytes_after_a_rest_go_in_small_records() {
        const KIB: usize = 1024;
        check(&[(0, 0, &[(0, SMALL)]), (0, KIB, &[(KIB, SMALL)])]);
        check(&[(5, 64 * KIB, &[(64 * KIB, SMALL)]), (6, 1, &[(1, FULL)])]);
        check(&[(5, 256 * KIB, &[(64 * KIB, SMALL), (192 * KIB, FULL)]), (1004, 9, &[(9, FULL)])]);
        check(&[(0, 64 * KIB, &[(64 * KIB, SMALL)]), (1000, KIB, &[(KIB, SMALL)])]);
        // Small answers without a rest use the budget up, too: the window grows with them.
        check(&[
            (0, 40 * KIB, &[(40 * KIB, SMALL)]),
            (900, 40 * KIB, &[(24 * KIB, SMALL), (16 * KIB, FULL)]),
            (1800, KIB, &[(KIB, FULL)]),
            (2800, KIB, &[(KIB, SMALL)]),
        ]);
    }

    #[test]
    fn a_clock_that_steps_back_is_no_rest() {
        check(&[(5000, 65 * 1024, &[(64 * 1024, SMALL), (1024, FULL)]), (1, 7, &[(7, FULL)])]);
    }
}
