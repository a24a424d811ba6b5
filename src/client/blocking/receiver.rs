//! The outer response to a message, opened for the app; one in clear is read only as far as it says why.
use crate::protocol::http1::{ReceivedHead, ResponsePiece};

use super::super::fault::ClientFault;
use super::super::outer::require_sealed;
use super::super::response::{Pending, Piece, ResponseOpener};
use super::{Sink, Tap};
use crate::limits;

/// Takes the outer response to a message apart.
pub(super) struct Receiver {
    pending: Option<Pending>,
    opener: Option<ResponseOpener>,
    outer: Option<ReceivedHead>,
    /// The body of an answer in clear, as far as it is read.
    clear: Vec<u8>,
}

impl Receiver {
    /// Opens with `pending`.
    pub(super) fn new(pending: Pending) -> Self {
        Self { pending: Some(pending), opener: None, outer: None, clear: Vec::new() }
    }

    /// Takes a piece of the outer response, and gives `sink` what it opens; `has_begun` becomes true with the first.
    pub(super) fn take(
        &mut self,
        piece: ResponsePiece<'_>,
        sink: &mut dyn Sink,
        has_begun: &mut bool,
        tap: &mut dyn Tap,
    ) -> Result<(), ClientFault> {
        match piece {
            ResponsePiece::NeedMore => return Ok(()),
            ResponsePiece::Head(head) => {
                tap.response_head(&head.bytes);
                if require_sealed(&head, self.media_type(), b"").is_ok()
                    && let Some(pending) = self.pending.take()
                {
                    self.opener = Some(ResponseOpener::new(pending, &head, b"")?);
                }
                self.outer = Some(head);
            }
            ResponsePiece::Body(bytes) => {
                tap.response_body(bytes);
                match &mut self.opener {
                    Some(opener) => opener.push(bytes),
                    None => {
                        let room = (limits::CLIENT_PROBLEM_BYTES + 1).saturating_sub(self.clear.len());
                        self.clear.extend_from_slice(&bytes[..bytes.len().min(room)]);
                    }
                }
            }
            ResponsePiece::End => match (&mut self.opener, &self.outer) {
                (Some(opener), _) => opener.end(),
                (None, Some(outer)) => {
                    return Err(require_sealed(outer, self.media_type(), &self.clear)
                        .err()
                        .unwrap_or(ClientFault::OuterTruncated));
                }
                (None, None) => return Err(ClientFault::OuterTruncated),
            },
        }
        let Some(opener) = &mut self.opener else { return Ok(()) };
        loop {
            match opener.advance()? {
                Piece::NeedMore | Piece::Done => return Ok(()),
                Piece::Problem(problem) => return Err(ClientFault::Refused(problem)),
                Piece::Head(head) => {
                    *has_begun = true;
                    sink.head(&head).map_err(ClientFault::App)?;
                }
                Piece::Content(content) => sink.content(content).map_err(ClientFault::App)?,
                Piece::Trailers(trailers) => sink.trailers(&trailers).map_err(ClientFault::App)?,
            }
        }
    }

    /// Of the response that is waited for.
    fn media_type(&self) -> &'static str {
        self.pending.as_ref().map_or("", |pending| pending.form().response_media_type())
    }
}
