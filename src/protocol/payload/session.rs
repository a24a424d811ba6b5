//! Opening a session.
