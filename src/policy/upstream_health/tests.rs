//! Rules of health as tables.
