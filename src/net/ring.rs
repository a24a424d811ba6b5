//! The worker thread's runtime: an io_uring of its own, pinned to its CPU.

use std::future::Future;
use std::io;
use std::time::Duration;

use nix::errno::Errno;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;

/// Why a worker cannot have its ring.
#[derive(Debug, thiserror::Error)]
pub enum RingFault {
    /// The kernel or a sandbox forbids io_uring.
    #[error(
        "io_uring is not allowed here: on the host set `sysctl kernel.io_uring_disabled=0`; in a container use a \
         seccomp profile that admits io_uring_setup, io_uring_enter and io_uring_register (see tuning/README.md)"
    )]
    Forbidden,
    /// The kernel is too old.
    #[error("this kernel has no io_uring with the features needed: Linux 6.1 or newer is required ({0})")]
    TooOld(io::Error),
    /// No memory that may be locked.
    #[error(
        "no memory for io_uring: raise `ulimit -l` (LimitMEMLOCK= in the unit file) or free memory ({0})"
    )]
    NoMemory(io::Error),
    /// Something else.
    #[error("io_uring could not be set up: {0}")]
    Other(io::Error),
}

/// Submission entries: what one turn of the loop can hand over in one system call.
const SUBMISSION_ENTRIES: u32 = 1024;
/// Completion entries: room for an accept storm without the slow overflow path.
const COMPLETION_ENTRIES: u32 = 16 * 1024;

/// Runs `main` on a new ring on the calling thread until it ends.
pub fn run<F: Future>(main: F) -> Result<F::Output, RingFault> {
    let mut flags = io_uring::IoUring::builder();
    flags.setup_single_issuer().setup_coop_taskrun().setup_cqsize(COMPLETION_ENTRIES).setup_clamp();
    let runtime = monoio::RuntimeBuilder::<monoio::time::TimeDriver<monoio::IoUringDriver>>::new()
        .with_entries(SUBMISSION_ENTRIES)
        .uring_builder(flags)
        .build();
    Ok(runtime.map_err(fault)?.block_on(main))
}

/// Starts `task` beside the caller, on the ring of this thread.
pub fn spawn(task: impl Future<Output = ()> + 'static) {
    // The handle is of no use: tasks end by themselves, or with the ring.
    drop(monoio::spawn(task));
}

/// Waits for `duration`, to the millisecond.
pub async fn sleep(duration: Duration) {
    monoio::time::sleep(duration).await;
}

/// Waits for `future`, but not longer than `limit`.
pub async fn within<F: Future>(limit: Duration, future: F) -> Option<F::Output> {
    monoio::time::timeout(limit, future).await.ok()
}

/// Pins the calling thread to `cpu`.
pub fn pin(cpu: usize) -> io::Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu)?;
    sched_setaffinity(Pid::from_raw(0), &set)?;
    Ok(())
}

fn fault(error: io::Error) -> RingFault {
    match Errno::from_raw(error.raw_os_error().unwrap_or_default()) {
        Errno::EPERM | Errno::EACCES => RingFault::Forbidden,
        Errno::EINVAL | Errno::ENOSYS => RingFault::TooOld(error),
        Errno::ENOMEM => RingFault::NoMemory(error),
        _ => RingFault::Other(error),
    }
}
