//! Holds the house's rules where compiler and lints cannot: which layer may name which, what the pure layers may not
//! touch, and the shape of a file.
//!
//! Limits: it reads text, not types. A path hidden in a macro, a `#[path]` attribute, a re-export under another name or
//! a local alias (`use std as s`) passes it by; `cargo check --lib --no-default-features` and `.clippy.toml` hold part
//! of the same rules from another side. Test code (`#[cfg(test)]`, and files reached through it alone) is exempt but
//! where a rule says otherwise.

#[path = "architecture/rust_text.rs"]
mod rust_text;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rust_text::{Source, functions, macros, paths};

/// Every layer with the layers it may name. A layer may always name itself.
const ARROWS: [(&str, &[&str]); 14] = [
    ("limits", &[]),
    ("manual", &[]),
    ("protocol", &["limits"]),
    ("telemetry", &["limits", "protocol", "policy"]),
    ("policy", &["limits", "protocol"]),
    ("net", &["limits", "protocol", "telemetry"]),
    ("worker", &["limits", "protocol", "policy", "telemetry", "net"]),
    // And every layer's `settings`, which it fills: see SETTINGS.
    ("config", &["limits", "protocol", "policy", "telemetry"]),
    ("control", &["limits", "protocol", "policy", "telemetry", "net", "worker", "config"]),
    ("authority", &["limits", "protocol", "net"]),
    ("client", &["limits", "protocol"]),
    (
        "cli",
        &["limits", "protocol", "policy", "telemetry", "net", "config", "control", "authority", "client"],
    ),
    ("main", &["cli"]),
    ("fuzzing", &["limits", "protocol", "policy"]),
];

/// The module of a layer that says in plain values what can be set. `config` may name it: it fills those values.
const SETTINGS: &str = "settings";

/// Layers that decide: bytes and time in, values out.
const PURE: [&str; 3] = ["protocol", "policy", "telemetry"];

/// Layers on a request's way: a panic here is one a peer might reach.
const NO_PANIC: [&str; 6] = ["protocol", "policy", "net", "worker", "client", "authority"];

/// Of the client this alone touches the system; its rest may name the errors of I/O besides what pure layers may.
const TRANSPORT: &str = "src/client/transport";

/// Of the embedded Token Server this alone touches the system: what is answered is decided by its rest.
const AUTHORITY_SERVER: &str = "src/authority/server";

/// What the pure layers may not name, and everything below it.
const IMPURE: [&str; 30] = [
    "std::env",
    "std::fs",
    "std::io",
    "std::os",
    "std::process",
    "std::thread",
    "std::sync::Condvar",
    "std::sync::LazyLock",
    "std::sync::Mutex",
    "std::sync::OnceLock",
    "std::sync::RwLock",
    "clap",
    "getrandom",
    "io_uring",
    "log",
    "mimalloc",
    "moka",
    "monoio",
    "monoio_rustls",
    "nix",
    "rand",
    "rustix",
    "rustls",
    "signal_hook",
    "socket2",
    "tokio",
    "toml",
    "tracing",
    "httpdate",
    "strsim",
];

/// Modules of which the pure layers may name these items alone.
const PURE_ITEMS: [(&str, &[&str]); 2] = [
    ("std::time", &["Duration"]),
    (
        "std::net",
        &["IpAddr", "Ipv4Addr", "Ipv6Addr", "SocketAddr", "SocketAddrV4", "SocketAddrV6", "AddrParseError"],
    ),
];

/// The parts of `protocol` that do not know each other: they meet in `policy::exchange` or above.
const STRANGERS: [&str; 4] = ["http1", "payload", "tls", "token"];

/// Who alone may name a crate: a layer or a file.
const OWNERS: [(&str, &str); 3] =
    [("monoio", "src/net/"), ("monoio_rustls", "src/net/tls_stream.rs"), ("io_uring", "src/net/")];

/// What one file may not name although its layer may.
const FILE_ARROWS: [(&str, &str); 1] = [("src/control/admin_server.rs", "worker")];

const FUNCTION_LINES: usize = 70;
const FILE_LINES: usize = 500;

/// Files and functions beyond their length, with the reason. Empty is better.
const LONG: [(&str, &str); 0] = [];

/// What breaks a rule: where, and how to mend it.
type Violations = Vec<String>;

fn arrows(source: &Source) -> Violations {
    let layer = source.layer();
    if layer == "lib" {
        return Vec::new();
    }
    let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == layer) else {
        return vec![format!("{}: the layer `{layer}` is not in ARROWS: say what it may name", source.path)];
    };
    let mut found = Vec::new();
    for (line, path) in paths(&source.shipped) {
        let path = source.resolve(&path);
        let [root, named, ..] = path.as_slice() else { continue };
        if root != "crate" {
            continue;
        }
        let named = named.as_str();
        if layer == "config" && path.iter().skip(2).any(|module| module == SETTINGS) {
            continue;
        }
        let known = ARROWS.iter().any(|(name, _)| *name == named);
        if known && named != layer && !allowed.contains(&named) {
            found.push(format!("{}:{line}: `{layer}` may not name `{named}`", source.path));
        }
        if FILE_ARROWS.contains(&(source.path.as_str(), named)) {
            found.push(format!("{}:{line}: this file may not name `{named}`", source.path));
        }
    }
    found
}

fn strangers(source: &Source) -> Violations {
    let Some(own) = STRANGERS.iter().find(|name| source.is_below(&format!("src/protocol/{name}"))) else {
        return Vec::new();
    };
    let named = |path: &[String]| match source.resolve(path).as_slice() {
        [root, layer, part, ..] if root == "crate" && layer == "protocol" => Some(part.clone()),
        _ => None,
    };
    let other = |(line, path): (usize, Vec<String>)| {
        let part = named(&path).filter(|part| STRANGERS.contains(&part.as_str()) && part != own)?;
        Some(format!("{}:{line}: `{own}` may not name `{part}`: they meet in policy::exchange", source.path))
    };
    paths(&source.shipped).into_iter().filter_map(other).collect()
}

fn purity(source: &Source) -> Violations {
    let is_client = source.layer() == "client" && !source.is_below(TRANSPORT);
    let is_pure = PURE.contains(&source.layer()) && !source.is_below("src/telemetry/log_channel");
    let is_authority = source.layer() == "authority" && !source.is_below(AUTHORITY_SERVER);
    if !is_pure && !is_client && !is_authority {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (line, path) in paths(&source.shipped) {
        let text = source.resolve(&path).join("::");
        let below = |prefix: &str| {
            text.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        };
        let item_refused = |(module, items): &(&str, &[&str])| {
            let item = text.strip_prefix(module).map(|rest| rest.split("::").nth(1).unwrap_or("*"));
            below(module) && item.is_some_and(|item| !items.contains(&item))
        };
        if is_client && below("std::io") {
            continue;
        }
        if IMPURE.iter().any(|prefix| below(prefix)) || PURE_ITEMS.iter().any(item_refused) {
            found.push(format!(
                "{}:{line}: a pure layer may not name `{text}`: take it as an argument",
                source.path
            ));
        }
    }
    for (line, name) in macros(&source.shipped) {
        if ["print", "println", "eprint", "eprintln", "dbg"].contains(&name.as_str()) {
            found.push(format!("{}:{line}: a pure layer prints nothing: return the fact", source.path));
        }
    }
    found
}

fn owners(source: &Source) -> Violations {
    let mut found = Vec::new();
    for (line, path) in paths(&source.code) {
        for (name, owner) in OWNERS {
            if path.first().is_some_and(|first| first == name) && !source.path.starts_with(owner) {
                found.push(format!("{}:{line}: `{name}` is named only in {owner}", source.path));
            }
        }
    }
    found
}

fn panics(source: &Source) -> Violations {
    if !NO_PANIC.contains(&source.layer()) {
        return Vec::new();
    }
    let raw: Vec<&str> = source.raw.lines().collect();
    let mut found = Vec::new();
    for (at, line) in source.shipped.lines().enumerate() {
        let reason =
            at.checked_sub(1).is_some_and(|above| raw[above].trim_start().starts_with("// invariant:"));
        if line.contains(".unwrap()") || line.contains(".expect(") && !reason {
            let remedy = "return an error, or say `// invariant:` above an `expect`";
            found.push(format!("{}:{}: may panic: {remedy}", source.path, at + 1));
        }
    }
    for (line, name) in macros(&source.shipped) {
        if ["panic", "todo", "unimplemented"].contains(&name.as_str()) {
            found.push(format!("{}:{line}: `{name}!` on a request's way: return an error", source.path));
        }
    }
    found
}

fn shape(source: &Source) -> Violations {
    let mut found = Vec::new();
    // What `x/tests.rs` is for, its name says.
    if !source.raw.starts_with("//! ") && !source.path.ends_with("/tests.rs") {
        found.push(format!("{}:1: begin with `//!`: the one responsibility of this file", source.path));
    }
    for (at, line) in source.raw.lines().enumerate() {
        if ["FIX", "XX"].iter().zip(["ME", "X"]).any(|(head, tail)| line.contains(&format!("{head}{tail}"))) {
            found.push(format!("{}:{}: an unfinished mark: finish it or file it", source.path, at + 1));
        }
    }
    for (at, line) in source.code.lines().enumerate() {
        if line.contains("#[ignore]") {
            found.push(format!("{}:{}: say why: `#[ignore = \"...\"]`", source.path, at + 1));
        }
    }
    let excused = |name: &str| LONG.iter().any(|(long, _)| *long == name);
    for (line, name, lines) in functions(&source.shipped) {
        if lines > FUNCTION_LINES && !excused(&format!("{}::{name}", source.path)) {
            found.push(format!(
                "{}:{line}: `{name}` has {lines} lines, not at most {FUNCTION_LINES}",
                source.path
            ));
        }
    }
    let lines = source.shipped_lines();
    if lines > FILE_LINES && !excused(&source.path) {
        found.push(format!(
            "{}: {lines} lines without tests, not at most {FILE_LINES}: split it",
            source.path
        ));
    }
    found
}

/// Files that no `mod` leads to. Says of all others whether they ship or are reached for tests alone.
fn reached(sources: &BTreeMap<String, String>) -> (BTreeMap<String, bool>, Violations) {
    let mut seen: BTreeMap<String, bool> = BTreeMap::new();
    let mut queue: Vec<(String, bool)> =
        ["src/lib.rs", "src/main.rs"].map(|root| (root.to_owned(), true)).into();
    while let Some((path, ships)) = queue.pop() {
        let Some(text) = sources.get(&path) else { continue };
        if seen.get(&path).is_some_and(|before| *before || !ships) {
            continue;
        }
        seen.insert(path.clone(), ships);
        let source = Source::new(&path, text, ships);
        for (name, shipped) in source.modules() {
            let folder = source.module_folder();
            for file in [format!("{folder}/{name}.rs"), format!("{folder}/{name}/mod.rs")] {
                queue.push((file, ships && shipped));
            }
        }
    }
    let lost = sources.keys().filter(|path| !seen.contains_key(*path));
    let violations =
        lost.map(|path| format!("{path}: no `mod` leads here: declare it or delete it")).collect();
    (seen, violations)
}

/// All Rust files below `folder`, by path from the package's root.
fn read(folder: &str) -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = BTreeMap::new();
    let mut queue = vec![root.join(folder)];
    while let Some(folder) = queue.pop() {
        for entry in std::fs::read_dir(&folder).expect("a readable folder") {
            let path = entry.expect("a readable entry").path();
            if path.is_dir() {
                queue.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name =
                    path.strip_prefix(root).expect("a path below the root").to_string_lossy().into_owned();
                found.insert(name, std::fs::read_to_string(&path).expect("a readable file"));
            }
        }
    }
    assert!(!found.is_empty(), "no Rust file below {folder}");
    found
}

/// Holds `rule` over all of `src`.
#[track_caller]
fn hold(rule: impl Fn(&Source) -> Violations) {
    let sources = read("src");
    let (seen, _) = reached(&sources);
    let violations: Vec<String> = sources
        .iter()
        .flat_map(|(path, text)| rule(&Source::new(path, text, seen.get(path).copied().unwrap_or(true))))
        .collect();
    assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
}

#[test]
fn layers_name_only_what_lies_below_them() {
    hold(arrows);
}

#[test]
fn codec_payload_and_token_are_strangers() {
    hold(strangers);
}

#[test]
fn the_pure_layers_touch_nothing() {
    hold(purity);
}

#[test]
fn the_runtime_is_named_in_one_place() {
    hold(owners);
}

#[test]
fn nothing_on_a_requests_way_asks_for_a_panic() {
    hold(panics);
}

#[test]
fn files_and_functions_keep_their_shape() {
    hold(shape);
}

#[test]
fn every_file_is_part_of_the_crate() {
    let (_, violations) = reached(&read("src"));
    assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
}

#[test]
fn tests_and_benches_are_not_switched_off_without_a_reason() {
    let mut sources = read("tests");
    sources.extend(read("benches"));
    let bare = |(path, text): (&String, &String)| {
        let code = Source::new(path, text, false).code;
        code.lines().any(|line| line.contains("#[ignore]")).then(|| path.clone())
    };
    assert_eq!(sources.iter().filter_map(bare).collect::<BTreeSet<_>>(), BTreeSet::new());
}

/// Holds that `rule` finds exactly what is wrong in `text`, by line.
#[track_caller]
fn check(rule: impl Fn(&Source) -> Violations, path: &str, text: &str, lines: &[usize]) {
    let found = rule(&Source::new(path, text, true));
    let line =
        |violation: &String| violation.split(':').nth(1).and_then(|line| line.parse().ok()).unwrap_or(0);
    assert_eq!(found.iter().map(line).collect::<Vec<usize>>(), lines, "{text}\n{found:?}");
}

#[test]
fn planted_arrows_are_found() {
    check(arrows, "src/policy/a.rs", "use crate::net::dialer;", &[1]);
    check(arrows, "src/policy/a.rs", "\nuse crate::{protocol::x, worker::{b, c}};", &[2, 2]);
    check(arrows, "src/policy/a.rs", "fn f() { let x = super::super::config::g(); }", &[1]);
    check(arrows, "src/policy/a/b.rs", "use super::super::super::net::x;\nuse super::super::net;", &[1]);
    check(arrows, "src/policy/mod.rs", "pub use super::control;", &[1]);
    check(arrows, "src/net/a.rs", "fn f(x: &crate::policy::Refusal) {}", &[1]);
    check(
        arrows,
        "src/authority/a.rs",
        "use crate::net::x;\nuse crate::policy::x;\nuse crate::worker::x;",
        &[2, 3],
    );
    check(arrows, "src/control/a.rs", "use crate::authority::server::X;", &[1]);
    check(arrows, "src/worker/a.rs", "use crate::config::X;\nuse crate::limits;", &[1]);
    check(arrows, "src/config/a.rs", "use crate::control::settings::X;\nuse crate::control::reload;", &[2]);
    check(arrows, "src/config/a.rs", "use crate::net::tls::settings::X;\nuse crate::net::tls::X;", &[2]);
    check(arrows, "src/main.rs", "fn f() { ringwall::worker::x() }", &[1]);
    check(arrows, "src/fresh/a.rs", "", &[0]);
    check(arrows, "src/control/admin_server.rs", "use crate::worker::x;", &[1]);
    check(arrows, "src/policy/a.rs", "// crate::net::x\nconst A: &str = \"crate::net\";", &[]);
    check(arrows, "src/policy/a.rs", "#[cfg(test)]\nmod tests { use crate::net::x; }\nuse crate::net;", &[3]);
}

#[test]
fn planted_acquaintances_are_found() {
    check(strangers, "src/protocol/http1/a.rs", "use crate::protocol::token::x;", &[1]);
    check(strangers, "src/protocol/token/a.rs", "use super::super::payload::x;", &[1]);
    check(strangers, "src/protocol/payload/mod.rs", "use crate::protocol::{payload::y, http1::x};", &[1]);
    check(strangers, "src/protocol/http1/a.rs", "use crate::protocol::span::Span;", &[]);
}

#[test]
fn planted_impurities_are_found() {
    check(purity, "src/protocol/a.rs", "use std::time::Instant;", &[1]);
    check(purity, "src/protocol/a.rs", "use std::time::{self, Duration};", &[1]);
    check(purity, "src/policy/a.rs", "use std::net::{IpAddr, TcpStream};\nuse std::time::Duration;", &[1]);
    check(purity, "src/policy/a.rs", "fn f() { std::thread::yield_now(); println!(); }", &[1, 1]);
    check(purity, "src/policy/a.rs", "use std::net::*;", &[1]);
    check(purity, "src/policy/a.rs", "use getrandom;\nfn f() { getrandom::fill(&mut []); }", &[1, 2]);
    check(purity, "src/net/a.rs", "use std::time::Instant;", &[]);
    check(
        purity,
        "src/client/a.rs",
        "use std::net::TcpStream;\nuse std::time::Instant;\nuse std::io;",
        &[1, 2],
    );
    check(purity, "src/client/transport.rs", "use std::net::TcpStream;", &[]);
    check(purity, "src/authority/a.rs", "use std::thread;\nuse std::time::{Duration, Instant};", &[1, 2]);
    check(purity, "src/authority/server.rs", "use std::thread;", &[]);
    check(owners, "src/worker/a.rs", "use monoio::time;\nfn f() { monoio::spawn(x) }", &[1, 2]);
    check(owners, "src/net/a.rs", "use monoio::time; use monoio_rustls::x;", &[1]);
}

#[test]
fn planted_panics_are_found() {
    check(
        panics,
        "src/protocol/a.rs",
        "fn f() {\n x.unwrap();\n y.expect(\"z\");\n panic!();\n}",
        &[2, 3, 4],
    );
    check(
        panics,
        "src/net/a.rs",
        "// invariant: just pushed\nx.expect(\"\");\n// invariant: no\nx.unwrap();",
        &[4],
    );
    check(panics, "src/policy/a.rs", "#[cfg(test)]\nfn f() { x.unwrap() }\nfn g() { x.unwrap_or(1) }", &[]);
    check(panics, "src/policy/a.rs", "const A: char = '\"'; fn f() { x.unwrap() }", &[1]);
    check(panics, "src/config/a.rs", "fn f() { x.unwrap() }", &[]);
}

#[test]
fn planted_shapes_are_found() {
    check(shape, "src/a.rs", "fn f() {}", &[1]);
    check(shape, "src/a/tests.rs", "fn f() {}", &[]);
    check(shape, "src/a.rs", "//! A.\n// FIX\u{4d}E later", &[2]);
    check(shape, "src/a.rs", "//! A.\n#[ignore]\n#[ignore = \"slow\"]", &[2]);
    let long = format!("//! A.\nfn f() {{\n{}}}", "x;\n".repeat(FUNCTION_LINES));
    check(shape, "src/a.rs", &long, &[2]);
    check(shape, "src/a.rs", &long.replace("fn f", "#[cfg(test)]\nfn f"), &[]);
    check(shape, "src/a.rs", &format!("//! A.\n{}", "x;\n".repeat(FILE_LINES)), &[0]);
}

#[test]
fn planted_strays_are_found() {
    let texts = [
        ("src/lib.rs", "pub mod a; #[cfg(test)] mod c; mod d { }"),
        ("src/a.rs", "mod b;"),
        ("src/a/b.rs", ""),
        ("src/c/mod.rs", "mod e;"),
        ("src/c/e.rs", ""),
        ("src/d.rs", ""),
        ("src/a/c.rs", ""),
    ];
    let sources = texts.map(|(path, text)| (path.to_owned(), text.to_owned())).into();
    let (seen, violations) = reached(&sources);
    let lost: Vec<&str> = violations.iter().filter_map(|violation| violation.split(':').next()).collect();
    assert_eq!(lost, ["src/a/c.rs", "src/d.rs"]);
    assert_eq!([seen["src/a/b.rs"], seen["src/c/e.rs"]], [true, false]);
}
