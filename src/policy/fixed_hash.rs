//! A hash that is the same in every process and version, so that two workers and two instances choose alike.
//!
//! Not for keys an adversary may make collide at a cost to others: a collision here only sends two keys to one server
//! or lets a route be looked at once more.

/// Odd, with bits spread evenly: the golden ratio and the square root of 3.
const MULTIPLIERS: [u64; 2] = [0x9e37_79b9_7f4a_7c15, 0xbb67_ae85_84ca_a73b];

/// Hash of `bytes`, continuing from `seed`.
#[inline]
pub(super) fn hash_bytes(seed: u64, bytes: &[u8]) -> u64 {
    let mut state = seed ^ (bytes.len() as u64).wrapping_mul(MULTIPLIERS[0]);
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        state = mix(state, u64::from_le_bytes(*word));
    }
    match *rest {
        [] => state,
        [a, .., b, c, d] if rest.len() >= 4 => {
            mix(state, u64::from_le_bytes([a, rest[1], rest[2], rest[3], d, c, b, 1]))
        }
        [a] => mix(state, u64::from(a) | 1 << 32),
        [a, b] => mix(state, u64::from(a) | u64::from(b) << 8 | 2 << 32),
        [a, b, c, ..] => mix(state, u64::from(a) | u64::from(b) << 8 | u64::from(c) << 16 | 3 << 32),
    }
}

/// Hash of two numbers: the two halves of a 128-bit product, folded.
#[inline]
pub(super) fn mix(left: u64, right: u64) -> u64 {
    let product = u128::from(left ^ MULTIPLIERS[0]) * u128::from(right ^ MULTIPLIERS[1]);
    product as u64 ^ (product >> 64) as u64
}
