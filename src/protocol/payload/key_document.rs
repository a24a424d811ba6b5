//! The signed list of keys.
