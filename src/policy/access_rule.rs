//! Who may use a route: what is asked of the token and of the client's certificate. So far no rule judges a token here.

/// The access rule of a route. A route without one does not exist: the configuration refuses it. Everything that it
/// asks for must be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessRule {
    /// What becomes of the token.
    pub token: TokenRule,
    /// What is asked of the client's certificate; absent: nothing.
    pub client_certificate: Option<ClientCertificateRule>,
}

/// What becomes of a request's token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenRule {
    /// None is needed.
    NotNeeded,
    /// The server behind judges it; the proxy passes it on.
    Upstream,
}

/// What is asked of the certificate that a client proved to own in its TLS handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientCertificateRule {
    /// That it is there: any that the listener's authorities vouch for.
    Required,
    /// That one of these names or digests is its own. One of the lists may be empty, not both.
    OneOf {
        /// Subject alternative names, as they stand in the certificate; host names in lower case.
        san: Vec<String>,
        /// SHA-256 digests of the whole certificate, 64 lower-case hexadecimal digits.
        sha256: Vec<String>,
    },
}

impl AccessRule {
    /// Everybody; `check` lists such routes.
    pub const OPEN: Self = Self { token: TokenRule::NotNeeded, client_certificate: None };
    /// The server behind judges the token.
    pub const UPSTREAM: Self = Self { token: TokenRule::Upstream, client_certificate: None };
}
