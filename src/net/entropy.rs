//! The sole reader of the system's randomness.

use ring::rand::SystemRandom;
use zeroize::Zeroize;

use crate::limits::ENTROPY_BYTES;

/// Fills `bytes` from the system's generator.
///
/// # Errors
/// The system has no generator, which Linux 5.6 and later always have once booted.
pub fn fill(bytes: &mut [u8]) -> std::io::Result<()> {
    getrandom::fill(bytes).map_err(std::io::Error::other)
}

/// The system's generator as *ring* asks for it, for what signs.
pub fn for_signing() -> SystemRandom {
    SystemRandom::new()
}

/// Eight random bytes as a number, to seed what needs no secrecy (jitter, trace ids).
pub fn seed() -> std::io::Result<u64> {
    let mut bytes = [0; 8];
    fill(&mut bytes)?;
    Ok(u64::from_ne_bytes(bytes))
}

/// Random bytes asked for ahead of need. Each is given out once and erased here.
pub struct EntropyStore {
    bytes: Box<[u8; ENTROPY_BYTES]>,
    used: usize,
}

impl EntropyStore {
    /// An empty store: the first need fills it.
    pub fn new() -> Self {
        Self { bytes: Box::new([0; ENTROPY_BYTES]), used: ENTROPY_BYTES }
    }

    /// Fills `out`.
    ///
    /// # Errors
    /// Those of [`fill`].
    pub fn take(&mut self, out: &mut [u8]) -> std::io::Result<()> {
        if out.len() > ENTROPY_BYTES {
            return fill(out);
        }
        if out.len() > ENTROPY_BYTES - self.used {
            fill(&mut *self.bytes)?;
            self.used = 0;
        }
        let taken = &mut self.bytes[self.used..self.used + out.len()];
        out.copy_from_slice(taken);
        taken.zeroize();
        self.used += out.len();
        Ok(())
    }
}

impl Default for EntropyStore {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_byte_is_given_twice() {
        let mut store = EntropyStore::new();
        let mut seen = HashSet::new();
        for length in [16, 32, 12, ENTROPY_BYTES, ENTROPY_BYTES + 1].into_iter().cycle().take(500) {
            let mut out = vec![0; length];
            store.take(&mut out).unwrap();
            assert!(seen.insert(out[..12].to_vec()), "{length}");
        }
    }
}
