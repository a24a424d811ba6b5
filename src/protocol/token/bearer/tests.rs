use super::*;

/// How a request's credentials are read, spelt out: `Credentials` prints no token.
fn told(values: &[&[u8]], pair: PairForm) -> String {
    match credentials(values.iter().copied(), pair) {
        Ok(Credentials::None) => "none".to_owned(),
        Ok(Credentials::OtherScheme) => "other".to_owned(),
        Ok(Credentials::Bearer(token)) => format!("bearer {token}"),
        Ok(Credentials::Dpop(token)) => format!("dpop {token}"),
        Ok(Credentials::Pair { access, id }) => format!("pair {access} {id}"),
        Err(fault) => fault.reason().to_owned(),
    }
}

#[test]
fn one_token_behind_its_scheme() {
    let check = |value: &str, expected: &str| {
        for pair in [PairForm::Refused, PairForm::Allowed] {
            assert_eq!(told(&[value.as_bytes()], pair), expected, "{value:?}");
        }
    };
    check("Bearer abc", "bearer abc");
    check("bearer abc", "bearer abc");
    check("BEARER abc", "bearer abc");
    check("Bearer    abc", "bearer abc");
    check("Bearer mF_9.B5f-4.1JqM", "bearer mF_9.B5f-4.1JqM");
    check("Bearer a~+/1==", "bearer a~+/1==");
    check("Bearer bearer", "bearer bearer");
    check("dpop abc", "dpop abc");
    check("DPoP abc", "dpop abc");
    check("Basic YTpi", "other");
    check("Negotiate", "other");
    check("Bearerx abc", "other");
    check("Digest a=\"b\", c=\"d\"", "other");
    for malformed in [
        "",
        "Bearer",
        "Bearer ",
        "Bearer =",
        "Bearer a=b",
        "Bearer a b c",
        "Bearer a  b",
        "Bearer a ",
        "Bearer a,b",
        "Bearer a, Bearer b",
        "Bearer\ta",
        "Bearer \ta",
        "Bearer a\tb",
        "Bearer a\0",
        "Bearer \"a\"",
        "Bearer é",
        "Bearer {\"realm\":1}",
        "Bear\"er a",
        "Bearer: a",
        " Bearer a",
        "DPoP",
        "DPoP a b",
        "Bearer a\r\nb",
    ] {
        check(malformed, "credentials-malformed");
    }
    assert_eq!(told(&[b"Bearer \xff"], PairForm::Allowed), "credentials-malformed");
}

#[test]
fn one_field_alone() {
    assert_eq!(told(&[], PairForm::Refused), "none");
    for [first, second] in
        [["Bearer a", "Bearer a"], ["Bearer a", "Basic b"], ["Basic b", "DPoP a"], ["", ""]]
    {
        let values = [first.as_bytes(), second.as_bytes()];
        assert_eq!(told(&values, PairForm::Refused), "credentials-repeated", "{values:?}");
    }
}

#[test]
fn a_pair_only_where_it_may_come() {
    assert_eq!(told(&[b"bearer a i"], PairForm::Allowed), "pair a i");
    assert_eq!(told(&[b"Bearer a i"], PairForm::Refused), "credentials-malformed");
    assert_eq!(told(&[b"Bearer a i="], PairForm::Allowed), "pair a i=");
    assert_eq!(told(&[b"Bearer a ="], PairForm::Allowed), "credentials-malformed");
}

#[test]
fn length_is_bounded() {
    let value = |length: usize| format!("Bearer {}", "a".repeat(length));
    assert!(told(&[value(TOKEN_BYTES).as_bytes()], PairForm::Refused).starts_with("bearer a"));
    assert_eq!(told(&[value(TOKEN_BYTES + 1).as_bytes()], PairForm::Refused), "credentials-too-long");
    let pair = format!("{} {}", value(3), "i".repeat(TOKEN_BYTES + 1));
    assert_eq!(told(&[pair.as_bytes()], PairForm::Allowed), "credentials-too-long");
}

#[test]
fn of_all_bytes_those_of_a_b64token_alone_are_in_one() {
    let rest = b"-._~+/";
    for byte in 0..=u8::MAX {
        let value = [b"Bearer a", &[byte][..], b"a"].concat();
        let is_in_one = byte.is_ascii_alphanumeric() || rest.contains(&byte);
        assert_eq!(told(&[&value], PairForm::Refused) != "credentials-malformed", is_in_one, "{byte:#x}");
    }
}
