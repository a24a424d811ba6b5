//! A ring of buffers lent to the kernel: it picks one for each receive, we hand it back once its bytes are sent.

use std::alloc::{Layout, alloc_zeroed, handle_alloc_error};
use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::Submitter;
use io_uring::types::BufRingEntry;

/// Buffers begin on a page, so that the kernel's copies never meet a slow relative alignment.
const PAGE: usize = 4096;

pub(crate) struct Buffers {
    ring: NonNull<BufRingEntry>,
    memory: NonNull<u8>,
    buffer_bytes: u32,
    count: u16,
    tail: u16,
}

impl Buffers {
    /// The only group of buffers of this program.
    pub(crate) const GROUP: u16 = 0;

    pub(crate) fn register(submitter: &Submitter<'_>, buffer_bytes: u32, count: u16) -> io::Result<Self> {
        if !count.is_power_of_two() || !(buffer_bytes as usize).is_multiple_of(PAGE) || buffer_bytes == 0 {
            return Err(io::Error::other("BUFFERS must be a power of two, BUFFER_BYTES a multiple of 4096"));
        }
        let ring = pages::<BufRingEntry>(usize::from(count) * size_of::<BufRingEntry>());
        let memory = pages::<u8>(usize::from(count) * buffer_bytes as usize);
        // SAFETY: `ring` has room for `count` entries, is page aligned, and is never freed.
        unsafe {
            submitter.register_buf_ring_with_flags(ring.as_ptr() as u64, count, Self::GROUP, 0)?;
        }
        let mut buffers = Buffers { ring, memory, buffer_bytes, count, tail: 0 };
        for id in 0..count {
            buffers.give_back(id);
        }
        buffers.publish();
        Ok(buffers)
    }

    pub(crate) fn buffer_bytes(&self) -> u32 {
        self.buffer_bytes
    }

    pub(crate) fn address(&self, id: u16) -> *const u8 {
        assert!(id < self.count, "the kernel named a buffer that it was not given");
        // SAFETY: within `memory`, as `id < count`.
        unsafe { self.memory.as_ptr().add(usize::from(id) * self.buffer_bytes as usize) }
    }

    /// Puts a buffer into the ring; the kernel sees it after [`Buffers::publish`].
    pub(crate) fn give_back(&mut self, id: u16) {
        let address = self.address(id) as u64;
        let slot = usize::from(self.tail & (self.count - 1));
        // SAFETY: `slot < count`, and the kernel does not look at a slot beyond the published tail.
        let entry = unsafe { &mut *self.ring.as_ptr().add(slot) };
        entry.set_addr(address);
        entry.set_len(self.buffer_bytes);
        entry.set_bid(id);
        self.tail = self.tail.wrapping_add(1);
    }

    pub(crate) fn publish(&self) {
        // SAFETY: the tail lies in the first entry of the live ring, aligned, and only this thread writes it.
        let tail = unsafe { AtomicU16::from_ptr(BufRingEntry::tail(self.ring.as_ptr()).cast_mut()) };
        tail.store(self.tail, Ordering::Release);
    }
}

/// Zeroed, page-aligned memory that is kept until the process ends: the kernel may write to it at any time.
fn pages<T>(bytes: usize) -> NonNull<T> {
    let layout =
        Layout::from_size_align(bytes.next_multiple_of(PAGE), PAGE).expect("a size that fits the memory");
    // SAFETY: the layout's size is not zero.
    let memory = unsafe { alloc_zeroed(layout) };
    NonNull::new(memory.cast()).unwrap_or_else(|| handle_alloc_error(layout))
}
