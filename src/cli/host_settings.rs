//! Settings that libraries read from the environment before `main`: where they are not set, the program starts
//! itself anew with them.
//!
//! A unit file that sets them (`tuning/ringwall.service`) saves the second start.

use std::os::unix::process::CommandExt;
use std::process::Command;

/// Name, value, and what it is for.
const SETTINGS: [(&str, &str); 2] = [
    // Short `rep movsb` copies between unlucky offsets are up to 25 times slower on some CPUs; vector copies are not.
    ("GLIBC_TUNABLES", "glibc.cpu.x86_rep_movsb_threshold=1073741824"),
    // Freed buffers go back to the kernel at once: an idle worker would never come to it later.
    ("MIMALLOC_PURGE_DELAY", "0"),
];

/// Starts the program anew if a setting is missing. Returns when all are there, or when it cannot be started again:
/// then it works without.
#[expect(clippy::disallowed_methods, reason = "the command line is where the environment is read")]
pub(super) fn apply() {
    let missing = SETTINGS.iter().filter(|(name, _)| std::env::var_os(name).is_none());
    let missing: Vec<_> = missing.copied().collect();
    if missing.is_empty() {
        return;
    }
    if let Ok(program) = std::env::current_exe() {
        let _not_replaced = Command::new(program).args(std::env::args_os().skip(1)).envs(missing).exec();
    }
}
