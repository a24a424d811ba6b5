//! Services that the proxy asks by itself: where they are, who asks, and how long an answer is waited for.
//!
//! What is asked, and what an answer means, is the business of the module that asks.

use std::path::PathBuf;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use zeroize::Zeroizing;

use super::ruleset::UpstreamId;
use crate::protocol::http1::HeadWriter;
use crate::protocol::secret::Secret;

/// Position of a service in [`super::ruleset::Ruleset::services`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ServiceId(pub u16);

/// A resource on a server that is asked over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// What messages call it: where the configuration names it.
    pub name: String,
    /// The servers that have it.
    pub upstream: UpstreamId,
    /// Path of the resource, without a query.
    pub path: String,
    /// Who asks; absent: nobody says so.
    pub credentials: Option<Credentials>,
    /// Until an answer must be there, connecting included.
    pub timeout: Duration,
}

/// User name and password (RFC 7617).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// User name: no colon, no control characters.
    pub username: String,
    /// The file that holds the password.
    pub password_file: PathBuf,
    /// The value of `Authorization` that they make; empty until the file is read.
    pub authorization: Secret,
}

impl Credentials {
    /// Those of `username`, whose password is still to be read.
    pub fn new(username: String, password_file: PathBuf) -> Self {
        Self { username, password_file, authorization: Secret::default() }
    }

    /// Takes note of the password.
    pub fn complete(&mut self, password: &[u8]) {
        let mut pair = Zeroizing::new(Vec::with_capacity(self.username.len() + 1 + password.len()));
        pair.extend_from_slice(self.username.as_bytes());
        pair.push(b':');
        pair.extend_from_slice(password);
        let encoded = Zeroizing::new(BASE64_STANDARD.encode(pair.as_slice()));
        let mut value = Vec::with_capacity("Basic ".len() + encoded.len());
        value.extend_from_slice(b"Basic ");
        value.extend_from_slice(encoded.as_bytes());
        self.authorization = Secret::new(value);
    }
}

impl Service {
    /// Writes the fields that every request to it has; `authority` is the chosen server's.
    pub fn write_fields(&self, authority: &str, writer: &mut HeadWriter<'_>) {
        writer.field(b"host", authority.as_bytes());
        if let Some(credentials) = &self.credentials {
            writer.field(b"authorization", credentials.authorization.expose());
        }
        writer.field(b"accept", b"application/json");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_shown_as_rfc_7617_has_them() {
        let mut credentials = Credentials::new("Aladdin".to_owned(), "secret".into());
        credentials.complete(b"open sesame");
        assert_eq!(credentials.authorization.expose(), b"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert!(!format!("{credentials:?}").contains("QWxh"));
    }
}
