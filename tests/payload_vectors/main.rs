//! Vectors of payload encryption for whoever writes another client: `tests/fixtures/payload/*.json`, with every input
//! and every value between input and wire. They are made here, compared with what lies in the folder, and read by Node
//! with libraries of others (`tests/interop/payload/check_vectors.mjs`).
//!
//! To write them anew: `RINGWALL_WRITE_VECTORS=1 cargo test --no-default-features --test payload_vectors`

#![expect(clippy::disallowed_methods, reason = "the knobs of a test run, and the peers that are installed")]

mod binary_http;
mod derivation;
mod key_document;
mod message;
mod ohttp;
#[path = "../end_to_end/harness/peers.rs"]
mod peers;
mod response;
mod session;
mod shape;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Serialize;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/payload")
}

/// Compares the file of this name with what it must hold, or writes it.
fn check(name: &str, vectors: &impl Serialize) {
    let path = folder().join(name);
    let mut made = serde_json::to_string_pretty(vectors).expect("vectors are JSON");
    made.push('\n');
    if std::env::var_os("RINGWALL_WRITE_VECTORS").is_some_and(|value| value == "1") {
        std::fs::write(&path, &made).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let line = made.lines().zip(kept.lines()).position(|(made, kept)| made != kept);
    assert!(made == kept, "{name} differs from what is made, from line {:?} on", line.map(|line| line + 1));
}

#[test]
fn binary_http_is_what_is_made() {
    check("binary_http.json", &binary_http::vectors());
}

#[test]
fn sessions_are_what_is_made() {
    check("session.json", &session::vectors());
}

#[test]
fn sealed_requests_are_what_is_made() {
    check("message.json", &message::vectors());
}

#[test]
fn sealed_responses_are_what_is_made() {
    check("response.json", &response::vectors());
}

#[test]
fn single_messages_are_what_is_made() {
    check("ohttp.json", &ohttp::vectors());
}

#[test]
fn key_documents_are_what_is_made() {
    let kept = std::fs::read_to_string(folder().join("key_document.json")).unwrap_or_default();
    check("key_document.json", &key_document::vectors(&kept));
}

/// HPKE, HKDF, the ciphers and JWS of other people give the same values.
#[test]
fn node_finds_the_same_values() {
    check_node(&["check_vectors.mjs"]);
}

/// The client that end-to-end tests and app developers use: every form, streams, and what section 6 of the protocol asks.
#[test]
fn the_client_for_node_does_its_duties() {
    check_node(&["--test", "check_client.mjs"]);
}

/// Runs Node where its client lies. It must end well.
fn check_node(arguments: &[&str]) {
    let Some(node) = peers::peer("node", "nodejs") else { return };
    let client = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/payload");
    if !client.join("node_modules").is_dir() {
        let advice = format!("{arguments:?} needs: npm ci --prefix tests/interop/payload");
        assert!(std::env::var_os("RINGWALL_REQUIRE_PEERS").is_none_or(|value| value != "1"), "{advice}");
        eprintln!("SKIPPED {advice}");
        return;
    }
    let output = Command::new(node).args(arguments).current_dir(client).output().expect("node starts");
    let printed = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert!(output.status.success(), "{}", printed.concat());
}
