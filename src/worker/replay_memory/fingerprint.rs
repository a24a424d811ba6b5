//! From a message to its place in the table and to the bits it is known by there: SipHash-2-4 with 128 bits of output
//! (Aumasson and Bernstein) under keys of this process.

use super::MessageId;
use crate::limits;

/// Bits that tell sets, and single messages, from one another in their lines.
pub(super) const SET_BITS: u32 = 29;
/// Bits that tell the messages of a set from one another.
pub(super) const NUMBER_BITS: u32 = 20;

/// Messages of a set that are remembered at once: few, since they share a home line.
const OF_SET: u32 = 4;

/// How a session's share is divided.
#[derive(Clone, Copy, Debug)]
pub(super) struct Share {
    sets: u64,
    /// Live entries of a set.
    pub(super) of_set: u32,
}

impl Share {
    /// At most `entries` in all.
    pub(super) fn of(entries: u32) -> Self {
        let of_set = entries.clamp(1, OF_SET);
        Self { sets: u64::from((entries / of_set).max(1)), of_set }
    }
}

/// What is known of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fingerprint {
    /// The line it stands in if there is room.
    home: u64,
    /// How far on the next line is if there is none, and so on.
    step: u64,
    lines: u64,
    pub(super) set: u64,
    pub(super) number: u64,
    /// It counts towards a session's share.
    pub(super) is_shared: bool,
}

impl Fingerprint {
    /// The lines it may stand in, in the order they are tried: all different, since their number is a prime.
    pub(super) fn reach(&self) -> impl Iterator<Item = u64> + use<> {
        let Self { home, step, lines, .. } = *self;
        let next =
            move |&line: &u64| Some(if line + step < lines { line + step } else { line + step - lines });
        std::iter::successors(Some(home), next).take(limits::REPLAY_REACH)
    }
}

/// One key for each kind of message, so that none can be made to look like one of the other.
pub(super) struct FingerprintKeys {
    session: SipKey,
    single: SipKey,
}

impl FingerprintKeys {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        let (session, single) = key.split_at(16);
        Self { session: SipKey::new(session), single: SipKey::new(single) }
    }

    /// The fingerprint in a table of so many lines, a prime.
    pub(super) fn fingerprint(&self, message: MessageId<'_>, share: Share, lines: u64) -> Fingerprint {
        let (hash, number, is_shared) = match message {
            MessageId::OfSession { session, number } => {
                let mut of_set = [0; 24];
                of_set[..16].copy_from_slice(&session);
                of_set[16..].copy_from_slice(&(number % share.sets).to_le_bytes());
                (self.session.hash(&of_set), number_bits(number / share.sets), true)
            }
            MessageId::Single { enc } => {
                let hash = self.single.hash(enc);
                (hash, hash[1] & NUMBER_MASK, false)
            }
        };
        let scaled = |hash: u64, to: u64| ((u128::from(hash) * u128::from(to)) >> 64) as u64;
        Fingerprint {
            home: scaled(hash[0], lines),
            // The low half of the same word: the home takes the high bits.
            step: 1 + scaled(hash[0] << 32, lines - 1),
            lines,
            set: hash[1] >> (64 - SET_BITS),
            number,
            is_shared,
        }
    }
}

const NUMBER_MASK: u64 = (1 << NUMBER_BITS) - 1;

/// Bits of a number within its set, different for any that are counted one after the other: what they lack is added as
/// an offset. No key, since a session can only confuse its own messages.
fn number_bits(number: u64) -> u64 {
    let offset = (number >> NUMBER_BITS).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - NUMBER_BITS);
    number.wrapping_add(offset) & NUMBER_MASK
}

struct SipKey([u64; 2]);

impl SipKey {
    /// `key` has 16 bytes.
    fn new(key: &[u8]) -> Self {
        Self([word(&key[..8]), word(&key[8..])])
    }

    fn hash(&self, message: &[u8]) -> [u64; 2] {
        let [k0, k1] = self.0;
        let mut state = Sip {
            v0: k0 ^ 0x736f_6d65_7073_6575,
            // 0xee here and below: 128 bits are wanted.
            v1: k1 ^ 0x646f_7261_6e64_6f6d ^ 0xee,
            v2: k0 ^ 0x6c79_6765_6e65_7261,
            v3: k1 ^ 0x7465_6462_7974_6573,
        };
        let (words, rest) = message.as_chunks::<8>();
        words.iter().for_each(|bytes| state.absorb(u64::from_le_bytes(*bytes)));
        state.absorb((message.len() as u64) << 56 | word(rest));
        state.v2 ^= 0xee;
        let first = state.squeeze();
        state.v1 ^= 0xdd;
        [first, state.squeeze()]
    }
}

struct Sip {
    v0: u64,
    v1: u64,
    v2: u64,
    v3: u64,
}

impl Sip {
    #[inline]
    fn absorb(&mut self, word: u64) {
        self.v3 ^= word;
        self.round();
        self.round();
        self.v0 ^= word;
    }

    #[inline]
    fn squeeze(&mut self) -> u64 {
        (0..4).for_each(|_| self.round());
        self.v0 ^ self.v1 ^ self.v2 ^ self.v3
    }

    #[inline]
    fn round(&mut self) {
        self.v0 = self.v0.wrapping_add(self.v1);
        self.v2 = self.v2.wrapping_add(self.v3);
        self.v1 = self.v1.rotate_left(13) ^ self.v0;
        self.v3 = self.v3.rotate_left(16) ^ self.v2;
        self.v0 = self.v0.rotate_left(32);
        self.v2 = self.v2.wrapping_add(self.v1);
        self.v0 = self.v0.wrapping_add(self.v3);
        self.v1 = self.v1.rotate_left(17) ^ self.v2;
        self.v3 = self.v3.rotate_left(21) ^ self.v0;
        self.v2 = self.v2.rotate_left(32);
    }
}

/// Up to 8 bytes, little-endian.
fn word(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with `openssl mac -macopt hexkey:000102030405060708090a0b0c0d0e0f -macopt size:16 SIPHASH`; the first two
    /// are those of the authors' reference code.
    #[test]
    fn the_hash_is_siphash_with_128_bits() {
        let key: Vec<u8> = (0..16).collect();
        for (length, expected) in [
            (0, 0xa381_7f04_ba25_a8e6_6df6_7214_c755_0293),
            (1, 0xda87_c1d8_6b99_af44_3476_5911_9b22_fc45),
            (15, 0x5493_e999_33b0_a811_7e08_ec0f_97cf_c3d9),
            (16, 0x6ee2_a4ca_67b0_54bb_fd33_15bf_8523_0577),
            (24, 0x2db4_79ae_78bd_50d8_882a_8a17_8a61_32ad),
            (63, 0x5150_d177_2f50_834a_503e_069a_973f_bd7c_u128),
        ] {
            let message: Vec<u8> = (0..length).collect();
            let hash = SipKey::new(&key).hash(&message);
            let bytes = [hash[0].to_le_bytes(), hash[1].to_le_bytes()].concat();
            assert_eq!(bytes, expected.to_be_bytes(), "{length} bytes");
        }
    }

    #[test]
    fn numbers_one_after_the_other_are_told_apart() {
        let distant = 1 << (NUMBER_BITS + 7);
        for start in [0, 5, NUMBER_MASK, distant - 1, distant, u64::MAX - 9] {
            let mut bits: Vec<u64> = (0..8).map(|offset| number_bits(start.wrapping_add(offset))).collect();
            bits.sort_unstable();
            bits.dedup();
            assert_eq!(bits.len(), 8, "from {start}");
        }
        assert_ne!(number_bits(5), number_bits(distant + 5));
    }

    #[test]
    fn a_share_is_never_exceeded_by_its_sets() {
        for entries in [0, 1, 2, 3, 4, 5, 7, 8, 1000, 1023, 1024, u32::MAX] {
            let share = Share::of(entries);
            let total = share.sets * u64::from(share.of_set);
            assert!(total <= u64::from(entries.max(1)) && total + 4 > u64::from(entries), "{entries}");
        }
    }
}
