//! The client's side of payload encryption: what an app links to talk to the proxy so that nobody between them reads or
//! changes anything.
//!
//! # The core
//! Bytes, moments and random bytes in; bytes and decisions out. No socket, no clock, no threads:
//!
//! ```text
//! Keyring ──► Opening ──► ClientSession ──► RequestSealer ──► bytes to send
//!                                      └──► ResponseOpener ◄── bytes that came ──► head, content as it comes, end
//! ClientFault ──► Attempts ──► what to do about it, or nothing
//! ```
//! - [`keyring`]: the keys that are trusted, pinned or signed by a pinned key
//! - [`session`]: opening a session, its numbers and its clock
//! - [`request`]: a request, sealed as a message of a session or as a single one
//! - [`response`]: what comes back, opened chunk by chunk
//! - [`problem`]: what the proxy says is wrong
//! - [`attempts`]: what may be done about a failure without asking the app
//! - [`outer`]: the HTTP/1.1 around it
//! - [`origin`]: where a proxy is
//!
//! # The skin
//! [`blocking`] drives the core over [`transport`], the only file here that names sockets, clocks and randomness.
//!
//! # Duties
//! Nothing but sealed bytes, and requests for the lists of keys, is ever sent: no type here takes an app's request and
//! returns it in clear. An answer in clear is a [`ClientFault`], never a response. What may have run is not repeated.
//! Redirects, caches and content codings are the app's business.

pub mod attempts;
pub mod blocking;
pub mod fault;
#[cfg(test)]
mod gateway;
pub mod keyring;
pub mod origin;
pub mod outer;
pub mod problem;
pub mod request;
pub mod response;
pub mod session;
pub mod transport;

pub use attempts::{Attempts, Remedy};
pub use blocking::{CallFault, Client, Content, Outcome, Sink, Tap};
pub use fault::ClientFault;
pub use keyring::Keyring;
pub use origin::Origin;
pub use outer::OUTER_HEAD_LIMITS;
pub use problem::{Problem, ProblemKind};
pub use request::{Form, Request, RequestSealer};
pub use response::{Piece, ResponseHead, ResponseOpener};
pub use session::{ClientSession, KeptSession, Opening};
