//! `ringwall check`: prints what is found in a configuration, for people or as JSON.

use std::io::Write;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::{EXIT_FAILED, EXIT_USAGE, complain};
use crate::config::{ConfigError, Loaded, Place, Warning};

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
            print(&format!("The configuration can be used; {} warnings.", warnings.len()));
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
