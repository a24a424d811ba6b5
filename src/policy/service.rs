//! Services that the proxy asks by itself: where they are, who asks, and how long an answer is waited for.
//!
//! What is asked, and what an answer means, is the business of the module that asks.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ring::rand::SecureRandom;
use zeroize::Zeroizing;

use super::ruleset::UpstreamId;
use crate::protocol::http1::HeadWriter;
use crate::protocol::secret::Secret;
use crate::protocol::token::client_assertion::{
    ASSERTION_ID_LEN, AssertionFault, AssertionKey, AssertionRules,
};
use crate::protocol::token::introspection::{ClientAuthentication, write_basic};

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
    /// Path of the resource, without a query where one is added to it.
    pub path: String,
    /// Who asks; absent: nobody says so.
    pub credentials: Option<Credentials>,
    /// Until an answer must be there, connecting included.
    pub timeout: Duration,
}

/// User name and password, or an OAuth client's id and its secret or private key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// User name or id.
    pub username: String,
    /// The file that holds the password, secret or key.
    pub secret_file: PathBuf,
    /// How they are shown.
    pub form: CredentialsForm,
    /// The value of `Authorization` that they make, or, in a form, the secret alone; empty until the file is read, and
    /// where a key stands for it.
    pub authorization: Secret,
    /// What signs assertions, once the file is read; absent in other forms.
    pub key: Option<Arc<AssertionKey>>,
}

/// How credentials are shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialsForm {
    /// A user's, in `Authorization` (RFC 7617). The name has no colon.
    Basic,
    /// An OAuth client's, in `Authorization`, both encoded first (RFC 6749 section 2.3.1).
    ClientBasic,
    /// An OAuth client's, in the form that is sent.
    ClientPost,
    /// An OAuth client's, as an assertion in the form that is sent, signed anew for every call (RFC 7523 section 2.2).
    ClientAssertion(AssertionRules),
}

impl Credentials {
    /// Those of a user, whose password is still to be read.
    pub fn new(username: String, secret_file: PathBuf) -> Self {
        Self {
            username,
            secret_file,
            form: CredentialsForm::Basic,
            authorization: Secret::default(),
            key: None,
        }
    }

    /// How an OAuth client says in a form who it is. `assertion` is what [`Self::assertion`] made for this call.
    pub fn in_form<'a>(&'a self, assertion: Option<&'a str>) -> ClientAuthentication<'a> {
        match (&self.form, assertion) {
            (CredentialsForm::ClientPost, _) => {
                ClientAuthentication::Form { id: &self.username, secret: self.authorization.expose() }
            }
            (CredentialsForm::ClientAssertion(_), Some(assertion)) => {
                ClientAuthentication::Assertion { id: &self.username, assertion }
            }
            _ => ClientAuthentication::Outside,
        }
    }

    /// An assertion for one call at `now`, in seconds since 1970; `id` is random. None: credentials of another form.
    ///
    /// # Errors
    /// There is nothing that could sign: [`AssertionFault`].
    pub fn assertion(
        &self,
        now: u64,
        id: &[u8; ASSERTION_ID_LEN],
        random: &dyn SecureRandom,
    ) -> Result<Option<String>, AssertionFault> {
        let CredentialsForm::ClientAssertion(rules) = &self.form else { return Ok(None) };
        let key = self.key.as_ref().ok_or(AssertionFault::Key)?;
        key.sign(&self.username, rules, now, id, random).map(Some)
    }

    /// Takes note of the password, or of nothing where a key stands for it.
    pub fn complete(&mut self, password: &[u8]) {
        self.authorization = match &self.form {
            CredentialsForm::Basic => self.basic(password),
            CredentialsForm::ClientBasic => {
                // Memory that it leaves while it grows is not erased.
                let mut value = Vec::with_capacity(16 + 4 * (self.username.len() + password.len()) + 8);
                write_basic(&mut value, &self.username, password);
                Secret::new(value)
            }
            CredentialsForm::ClientPost => Secret::new(password.to_vec()),
            CredentialsForm::ClientAssertion(_) => Secret::default(),
        };
    }

    fn basic(&self, password: &[u8]) -> Secret {
        let mut pair = Zeroizing::new(Vec::with_capacity(self.username.len() + 1 + password.len()));
        pair.extend_from_slice(self.username.as_bytes());
        pair.push(b':');
        pair.extend_from_slice(password);
        let encoded = Zeroizing::new(BASE64_STANDARD.encode(pair.as_slice()));
        let mut value = Vec::with_capacity("Basic ".len() + encoded.len());
        value.extend_from_slice(b"Basic ");
        value.extend_from_slice(encoded.as_bytes());
        Secret::new(value)
    }
}

impl Service {
    /// Writes the fields that every request to it has; `authority` is the chosen server's.
    pub fn write_fields(&self, authority: &str, writer: &mut HeadWriter<'_>) {
        writer.field(b"host", authority.as_bytes());
        let in_field = |credentials: &&Credentials| {
            matches!(credentials.form, CredentialsForm::Basic | CredentialsForm::ClientBasic)
        };
        if let Some(credentials) = self.credentials.as_ref().filter(in_field) {
            writer.field(b"authorization", credentials.authorization.expose());
        }
        writer.field(b"accept", b"application/json");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::token::introspection::write_form;

    #[test]
    fn credentials_are_shown_as_rfc_7617_has_them() {
        let mut credentials = Credentials::new("Aladdin".to_owned(), "secret".into());
        credentials.complete(b"open sesame");
        assert_eq!(credentials.authorization.expose(), b"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert!(!format!("{credentials:?}").contains("QWxh"));
    }

    #[test]
    fn an_oauth_client_encodes_both_first_or_puts_them_into_the_form() {
        let shown = |form, assertion| {
            let mut credentials = Credentials { form, ..Credentials::new("a:b".to_owned(), "secret".into()) };
            credentials.complete(b"p q");
            let service = Service {
                name: "s".to_owned(),
                upstream: UpstreamId(0),
                path: "/".to_owned(),
                credentials: Some(credentials.clone()),
                timeout: Duration::from_secs(1),
            };
            let mut out = Vec::new();
            service.write_fields("a.test", &mut HeadWriter::new(&mut out));
            let mut body = Vec::new();
            write_form(&mut body, "t", credentials.in_form(assertion));
            (String::from_utf8(out).unwrap(), String::from_utf8(body).unwrap())
        };
        let (fields, form) = shown(CredentialsForm::ClientBasic, None);
        assert!(fields.contains("\r\nauthorization: Basic YSUzQWI6cCtx\r\n"), "{fields}");
        assert_eq!(form, "token=t&token_type_hint=access_token");
        let (fields, form) = shown(CredentialsForm::ClientPost, None);
        assert!(!fields.contains("authorization"), "{fields}");
        assert_eq!(form, "token=t&token_type_hint=access_token&client_id=a%3Ab&client_secret=p+q");
        let rules = AssertionRules { audience: "https://a.test".into(), key_id: None, algorithm: None };
        let (fields, form) = shown(CredentialsForm::ClientAssertion(rules), Some("h.p.s"));
        assert!(!fields.contains("authorization"), "{fields}");
        assert!(form.ends_with("client_id=a%3Ab&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion=h.p.s"), "{form}");
    }

    #[test]
    fn an_assertion_needs_a_key_and_its_form() {
        let random = ring::rand::SystemRandom::new();
        let rules = AssertionRules { audience: "https://a.test".into(), key_id: None, algorithm: None };
        let mut credentials = Credentials::new("a".to_owned(), "secret".into());
        let assertion = |credentials: &Credentials| credentials.assertion(1, &[0; ASSERTION_ID_LEN], &random);
        assert_eq!(assertion(&credentials), Ok(None));
        credentials.form = CredentialsForm::ClientAssertion(rules);
        assert_eq!(assertion(&credentials), Err(AssertionFault::Key));
        let pkcs8 = ring::signature::Ed25519KeyPair::generate_pkcs8(&random).unwrap();
        let key = AssertionKey::from_pkcs8(pkcs8.as_ref(), None, &random).unwrap();
        credentials.key = Some(Arc::new(key));
        assert!(assertion(&credentials).unwrap().is_some_and(|assertion| assertion.starts_with("eyJ")));
    }
}
