//! Issuers and a judgement for tests of whatever asks about tokens.

use std::time::Duration;

use crate::policy::token_rules::{CacheRules, Issuer, IssuerKind, KeySource, MobileFirstJudge};
use crate::protocol::token::algorithm::Algorithm;
use crate::protocol::token::claim_set::TimeUnit;
use crate::protocol::token::claims::JwtRules;
use crate::protocol::token::mobilefirst::MobileFirstRules;
use crate::protocol::token::verdict::{ApplicationClaims, Judgement, ScopeElement};

/// The time of [`judgement`].
pub(crate) const NOW: u64 = 1_000_000;

/// What a token of issuer 0 says: of the user `alice`, for an hour from [`NOW`] on.
pub(crate) fn judgement() -> Judgement {
    Judgement {
        issuer: 0,
        expires: NOW + 3600,
        subject: Some("alice".into()),
        client_id: Some("app".into()),
        issuer_name: Some("https://login.test".into()),
        jti: None,
        scopes: [ScopeElement::lasting("read"), ScopeElement::lasting("write")].into(),
        audience: ["orders".into(), "users".into()].into(),
        amr: ["pwd".into(), "otp".into()].into(),
        acr: Some("gold".into()),
        auth_time: Some(NOW - 100),
        constraint: None,
        application: ApplicationClaims::default(),
        claims: r#"{"sub":"alice","scope":"read write","tenant":"t-1","evil":"a\r\nx-role: admin"}"#.into(),
        user: None,
        may_be_cached: true,
    }
}

/// Clocks may differ by 10 s.
pub(crate) fn jwt_issuer() -> Issuer {
    let rules = JwtRules {
        index: 0,
        issuer: "https://login.test".into(),
        audience: vec!["orders".into()],
        algorithms: vec![Algorithm::Es256],
        requires_type: true,
        skew: 10,
        is_fapi: false,
    };
    issuer("main", IssuerKind::Jwt { rules, keys: KeySource::File("keys.json".into()) })
}

/// Its tokens must be for `realm`.
pub(crate) fn mobilefirst_issuer() -> Issuer {
    let rules = MobileFirstRules {
        index: 1,
        issuer: None,
        mandatory_scope: vec!["realm".into()],
        unit: TimeUnit::Seconds,
        is_development: false,
    };
    let judge = MobileFirstJudge::Keys(KeySource::File("key.json".into()));
    issuer("worklight", IssuerKind::MobileFirst { rules, judge })
}

fn issuer(name: &str, kind: IssuerKind) -> Issuer {
    let cache =
        CacheRules { positive: Duration::from_secs(60), negative: Duration::from_secs(5), entries: 100 };
    Issuer { name: name.to_owned(), kind, cache }
}
