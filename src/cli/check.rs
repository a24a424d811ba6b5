//! `ringwall check`: prints what is found in a configuration and in the files that it names, for people or as JSON.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use serde_json::{Value, json};

use super::{EXIT_FAILED, EXIT_USAGE, complain};
use crate::config::{ConfigError, Loaded, Place, Warning};
use crate::control::service_secrets::read_secrets;
use crate::net::clock;
use crate::net::payload::material::KeyMaterial;
use crate::net::payload::settings::PayloadKeySettings;
use crate::net::tls::{Identities, TicketKeys, TlsFault, TlsSettings};

/// Opens the files that TLS and payload encryption read, too: what is wrong with one is said with the place that names it.
/// `config` is the configuration's own file.
pub(super) fn with_files(mut loaded: Loaded, config: &Path) -> Result<Loaded, Vec<ConfigError>> {
    let files = &loaded.files;
    let named = |path: Option<&Path>| match files.iter().find(|file| Some(file.path.as_path()) == path) {
        Some(file) => (file.place.clone(), file.key.clone()),
        None => {
            let file = config.display().to_string().into();
            (Place::File { file, line: 1, column: 1 }, String::new())
        }
    };
    let (mut errors, mut warnings) = (Vec::new(), Vec::new());
    for (path, message) in tls_faults(&loaded.settings.tls, &mut warnings) {
        let (place, key) = named(path.as_deref());
        errors.push(ConfigError { place, key, message });
    }
    if let Some(payload) = &loaded.settings.payload {
        for (path, message) in key_faults(&payload.keys, &mut warnings) {
            let (place, key) = named(path.as_deref());
            errors.push(ConfigError { place, key, message });
        }
    }
    match read_secrets(&mut loaded.settings.ruleset.services) {
        Ok(odd) => warnings.extend(odd.into_iter().map(|found| (found.path, found.message))),
        Err(wrong) => errors.extend(wrong.into_iter().map(|found| {
            let (place, key) = named(Some(&found.path));
            ConfigError { place, key, message: found.message }
        })),
    }
    let warnings: Vec<_> = warnings
        .into_iter()
        .map(|(path, message)| {
            let (place, key) = named(Some(&path));
            Warning { place, key, message }
        })
        .collect();
    loaded.warnings.extend(warnings);
    if errors.is_empty() { Ok(loaded) } else { Err(errors) }
}

/// What is wrong with the files of TLS, and with which; what is odd goes to `warnings`.
fn tls_faults(
    settings: &TlsSettings,
    warnings: &mut Vec<(PathBuf, String)>,
) -> Vec<(Option<PathBuf>, String)> {
    let told = |fault: &TlsFault| (fault.path().map(Path::to_owned), fault.to_string());
    let tickets = match TicketKeys::new() {
        Ok(tickets) => Arc::new(tickets),
        Err(fault) => return vec![told(&fault)],
    };
    match Identities::load(settings, &tickets, clock::unix_micros()) {
        Ok(loaded) => {
            warnings.extend(loaded.warnings.iter().map(|found| (found.path.clone(), found.to_string())));
            Vec::new()
        }
        Err(faults) => faults.iter().map(told).collect(),
    }
}

/// The same of the files of payload encryption.
fn key_faults(
    settings: &PayloadKeySettings,
    warnings: &mut Vec<(PathBuf, String)>,
) -> Vec<(Option<PathBuf>, String)> {
    match KeyMaterial::load(settings, clock::unix_micros().0 / 1_000_000) {
        Ok(loaded) => {
            warnings.extend(loaded.warnings.iter().map(|found| (found.path.clone(), found.to_string())));
            Vec::new()
        }
        Err(faults) => {
            faults.iter().map(|fault| (fault.path().map(Path::to_owned), fault.to_string())).collect()
        }
    }
}

/// Prints the findings and tells the exit code: 0, 1 for warnings under `strict`, 2 for errors.
pub(super) fn check(outcome: &Result<Loaded, Vec<ConfigError>>, json: bool, strict: bool) -> ExitCode {
    let (errors, warnings): (&[ConfigError], &[Warning]) = match outcome {
        Ok(loaded) => (&[], &loaded.warnings),
        Err(errors) => (errors, &[]),
    };
    let code = match (errors, warnings) {
        ([_, ..], _) => EXIT_USAGE,
        ([], [_, ..]) if strict => EXIT_FAILED,
        ([], _) => 0,
    };
    if json {
        print(&document(code == 0, errors, warnings).to_string());
    } else {
        errors.iter().for_each(|error| complain(&error.to_string()));
        warnings.iter().for_each(|warning| complain(&format!("warning: {warning}")));
        if errors.is_empty() {
            let plural = if warnings.len() == 1 { "" } else { "s" };
            print(&format!("The configuration can be used; {} warning{plural}.", warnings.len()));
        }
    }
    code.into()
}

fn document(ok: bool, errors: &[ConfigError], warnings: &[Warning]) -> Value {
    let errors: Vec<_> =
        errors.iter().map(|found| finding(&found.place, &found.key, &found.message)).collect();
    let warnings: Vec<_> =
        warnings.iter().map(|found| finding(&found.place, &found.key, &found.message)).collect();
    json!({ "ok": ok, "errors": errors, "warnings": warnings })
}

fn finding(place: &Place, key: &str, message: &str) -> Value {
    match place {
        Place::File { file, line, column } => {
            json!({ "file": &**file, "line": line, "column": column, "key": key, "message": message })
        }
        Place::Variable(name) => json!({ "variable": &**name, "key": key, "message": message }),
    }
}

/// One line on standard output. A reader that has gone away, as `head` does, is no fault.
fn print(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
