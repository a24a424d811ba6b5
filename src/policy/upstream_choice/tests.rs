//! Rules of choosing a server.
