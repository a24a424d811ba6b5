//! What was opened within the window, so that it is not opened again: one table for the process, written by all workers
//! without a lock. Of fixed size, and it fails closed: what it cannot remember is refused.
//!
//! Left to others: whether a message is authentic and its time within the window (both must be known before it is
//! entered), and what is answered.
//!
//! # The table
//! ```text
//! line (64 bytes)   overflow │ slot │ slot │ slot │ slot │ slot │ slot │ slot
//! slot              set 29 bits │ number 20 │ expiry 14, seconds │ used 1
//! ```
//! A keyed hash gives each message [`limits::REPLAY_REACH`] lines far from one another, and the 49 bits by which it is
//! known. It stands in the first of its lines that had room. `overflow` is the latest expiry of what went past a line, so
//! that a look ends with the first line that nothing went past: the first as a rule, a single miss of the cache. Nothing
//! is ever moved; an expired slot is free. Three quarters of the slots are planned for, so that the default of 6,000,000
//! entries takes 73 MB, 12.2 bytes each: 100,000 messages a second for 60 s. Pages that no message has come to are not
//! yet memory.
//!
//! The hash is SipHash-2-4 with 128 bits under a key of this process: nobody outside can aim at a line or at another's
//! message. A message is taken for one of another session, and refused, once in 10^14: every 30 years at 100,000 a second.
//!
//! # One decision
//! Two threads with the same message must not both be told [`Remembered::New`]. Between free slots the first one
//! wins, so that most races are decided by one compare-and-swap. But the threads may see different free slots: their
//! clocks differ and one holds for free what the other does not, or a third steps back. Therefore: claim a slot, then
//! look again; who is not alone steps back. All of it is sequentially consistent. Of two that claim, the later one looks
//! after both claims and sees the other: at most one stays. In the worst case both see each other and both are refused: a
//! copy that came within the same microsecond was then told to be a copy, and so was the original. To be seen behind a
//! full line, a claim first raises `overflow` of the lines before it.
//!
//! # One session's share
//! No counter per session: it would have to be as large as the table, or shared by sessions that then refuse each other.
//! Instead a session's messages are divided into sets by their number modulo share/4, and of a set at most 4 are
//! remembered at once. A set has one home, so that the look that finds copies counts it too, and the bound holds by the
//! same argument: the last of those that stay has seen all the others. So a session never has more than its share, whatever
//! numbers it chooses. One that counts, as the protocol has it, fills its sets evenly and has all of it; so does one
//! that counts in several ranges at once. One that chooses at random is refused now and then from a fifth of it on. The
//! share is settled with the table: under another, what was seen would be looked for elsewhere.
//!
//! # Time
//! Seconds of any clock that all workers share, to within the 2 s that an entry outlives the window. Slots know the second
//! of their expiry modulo 2^14 (4.5 h): up to half of that lies ahead, the rest is past. One that expired longer than
//! [`limits::REPLAY_STALE`] ago is emptied by [`ReplayMemory::sweep`] before it could look like one that lies ahead;
//! without that it would take up room once more, and nothing else.

mod fingerprint;
mod slot;

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;

use zerocopy::FromZeros;

use crate::limits;
use crate::policy::exchange::{MessageId, Remembered};
use fingerprint::{Fingerprint, FingerprintKeys, Share};

/// Words of a line: the overflow and seven slots, 64 bytes.
const LINE_WORDS: usize = 8;
const SLOTS: usize = LINE_WORDS - 1;

/// Of the slots this much is planned for entries: fuller, looks begin to run over several lines.
const PLANNED: (usize, usize) = (3, 4);

/// How much is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplaySettings {
    /// Entries that are certain to find room.
    pub entries: usize,
    /// Most live entries of one session, at least 1. Settled for the process as the rest is.
    pub session_entries: u32,
    /// Seconds that a message's time may differ from ours, either way; at most [`limits::PAYLOAD_WINDOW_MAX`].
    pub window: u64,
}

/// The memory of all workers.
pub struct ReplayMemory {
    words: Box<[AtomicU64]>,
    /// Words before the first line, so that a line is a line of the cache.
    skipped: usize,
    lines: u64,
    keys: FingerprintKeys,
    share: Share,
    /// Seconds from now to the latest expiry that can be.
    life: u64,
}

/// A message to be entered.
struct Candidate {
    print: Fingerprint,
    /// The entry it would be.
    word: u64,
    expires: u64,
    now: u64,
}

/// What a look found.
#[derive(Clone, Copy, Default)]
struct Sight {
    /// The same message.
    is_seen: bool,
    /// Entries of the same set, those of the same message too.
    of_set: u32,
    free: Option<FreeSlot>,
}

#[derive(Clone, Copy)]
struct FreeSlot {
    /// Lines before its own in the reach of the candidate.
    passed: usize,
    place: usize,
    /// What stands in it: nothing, or an entry that has expired.
    word: u64,
}

impl ReplayMemory {
    /// An empty memory; `None` if there is none so large. `key` must be random and of this process alone. A window
    /// beyond its bound is cut to it: messages from further away are then refused.
    pub fn new(settings: &ReplaySettings, key: &[u8; 32]) -> Option<Self> {
        let (planned, slots) = PLANNED;
        let lines = settings.entries.div_ceil(SLOTS * planned).checked_mul(slots)?;
        let lines = next_prime(lines.max(limits::REPLAY_REACH))?;
        let words = lines.checked_add(1)?.checked_mul(LINE_WORDS)?;
        let words = <[AtomicU64]>::new_box_zeroed_with_elems(words).ok()?;
        let misaligned = words.as_ptr() as usize % (LINE_WORDS * 8) / 8;
        Some(Self {
            words,
            skipped: (LINE_WORDS - misaligned) % LINE_WORDS,
            lines: lines as u64,
            keys: FingerprintKeys::new(key),
            share: Share::of(settings.session_entries),
            life: 2
                * (settings.window.min(limits::PAYLOAD_WINDOW_MAX.as_secs()) + limits::PAYLOAD_CLOCK_SLACK),
        })
    }

    /// Enters a message that is authentic and whose time lies within the window, unless it was seen before. `expires` and
    /// `now` are seconds of one clock; the entry is live through the second `expires`, which must be t + window + 2 s. One
    /// that is past, or further away than a window allows, cannot be remembered: [`Remembered::Full`].
    pub fn insert(&self, message: MessageId<'_>, expires: u64, now: u64) -> Remembered {
        if expires < now || expires - now > self.life {
            return Remembered::Full;
        }
        let candidate = self.candidate(message, expires, now);
        for _ in 0..limits::REPLAY_ATTEMPTS {
            let free = match self.find_room(&candidate) {
                Ok(free) => free,
                Err(refusal) => return refusal,
            };
            if self.claim(&candidate, &free) {
                return self.confirm(&candidate, free.place);
            }
        }
        Remembered::Full
    }

    /// Counts the live entries and empties what has long expired. Reads the whole table, which takes some milliseconds:
    /// for the control thread, every half hour at least.
    pub fn sweep(&self, now: u64) -> u64 {
        let mut live = 0;
        for number in 0..self.lines {
            let (_, slots) = self.line(number);
            for slot in slots {
                let word = slot.load(SeqCst);
                live += u64::from(!slot::is_free(word, now));
                if slot::is_stale(word, now) {
                    // Not if a worker was quicker to take it.
                    let _ = slot.compare_exchange(word, 0, SeqCst, SeqCst);
                }
            }
        }
        live
    }

    /// About how many entries are live: exact in a small table, counted in a sample of lines spread over a large one.
    pub fn estimate(&self, now: u64) -> u64 {
        let step = self.lines.div_ceil(limits::REPLAY_SAMPLE).max(1);
        let (mut live, mut looked_at) = (0_u64, 0);
        for number in (0..self.lines).step_by(usize::try_from(step).unwrap_or(usize::MAX)) {
            let (_, slots) = self.line(number);
            live += slots.iter().filter(|slot| !slot::is_free(slot.load(SeqCst), now)).count() as u64;
            looked_at += 1;
        }
        (u128::from(live) * u128::from(self.lines) / u128::from(looked_at.max(1_u64))) as u64
    }

    /// Entries that are certain to find room, as [`ReplayMemory::sweep`] counts them.
    pub fn capacity(&self) -> u64 {
        let (planned, slots) = PLANNED;
        self.lines * SLOTS as u64 * planned as u64 / slots as u64
    }

    fn candidate(&self, message: MessageId<'_>, expires: u64, now: u64) -> Candidate {
        let print = self.keys.fingerprint(message, self.share, self.lines);
        Candidate { word: slot::entry(print.set, print.number, expires), print, expires, now }
    }

    /// The first step: where it could stand, unless it is refused.
    fn find_room(&self, candidate: &Candidate) -> Result<FreeSlot, Remembered> {
        let sight = self.look(candidate, None);
        self.refusal(candidate, &sight).map_or(sight.free.ok_or(Remembered::Full), Err)
    }

    /// The second: takes that place, unless another was quicker.
    fn claim(&self, candidate: &Candidate, free: &FreeSlot) -> bool {
        for line in candidate.print.reach().take(free.passed) {
            self.raise_overflow(line, candidate.expires);
        }
        self.words[free.place].compare_exchange(free.word, candidate.word, SeqCst, SeqCst).is_ok()
    }

    /// The third: stays if it is alone and within its share, else steps back.
    fn confirm(&self, candidate: &Candidate, place: usize) -> Remembered {
        let sight = self.look(candidate, Some(place));
        let Some(refusal) = self.refusal(candidate, &sight) else { return Remembered::New };
        // Not if it has expired meanwhile and the place is another's.
        let _ = self.words[place].compare_exchange(candidate.word, 0, SeqCst, SeqCst);
        refusal
    }

    /// Looks through the lines where the candidate may stand. `own` is a place to leave out, where it does.
    fn look(&self, candidate: &Candidate, own: Option<usize>) -> Sight {
        let mut sight = Sight::default();
        for (passed, line) in candidate.print.reach().enumerate() {
            let (first, slots) = self.line(line);
            let words: [u64; SLOTS] = std::array::from_fn(|at| slots[at].load(SeqCst));
            let mut free = 0u32;
            for (at, &word) in words.iter().enumerate() {
                let is_free = slot::is_free(word, candidate.now);
                free |= u32::from(is_free) << at;
                if slot::is_same_set(word, candidate.word) && !is_free && own != Some(first + at) {
                    sight.of_set += 1;
                    sight.is_seen |= slot::is_same_message(word, candidate.word);
                }
            }
            if free != 0 && sight.free.is_none() {
                let at = free.trailing_zeros() as usize;
                sight.free = Some(FreeSlot { passed, place: first + at, word: words[at] });
            }
            let goes_on = self.overflow(line).load(SeqCst) >= candidate.now;
            if !goes_on && (sight.free.is_some() || own.is_some()) {
                break;
            }
        }
        sight
    }

    fn refusal(&self, candidate: &Candidate, sight: &Sight) -> Option<Remembered> {
        if sight.is_seen {
            return Some(Remembered::Seen);
        }
        let is_over = candidate.print.is_shared && sight.of_set >= self.share.of_set;
        is_over.then_some(Remembered::SessionFull)
    }

    fn raise_overflow(&self, number: u64, expires: u64) {
        let overflow = self.overflow(number);
        if overflow.load(SeqCst) < expires {
            overflow.fetch_max(expires, SeqCst);
        }
    }

    /// Where line `number` begins.
    fn line_start(&self, number: u64) -> usize {
        self.skipped + number as usize * LINE_WORDS
    }

    fn overflow(&self, number: u64) -> &AtomicU64 {
        &self.words[self.line_start(number)]
    }

    /// The slots of a line and the place of the first.
    fn line(&self, number: u64) -> (usize, &[AtomicU64]) {
        let first = self.line_start(number) + 1;
        (first, &self.words[first..first + SLOTS])
    }
}

/// The least prime from `number` on.
fn next_prime(number: usize) -> Option<usize> {
    let is_prime = |&number: &usize| {
        let divisors = (2..).take_while(|divisor| divisor * divisor <= number);
        number > 1 && divisors.into_iter().all(|divisor| !number.is_multiple_of(divisor))
    };
    // Above this no table fits, and a search would take long.
    (number < 1 << 40).then(|| (number..).find(is_prime)).flatten()
}

impl fmt::Debug for ReplayMemory {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("ReplayMemory").field("lines", &self.lines).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
