//! Binary HTTP requests, read in pieces.

use super::control_data::{RequestLine, authority, framing, request_line};
use super::cursor::{Cursor, Stop, read_on};
use super::field_section::FieldSection;
use super::message_body::MessageBody;
use super::{BhttpFault, FieldList, Framing, MessageLimits, Part, Scheme};
use crate::protocol::progress::Progress;
use crate::protocol::span::Span;

/// What comes before the content of a request. Spans start at the first byte of the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestHead {
    /// The method, a token of at most [`crate::limits::METHOD_BYTES`]; never `CONNECT`.
    pub method: Span,
    /// The scheme.
    pub scheme: Scheme,
    /// Host and port as they count: of the control data, or of the Host field where that has none. Made of bytes that
    /// hosts are made of; whether they make one is for others to say.
    pub authority: Span,
    /// Path and query: begins with `/`, or is the `*` of OPTIONS.
    pub path: Span,
    /// Whether the message says its lengths first.
    pub framing: Framing,
    /// Bytes of the content where they are known: from the message's own form, or from a Content-Length field, which
    /// the content is then held to.
    pub content_length: Option<u64>,
}

/// Reads one request: [`RequestDecoder::head`] until it is done, then [`RequestDecoder::advance`] until that is. After
/// a fault the message is over and its decoder must not be used again.
#[derive(Clone, Debug)]
pub struct RequestDecoder {
    limits: MessageLimits,
    stage: Stage,
    /// Bytes of the head that were read.
    ahead: usize,
}

#[derive(Clone, Debug)]
enum Stage {
    Control,
    Fields { framing: Framing, line: RequestLine, section: FieldSection },
    Body(MessageBody),
}

impl RequestDecoder {
    /// A decoder in front of a message.
    pub fn new(limits: MessageLimits) -> Self {
        Self { limits, stage: Stage::Control, ahead: 0 }
    }

    /// Reads the head. `bytes` are the message from its first byte on, each time with what has come since; `ended` says
    /// that no more will come. `fields` must be the same list each time; it holds the fields when the head is done.
    /// [`Progress::NeedMore`] is for the caller to come back with more: the decoder knows itself how far it was.
    ///
    /// # Errors
    /// What is wrong with the head.
    pub fn head(
        &mut self,
        bytes: &[u8],
        ended: bool,
        fields: &mut FieldList,
    ) -> Result<Progress<RequestHead>, BhttpFault> {
        let read = read_on(bytes, self.ahead, ended, |cursor| self.read_head(cursor, fields))?;
        if let Progress::NeedMore { searched } = read {
            self.ahead = searched;
        }
        Ok(read)
    }

    /// Reads on behind the head: says what the next bytes are. `bytes` are those not yet consumed, `ended` says that
    /// no more will come. `trailers` holds the fields when the part is [`Part::Trailers`]; it must be the same list
    /// each time, and may be that of the head once its fields are no longer needed. Before the head is done it only
    /// ever needs more.
    ///
    /// # Errors
    /// What is wrong behind the head.
    pub fn advance(
        &mut self,
        bytes: &[u8],
        ended: bool,
        trailers: &mut FieldList,
    ) -> Result<Part, BhttpFault> {
        match &mut self.stage {
            Stage::Body(body) => body.advance(bytes, ended, trailers),
            Stage::Control | Stage::Fields { .. } if ended => Err(BhttpFault::Truncated),
            Stage::Control | Stage::Fields { .. } => Ok(Part::NeedMore),
        }
    }

    fn read_head(&mut self, cursor: &mut Cursor<'_>, fields: &mut FieldList) -> Result<RequestHead, Stop> {
        if matches!(self.stage, Stage::Control) {
            let (framing, line) =
                cursor.element(|cursor| Ok((framing(cursor, 0)?, request_line(cursor, &self.limits)?)))?;
            self.stage =
                Stage::Fields { framing, line, section: FieldSection::header(framing, &self.limits) };
        }
        let Stage::Fields { framing, line, section } = &mut self.stage else {
            return Err(cursor.short());
        };
        section.read(cursor, fields)?;
        let declared = section.facts.content_length;
        let authority = authority(cursor.bytes(), line, section.facts.host)?;
        let (body, content_length) = match framing {
            Framing::Known => {
                let length = if cursor.is_at_end() { 0 } else { cursor.varint()? };
                if declared.is_some_and(|declared| declared != length) {
                    return Err(BhttpFault::LengthUnlikeContent.into());
                }
                (MessageBody::known(length), Some(length))
            }
            Framing::Indeterminate => (MessageBody::indeterminate(declared), declared),
        };
        let RequestLine { method, scheme, path, .. } = *line;
        let head = RequestHead { method, scheme, authority, path, framing: *framing, content_length };
        self.stage = Stage::Body(body);
        Ok(head)
    }
}
