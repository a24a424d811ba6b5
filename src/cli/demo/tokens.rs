//! Tokens of the demo: asked for at the Token Server, over HTTP as by anybody.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;

use super::client::Client;
use super::secret_files::SecretFiles;
use crate::authority::server::AuthorityServer;
use crate::authority::settings::{Application, AuthoritySettings, ClientSettings, TokenFormat};
use crate::protocol::secret::Secret;

/// The client that asks about tokens: the proxy.
pub(super) const GATE: &str = "ringwall";
/// The file with its secret.
pub(super) const GATE_SECRET: &str = "introspection.secret";
/// A client that gets tokens for itself.
const JOB: &str = "nightly-job";
/// Whom tokens are for.
pub(super) const AUDIENCE: &str = "shop";

/// The Token Server and what is known to its clients.
pub(super) struct Tokens {
    server: AuthorityServer,
    job_secret: String,
}

impl Tokens {
    /// Starts a Token Server on a free port of loopback.
    pub(super) fn start(secrets: &SecretFiles) -> Result<Self, String> {
        let cannot = |error: io::Error| format!("cannot make a secret: {error}");
        let gate_secret = secrets.make(GATE_SECRET).map_err(cannot)?;
        let job_secret = secrets.make("job.secret").map_err(cannot)?;
        let client = |id: &str, secret: &str| ClientSettings {
            id: id.to_owned(),
            secret: Secret::new(secret.into()),
            scopes: Vec::new(),
            format: TokenFormat::Opaque,
            may_introspect: false,
            application: None,
        };
        let gate = ClientSettings { may_introspect: true, ..client(GATE, &gate_secret) };
        let application = Application {
            identifier: "NightlyJob".to_owned(),
            platform: "linux".to_owned(),
            version: "2.1".to_owned(),
        };
        let job = ClientSettings {
            scopes: vec!["orders.read".to_owned(), "orders.write".to_owned()],
            application: Some(application),
            ..client(JOB, &job_secret)
        };
        let settings = AuthoritySettings {
            address: ([127, 0, 0, 1], 0).into(),
            development: true,
            audience: vec![AUDIENCE.to_owned()],
            lifetime: Duration::from_secs(600),
            clients: vec![gate, job],
            ..AuthoritySettings::default()
        };
        let server = AuthorityServer::start(settings).map_err(|fault| fault.to_string())?;
        Ok(Self { server, job_secret })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    pub(super) fn issuer(&self) -> &str {
        self.server.issuer()
    }

    /// A test token: what it is to say stands in `form`.
    pub(super) fn test(&self, form: &str) -> io::Result<String> {
        self.post("/oauth/v1/testtoken", "", form)
    }

    /// A token of a client for itself, for this scope (RFC 6749 section 4.4).
    pub(super) fn job(&self, scope: &str) -> io::Result<String> {
        let pair = BASE64.encode(format!("{JOB}:{}", self.job_secret));
        let form = format!("grant_type=client_credentials&scope={scope}");
        self.post("/oauth/v1/token", &format!("Authorization: Basic {pair}\r\n"), &form)
    }

    fn post(&self, path: &str, fields: &str, form: &str) -> io::Result<String> {
        let (host, length) = (self.address(), form.len());
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {length}\r\n{fields}\r\n{form}"
        );
        let answer = Client::ask(self.address(), request.as_bytes())?;
        let document: Value = serde_json::from_slice(&answer.body).map_err(io::Error::other)?;
        let token = document["access_token"].as_str().map(str::to_owned);
        token.ok_or_else(|| io::Error::other(format!("no token: {}", answer.text())))
    }
}
