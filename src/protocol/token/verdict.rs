//! What goes up: what an access token turned out to be, or why it is no good.
//!
//! A judgement holds what the token says by itself and is the same for every request that carries it, so that it may be
//! remembered. What depends on the request (the route's rule, the proof of possession, the client's certificate, the
//! time) is asked of it each time.

use std::borrow::Cow;
use std::fmt;

use crate::protocol::strict_json;

/// [`Judgement::expires`] of a token that says nothing of it.
pub const NO_EXPIRY: u64 = u64::MAX;

/// What a good access token says. Times are in seconds since 1970.
#[derive(Clone, PartialEq, Eq)]
pub struct Judgement {
    /// Which issuer has judged it: its index in the configuration.
    pub issuer: u16,
    /// The first second at which the token is no longer good, as it says itself; [`NO_EXPIRY`] if it does not.
    pub expires: u64,
    /// Whom it stands for: `sub`. Absent in a token that a client got for itself.
    pub subject: Option<Box<str>>,
    /// Which client got it.
    pub client_id: Option<Box<str>>,
    /// The issuer's name as the token has it.
    pub issuer_name: Option<Box<str>>,
    /// The token's own name.
    pub jti: Option<Box<str>>,
    /// What it is for, in the token's order.
    pub scopes: Box<[ScopeElement]>,
    /// Whom it is for.
    pub audience: Box<[Box<str>]>,
    /// How the user was authenticated.
    pub amr: Box<[Box<str>]>,
    /// How well the user was authenticated.
    pub acr: Option<Box<str>>,
    /// When the user was authenticated.
    pub auth_time: Option<u64>,
    /// What the sender has to prove besides having the token.
    pub constraint: Option<Constraint>,
    /// The application that got the token.
    pub application: ApplicationClaims,
    /// The claims, or the answer of the Token Server, as one JSON object: what a request mapper is told.
    pub claims: Box<str>,
    /// The user as an ID token beside the access token names them.
    pub user: Option<UserIdentity>,
    /// False if every use counts: the answer is for this request alone.
    pub may_be_cached: bool,
}

/// One thing that a token is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeElement {
    /// Its name.
    pub name: Box<str>,
    /// The first second at which it no longer counts; absent: as long as the token.
    pub expires: Option<u64>,
    /// When it no longer counts, the whole token does not.
    pub is_mandatory: bool,
}

/// A key whose possession the sender of a token has to prove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Constraint {
    /// SHA-256 thumbprint (RFC 7638) of the key that signs DPoP proofs: `cnf.jkt` (RFC 9449 section 6.1).
    Key([u8; 32]),
    /// SHA-256 of the client's certificate: `cnf.x5t#S256` (RFC 8705 section 3.1).
    Certificate([u8; 32]),
}

/// The application for which a token was issued, as far as the issuer names it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApplicationClaims {
    /// Its id.
    pub id: Option<Box<str>>,
    /// What it runs on.
    pub platform: Option<Box<str>>,
    /// Its version.
    pub version: Option<Box<str>>,
}

/// Who uses the application, as an ID token says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserIdentity {
    /// The user's id.
    pub id: Option<Box<str>>,
    /// What a person calls them.
    pub display_name: Option<Box<str>>,
    /// The realm that authenticated them.
    pub authenticated_by: Option<Box<str>>,
}

/// Why a token does not have a scope that is asked for: 403 `insufficient_scope`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ScopeShortfall {
    /// A required element is not in it.
    Absent,
    /// A required element has expired before the token.
    Expired,
    /// A mandatory element of the token has expired, whatever is required.
    MandatoryExpired,
}

impl Judgement {
    /// What the scope lacks at `now` of all of `required`. To be asked for every request: elements expire by themselves.
    pub fn scope_shortfall<'r>(
        &self,
        required: impl IntoIterator<Item = &'r str>,
        now: u64,
    ) -> Option<ScopeShortfall> {
        if self.scopes.iter().any(|element| element.is_mandatory && element.has_expired(now)) {
            return Some(ScopeShortfall::MandatoryExpired);
        }
        required.into_iter().find_map(|name| {
            let named = || self.scopes.iter().filter(|element| *element.name == *name);
            match (named().next(), named().all(|element| element.has_expired(now))) {
                (None, _) => Some(ScopeShortfall::Absent),
                (Some(_), true) => Some(ScopeShortfall::Expired),
                (Some(_), false) => None,
            }
        })
    }

    /// When something that it says will next be over, from `now` on: it, or an element of its scope; [`NO_EXPIRY`] if never.
    /// What was made of it is good until then at most.
    pub fn next_expiry(&self, now: u64) -> u64 {
        let elements = self.scopes.iter().filter_map(|element| element.expires);
        let coming = elements.chain([self.expires]).filter(|expires| *expires > now);
        coming.min().unwrap_or(NO_EXPIRY)
    }

    /// The claims as they are told at `now`: without the elements of the scope that are over.
    pub fn claims_at(&self, now: u64) -> Cow<'_, str> {
        let all = match self.scopes.iter().any(|element| element.has_expired(now)) {
            true => serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&self.claims).ok(),
            false => None,
        };
        let Some(mut all) = all else { return Cow::Borrowed(&self.claims) };
        let lasting = self.scopes.iter().filter(|element| !element.has_expired(now));
        let scope = joined(lasting.map(|element| &*element.name)).unwrap_or_default();
        all.insert("scope".to_owned(), scope.into());
        Cow::Owned(serde_json::Value::Object(all).to_string())
    }

    /// A claim for a template: `sub`, `client_id`, `scope` and `amr` (elements with a space between), `iss`, `jti`, `acr`,
    /// or any other at the top of [`claims`](Self::claims) that is a text, a number or a truth value. A text may hold
    /// anything: who writes it somewhere looks at it first.
    pub fn claim(&self, name: &str) -> Option<Cow<'_, str>> {
        let known = match name {
            "sub" => self.subject.as_deref(),
            "client_id" => self.client_id.as_deref(),
            "iss" => self.issuer_name.as_deref(),
            "jti" => self.jti.as_deref(),
            "acr" => self.acr.as_deref(),
            "scope" => return joined(self.scopes.iter().map(|element| &*element.name)),
            "amr" => return joined(self.amr.iter().map(|method| &**method)),
            other => return strict_json::scalar(&self.claims, other).map(Cow::Owned),
        };
        known.map(Cow::Borrowed)
    }

    /// Bytes that it takes in memory, near enough for a cache that weighs its entries.
    pub fn size(&self) -> usize {
        let texts = [
            &self.subject,
            &self.client_id,
            &self.issuer_name,
            &self.jti,
            &self.acr,
            &self.application.id,
            &self.application.platform,
            &self.application.version,
        ];
        let user = self.user.iter().flat_map(|user| [&user.id, &user.display_name, &user.authenticated_by]);
        let texts: usize = texts.into_iter().chain(user).flatten().map(|text| text.len()).sum();
        let scopes: usize =
            self.scopes.iter().map(|element| size_of::<ScopeElement>() + element.name.len()).sum();
        let listed = self.audience.iter().chain(&*self.amr);
        let listed: usize = listed.map(|text| size_of::<Box<str>>() + text.len()).sum();
        size_of::<Self>() + texts + scopes + listed + self.claims.len()
    }
}

/// Shows nothing that names a person or a token.
impl fmt::Debug for Judgement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Judgement")
            .field("issuer", &self.issuer)
            .field("expires", &self.expires)
            .field("scopes", &self.scopes)
            .field("may_be_cached", &self.may_be_cached)
            .finish_non_exhaustive()
    }
}

impl ScopeElement {
    /// An element that lives as long as its token.
    pub fn lasting(name: &str) -> Self {
        Self { name: name.into(), expires: None, is_mandatory: false }
    }

    /// True from the second on at which it no longer counts.
    pub fn has_expired(&self, now: u64) -> bool {
        self.expires.is_some_and(|expires| now >= expires)
    }
}

/// Why an access token is no good. All of them are 401 `invalid_token` (RFC 6750 section 3.1); which one it is goes to the
/// log and the metrics alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenFault {
    /// Signed by an algorithm that is unknown, symmetric, none, or not allowed for the issuer.
    Algorithm,
    /// For somebody else, or for nobody.
    Audience,
    /// Its claims are no JSON object, or one has a type or value that it cannot have.
    Claims,
    /// It is bound to a key in a way that cannot be checked here.
    Confirmation,
    /// Its uses are counted, which the Token Server alone can do: it has to be asked about (`kind = "introspection"`).
    Counted,
    /// It asks for an extension (`crit`, `b64`).
    Critical,
    /// Its time is over.
    Expired,
    /// The ID token beside it is no good.
    IdToken,
    /// The Token Server says that it is not active.
    Inactive,
    /// It comes from another issuer.
    Issuer,
    /// It was issued more than a minute from now.
    IssuedLater,
    /// It has none of the shapes of a token.
    Malformed,
    /// A claim that it must have is not there.
    MissingClaim,
    /// Its time has not come.
    NotYetValid,
    /// It is an ID token, or another kind of token, in the place of an access token.
    OtherKind,
    /// Its signature is not by the key.
    Signature,
    /// It is a test token, outside of development.
    TestToken,
    /// Its times are in other units than the issuer's are said to be: the configuration is wrong.
    TimeUnit,
    /// Longer than a token may be.
    TooLong,
    /// Its `typ` is not that of an access token.
    Type,
    /// It is bound to no key, and the issuer's tokens must be.
    Unconstrained,
    /// No key is known that it could be signed by. The caller may fetch the keys anew, and ask again.
    UnknownKey,
}

impl TokenFault {
    /// Every one of them.
    pub const ALL: [Self; 22] = [
        Self::Algorithm,
        Self::Audience,
        Self::Claims,
        Self::Confirmation,
        Self::Counted,
        Self::Critical,
        Self::Expired,
        Self::IdToken,
        Self::Inactive,
        Self::Issuer,
        Self::IssuedLater,
        Self::Malformed,
        Self::MissingClaim,
        Self::NotYetValid,
        Self::OtherKind,
        Self::Signature,
        Self::TestToken,
        Self::TimeUnit,
        Self::TooLong,
        Self::Type,
        Self::Unconstrained,
        Self::UnknownKey,
    ];

    /// Its stable name in logs and metrics.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Algorithm => "token-algorithm",
            Self::Audience => "token-audience",
            Self::Claims => "token-claims",
            Self::Confirmation => "token-confirmation",
            Self::Counted => "token-counted",
            Self::Critical => "token-critical",
            Self::Expired => "token-expired",
            Self::IdToken => "token-id-token",
            Self::Inactive => "token-inactive",
            Self::Issuer => "token-issuer",
            Self::IssuedLater => "token-issued-later",
            Self::Malformed => "token-malformed",
            Self::MissingClaim => "token-missing-claim",
            Self::NotYetValid => "token-not-yet-valid",
            Self::OtherKind => "token-other-kind",
            Self::Signature => "token-signature",
            Self::TestToken => "token-test",
            Self::TimeUnit => "token-time-unit",
            Self::TooLong => "token-too-long",
            Self::Type => "token-type",
            Self::Unconstrained => "token-unconstrained",
            Self::UnknownKey => "token-unknown-key",
        }
    }

    /// What the client is told: the same for all, so that nobody learns how far a made-up token came.
    pub fn description(self) -> &'static str {
        "The access token is expired, revoked, malformed or otherwise invalid."
    }
}

fn joined<'a>(words: impl Iterator<Item = &'a str>) -> Option<Cow<'a, str>> {
    let mut text = String::new();
    for word in words {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(word);
    }
    (!text.is_empty()).then_some(Cow::Owned(text))
}

#[cfg(test)]
mod tests;
