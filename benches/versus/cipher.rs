//! What the cipher alone costs: the least that TLS, or sealing, can add to a response.

use std::io;
use std::time::Duration;

use nix::time::ClockId;
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::error::Unspecified;

use crate::processors;

const MIB: usize = 1024 * 1024;
/// Some 50 ms.
const MIBS: u32 = 200;

/// CPU time in µs to seal 1 MiB in place by AES-128-GCM, in records of so many bytes, measured on `processor`.
pub(crate) fn seal_us_per_mib(processor: usize, record_bytes: usize) -> io::Result<f64> {
    let measuring = std::thread::spawn(move || {
        processors::pin_this_thread(processor)?;
        let key = UnboundKey::new(&AES_128_GCM, &[1; 16]).map_err(refused)?;
        let key = LessSafeKey::new(key);
        let mut payload = vec![7_u8; record_bytes];
        seal(&key, &mut payload, 1)?;
        let before = thread_time()?;
        seal(&key, &mut payload, MIBS)?;
        let used = thread_time()?.saturating_sub(before);
        Ok(used.as_secs_f64() * 1e6 / f64::from(MIBS))
    });
    measuring.join().unwrap_or_else(|_| Err(io::Error::other("the measuring thread panicked")))
}

fn seal(key: &LessSafeKey, payload: &mut [u8], mibs: u32) -> io::Result<()> {
    let records = (MIB / payload.len()) as u32;
    for record in 0..mibs * records {
        let mut nonce = [3; 12];
        nonce[8..].copy_from_slice(&record.to_be_bytes());
        let nonce = Nonce::assume_unique_for_key(nonce);
        let payload = std::hint::black_box(&mut *payload);
        let _tag = key.seal_in_place_separate_tag(nonce, Aad::from([0; 5]), payload).map_err(refused)?;
    }
    Ok(())
}

fn refused(_: Unspecified) -> io::Error {
    io::Error::other("the cipher refused a key or a record")
}

fn thread_time() -> nix::Result<Duration> {
    Ok(ClockId::CLOCK_THREAD_CPUTIME_ID.now()?.into())
}
