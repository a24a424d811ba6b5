//! QUIC's variable-length integers (RFC 9000 section 16): the two high bits of the first byte say how many bytes the
//! number takes (1, 2, 4 or 8).
//!
//! Whether a number is too large for its place is judged by who reads it.

/// The largest number there is: 2^62 - 1.
pub const VARINT_MAX: u64 = (1 << 62) - 1;
/// Bytes of the longest form.
pub const VARINT_LEN_MAX: usize = 8;

/// The number at the front of `bytes` and the bytes it takes. `None`: it goes on behind their end, in which case
/// [`varint_len`] of the first byte says how far. There are no malformed ones, and longer forms than needed are
/// accepted.
#[inline]
pub fn read_varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let len = varint_len(*bytes.first()?);
    let encoded = bytes.get(..len)?;
    let all = encoded.iter().fold(0, |number: u64, &byte| number << 8 | u64::from(byte));
    // What is left when the two bits of the length are gone.
    Some((all & (u64::MAX >> (66 - 8 * len)), len))
}

/// Bytes of the number that begins with `first`: 1, 2, 4 or 8.
#[inline]
pub fn varint_len(first: u8) -> usize {
    1 << (first >> 6)
}

/// Bytes of the shortest form of `number`. `None`: above [`VARINT_MAX`].
#[inline]
pub const fn minimal_len(number: u64) -> Option<usize> {
    match number {
        0..0x40 => Some(1),
        0x40..0x4000 => Some(2),
        0x4000..0x4000_0000 => Some(4),
        0x4000_0000..=VARINT_MAX => Some(8),
        _ => None,
    }
}

/// Writes the shortest form of `number` to the front of `room` and returns its bytes. `None`: above [`VARINT_MAX`] or
/// more than `room` holds; nothing is written then.
#[inline]
pub fn write_varint(number: u64, room: &mut [u8]) -> Option<usize> {
    let len = minimal_len(number)?;
    let marked = number | (len.trailing_zeros() as u64) << (8 * len - 2);
    room.get_mut(..len)?.copy_from_slice(&marked.to_be_bytes()[VARINT_LEN_MAX - len..]);
    Some(len)
}

/// Appends the shortest form of `number` to `out`. `false`: above [`VARINT_MAX`]; nothing is appended then.
pub fn push_varint(number: u64, out: &mut Vec<u8>) -> bool {
    let mut room = [0; VARINT_LEN_MAX];
    let Some(len) = write_varint(number, &mut room) else { return false };
    out.extend_from_slice(&room[..len]);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `number` is read from `encoded` (whose form need not be the shortest), from no part of it, and whatever follows.
    #[track_caller]
    fn check_read(encoded: &[u8], number: u64) {
        assert_eq!(read_varint(encoded), Some((number, encoded.len())));
        assert_eq!(varint_len(encoded[0]), encoded.len());
        for cut in 0..encoded.len() {
            assert_eq!(read_varint(&encoded[..cut]), None, "cut at {cut}");
        }
        assert_eq!(read_varint(&[encoded, &[0xff; 9]].concat()), Some((number, encoded.len())));
    }

    /// `number` is written in the `len` bytes it needs, and read back.
    #[track_caller]
    fn check_written(number: u64, len: usize) {
        assert_eq!(minimal_len(number), Some(len));
        let mut room = [0xee; 9];
        assert_eq!(write_varint(number, &mut room), Some(len));
        assert_eq!(room[len..], [0xee; 9][len..], "bytes behind it were touched");
        assert_eq!(read_varint(&room[..len]), Some((number, len)));
        let mut tight = [0xee; 8];
        assert_eq!(write_varint(number, &mut tight[..len - 1]), None);
        assert_eq!(tight, [0xee; 8], "written in part");
        let mut out = vec![7];
        assert!(push_varint(number, &mut out));
        assert_eq!((out[0], &out[1..]), (7, &room[..len]));
    }

    #[test]
    fn the_samples_of_rfc_9000_appendix_a_1_are_read() {
        check_read(&[0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c], 151_288_809_941_952_652);
        check_read(&[0x9d, 0x7f, 0x3e, 0x7d], 494_878_333);
        check_read(&[0x7b, 0xbd], 15_293);
        check_read(&[0x25], 37);
        check_read(&[0x40, 0x25], 37);
    }

    #[test]
    fn every_form_of_zero_and_the_largest_of_each_length_are_read() {
        for len in [1usize, 2, 4, 8] {
            let mark = (len.trailing_zeros() as u8) << 6;
            let mut encoded = vec![0; len];
            encoded[0] = mark;
            check_read(&encoded, 0);
            encoded.fill(0xff);
            encoded[0] = mark | 0x3f;
            check_read(&encoded, VARINT_MAX >> (64 - 8 * len));
        }
        assert_eq!(read_varint(&[]), None);
    }

    #[test]
    fn the_shortest_form_is_written_at_every_edge() {
        let edges =
            [(0, 1), (0x3f, 1), (0x40, 2), (0x3fff, 2), (0x4000, 4), (0x3fff_ffff, 4), (0x4000_0000, 8)];
        for (number, len) in edges.into_iter().chain([(VARINT_MAX, 8)]) {
            check_written(number, len);
        }
        for bit in 0..62 {
            check_written(1 << bit, [1, 2, 4, 4, 8, 8, 8, 8][(bit + 2) / 8]);
        }
    }

    #[test]
    fn what_is_too_large_is_not_written() {
        for number in [VARINT_MAX + 1, u64::MAX] {
            assert_eq!(minimal_len(number), None);
            assert_eq!(write_varint(number, &mut [0; 9]), None);
            assert!(!push_varint(number, &mut Vec::new()));
        }
    }
}
