//! The body for tokens: a client that may write any credentials and any token, an issuer that may sign anything, and a
//! Token Server that may answer anything. What is accepted is read again the plain way.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};

use crate::limits::{KEY_SET_KEYS, TOKEN_BYTES};
use crate::protocol::token::algorithm::Algorithm;
use crate::protocol::token::bearer::{Credentials, PairForm, credentials};
use crate::protocol::token::challenge::{Challenge, ChallengeError, Scheme};
use crate::protocol::token::claim_set::TimeUnit;
use crate::protocol::token::claims::{JwtRules, judge_jwt};
use crate::protocol::token::compact_jws::CompactJws;
use crate::protocol::token::introspection::{Answer, IntrospectionRules, read_answer};
use crate::protocol::token::key_set::KeySet;
use crate::protocol::token::mobilefirst::{MobileFirstRules, judge_tokens};
use crate::protocol::token::proof_of_possession::{ProofExpectation, check_proof};
use crate::protocol::token::proof_target::ProofTarget;
use crate::protocol::token::verdict::TokenFault;

const NOW: u64 = 1_700_000_000;
const ISSUER: &str = "https://issuer";
const AUDIENCE: &str = "orders";

/// Tokens. The first byte chooses what the rest is: credentials, a token as it comes, claims that the issuer signs, header
/// and claims that it signs (a line each), a set of keys, an answer of the Token Server, the target of a proof, a realm.
pub fn token(data: &[u8]) {
    let Some((kind, bytes)) = data.split_first() else { return };
    match kind % 8 {
        0 => check_credentials(bytes),
        1 => check_unsigned(bytes),
        2 => check_signed(br#"{"alg":"EdDSA","typ":"at+jwt"}"#, bytes),
        3 => {
            let at = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
            check_signed(&bytes[..at], bytes.get(at + 1..).unwrap_or_default());
        }
        4 => check_key_set(bytes),
        5 => check_answer(bytes),
        6 => check_target(bytes),
        _ => check_challenge(bytes),
    }
}

fn check_credentials(bytes: &[u8]) {
    let values = || bytes.split(|byte| *byte == b'\n');
    let is_token = |token: &str| {
        let letters = token.trim_end_matches('=');
        let is_letter = |letter: char| letter.is_ascii_alphanumeric() || "-._~+/".contains(letter);
        (1..=TOKEN_BYTES).contains(&token.len()) && !letters.is_empty() && letters.chars().all(is_letter)
    };
    for form in [PairForm::Refused, PairForm::Allowed] {
        let Some((spelt, tokens)) = spelt(values(), form) else { continue };
        assert!(tokens.len() == 1 || form == PairForm::Allowed);
        assert!(tokens.into_iter().all(is_token), "{spelt}");
        assert_eq!(values().count(), 1);
        let again = self::spelt([spelt.as_bytes()], form).map(|(again, _)| again);
        assert!(again.is_some_and(|again| again == spelt), "another reading of the one form");
    }
}

/// Tokens, and the credentials with them in their one form.
fn spelt<'a>(values: impl IntoIterator<Item = &'a [u8]>, form: PairForm) -> Option<(String, Vec<&'a str>)> {
    match credentials(values, form) {
        Ok(Credentials::Bearer(token)) => Some((format!("Bearer {token}"), vec![token])),
        Ok(Credentials::Dpop(token)) => Some((format!("DPoP {token}"), vec![token])),
        Ok(Credentials::Pair { access, id }) => Some((format!("Bearer {access} {id}"), vec![access, id])),
        Ok(Credentials::None | Credentials::OtherScheme) | Err(_) => None,
    }
}

/// No key has signed it, so nobody takes it; and it has one spelling.
fn check_unsigned(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let keys = issuer_keys();
    assert!(judge_jwt(text, &rules(), &keys, NOW).is_err());
    assert!(judge_tokens(text, Some(text), &mobilefirst_rules(), &keys, NOW).is_err());
    let target = ProofTarget { scheme: "https", host: "a", port: None, path: "/" };
    let expected = ProofExpectation {
        method: "GET",
        target,
        token_hash: &[0; 32],
        key: None,
        algorithms: &Algorithm::ALL,
        now: NOW,
        nonces: None,
    };
    let _judged = check_proof(text, &expected);
    let Ok(jws) = CompactJws::parse(text) else { return };
    assert!(text.len() <= TOKEN_BYTES && text == format!("{}.{}", jws.message, jws.signature));
    let again = |part: &str| BASE64URL.decode(part).map(|bytes| BASE64URL.encode(bytes));
    assert_eq!(again(jws.signature).as_deref(), Ok(jws.signature));
    let (header, payload) = jws.message.split_once('.').expect("two parts");
    assert_eq!(again(header).as_deref(), Ok(header));
    assert_eq!(again(payload).ok().as_deref(), jws.payload().is_some().then_some(payload));
    let header: Value = serde_json::from_slice(&BASE64URL.decode(header).expect("base64url")).expect("JSON");
    assert!(header.get("crit").is_none() && header.get("b64").is_none());
    assert_eq!(header["alg"].as_str().and_then(Algorithm::of_name), Some(jws.header.algorithm));
}

fn check_signed(header: &[u8], claims: &[u8]) {
    let message = format!("{}.{}", BASE64URL.encode(header), BASE64URL.encode(claims));
    let signature = issuer_pair().sign(message.as_bytes());
    let text = format!("{message}.{}", BASE64URL.encode(signature));
    let keys = issuer_keys();
    let judged = judge_jwt(&text, &rules(), &keys, NOW);
    assert_ne!(judged.as_ref().err(), Some(&TokenFault::Signature), "it is the issuer's");
    let Ok(judgement) = judged else { return };
    let plain: Value = serde_json::from_slice(claims).expect("JSON");
    assert_eq!(plain["iss"], json!(ISSUER));
    let is_ours = |one: &Value| one == AUDIENCE;
    assert!(is_ours(&plain["aud"]) || plain["aud"].as_array().is_some_and(|list| list.iter().any(is_ours)));
    let expires = plain["exp"].as_f64().expect("a number");
    assert_eq!(judgement.expires, expires as u64);
    assert!(judgement.expires + rules().skew > NOW);
    let subject = plain["sub"].as_str().filter(|subject| !subject.is_empty());
    assert_eq!(judgement.subject.as_deref(), subject);
    assert_eq!(judgement.claims.as_bytes(), claims);
    assert!(judgement.size() < 64 * TOKEN_BYTES);
    assert!(judgement.may_be_cached, "its uses are counted where they can be");
    assert!(plain["cnf"].is_null() == judgement.constraint.is_none(), "a binding was lost");
    for (name, value) in plain.as_object().expect("an object") {
        let is_plain = value.is_string() || value.is_i64() || value.is_u64() || value.is_boolean();
        assert!(!is_plain || value == "" || judgement.claim(name).is_some() || name == "scope", "{name}");
    }
}

fn check_key_set(bytes: &[u8]) {
    let Ok((set, complaints)) = KeySet::parse(bytes) else { return };
    assert!((1..=KEY_SET_KEYS).contains(&set.len()) && !set.is_empty());
    assert!(complaints.iter().all(|complaint| complaint.fault.to_string().len() > 10));
    for algorithm in Algorithm::ALL {
        for key in set.find(None, algorithm) {
            assert!(key.fits(algorithm) && key.public().fits(algorithm));
            assert!(!key.verifies(algorithm, "message", "AAAA"));
            assert!(set.find(key.kid(), algorithm).next().is_some(), "it is found by its own name");
        }
    }
}

fn check_answer(bytes: &[u8]) {
    let rules = IntrospectionRules {
        index: 0,
        issuer: Some(ISSUER.into()),
        audience: vec![AUDIENCE.into()],
        unit: TimeUnit::Seconds,
        skew: 10,
        is_fapi: false,
    };
    assert!(matches!(read_answer(500, bytes, &rules, NOW), Answer::Outage(_)));
    let Answer::Active(judgement) = read_answer(200, bytes, &rules, NOW) else { return };
    let plain: Value = serde_json::from_slice(bytes).expect("JSON");
    assert_eq!(plain["active"], json!(true));
    assert!(plain["iss"].is_null() || plain["iss"] == "" || plain["iss"] == ISSUER);
    assert!(judgement.expires.saturating_add(rules.skew) > NOW);
    let is_counted =
        ["usage_limit", "usl"].iter().any(|name| plain[name].as_u64().is_some_and(|limit| limit > 0));
    assert_eq!(judgement.may_be_cached, !is_counted);
}

fn check_target(bytes: &[u8]) {
    let Ok(uri) = str::from_utf8(bytes) else { return };
    let target = ProofTarget { scheme: "https", host: "a", port: None, path: "/b%2Fc" };
    if target.is_meant_by(uri) {
        let rest = uri.to_ascii_lowercase();
        let rest = rest.strip_prefix("https://a").expect("scheme and host");
        assert!(rest.starts_with([':', '/']) && !rest.contains(char::is_whitespace), "{uri}");
    }
}

fn check_challenge(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (realm, word) = text.split_once('\n').unwrap_or((&text, ""));
    let scope = [String::from(word)];
    let error = Some(ChallengeError::InsufficientScope { scope: &scope });
    let mut out = Vec::new();
    Challenge { scheme: Scheme::Bearer, realm, error, resource_metadata: Some(word) }.write(&mut out);
    assert!(out.iter().all(|byte| matches!(byte, b' '..=b'~')));
    let (mut is_quoted, mut is_escaped, mut strings) = (false, false, 0);
    for byte in &out {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => {
                is_quoted = !is_quoted;
                strings += usize::from(is_quoted);
            }
            _ => assert!(is_quoted || byte.is_ascii_alphabetic() || b" ,=_".contains(byte)),
        }
    }
    assert_eq!((is_quoted, is_escaped, strings), (false, false, 5));
}

fn rules() -> JwtRules {
    JwtRules {
        index: 0,
        issuer: ISSUER.into(),
        audience: vec![AUDIENCE.into()],
        algorithms: Algorithm::ALL.to_vec(),
        requires_type: false,
        skew: 10,
        is_fapi: false,
    }
}

fn mobilefirst_rules() -> MobileFirstRules {
    MobileFirstRules {
        index: 0,
        issuer: None,
        mandatory_scope: Vec::new(),
        unit: TimeUnit::Seconds,
        is_development: true,
    }
}

fn issuer_pair() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("32 bytes")
}

fn issuer_keys() -> KeySet {
    let x = BASE64URL.encode(issuer_pair().public_key());
    let key = json!({ "kty": "OKP", "crv": "Ed25519", "x": x });
    KeySet::parse(key.to_string().as_bytes()).expect("a set").0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seeds() -> Vec<Vec<u8>> {
        let claims = json!({
            "iss": ISSUER, "aud": [AUDIENCE], "exp": NOW + 60, "nbf": NOW, "sub": "user", "client_id": "app", "n": 1.5,
            "scope": "read write", "cnf": { "jkt": BASE64URL.encode([1; 32]) }, "amr": ["pwd"], "usage_limit": 1,
        });
        let claims = claims.to_string();
        let header = r#"{"alg":"EdDSA","typ":"JWT","kid":null}"#;
        let x = BASE64URL.encode(issuer_pair().public_key());
        let keys = format!(r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","x":"{x}","kid":"a","use":"sig"}}]}}"#);
        let jws = format!(
            "{}.{}.{}",
            BASE64URL.encode(header),
            BASE64URL.encode(&claims),
            BASE64URL.encode([0; 64])
        );
        let texts = [
            "Bearer a.b-c_d~e+f/g== h".to_owned(),
            jws.replace("null", "1"),
            claims.clone(),
            format!("{}\n{claims}", header.replace(r#","kid":null"#, "")),
            keys,
            claims.replacen('{', r#"{"active":true,"#, 1),
            "https://A:443/b%2fc?d#e".to_owned(),
            "realm \"\\\u{e9}\nscope\\".to_owned(),
        ];
        let tagged = |(kind, text): (usize, String)| [vec![kind as u8], text.into_bytes()].concat();
        texts.into_iter().enumerate().map(tagged).collect()
    }

    /// Seeds cut, and with a byte replaced by some that mean something.
    #[test]
    fn bent_tokens_break_no_rule() {
        for seed in seeds() {
            token(&seed);
            for at in (1..seed.len()).step_by(2) {
                token(&seed[..at]);
                for byte in [b'"', b'.', b'{', b'9', 0xff] {
                    let mut bent = seed.clone();
                    bent[at] = byte;
                    token(&bent);
                }
            }
        }
    }
}
