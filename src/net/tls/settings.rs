//! What can be set about TLS, as plain values. `config` fills them; reading the files is left to the rest of this folder.

use std::path::PathBuf;

/// All TLS settings of a process. Positions are those of the listeners and upstreams in the rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsSettings {
    /// Per listener; absent: it speaks plain HTTP.
    pub listeners: Vec<Option<ListenerTls>>,
    /// Per upstream; absent: none of its servers is spoken to over TLS.
    pub upstreams: Vec<Option<UpstreamTls>>,
    /// Keys of session tickets, the first of which seals; empty: made at the start and rotated.
    pub ticket_keys: Vec<PathBuf>,
}

/// A certificate chain and its private key, both PEM.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The chain, the owner's certificate first.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// Whether clients are asked for a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientAuth {
    /// They are not.
    #[default]
    Off,
    /// They are, and may come without one.
    Optional,
    /// They are, and without one there is no connection.
    Required,
}

/// TLS towards clients.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListenerTls {
    /// Chosen by the name a client asks for; the first is for those that ask for no known one. At least one.
    pub certificates: Vec<CertificateFiles>,
    /// Whether clients are asked for a certificate.
    pub client_auth: ClientAuth,
    /// Authorities that vouch for clients, PEM; there unless `client_auth` is off.
    pub client_ca: Option<PathBuf>,
    /// Revocation lists of those authorities, PEM.
    pub client_crl: Option<PathBuf>,
}

/// TLS towards servers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpstreamTls {
    /// Authorities that vouch for the servers, PEM; absent: the system's.
    pub ca: Option<PathBuf>,
    /// The name asked for and looked for in the certificate; absent: the server's host.
    pub server_name: Option<String>,
    /// What the proxy shows of itself.
    pub certificate: Option<CertificateFiles>,
    /// Takes any certificate from anybody. Whoever reads settings warns of it.
    pub dangerous_accept_any_certificate: bool,
}
