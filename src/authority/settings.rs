//! What can be set of the embedded Token Server, in plain values.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::limits::AUTHORITY_LIFETIME;
use crate::protocol::secret::Secret;

/// The whole server.
#[derive(Clone, Debug)]
pub struct AuthoritySettings {
    /// Where it listens, in the clear: for other machines a proxy with TLS stands before it.
    pub address: SocketAddr,
    /// Its name, an http or https URL without a slash at the end, below which its endpoints are. Absent: `http://` and
    /// the address.
    pub issuer: Option<String>,
    /// Whether it makes test tokens for everybody who asks; then the address must be one of loopback.
    pub development: bool,
    /// Whom its tokens are for (`aud`).
    pub audience: Vec<String>,
    /// How long its tokens are good.
    pub lifetime: Duration,
    /// Who may ask for what.
    pub clients: Vec<ClientSettings>,
}

/// One client.
#[derive(Clone, Debug)]
pub struct ClientSettings {
    /// Its id.
    pub id: String,
    /// Its secret.
    pub secret: Secret,
    /// What it can have tokens for; with none it gets no tokens.
    pub scopes: Vec<String>,
    /// What its tokens look like.
    pub format: TokenFormat,
    /// Whether it may ask about tokens: who protects resources.
    pub may_introspect: bool,
    /// The app that it is.
    pub application: Option<Application>,
}

/// What a token looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TokenFormat {
    /// A signed JSON Web Token of type `at+jwt`.
    #[default]
    Jwt,
    /// 64 hexadecimal digits, which mean something here alone.
    Opaque,
}

/// A version of an app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    /// `app_identifier`
    pub identifier: String,
    /// `app_platform`
    pub platform: String,
    /// `app_version`
    pub version: String,
}

impl Default for AuthoritySettings {
    fn default() -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 7878)),
            issuer: None,
            development: false,
            audience: Vec::new(),
            lifetime: AUTHORITY_LIFETIME,
            clients: Vec::new(),
        }
    }
}
