//! What every test here stands on: the built proxy as a process, servers and clients of raw bytes, and waiting that is
//! bounded. Knows HTTP/1.1 from its own strict reader alone; nothing of the crate under test is used.

pub(crate) mod authority;
pub(crate) mod gate;
pub(crate) mod message;
pub(crate) mod node;
pub(crate) mod peers;
pub(crate) mod proxy;
pub(crate) mod random;
pub(crate) mod raw_client;
pub(crate) mod scripted_server;
pub(crate) mod tls_client;
pub(crate) mod wire;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

pub(crate) use gate::Gate;
pub(crate) use message::{Framing, Message};
pub(crate) use node::{Node, NodeServer};
pub(crate) use proxy::{Proxy, Setup};
pub(crate) use raw_client::RawClient;
pub(crate) use scripted_server::{Connection, ScriptedServer};
pub(crate) use wire::End;

/// How long anything here is waited for before the test fails: far beyond what a loaded machine needs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15);

/// Between two looks at a condition that nothing signals.
const BETWEEN_LOOKS: Duration = Duration::from_millis(3);

/// What `look` finds, as soon as it finds something.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} in vain: {what}");
        std::thread::park_timeout(BETWEEN_LOOKS);
    }
}

/// An address nobody else uses, now or later.
///
/// A port found by binding port 0 comes from the range outgoing connections take theirs from: by the time the proxy
/// binds it, a test beside this one may have it, and as the proxy shares ports among its workers two proxies could even
/// get the same one unnoticed. So every test process has a loopback address of its own, and counts ports on it.
pub(crate) fn unused_address() -> SocketAddr {
    static NEXT_PORT: AtomicU16 = AtomicU16::new(10_000);
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    // Process ids have 22 bits: 127.64.0.0 to 127.127.255.255.
    let own = Ipv4Addr::new(127, 64 | (high & 63), middle, low);
    SocketAddr::from((own, NEXT_PORT.fetch_add(1, Ordering::Relaxed)))
}

/// A directory that is removed with its content when dropped.
#[derive(Debug)]
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU16 = AtomicU16::new(0);
        let name = format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&path).expect("a directory for the test");
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file in it and gives its path.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).expect("a directory for the file");
        }
        std::fs::write(&path, content).expect("a file for the test");
        path
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _left_behind = std::fs::remove_dir_all(&self.0);
    }
}
