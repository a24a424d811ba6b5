//! The worker's end of its doorbell: a byte on a socket pair ends the ring's sleep.

use std::io;
use std::os::unix::net::UnixStream as StdUnixStream;

use monoio::io::AsyncReadRent;
use monoio::net::UnixStream;

/// Waits for rings.
pub struct Doorbell {
    stream: UnixStream,
    buffer: Box<[u8]>,
}

impl Doorbell {
    /// Takes over the worker's end.
    pub fn new(stream: StdUnixStream) -> io::Result<Self> {
        Ok(Self { stream: UnixStream::from_std(stream)?, buffer: vec![0; 64].into_boxed_slice() })
    }

    /// Returns when it was rung since the last call; false when the other end is gone.
    pub async fn rung(&mut self) -> bool {
        let buffer = std::mem::take(&mut self.buffer);
        let (result, buffer) = self.stream.read(buffer).await;
        self.buffer = buffer;
        matches!(result, Ok(count) if count > 0)
    }
}
