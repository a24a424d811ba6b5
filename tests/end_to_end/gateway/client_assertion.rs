//! The proxy shows a Token Server who it is with a key of its own.

use std::process::Command;

use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, Ed25519KeyPair, UnparsedPublicKey, VerificationAlgorithm,
};

use super::*;
use crate::harness::{Connection, Directory};

const RULE: &str = "{ issuer = \"main\" }";
const KIND: &str = "client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";

/// A key as `ringwall keygen signing` makes it: its file, how it signs, and what verifies that.
fn made_key(algorithm: &str) -> (String, &'static str, Vec<u8>, &'static dyn VerificationAlgorithm) {
    let directory = Directory::new();
    let path = directory.path().join("client.key");
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringwall"));
    let made = command.args(["keygen", "signing", "--algorithm", algorithm, "--out"]).arg(&path).output();
    assert!(made.expect("a run").status.success());
    let text = std::fs::read_to_string(&path).expect("the key");
    let encoded: String = text.lines().filter(|line| !line.starts_with('-')).collect();
    let pkcs8 = base64::prelude::BASE64_STANDARD.decode(encoded).expect("base64");
    if algorithm == "eddsa" {
        let pair = Ed25519KeyPair::from_pkcs8(&pkcs8).expect("a key");
        return (text, "EdDSA", pair.public_key().as_ref().to_vec(), &ED25519);
    }
    let random = SystemRandom::new();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pkcs8, &random).expect("a key");
    (text, "ES256", pair.public_key().as_ref().to_vec(), &ECDSA_P256_SHA256_FIXED)
}

/// Says of every token that it is active, but not for long.
fn token_server() -> ScriptedServer {
    ScriptedServer::start(|connection: &mut Connection| {
        while connection.request().is_some() {
            connection.send(document(&format!("{{\"active\": true, \"exp\": {}}}", now() + 600)));
        }
    })
}

#[test]
fn every_question_is_signed_anew_by_the_clients_key() {
    for (algorithm, audience) in [("es256", None), ("eddsa", Some("https://login.test"))] {
        let (server, tokens) = (ScriptedServer::ok(), token_server());
        let (text, name, public, verifies) = made_key(algorithm);
        let url = format!("http://{}/introspect", tokens.address());
        let said = audience.map(|audience| format!("issuer = \"{audience}\"\n")).unwrap_or_default();
        let proxy = guarded(&server, RULE, "")
            .with(format!(
                "[issuer.main]\nkind = \"introspection\"\nurl = \"{url}\"\nclient_id = \"ring:wall\"\n\
                 client_authentication = \"private_key_jwt\"\nclient_key_file = \"client.key\"\n\
                 client_key_id = \"key-1\"\n{said}"
            ))
            .file("client.key", text)
            .start();
        let mut names = std::collections::BTreeSet::new();
        for token in ["a", "b"] {
            assert_eq!(get(&proxy, Some(token)).status(), 200);
        }
        let asked = tokens.requests();
        assert_eq!(asked.len(), 2);
        for question in asked {
            assert!(!question.fields.has("authorization"), "{question:?}");
            let form = String::from_utf8(question.body.clone()).expect("a form");
            let find = |name: &str| form.split('&').find_map(|pair| pair.strip_prefix(name));
            assert_eq!(find("client_id="), Some("ring%3Awall"));
            assert!(form.contains(KIND), "{form}");
            let assertion = find("client_assertion=").expect("an assertion");
            let (signed, signature) = assertion.rsplit_once('.').expect("three parts");
            let signature = BASE64URL.decode(signature).expect("base64url");
            let key = UnparsedPublicKey::new(verifies, &public);
            assert!(key.verify(signed.as_bytes(), &signature).is_ok(), "{assertion}");
            let parts = signed.split('.').map(|part| BASE64URL.decode(part).expect("base64url"));
            let parts: Vec<Value> = parts.map(|part| serde_json::from_slice(&part).expect("JSON")).collect();
            assert_eq!(parts[0], json!({"alg": name, "kid": "key-1", "typ": "JWT"}));
            let claims = &parts[1];
            assert_eq!((&claims["iss"], &claims["sub"]), (&json!("ring:wall"), &json!("ring:wall")));
            assert_eq!(claims["aud"], audience.unwrap_or(&url));
            let [issued, expires] = ["iat", "exp"].map(|name| claims[name].as_u64().expect("a time"));
            assert!(issued <= now() + 1 && issued + 60 >= now() && expires == issued + 60, "{claims}");
            names.insert(claims["jti"].as_str().expect("a name").to_owned());
        }
        assert_eq!(names.len(), 2, "none is used twice");
    }
}

#[test]
fn a_key_that_cannot_be_used_is_told_at_the_start() {
    let server = ScriptedServer::ok();
    let mut proxy = guarded(&server, RULE, "")
        .with(
            "[issuer.main]\nkind = \"introspection\"\nurl = \"http://127.0.0.1:9/a\"\nclient_id = \"a\"\n\
             client_authentication = \"private_key_jwt\"\nclient_key_file = \"client.key\"",
        )
        .file("client.key", "a password")
        .spawn();
    let status = proxy.wait_for_exit();
    let told = proxy.stderr();
    assert_eq!(status.code(), Some(2), "{told}");
    assert!(
        told.contains("client.key") && told.contains("PKCS #8") && !told.contains("a password"),
        "{told}"
    );
}
