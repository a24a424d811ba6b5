use std::collections::BTreeSet;

use super::fixture::{NOW, judgement, jwt_issuer, mobilefirst_issuer};
use super::*;
use crate::protocol::token::verdict::{NO_EXPIRY, ScopeElement};

const KEY: [u8; 32] = [7; 32];

/// Of the issuer whose token [`judgement`] is.
fn rule() -> JudgedRule {
    JudgedRule::new(&[jwt_issuer(), mobilefirst_issuer()], vec![IssuerId(0)])
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn boxed(words: &[&str]) -> Box<[Box<str>]> {
    words.iter().map(|word| Box::from(*word)).collect()
}

/// Judges under `Bearer` at [`NOW`].
#[track_caller]
fn check(rule: JudgedRule, judgement: &Judgement, expected: Result<(), Denial>) {
    assert_eq!(rule.judge(judgement, &Proofs::default(), NOW), expected, "{rule:?} {judgement:?}");
}

#[test]
fn a_token_of_another_issuer_is_none_here() {
    let of = |issuer| Judgement { issuer, ..judgement() };
    check(rule(), &of(0), Ok(()));
    check(rule(), &of(1), Err(Denial::Issuer));
    check(rule(), &of(2), Err(Denial::Issuer));
    let all = [jwt_issuer(), mobilefirst_issuer()];
    let both = || JudgedRule::new(&all, vec![IssuerId(0), IssuerId(1)]);
    check(both(), &of(0), Ok(()));
    check(both(), &of(1), Err(Denial::Scope(ScopeShortfall::Absent)));
    check(JudgedRule::default(), &of(0), Err(Denial::Issuer));
    assert!(both().takes_pair && !rule().takes_pair);
}

#[test]
fn time_is_asked_of_a_remembered_judgement_too() {
    // Clocks of the first may differ by 10 s, of the second not at all.
    for (issuer, expires, expected) in [
        (0, NO_EXPIRY, Ok(())),
        (0, NOW + 1, Ok(())),
        (0, NOW - 9, Ok(())),
        (0, NOW - 10, Err(Denial::Expired)),
        (0, 0, Err(Denial::Expired)),
        (1, NOW + 1, Ok(())),
        (1, NOW, Err(Denial::Expired)),
    ] {
        let rule = JudgedRule::new(&[jwt_issuer(), mobilefirst_issuer()], vec![IssuerId(1), IssuerId(0)]);
        let scopes = [ScopeElement::lasting("realm")].into();
        check(rule, &Judgement { issuer, expires, scopes, ..judgement() }, expected);
    }
}

#[test]
fn scope_is_all_of_and_expires_by_itself() {
    let element =
        |name: &str, expires, is_mandatory| ScopeElement { name: name.into(), expires, is_mandatory };
    let absent = Err(Denial::Scope(ScopeShortfall::Absent));
    let expired = Err(Denial::Scope(ScopeShortfall::Expired));
    let mandatory = Err(Denial::Scope(ScopeShortfall::MandatoryExpired));
    for (wanted, name, expires, is_mandatory, expected) in [
        (&[][..], "read", None, false, Ok(())),
        (&["read"], "read", None, false, Ok(())),
        (&["read", "write"], "read", None, false, absent),
        (&["Read"], "read", None, false, absent),
        (&["read"], "read write", None, false, absent),
        (&["rea"], "read", None, false, absent),
        (&["read"], "read", Some(NOW + 1), false, Ok(())),
        (&["read"], "read", Some(NOW), false, expired),
        (&[], "read", Some(NOW), false, Ok(())),
        (&["write"], "read", Some(NOW), false, absent),
        (&[], "read", Some(NOW + 1), true, Ok(())),
        (&[], "read", Some(NOW), true, mandatory),
    ] {
        let rule = JudgedRule { scope: words(wanted), ..rule() };
        let scopes = [element(name, expires, is_mandatory)].into();
        check(rule, &Judgement { scopes, ..judgement() }, expected);
    }
    check(JudgedRule { scope: words(&["write", "read"]), ..rule() }, &judgement(), Ok(()));
}

#[test]
fn what_an_issuer_makes_mandatory_must_be_there() {
    let all = [jwt_issuer(), mobilefirst_issuer()];
    for (scopes, expected) in [
        (&["realm"][..], Ok(())),
        (&["realm", "more"], Ok(())),
        (&["more"], Err(Denial::Scope(ScopeShortfall::Absent))),
        (&[], Err(Denial::Scope(ScopeShortfall::Absent))),
    ] {
        let scopes = scopes.iter().map(|name| ScopeElement::lasting(name)).collect();
        let judgement = Judgement { issuer: 1, scopes, ..judgement() };
        check(JudgedRule::new(&all, vec![IssuerId(1)]), &judgement, expected);
    }
    // It is no business of the tokens of others.
    check(JudgedRule::new(&all, vec![IssuerId(0), IssuerId(1)]), &judgement(), Ok(()));
}

#[test]
fn audience_client_method_and_level_are_one_of() {
    type Make = fn(Vec<String>) -> JudgedRule;
    type Bare = fn(Judgement) -> Judgement;
    let rows: [(Make, &[&str], Bare, Denial); 4] = [
        (
            |audience| JudgedRule { audience, ..rule() },
            &["orders", "users"],
            |judgement| Judgement { audience: [].into(), ..judgement },
            Denial::Audience,
        ),
        (
            |client_id| JudgedRule { client_id, ..rule() },
            &["app"],
            |judgement| Judgement { client_id: None, ..judgement },
            Denial::Client,
        ),
        (
            |amr| JudgedRule { amr, ..rule() },
            &["pwd", "otp"],
            |judgement| Judgement { amr: [].into(), ..judgement },
            Denial::Method,
        ),
        (
            |acr| JudgedRule { acr, ..rule() },
            &["gold"],
            |judgement| Judgement { acr: None, ..judgement },
            Denial::Level,
        ),
    ];
    for (make, own, bare, denial) in rows {
        for name in own {
            check(make(words(&[name])), &judgement(), Ok(()));
            check(make(words(&["other", name])), &judgement(), Ok(()));
            check(make(words(&[&name.to_uppercase()])), &judgement(), Err(denial));
        }
        check(make(Vec::new()), &bare(judgement()), Ok(()));
        check(make(words(&["other"])), &judgement(), Err(denial));
        check(make(words(&[""])), &judgement(), Err(denial));
        check(make(words(own)), &bare(judgement()), Err(denial));
    }
}

#[test]
fn an_authentication_may_be_so_old_and_no_older() {
    let judged = |max_age, auth_time| {
        let rule = JudgedRule { max_age: Some(Duration::from_secs(max_age)), ..rule() };
        rule.judge(&Judgement { auth_time, ..judgement() }, &Proofs::default(), NOW)
    };
    for (max_age, auth_time, expected) in [
        (100, Some(NOW - 100), Ok(())),
        (99, Some(NOW - 100), Err(Denial::Age)),
        (0, Some(NOW), Ok(())),
        (0, Some(NOW - 1), Err(Denial::Age)),
        (0, Some(NOW + 5), Ok(())),
        (100, Some(0), Err(Denial::Age)),
        (100, None, Err(Denial::Age)),
        (u64::MAX, Some(0), Ok(())),
    ] {
        assert_eq!(judged(max_age, auth_time), expected, "{max_age} {auth_time:?}");
    }
    check(rule(), &Judgement { auth_time: None, ..judgement() }, Ok(()));
}

#[test]
fn an_id_token_comes_with_the_pair_alone() {
    let all = [jwt_issuer(), mobilefirst_issuer()];
    let judgement = Judgement { issuer: 1, scopes: [ScopeElement::lasting("realm")].into(), ..judgement() };
    for (id_token, form, expected) in [
        (false, TokenForm::Bearer, Ok(())),
        (false, TokenForm::Pair, Ok(())),
        (true, TokenForm::Pair, Ok(())),
        (true, TokenForm::Bearer, Err(Denial::IdTokenMissing)),
    ] {
        let rule = JudgedRule { id_token, ..JudgedRule::new(&all, vec![IssuerId(1)]) };
        let request = Proofs { form, ..Proofs::default() };
        assert_eq!(rule.judge(&judgement, &request, NOW), expected, "{id_token} {form:?}");
    }
}

/// Every way to bind, to demand and to prove.
#[test]
fn a_bound_token_is_proven_or_refused() {
    use SenderConstraint::{Any, Dpop, Mtls};
    let certificate =
        |byte: &str| ClientCertificate { subject: String::new(), san: Vec::new(), sha256: byte.repeat(32) };
    let (own, other) = (certificate("07"), certificate("08"));
    let (free, key, cert) = (None, Some(Constraint::Key(KEY)), Some(Constraint::Certificate(KEY)));
    let (bearer, dpop, pair) = (TokenForm::Bearer, TokenForm::Dpop, TokenForm::Pair);
    let (none, good, wrong) = (None, Some(Ok(KEY)), Some(Ok([8; 32])));
    let bad = Some(Err(ProofFault::Expired));
    let (unbound, unproven) = (Err(Denial::Unbound), Err(Denial::Unproven));
    for (constraint, demanded, form, proof, shown, expected) in [
        (free, None, bearer, none, None, Ok(())),
        (free, None, bearer, good, Some(&own), Ok(())),
        (free, None, pair, none, None, Ok(())),
        (free, None, dpop, good, None, unbound),
        (free, Some(Dpop), bearer, good, Some(&own), unbound),
        (free, Some(Mtls), bearer, good, Some(&own), unbound),
        (free, Some(Any), dpop, good, Some(&own), unbound),
        (key, None, dpop, good, None, Ok(())),
        (key, Some(Dpop), dpop, good, None, Ok(())),
        (key, Some(Any), dpop, good, None, Ok(())),
        (key, Some(Mtls), dpop, good, Some(&own), unbound),
        (key, None, dpop, wrong, None, unproven),
        (key, None, dpop, none, Some(&own), unproven),
        (key, None, bearer, none, Some(&own), unproven),
        (key, None, bearer, good, None, unproven),
        (key, None, pair, good, None, unproven),
        (key, None, dpop, bad, None, Err(Denial::Proof(ProofFault::Expired))),
        (free, None, bearer, bad, None, Err(Denial::Proof(ProofFault::Expired))),
        (cert, None, bearer, none, Some(&own), Ok(())),
        (cert, Some(Mtls), bearer, none, Some(&own), Ok(())),
        (cert, Some(Any), bearer, none, Some(&own), Ok(())),
        (cert, Some(Dpop), bearer, none, Some(&own), unbound),
        (cert, None, bearer, none, Some(&other), unproven),
        (cert, None, bearer, good, None, unproven),
        (cert, None, dpop, good, Some(&own), unbound),
    ] {
        let rule = JudgedRule { sender_constraint: demanded, ..rule() };
        let request = Proofs { form, proof, certificate: shown };
        let judgement = Judgement { constraint, ..judgement() };
        let found = rule.judge(&judgement, &request, NOW);
        assert_eq!(found, expected, "{constraint:?} {demanded:?} {request:?}");
    }
}

#[test]
fn a_digest_is_compared_whole() {
    let bytes: [u8; 32] = std::array::from_fn(|at| (at * 9) as u8);
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(is_hexadecimal_of(&digits, &bytes));
    for other in [&digits[..62], &digits.to_uppercase(), &format!("{digits}00"), ""] {
        assert!(!is_hexadecimal_of(other, &bytes), "{other}");
    }
}

/// What would be denied for many reasons is denied for the first.
#[test]
fn reasons_come_in_their_order() {
    let mut strict = JudgedRule {
        scope: words(&["x"]),
        audience: words(&["x"]),
        client_id: words(&["x"]),
        amr: words(&["x"]),
        acr: words(&["x"]),
        max_age: Some(Duration::ZERO),
        id_token: true,
        sender_constraint: Some(SenderConstraint::Any),
        ..rule()
    };
    let mut token = Judgement { issuer: 9, expires: NOW - 10, ..judgement() };
    let mut request = Proofs { proof: Some(Err(ProofFault::Type)), ..Proofs::default() };
    let denied = |rule: &JudgedRule, token: &Judgement, request: &Proofs<'_>| {
        rule.judge(token, request, NOW).expect_err("something is wrong")
    };
    let mut found = vec![denied(&strict, &token, &request)];
    token.issuer = 0;
    found.push(denied(&strict, &token, &request));
    token.expires = NO_EXPIRY;
    found.push(denied(&strict, &token, &request));
    request.proof = None;
    found.push(denied(&strict, &token, &request));
    strict.sender_constraint = None;
    token.constraint = Some(Constraint::Key(KEY));
    found.push(denied(&strict, &token, &request));
    token.constraint = None;
    found.push(denied(&strict, &token, &request));
    request.form = TokenForm::Pair;
    found.push(denied(&strict, &token, &request));
    token.audience = boxed(&["x"]);
    found.push(denied(&strict, &token, &request));
    token.client_id = Some("x".into());
    found.push(denied(&strict, &token, &request));
    token.scopes = [ScopeElement::lasting("x")].into();
    found.push(denied(&strict, &token, &request));
    token.amr = boxed(&["x"]);
    found.push(denied(&strict, &token, &request));
    token.acr = Some("x".into());
    found.push(denied(&strict, &token, &request));
    let order = [
        Denial::Issuer,
        Denial::Expired,
        Denial::Proof(ProofFault::Type),
        Denial::Unbound,
        Denial::Unproven,
        Denial::IdTokenMissing,
        Denial::Audience,
        Denial::Client,
        Denial::Scope(ScopeShortfall::Absent),
        Denial::Method,
        Denial::Level,
        Denial::Age,
    ];
    assert_eq!(found, order);
    let reasons: BTreeSet<_> = order.iter().map(|denial| denial.reason()).collect();
    assert_eq!(reasons.len(), order.len());
}
