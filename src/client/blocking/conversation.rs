//! One request and its response over a [`Link`], both ways at once: a proxy that answers while it is sent to is heard, and
//! one that takes no more before it is heard is not waited for.

use std::io;

use super::super::fault::ClientFault;
use super::super::outer::OUTER_HEAD_LIMITS;
use super::super::transport::{Link, Wait};
use super::Tap;
use super::sealing::SealedBody;
use crate::limits;
use crate::protocol::http1::{Method, ResponseFault, ResponsePiece, ResponseReader};

/// What is to be sent.
pub(super) struct Outgoing<'a, 'b> {
    /// What is at hand, of which all before `sent` is gone.
    bytes: Vec<u8>,
    sent: usize,
    body: Option<&'a mut SealedBody<'b>>,
    is_flushed: bool,
}

impl<'a, 'b> Outgoing<'a, 'b> {
    /// A head, and the body behind it.
    pub(super) fn new(head: Vec<u8>, body: &'a mut SealedBody<'b>) -> Self {
        Self { bytes: head, sent: 0, body: Some(body), is_flushed: false }
    }

    /// All of it.
    pub(super) fn whole(bytes: Vec<u8>) -> Self {
        Self { bytes, sent: 0, body: None, is_flushed: false }
    }

    fn is_done(&self) -> bool {
        self.is_flushed && self.body.is_none() && self.sent == self.bytes.len()
    }

    /// Sends some; whether that went on.
    fn send(&mut self, link: &mut Link, tap: &mut dyn Tap) -> Result<bool, ClientFault> {
        if self.sent == self.bytes.len()
            && let Some(body) = &mut self.body
        {
            self.bytes.clear();
            self.sent = 0;
            if !body.next(&mut self.bytes, &mut |sealed| tap.request_body(sealed))? {
                self.body = None;
            }
        }
        let unsent = self.bytes.get(self.sent..).unwrap_or_default();
        if unsent.is_empty() {
            self.is_flushed = link.flush()?;
            return Ok(self.is_flushed);
        }
        self.is_flushed = false;
        let count = link.send(unsent)?;
        self.sent += count;
        Ok(count > 0)
    }
}

/// Sends a request and gives `take` the pieces of its response, up to its end. Whether the connection can be used again.
pub(super) fn converse(
    link: &mut Link,
    outgoing: &mut Outgoing<'_, '_>,
    tap: &mut dyn Tap,
    take: &mut dyn FnMut(ResponsePiece<'_>, &mut dyn Tap) -> Result<(), ClientFault>,
) -> Result<bool, ClientFault> {
    // Every request of ours has a response with a body, the keys' too.
    let mut reader = ResponseReader::new(Method::Post, OUTER_HEAD_LIMITS);
    let mut bytes = vec![0; limits::CLIENT_READ_BYTES];
    let mut broken: Option<io::Error> = None;
    loop {
        let mut wait = Wait::Idle;
        if broken.is_none() && !outgoing.is_done() {
            match outgoing.send(link, tap) {
                Ok(went_on) => wait = if went_on { Wait::No } else { Wait::Briefly },
                // It may have said why before it closed.
                Err(ClientFault::Io(error)) => broken = Some(error),
                Err(fault) => return Err(fault),
            }
        }
        match link.receive(&mut bytes, wait) {
            Ok(None) => continue,
            Ok(Some(0)) => reader.end(),
            Ok(Some(count)) => reader.push(bytes.get(..count).unwrap_or_default()),
            Err(error) => return Err(broken.unwrap_or(error).into()),
        }
        loop {
            match reader.advance() {
                Ok(ResponsePiece::NeedMore) => break,
                Ok(ResponsePiece::End) => {
                    take(ResponsePiece::End, tap)?;
                    return Ok(outgoing.is_done() && reader.is_reusable());
                }
                Ok(piece) => take(piece, tap)?,
                Err(fault) => {
                    let broken = broken.filter(|_| fault == ResponseFault::Truncated);
                    return Err(broken.map_or_else(|| fault.into(), ClientFault::Io));
                }
            }
        }
    }
}
