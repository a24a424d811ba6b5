//! What judging tokens costs: the first time, beside the signature alone as *ring* verifies it, which is nearly all of it;
//! and again, when the worker knows the token, as a whole exchange beside the same one on an open route.

#[path = "../tests/exchange_simulation/rules.rs"]
#[allow(dead_code, reason = "shared with the simulation")]
mod rules;
mod token_signer;
#[path = "../tests/exchange_simulation/warm_loop.rs"]
mod warm_loop;

use std::hint::black_box;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use criterion::{Criterion, criterion_group, criterion_main};
use ring::digest::{SHA256, digest};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256,
    UnparsedPublicKey, VerificationAlgorithm,
};
use ringwall::policy::exchange::{Answer, TokenAnswer};
use ringwall::policy::token_rules::PROOF_ALGORITHMS;
use ringwall::protocol::token::algorithm::Algorithm;
use ringwall::protocol::token::bearer::{PairForm, credentials};
use ringwall::protocol::token::claim_set::TimeUnit;
use ringwall::protocol::token::claims::{JwtRules, judge_jwt};
use ringwall::protocol::token::key_set::KeySet;
use ringwall::protocol::token::mobilefirst::{MobileFirstRules, judge_tokens};
use ringwall::protocol::token::proof_of_possession::{ProofExpectation, check_proof};
use ringwall::protocol::token::proof_target::ProofTarget;
use ringwall::protocol::token::verdict::Judgement;
use serde_json::{Value, json};
use token_signer::TokenSigner;
use warm_loop::WarmLoop;

const NOW: u64 = 1_700_000_000;
const MEASURED: [Algorithm; 4] = [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256, Algorithm::Ps256];
/// As in the `tokens` scenario of versus.
const RESPONSE_BYTES: usize = 1024;

/// Claims of an access token as issuers write them.
fn claims() -> Value {
    json!({
        "iss": "https://login.test", "aud": ["orders"], "sub": "4f1c9f2e-7c1b-4d7e-9a54-0b8f6f1f3c11",
        "client_id": "com.example.shop", "scope": "orders.read orders.write profile", "exp": NOW + 600, "iat": NOW,
        "jti": "1f0c8b4e-33cf-4a0c-8c65-7a2f6c4c9f10", "auth_time": NOW - 60, "acr": "gold", "amr": ["pwd", "otp"],
    })
}

fn rules(algorithm: Algorithm) -> JwtRules {
    JwtRules {
        index: 0,
        issuer: "https://login.test".into(),
        audience: vec!["orders".into()],
        algorithms: vec![algorithm],
        requires_type: true,
        skew: 10,
        is_fapi: false,
    }
}

fn key_set(signer: &TokenSigner) -> KeySet {
    KeySet::parse(signer.jwk().to_string().as_bytes()).expect("a key that verifies").0
}

fn access_token(signer: &TokenSigner) -> String {
    signer.sign(json!({"typ": "at+jwt", "kid": signer.kid()}), &claims())
}

/// What *ring* alone needs for the signature of `token`, decoded before.
fn verify_alone(algorithm: Algorithm, signer: &TokenSigner, token: &str) -> impl Fn() {
    let (message, signature) = token.rsplit_once('.').expect("a signature");
    let (message, signature) = (message.as_bytes().to_vec(), BASE64URL.decode(signature).expect("base64url"));
    let by: &'static dyn VerificationAlgorithm = match algorithm {
        Algorithm::Es256 => &ECDSA_P256_SHA256_FIXED,
        Algorithm::EdDsa => &ED25519,
        Algorithm::Ps256 => &RSA_PSS_2048_8192_SHA256,
        _ => &RSA_PKCS1_2048_8192_SHA256,
    };
    let key = UnparsedPublicKey::new(by, signer.public_key());
    move || key.verify(black_box(&message), &signature).expect("a good signature")
}

/// A token that nobody has seen, and its signature alone.
fn first_judgement(criterion: &mut Criterion) {
    for algorithm in MEASURED {
        let signer = TokenSigner::new(algorithm);
        let (keys, rules, token) = (key_set(&signer), rules(algorithm), access_token(&signer));
        let mut group = criterion.benchmark_group(format!("first judgement, {}", algorithm.name()));
        let alone = verify_alone(algorithm, &signer, &token);
        group.bench_function("the signature alone", |bencher| bencher.iter(&alone));
        group.bench_function("JWT", |bencher| {
            bencher.iter(|| judge_jwt(black_box(&token), &rules, &keys, NOW).expect("a good token"));
        });
        group.finish();
    }
    mobilefirst(criterion);
}

/// MobileFirst's pair has two signatures by one key, an access token without its ID token one.
fn mobilefirst(criterion: &mut Criterion) {
    let signer = TokenSigner::new(Algorithm::Rs256);
    let (keys, header) = (key_set(&signer), json!({"typ": "JWT"}));
    let element = json!({"exp": NOW + 600, "mandatory": true});
    let access = json!({
        "iss": "https://mfp.test/authorization/v1/token", "exp": NOW + 600, "prn": "client-1",
        "imf.scope": {"wl_authenticityRealm": element, "SampleAppRealm": element},
    });
    let id = json!({
        "iss": "https://mfp.test/authorization/v1/token", "exp": NOW + 600, "sub": "alice",
        "imf.user": {"id": "alice", "authBy": "SampleAppRealm", "displayName": "Alice"},
        "imf.device": {"platform": "iOS"}, "imf.application": {"id": "shop", "version": "2.1"},
    });
    let (access, id) = (signer.sign(header.clone(), &access), signer.sign(header, &id));
    let rules = MobileFirstRules {
        index: 0,
        issuer: None,
        mandatory_scope: Vec::new(),
        unit: TimeUnit::Seconds,
        is_development: false,
    };
    let mut group = criterion.benchmark_group("first judgement, MobileFirst");
    let alone = verify_alone(Algorithm::Rs256, &signer, &access);
    group.bench_function("one signature alone", |bencher| bencher.iter(&alone));
    for (name, id) in [("access token", None), ("access token and ID token", Some(&*id))] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| judge_tokens(black_box(&access), id, &rules, &keys, NOW).expect("good tokens"));
        });
    }
    group.finish();
}

/// Every request under `DPoP` has a proof of its own: nothing of it is known.
fn proof(criterion: &mut Criterion) {
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
        let signer = TokenSigner::new(algorithm);
        let hash: [u8; 32] = digest(&SHA256, b"a token").as_ref().try_into().expect("32 bytes");
        let mut jwk = signer.jwk();
        jwk.as_object_mut().expect("an object").retain(|name, _| !["kid", "alg", "use"].contains(&&**name));
        let claims = json!({
            "jti": "1f0c8b4e-33cf-4a0c-8c65-7a2f6c4c9f10", "htm": "GET", "htu": "https://api.example.com/orders/42",
            "iat": NOW, "ath": BASE64URL.encode(hash),
        });
        let proof = signer.sign(json!({"typ": "dpop+jwt", "jwk": jwk}), &claims);
        let expected = ProofExpectation {
            method: "GET",
            target: ProofTarget { scheme: "https", host: "api.example.com", port: None, path: "/orders/42" },
            token_hash: &hash,
            key: None,
            algorithms: PROOF_ALGORITHMS,
            now: NOW,
            nonces: None,
        };
        let mut group = criterion.benchmark_group(format!("DPoP proof, {}", algorithm.name()));
        let alone = verify_alone(algorithm, &signer, &proof);
        group.bench_function("the signature alone", |bencher| bencher.iter(&alone));
        group.bench_function("the whole check", |bencher| {
            bencher.iter(|| check_proof(black_box(&proof), &expected).expect("a good proof"));
        });
        group.finish();
    }
}

/// A token that the worker knows. The exchange is given the judgement: finding it in the worker's memory is not in this
/// figure, but it is in that of versus.
fn known_judgement(criterion: &mut Criterion) {
    let signer = TokenSigner::new(Algorithm::Es256);
    let token = access_token(&signer);
    let judgement: Judgement =
        judge_jwt(&token, &rules(Algorithm::Es256), &key_set(&signer), NOW).expect("a good token");
    let request = format!(
        "GET /orders/42 HTTP/1.1\r\nHost: api.example.com\r\nAccept: */*\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    let body = "c".repeat(RESPONSE_BYTES);
    let response = format!("HTTP/1.1 200 OK\r\nServer: s\r\nContent-Length: {RESPONSE_BYTES}\r\n\r\n{body}");
    let mut group = criterion.benchmark_group("known token of ES256");
    let mut open = WarmLoop::new();
    group.bench_function("exchange, open route", |bencher| {
        bencher.iter(|| open.exchange(request.as_bytes(), response.as_bytes()));
    });
    let known = Answer::Token(TokenAnswer::Good(Arc::new(judgement)));
    let mut guarded = WarmLoop::knowing(self::rules::judged_rules(), known);
    group.bench_function("exchange, guarded route with a field of the token", |bencher| {
        bencher.iter(|| guarded.exchange(request.as_bytes(), response.as_bytes()));
    });
    let value = format!("Bearer {token}");
    group.bench_function("the credentials read", |bencher| {
        bencher.iter(|| credentials([black_box(value.as_bytes())], PairForm::Refused).is_ok());
    });
    group.bench_function("SHA-256 of the token", |bencher| {
        bencher.iter(|| digest(&SHA256, black_box(token.as_bytes())));
    });
    group.finish();
}

criterion_group!(benches, first_judgement, proof, known_judgement);
criterion_main!(benches);
