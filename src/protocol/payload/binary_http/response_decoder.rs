//! Binary HTTP responses, read in pieces. Interim responses are checked and dropped.

use super::control_data::framing;
use super::cursor::{Cursor, Stop, read_on};
use super::field_section::FieldSection;
use super::message_body::MessageBody;
use super::{BhttpFault, FieldList, Framing, MessageLimits, Part};
use crate::limits;
use crate::protocol::progress::Progress;

/// What comes before the content of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseHead {
    /// The final status, 200 to 599.
    pub status: u16,
    /// Whether the message says its lengths first.
    pub framing: Framing,
    /// Bytes of the content where they are known. What Content-Length says of content that is not sent does not count.
    pub content_length: Option<u64>,
}

/// Reads one response: [`ResponseDecoder::head`] until it is done, then [`ResponseDecoder::advance`] until that is. After
/// a fault the message is over and its decoder must not be used again.
#[derive(Clone, Debug)]
pub struct ResponseDecoder {
    limits: MessageLimits,
    answers_head: bool,
    stage: Stage,
    interim: u32,
    /// Bytes of the head that were read.
    ahead: usize,
}

#[derive(Clone, Debug)]
enum Stage {
    Framing,
    Status(Framing),
    Fields { framing: Framing, status: u16, section: FieldSection },
    Body(MessageBody),
}

impl ResponseDecoder {
    /// A decoder in front of a response. `answers_head`: to a HEAD request, so that it has no content. Of `limits`
    /// that of the path does not apply, that of the head holds for interim responses too.
    pub fn new(limits: MessageLimits, answers_head: bool) -> Self {
        Self { limits, answers_head, stage: Stage::Framing, interim: 0, ahead: 0 }
    }

    /// Reads the head: see [`super::RequestDecoder::head`].
    ///
    /// # Errors
    /// What is wrong with the head.
    pub fn head(
        &mut self,
        bytes: &[u8],
        ended: bool,
        fields: &mut FieldList,
    ) -> Result<Progress<ResponseHead>, BhttpFault> {
        let read = read_on(bytes, self.ahead, ended, |cursor| self.read_head(cursor, fields))?;
        if let Progress::NeedMore { searched } = read {
            self.ahead = searched;
        }
        Ok(read)
    }

    /// Reads on behind the head: see [`super::RequestDecoder::advance`].
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
            _ if ended => Err(BhttpFault::Truncated),
            Stage::Framing | Stage::Status(_) | Stage::Fields { .. } => Ok(Part::NeedMore),
        }
    }

    fn read_head(&mut self, cursor: &mut Cursor<'_>, fields: &mut FieldList) -> Result<ResponseHead, Stop> {
        loop {
            match &mut self.stage {
                Stage::Framing => self.stage = Stage::Status(framing(cursor, 1)?),
                Stage::Status(framing) => {
                    let framing = *framing;
                    let status = self.status(cursor)?;
                    let section = FieldSection::header(framing, &self.limits);
                    self.stage = Stage::Fields { framing, status, section };
                }
                Stage::Fields { framing, status: 100..200, section } => {
                    section.read(cursor, fields)?;
                    self.stage = Stage::Status(*framing);
                }
                Stage::Fields { framing, status, section } => {
                    section.read(cursor, fields)?;
                    let (framing, status) = (*framing, *status);
                    let declared = section.facts.content_length;
                    let (body, content_length) = self.content(cursor, framing, status, declared)?;
                    self.stage = Stage::Body(body);
                    return Ok(ResponseHead { status, framing, content_length });
                }
                Stage::Body(_) => return Err(cursor.short()),
            }
        }
    }

    fn status(&mut self, cursor: &mut Cursor<'_>) -> Result<u16, Stop> {
        let status = match cursor.varint()? {
            status @ (100 | 102..=599) => status as u16,
            _ => return Err(BhttpFault::Status.into()),
        };
        self.interim += u32::from(status < 200);
        if self.interim > limits::INTERIM_RESPONSES {
            return Err(BhttpFault::TooManyInterim.into());
        }
        Ok(status)
    }

    fn content(
        &self,
        cursor: &mut Cursor<'_>,
        framing: Framing,
        status: u16,
        declared: Option<u64>,
    ) -> Result<(MessageBody, Option<u64>), Stop> {
        let is_bodyless = self.answers_head || matches!(status, 204 | 304);
        let expected = if is_bodyless { Some(0) } else { declared };
        if framing == Framing::Indeterminate {
            return Ok((MessageBody::indeterminate(expected), expected));
        }
        let length = if cursor.is_at_end() { 0 } else { cursor.varint()? };
        if expected.is_some_and(|expected| expected != length) {
            return Err(BhttpFault::LengthUnlikeContent.into());
        }
        Ok((MessageBody::known(length), Some(length)))
    }
}
