//! `ringwall check`: prints what is found in a configuration and in the files that it names, for people or as JSON.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use serde_json::{Value, json};

use super::{EXIT_FAILED, EXIT_USAGE, complain};
use crate::config::{ConfigError, Loaded, Place, Warning};
use crate::net::clock;
use crate::net::tls::{Identities, TicketKeys, TlsFault, TlsWarning};

/// Opens the files that TLS reads, too: what is wrong with one is said with the place that names it. `config` is the
/// configuration's own file.
pub(super) fn with_files(mut loaded: Loaded, config: &Path) -> Result<Loaded, Vec<ConfigError>> {
    let files = &loaded.files;
    let named = |path: Option<&Path>| match files.iter().find(|file| Some(file.path.as_path()) == path) {
        Some(file) => (file.place.clone(), file.key.clone()),
        None => {
            let file = config.display().to_string().into();
            (Place::File { file, line: 1, column: 1 }, String::new())
        }
    };
    let error = |fault: &TlsFault| {
        let (place, key) = named(fault.path());
        ConfigError { place, key, message: fault.to_string() }
    };
    let tickets = TicketKeys::new().map_err(|fault| vec![error(&fault)])?;
    match Identities::load(&loaded.settings.tls, &Arc::new(tickets), clock::unix_micros()) {
        Ok(identities) => {
            let warning = |found: &TlsWarning| {
                let (place, key) = named(Some(&found.path));
                Warning { place, key, message: found.to_string() }
            };
            let found: Vec<_> = identities.warnings.iter().map(warning).collect();
            loaded.warnings.extend(found);
            Ok(loaded)
        }
        Err(faults) => Err(faults.iter().map(error).collect()),
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
