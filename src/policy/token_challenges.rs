//! Which challenges go with a refusal (RFC 6750 section 3, RFC 9449 section 7.1, RFC 9470 section 3): one for each way in
//! which a route's rule takes tokens.
//!
//! They are written by `protocol::token::challenge`. All texts are the configuration's.

use super::access_rule::{Denial, JudgedRule, SenderConstraint};
use super::refusal::Refusal;
use super::token_rules::PROOF_ALGORITHMS;
use crate::protocol::token::challenge::{Challenge, ChallengeError, Scheme};
use crate::protocol::token::proof_of_possession::ProofFault;

/// What a client is told that was refused by `rule`; nothing where no other token would do, or where the client is not at
/// fault. `resource_metadata` is the address of the resource's metadata (RFC 9728).
pub fn challenges<'r>(
    rule: &'r JudgedRule,
    refusal: Refusal,
    resource_metadata: Option<&'r str>,
) -> Vec<Challenge<'r>> {
    let Some(error) = error(rule, refusal) else { return Vec::new() };
    let is_proof = matches!(error, Some(ChallengeError::InvalidProof | ChallengeError::UseNonce));
    let challenge = |scheme| Challenge { scheme, realm: rule.realm(), error, resource_metadata };
    // A token that is bound to a key has come without a proof: its client should know that one is wanted.
    let lacks_proof =
        matches!(refusal, Refusal::Denied(Denial::Unproven | Denial::Proof(ProofFault::KeyMismatch)));
    schemes(rule, is_proof, lacks_proof).map(challenge).collect()
}

/// Whether the client should be told the nonce that its next proof must have.
pub fn wants_nonce(rule: &JudgedRule, refusal: Refusal) -> bool {
    rule.requires_nonce && matches!(refusal, Refusal::Denied(Denial::Proof(_) | Denial::Unproven))
}

/// `None`: there is nothing to be told. `Some(None)`: no error, as where there were no credentials.
fn error(rule: &JudgedRule, refusal: Refusal) -> Option<Option<ChallengeError<'_>>> {
    let error = match refusal {
        Refusal::TokenMissing | Refusal::Denied(Denial::IdTokenMissing) => return Some(None),
        Refusal::Credentials(_) => ChallengeError::InvalidRequest,
        // Of a token that is bound to another key than the client has, only another token is a remedy.
        Refusal::Token(_)
        | Refusal::Denied(
            Denial::Issuer
            | Denial::Expired
            | Denial::Unbound
            | Denial::Unproven
            | Denial::Proof(ProofFault::KeyMismatch),
        ) => ChallengeError::InvalidToken,
        Refusal::Denied(Denial::Proof(ProofFault::Nonce)) => ChallengeError::UseNonce,
        Refusal::Denied(Denial::Proof(_)) => ChallengeError::InvalidProof,
        Refusal::Denied(Denial::Scope(_)) => ChallengeError::InsufficientScope { scope: &rule.scope },
        Refusal::Denied(Denial::Level | Denial::Age) => ChallengeError::InsufficientAuthentication {
            acr_values: &rule.acr,
            max_age: rule.max_age.map(|age| age.as_secs()),
        },
        _ => return None,
    };
    Some(Some(error))
}

/// The ways in which the rule takes tokens. MobileFirst's come first: its clients look for them in the first field. Where a
/// proof is at fault, the way with a proof alone.
fn schemes(rule: &JudgedRule, is_proof: bool, lacks_proof: bool) -> impl Iterator<Item = Scheme<'static>> {
    let has_mobilefirst = rule.terms.iter().any(|terms| terms.is_mobilefirst);
    let has_others = rule.terms.iter().any(|terms| !terms.is_mobilefirst);
    let takes_bearer = rule.sender_constraint != Some(SenderConstraint::Dpop);
    let takes_proofs = match rule.sender_constraint {
        Some(SenderConstraint::Dpop | SenderConstraint::Any) => true,
        Some(SenderConstraint::Mtls) => false,
        None => lacks_proof,
    };
    [
        (has_mobilefirst && rule.sender_constraint.is_none() && !is_proof, Scheme::MobileFirst),
        (has_others && takes_bearer && !is_proof, Scheme::Bearer),
        (is_proof || has_others && takes_proofs, Scheme::Dpop(PROOF_ALGORITHMS)),
    ]
    .into_iter()
    .filter_map(|(is_there, scheme)| is_there.then_some(scheme))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::policy::access_rule::fixture::{jwt_issuer, mobilefirst_issuer};
    use crate::policy::request_mapper::MapperFault;
    use crate::policy::token_rules::{IssuerId, TokenServerFault};
    use crate::protocol::token::bearer::CredentialsFault;
    use crate::protocol::token::verdict::{ScopeShortfall, TokenFault};

    fn rule(issuers: &[u16]) -> JudgedRule {
        let issuers = issuers.iter().map(|id| IssuerId(*id)).collect();
        JudgedRule {
            realm: Some("orders".to_owned()),
            scope: vec!["read".to_owned(), "write".to_owned()],
            ..JudgedRule::new(&[jwt_issuer(), mobilefirst_issuer()], issuers)
        }
    }

    /// Holds the beginnings and the error codes of the fields that go with `refusal`.
    #[track_caller]
    fn check(rule: &JudgedRule, refusal: Refusal, expected: &[(&str, Option<&str>)]) {
        let written: Vec<String> = challenges(rule, refusal, Some("https://a/meta"))
            .iter()
            .map(|challenge| {
                let mut out = Vec::new();
                challenge.write(&mut out);
                String::from_utf8(out).unwrap()
            })
            .collect();
        assert_eq!(written.len(), expected.len(), "{refusal:?} {written:?}");
        for (text, (start, error)) in written.iter().zip(expected) {
            assert!(text.starts_with(start), "{text}");
            match error {
                Some(error) => assert!(text.contains(&format!(", error=\"{error}\"")), "{text}"),
                None => assert!(!text.contains("error"), "{text}"),
            }
        }
    }

    #[test]
    fn an_error_is_told_as_the_standards_call_it() {
        const BEARER: &str = "Bearer realm=\"orders\"";
        let rule = rule(&[0]);
        let scope = Denial::Scope(ScopeShortfall::Absent);
        for (refusal, error) in [
            (Refusal::TokenMissing, None),
            (Refusal::Credentials(CredentialsFault::Repeated), Some("invalid_request")),
            (Refusal::Token(TokenFault::Expired), Some("invalid_token")),
            (Refusal::Token(TokenFault::Signature), Some("invalid_token")),
            (Refusal::Denied(Denial::Issuer), Some("invalid_token")),
            (Refusal::Denied(Denial::Expired), Some("invalid_token")),
            (Refusal::Denied(Denial::Unbound), Some("invalid_token")),
            (Refusal::Denied(Denial::IdTokenMissing), None),
            (Refusal::Denied(scope), Some("insufficient_scope")),
            (Refusal::Denied(Denial::Level), Some("insufficient_user_authentication")),
            (Refusal::Denied(Denial::Age), Some("insufficient_user_authentication")),
        ] {
            check(&rule, refusal, &[(BEARER, error)]);
        }
        // It came under `Bearer`, and would do with a proof.
        let both = [(BEARER, Some("invalid_token")), ("DPoP realm=\"orders\"", Some("invalid_token"))];
        check(&rule, Refusal::Denied(Denial::Unproven), &both);
        check(&rule, Refusal::Denied(Denial::Proof(ProofFault::KeyMismatch)), &both);
        for (fault, error) in
            [(ProofFault::Expired, "invalid_dpop_proof"), (ProofFault::Nonce, "use_dpop_nonce")]
        {
            let refusal = Refusal::Denied(Denial::Proof(fault));
            check(&rule, refusal, &[("DPoP realm=\"orders\"", Some(error))]);
        }
    }

    #[test]
    fn nothing_is_told_where_no_other_token_would_do() {
        for refusal in [
            Refusal::Denied(Denial::Audience),
            Refusal::Denied(Denial::Client),
            Refusal::Denied(Denial::Method),
            Refusal::TokenServer(TokenServerFault::TimedOut),
            Refusal::Mapper(MapperFault::TimedOut),
            Refusal::NoRoute,
        ] {
            check(&rule(&[0, 1]), refusal, &[]);
        }
    }

    #[test]
    fn every_way_to_come_in_has_a_field() {
        const MOBILE: &str = "Bearer realm=\"imfAuthentication\"";
        let (bearer, dpop) = ("Bearer realm=\"orders\"", "DPoP realm=\"orders\"");
        let bound =
            |sender_constraint| JudgedRule { sender_constraint: Some(sender_constraint), ..rule(&[0]) };
        let missing = Refusal::TokenMissing;
        check(&rule(&[0]), missing, &[(bearer, None)]);
        check(&bound(SenderConstraint::Mtls), missing, &[(bearer, None)]);
        check(&bound(SenderConstraint::Dpop), missing, &[(dpop, None)]);
        check(&bound(SenderConstraint::Any), missing, &[(bearer, None), (dpop, None)]);
        let mobile = |issuers| JudgedRule { realm: Some("imfAuthentication".to_owned()), ..rule(issuers) };
        check(&mobile(&[1]), missing, &[(MOBILE, None)]);
        check(&mobile(&[0, 1]), missing, &[(MOBILE, None), (MOBILE, None)]);
    }

    #[test]
    fn a_remedy_is_the_rules_own() {
        let rule = JudgedRule {
            acr: vec!["gold".to_owned()],
            max_age: Some(Duration::from_secs(300)),
            ..rule(&[0])
        };
        let told = |denial| {
            let mut out = Vec::new();
            challenges(&rule, Refusal::Denied(denial), Some("https://a/meta"))[0].write(&mut out);
            String::from_utf8(out).unwrap()
        };
        assert!(told(Denial::Scope(ScopeShortfall::Expired)).contains(", scope=\"read write\""));
        assert!(told(Denial::Age).contains(", acr_values=\"gold\", max_age=\"300\""));
        assert!(told(Denial::Issuer).ends_with(", resource_metadata=\"https://a/meta\""));
        let unnamed = JudgedRule { realm: None, ..rule.clone() };
        assert_eq!(unnamed.realm(), "ringwall");
    }
}
