//! Rules of route choice as tables.
