//! `ringwall run`: the configuration file as the control side's source of settings.

use std::path::PathBuf;
use std::process::ExitCode;

use super::{complain, host_settings, load};
use crate::control::settings::Loaded;
use crate::control::{self, RunFault};

/// Serves until a signal ends it.
pub(super) fn run(file: PathBuf) -> ExitCode {
    host_settings::apply();
    let source = move || match load(&file) {
        Ok(loaded) => {
            let warnings = loaded.warnings.iter().map(ToString::to_string).collect();
            Ok(Loaded { settings: loaded.settings, warnings })
        }
        Err(errors) => Err(errors.iter().map(ToString::to_string).collect()),
    };
    match control::run(source) {
        Ok(()) => ExitCode::SUCCESS,
        Err(RunFault::Configuration(errors)) => {
            errors.iter().for_each(|error| complain(error));
            super::EXIT_USAGE.into()
        }
        Err(fault) => {
            complain(&fault.to_string());
            fault.exit_code().into()
        }
    }
}
