//! Several files: what is included, in which order, how it is merged, and what is refused.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use ringwall::config::{self, ConfigError, Loaded};
use ringwall::control::settings::AccessLog;

const LISTENER: &str = "[[listener]]\nname = 'public'\naddress = '127.0.0.1:8443'\n";
const UPSTREAM: &str = "[upstream.a]\nservers = 'http://a'\n";

/// A folder of its own for each test, removed in the end.
struct Folder(PathBuf);

impl Folder {
    fn with(files: &[(&str, &str)]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("config-include-{}-{number}", std::process::id());
        let folder = Self(Path::new(env!("CARGO_TARGET_TMPDIR")).join(name));
        for (name, text) in files {
            let path = folder.0.join(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            fs::write(path, text).expect("a file");
        }
        folder
    }

    fn load(&self, variables: &[(&str, &str)]) -> Result<Loaded, Vec<ConfigError>> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        config::load(&self.0.join("main.toml"), variables.iter().map(owned))
    }

    /// The names of the routes, in order.
    fn routes(&self, variables: &[(&str, &str)]) -> Vec<String> {
        let loaded = self.load(variables).unwrap_or_else(|errors| panic!("{errors:#?}"));
        loaded.settings.ruleset.routes.routes().iter().map(|route| route.name.clone()).collect()
    }

    /// All errors, without the folder's path.
    fn errors(&self) -> Vec<String> {
        let errors = self.load(&[]).expect_err("errors");
        let folder = format!("{}/", self.0.display());
        errors.iter().map(|error| error.to_string().replace(&folder, "")).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn route(path: &str) -> String {
    format!("[[route]]\npath = '{path}'\nupstream = 'a'\naccess = 'upstream'\n")
}

fn main_file(include: &str) -> String {
    format!("include = {include}\n{LISTENER}{UPSTREAM}{}", route("/main"))
}

#[test]
fn a_files_own_routes_come_first_then_the_included_in_order() {
    let folder = Folder::with(&[
        ("main.toml", &main_file("['routes/*.toml', 'last.toml']")),
        ("routes/b.toml", &format!("include = 'deeper/*'\n{}", route("/b"))),
        ("routes/a.toml", &route("/a")),
        ("routes/.hidden.toml", "not TOML"),
        ("routes/other.txt", "not TOML"),
        ("routes/deeper/c", &route("/c")),
        ("last.toml", &route("/last")),
    ]);
    assert_eq!(folder.routes(&[]), ["/main", "/a", "/b", "/c", "/last"]);
}

#[test]
fn a_variable_may_name_the_files() {
    let folder = Folder::with(&[
        ("main.toml", &main_file("'missing.toml'")),
        ("a.toml", &route("/a")),
        ("b.toml", &route("/b")),
    ]);
    assert_eq!(folder.routes(&[("RINGWALL_INCLUDE", "b.toml, a.toml")]), ["/main", "/b", "/a"]);
    assert_eq!(folder.routes(&[("RINGWALL_INCLUDE", "[]")]), ["/main"]);
    assert_eq!(folder.routes(&[("RINGWALL_INCLUDE__0", "a.toml")]), ["/main", "/a"]);
}

#[test]
fn tables_are_merged_and_paths_are_relative_to_their_file() {
    let folder = Folder::with(&[
        ("main.toml", &format!("{}[timeouts]\nidle = '1s'\n", main_file("'more/*.toml'"))),
        (
            "more/a.toml",
            "[timeouts]\nbody = '2s'\n[log]\naccess = 'access.log'\n[upstream.a.pool]\nidle = 1\n",
        ),
    ]);
    let settings = folder.load(&[]).expect("a good configuration").settings;
    assert_eq!(settings.ruleset.timeouts.idle.as_secs(), 1);
    assert_eq!(settings.ruleset.timeouts.body.as_secs(), 2);
    assert_eq!(settings.ruleset.upstreams[0].pool.idle, 1);
    assert_eq!(settings.log.access, AccessLog::File(folder.0.join("more/access.log")));
}

#[test]
fn a_setting_written_twice_names_both_places() {
    let main = format!("{}[limits]\nconnections = 1\n", main_file("['a.toml']"));
    let folder = Folder::with(&[
        ("main.toml", &main),
        (
            "a.toml",
            "[limits]\nconnections = 1\n[upstream]\na.servers = ['http://b']\n[forwarding]\ntrusted = []\n",
        ),
    ]);
    assert_eq!(
        folder.errors(),
        [
            "a.toml:2:15: `limits.connections` is already set at main.toml:12:1; keep one of them",
            "a.toml:4:13: `upstream.a.servers` is already set at main.toml:6:1; keep one of them",
        ]
    );
}

#[test]
fn faults_are_told_with_their_file() {
    let folder = Folder::with(&[
        ("main.toml", &main_file("['a.toml', 'b.toml']")),
        ("a.toml", "[admin]\nadress = 'x'\n"),
        ("b.toml", &route("b").replace("'a'", "'b'")),
    ]);
    assert_eq!(
        folder.errors(),
        [
            "a.toml:2:1: unknown key `adress` in [admin]; did you mean `address`?",
            "b.toml:2:8: `path` in [[route]] is \"b\": a path pattern begins with `/`",
            "b.toml:3:12: `upstream` in [[route]] is \"b\": no upstream has this name; there are: a",
        ]
    );
}

#[test]
fn every_file_that_cannot_be_read_is_told_and_nothing_is_guessed_about_the_rest() {
    let folder = Folder::with(&[
        (
            "main.toml",
            "include = ['a.toml', 'b.toml', 'missing.toml', 'none/*', 'x*/y', 'empty*']\nwrong = 1\n",
        ),
        ("a.toml", "x ="),
        ("b.toml", "[y\n"),
    ]);
    let errors = folder.errors();
    let beginnings = [
        "a.toml:1:4: not TOML: ",
        "b.toml:1:3: not TOML: ",
        "main.toml:1:32: cannot read missing.toml: No such file",
        "main.toml:1:48: cannot list none: No such file",
        "main.toml:1:58: \"x*/y\": `*` is understood in the last part",
    ];
    assert_eq!(errors.len(), beginnings.len(), "{errors:#?}");
    for (error, beginning) in errors.iter().zip(beginnings) {
        assert!(error.starts_with(beginning), "{error}\n{beginning}");
    }
}

#[test]
fn a_file_is_included_once() {
    let cycle = "b.toml:1:11: main.toml includes itself, directly or through others; remove one `include`";
    let folder = Folder::with(&[
        ("main.toml", &main_file("'a.toml'")),
        ("a.toml", "include = 'b.toml'"),
        ("b.toml", "include = './main.toml'"),
    ]);
    assert_eq!(folder.errors(), [cycle.replace("main.toml", "./main.toml")]);

    let folder = Folder::with(&[("main.toml", &main_file("['a.toml', './a.toml']")), ("a.toml", "")]);
    assert_eq!(folder.errors(), ["main.toml:1:22: ./a.toml is included twice; remove one `include`"]);
}

#[test]
fn the_depth_of_includes_is_bounded() {
    let chain = |length: usize| {
        let names: Vec<_> = (0..=length).map(|n| format!("{n}.toml")).collect();
        let texts: Vec<_> =
            (1..=length).map(|n| format!("include = '{n}.toml'")).chain(["".to_owned()]).collect();
        let main = main_file("'0.toml'");
        let mut files = vec![("main.toml", main.as_str())];
        files.extend(names.iter().map(String::as_str).zip(texts.iter().map(String::as_str)));
        Folder::with(&files)
    };
    assert!(chain(ringwall::limits::CONFIG_INCLUDE_DEPTH - 1).load(&[]).is_ok());
    let errors = chain(ringwall::limits::CONFIG_INCLUDE_DEPTH).errors();
    assert_eq!(errors, ["7.toml:1:11: 8.toml is included more than 8 levels deep"]);
}

#[test]
fn a_main_file_that_cannot_be_read_is_told() {
    let folder = Folder::with(&[("other.toml", "")]);
    let errors = folder.errors();
    assert!(errors[0].starts_with("main.toml:1:1: cannot read main.toml: No such file"), "{errors:?}");

    let folder = Folder::with(&[("main.toml/file", "")]);
    assert!(folder.errors()[0].contains("main.toml:1:1: cannot read main.toml: "));

    let folder = Folder::with(&[]);
    fs::create_dir_all(&folder.0).expect("a folder");
    fs::write(folder.0.join("main.toml"), [b'#', 0xff]).expect("a file");
    let expected =
        "main.toml:1:1: cannot read main.toml: it is not UTF-8 from byte 1 on; save it in that encoding";
    assert_eq!(folder.errors(), [expected]);
}
