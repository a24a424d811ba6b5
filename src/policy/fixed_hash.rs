//! A hash that is the same in every process and version, so that two workers and two instances choose alike.
//!
//! Not for keys an adversary may make collide at a cost to others: a collision here only sends two keys to one server
//! or lets a route be looked at once more.

/// Odd, with bits spread evenly: the golden ratio and the square root of 3.
const MULTIPLIERS: [u64; 2] = [0x9e37_79b9_7f4a_7c15, 0xbb67_ae85_84ca_a73b];

/// Hash of `bytes`, continuing from `seed`.
#[inline]
pub(super) fn hash_bytes(seed: u64, bytes: &[u8]) -> u64 {
    let mut state = seed ^ (bytes.len() as u64).wrapping_mul(MULTIPLIERS[1]);
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

/// Numbers that look random and are the same in every run, for tests.
#[cfg(test)]
pub(super) struct Numbers(pub(super) u64);

#[cfg(test)]
impl Numbers {
    /// The next number below `bound`.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 += 1;
        mix(self.0, 0x5eed) as usize % bound
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_and_the_length_count() {
        let text: Vec<u8> = (0..40).collect();
        let mut seen = std::collections::HashSet::new();
        for len in 0..=text.len() {
            assert!(seen.insert(hash_bytes(0, &text[..len])), "prefix of {len} bytes hashes like another");
            for at in 0..len {
                let mut changed = text[..len].to_vec();
                changed[at] ^= 0x80;
                assert!(seen.insert(hash_bytes(0, &changed)), "byte {at} of {len} does not count");
            }
        }
    }

    #[test]
    fn values_never_change() {
        // Instances of different versions behind one balancer must choose alike.
        assert_eq!(hash_bytes(0, b""), 0);
        assert_eq!(hash_bytes(0, b"ringwall"), 11_939_394_381_645_927_206);
    }

    #[test]
    fn bits_are_spread() {
        let mut buckets = [0_u32; 64];
        for n in 0..64_000_u64 {
            buckets[hash_bytes(0, n.to_string().as_bytes()) as usize % 64] += 1;
        }
        assert!(buckets.iter().all(|count| (850..1150).contains(count)), "{buckets:?}");
    }
}
