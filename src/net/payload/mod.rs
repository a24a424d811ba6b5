//! Keys of payload encryption: files that hold them ([`key_file`]), all files at once ([`material`]), and new ones
//! ([`fresh`]).
//!
//! When keys are made, rotated and read again is the control side's business.

pub mod fault;
pub mod fresh;
pub mod key_file;
pub mod material;
pub mod settings;

pub use self::fault::{KeyFault, KeyWarning};
