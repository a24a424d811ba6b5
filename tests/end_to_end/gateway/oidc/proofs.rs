//! Tokens that are bound to a key, and proofs of it that others' library makes.

use super::*;
use crate::harness::authority::Authority;

/// Every call of the script, what it is answered, and the error in the challenge. The order is the script's.
const CALLS: [(&str, u16, &str); 13] = [
    ("good", 200, ""),
    ("replayed", 401, "invalid_dpop_proof"),
    ("as good", 200, ""),
    ("as Bearer", 401, "invalid_token"),
    ("as Bearer, with a proof", 401, "invalid_token"),
    ("without a proof", 401, "invalid_token"),
    ("for another path", 401, "invalid_dpop_proof"),
    ("for another host", 401, "invalid_dpop_proof"),
    ("for another scheme", 401, "invalid_dpop_proof"),
    ("for another method", 401, "invalid_dpop_proof"),
    ("for another token", 401, "invalid_dpop_proof"),
    ("for no token", 401, "invalid_dpop_proof"),
    ("by another key", 401, "invalid_token"),
];

/// Has the script call `/told` at the proxy, and holds what it is answered.
#[track_caller]
fn check(server: &TokenServer, proxy: &Proxy, scheme: &str, resource: &str) {
    let mut command = server.node.command("dpop_calls.mjs");
    command.arg(format!("http://{}", server.address)).arg(format!("{scheme}://{}/told", proxy.address));
    if scheme == "https" {
        command.env("NODE_EXTRA_CA_CERTS", proxy.path("authority.pem"));
    }
    let output = command.arg(resource).output().expect("node");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let answers: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(answers.as_object().map(serde_json::Map::len), Some(CALLS.len() + 1), "{answers}");
    assert_eq!(answers["accepted"], 1, "of several at once with one proof");
    for (call, status, error) in CALLS {
        let [own, challenge] = [0, 1].map(|part| &answers[call][part]);
        let challenge = challenge.as_str().unwrap_or_default();
        assert_eq!(own, status, "{resource}, {call}: {challenge}");
        assert!(error.is_empty() || challenge.contains(&format!("error=\"{error}\"")), "{call}: {challenge}");
    }
}

#[test]
fn a_bound_token_is_good_with_a_new_proof_for_the_request_alone() {
    let Some((server, nginx)) = TokenServer::start().zip(Nginx::start(&[])) else { return };
    for (issuer, resource) in [(server.verified("discovery = true"), JWT), (server.asked(""), OPAQUE)] {
        // Two workers: a proof is spent for both.
        let proxy = guard(&nginx, &issuer).cpus("0,0").start();
        check(&server, &proxy, "http", resource);
    }
}

#[test]
fn a_proof_is_for_the_address_that_the_client_sees() {
    let Some((server, nginx)) = TokenServer::start().zip(Nginx::start(&[])) else { return };
    let authority = Authority::new("test authority");
    let setup = guard(&nginx, &server.verified("discovery = true"));
    let own = authority.server(&[&setup.address.ip().to_string()]);
    let proxy = setup
        .listener("[listener.tls]\ncertificate = \"own.pem\"\nkey = \"own.key\"")
        .file("own.pem", own.certificate)
        .file("own.key", own.key)
        .file("authority.pem", authority.certificate)
        .start();
    check(&server, &proxy, "https", JWT);
}
