//! Whole calls to nginx, byte for byte, of every size that matters to chunks and buffers, both ways.

use std::fs::File;
use std::process::Stdio;

use super::*;
use crate::harness::authority::Authority;
use crate::harness::random::Random;
use crate::harness::{Node, ScriptedServer};
use crate::nginx_origin::Nginx;

const MEBI: usize = 1024 * 1024;

/// Around a chunk that is sent, around a message that is opened whole, and one that is streamed.
const FILES: [(&str, usize); 6] = [
    ("empty", 0),
    ("one", 1),
    ("chunk", 16 * 1024),
    ("chunk-and-one", 16 * 1024 + 1),
    ("whole-and-one", 64 * 1024 + 1),
    ("large", 4 * MEBI + 7),
];

const FORMS: [&[&str]; 3] =
    [&["--payload", "session"], &["--payload", "message"], &["--payload", "message", "--whole"]];

/// What a single message in one piece may hold, with room for its head.
const WHOLE_MOST: usize = MEBI - 1024;

fn start(files: &[(&str, usize)]) -> Option<(Nginx, Proxy)> {
    let nginx = Nginx::start(files)?;
    let proxy =
        Setup::to_address(nginx.address).with(SHORT_WINDOW).with("[limits]\nbody_bytes = \"200MiB\"").start();
    Some((nginx, proxy))
}

/// The status of a response that was printed with its head.
fn status(printed: &[u8]) -> String {
    let line = printed.split(|byte| *byte == b'\n').next().unwrap_or_default();
    String::from_utf8_lossy(line).into_owned()
}

#[track_caller]
fn called(proxy: &Proxy, path: &str, form: &[&str], arguments: &[&str]) -> Vec<u8> {
    let all = [form, arguments].concat();
    ringwall_call(proxy, path, &all).unwrap_or_else(|fault| panic!("{all:?} {path}: {fault}"))
}

/// GET, HEAD, POST and PUT of one size.
#[track_caller]
fn check(nginx: &Nginx, proxy: &Proxy, form: &[&str], (name, size): (&str, usize)) {
    let (path, content) = (format!("/{name}"), nginx.file(name));
    let got = called(proxy, &path, form, &[]);
    assert!(got == content, "{form:?} {name}: {} bytes for {size}", got.len());
    let head = String::from_utf8_lossy(&called(proxy, &path, form, &["-i", "-X", "HEAD"])).into_owned();
    assert!(head.contains("200"), "{form:?} {name}: {head}");
    assert!(head.contains(&format!("content-length: {size}\n")), "{form:?} {name}: {head}");
    let sent = proxy.path("sent");
    std::fs::write(&sent, &content).expect("a file to send");
    for (method, folder) in [("PUT", "put"), ("POST", "post")] {
        let stored = format!("{method}-{name}-{}", form.len());
        let path = format!("/{folder}/{stored}");
        let answer = called(proxy, &path, form, &["-i", "-X", method, "--data-file", text(&sent)]);
        assert!(status(&answer).contains("201"), "{method} {form:?} {name}: {}", status(&answer));
        assert!(nginx.file(&format!("put/{stored}")) == content, "{method} {form:?} {name}");
    }
}

#[test]
fn sessions_carry_all_methods_and_sizes() {
    let Some((nginx, proxy)) = start(&FILES) else { return };
    for file in FILES {
        check(&nginx, &proxy, FORMS[0], file);
    }
}

#[test]
fn single_messages_carry_all_methods_and_sizes() {
    let Some((nginx, proxy)) = start(&FILES) else { return };
    wait_for_single_messages(&proxy, "/one");
    for form in &FORMS[1..] {
        let whole = form.len() > 2;
        for file in FILES.into_iter().filter(|(_, size)| !whole || *size < WHOLE_MOST) {
            check(&nginx, &proxy, form, file);
        }
    }
}

/// Content whose length nobody knows before its end, a file that is not there, and a session that is used again.
#[test]
fn streams_errors_and_kept_sessions_go_through() {
    let Some((nginx, proxy)) = start(&FILES) else { return };
    let content = nginx.file("large");
    let sent = proxy.path("sent");
    std::fs::write(&sent, &content).expect("a file to send");
    let kept = proxy.path("session");
    for turn in 0..3 {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ringwall"));
        command.args(["call", "-i", "-X", "PUT", "--data-file", "-", "--session", text(&kept)]);
        command.stdin(Stdio::from(File::open(&sent).expect("the file to send")));
        let answer = output_of(command.arg(url(&proxy, &format!("/put/{turn}")))).expect("a call");
        assert!(status(&answer).contains("201"), "{}", status(&answer));
        assert!(nginx.file(&format!("put/{turn}")) == content, "turn {turn}");
    }
    let opened = proxy.wait_for_log(3);
    let sessions = opened.iter().filter(|line| line["path"] == "/.well-known/payload-session").count();
    assert_eq!(sessions, 1, "a kept session is used again");
    let answer = called(&proxy, "/none", FORMS[0], &["-i"]);
    assert!(status(&answer).contains("404"), "{}", status(&answer));
}

/// 100 MiB both ways, in memory that stays as it was.
#[test]
fn sealed_calls_go_through_tls() {
    let server = ScriptedServer::ok();
    let authority = Authority::new("test authority");
    let setup = Setup::to(&server).with("[payload]");
    let own = authority.server(&[&setup.address.ip().to_string()]);
    let setup = setup.listener("[listener.tls]\ncertificate = \"own.pem\"\nkey = \"own.key\"");
    let setup = setup.file("own.pem", own.certificate).file("own.key", own.key);
    let proxy = setup.file("authority.pem", &authority.certificate).start();
    let call = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ringwall"));
        command.args(["call", "--timeout", "15", "--payload", "session", "--cacert"]);
        command.arg(proxy.path("authority.pem")).arg(format!("https://{}/a", proxy.address));
        output_of(&mut command)
    };
    assert_eq!(call().expect("a call"), b"ok");
    let request = server.request();
    assert_eq!((request.target(), request.fields.get("x-forwarded-proto").as_deref()), ("/a", Some("https")));
    let lines = proxy.wait_for_log(3);
    assert_eq!(lines.last().expect("a line")["payload"], "session");
}

#[test]
#[ignore = "takes a while; run it with -- --ignored"]
fn a_hundred_mebibytes_go_through_in_flat_memory() {
    let Some((nginx, proxy)) = start(&[("small", 1), ("hundred", 100 * MEBI)]) else { return };
    wait_for_single_messages(&proxy, "/small");
    let sent = proxy.path("sent");
    let content = nginx.file("hundred");
    std::fs::write(&sent, &content).expect("a file to send");
    let before = proxy.anonymous_bytes();
    for form in &FORMS[..2] {
        let got = called(&proxy, "/hundred", form, &[]);
        assert!(got == content, "{form:?}: {} bytes", got.len());
        let answer = called(&proxy, "/put/it", form, &["-i", "-X", "PUT", "--data-file", text(&sent)]);
        assert!(status(&answer).contains("201") || status(&answer).contains("204"), "{}", status(&answer));
        assert!(nginx.file("put/it") == content, "{form:?}");
    }
    let grown = proxy.anonymous_bytes().saturating_sub(before);
    assert!(grown < 8 * MEBI, "{grown} bytes more");
}

/// The client for Node, from libraries of others, gets and puts the same.
#[test]
fn node_gets_and_puts_the_same() {
    let Some(client) = Node::of("payload") else { return };
    let Some((nginx, proxy)) = start(&FILES) else { return };
    wait_for_single_messages(&proxy, "/one");
    let call = |arguments: &[&str]| {
        let mut command = client.command("call.mjs");
        command.args(arguments).arg("--keys-from-proxy");
        output_of(&mut command).unwrap_or_else(|fault| panic!("{arguments:?}: {fault}"))
    };
    for form in ["session", "message", "chunked"] {
        let size = if form == "message" { WHOLE_MOST } else { 2 * MEBI };
        let content = Random(size as u64).bytes(size);
        let sent = proxy.path("sent");
        std::fs::write(&sent, &content).expect("a file to send");
        let stored = format!("put/node-{form}");
        let target = url(&proxy, &format!("/{stored}"));
        let answer = call(&["PUT", &target, "--form", form, "--data-file", text(&sent)]);
        assert!(status(&answer).contains("201"), "{form}: {}", status(&answer));
        assert!(nginx.file(&stored) == content, "{form}");
        let name = if form == "message" { "whole-and-one" } else { "large" };
        let printed = call(&["GET", &url(&proxy, &format!("/{name}")), "--form", form]);
        let head = printed.windows(2).position(|end| end == b"\n\n").expect("a head");
        assert!(printed[head + 2..] == nginx.file(name), "{form}: {} bytes", printed.len());
    }
}
