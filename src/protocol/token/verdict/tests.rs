use std::collections::BTreeSet;

use super::*;

fn judgement() -> Judgement {
    Judgement {
        issuer: 3,
        expires: 100,
        subject: Some("user".into()),
        client_id: Some("client".into()),
        issuer_name: Some("https://issuer".into()),
        jti: Some("id".into()),
        scopes: [ScopeElement::lasting("read"), ScopeElement::lasting("write")].into(),
        audience: ["orders".into()].into(),
        amr: ["pwd".into(), "otp".into()].into(),
        acr: Some("gold".into()),
        auth_time: Some(1),
        constraint: None,
        application: ApplicationClaims::default(),
        claims:
            r#"{"sub": "other", "tenant": "t-1", "age": 7, "adult": true, "deep": {"a": 1}, "none": null}"#
                .into(),
        user: None,
        may_be_cached: true,
    }
}

#[test]
fn templates_find_claims() {
    let judgement = judgement();
    let check =
        |name: &str, value: Option<&str>| assert_eq!(judgement.claim(name).as_deref(), value, "{name}");
    check("sub", Some("user"));
    check("client_id", Some("client"));
    check("iss", Some("https://issuer"));
    check("jti", Some("id"));
    check("acr", Some("gold"));
    check("scope", Some("read write"));
    check("amr", Some("pwd otp"));
    check("tenant", Some("t-1"));
    check("age", Some("7"));
    check("adult", Some("true"));
    check("deep", None);
    check("none", None);
    check("absent", None);
    let bare = Judgement { subject: None, scopes: [].into(), amr: [].into(), ..judgement.clone() };
    assert_eq!([bare.claim("sub"), bare.claim("scope"), bare.claim("amr")], [None, None, None]);
}

#[test]
fn every_element_of_a_scope_counts_for_itself() {
    let element =
        |name: &str, expires, is_mandatory| ScopeElement { name: name.into(), expires, is_mandatory };
    let check = |scopes: &[ScopeElement], required: &[&str], now: u64, expected: Option<ScopeShortfall>| {
        let judgement = Judgement { scopes: scopes.into(), ..judgement() };
        let found = judgement.scope_shortfall(required.iter().copied(), now);
        assert_eq!(found, expected, "{scopes:?} {required:?} {now}");
    };
    let lasting = [element("a", None, false), element("b", None, true)];
    check(&lasting, &[], 1000, None);
    check(&lasting, &["a", "b"], 1000, None);
    check(&lasting, &["b", "c"], 0, Some(ScopeShortfall::Absent));
    check(&lasting, &["A"], 0, Some(ScopeShortfall::Absent));
    check(&lasting, &[""], 0, Some(ScopeShortfall::Absent));
    check(&[], &["a"], 0, Some(ScopeShortfall::Absent));
    let passing = [element("a", Some(50), false), element("b", Some(60), true)];
    check(&passing, &["a"], 49, None);
    check(&passing, &["a"], 50, Some(ScopeShortfall::Expired));
    check(&passing, &["b"], 50, None);
    check(&passing, &[], 59, None);
    check(&passing, &[], 60, Some(ScopeShortfall::MandatoryExpired));
    check(&passing, &["a"], 60, Some(ScopeShortfall::MandatoryExpired));
}

#[test]
fn size_counts_what_a_token_brings() {
    let small = judgement();
    let mut large = judgement();
    large.claims = "x".repeat(5000).into();
    large.user = Some(UserIdentity { id: Some("y".repeat(1000).into()), ..UserIdentity::default() });
    assert!(small.size() > size_of::<Judgement>() + small.claims.len());
    assert_eq!(large.size() - small.size(), 6000 - small.claims.len());
}

#[test]
fn nothing_personal_is_printed() {
    let text = format!("{:?}", judgement());
    for secret in ["user", "client", "t-1", "https"] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[test]
fn reasons_are_distinct_and_tell_a_client_nothing() {
    let reasons: BTreeSet<_> = TokenFault::ALL.iter().map(|fault| fault.reason()).collect();
    assert_eq!(reasons.len(), TokenFault::ALL.len());
    assert!(reasons.iter().all(|name| name.bytes().all(|byte| byte == b'-' || byte.is_ascii_lowercase())));
    let told: BTreeSet<_> = TokenFault::ALL.iter().map(|fault| fault.description()).collect();
    assert_eq!(told.len(), 1);
}

#[test]
fn what_it_says_is_whole_until_the_first_part_is_over() {
    let element = |expires| ScopeElement { name: "a".into(), expires, is_mandatory: false };
    let check = |scopes: &[ScopeElement], expires, now, expected| {
        let judgement = Judgement { scopes: scopes.into(), expires, ..judgement() };
        assert_eq!(judgement.next_expiry(now), expected, "{scopes:?} {expires} {now}");
    };
    check(&[], 100, 0, 100);
    check(&[], 100, 99, 100);
    check(&[], 100, 100, NO_EXPIRY);
    check(&[], NO_EXPIRY, 5, NO_EXPIRY);
    check(&[element(None)], NO_EXPIRY, 5, NO_EXPIRY);
    let two = [element(Some(50)), element(None), element(Some(20))];
    check(&two, 100, 0, 20);
    check(&two, 100, 19, 20);
    check(&two, 100, 20, 50);
    check(&two, 100, 50, 100);
    check(&two, 30, 20, 30);
}
