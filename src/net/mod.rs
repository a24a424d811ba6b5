//! (in work)

pub mod clock;
pub mod recurring;
pub mod resolver;
pub mod signals;
