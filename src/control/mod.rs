//! The process: one control thread beside the workers.
//!
//! It reads the configuration, starts the workers, looks names up, checks servers, writes the access log, serves the
//! admin address, and ends it all. It decides no request. Workers are reached through their mailboxes alone and seen
//! through their metric blocks alone; its own helper threads are plain blocking threads that report as events.
//!
//! [`run`] is the whole life of `ringwall run`; [`process::Process`] is the same in steps.

pub mod access_log;
pub mod admin_server;
pub mod event;
pub mod health_prober;
pub mod identity_files;
pub mod journal;
pub mod key_refresher;
pub mod metrics_text;
pub mod payload_keyring;
pub mod process;
pub mod published;
pub mod reload;
pub mod replay_start;
mod run_fault;
pub mod service_secrets;
pub mod settings;
pub mod status;
pub mod supervisor;
pub mod upstream_watch;
pub mod watched_files;

#[cfg(test)]
pub(crate) mod fixture;

use std::sync::Arc;

use self::process::Process;
pub use self::run_fault::RunFault;
use self::settings::SettingsSource;
use crate::net::signals;
use crate::worker::core_loop::run_worker;

/// Begins to run the proxy; the caller carries it on and passes signals to it.
pub fn start(source: impl SettingsSource + 'static) -> Result<Process, RunFault> {
    Process::start(Box::new(source), Arc::new(run_worker))
}

/// Runs the proxy until SIGTERM or SIGINT has drained it. SIGHUP asks `source` again.
pub fn run(source: impl SettingsSource + 'static) -> Result<(), RunFault> {
    let process = start(source)?;
    let handle = process.handle();
    signals::forward(move |signal| handle.ask(signal)).map_err(RunFault::Thread)?;
    process.until_ended()
}
