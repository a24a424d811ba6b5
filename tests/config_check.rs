//! `ringwall check` as a user calls it: exit codes, what goes where, and the JSON document.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

fn ringwall(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/config");
    let ours = std::env::vars_os().map(|(name, _)| name);
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringwall"));
    for name in ours.filter(|name| name.to_string_lossy().starts_with("RINGWALL_")) {
        command.env_remove(name);
    }
    command
        .current_dir(folder)
        .args(arguments)
        .envs(variables.iter().copied())
        .output()
        .expect("the binary runs")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

#[test]
fn the_exit_code_tells_good_from_doubtful_from_wrong() {
    let check = |arguments: &[&str], code: i32| {
        let output = ringwall(arguments, &[]);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", text(&output.stderr));
    };
    check(&["check", "--config", "valid/texts.toml"], 0);
    check(&["check", "--config", "valid/texts.toml", "--strict"], 0);
    check(&["check", "--config", "valid/minimal.toml"], 0);
    check(&["check", "--config", "valid/minimal.toml", "--strict"], 1);
    check(&["check", "--config", "invalid/empty.toml"], 2);
    check(&["check", "--config", "invalid/empty.toml", "--strict"], 2);
    check(&["check", "--config", "missing.toml"], 2);
    check(&["run", "--config", "invalid/empty.toml"], 2);
    check(&["check"], 2);
    check(&["check", "--config", "valid/minimal.toml", "--loud"], 2);
    check(&["chek"], 2);
    check(&[], 2);
    check(&["--version"], 0);
    check(&["--help"], 0);
}

#[test]
fn errors_go_to_standard_error_a_line_each() {
    let output = ringwall(&["check", "--config", "invalid/syntax.toml"], &[]);
    assert_eq!(
        text(&output.stderr),
        "ringwall: invalid/syntax.toml:2:15: not TOML: invalid basic string, expected `\"`\n"
    );
    assert_eq!(text(&output.stdout), "");
    let output = ringwall(&["check", "--config", "valid/minimal.toml"], &[]);
    let warning = "ringwall: warning: valid/minimal.toml:1:1: no [admin] address: ";
    assert!(text(&output.stderr).starts_with(warning), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "The configuration can be used; 1 warnings.\n");
    let output = ringwall(&["--version"], &[]);
    assert_eq!(text(&output.stdout), concat!("ringwall ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn json_is_one_document() {
    let check = |file: &str, variables: &[(&str, &str)], strict: bool, expected: Value| {
        let arguments = ["check", "--config", file, "--json", "--strict"];
        let output = ringwall(if strict { &arguments } else { &arguments[..4] }, variables);
        let document: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(document, expected, "{file}");
        assert_eq!(text(&output.stderr), "", "{file}");
    };
    let none: [Value; 0] = [];
    check("valid/texts.toml", &[], true, json!({ "ok": true, "errors": none, "warnings": none }));
    let warning = json!({
        "file": "valid/minimal.toml", "line": 1, "column": 1, "key": "admin",
        "message": "no [admin] address: there will be no health, metrics or status pages",
    });
    check("valid/minimal.toml", &[], false, json!({ "ok": true, "errors": none, "warnings": [warning] }));
    check("valid/minimal.toml", &[], true, json!({ "ok": false, "errors": none, "warnings": [warning] }));
    let errors = json!([
        {
            "file": "invalid/request_line_beyond_head.toml", "line": 2, "column": 16, "key": "limits.request_line",
            "message": "`request_line` in [limits] is \"8KiB\": it is more than `header_bytes`, of which it is a part; \
                        raise that or lower this",
        },
        {
            "variable": "RINGWALL_LOG__FORMAT", "key": "log.format",
            "message": "`format` in [log] must be \"json\" or \"text\", not \"xml\"",
        },
    ]);
    check(
        "invalid/request_line_beyond_head.toml",
        &[("RINGWALL_LOG__FORMAT", "xml")],
        false,
        json!({ "ok": false, "errors": errors, "warnings": none }),
    );
}

#[test]
fn a_variable_that_is_not_utf8_is_refused() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let output = Command::new(env!("CARGO_BIN_EXE_ringwall"))
        .args(["check", "--config", "src/config/example.toml"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("RINGWALL_LOG__ACCESS", OsStr::from_bytes(b"a\xff"))
        .output()
        .expect("the binary runs");
    assert_eq!(output.status.code(), Some(2));
    let expected = "ringwall: RINGWALL_LOG__ACCESS: it is not UTF-8; set it in that encoding or unset it\n";
    assert_eq!(text(&output.stderr), expected);
}
