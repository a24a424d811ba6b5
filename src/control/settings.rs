//! What the control side is told: the plain values that a configuration becomes. `config` fills them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::net::payload::settings::PayloadKeySettings;
use crate::net::tls::TlsSettings;
use crate::policy::ruleset::Ruleset;

/// The whole configuration, checked.
#[derive(Debug)]
pub struct Settings {
    /// What the workers decide by. Its generation is given by the control side.
    pub ruleset: Ruleset,
    /// How many workers and where.
    pub workers: WorkerSettings,
    /// Where the admin server listens; absent: nowhere.
    pub admin: Option<SocketAddr>,
    /// The access log.
    pub log: LogSettings,
    /// Certificates and keys.
    pub tls: TlsSettings,
    /// Keys and memory of payload encryption; there exactly when the ruleset has it.
    pub payload: Option<PayloadSettings>,
}

/// What payload encryption takes beside its rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayloadSettings {
    /// Where its keys come from.
    pub keys: PayloadKeySettings,
    /// Messages remembered against replays at once. Settled at the start of the process.
    pub replay_entries: u64,
}

/// How many workers and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerSettings {
    /// One pinned worker per entry; an entry may repeat.
    pub cpus: Vec<usize>,
    /// How long a worker spins before it sleeps.
    pub busy_poll: Duration,
}

/// The access log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// Where it goes.
    pub access: AccessLog,
    /// What its lines look like.
    pub format: LogFormat,
}

/// Where the access log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessLog {
    /// To a file, appended; opened anew at every reload, so that it can be rotated.
    File(PathBuf),
    /// Nowhere; workers then note nothing.
    Off,
    /// To standard output.
    Stdout,
}

/// What the access log's lines look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// One line for human eyes.
    Text,
}

/// A configuration that passed its checks.
#[derive(Debug)]
pub struct Loaded {
    /// What it says.
    pub settings: Settings,
    /// What is odd about it, one line each.
    pub warnings: Vec<String>,
}

/// Where settings come from: asked at the start and at every reload. A closure will do.
pub trait SettingsSource: Send {
    /// Reads and checks the configuration, or says all that is wrong with it, one line each.
    fn load(&mut self) -> Result<Loaded, Vec<String>>;
}

impl<F: FnMut() -> Result<Loaded, Vec<String>> + Send> SettingsSource for F {
    fn load(&mut self) -> Result<Loaded, Vec<String>> {
        self()
    }
}
