//! Every file in `fixtures/config` says what is found in it: `#error PLACE: message` and `#warning PLACE: message`
//! lines, all of them, in order. `#env NAME=VALUE` lines are its environment.

use std::fs;
use std::path::{Path, PathBuf};

use ringwall::config;

#[test]
fn each_invalid_file_is_refused_for_exactly_its_faults() {
    let files = files("invalid");
    assert!(files.len() > 20, "only {} files found", files.len());
    for file in files {
        assert!(check(&file), "{} was accepted", file.display());
    }
}

#[test]
fn each_valid_file_is_accepted_with_exactly_its_warnings() {
    let files = files("valid");
    assert!(files.len() >= 4, "only {} files found", files.len());
    for file in files {
        assert!(!check(&file), "{} was refused", file.display());
    }
}

/// Compares what is found with what the file says; true when it was refused.
fn check(file: &Path) -> bool {
    let text = fs::read_to_string(file).expect("a readable file");
    let name = file.file_name().and_then(|name| name.to_str()).expect("a file name");
    let lines_of = |kind: &str| -> Vec<String> {
        text.lines().filter_map(|line| line.strip_prefix(kind).map(str::to_owned)).collect()
    };
    let environment = lines_of("#env ").into_iter().map(|line| {
        let (name, value) = line.split_once('=').expect("NAME=VALUE");
        (name.to_owned(), value.to_owned())
    });
    let shown = |line: String| line.strip_prefix(&format!("{name}:")).map(str::to_owned).unwrap_or(line);
    let (errors, warnings) = match config::parse(&text, name, environment) {
        Ok(loaded) => (Vec::new(), loaded.warnings.iter().map(|found| shown(found.to_string())).collect()),
        Err(errors) => (errors.iter().map(|found| shown(found.to_string())).collect(), Vec::new()),
    };
    assert_eq!(errors, lines_of("#error "), "errors of {name}");
    assert_eq!(warnings, lines_of("#warning "), "warnings of {name}");
    !errors.is_empty()
}

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/config").join(folder);
    let mut files: Vec<_> = fs::read_dir(folder)
        .expect("a readable folder")
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    files.sort();
    files
}
