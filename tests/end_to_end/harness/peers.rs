//! Programs of others that tests talk to. A test whose peer is missing is skipped by name, saying what to install; with
//! `RINGWALL_REQUIRE_PEERS=1` it fails instead.

use std::path::PathBuf;

/// The program, or `None` after saying that the test is skipped.
#[track_caller]
pub(crate) fn peer(program: &str, package: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let directories =
        std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin"), PathBuf::from("/sbin")]);
    let found = directories.map(|directory| directory.join(program)).find(|candidate| candidate.is_file());
    if found.is_none() {
        missing(program, &format!("apt-get install {package}"));
    }
    found
}

/// Says that the test is skipped for want of something, or fails it.
#[track_caller]
pub(crate) fn missing(what: &str, remedy: &str) {
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    let advice = format!("{test} needs {what}: {remedy}");
    assert!(std::env::var_os("RINGWALL_REQUIRE_PEERS").is_none_or(|value| value != "1"), "{advice}");
    eprintln!("SKIPPED {advice}");
}
