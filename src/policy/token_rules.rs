//! Whose tokens are taken: every issuer with its rules, where its keys come from or who is asked, and how long a
//! judgement is good without asking again.
//!
//! Judging is `protocol::token`'s business, asking and remembering the worker's, fetching keys the control side's.

use std::path::PathBuf;
use std::time::Duration;

use super::service::ServiceId;
use crate::protocol::token::algorithm::Algorithm;
use crate::protocol::token::claims::JwtRules;
use crate::protocol::token::introspection::{IntrospectionRules, Outage};
use crate::protocol::token::mobilefirst::MobileFirstRules;

/// By what DPoP proofs may be signed: what FAPI 2.0 (section 5.4) leaves, which every library has.
pub const PROOF_ALGORITHMS: &[Algorithm] = &[Algorithm::Es256, Algorithm::EdDsa, Algorithm::Ps256];

/// Position of an issuer in [`super::ruleset::Ruleset::issuers`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct IssuerId(pub u16);

/// One issuer of access tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    /// The name access rules refer to.
    pub name: String,
    /// What its tokens are.
    pub kind: IssuerKind,
    /// How long judgements of its tokens are good.
    pub cache: CacheRules,
}

/// How long judgements are kept, and how many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheRules {
    /// That of a good token; never longer than the token itself is good. Zero: not at all.
    pub positive: Duration,
    /// That of one that is no good. Zero: not at all.
    pub negative: Duration,
    /// Good tokens kept in the whole process; the workers share it out.
    pub entries: usize,
}

/// What an issuer's tokens are, and how they are judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IssuerKind {
    /// JSON Web Tokens, verified here.
    Jwt {
        /// What they have to be.
        rules: JwtRules,
        /// Where the keys come from.
        keys: KeySource,
    },
    /// Tokens that the Token Server is asked about (RFC 7662).
    Introspection {
        /// Where it is asked.
        service: ServiceId,
        /// What its answers have to say.
        rules: IntrospectionRules,
    },
    /// MobileFirst's access tokens, with or without an ID token.
    MobileFirst {
        /// What they have to be.
        rules: MobileFirstRules,
        /// Who judges them.
        judge: MobileFirstJudge,
    },
}

/// Who judges MobileFirst's tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MobileFirstJudge {
    /// They are verified here.
    Keys(KeySource),
    /// The server itself is asked.
    Service(ServiceId),
}

/// Where an issuer's keys come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// A set of keys, or one key, in a file.
    File(PathBuf),
    /// The same, to be had by GET.
    Service(ServiceId),
    /// The issuer's metadata, to be had by GET, which say where the set of keys is.
    Discovery(ServiceId),
}

/// Why nothing can be said of a token, through no fault of the client's: 503. It is never taken for a token that is no
/// good, or clients would throw good ones away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenServerFault {
    /// The Token Server's answer cannot be used.
    Answer(Outage),
    /// As many tokens are being asked about as may be.
    Busy,
    /// There are no keys of the issuer yet.
    KeysMissing,
    /// The Token Server did not answer in time.
    TimedOut,
    /// The Token Server cannot be reached, or broke off.
    Unreachable,
}

impl TokenServerFault {
    /// Its stable name in logs and metrics.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Answer(outage) => outage.reason(),
            Self::Busy => "token-server-busy",
            Self::KeysMissing => "token-keys-missing",
            Self::TimedOut => "token-server-timeout",
            Self::Unreachable => "token-server-unreachable",
        }
    }
}

impl Issuer {
    /// How far its clock may differ from ours, in seconds.
    pub fn skew(&self) -> u64 {
        match &self.kind {
            IssuerKind::Jwt { rules, .. } => rules.skew,
            IssuerKind::Introspection { rules, .. } => rules.skew,
            IssuerKind::MobileFirst { .. } => 0,
        }
    }

    /// Where its keys come from, if it has any.
    pub fn keys(&self) -> Option<&KeySource> {
        match &self.kind {
            IssuerKind::Jwt { keys, .. }
            | IssuerKind::MobileFirst { judge: MobileFirstJudge::Keys(keys), .. } => Some(keys),
            IssuerKind::Introspection { .. }
            | IssuerKind::MobileFirst { judge: MobileFirstJudge::Service(_), .. } => None,
        }
    }

    /// Who is asked about its tokens, if anybody is.
    pub fn judge(&self) -> Option<ServiceId> {
        match &self.kind {
            IssuerKind::Introspection { service, .. }
            | IssuerKind::MobileFirst { judge: MobileFirstJudge::Service(service), .. } => Some(*service),
            IssuerKind::Jwt { .. } | IssuerKind::MobileFirst { judge: MobileFirstJudge::Keys(_), .. } => None,
        }
    }

    /// True if it issues MobileFirst's tokens.
    pub fn is_mobilefirst(&self) -> bool {
        matches!(self.kind, IssuerKind::MobileFirst { .. })
    }

    /// Its name as a URL, where metadata of it may be looked for; `None`: it has none, or another.
    pub fn url(&self) -> Option<&str> {
        let name = match &self.kind {
            IssuerKind::Jwt { rules, .. } => Some(&rules.issuer),
            IssuerKind::Introspection { rules, .. } => rules.issuer.as_ref(),
            IssuerKind::MobileFirst { .. } => None,
        };
        name.map(|name| &**name).filter(|name| name.starts_with("https://") || name.starts_with("http://"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_named_by_what_is_wrong_with_the_server() {
        let faults = [
            TokenServerFault::Answer(Outage::Unauthorized),
            TokenServerFault::Busy,
            TokenServerFault::KeysMissing,
            TokenServerFault::TimedOut,
            TokenServerFault::Unreachable,
        ];
        let names: std::collections::BTreeSet<_> = faults.map(TokenServerFault::reason).into();
        assert_eq!(names.len(), faults.len());
        assert!(names.contains("introspection-unauthorized"));
    }
}
