//! Clients, requests and grants for tests.

use zeroize::Zeroizing;

use super::grant::Grant;
use super::request::Request;
use super::settings::{Application, ClientSettings, TokenFormat};
use crate::protocol::secret::Secret;

/// A client whose secret is its id and `-secret`, that may have `a` and `b`, and may ask about tokens.
pub(super) fn client(id: &str) -> ClientSettings {
    ClientSettings {
        id: id.to_owned(),
        secret: Secret::new(format!("{id}-secret").into_bytes()),
        scopes: vec!["a".to_owned(), "b".to_owned()],
        format: TokenFormat::Jwt,
        may_introspect: true,
        application: None,
    }
}

/// A form that nobody filled in, to this path.
pub(super) fn request(path: &str) -> Request {
    Request {
        method: "POST".to_owned(),
        path: path.to_owned(),
        host: b"127.0.0.1:7878".to_vec(),
        has_origin: false,
        authorization: None,
        content_type: Some(b"application/x-www-form-urlencoded".to_vec()),
        body: Zeroizing::default(),
    }
}

/// From second 100 to 200.
pub(super) fn grant() -> Grant {
    let application =
        Application { identifier: "Shop".to_owned(), platform: "ios".to_owned(), version: "1.0".to_owned() };
    Grant {
        client_id: "app".to_owned(),
        subject: Some("alice".to_owned()),
        scope: "a b".to_owned(),
        issued: 100,
        expires: 200,
        amr: vec!["PIN".to_owned()],
        application: Some(application),
        usage_limit: 0,
        used: 0,
    }
}
