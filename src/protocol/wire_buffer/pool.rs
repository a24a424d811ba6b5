//! Free buffers of one worker, and the choice of a size.

use super::{BufferSize, WireBuffer};
use crate::limits::{
    LARGE_BUFFERS_KEPT, LARGE_BUFFERS_PER_WORKER, MESSAGE_BUFFERS_PER_WORKER, SMALL_BUFFERS_KEPT,
};

/// Free buffers of one worker. The number of large ones alive is bounded; of small ones only how many are kept,
/// because the number of busy connections bounds the rest.
#[derive(Debug, Default)]
pub struct BufferPool {
    small: Vec<WireBuffer>,
    large: Vec<WireBuffer>,
    large_alive: usize,
    messages_alive: usize,
}

impl BufferPool {
    /// An empty buffer of the small size.
    #[inline]
    pub fn take_small(&mut self) -> WireBuffer {
        self.small.pop().unwrap_or_else(|| WireBuffer::new(BufferSize::Small))
    }

    /// An empty buffer of the large size, unless too many are in use.
    pub fn take_large(&mut self) -> Option<WireBuffer> {
        if let Some(buffer) = self.large.pop() {
            return Some(buffer);
        }
        if self.large_alive >= LARGE_BUFFERS_PER_WORKER {
            return None;
        }
        self.large_alive += 1;
        Some(WireBuffer::new(BufferSize::Large))
    }

    /// Takes a buffer back, whatever is in it.
    #[inline]
    pub fn give(&mut self, mut buffer: WireBuffer) {
        match buffer.size() {
            BufferSize::None => {}
            // The kernel or a closed connection has the memory: nothing to keep.
            _ if !buffer.is_present() => self.lost(buffer.size()),
            BufferSize::Small if self.small.len() < SMALL_BUFFERS_KEPT => {
                buffer.clear();
                self.small.push(buffer);
            }
            BufferSize::Small => {}
            BufferSize::Large if self.large.len() < LARGE_BUFFERS_KEPT => {
                buffer.clear();
                self.large.push(buffer);
            }
            BufferSize::Large => self.large_alive -= 1,
            BufferSize::Message => self.messages_alive -= 1,
        }
    }

    /// Makes `buffer` readable, in a large one when it is full of one incomplete element. Nothing may wait to be written.
    /// False when no larger one is to be had.
    pub fn make_readable(&mut self, buffer: &mut WireBuffer) -> bool {
        buffer.make_readable() > 0 || self.enlarge(buffer)
    }

    /// Moves the unread bytes of `buffer` to a large one. False, with nothing changed, when it is one already or none
    /// is to be had. Nothing may wait to be written.
    pub fn enlarge(&mut self, buffer: &mut WireBuffer) -> bool {
        debug_assert!(buffer.out_len() == 0);
        if matches!(buffer.size(), BufferSize::Large | BufferSize::Message) {
            return false;
        }
        let Some(mut large) = self.take_large() else { return false };
        let fits = large.append(buffer.unread());
        debug_assert!(fits);
        self.give(std::mem::replace(buffer, large));
        true
    }

    /// Moves the unread bytes of `buffer` to one of the largest. False, with nothing changed, when it is one already or too
    /// many are in use. Nothing may wait to be written.
    pub fn enlarge_for_message(&mut self, buffer: &mut WireBuffer) -> bool {
        debug_assert!(buffer.out_len() == 0);
        if buffer.size() == BufferSize::Message || self.messages_alive >= MESSAGE_BUFFERS_PER_WORKER {
            return false;
        }
        self.messages_alive += 1;
        let mut largest = WireBuffer::new(BufferSize::Message);
        let fits = largest.append(buffer.unread());
        debug_assert!(fits);
        self.give(std::mem::replace(buffer, largest));
        true
    }

    /// Gives `buffer`, if it is empty, the size that suits the next read: large for `bulk`, while there are large ones.
    #[inline]
    pub fn fit(&mut self, buffer: &mut WireBuffer, bulk: bool) {
        let wanted = if bulk { BufferSize::Large } else { BufferSize::Small };
        if buffer.unread_len() > 0 || buffer.is_present() && buffer.size() == wanted {
            return;
        }
        match if bulk { self.take_large() } else { None } {
            Some(large) => self.give(std::mem::replace(buffer, large)),
            None if buffer.is_present() && buffer.size() == BufferSize::Small => {}
            None => {
                let small = self.take_small();
                self.give(std::mem::replace(buffer, small));
            }
        }
    }

    /// Number of large buffers that somebody holds.
    pub fn large_in_use(&self) -> usize {
        self.large_alive - self.large.len()
    }

    /// Number of small buffers that nobody holds.
    pub fn small_free(&self) -> usize {
        self.small.len()
    }

    /// Takes note that a buffer's memory went away with a connection that was cut.
    pub fn lost(&mut self, size: BufferSize) {
        match size {
            BufferSize::Large => self.large_alive -= 1,
            BufferSize::Message => self.messages_alive -= 1,
            BufferSize::Small | BufferSize::None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_free_buffers_are_kept_than_the_limits_say() {
        let mut pool = BufferPool::default();
        let large: Vec<_> = std::iter::from_fn(|| pool.take_large()).collect();
        assert_eq!(large.len(), LARGE_BUFFERS_PER_WORKER);
        large.into_iter().for_each(|buffer| pool.give(buffer));
        assert_eq!((pool.large.len(), pool.large_alive), (LARGE_BUFFERS_KEPT, LARGE_BUFFERS_KEPT));
        let small: Vec<_> = (0..2 * SMALL_BUFFERS_KEPT).map(|_| pool.take_small()).collect();
        small.into_iter().for_each(|buffer| pool.give(buffer));
        assert_eq!(pool.small_free(), SMALL_BUFFERS_KEPT);
    }
}
