use super::*;
use ring::rand::SystemRandom;

const ORIGIN: &str = "https://api.example.com";
const NOW: u64 = 1_700_000_000;

fn signer(algorithm: SigningAlgorithm) -> DocumentSigner {
    let random = SystemRandom::new();
    let private = DocumentSigner::generate(algorithm, &random).expect("random bytes");
    DocumentSigner::from_pkcs8(algorithm, &private, &random).expect("a key of its own making")
}

fn document() -> KeyDocument {
    KeyDocument {
        audience: ORIGIN.to_owned(),
        issued: NOW,
        expires: NOW + PAYLOAD_KEY_DOCUMENT_SECONDS,
        keys: vec![1, 2, 3],
    }
}

const EXPECTED: Expectation<'static> = Expectation { audience: ORIGIN, now: NOW, newest_issued: None };

fn verifier(signer: &DocumentSigner) -> DocumentVerifier {
    DocumentVerifier::new(signer.algorithm(), signer.public()).expect("its own public key")
}

fn sign(signer: &DocumentSigner, document: &KeyDocument) -> String {
    signer.sign(document, &SystemRandom::new()).expect("a document that clients take")
}

/// A document of these texts, signed as any other.
fn sign_texts(signer: &DocumentSigner, header: &str, claims: &str) -> String {
    let mut jws = format!("{}.{}", BASE64URL.encode(header), BASE64URL.encode(claims));
    let signature = signer.signature(jws.as_bytes(), &SystemRandom::new()).expect("random bytes");
    jws.push('.');
    BASE64URL.encode_string(signature, &mut jws);
    jws
}

#[test]
fn a_signed_document_is_read() {
    for algorithm in SigningAlgorithm::ALL {
        let signer = signer(algorithm);
        let jws = sign(&signer, &document());
        assert_eq!(verifier(&signer).verify(jws.as_bytes(), &EXPECTED), Ok(document()));
        assert_eq!(SigningAlgorithm::of_name(algorithm.name()), Some(algorithm));
    }
    assert_eq!(SigningAlgorithm::of_name("none"), None);
}

#[test]
fn a_document_can_be_read_without_its_key() {
    let signer = signer(SigningAlgorithm::EdDsa);
    let jws = sign(&signer, &document());
    assert_eq!(KeyDocument::unverified(jws.as_bytes()), Some(document()));
    let (signed, _) = jws.rsplit_once('.').expect("three parts");
    let refused = |jws: &str| assert_eq!(KeyDocument::unverified(jws.as_bytes()), None, "{jws}");
    refused(signed);
    refused(&format!("{jws}."));
    refused(&jws[1 + jws.find('.').expect("three parts")..]);
    refused("");
    refused("..");
    let claims = format!(r#"{{"aud":"{ORIGIN}","iat":{NOW},"exp":{NOW},"keys":""}}"#);
    refused(&sign_texts(&signer, "{}", &claims));
}

#[test]
fn another_key_or_a_changed_document_is_refused() {
    for algorithm in SigningAlgorithm::ALL {
        let (ours, other) = (signer(algorithm), signer(algorithm));
        let jws = sign(&ours, &document());
        let refused = |jws: &[u8]| verifier(&ours).verify(jws, &EXPECTED).is_err();
        assert_eq!(verifier(&other).verify(jws.as_bytes(), &EXPECTED), Err(DocumentFault::Signature));
        for bit in 0..jws.len() * 8 {
            let mut changed = jws.clone().into_bytes();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(refused(&changed), "bit {bit}");
        }
        for length in 0..jws.len() {
            assert!(refused(&jws.as_bytes()[..length]), "{length} bytes");
        }
        assert!(refused(format!("{jws}A").as_bytes()));
        assert!(refused(format!("{jws}.").as_bytes()));
        assert!(refused(format!(".{jws}").as_bytes()));
        assert!(refused(format!("{jws}=").as_bytes()));
        assert!(refused(&vec![b'.'; PAYLOAD_KEY_DOCUMENT_BYTES + 1]));
        let unsigned = jws.rsplit_once('.').expect("three parts").0;
        assert!(refused(format!("{unsigned}.").as_bytes()));
    }
}

/// A signature by the pinned key is not enough.
#[test]
fn only_the_document_that_is_expected_is_believed() {
    let signer = signer(SigningAlgorithm::EdDsa);
    let check = |document: KeyDocument, expected: Expectation<'_>, fault: Option<DocumentFault>| {
        let jws = sign(&signer, &document);
        assert_eq!(
            verifier(&signer).verify(jws.as_bytes(), &expected).err(),
            fault,
            "{document:?} {expected:?}"
        );
    };
    let expires = document().expires;
    check(
        document(),
        Expectation { audience: "https://api.example.org", ..EXPECTED },
        Some(DocumentFault::Audience),
    );
    check(
        document(),
        Expectation { audience: "https://api.example.com/", ..EXPECTED },
        Some(DocumentFault::Audience),
    );
    check(document(), Expectation { now: expires - 1, ..EXPECTED }, None);
    check(document(), Expectation { now: expires, ..EXPECTED }, Some(DocumentFault::Expired));
    check(document(), Expectation { newest_issued: Some(NOW), ..EXPECTED }, None);
    check(document(), Expectation { newest_issued: Some(NOW + 1), ..EXPECTED }, Some(DocumentFault::Older));
    // Documents may be signed ahead of time, and a client's clock may be slow.
    check(document(), Expectation { now: NOW - 1000, ..EXPECTED }, None);
}

#[test]
fn header_and_claims_are_what_the_protocol_says() {
    let signer = signer(SigningAlgorithm::EdDsa);
    let header = r#"{"alg":"EdDSA","typ":"payload-keys+jwt"}"#;
    let claims = format!(r#"{{"aud":"{ORIGIN}","iat":{NOW},"exp":{},"keys":"AQID"}}"#, NOW + 60);
    let check = |header: &str, claims: &str, fault: Option<DocumentFault>| {
        let jws = sign_texts(&signer, header, claims);
        assert_eq!(verifier(&signer).verify(jws.as_bytes(), &EXPECTED).err(), fault, "{header} {claims}");
    };
    check(header, &claims, None);
    check(r#"{"alg":"EdDSA","typ":"payload-keys+jwt","kid":"1"}"#, &claims, None);
    for header in [
        r#"{"alg":"ES256","typ":"payload-keys+jwt"}"#,
        r#"{"alg":"none","typ":"payload-keys+jwt"}"#,
        r#"{"typ":"payload-keys+jwt"}"#,
        r#"{"alg":"EdDSA"}"#,
        r#"{"alg":"EdDSA","typ":"JWT"}"#,
        r#"{"alg":"EdDSA","typ":"payload-keys+jwt","crit":[]}"#,
        r#"{"alg":"EdDSA","typ":"payload-keys+jwt","crit":["b64"],"b64":false}"#,
        r#"{"alg":"EdDSA","alg":"EdDSA","typ":"payload-keys+jwt"}"#,
        "",
    ] {
        check(header, &claims, Some(DocumentFault::Malformed));
    }
    let with = |from: &str, to: &str| claims.replace(from, to);
    for claims in [
        with("\"aud\"", "\"x\""),
        with("\"iat\"", "\"x\""),
        with("\"exp\"", "\"x\""),
        with("\"keys\"", "\"x\""),
        with("\"AQID\"", "\"AQID=\""),
        with("\"AQID\"", "\"AQJ\""),
        with("\"AQID\"", "[1,2,3]"),
        with(&format!("\"{ORIGIN}\""), &format!("[\"{ORIGIN}\"]")),
        with("\"keys\"", "\"iat\":1,\"keys\""),
        "[]".to_owned(),
    ] {
        check(header, &claims, Some(DocumentFault::Malformed));
    }
    let lifetime = |issued: u64, expires: u64| {
        format!(r#"{{"aud":"{ORIGIN}","iat":{issued},"exp":{expires},"keys":"AQID"}}"#)
    };
    let longest = NOW + PAYLOAD_KEY_DOCUMENT_SECONDS;
    check(header, &lifetime(NOW, longest), None);
    check(header, &lifetime(NOW, longest + 1), Some(DocumentFault::Lifetime));
    check(header, &lifetime(0, u64::MAX), Some(DocumentFault::Lifetime));
    check(header, &lifetime(NOW + 1, NOW + 1), Some(DocumentFault::Lifetime));
    check(header, &lifetime(NOW + 1, NOW), Some(DocumentFault::Lifetime));
}

#[test]
fn what_clients_refuse_is_not_signed() {
    let signer = signer(SigningAlgorithm::Es256);
    let check = |document: KeyDocument, fault: Option<SigningFault>| {
        assert_eq!(signer.sign(&document, &SystemRandom::new()).err(), fault);
    };
    check(document(), None);
    check(KeyDocument { expires: document().expires + 1, ..document() }, Some(SigningFault::Lifetime));
    check(KeyDocument { expires: NOW, ..document() }, Some(SigningFault::Lifetime));
    check(
        KeyDocument { keys: vec![0; PAYLOAD_KEY_DOCUMENT_BYTES], ..document() },
        Some(SigningFault::TooLong),
    );
    // The longest list that a client reads still fits.
    let longest = vec![0; crate::limits::PAYLOAD_KEY_LIST_BYTES];
    check(KeyDocument { keys: longest, ..document() }, None);
}

#[test]
fn keys_are_of_their_algorithm() {
    let random = SystemRandom::new();
    for (algorithm, other) in [
        (SigningAlgorithm::EdDsa, SigningAlgorithm::Es256),
        (SigningAlgorithm::Es256, SigningAlgorithm::EdDsa),
    ] {
        let private = DocumentSigner::generate(algorithm, &random).expect("random bytes");
        assert_eq!(DocumentSigner::from_pkcs8(other, &private, &random).err(), Some(SigningFault::Key));
        let signer = signer(algorithm);
        assert!(DocumentVerifier::new(other, signer.public()).is_none());
        assert!(format!("{signer:?}").contains("public"));
    }
}
