//! The body of an outer request: an app's content sealed as it is read. One that is short goes with its length, any other
//! in chunks of HTTP/1.1.

use super::super::fault::ClientFault;
use super::super::request::RequestSealer;
use super::super::response::Pending;
use super::Content;
use crate::limits;
use crate::protocol::http1::{LAST_CHUNK, chunk_line};

/// Sealed bytes that are made before the request begins: if that is all of it, its length is known.
const GATHERED: usize = 2 * limits::PAYLOAD_CHUNK_SENT_BYTES;

/// What is sealed and still to be sent.
pub(super) struct SealedBody<'a> {
    /// Until the message is ended.
    sealer: Option<RequestSealer>,
    content: &'a mut dyn Content,
    sealed: Vec<u8>,
    /// Of a message sealed whole.
    pending: Option<Pending>,
    /// In chunks of HTTP/1.1.
    is_chunked: bool,
    is_over: bool,
}

impl<'a> SealedBody<'a> {
    /// `sealed` is what the sealer has made by now.
    pub(super) fn new(sealer: RequestSealer, content: &'a mut dyn Content, sealed: Vec<u8>) -> Self {
        Self { sealer: Some(sealer), content, sealed, pending: None, is_chunked: false, is_over: false }
    }

    /// Seals until the request can begin. Content whose length is not known is not waited for.
    pub(super) fn gather(&mut self) -> Result<(), ClientFault> {
        if self.content.length().is_some() || self.is_whole() {
            while self.sealer.is_some() && (self.sealed.len() < GATHERED || self.is_whole()) {
                self.seal_more()?;
            }
        }
        self.is_chunked = self.sealer.is_some();
        Ok(())
    }

    /// The bytes of the body, if it was gathered whole.
    pub(super) fn length(&self) -> Option<u64> {
        (!self.is_chunked).then_some(self.sealed.len() as u64)
    }

    /// What opens the response to a message sealed whole. Once.
    pub(super) fn pending(&mut self) -> Option<Pending> {
        self.pending.take()
    }

    /// Appends what to send next to `out`, and tells `seen` what of it is sealed. `false`: that was all.
    pub(super) fn next(
        &mut self,
        out: &mut Vec<u8>,
        seen: &mut dyn FnMut(&[u8]),
    ) -> Result<bool, ClientFault> {
        if self.is_over {
            return Ok(false);
        }
        if self.sealed.is_empty() && self.sealer.is_some() {
            self.seal_more()?;
        }
        if !self.sealed.is_empty() {
            seen(&self.sealed);
            if self.is_chunked {
                out.extend_from_slice(chunk_line(self.sealed.len()).as_bytes());
            }
            out.append(&mut self.sealed);
            if self.is_chunked {
                out.extend_from_slice(b"\r\n");
            }
        }
        if self.sealer.is_none() {
            self.is_over = true;
            if self.is_chunked {
                out.extend_from_slice(LAST_CHUNK);
            }
        }
        Ok(true)
    }

    fn is_whole(&self) -> bool {
        self.sealer.as_ref().is_some_and(RequestSealer::is_whole)
    }

    fn seal_more(&mut self) -> Result<(), ClientFault> {
        let mut piece = [0; limits::CLIENT_READ_BYTES];
        let count = self.content.read(&mut piece).map_err(ClientFault::App)?;
        let Some(mut sealer) = self.sealer.take() else { return Ok(()) };
        if count == 0 {
            self.pending = sealer.finish(&mut self.sealed)?;
            return Ok(());
        }
        sealer.content(piece.get(..count).unwrap_or_default(), &mut self.sealed)?;
        if self.content.length().is_none() {
            sealer.flush(&mut self.sealed)?;
        }
        self.sealer = Some(sealer);
        Ok(())
    }
}
