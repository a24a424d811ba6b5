//! The one buffer.
