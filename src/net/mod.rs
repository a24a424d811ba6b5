//! The only place that names the runtime, sockets, the clock and the system's randomness.
//!
//! It moves bytes and says how that went. It knows no status code, no route and no token.

pub mod blocking_server;
pub mod blocking_stream;
pub mod clock;
pub mod connection;
pub mod deadline;
pub mod dialer;
pub mod doorbell;
pub mod entropy;
pub mod listener;
pub mod operation;
pub mod payload;
pub mod proxy_preface;
pub mod recurring;
pub mod resolver;
pub mod ring;
pub mod secret_file;
pub mod signals;
pub mod tls;
pub mod unix_socket;
