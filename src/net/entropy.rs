//! The sole reader of the system's randomness.

/// Fills `bytes` from the system's generator.
///
/// # Errors
/// The system has no generator, which Linux 5.6 and later always have once booted.
pub fn fill(bytes: &mut [u8]) -> std::io::Result<()> {
    getrandom::fill(bytes).map_err(std::io::Error::other)
}

/// Eight random bytes as a number, to seed what needs no secrecy (jitter, trace ids).
pub fn seed() -> std::io::Result<u64> {
    let mut bytes = [0; 8];
    fill(&mut bytes)?;
    Ok(u64::from_ne_bytes(bytes))
}
