//! One entry as a word; 0 is none. Its parts are judged without branches: which slots of a line are free is chance, and a
//! look through seven would guess wrong about once.

use super::fingerprint::{NUMBER_BITS, SET_BITS};
use crate::limits;

/// Seconds are known modulo 2 to this.
const EXPIRY_BITS: u32 = 14;
const EXPIRY_MASK: u64 = (1 << EXPIRY_BITS) - 1;
/// Seconds that are past; what is not lies ahead.
const PAST: u64 = EXPIRY_MASK / 2;
const NUMBER_SHIFT: u32 = EXPIRY_BITS + 1;
const SET_SHIFT: u32 = NUMBER_SHIFT + NUMBER_BITS;

const _: () = assert!(SET_BITS + SET_SHIFT == 64);
// What is live, what has expired and what should have been emptied by now can be told apart.
const _: () =
    assert!(2 * limits::PAYLOAD_WINDOW_MAX.as_secs() + 4 * limits::PAYLOAD_CLOCK_SLACK < EXPIRY_MASK - PAST);
const _: () = assert!(4 * limits::REPLAY_STALE < PAST);

/// The entry with these bits, live through the second `expires`.
#[inline]
pub(super) fn entry(set: u64, number: u64, expires: u64) -> u64 {
    set << SET_SHIFT | number << NUMBER_SHIFT | (expires & EXPIRY_MASK) << 1 | 1
}

/// They are of one set. Says nothing where one of them is free.
#[inline]
pub(super) fn is_same_set(word: u64, other: u64) -> bool {
    (word ^ other) >> SET_SHIFT == 0
}

/// They are the same message. Says nothing where one of them is free.
#[inline]
pub(super) fn is_same_message(word: u64, other: u64) -> bool {
    (word ^ other) >> NUMBER_SHIFT == 0
}

/// There is none, or it has expired.
#[inline]
pub(super) fn is_free(word: u64, now: u64) -> bool {
    (word == 0) | (seconds_past(word, now).wrapping_sub(1) < PAST)
}

/// It expired so long ago that it should not stay.
#[inline]
pub(super) fn is_stale(word: u64, now: u64) -> bool {
    let seconds = seconds_past(word, now);
    (word != 0) & (limits::REPLAY_STALE < seconds) & (seconds <= PAST)
}

/// Seconds since its last one.
#[inline]
fn seconds_past(word: u64, now: u64) -> u64 {
    now.wrapping_sub(word >> 1) & EXPIRY_MASK
}
