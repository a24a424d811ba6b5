use super::*;

fn jws(header: &str, payload: &str) -> String {
    format!("{}.{}.{}", BASE64URL.encode(header), BASE64URL.encode(payload), BASE64URL.encode("signature"))
}

fn fault(text: &str) -> Option<JwsFault> {
    CompactJws::parse(text).err()
}

#[test]
fn a_token_is_split_and_its_header_read() {
    let text = jws(r#"{"alg":"ES256","kid":"k/1","typ":"at+jwt"}"#, r#"{"a":1}"#);
    let jws = CompactJws::parse(&text).expect("a token");
    assert_eq!(jws.header.algorithm, Algorithm::Es256);
    assert_eq!(jws.header.kid(), Some("k/1"));
    assert_eq!(format!("{}.{}", jws.message, jws.signature), text);
    assert_eq!(jws.payload().as_deref(), Some(&br#"{"a":1}"#[..]));
}

#[test]
fn headers_that_ask_for_something_else_are_refused() {
    let check = |header: &str, expected: Option<JwsFault>| {
        assert_eq!(fault(&jws(header, "{}")), expected, "{header}")
    };
    check(r#"{"alg":"RS256"}"#, None);
    check(r#"{"alg":"none"}"#, Some(JwsFault::Algorithm));
    check(r#"{"alg":"nOnE"}"#, Some(JwsFault::Algorithm));
    check(r#"{"alg":"HS256"}"#, Some(JwsFault::Algorithm));
    check(r#"{"alg":"ES512"}"#, Some(JwsFault::Algorithm));
    check(r#"{"alg":""}"#, Some(JwsFault::Algorithm));
    check(r#"{"alg":null}"#, Some(JwsFault::Malformed));
    check(r#"{"alg":["RS256"]}"#, Some(JwsFault::Malformed));
    check(r#"{"ALG":"RS256"}"#, Some(JwsFault::Malformed));
    check(r#"{}"#, Some(JwsFault::Malformed));
    check(r#"{"alg":"RS256","alg":"none"}"#, Some(JwsFault::Malformed));
    check(r#"{"alg":"RS256","\u0061lg":"RS256"}"#, Some(JwsFault::Malformed));
    check(r#"{"alg":"RS256","crit":["exp"],"exp":1}"#, Some(JwsFault::Critical));
    check(r#"{"alg":"RS256","crit":[]}"#, Some(JwsFault::Critical));
    check(r#"{"alg":"RS256","crit":null}"#, Some(JwsFault::Critical));
    check(r#"{"alg":"RS256","b64":false,"crit":["b64"]}"#, Some(JwsFault::Critical));
    check(r#"{"alg":"RS256","b64":true}"#, Some(JwsFault::Critical));
    check(r#"{"alg":"none","crit":[]}"#, Some(JwsFault::Critical));
    check(r#"{"alg":"RS256","kid":5}"#, Some(JwsFault::Malformed));
    check(r#"{"alg":"RS256","kid":null}"#, Some(JwsFault::Malformed));
    check(r#"{"alg":"RS256","typ":["at+jwt"]}"#, Some(JwsFault::Malformed));
    check(r#"["alg"]"#, Some(JwsFault::Malformed));
    check(r#"{"alg":"RS256"} "#, None);
    check(r#"{"alg":"RS256"}{}"#, Some(JwsFault::Malformed));
    check("", Some(JwsFault::Malformed));
    check(
        &format!(r#"{{"alg":"RS256","x":{}1{}}}"#, "[".repeat(500), "]".repeat(500)),
        Some(JwsFault::Malformed),
    );
    check(&format!(r#"{{"alg":"RS256","kid":"{}"}}"#, "k".repeat(TOKEN_KID_BYTES)), None);
    check(
        &format!(r#"{{"alg":"RS256","kid":"{}"}}"#, "k".repeat(TOKEN_KID_BYTES + 1)),
        Some(JwsFault::Malformed),
    );
    check(r#"{"alg":"RS256","jwk":{"kty":"oct"},"jku":"http://evil/","x5u":1,"x5c":[],"jpk":{}}"#, None);
}

#[test]
fn a_type_is_a_media_type() {
    let check = |typ: &str, expected: bool| {
        let text = jws(&format!(r#"{{"alg":"RS256","typ":"{typ}"}}"#), "{}");
        let header = CompactJws::parse(&text).expect("a token").header;
        assert_eq!(header.is_type("at+jwt"), expected, "{typ}");
        assert!(header.has_type());
    };
    check("at+jwt", true);
    check("AT+JWT", true);
    check("application/at+jwt", true);
    check("Application/at+JWT", true);
    check("application/application/at+jwt", false);
    check("text/at+jwt", false);
    check("JWT", false);
    check("", false);
    let text = jws(r#"{"alg":"RS256"}"#, "{}");
    let header = CompactJws::parse(&text).expect("a token").header;
    assert!(!header.has_type() && !header.is_type("at+jwt"));
}

#[test]
fn a_token_has_one_spelling() {
    let header = BASE64URL.encode(r#"{"alg":"RS256"}"#);
    let check = |text: &str, expected: Option<JwsFault>| assert_eq!(fault(text), expected, "{text}");
    check(&format!("{header}.e30.AA"), None);
    check(&format!("{header}.e30.AB"), Some(JwsFault::Malformed));
    check(&format!("{header}.e30.AA=="), Some(JwsFault::Malformed));
    check(&format!("{header}.e30.A+/A"), Some(JwsFault::Malformed));
    check(&format!("{header}.e30.A-_A"), None);
    check(&format!("{header}.e30.A"), Some(JwsFault::Malformed));
    check(&format!("{header}.e30.AA\n"), Some(JwsFault::Malformed));
    check(&format!("{header}.e30."), Some(JwsFault::Malformed));
    check(&format!("{header}=.e30.AA"), Some(JwsFault::Malformed));
    check(&format!(".{header}.e30.AA"), Some(JwsFault::Malformed));
    check(&format!("{header}.e30.AA."), Some(JwsFault::Malformed));
    check(&format!("{header}.e30.AA.AA.AA"), Some(JwsFault::Malformed));
    check(&format!("{header}.e30"), Some(JwsFault::Malformed));
    check(&header, Some(JwsFault::Malformed));
    for nothing in ["", ".", "..", "..."] {
        check(nothing, Some(JwsFault::Malformed));
    }
    // The payload's spelling is looked at when it is decoded.
    for (payload, accepted) in
        [("e30", true), ("e31", false), ("e30=", false), ("e 0", false), ("é30", false)]
    {
        let text = format!("{header}.{payload}.AA");
        let jws = CompactJws::parse(&text).expect("a token");
        assert_eq!(jws.payload().is_some(), accepted, "{payload}");
    }
}

#[test]
fn length_is_bounded() {
    let header = BASE64URL.encode(r#"{"alg":"RS256"}"#);
    let text = |length: usize| format!("{header}.{}.AA", "A".repeat(length - header.len() - 4));
    assert_eq!(fault(&text(TOKEN_BYTES)), None);
    assert_eq!(fault(&text(TOKEN_BYTES + 1)), Some(JwsFault::TooLong));
}
