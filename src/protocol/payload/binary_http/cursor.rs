//! Reads elements from bytes of which more may come.

use super::BhttpFault;
use crate::protocol::payload::varint::read_varint;
use crate::protocol::progress::Progress;
use crate::protocol::span::Span;

/// Why reading stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The element goes on behind the bytes that are there.
    NeedMore,
    /// The message is malformed.
    Fault(BhttpFault),
}

impl From<BhttpFault> for Stop {
    fn from(fault: BhttpFault) -> Self {
        Self::Fault(fault)
    }
}

/// Reads one thing from `bytes`, of which `ahead` were read before, where more may come.
pub(super) fn read_on<'a, T>(
    bytes: &'a [u8],
    ahead: usize,
    ended: bool,
    read: impl FnOnce(&mut Cursor<'a>) -> Result<T, Stop>,
) -> Result<Progress<T>, BhttpFault> {
    let mut cursor = Cursor::new(bytes, ahead, ended);
    match read(&mut cursor) {
        Ok(value) => Ok(Progress::Done { value, consumed: cursor.at() }),
        Err(Stop::NeedMore) => Ok(Progress::NeedMore { searched: cursor.at() }),
        Err(Stop::Fault(fault)) => Err(fault),
    }
}

/// A place in `bytes`.
#[derive(Clone, Debug)]
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Nothing comes behind `bytes`.
    ended: bool,
}

impl<'a> Cursor<'a> {
    /// A cursor at `at`, or at the end if that is beyond it.
    pub(super) fn new(bytes: &'a [u8], at: usize, ended: bool) -> Self {
        Self { bytes, at: at.min(bytes.len()), ended }
    }

    /// Where it stands.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// All bytes, those already read too.
    pub(super) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The message ends here.
    pub(super) fn is_at_end(&self) -> bool {
        self.ended && self.at == self.bytes.len()
    }

    /// Reads an element whole, or stays where it is.
    pub(super) fn element<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Stop>) -> Result<T, Stop> {
        let start = self.at;
        read(self).inspect_err(|_| self.at = start)
    }

    pub(super) fn varint(&mut self) -> Result<u64, Stop> {
        let (number, len) = read_varint(&self.bytes[self.at..]).ok_or_else(|| self.short())?;
        self.at += len;
        Ok(number)
    }

    /// A length and so many bytes; `too_long` if they are more than `max`.
    pub(super) fn prefixed(&mut self, max: usize, too_long: BhttpFault) -> Result<Span, Stop> {
        let len = self.varint()?;
        let len = usize::try_from(len).ok().filter(|&len| len <= max).ok_or(too_long)?;
        self.take(len)
    }

    /// The next `len` bytes.
    pub(super) fn take(&mut self, len: usize) -> Result<Span, Stop> {
        let start = self.at;
        if self.bytes.len() - start < len {
            return Err(self.short());
        }
        self.at = start + len;
        Ok(Span::new(start, self.at))
    }

    /// What is there of the next `len` bytes, at least one.
    pub(super) fn take_some(&mut self, len: u64) -> Result<Span, Stop> {
        let there = self.bytes.len() - self.at;
        if there == 0 {
            return Err(self.short());
        }
        self.take(usize::try_from(len).map_or(there, |len| len.min(there)))
    }

    /// What it means that bytes are missing.
    pub(super) fn short(&self) -> Stop {
        if self.ended { Stop::Fault(BhttpFault::Truncated) } else { Stop::NeedMore }
    }
}
