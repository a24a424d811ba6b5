//! Tokens that are bound to a key, and proofs of it that others' library makes.

use super::*;

/// Every call of the script, what it is answered, and the error in the challenge. The order is the script's.
const CALLS: [(&str, u16, &str); 12] = [
    ("good", 200, ""),
    ("replayed", 401, "invalid_dpop_proof"),
    ("as good", 200, ""),
    ("as Bearer", 401, "invalid_token"),
    ("as Bearer, with a proof", 401, "invalid_token"),
    ("without a proof", 401, "invalid_token"),
    ("for another path", 401, "invalid_dpop_proof"),
    ("for another host", 401, "invalid_dpop_proof"),
    ("for another method", 401, "invalid_dpop_proof"),
    ("for another token", 401, "invalid_dpop_proof"),
    ("for no token", 401, "invalid_dpop_proof"),
    ("by another key", 401, "invalid_token"),
];

#[test]
fn a_bound_token_is_good_with_a_new_proof_for_the_request_alone() {
    let Some((server, nginx)) = TokenServer::start().zip(Nginx::start(&[])) else { return };
    let issuers = [(server.verified("discovery = true"), JWT), (server.asked(""), OPAQUE)];
    for (issuer, resource) in issuers {
        // Two workers: a proof is spent for both.
        let proxy = guard(&nginx, &issuer).cpus("0,0").start();
        let mut command = server.node.command("dpop_calls.mjs");
        command.arg(format!("http://{}", server.address)).arg(format!("http://{}/told", proxy.address));
        let output = command.arg(resource).output().expect("node");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let answers: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(answers.as_object().map(serde_json::Map::len), Some(CALLS.len()), "{answers}");
        for (call, status, error) in CALLS {
            let [own, challenge] = [0, 1].map(|part| &answers[call][part]);
            let challenge = challenge.as_str().unwrap_or_default();
            assert_eq!(own, status, "{resource}, {call}: {challenge}");
            assert!(
                error.is_empty() || challenge.contains(&format!("error=\"{error}\"")),
                "{call}: {challenge}"
            );
        }
    }
}
