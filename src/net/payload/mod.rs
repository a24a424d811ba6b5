//! Keys of payload encryption: read from files, made at the start, rotated.

pub mod settings;
