//! Rules of rewriting as tables.
