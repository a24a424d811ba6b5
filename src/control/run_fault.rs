//! Why the process ended otherwise than asked.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

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
    /// The Unix socket of a listener cannot be listened on.
    #[error(
        "cannot listen on unix:{}: {source}; stop what listens there, choose another path, or look at the rights of its \
         directory", path.display()
    )]
    Socket {
        /// The path.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
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

/// What a fault of a worker does not say itself.
fn advice(fault: &WorkerFault) -> &'static str {
    match fault {
        WorkerFault::Listen { .. } => {
            "; stop what listens there, choose another address, or for a port below 1024 give the process \
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
    fn a_fault_says_what_to_do_and_the_shell_learns_whose_it_is() {
        let check = |fault: RunFault, words: &[&str], code: u8| {
            let message = fault.to_string();
            assert!(words.iter().all(|word| message.contains(word)), "{message}");
            assert_eq!(fault.exit_code(), code);
        };
        let worker = |fault| RunFault::Worker { index: 2, fault };
        let source = || io::Error::from(io::ErrorKind::AddrInUse);
        let address = SocketAddr::from(([127, 0, 0, 1], 80));
        let ring = ["sysctl kernel.io_uring_disabled=0", "seccomp", "io_uring_setup"];
        check(worker(RingFault::Forbidden.into()), &ring, 1);
        let listen = WorkerFault::Listen { address: address.into(), source: source() };
        check(worker(listen), &["worker 2", "127.0.0.1:80", "CAP_NET_BIND_SERVICE"], 1);
        check(RunFault::Admin { address, source: source() }, &["127.0.0.1:80", "[admin] address"], 1);
        let path = PathBuf::from("/run/a.sock");
        check(RunFault::Socket { path, source: source() }, &["unix:/run/a.sock", "choose another"], 1);
        check(RunFault::AccessLog(source()), &["[log] access"], 1);
        let errors = ["line 1: no", "line 2: no"];
        check(RunFault::Configuration(errors.map(str::to_owned).to_vec()), &errors, 2);
    }
}
