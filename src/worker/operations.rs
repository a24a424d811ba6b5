//! Which operations of a connection are in flight.

/// A set of the operations that may be in flight.
#[derive(Clone, Copy, Default)]
pub(super) struct Operations(u8);

impl Operations {
    pub(super) const DIAL: Self = Self(1);
    pub(super) const WRITE_UPSTREAM: Self = Self(2);
    pub(super) const WRITE_DOWNSTREAM: Self = Self(4);
    pub(super) const READ_UPSTREAM: Self = Self(8);
    pub(super) const READ_DOWNSTREAM: Self = Self(16);
    pub(super) const ASK: Self = Self(32);
    pub(super) const UPSTREAM: Self = Self(2 | 8);

    pub(super) fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(super) fn add(&mut self, other: Self) {
        self.0 |= other.0;
    }

    pub(super) fn remove(&mut self, other: Self) {
        self.0 &= !other.0;
    }

    pub(super) fn is_none(self) -> bool {
        self.0 == 0
    }
}
