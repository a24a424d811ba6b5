//! The command line: arguments in, exit code out. The only place that reads the process's environment and prints.
//!
//! What the commands do is the business of the modules they call.

mod call;
mod check;
mod demo;
mod host_settings;
mod keygen;
mod run;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{self, ConfigError, Loaded, Place};

/// Something went wrong, or `check --strict` found warnings.
const EXIT_FAILED: u8 = 1;
/// The command line or the configuration cannot be used.
const EXIT_USAGE: u8 = 2;

/// A security proxy for latency-sensitive deployments.
#[derive(Debug, Parser)]
#[command(name = "ringwall", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the proxy. SIGTERM and SIGINT drain it, SIGHUP reloads the configuration.
    Run {
        /// The configuration file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Check a configuration without serving.
    ///
    /// Exits with 0 when it is good, 1 when --strict is given and there are warnings, 2 when there are errors.
    Check {
        /// The configuration file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// Print one JSON document instead of lines.
        #[arg(long)]
        json: bool,
        /// Fail on warnings too.
        #[arg(long)]
        strict: bool,
    },
    /// Make keys of payload encryption: new files, never in the place of others, which their owner alone can read.
    Keygen {
        #[command(subcommand)]
        what: keygen::What,
    },
    /// Send one request through a proxy, sealed, and print the response.
    ///
    /// Exits with 0 when the response came, whatever its status; 1 when it did not, or not sealed; 2 when the arguments or
    /// a file that they name cannot be used.
    Call(Box<call::CallArguments>),
    /// Show the whole system on loopback, step by step, then keep serving.
    Demo {
        /// Exit after the walk: 0, or 1 when a step failed.
        #[arg(long)]
        once: bool,
    },
}

/// Runs the command that the process's arguments ask for.
pub fn main() -> ExitCode {
    match Cli::try_parse() {
        Ok(Cli { command }) => dispatch(command),
        Err(error) => {
            // Help and version come this way too, with exit code 0. Nobody to tell when printing fails.
            let _ = error.print();
            u8::try_from(error.exit_code()).map_or(EXIT_USAGE.into(), ExitCode::from)
        }
    }
}

fn dispatch(command: Command) -> ExitCode {
    match command {
        Command::Run { config } => run::run(config),
        Command::Check { config, json, strict } => {
            check::check(&load(&config).and_then(|loaded| check::with_files(loaded, &config)), json, strict)
        }
        Command::Call(arguments) => call::call(&arguments),
        Command::Demo { once } => demo::demo(once),
        Command::Keygen { what } => keygen::keygen(what),
    }
}

/// Reads the configuration from `file` and the process's environment.
fn load(file: &Path) -> Result<Loaded, Vec<ConfigError>> {
    config::load(file, environment()?.into_iter())
}

/// The variables that concern us. One that is not UTF-8 is refused rather than overlooked.
fn environment() -> Result<Vec<(String, String)>, Vec<ConfigError>> {
    let mut variables = Vec::new();
    let mut errors = Vec::new();
    for (name, value) in std::env::vars_os() {
        let shown = name.to_string_lossy().into_owned();
        if !shown.to_ascii_uppercase().starts_with("RINGWALL_") {
            continue;
        }
        match (name.into_string(), value.into_string()) {
            (Ok(name), Ok(value)) => variables.push((name, value)),
            _ => errors.push(ConfigError {
                place: Place::Variable(shown.into()),
                key: String::new(),
                message: "it is not UTF-8; set it in that encoding or unset it".to_owned(),
            }),
        }
    }
    if errors.is_empty() { Ok(variables) } else { Err(errors) }
}

/// One line on standard error. There is nobody to tell when that fails.
fn complain(line: &str) {
    let _ = writeln!(std::io::stderr(), "ringwall: {line}");
}

/// One line on standard output. There is nobody to tell when that fails.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
