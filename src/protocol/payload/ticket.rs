//! A session as its client carries it.
