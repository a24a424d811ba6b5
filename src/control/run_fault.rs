//! Why the process ended otherwise than asked.

use std::io;
use std::net::SocketAddr;

use crate::worker::core_loop::WorkerFault;

/// Why the process ended otherwise than asked, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum RunFault {
    /// The access log cannot be opened.
    #[error("cannot open the access log: {0}; check [log] access and the rights of its directory")]
    AccessLog(#[source] io::Error),
    /// The admin address cannot be listened on.
    #[error("cannot listen on the admin address {address}: {source}; choose another [admin] address")]
    Admin {
        /// The address.
        address: SocketAddr,
        /// What the kernel said.
        source: io::Error,
    },
    /// The configuration is not good; one line per error.
    #[error("the configuration is not good:\n{}", .0.join("\n"))]
    Configuration(Vec<String>),
    /// A second signal came while draining.
    #[error("stopped at once by a second signal; what was under way was cut")]
    Interrupted,
    /// The workers did not all listen in time.
    #[error("not every worker listened in time; is the machine overloaded?")]
    NotReady,
    /// A thread, or what it needs, cannot be made.
    #[error(
        "cannot start a thread: {0}; raise the limits on threads (TasksMax, RLIMIT_NPROC) or on open files"
    )]
    Thread(#[source] io::Error),
    /// A worker cannot start.
    #[error("worker {index} cannot start: {fault}{}", advice(.fault))]
    Worker {
        /// Which worker.
        index: usize,
        /// Why.
        #[source]
        fault: WorkerFault,
    },
}

impl RunFault {
    /// What the process says to the shell: 2 for a configuration that is not good, 1 for all else.
    pub fn exit_code(&self) -> u8 {
        if matches!(self, Self::Configuration(_)) { 2 } else { 1 }
    }
}

fn advice(fault: &WorkerFault) -> &'static str {
    match fault {
        WorkerFault::Listen { .. } => {
            "; stop whatever listens there, choose another address, or for a port below 1024 give the process \
             CAP_NET_BIND_SERVICE"
        }
        // What a ring's fault needs is in its own words.
        WorkerFault::Ring(_) | WorkerFault::Other(_) => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::ring::RingFault;

    #[test]
    fn a_refused_io_uring_names_the_way_out() {
        let fault = RunFault::Worker { index: 0, fault: RingFault::Forbidden.into() };
        let message = fault.to_string();
        for word in ["sysctl kernel.io_uring_disabled=0", "seccomp", "io_uring_setup"] {
            assert!(message.contains(word), "{message}");
        }
        assert_eq!(fault.exit_code(), 1);
        assert_eq!(RunFault::Configuration(vec!["line 1: no".into()]).exit_code(), 2);
    }
}
