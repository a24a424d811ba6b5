//! Header and trailer sections: field lines to spans, one by one as they come.

use super::cursor::{Cursor, Stop};
use super::field_rules::{Meaning, check_name, check_trailer, check_value, decimal, header_meaning};
use super::{BhttpFault, FieldLine, FieldList, Framing, MessageLimits};
use crate::limits;
use crate::protocol::span::Span;

/// What a field line costs in HTTP/1.1 beside name and value: `: ` and CRLF.
const LINE_OVERHEAD: usize = 4;

/// One section as far as it was read.
#[derive(Clone, Debug)]
pub(super) struct FieldSection {
    framing: Framing,
    is_trailer: bool,
    bounds: Bounds,
    /// Where a section of known length ends, once its length was read.
    end: Option<usize>,
    /// Bytes of the fields as HTTP/1.1 writes them.
    written_bytes: usize,
    /// What its fields say about the message.
    pub(super) facts: Facts,
}

#[derive(Clone, Copy, Debug)]
struct Bounds {
    /// Of the section as HTTP/1.1 writes it, and of where it ends in what the caller holds.
    bytes: usize,
    count: usize,
    too_large: BhttpFault,
    too_many: BhttpFault,
}

/// The fields of a header section that repeat what is said elsewhere.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Facts {
    pub(super) host: Option<Span>,
    pub(super) content_length: Option<u64>,
}

impl FieldSection {
    pub(super) fn header(framing: Framing, limits: &MessageLimits) -> Self {
        let bounds = Bounds {
            bytes: limits.head_bytes,
            count: limits.field_count,
            too_large: BhttpFault::HeadTooLarge,
            too_many: BhttpFault::TooManyFields,
        };
        Self::new(framing, false, bounds)
    }

    pub(super) fn trailer(framing: Framing) -> Self {
        let bounds = Bounds {
            bytes: limits::TRAILER_BYTES,
            count: limits::TRAILER_COUNT,
            too_large: BhttpFault::TrailersTooLarge,
            too_many: BhttpFault::TrailersTooLarge,
        };
        Self::new(framing, true, bounds)
    }

    fn new(framing: Framing, is_trailer: bool, bounds: Bounds) -> Self {
        let facts = Facts::default();
        Self { framing, is_trailer, bounds, end: None, written_bytes: 0, facts }
    }

    /// Reads on from where it stopped; the fields so far stand in `fields`, which it clears when it begins.
    pub(super) fn read(&mut self, cursor: &mut Cursor<'_>, fields: &mut FieldList) -> Result<(), Stop> {
        let is_begun = self.end.is_some() || self.written_bytes > 0;
        if !is_begun {
            fields.clear();
            if self.may_be_missing() && cursor.is_at_end() {
                return Ok(());
            }
            if self.framing.is_known() {
                self.end = Some(self.section_end(cursor)?);
            }
        }
        loop {
            if self.end == Some(cursor.at()) {
                return Ok(());
            }
            match cursor.element(|cursor| self.line(cursor))? {
                Some(line) => self.add(cursor.bytes(), line, fields)?,
                None if self.framing.is_known() => return Err(BhttpFault::FieldName.into()),
                None => return Ok(()),
            }
        }
    }

    /// RFC 9292 section 3.8 lets trailers be missing; section 3.1 what has a length in front.
    fn may_be_missing(&self) -> bool {
        self.is_trailer || self.framing.is_known()
    }

    fn section_end(&self, cursor: &mut Cursor<'_>) -> Result<usize, Stop> {
        let length = cursor.varint()?;
        let end = usize::try_from(length).ok().and_then(|length| cursor.at().checked_add(length));
        Ok(end.filter(|&end| end <= self.bounds.bytes).ok_or(self.bounds.too_large)?)
    }

    /// A name and its value; `None` for the zero in the place of a name.
    fn line(&self, cursor: &mut Cursor<'_>) -> Result<Option<FieldLine>, Stop> {
        let name = self.part(cursor)?;
        if name.is_empty() {
            return Ok(None);
        }
        let value = self.part(cursor)?;
        Ok(Some(FieldLine { name, value }))
    }

    /// A name or a value within the section and its bound, which are judged before its bytes are all there.
    fn part(&self, cursor: &mut Cursor<'_>) -> Result<Span, Stop> {
        let (max, fault) = match self.end {
            Some(end) => (end, BhttpFault::Section),
            None => (self.bounds.bytes, self.bounds.too_large),
        };
        let length = cursor.varint()?;
        let end = usize::try_from(length).ok().and_then(|length| cursor.at().checked_add(length));
        let end = end.filter(|&end| end <= max).ok_or(fault)?;
        cursor.take(end - cursor.at())
    }

    fn add(&mut self, bytes: &[u8], line: FieldLine, fields: &mut FieldList) -> Result<(), Stop> {
        let (name, value) = (line.name.of(bytes), line.value.of(bytes));
        check_name(name)?;
        check_value(value)?;
        if self.is_trailer {
            check_trailer(name)?;
        } else {
            self.note(name, value, line.value)?;
        }
        self.written_bytes += name.len() + value.len() + LINE_OVERHEAD;
        if self.written_bytes > self.bounds.bytes {
            return Err(self.bounds.too_large.into());
        }
        if fields.len() == self.bounds.count {
            return Err(self.bounds.too_many.into());
        }
        fields.push(line);
        Ok(())
    }

    fn note(&mut self, name: &[u8], value: &[u8], span: Span) -> Result<(), BhttpFault> {
        match header_meaning(name, value)? {
            Meaning::Plain => {}
            Meaning::Host if self.facts.host.is_some() => return Err(BhttpFault::HostRepeated),
            Meaning::Host => self.facts.host = Some(span),
            Meaning::ContentLength if self.facts.content_length.is_some() => {
                return Err(BhttpFault::LengthInvalid);
            }
            Meaning::ContentLength => {
                self.facts.content_length = Some(decimal(value).ok_or(BhttpFault::LengthInvalid)?);
            }
        }
        Ok(())
    }
}
