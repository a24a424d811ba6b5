use super::*;

fn write(
    scheme: Scheme<'_>,
    realm: &str,
    error: Option<ChallengeError<'_>>,
    metadata: Option<&str>,
) -> String {
    let mut out = Vec::new();
    Challenge { scheme, realm, error, resource_metadata: metadata }.write(&mut out);
    String::from_utf8(out).expect("a text")
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn bearer_challenges() {
    let check = |error: Option<ChallengeError<'_>>, expected: &str| {
        assert_eq!(write(Scheme::Bearer, "orders", error, None), expected);
    };
    check(None, r#"Bearer realm="orders""#);
    check(
        Some(ChallengeError::InvalidRequest),
        concat!(
            r#"Bearer realm="orders", error="invalid_request", "#,
            r#"error_description="The request's credentials are repeated or malformed.""#
        ),
    );
    check(
        Some(ChallengeError::InvalidToken),
        concat!(
            r#"Bearer realm="orders", error="invalid_token", "#,
            r#"error_description="The access token is expired, revoked, malformed or otherwise invalid.""#
        ),
    );
    check(
        Some(ChallengeError::InsufficientScope { scope: &words(&["read", "write"]) }),
        concat!(
            r#"Bearer realm="orders", error="insufficient_scope", "#,
            r#"error_description="The request needs more than the access token is for.", scope="read write""#
        ),
    );
    let step_up = ChallengeError::InsufficientAuthentication {
        acr_values: &words(&["gold", "silver"]),
        max_age: Some(300),
    };
    check(
        Some(step_up),
        concat!(
            r#"Bearer realm="orders", error="insufficient_user_authentication", "#,
            r#"error_description="The request needs another, or a fresher, authentication.", "#,
            r#"acr_values="gold silver", max_age="300""#
        ),
    );
    let bare = ChallengeError::InsufficientAuthentication { acr_values: &[], max_age: None };
    let text = write(Scheme::Bearer, "orders", Some(bare), None);
    assert!(!text.contains("acr_values") && !text.contains("max_age"), "{text}");
}

#[test]
fn metadata_is_named() {
    let address = "https://api.example.com/.well-known/oauth-protected-resource/orders";
    let text = write(Scheme::Bearer, "orders", None, Some(address));
    assert_eq!(text, format!(r#"Bearer realm="orders", resource_metadata="{address}""#));
    assert_eq!(write(Scheme::MobileFirst, "a", None, Some(address)), r#"Bearer realm="a""#);
}

#[test]
fn dpop_challenges() {
    let scheme = Scheme::Dpop(&[Algorithm::Es256, Algorithm::EdDsa]);
    assert_eq!(write(scheme, "orders", None, None), r#"DPoP realm="orders", algs="ES256 EdDSA""#);
    for (error, code) in [
        (ChallengeError::UseNonce, "use_dpop_nonce"),
        (ChallengeError::InvalidProof, "invalid_dpop_proof"),
        (ChallengeError::InvalidToken, "invalid_token"),
    ] {
        let text = write(scheme, "orders", Some(error), None);
        assert!(
            text.starts_with(&format!(r#"DPoP realm="orders", error="{code}", error_description=""#)),
            "{text}"
        );
        assert!(text.ends_with(r#"", algs="ES256 EdDSA""#), "{text}");
    }
}

/// Its client gets a new token if the field begins with `Bearer` and has the realm in quotes, and reads `scope`.
#[test]
fn mobilefirst_challenges() {
    let write = |error| write(Scheme::MobileFirst, MOBILEFIRST_REALM, error, None);
    assert_eq!(write(None), r#"Bearer realm="imfAuthentication""#);
    assert_eq!(
        write(Some(ChallengeError::InvalidToken)),
        r#"Bearer realm="imfAuthentication", error="invalid_token""#
    );
    assert_eq!(
        write(Some(ChallengeError::InsufficientScope { scope: &words(&["SampleAppRealm", "other"]) })),
        r#"Bearer realm="imfAuthentication", error="insufficient_scope", scope="SampleAppRealm other""#
    );
}

#[test]
fn quotes_do_not_end_early_and_no_line_is_begun() {
    let check = |realm: &str, expected: &str| {
        assert_eq!(write(Scheme::Bearer, realm, None, None), format!("Bearer realm={expected}"), "{realm:?}");
    };
    check("", r#""""#);
    check(r#"a"b"#, r#""a\"b""#);
    check(r"a\b", r#""a\\b""#);
    check(r#"a\", error="x"#, r#""a\\\", error=\"x""#);
    check("a\r\nSet-Cookie: b", r#""aSet-Cookie: b""#);
    check("a\0\u{7f}\té", r#""a""#);
}
