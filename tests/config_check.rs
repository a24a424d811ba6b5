//! `ringwall check` as a user calls it: exit codes, what goes where, and the JSON document.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
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
    assert_eq!(text(&output.stdout), "The configuration can be used; 1 warning.\n");
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

/// A configuration with TLS in a folder of its own, which is gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str, certificate: &str, key: &str) -> Self {
        let folder = Self(std::env::temp_dir().join(format!("ringwall-check-{}-{name}", std::process::id())));
        std::fs::create_dir_all(&folder.0).expect("a folder");
        folder.write("own.pem", certificate);
        folder.write("own.key", key);
        let text = "admin.address = \"127.0.0.1:1\"\n[[listener]]\nname = \"public\"\naddress = \"127.0.0.1:2\"\n\
                    tls = { certificate = \"own.pem\", key = \"own.key\" }\n[[route]]\npath = \"/\"\naccess = \"upstream\"\n\
                    upstream = \"a\"\n[upstream.a]\nservers = \"https://a\"\ntls = { ca = \"own.pem\" }\n";
        folder.write("ringwall.toml", text);
        folder
    }

    fn write(&self, name: &str, content: &str) {
        let path = self.0.join(name);
        std::fs::write(&path, content).expect("a file");
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("its mode");
    }

    /// Holds the exit codes without and with `--strict`, and what is found: the severity, line and column, key and words
    /// of each.
    fn check(&self, codes: [i32; 2], found: &[(&str, (u64, u64), &str, &str)]) {
        let config = self.0.join("ringwall.toml");
        let config = config.to_str().expect("UTF-8");
        for (code, strict) in codes.into_iter().zip([&[][..], &["--strict"]]) {
            let arguments = [&["check", "--config", config, "--json"], strict].concat();
            let output = ringwall(&arguments, &[]);
            assert_eq!(output.status.code(), Some(code), "{}", text(&output.stdout));
            let document: Value = serde_json::from_slice(&output.stdout).expect("JSON");
            let lists = ["errors", "warnings"].map(|kind| document[kind].as_array().expect("a list"));
            assert_eq!(lists[0].len() + lists[1].len(), found.len(), "{document}");
            for (kind, (line, column), key, words) in found {
                let one = |found: &Value| {
                    found["file"] == config
                        && (&found["line"], &found["column"]) == (&json!(line), &json!(column))
                        && found["key"] == *key
                        && found["message"].as_str().is_some_and(|message| message.contains(words))
                };
                let list = document[*kind].as_array().expect("a list");
                assert!(list.iter().any(one), "{kind} {line}:{column} {key} {words}: {document}");
            }
        }
        let output = ringwall(&["check", "--config", config], &[]);
        for (kind, (line, column), _, words) in found {
            let severity = if *kind == "warnings" { "warning: " } else { "" };
            let begin = format!("ringwall: {severity}{config}:{line}:{column}: ");
            let one = |shown: &str| shown.starts_with(&begin) && shown.contains(words);
            assert!(text(&output.stderr).lines().any(one), "{begin}{words}: {}", text(&output.stderr));
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

/// A self-signed certificate until this year, and its key.
fn certificate(until: i32) -> (String, String) {
    let key = rcgen::KeyPair::generate().expect("a key");
    let mut own = rcgen::CertificateParams::new(["a.test".to_owned()]).expect("a name");
    own.not_before = rcgen::date_time_ymd(2020, 1, 1);
    own.not_after = rcgen::date_time_ymd(until, 1, 1);
    (own.self_signed(&key).expect("a certificate").pem(), key.serialize_pem())
}

#[test]
fn the_files_of_tls_are_looked_into() {
    let ((good, key), (expired, old_key)) = (certificate(2100), certificate(2021));
    Folder::new("good", &good, &key).check([0, 0], &[]);
    let expiry = ("warnings", (5, 23), "listener.0.tls.certificate", "own.pem: the certificate of");
    Folder::new("expired", &expired, &old_key).check([0, 1], &[expiry]);
    let other = ("errors", (5, 23), "listener.0.tls.certificate", "does not belong to the private key");
    Folder::new("other", &good, &old_key).check([2, 2], &[other]);
    let open = Folder::new("open", &good, &key);
    std::fs::set_permissions(open.0.join("own.key"), Permissions::from_mode(0o644)).expect("its mode");
    open.check([0, 1], &[("warnings", (5, 40), "listener.0.tls.key", "everybody on this machine")]);
    let gone = Folder::new("gone", &good, &key);
    for name in ["own.pem", "own.key"] {
        std::fs::remove_file(gone.0.join(name)).expect("a file");
    }
    gone.check(
        [2, 2],
        &[
            ("errors", (5, 23), "listener.0.tls.certificate", "cannot be read"),
            ("errors", (5, 40), "listener.0.tls.key", "cannot be read"),
        ],
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
