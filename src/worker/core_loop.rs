//! (in work)

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::mailbox::Inbox;
use crate::policy::ruleset::Ruleset;
use crate::policy::upstream_health::UpstreamView;
use crate::telemetry::log_channel::LogSink;
use crate::telemetry::metric_block::MetricBlock;

/// Everything a worker is born with.
pub struct WorkerSettings {
    /// Position among the workers, from 0.
    pub index: usize,
    /// The CPU it is pinned to.
    pub cpu: usize,
    /// How long it spins before it sleeps.
    pub busy_poll: Duration,
    /// What it judges by until told otherwise.
    pub ruleset: Arc<Ruleset>,
    /// What is known of the servers so far.
    pub view: Arc<UpstreamView>,
    /// Its counters; they outlive it.
    pub metrics: Arc<MetricBlock>,
    /// Where its access records go.
    pub log: LogSink,
    /// What the control thread asks of it.
    pub inbox: Inbox,
    /// How many workers there are.
    pub workers: usize,
    /// To be called once, when every listener accepts.
    pub ready: Box<dyn FnOnce() + Send>,
}

/// Why a worker ended.
#[derive(Debug, thiserror::Error)]
pub enum WorkerFault {
    /// The kernel or a sandbox does not let this process use io_uring.
    #[error(
        "io_uring is refused ({source}): set `sysctl kernel.io_uring_disabled=0`; in a container use a seccomp \
         profile that admits io_uring_setup, io_uring_enter and io_uring_register"
    )]
    IoUringRefused {
        /// What the kernel said.
        source: std::io::Error,
    },
    /// A listener's address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the kernel said.
        source: std::io::Error,
    },
    /// Anything else, a panic among it.
    #[error("{0}")]
    Other(String),
}

/// Runs a worker on the calling thread until it is drained.
pub fn run_worker(settings: WorkerSettings) -> Result<(), WorkerFault> {
    drop(settings);
    Err(WorkerFault::Other("in work".into()))
}
