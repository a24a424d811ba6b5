//! Who may use a route: what is asked of the token and of the client's certificate.
//!
//! A judged token is asked in this order, and what fails first is told:
//! 1. the issuer is one of the rule's, and the token's time is not over
//! 2. the token is bound to a key as the rule wants, and the request proves whatever key it is bound to
//! 3. an ID token came with it, where the rule wants one
//! 4. it is for one of the rule's audiences, got by one of the rule's clients
//! 5. it has all of the scope, and what its issuer's tokens must have
//! 6. the user was authenticated by one of the rule's methods, at one of its levels, and not too long ago
//!
//! All of that is asked for every request: a judgement may be remembered, its fitness for a request not. What a denial
//! is answered with is the business of `refusal` and `token_challenges`.

#[cfg(test)]
pub(crate) mod fixture;

use std::sync::Arc;
use std::time::Duration;

use super::token_rules::{Issuer, IssuerId, IssuerKind};
use crate::protocol::client_certificate::ClientCertificate;
use crate::protocol::token::proof_of_possession::ProofFault;
use crate::protocol::token::verdict::{Constraint, Judgement, ScopeShortfall};

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
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenRule {
    /// None is needed.
    NotNeeded,
    /// The server behind judges it; the proxy passes it on.
    Upstream,
    /// It is judged here.
    Judged(Arc<JudgedRule>),
}

/// What is asked of a token. An empty list asks for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JudgedRule {
    /// Whose tokens are taken; never empty.
    pub issuers: Vec<IssuerId>,
    /// What holds for the tokens of each of them, in the same order.
    pub terms: Vec<IssuerTerms>,
    /// What the token must be for: all of these.
    pub scope: Vec<String>,
    /// Whom it must be for: one of these.
    pub audience: Vec<String>,
    /// Who must have got it: one of these.
    pub client_id: Vec<String>,
    /// How the user must have been authenticated: one of these.
    pub amr: Vec<String>,
    /// At which level the user must have been authenticated: one of these.
    pub acr: Vec<String>,
    /// How long ago the user may have been authenticated.
    pub max_age: Option<Duration>,
    /// What a challenge calls the protected; absent: [`DEFAULT_REALM`].
    pub realm: Option<String>,
    /// Whether an ID token must come with it.
    pub id_token: bool,
    /// How it must be bound to a key; absent: not at all, and a bound one must be proven all the same.
    pub sender_constraint: Option<SenderConstraint>,
    /// Whether a proof must have one of our nonces.
    pub requires_nonce: bool,
    /// Some issuer is MobileFirst: an ID token may come with the access token.
    pub takes_pair: bool,
}

/// What holds for the tokens of one issuer whatever the rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IssuerTerms {
    /// How far clocks may differ, in seconds.
    pub skew: u64,
    /// What its tokens must be for besides the rule's scope.
    pub mandatory_scope: Vec<String>,
    /// Its clients are MobileFirst's.
    pub is_mobilefirst: bool,
}

/// How a token must be bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SenderConstraint {
    /// To a key that signs proofs (RFC 9449).
    Dpop,
    /// To the client's certificate (RFC 8705).
    Mtls,
    /// To either.
    Any,
}

/// What a request proves besides having a token.
#[derive(Clone, Copy, Debug, Default)]
pub struct Proofs<'a> {
    /// How the token came.
    pub form: TokenForm,
    /// The DPoP proof: the thumbprint of its key where it is good for this request and has not been seen before. Absent:
    /// there is none.
    pub proof: Option<Result<[u8; 32], ProofFault>>,
    /// The certificate that the client proved to own. Of a sealed request none: anybody can carry it.
    pub certificate: Option<&'a ClientCertificate>,
}

/// How a token came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TokenForm {
    /// Under `Bearer`.
    #[default]
    Bearer,
    /// Under `DPoP`.
    Dpop,
    /// Under `Bearer`, with an ID token.
    Pair,
}

/// Why a good token does not do here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Denial {
    /// From an issuer whose tokens this rule does not take.
    Issuer,
    /// Its time is over.
    Expired,
    /// It is not bound to a key as the rule wants, or came under `DPoP` without being bound.
    Unbound,
    /// It is bound to a key or certificate that the request does not prove to have.
    Unproven,
    /// The proof beside it is no good.
    Proof(ProofFault),
    /// There is no ID token.
    IdTokenMissing,
    /// For somebody else.
    Audience,
    /// Got by another client.
    Client,
    /// It is for less than what is asked for.
    Scope(ScopeShortfall),
    /// The user was authenticated by other means.
    Method,
    /// The user was authenticated at another level.
    Level,
    /// The user was authenticated too long ago, or nobody knows when.
    Age,
}

/// What a challenge calls the protected where nothing else is said.
pub const DEFAULT_REALM: &str = "ringwall";

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

    /// What is asked of the token, where it is judged here.
    pub fn judged(&self) -> Option<&Arc<JudgedRule>> {
        match &self.token {
            TokenRule::Judged(rule) => Some(rule),
            TokenRule::NotNeeded | TokenRule::Upstream => None,
        }
    }
}

impl JudgedRule {
    /// A rule that takes every token of these issuers, who are among `all`.
    pub fn new(all: &[Issuer], issuers: Vec<IssuerId>) -> Self {
        let terms = |id: &IssuerId| all.get(usize::from(id.0)).map(IssuerTerms::of).unwrap_or_default();
        let terms: Vec<_> = issuers.iter().map(terms).collect();
        let takes_pair = terms.iter().any(|terms| terms.is_mobilefirst);
        Self { issuers, terms, takes_pair, ..Self::default() }
    }

    /// Whether a token that was judged to be good will do for this request at `now`, in seconds since 1970.
    ///
    /// # Errors
    /// The first that is wrong, in the order of the module's text.
    pub fn judge(&self, judgement: &Judgement, request: &Proofs<'_>, now: u64) -> Result<(), Denial> {
        let own = self.issuers.iter().zip(&self.terms).find(|(id, _)| id.0 == judgement.issuer);
        let (_, terms) = own.ok_or(Denial::Issuer)?;
        if now >= judgement.expires.saturating_add(terms.skew) {
            return Err(Denial::Expired);
        }
        self.judge_binding(judgement.constraint, request)?;
        if self.id_token && request.form != TokenForm::Pair {
            return Err(Denial::IdTokenMissing);
        }
        if !names_one(&self.audience, judgement.audience.iter().map(|own| &**own)) {
            return Err(Denial::Audience);
        }
        if !names_one(&self.client_id, judgement.client_id.as_deref()) {
            return Err(Denial::Client);
        }
        let required = terms.mandatory_scope.iter().chain(&self.scope).map(String::as_str);
        if let Some(shortfall) = judgement.scope_shortfall(required, now) {
            return Err(Denial::Scope(shortfall));
        }
        self.judge_authentication(judgement, now)
    }

    /// Whether the token is bound as it must be, and whether the request proves what it is bound to. A proof that is no
    /// good spoils the request even if none is asked for.
    fn judge_binding(&self, constraint: Option<Constraint>, request: &Proofs<'_>) -> Result<(), Denial> {
        let proven = request.proof.transpose().map_err(Denial::Proof)?;
        let is_wanted = match (self.sender_constraint, constraint) {
            (None, _)
            | (Some(SenderConstraint::Dpop | SenderConstraint::Any), Some(Constraint::Key(_)))
            | (Some(SenderConstraint::Mtls | SenderConstraint::Any), Some(Constraint::Certificate(_))) => {
                true
            }
            (Some(_), _) => false,
        };
        if !is_wanted {
            return Err(Denial::Unbound);
        }
        match (constraint, request.form) {
            (None, TokenForm::Bearer | TokenForm::Pair) => Ok(()),
            // A client that says so expects the token to be of no use to others.
            (None | Some(Constraint::Certificate(_)), TokenForm::Dpop) => Err(Denial::Unbound),
            (Some(Constraint::Key(key)), TokenForm::Dpop) if proven == Some(key) => Ok(()),
            // Under `Bearer` it was stolen, or its client does not know better.
            (Some(Constraint::Key(_)), _) => Err(Denial::Unproven),
            (Some(Constraint::Certificate(hash)), TokenForm::Bearer | TokenForm::Pair) => {
                let shown = request.certificate.is_some_and(|own| is_hexadecimal_of(&own.sha256, &hash));
                if shown { Ok(()) } else { Err(Denial::Unproven) }
            }
        }
    }

    fn judge_authentication(&self, judgement: &Judgement, now: u64) -> Result<(), Denial> {
        if !names_one(&self.amr, judgement.amr.iter().map(|own| &**own)) {
            return Err(Denial::Method);
        }
        if !names_one(&self.acr, judgement.acr.as_deref()) {
            return Err(Denial::Level);
        }
        let Some(max_age) = self.max_age else { return Ok(()) };
        let is_fresh = |at: u64| now.saturating_sub(at) <= max_age.as_secs();
        if judgement.auth_time.is_some_and(is_fresh) { Ok(()) } else { Err(Denial::Age) }
    }

    /// What a challenge calls the protected.
    pub fn realm(&self) -> &str {
        self.realm.as_deref().unwrap_or(DEFAULT_REALM)
    }
}

impl IssuerTerms {
    fn of(issuer: &Issuer) -> Self {
        let mandatory_scope = match &issuer.kind {
            IssuerKind::MobileFirst { rules, .. } => {
                rules.mandatory_scope.iter().map(|name| name.to_string()).collect()
            }
            IssuerKind::Jwt { .. } | IssuerKind::Introspection { .. } => Vec::new(),
        };
        Self { skew: issuer.skew(), mandatory_scope, is_mobilefirst: issuer.is_mobilefirst() }
    }
}

impl Denial {
    /// Its stable name in logs and metrics.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Issuer => "token-other-issuer",
            Self::Expired => "token-outlived",
            Self::Unbound => "token-unbound",
            Self::Unproven => "token-unproven",
            Self::Proof(fault) => fault.reason(),
            Self::IdTokenMissing => "id-token-missing",
            Self::Audience => "audience-denied",
            Self::Client => "client-denied",
            Self::Scope(ScopeShortfall::Absent) => "scope-absent",
            Self::Scope(ScopeShortfall::Expired) => "scope-expired",
            Self::Scope(ScopeShortfall::MandatoryExpired) => "scope-mandatory-expired",
            Self::Method => "authentication-method",
            Self::Level => "authentication-level",
            Self::Age => "authentication-age",
        }
    }
}

/// True if one of `own` is one of `wanted`, or nothing is wanted.
fn names_one<'o>(wanted: &[String], own: impl IntoIterator<Item = &'o str>) -> bool {
    wanted.is_empty() || own.into_iter().any(|own| wanted.iter().any(|wanted| wanted == own))
}

/// True if `digits` are `bytes` in lower-case hexadecimal.
fn is_hexadecimal_of(digits: &str, bytes: &[u8; 32]) -> bool {
    let digit = |half: u8| b"0123456789abcdef"[usize::from(half & 15)];
    let expected = bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]);
    digits.bytes().eq(expected)
}

#[cfg(test)]
mod tests;
