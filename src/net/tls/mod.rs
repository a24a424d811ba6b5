//! TLS on both sides.
//!
//! Files become rustls configurations here: what listeners show and upstreams are checked against ([`Identities`]), and
//! who a client proved to be ([`client_certificate`]). A handshake is `handshake`'s, carried out on a socket by `greeting`;
//! what comes after it is `session`'s. Nothing here opens a connection.

mod certificate_facts;
mod client_check;
mod client_identity;
pub mod fault;
mod files;
mod greeting;
mod handshake;
mod handshake_fault;
pub mod identities;
mod listener_identity;
mod provider;
pub(super) mod session;
pub mod settings;
mod ticket_key;
mod tickets;
mod upstream_identity;
mod workshop;

#[cfg(test)]
pub(crate) mod fixture;

pub use self::client_identity::client_certificate;
pub use self::fault::{TlsFault, TlsWarning};
pub use self::greeting::{Greeted, Greeting, greet, introduce};
pub use self::handshake_fault::HandshakeFault;
pub use self::identities::{Identities, Loaded};
pub use self::listener_identity::ListenerIdentity;
pub use self::settings::{CertificateFiles, ClientAuth, ListenerTls, TlsSettings, UpstreamTls};
pub use self::tickets::TicketKeys;
pub use self::upstream_identity::UpstreamIdentity;
