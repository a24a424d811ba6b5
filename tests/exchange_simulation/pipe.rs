//! One direction of a simulated TCP connection.

use std::collections::VecDeque;

/// Bytes under way, and how their writer and reader stand.
#[derive(Debug, Default)]
pub(crate) struct Pipe {
    bytes: VecDeque<u8>,
    capacity: usize,
    /// The writer said that there is no more.
    pub(crate) ended: bool,
    /// The connection was reset: what is under way is lost, both ends fail.
    pub(crate) reset: bool,
    /// The reader closed: whoever writes on is told by a reset.
    pub(crate) deaf: bool,
}

/// What trying to read or write now gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attempt {
    Blocked,
    Failed,
    Done(usize),
}

impl Pipe {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, ..Self::default() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Would reading not block?
    pub(crate) fn is_readable(&self) -> bool {
        self.reset || self.ended || !self.bytes.is_empty()
    }

    pub(crate) fn is_writable(&self) -> bool {
        self.reset || self.deaf || self.bytes.len() < self.capacity
    }

    /// Writes some of `bytes`, at most `most`.
    pub(crate) fn write(&mut self, bytes: &[u8], most: usize) -> Attempt {
        if self.deaf {
            self.reset = true;
        }
        if self.reset {
            return Attempt::Failed;
        }
        assert!(!self.ended, "written after the end");
        let count = bytes.len().min(most).min(self.capacity.saturating_sub(self.bytes.len()));
        if count == 0 {
            return Attempt::Blocked;
        }
        self.bytes.extend(&bytes[..count]);
        Attempt::Done(count)
    }

    /// Reads some into `target`, at most `most`. Zero is the end.
    pub(crate) fn read(&mut self, target: &mut [u8], most: usize) -> Attempt {
        if self.reset {
            self.bytes.clear();
            return Attempt::Failed;
        }
        let count = target.len().min(most).min(self.bytes.len());
        if count == 0 {
            return if self.ended { Attempt::Done(0) } else { Attempt::Blocked };
        }
        for place in &mut target[..count] {
            *place = self.bytes.pop_front().expect("counted");
        }
        Attempt::Done(count)
    }
}

/// Both directions between two peers.
#[derive(Debug)]
pub(crate) struct Link {
    /// Towards the server of the two.
    pub(crate) forth: Pipe,
    /// Towards the client of the two.
    pub(crate) back: Pipe,
}

impl Link {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { forth: Pipe::new(capacity), back: Pipe::new(capacity) }
    }

    pub(crate) fn reset(&mut self) {
        self.forth.reset = true;
        self.back.reset = true;
    }

    /// The client of the two closes its socket: with unread bytes that is a reset.
    pub(crate) fn close_front(&mut self) {
        if self.back.is_empty() {
            self.forth.ended = true;
            self.back.deaf = true;
        } else {
            self.reset();
        }
    }
}
