//! The one buffer: where a message is read, rewritten in place and written from.
//!
//! ```text
//! |  room  | out: to be written | gap | unread: not yet looked at | free | tail room |
//! 0     out.start            out.end  unread.start      unread.end    limit       total
//! ```
//! During an io_uring operation the kernel owns the storage: [`WireBuffer::lend_for_read`] or
//! [`WireBuffer::lend_for_write`] gives it away and [`WireBuffer::restore`] puts it back. While it is away the buffer looks empty and takes no writes.
//! What the bytes mean is the business of `http1` and of the exchange.

mod pool;
#[cfg(test)]
mod tests;

use std::ops::Range;

pub use self::pool::BufferPool;
use crate::limits::{
    BUFFER_ALIGNMENT, BUFFER_LARGE_BYTES, BUFFER_MESSAGE_BYTES, BUFFER_SMALL_BYTES, HEAD_ROOM, TAIL_ROOM,
};

/// The memory of a buffer, on its way to or from the kernel.
pub type Storage = Box<[u8]>;

/// A fixed piece of memory with two windows: `out`, ready to be written, and `unread`, waiting to be parsed.
#[derive(Debug, Default)]
pub struct WireBuffer {
    storage: Storage,
    size: BufferSize,
    /// Where an empty buffer is read into: on a 64-byte boundary, behind the head room.
    base: usize,
    out_start: usize,
    out_end: usize,
    start: usize,
    end: usize,
}

/// The sizes of buffers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BufferSize {
    /// No memory at all: a placeholder.
    #[default]
    None,
    /// [`BUFFER_SMALL_BYTES`].
    Small,
    /// [`BUFFER_LARGE_BYTES`].
    Large,
    /// [`BUFFER_MESSAGE_BYTES`].
    Message,
}

impl WireBuffer {
    /// A fresh buffer. `None` is a placeholder without memory.
    pub fn new(size: BufferSize) -> Self {
        let bytes = match size {
            BufferSize::None => return Self::default(),
            BufferSize::Small => BUFFER_SMALL_BYTES,
            BufferSize::Large => BUFFER_LARGE_BYTES,
            BufferSize::Message => BUFFER_MESSAGE_BYTES,
        };
        let storage = vec![0; bytes].into_boxed_slice();
        let misaligned = storage.as_ptr() as usize % BUFFER_ALIGNMENT;
        let base = HEAD_ROOM + (BUFFER_ALIGNMENT - misaligned) % BUFFER_ALIGNMENT;
        Self { storage, size, base, out_start: base, out_end: base, start: base, end: base }
    }

    /// Its size class.
    #[inline]
    pub fn size(&self) -> BufferSize {
        self.size
    }

    /// True while its memory is here.
    #[inline]
    pub fn is_present(&self) -> bool {
        !self.storage.is_empty()
    }

    /// Bytes read and not yet consumed.
    #[inline]
    pub fn unread(&self) -> &[u8] {
        self.storage.get(self.start..self.end).unwrap_or_default()
    }

    /// The same, to be rewritten in place.
    #[inline]
    pub fn unread_mut(&mut self) -> &mut [u8] {
        self.storage.get_mut(self.start..self.end).unwrap_or_default()
    }

    /// Number of bytes read and not yet consumed, also while the memory is away.
    #[inline]
    pub fn unread_len(&self) -> usize {
        self.end - self.start
    }

    /// Number of bytes waiting to be written, also while the memory is away.
    #[inline]
    pub fn out_len(&self) -> usize {
        self.out_end - self.out_start
    }

    /// Bytes waiting to be written.
    #[inline]
    pub fn out(&self) -> &[u8] {
        self.storage.get(self.out_start..self.out_end).unwrap_or_default()
    }

    /// The last `count` of the bytes consumed, as long as nothing was read or placed since. Empty if there are not so many.
    pub fn consumed(&self, count: usize) -> &[u8] {
        let start = self.start.checked_sub(count).filter(|&start| start >= self.out_end);
        start.and_then(|start| self.storage.get(start..self.start)).unwrap_or_default()
    }

    /// Drops the first `count` unread bytes.
    #[inline]
    pub fn consume(&mut self, count: usize) {
        debug_assert!(count <= self.unread_len());
        self.start += count.min(self.unread_len());
        self.check();
    }

    /// Makes the first `produced` of the unread bytes ready to be written and consumes `taken` in all.
    /// There must be nothing waiting to be written already.
    #[inline]
    pub fn release(&mut self, produced: usize, taken: usize) {
        debug_assert!(self.out_len() == 0 && produced <= taken && taken <= self.unread_len());
        self.out_start = self.start;
        self.out_end = self.start + produced;
        self.start += taken;
        self.check();
    }

    /// True when [`Self::place_before`] would find room for `count` bytes in front of the unread ones, also if those
    /// are made ready to be written first.
    #[inline]
    pub fn has_room_before(&self, count: usize) -> bool {
        count <= self.start || self.end + (count - self.start) <= self.limit()
    }

    /// Puts `bytes` directly in front of what waits to be written, or of the unread bytes if nothing waits.
    /// False, with nothing changed, if there is no room for them.
    pub fn place_before(&mut self, bytes: &[u8]) -> bool {
        debug_assert!(self.is_present());
        if self.out_len() == 0 {
            self.out_start = self.start;
            self.out_end = self.start;
        }
        if bytes.len() > self.out_start && !self.make_room(bytes.len()) {
            return false;
        }
        let at = self.out_start - bytes.len();
        self.storage[at..self.out_start].copy_from_slice(bytes);
        self.out_start = at;
        self.check();
        true
    }

    /// Puts `bytes` in front of the unread ones, to be read first. Nothing may wait to be written. False, with nothing
    /// changed, if there is no room for them.
    pub fn prepend(&mut self, bytes: &[u8]) -> bool {
        debug_assert!(self.is_present() && self.out_len() == 0);
        if !self.place_before(bytes) {
            return false;
        }
        self.start = self.out_start;
        self.out_end = self.out_start;
        self.check();
        true
    }

    /// Takes `range` out of the unread bytes. Free when nothing stands behind it, else a copy of that.
    pub fn remove(&mut self, range: Range<usize>) {
        debug_assert!(range.start <= range.end && range.end <= self.unread_len());
        let (from, to) = (self.start + range.end, self.start + range.start);
        if from < self.end {
            self.storage.copy_within(from..self.end, to);
        }
        self.end -= from - to;
        self.check();
    }

    /// Widens what waits to be written, if only an empty place in front of the unread bytes, by so many bytes on both
    /// sides, to be filled through [`Self::out_mut`]. Unread bytes
    /// move out of the way. False, with nothing changed, if there is no room.
    pub fn widen(&mut self, before: usize, behind: usize) -> bool {
        debug_assert!(self.is_present());
        if self.out_len() == 0 {
            self.out_start = self.start;
            self.out_end = self.start;
        }
        let shift = before.saturating_sub(self.out_start);
        let gap = self.start - self.out_end;
        let pushed = if self.unread_len() > 0 { behind.saturating_sub(gap) } else { 0 };
        let end = if self.unread_len() > 0 { self.end + pushed } else { self.end.max(self.out_end + behind) };
        if end + shift > self.storage.len() {
            return false;
        }
        if self.unread_len() > 0 {
            let to = self.start + pushed + shift;
            self.storage.copy_within(self.start..self.end, to);
            (self.start, self.end) = (to, self.end + pushed + shift);
        }
        if shift > 0 {
            self.storage.copy_within(self.out_start..self.out_end, self.out_start + shift);
        }
        self.out_start = self.out_start + shift - before;
        self.out_end += shift + behind;
        if self.unread_len() == 0 {
            self.start = self.out_end;
            self.end = self.out_end;
        }
        self.check();
        true
    }

    /// Bytes waiting to be written, to be rewritten in place.
    #[inline]
    pub fn out_mut(&mut self) -> &mut [u8] {
        self.storage.get_mut(self.out_start..self.out_end).unwrap_or_default()
    }

    /// Puts `bytes` directly behind what waits to be written. There must be no unread bytes. The tail room is
    /// there for the few bytes that close a chunk. False, with nothing changed, if there is no room for them.
    pub fn place_behind(&mut self, bytes: &[u8]) -> bool {
        debug_assert!(self.is_present() && self.unread_len() == 0);
        let Some(target) = self.storage.get_mut(self.out_end..self.out_end + bytes.len()) else {
            return false;
        };
        target.copy_from_slice(bytes);
        self.out_end += bytes.len();
        self.start = self.out_end;
        self.end = self.out_end;
        self.check();
        true
    }

    /// Forgets the first `count` bytes that waited to be written: they are.
    #[inline]
    pub fn written(&mut self, count: usize) {
        debug_assert!(count <= self.out_len());
        self.out_start += count.min(self.out_len());
        self.check();
    }

    /// Makes everything from `mark` (an earlier [`Self::out_mark`]) up to the end of the out window wait to be
    /// written again. Nothing may have been read, consumed or cleared since.
    #[inline]
    pub fn rewind(&mut self, mark: usize) {
        debug_assert!(mark <= self.out_start);
        self.out_start = mark.min(self.out_start);
    }

    /// Where the out window begins now.
    #[inline]
    pub fn out_mark(&self) -> usize {
        self.out_start
    }

    /// Forgets what waited to be written.
    #[inline]
    pub fn drop_out(&mut self) {
        self.out_start = self.out_end;
    }

    /// Forgets everything.
    #[inline]
    pub fn clear(&mut self) {
        self.out_start = self.base;
        self.out_end = self.base;
        self.start = self.base;
        self.end = self.base;
    }

    /// How many bytes the next read can take; moves unread bytes to the front when that helps.
    /// Nothing may wait to be written.
    pub fn make_readable(&mut self) -> usize {
        debug_assert!(self.out_len() == 0);
        if self.start == self.end {
            self.clear();
        } else if self.start > self.base && self.limit() - self.end < self.limit() / 4 {
            self.storage.copy_within(self.start..self.end, self.base);
            self.end = self.base + self.unread_len();
            self.start = self.base;
            self.out_start = self.base;
            self.out_end = self.base;
        }
        self.check();
        self.limit().saturating_sub(self.end)
    }

    /// Puts `bytes` behind the unread ones, as if they had been read. False, with nothing changed, if they do not fit.
    pub fn append(&mut self, bytes: &[u8]) -> bool {
        if bytes.len() > self.limit().saturating_sub(self.end) {
            return false;
        }
        self.storage[self.end..self.end + bytes.len()].copy_from_slice(bytes);
        self.end += bytes.len();
        true
    }

    /// Takes note of `count` bytes read behind the unread ones.
    #[inline]
    pub fn filled(&mut self, count: usize) {
        debug_assert!(self.end + count <= self.limit());
        self.end += count.min(self.limit().saturating_sub(self.end));
        self.check();
    }

    /// Gives the memory away for a read. The range is where to read to.
    #[inline]
    pub fn lend_for_read(&mut self) -> (Storage, usize, usize) {
        debug_assert!(self.is_present());
        let limit = self.limit();
        (std::mem::take(&mut self.storage), self.end, limit)
    }

    /// Gives the memory away for a write. The range is what to write.
    #[inline]
    pub fn lend_for_write(&mut self) -> (Storage, usize, usize) {
        debug_assert!(self.is_present());
        (std::mem::take(&mut self.storage), self.out_start, self.out_end)
    }

    /// Takes the memory back.
    #[inline]
    pub fn restore(&mut self, storage: Storage) {
        debug_assert!(!self.is_present());
        self.storage = storage;
        self.check();
    }

    fn limit(&self) -> usize {
        self.storage.len().saturating_sub(TAIL_ROOM)
    }

    /// Moves the out window and the unread bytes to the right so that `needed` bytes fit in front of them.
    fn make_room(&mut self, needed: usize) -> bool {
        let shift = needed - self.out_start;
        if self.end + shift > self.limit() {
            return false;
        }
        self.storage.copy_within(self.out_start..self.end, needed);
        self.out_start += shift;
        self.out_end += shift;
        self.start += shift;
        self.end += shift;
        true
    }

    #[inline]
    fn check(&self) {
        debug_assert!(self.out_start <= self.out_end && self.out_end <= self.start && self.start <= self.end);
        debug_assert!(!self.is_present() || self.end <= self.storage.len());
    }
}
