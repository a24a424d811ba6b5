//! Who asks: clients that prove themselves by their secret, in `Authorization: Basic` or in the form (RFC 6749 section
//! 2.3.1), in one of the two.
//!
//! Secrets are not kept, only what they are under a key that is made at the start; comparing two of these takes the same
//! time whatever they are, and as long for a client that nobody knows.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::hmac;
use ring::rand::SecureRandom;
use zeroize::Zeroizing;

use super::answer::OAuthError;
use super::form::{Form, unescape};
use super::request::Request;
use super::settings::{Application, ClientSettings, TokenFormat};

/// All clients.
pub(super) struct Clients {
    key: hmac::Key,
    known: Vec<Client>,
}

/// One of them.
pub(super) struct Client {
    pub(super) id: String,
    pub(super) scopes: Vec<String>,
    pub(super) format: TokenFormat,
    pub(super) may_introspect: bool,
    pub(super) application: Option<Application>,
    secret: hmac::Tag,
}

impl Clients {
    /// Takes the clients; `None` without random bytes.
    pub(super) fn new(clients: Vec<ClientSettings>, random: &dyn SecureRandom) -> Option<Self> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, random).ok()?;
        let known = |client: ClientSettings| Client {
            secret: hmac::sign(&key, client.secret.expose()),
            id: client.id,
            scopes: client.scopes,
            format: client.format,
            may_introspect: client.may_introspect,
            application: client.application,
        };
        let known = clients.into_iter().map(known).collect();
        Some(Self { key, known })
    }

    /// The client that a request is from.
    ///
    /// # Errors
    /// [`OAuthError::InvalidClient`]; [`OAuthError::InvalidRequest`] if it says so in two ways.
    pub(super) fn who(&self, request: &Request, form: &Form) -> Result<&Client, OAuthError> {
        let Some(field) = &request.authorization else {
            let secret = form.get("client_secret").ok_or(OAuthError::InvalidClient)?;
            return self.check(form.get("client_id").unwrap_or_default(), secret);
        };
        if form.get("client_secret").is_some() {
            return Err(OAuthError::InvalidRequest("credentials in the form and in Authorization"));
        }
        let (id, secret) = basic(field).ok_or(OAuthError::InvalidClient)?;
        if form.get("client_id").is_some_and(|named| named != *id) {
            return Err(OAuthError::InvalidRequest("client_id is not the client of Authorization"));
        }
        self.check(&id, &secret)
    }

    fn check(&self, id: &str, secret: &str) -> Result<&Client, OAuthError> {
        let known = self.known.iter().find(|client| client.id == id);
        // Something to compare with, so that this takes its time; nobody is let through by it.
        let nobody = hmac::sign(&self.key, id.as_bytes());
        let expected = known.map_or(&nobody, |client| &client.secret);
        let is_it = hmac::verify(&self.key, secret.as_bytes(), expected.as_ref()).is_ok();
        known.filter(|_| is_it).ok_or(OAuthError::InvalidClient)
    }
}

/// Id and secret of `Basic`, both form-encoded within it.
fn basic(field: &[u8]) -> Option<(Zeroizing<String>, Zeroizing<String>)> {
    let (scheme, encoded) = field.split_at_checked("Basic ".len())?;
    if !scheme.eq_ignore_ascii_case(b"Basic ") {
        return None;
    }
    let pair = Zeroizing::new(BASE64.decode(encoded.trim_ascii()).ok()?);
    let colon = pair.iter().position(|byte| *byte == b':')?;
    let (id, secret) = pair.split_at(colon);
    Some((unescape(id)?, unescape(secret.get(1..)?)?))
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;

    use super::*;
    use crate::authority::fixture::{client, request};
    use crate::protocol::secret::Secret;
    use crate::protocol::token::introspection::write_basic;

    fn who(authorization: Option<&[u8]>, form: &str) -> Result<String, OAuthError> {
        let odd =
            ClientSettings { id: "odd:id".into(), secret: Secret::new("pä+ss %".into()), ..client("x") };
        let clients = Clients::new(vec![client("shop"), odd], &SystemRandom::new()).unwrap();
        let request = Request {
            authorization: authorization.map(|value| Zeroizing::new(value.to_vec())),
            ..request("/")
        };
        clients.who(&request, &Form::parse(form.as_bytes()).unwrap()).map(|client| client.id.clone())
    }

    fn by_field(id: &str, secret: &str, form: &str) -> Result<String, OAuthError> {
        let mut value = Vec::new();
        write_basic(&mut value, id, secret.as_bytes());
        who(Some(&value), form)
    }

    #[test]
    fn a_client_proves_itself_by_field_or_form() {
        assert_eq!(by_field("shop", "shop-secret", ""), Ok("shop".into()));
        assert_eq!(by_field("shop", "shop-secret", "client_id=shop"), Ok("shop".into()));
        assert_eq!(by_field("odd:id", "pä+ss %", ""), Ok("odd:id".into()));
        assert_eq!(who(Some(b"bAsIc c2hvcDpzaG9wLXNlY3JldA=="), ""), Ok("shop".into()));
        assert_eq!(who(None, "client_id=shop&client_secret=shop-secret"), Ok("shop".into()));
        assert_eq!(who(None, "client_id=odd%3Aid&client_secret=p%C3%A4%2Bss+%25"), Ok("odd:id".into()));
    }

    #[test]
    fn who_does_not_is_nobody() {
        for (id, secret) in [
            ("shop", ""),
            ("shop", "shop-secre"),
            ("shop", "shop-secretx"),
            ("shop", "pä+ss"),
            ("", ""),
            ("nobody", "nobody"),
            ("nobody", "shop-secret"),
        ] {
            assert_eq!(by_field(id, secret, ""), Err(OAuthError::InvalidClient), "{id} {secret}");
            let form = format!("client_id={id}&client_secret={secret}");
            assert_eq!(who(None, &form), Err(OAuthError::InvalidClient), "{form}");
        }
        for field in ["", "Basic", "Basic ", "Basic !", "Basic c2hvcA==", "Bearer c2hvcDpzaG9wLXNlY3JldA=="] {
            assert_eq!(who(Some(field.as_bytes()), ""), Err(OAuthError::InvalidClient), "{field}");
        }
        assert_eq!(who(None, ""), Err(OAuthError::InvalidClient));
    }

    #[test]
    fn a_client_says_who_it_is_in_one_way() {
        let twice = by_field("shop", "shop-secret", "client_id=shop&client_secret=shop-secret");
        assert!(matches!(twice, Err(OAuthError::InvalidRequest(_))));
        assert!(matches!(by_field("shop", "shop-secret", "client_id=x"), Err(OAuthError::InvalidRequest(_))));
    }
}
