//! Which endpoint answers a request, and what. Pure: a request, the time and a source of randomness in, an answer out.

use std::collections::BTreeSet;

use ring::rand::SecureRandom;
use serde_json::json;
use zeroize::Zeroizing;

use super::answer::{Answer, OAuthError, Refusal};
use super::clients::{Client, Clients};
use super::form::Form;
use super::grant::{Grant, Signature};
use super::metadata::{INTROSPECTION, KEYS, REVOCATION, TEST_TOKEN, TOKEN, WELL_KNOWN, metadata};
use super::request::Request;
use super::settings::{AuthoritySettings, TokenFormat};
use super::test_token;
use super::token_store::TokenStore;
use crate::limits::AUTHORITY_TOKENS;
use crate::protocol::token::token_signer::TokenSigner;

/// Everything that answers are made of.
pub(super) struct Desk {
    issuer: String,
    audience: Vec<String>,
    /// In seconds.
    lifetime: u64,
    is_development: bool,
    clients: Clients,
    signer: TokenSigner,
    store: TokenStore,
}

impl Desk {
    /// The desk of a server of this name. `None` without random bytes.
    pub(super) fn new(
        settings: AuthoritySettings,
        issuer: String,
        signer: TokenSigner,
        random: &dyn SecureRandom,
    ) -> Option<Self> {
        Some(Self {
            issuer,
            audience: settings.audience,
            lifetime: settings.lifetime.as_secs(),
            is_development: settings.development,
            clients: Clients::new(settings.clients, random)?,
            signer,
            store: TokenStore::new(AUTHORITY_TOKENS),
        })
    }

    /// Answers a request at `now`, in seconds since 1970.
    pub(super) fn answer(&mut self, request: &Request, now: u64, random: &dyn SecureRandom) -> Answer {
        let is_get = request.method == "GET";
        let is_post = request.method == "POST";
        match request.path.as_str() {
            path if WELL_KNOWN.contains(&path) => match is_get {
                true => Answer::public(metadata(&self.issuer).as_bytes()),
                false => Refusal::Method("GET").into(),
            },
            KEYS if is_get => Answer::public(self.signer.key_set().as_bytes()),
            KEYS => Refusal::Method("GET").into(),
            TEST_TOKEN if !self.is_development => Refusal::NotFound.into(),
            TOKEN | REVOCATION | INTROSPECTION | TEST_TOKEN if !is_post => Refusal::Method("POST").into(),
            TEST_TOKEN => match test_token::check_asker(request) {
                Ok(()) => self.test_token(request, now, random).unwrap_or_else(Answer::from),
                Err(refusal) => refusal.into(),
            },
            TOKEN => self.token(request, now, random).unwrap_or_else(Answer::from),
            REVOCATION => self.revocation(request, now).unwrap_or_else(Answer::from),
            INTROSPECTION => self.introspection(request, now).unwrap_or_else(Answer::from),
            _ => Refusal::NotFound.into(),
        }
    }

    /// A token for a client itself (RFC 6749 section 4.4).
    fn token(
        &mut self,
        request: &Request,
        now: u64,
        random: &dyn SecureRandom,
    ) -> Result<Answer, OAuthError> {
        let form = form(request)?;
        let client = self.clients.who(request, &form)?;
        match form.get("grant_type") {
            Some("client_credentials") => {}
            Some(_) => return Err(OAuthError::UnsupportedGrantType),
            None => return Err(OAuthError::InvalidRequest("grant_type is missing")),
        }
        let grant = Grant {
            client_id: client.id.clone(),
            subject: None,
            scope: granted_scope(client, form.get("scope"))?,
            issued: now,
            expires: now.saturating_add(self.lifetime),
            amr: Vec::new(),
            application: client.application.clone(),
            usage_limit: 0,
            used: 0,
        };
        let format = client.format;
        self.issue(grant, format, now, random)
    }

    fn test_token(
        &mut self,
        request: &Request,
        now: u64,
        random: &dyn SecureRandom,
    ) -> Result<Answer, OAuthError> {
        let (grant, format) = test_token::read(&form(request)?, now, self.lifetime)?;
        self.issue(grant, format, now, random)
    }

    /// Makes a token, and remembers it (RFC 6749 section 5.1).
    fn issue(
        &mut self,
        grant: Grant,
        format: TokenFormat,
        now: u64,
        random: &dyn SecureRandom,
    ) -> Result<Answer, OAuthError> {
        let mut bytes = Zeroizing::new([0; 32]);
        random.fill(&mut *bytes).map_err(|_| OAuthError::ServerError)?;
        let name = Zeroizing::new(bytes.iter().map(|byte| format!("{byte:02X}")).collect::<String>());
        let token = match format {
            TokenFormat::Opaque => name,
            TokenFormat::Jwt => {
                let claims = grant.claims(self.signature(), &name).to_string();
                let signed = self.signer.sign(&claims, random);
                Zeroizing::new(signed.map_err(|_| OAuthError::ServerError)?)
            }
        };
        let mut document = json!({
            "access_token": *token, "token_type": "Bearer", "expires_in": grant.expires.saturating_sub(now),
        });
        if !grant.scope.is_empty() {
            document["scope"] = json!(grant.scope);
        }
        self.store.insert(&token, grant, now);
        Ok(Answer::private(&document))
    }

    /// What is to be said of a token (RFC 7662). One that may be used so and so often is used by this.
    fn introspection(&mut self, request: &Request, now: u64) -> Result<Answer, OAuthError> {
        let form = form(request)?;
        if !self.clients.who(request, &form)?.may_introspect {
            return Err(OAuthError::NotForIntrospection);
        }
        let token = form.get("token").ok_or(OAuthError::InvalidRequest("token is missing"))?;
        let signature = Signature { issuer: &self.issuer, audience: &self.audience };
        let grant = self.store.find(token, now);
        let usable = grant.filter(|grant| grant.usage_limit == 0 || grant.used < grant.usage_limit);
        Ok(Answer::private(&usable.map_or(json!({ "active": false }), |grant| {
            grant.used += 1;
            grant.described(signature)
        })))
    }

    /// Takes back a token (RFC 7009). One that nobody knows is as good as taken back.
    fn revocation(&mut self, request: &Request, now: u64) -> Result<Answer, OAuthError> {
        let form = form(request)?;
        let client = self.clients.who(request, &form)?;
        let token = form.get("token").ok_or(OAuthError::InvalidRequest("token is missing"))?;
        if self.store.find(token, now).is_some_and(|grant| grant.client_id != client.id) {
            return Err(OAuthError::InvalidGrant);
        }
        self.store.remove(token);
        Ok(Answer::done())
    }

    fn signature(&self) -> Signature<'_> {
        Signature { issuer: &self.issuer, audience: &self.audience }
    }
}

fn form(request: &Request) -> Result<Form, OAuthError> {
    if !request.has_form() {
        return Err(OAuthError::InvalidRequest("the body must be application/x-www-form-urlencoded"));
    }
    let malformed = OAuthError::InvalidRequest("the form is malformed, or has a parameter more than once");
    Form::parse(&request.body).ok_or(malformed)
}

/// What a client gets of what it asks for: all that it may have if it asks for nothing, and nothing that it may not.
fn granted_scope(client: &Client, asked: Option<&str>) -> Result<String, OAuthError> {
    if client.scopes.is_empty() {
        return Err(OAuthError::UnauthorizedClient);
    }
    let Some(asked) = asked else { return Ok(client.scopes.join(" ")) };
    let words: BTreeSet<&str> = asked.split(' ').collect();
    if words.iter().all(|word| client.scopes.iter().any(|own| own == word)) {
        Ok(words.into_iter().collect::<Vec<_>>().join(" "))
    } else {
        Err(OAuthError::InvalidScope)
    }
}

#[cfg(test)]
mod tests;
