//! The log writer: one thread that takes batches from all workers, formats them and writes them out.
//!
//! What a line looks like is [`mod@line`]'s business. A disk or pipe that does not keep up costs records, counted by the
//! workers, and never a request's time.

pub mod line;

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use self::line::{Names, write_line};
use super::journal;
use super::published::Published;
use super::settings::{AccessLog, LogFormat, LogSettings};
use crate::limits;
use crate::policy::ruleset::Ruleset;
use crate::telemetry::log_channel::{LogHub, LogMessage, log_channel, recycle};
use crate::telemetry::metric_block::Count;

/// The control thread's end of the writer.
pub struct LogWriter {
    hub: Arc<LogHub>,
    orders: Arc<Orders>,
    format: LogFormat,
    ended: Receiver<()>,
}

/// What the writer looks at before every write.
struct Orders {
    /// Names by generation, the newest first: exchanges end under the rules they began with.
    names: Published<Vec<Arc<Names>>>,
    reopen: AtomicBool,
    ending: AtomicBool,
    failures: Arc<Count>,
}

/// Generations of names kept: those in force and those before them.
const GENERATIONS: usize = 2;

impl LogWriter {
    /// Opens the log and starts the writer; none when the log is off. Fails when the file cannot be opened.
    pub fn start(settings: &LogSettings, workers: usize) -> io::Result<Option<Self>> {
        let outlet = match &settings.access {
            AccessLog::File(path) => Outlet { file: open(path)?, path: Some(path.clone()), torn: false },
            AccessLog::Off => return Ok(None),
            AccessLog::Stdout => Outlet {
                file: File::from(io::stdout().as_fd().try_clone_to_owned()?),
                path: None,
                torn: false,
            },
        };
        let (hub, reader) = log_channel(workers);
        let names = Published::new(Vec::new());
        let (reopen, ending) = (AtomicBool::new(false), AtomicBool::new(false));
        let orders = Arc::new(Orders { names, reopen, ending, failures: Arc::default() });
        let format = settings.format;
        let (end, ended) = channel();
        let writer = Writer { reader, orders: Arc::clone(&orders), format, outlet, text: Vec::new() };
        thread::Builder::new().name("ringwall-log".into()).spawn(move || {
            writer.run();
            drop(end);
        })?;
        Ok(Some(Self { hub: Arc::new(hub), orders, format, ended }))
    }

    /// Hands out sinks to workers.
    pub fn hub(&self) -> Arc<LogHub> {
        Arc::clone(&self.hub)
    }

    /// Writes that failed so far.
    pub fn failures(&self) -> Arc<Count> {
        Arc::clone(&self.orders.failures)
    }

    /// Gives it the names of rules that are about to come in force. To be called before the workers get the rules.
    pub fn prepare(&self, rules: &Ruleset) {
        let mut names = vec![Arc::new(Names::new(rules, self.format))];
        names.extend(self.orders.names.read().iter().take(GENERATIONS - 1).cloned());
        self.orders.names.replace(names);
    }

    /// Opens the file anew, so that it can be rotated.
    pub fn reopen(&self) {
        self.orders.reopen.store(true, Ordering::Release);
        self.hub.nudge();
    }

    /// Waits until all that was handed over so far is written. False when that took longer than `limit`.
    pub fn finish(self, limit: Duration) -> bool {
        self.orders.ending.store(true, Ordering::Release);
        self.hub.nudge();
        self.ended.recv_timeout(limit) == Err(std::sync::mpsc::RecvTimeoutError::Disconnected)
    }
}

/// The writer's thread.
struct Writer {
    reader: Receiver<LogMessage>,
    orders: Arc<Orders>,
    format: LogFormat,
    outlet: Outlet,
    text: Vec<u8>,
}

/// Where lines go.
struct Outlet {
    file: File,
    path: Option<PathBuf>,
    /// The last write failed, perhaps within a line.
    torn: bool,
}

impl Writer {
    /// Collects what has arrived, up to a bound, and writes it at once, until there will be no more.
    fn run(mut self) {
        while let Some(first) = self.next() {
            self.format(first);
            while self.text.len() < limits::LOG_WRITE_BYTES
                && let Ok(next) = self.reader.try_recv()
            {
                self.format(next);
            }
            if self.orders.reopen.swap(false, Ordering::AcqRel) {
                self.outlet.reopen();
            }
            self.write();
        }
    }

    /// Waits for the next message; at the end takes those that are there.
    fn next(&self) -> Option<LogMessage> {
        if self.orders.ending.load(Ordering::Acquire) {
            self.reader.try_recv().ok()
        } else {
            self.reader.recv().ok()
        }
    }

    fn format(&mut self, message: LogMessage) {
        if let LogMessage::Batch { worker, batch, .. } = &message {
            let all = self.orders.names.read();
            for record in &batch.records {
                let names = all.iter().find(|names| names.generation == record.generation);
                write_line(&mut self.text, self.format, *worker, record, &batch.text, names.map(Arc::as_ref));
            }
        }
        recycle(message);
    }

    fn write(&mut self) {
        if self.text.is_empty() {
            return;
        }
        let was_torn = self.outlet.torn;
        if let Err(error) = self.outlet.write(&self.text) {
            self.orders.failures.add(1);
            if !was_torn {
                journal::error(format_args!("the access log cannot be written, its lines are lost: {error}"));
            }
        }
        self.text.clear();
    }
}

impl Outlet {
    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        let was_torn = std::mem::replace(&mut self.torn, true);
        if was_torn {
            // What a failed write may have left of a line must not run into the next.
            self.file.write_all(b"\n")?;
        }
        self.file.write_all(lines)?;
        self.torn = false;
        Ok(())
    }

    fn reopen(&mut self) {
        let Some(path) = &self.path else { return };
        match open(path) {
            Ok(file) => self.file = file,
            Err(error) => journal::error(format_args!(
                "the access log {} cannot be opened anew, the old file stays in use: {error}",
                path.display()
            )),
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    // Not for everybody: lines hold client addresses and paths.
    OpenOptions::new().append(true).create(true).mode(0o640).open(path)
}

#[cfg(test)]
mod tests;
