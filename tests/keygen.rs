//! `ringwall keygen` as a user calls it: what the files are good for, who can read them, and that none is lost.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use ringwall::net::clock;
use ringwall::protocol::payload::key_document::{DocumentVerifier, Expectation, SigningAlgorithm};
use ringwall::protocol::payload::ohttp_keys::parse_key_list;

const ORIGIN: &str = "https://api.example.com";

/// A folder of its own, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("ringwall-keygen-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        Self(folder)
    }

    fn ringwall(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ringwall"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("RINGWALL_") {
                command.env_remove(name);
            }
        }
        command.current_dir(&self.0).args(arguments).output().expect("the binary runs")
    }

    /// What a call prints that must succeed.
    fn good(&self, arguments: &[&str]) -> String {
        let output = self.ringwall(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        assert_eq!(text(&output.stderr), "", "{arguments:?}");
        text(&output.stdout).to_owned()
    }

    fn refused(&self, arguments: &[&str], code: i32, words: &str) {
        let output = self.ringwall(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        assert!(text(&output.stderr).contains(words), "{arguments:?}: {}", text(&output.stderr));
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).expect("a file").permissions().mode() & 0o777
}

/// The last word of the line that says what clients pin.
fn pinned(printed: &str) -> Vec<u8> {
    let line = printed.lines().find(|line| line.starts_with("clients")).expect("what clients pin");
    BASE64URL.decode(line.rsplit(' ').next().expect("a word")).expect("base64url")
}

fn unix_seconds() -> u64 {
    clock::unix_micros().0 / 1_000_000
}

#[test]
fn new_keys_are_their_owners_alone_and_never_replace_others() {
    let folder = Folder::new("new");
    for what in ["payload", "ticket", "signing"] {
        let arguments = ["keygen", what, "--out", "a.key"];
        let printed = folder.good(&arguments);
        assert_eq!(mode(&folder.path("a.key")), 0o600, "{what}");
        let before = std::fs::read(folder.path("a.key")).expect("a key");
        // What is printed is no secret.
        let mut lines = text(&before).lines().filter(|line| !line.starts_with("-----"));
        let secret = lines.next_back().and_then(|line| line.rsplit(' ').next()).expect("a secret");
        assert!(secret.len() > 20 && !printed.contains(secret.trim_end_matches('=')), "{what}: {printed}");
        folder.refused(&arguments, 1, "a.key: there is such a file already");
        assert_eq!(std::fs::read(folder.path("a.key")).expect("a key"), before, "{what}");
        std::fs::remove_file(folder.path("a.key")).expect("a key");
    }
    folder.refused(&["keygen", "payload", "--out", "none/a.key"], 1, "none/a.key: cannot be written");
    folder.refused(&["keygen", "payload"], 2, "--out");
    folder.refused(&["keygen", "payload", "--out", "a", "--id", "256"], 2, "256");
    folder.refused(&["keygen", "payload", "--out", "a", "--kem", "p384"], 2, "p384");
    folder.refused(&["keygen"], 2, "Usage");
}

#[test]
fn a_payload_key_has_the_id_and_kind_that_were_asked_for() {
    let folder = Folder::new("kinds");
    let check = |name: &str, options: &[&str], id: Option<u8>, length: usize| {
        let printed = folder.good(&[&["keygen", "payload", "--out", name], options].concat());
        let list = parse_key_list(&pinned(&printed)).expect("a list of keys");
        assert_eq!((list.len(), list[0].public.as_bytes().len()), (1, length), "{options:?}");
        assert!(id.is_none_or(|id| list[0].id == id), "{options:?}");
        assert!(printed.contains(&format!("with the id {};", list[0].id)), "{printed}");
    };
    check("a", &[], None, 32);
    check("b", &["--id", "0"], Some(0), 32);
    check("c", &["--kem", "p256", "--id", "255"], Some(255), 65);
}

#[test]
fn a_list_signed_ahead_of_time_is_what_clients_verify_and_the_proxy_serves() {
    let folder = Folder::new("list");
    for (algorithm, option) in [(SigningAlgorithm::Es256, "es256"), (SigningAlgorithm::EdDsa, "eddsa")] {
        let (signing, key) = (format!("{option}.key"), format!("{option}-1.key"));
        let pin = pinned(&folder.good(&["keygen", "signing", "--out", &signing, "--algorithm", option]));
        let listed = pinned(&folder.good(&["keygen", "payload", "--out", &key]));
        let common = ["keygen", "sign-keys", "--signing-key", &signing, "--key", &key, "--origin", ORIGIN];
        let printed = folder.good(&[&common[..], &["--out", "keys.jwt", "--days", "2"]].concat());
        assert_eq!(pinned(&printed), pin);
        let verifier = DocumentVerifier::new(algorithm, &pin).expect("a public key");
        let document = std::fs::read_to_string(folder.path("keys.jwt")).expect("a list");
        let now = unix_seconds();
        let expected = Expectation { audience: ORIGIN, now, newest_issued: None };
        let says = verifier.verify(document.trim().as_bytes(), &expected).expect("a good list");
        assert_eq!((says.expires - says.issued, says.keys), (2 * 24 * 60 * 60, listed));
        assert!((now - 60..=now).contains(&says.issued));

        let config = format!(
            "admin.address = '127.0.0.1:1'\n[[listener]]\nname = 'public'\naddress = '127.0.0.1:2'\n\
             [upstream.a]\nservers = 'http://a'\n[payload]\nkeys = '{key}'\nkey_document = 'keys.jwt'\n\
             origin = '{ORIGIN}'\n[[route]]\npath = '/'\nupstream = 'a'\naccess = 'upstream'\n"
        );
        std::fs::write(folder.path("ringwall.toml"), config).expect("a configuration");
        folder.good(&["check", "--config", "ringwall.toml", "--strict"]);
        // A newer one takes its place.
        folder.good(&[&common[..], &["--out", "keys.jwt"]].concat());
        assert_ne!(std::fs::read_to_string(folder.path("keys.jwt")).expect("a list"), document);
        folder.refused(&[&common[..], &["--out", "x", "--days", "8"]].concat(), 2, "8");
    }
    let sign = |signing: &str, key: &str, origin: &str, code, words: &str| {
        let arguments =
            ["keygen", "sign-keys", "--signing-key", signing, "--key", key, "--origin", origin, "--out", "x"];
        folder.refused(&arguments, code, words);
        assert!(!folder.path("x").exists());
    };
    sign("es256.key", "es256-1.key", "https://API.example.com/", 2, "write \"https://api.example.com\"");
    sign("es256-1.key", "es256-1.key", ORIGIN, 1, "es256-1.key: no private key in PKCS #8");
    sign("es256.key", "none", ORIGIN, 1, "none: cannot be read");
}

#[test]
fn check_opens_the_keys_and_says_which_setting_names_a_bad_one() {
    let folder = Folder::new("check");
    for (what, name) in [("payload", "p.key"), ("ticket", "t.key"), ("signing", "s.key")] {
        folder.good(&["keygen", what, "--out", name]);
    }
    let config = format!(
        "admin.address = '127.0.0.1:1'\n[[listener]]\nname = 'public'\naddress = '127.0.0.1:2'\n[upstream.a]\n\
         servers = 'http://a'\n[payload]\nkeys = 'p.key'\nticket_keys = 't.key'\nsigning_key = 's.key'\n\
         origin = '{ORIGIN}'\n[[route]]\npath = '/'\nupstream = 'a'\naccess = 'upstream'\npayload = 'require'\n"
    );
    std::fs::write(folder.path("ringwall.toml"), config).expect("a configuration");
    let check = ["check", "--config", "ringwall.toml", "--strict"];
    folder.good(&check);
    std::fs::set_permissions(folder.path("t.key"), PermissionsExt::from_mode(0o644)).expect("its mode");
    folder.refused(&check, 1, "warning: ringwall.toml:9:15: t.key: everybody on this machine can get at");
    std::fs::remove_file(folder.path("p.key")).expect("a key");
    std::fs::rename(folder.path("s.key"), folder.path("p.key")).expect("a key");
    folder.refused(&check, 2, "ringwall.toml:8:8: p.key: no line `-----BEGIN RINGWALL PAYLOAD KEY-----`");
    folder.refused(&check, 2, "ringwall.toml:10:15: s.key: cannot be read");
}
