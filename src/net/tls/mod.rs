//! TLS on both sides.

pub mod settings;

pub use self::settings::{CertificateFiles, ClientAuth, ListenerTls, TlsSettings, UpstreamTls};
