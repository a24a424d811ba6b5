//! System calls per request, counted by `strace` over a short run on one connection.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::load::Load;
use crate::peers::{Running, on_path};

/// Time for `strace` to attach to all threads.
const ATTACH: Duration = Duration::from_millis(700);
const LENGTH: Duration = Duration::from_secs(1);
/// Rarer calls belong to timers, not to requests.
const RARE: f64 = 0.05;

/// Calls per request, by name.
pub(crate) type Calls = BTreeMap<String, f64>;

pub(crate) fn count(running: &Running, load: &mut Load<'_>) -> Result<Calls, String> {
    let strace = on_path("strace").ok_or("system calls are not counted: apt-get install strace")?;
    let table = std::env::temp_dir().join(format!("ringwall-versus-{}-calls", std::process::id()));
    let mut command = Command::new(strace);
    command.args(["-c", "-f", "-q", "-o"]).arg(&table);
    for process in running.processes() {
        command.arg("-p").arg(process.to_string());
    }
    let mut child = command
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|fault| format!("cannot run strace: {fault}"))?;
    let tally = load.rest(ATTACH).and_then(|()| load.closed_loop(LENGTH));
    // The table is written when strace is interrupted.
    let _ = kill(Pid::from_raw(child.id() as i32), Signal::SIGINT);
    let _ = child.wait();
    let text = fs::read_to_string(&table).map_err(|fault| format!("strace wrote no table: {fault}"))?;
    let _ = fs::remove_file(&table);
    let requests = tally?.requests.max(1) as f64;
    Ok(parse(&text)
        .map(|(call, count)| (call, count / requests))
        .filter(|(_, count)| *count >= RARE)
        .collect())
}

/// Lines are `% time, seconds, usecs/call, calls, [errors,] name`.
fn parse(table: &str) -> impl Iterator<Item = (String, f64)> {
    table.lines().filter_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let name = *words.last()?;
        let count = words.get(3)?.parse().ok()?;
        (name != "total").then(|| (name.to_owned(), count))
    })
}
