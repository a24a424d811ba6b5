//! The tokens of MobileFirst Platform 7.0 and 7.1: an access token, and beside it an ID token that says who the user is.
//! Both are signed by the server's one key, RS256.
//!
//! The access token's scope (`imf.scope`) has elements with times of their own, some of them mandatory:
//! ```text
//! {"exp": 1459556927, "iss": ".../authorization/v1/token", "prn": client, "imf.scope": {realm: {"exp", "mandatory"}, ...}}
//! {"exp": 1459556927, "sub", "imf.user": {"id", "authBy", "displayName"}, "imf.device": {...}, "imf.application": {...}}
//! ```
//! In this order, and the first that fails is told:
//! 1. the access token: shape, algorithm, key, signature; it has a scope, which an ID token has not; issuer; test tokens;
//!    time; the scope's form
//! 2. the ID token: shape, algorithm, key, signature; it has no scope; time; issuer and client are the access token's,
//!    where it names them. Nothing else ties one to the other: who needs more has the server judge the pair
//! 3. for every request, [`Judgement::scope_shortfall`]
//!
//! The clocks are the server's own: there is no skew. The key in the header (`jpk`) is never used.

use serde_json::{Map, Value, json};

use super::algorithm::Algorithm;
use super::claim_set::{ClaimSet, TimeUnit, is_scope_token};
use super::claims::verified_claims;
use super::compact_jws::CompactJws;
use super::introspection::{Answer, IntrospectionRules, read_answer, write_encoded};
use super::key_set::KeySet;
use super::verdict::{ApplicationClaims, Judgement, NO_EXPIRY, ScopeElement, TokenFault, UserIdentity};
use crate::protocol::strict_json::{Member, Object};

/// What a server's tokens have to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MobileFirstRules {
    /// The issuer's index in the configuration.
    pub index: u16,
    /// What `iss` has to be; absent: anything, or nothing.
    pub issuer: Option<Box<str>>,
    /// Elements that every token's scope must have: the security test of the applications.
    pub mandatory_scope: Vec<Box<str>>,
    /// In what the server counts time.
    pub unit: TimeUnit,
    /// Whether tokens of the endpoint for test tokens will do.
    pub is_development: bool,
}

/// Judges an access token, and the ID token beside it, at `now`, in seconds since 1970. The scope is another question:
/// [`Judgement::scope_shortfall`].
///
/// # Errors
/// [`TokenFault`]; about the ID token [`TokenFault::IdToken`]. After [`TokenFault::UnknownKey`] it may be tried again with
/// a newer key.
pub fn judge_tokens(
    access: &str,
    id: Option<&str>,
    rules: &MobileFirstRules,
    keys: &KeySet,
    now: u64,
) -> Result<Judgement, TokenFault> {
    let access = access_claims(access, rules, keys, now)?;
    let id = match id.map(|id| id_claims(id, &access, rules, keys, now)) {
        None => None,
        Some(Ok(claims)) => Some(claims),
        Some(Err(TokenFault::UnknownKey)) => return Err(TokenFault::UnknownKey),
        Some(Err(_)) => return Err(TokenFault::IdToken),
    };
    let scopes = scope_elements(&access, rules)?;
    let client: Option<Box<str>> = access.text("prn")?.map(Box::from);
    let bare = access.judgement(rules.index)?;
    if !bare.may_be_cached {
        return Err(TokenFault::Counted);
    }
    let identity =
        id.map(|id| Identity::read(id, rules.index)).transpose().map_err(|_| TokenFault::IdToken)?;
    let identity = identity.unwrap_or_default();
    let judgement = Judgement {
        expires: bare.expires.min(identity.expires),
        subject: identity.subject.or_else(|| client.clone()),
        client_id: client.or(bare.client_id),
        scopes,
        application: identity.application,
        user: identity.user,
        ..bare
    };
    let claims = told(&judgement, identity.context).into();
    Ok(Judgement { claims, ..judgement })
}

/// Whether an access token says that it is a test token, which anybody can have made. Nothing of it is verified: it is to be
/// refused without asking anybody, and never to be taken.
pub fn is_test_token(access: &str) -> bool {
    unverified_claims(access).and_then(|claims| claims.text("iss").map(is_test_issuer)).unwrap_or(false)
}

/// Writes the form that asks the server itself to judge the tokens (`/authorization/v1/token/validation`).
pub fn write_validation_form(out: &mut Vec<u8>, access: &str, id: Option<&str>) {
    out.extend_from_slice(b"token=");
    write_encoded(out, access.as_bytes());
    if let Some(id) = id {
        out.extend_from_slice(b"&id_token=");
        write_encoded(out, id.as_bytes());
    }
}

/// Reads what the server itself says of the tokens. Elements of the scope then have no times of their own.
pub fn read_validation(status: u16, body: &[u8], rules: &MobileFirstRules, now: u64) -> Answer {
    let rules = IntrospectionRules {
        index: rules.index,
        issuer: rules.issuer.clone(),
        audience: Vec::new(),
        unit: rules.unit,
        skew: 0,
        is_fapi: false,
    };
    match read_answer(status, body, &rules, now) {
        Answer::Active(mut judgement) => {
            let answer = Object::parse(judgement.claims.as_bytes());
            let user_id =
                answer.as_ref().and_then(|answer| answer.text("user_id")).filter(|id| !id.is_empty());
            judgement.subject = user_id.map(Box::from).or(judgement.subject);
            if let Some(context) = answer.as_ref().and_then(|answer| answer.object("security_context")) {
                judgement.user = user(context);
                judgement.application = application(context);
            }
            Answer::Active(judgement)
        }
        other => other,
    }
}

/// What an ID token adds.
struct Identity {
    expires: u64,
    subject: Option<Box<str>>,
    user: Option<UserIdentity>,
    application: ApplicationClaims,
    /// Its `imf.` members.
    context: Map<String, Value>,
}

impl Default for Identity {
    fn default() -> Self {
        Self {
            expires: NO_EXPIRY,
            subject: None,
            user: None,
            application: ApplicationClaims::default(),
            context: Map::new(),
        }
    }
}

impl Identity {
    fn read(claims: ClaimSet, index: u16) -> Result<Self, TokenFault> {
        let (user, application) = (user(claims.object()), application(claims.object()));
        let judgement = claims.judgement(index)?;
        let all: Map<String, Value> =
            serde_json::from_str(&judgement.claims).map_err(|_| TokenFault::Claims)?;
        let context = all.into_iter().filter(|(name, _)| CONTEXT.contains(&name.as_str())).collect();
        Ok(Self { expires: judgement.expires, subject: judgement.subject, user, application, context })
    }
}

/// Whether it looks like an access token of MobileFirst.
fn says_scope(token: &str) -> bool {
    unverified_claims(token).is_some_and(|claims| claims.object(SCOPE).is_some())
}

/// What a token says, as anybody may have written it.
fn unverified_claims(token: &str) -> Option<Object> {
    let payload = CompactJws::parse(token).ok().and_then(|jws| jws.payload())?;
    Object::parse(&payload)
}

/// Whether this is the name of what makes test tokens.
fn is_test_issuer(issuer: &str) -> bool {
    issuer.trim_end_matches('/').ends_with("/testtoken")
}

const SCOPE: &str = "imf.scope";
/// What an ID token says of the user's surroundings.
const CONTEXT: [&str; 3] = ["imf.user", "imf.device", "imf.application"];

fn access_claims(
    token: &str,
    rules: &MobileFirstRules,
    keys: &KeySet,
    now: u64,
) -> Result<ClaimSet, TokenFault> {
    let claims = signed_claims(token, rules, keys).map_err(|fault| match fault {
        // Of another issuer on the same route: it need not be verified to be refused.
        TokenFault::UnknownKey if !says_scope(token) => TokenFault::Issuer,
        fault => fault,
    })?;
    if !claims.has(SCOPE) {
        return Err(TokenFault::OtherKind);
    }
    if let Some(issuer) = &rules.issuer {
        claims.check_issuer(issuer, true)?;
    }
    if claims.text("iss")?.is_some_and(is_test_issuer) && !rules.is_development {
        return Err(TokenFault::TestToken);
    }
    claims.check_times(now, 0, true)?;
    Ok(claims)
}

fn id_claims(
    token: &str,
    access: &ClaimSet,
    rules: &MobileFirstRules,
    keys: &KeySet,
    now: u64,
) -> Result<ClaimSet, TokenFault> {
    let claims = signed_claims(token, rules, keys)?;
    if claims.has(SCOPE) {
        return Err(TokenFault::OtherKind);
    }
    claims.check_times(now, 0, true)?;
    if let (Some(own), Some(other)) = (claims.text("iss")?, access.text("iss")?)
        && own != other
    {
        return Err(TokenFault::Issuer);
    }
    let client = access.text("prn")?;
    for name in ["prn", "azp", "client_id"] {
        if claims.text(name)?.is_some_and(|own| Some(own) != client) {
            return Err(TokenFault::OtherKind);
        }
    }
    Ok(claims)
}

fn signed_claims(token: &str, rules: &MobileFirstRules, keys: &KeySet) -> Result<ClaimSet, TokenFault> {
    let jws = CompactJws::parse(token)?;
    if jws.header.algorithm != Algorithm::Rs256 {
        return Err(TokenFault::Algorithm);
    }
    if jws.header.has_type() && !jws.header.is_type("JWT") {
        return Err(TokenFault::Type);
    }
    verified_claims(&jws, keys, rules.unit)
}

/// The elements of `imf.scope`, each with its time. One without cannot be told from one that never ends, and is a fault.
fn scope_elements(claims: &ClaimSet, rules: &MobileFirstRules) -> Result<Box<[ScopeElement]>, TokenFault> {
    let scope = claims.object().object(SCOPE).ok_or(TokenFault::Claims)?;
    let element = |(name, member): (&str, &Member)| {
        let (true, Member::Object(element)) = (is_scope_token(name), member) else {
            return Err(TokenFault::Claims);
        };
        let is_mandatory = match element.present("mandatory") {
            None => false,
            Some(Member::Bool(is_mandatory)) => *is_mandatory,
            Some(_) => return Err(TokenFault::Claims),
        };
        let expires = element.present("exp").ok_or(TokenFault::Claims)?;
        let expires = Some(rules.unit.expiry(expires)?);
        Ok(ScopeElement { name: name.into(), expires, is_mandatory })
    };
    scope.members().map(element).collect()
}

fn user(context: &Object) -> Option<UserIdentity> {
    let user = context.object("imf.user")?;
    let own = |name: &str| user.text(name).map(Box::from);
    Some(UserIdentity { id: own("id"), display_name: own("displayName"), authenticated_by: own("authBy") })
}

fn application(context: &Object) -> ApplicationClaims {
    let own = |part: &str, name: &str| context.object(part)?.text(name).map(Box::from);
    ApplicationClaims {
        id: own("imf.application", "id"),
        platform: own("imf.device", "platform"),
        version: own("imf.application", "version"),
    }
}

/// What a request mapper is told: the shape in which the server itself answers a validation.
fn told(judgement: &Judgement, mut context: Map<String, Value>) -> String {
    let user = judgement.subject.as_deref();
    context.insert("imf.sub".to_owned(), json!(user));
    json!({
        "active": true,
        "client_id": judgement.client_id.as_deref(),
        "exp": judgement.expires,
        "iss": judgement.issuer_name.as_deref(),
        "scope": judgement.claim("scope").as_deref().unwrap_or_default(),
        "security_context": context,
        "user_id": user,
    })
    .to_string()
}

#[cfg(test)]
mod tests;
