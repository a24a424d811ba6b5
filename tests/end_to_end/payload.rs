//! Payload encryption from clients to servers: what the built `ringwall call` and the client for Node get through the
//! proxy, and what a client of this folder's own, which seals whatever it is told to, gets back.

mod answers;
mod calls;
mod events;
mod junk;
mod notes;
mod policy;
mod replays;
mod sealed_client;
mod tokens;

use std::path::Path;
use std::process::{Command, Output};

use crate::harness::{Proxy, Setup, eventually};
use sealed_client::{GET, Inner, Key, now};

const KEYS_PATH: &str = "/.well-known/ohttp-gateway";

/// For tests with single messages, which are answered 503 until the window is over: a short one that still is long
/// enough for a loaded machine, and no limit for those who ask again and again.
const SHORT_WINDOW: &str = "[payload]\nwindow = \"2s\"\nrelays = [\"127.0.0.0/8\"]";

/// Runs `ringwall call` with the proxy's keys pinned, and gives what it wrote when it was successful.
fn ringwall_call(proxy: &Proxy, path: &str, arguments: &[&str]) -> Result<Vec<u8>, String> {
    let keys = proxy.path("keys");
    std::fs::write(&keys, proxy.get(KEYS_PATH).body).expect("a file of keys");
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringwall"));
    command.args(["call", "--timeout", "15", "--keys"]).arg(&keys).args(arguments);
    output_of(command.arg(url(proxy, path)))
}

fn output_of(command: &mut Command) -> Result<Vec<u8>, String> {
    let Output { status, stdout, stderr } = command.output().expect("a client");
    let complaint = || format!("{status}: {}", String::from_utf8_lossy(&stderr));
    if status.success() { Ok(stdout) } else { Err(complaint()) }
}

fn url(proxy: &Proxy, path: &str) -> String {
    format!("http://{}{path}", proxy.address)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path that is text")
}

/// Waits until the proxy takes single messages, by asking for `path` in some.
#[track_caller]
fn wait_for_single_messages(proxy: &Proxy, path: &str) {
    let key = Key::of(proxy);
    let inner = Inner { path, ..GET };
    eventually("single messages to be taken", || {
        (key.chunked(&inner.dated(now())).send(proxy).status == 200).then_some(())
    });
}
