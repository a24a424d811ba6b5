//! A hash that is the same in every process and version, so that two workers and two instances choose alike.
//!
//! Not for keys an adversary may make collide at a cost to others: a collision here only sends two keys to one server
//! or lets a route be looked at once more.

/// Odd, with bits spread evenly: the golden ratio and the square root of 3.
const MULTIPLIERS: [u64; 2] = [0x9e37_79b9_7f4a_7c15, 0xbb67_ae85_84ca_a73b];

/// Hash of `bytes`, continuing from `seed`.
#[inline]
pub(super) fn hash_bytes(seed: u64, bytes: &[u8]) -> u64 {
    hash_words::<0>(seed, bytes)
}

/// Hash of `bytes` without regard to ASCII case, and to what else setting one bit makes alike.
#[inline]
pub(super) fn hash_folded(seed: u64, bytes: &[u8]) -> u64 {
    hash_words::<0x2020_2020_2020_2020>(seed, bytes)
}

/// Eight bytes at a time; the last word overlaps the one before it. `SET` are bits set in every word.
#[inline]
fn hash_words<const SET: u64>(seed: u64, bytes: &[u8]) -> u64 {
    let mut state = seed ^ (bytes.len() as u64).wrapping_mul(MULTIPLIERS[1]);
    if let Some(last) = bytes.last_chunk::<8>() {
        for word in bytes[..bytes.len() - 1].as_chunks::<8>().0 {
            state = mix(state, u64::from_le_bytes(*word) | SET);
        }
        return mix(state, u64::from_le_bytes(*last) | SET);
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        let word = u64::from(u32::from_le_bytes(*first)) << 32 | u64::from(u32::from_le_bytes(*last));
        return mix(state, word | SET);
    }
    match *bytes {
        [] => state,
        [first, .., last] => {
            let middle = bytes[bytes.len() / 2];
            mix(state, u64::from(u32::from_le_bytes([first, middle, last, 0])) | SET)
        }
        [only] => mix(state, u64::from(only) | SET),
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
    fn the_folded_hash_knows_no_case() {
        assert_eq!(hash_folded(1, b"API.Example.COM"), hash_folded(1, b"api.example.com"));
        assert_ne!(hash_folded(1, b"api.example.com"), hash_folded(1, b"api.example.con"));
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
