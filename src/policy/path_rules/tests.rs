//! Rules of hosts and paths as tables.
