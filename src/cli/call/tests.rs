use clap::Parser;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    call: CallArguments,
}

fn arguments(line: &str) -> CallArguments {
    let words = ["call"].into_iter().chain(line.split_whitespace());
    Line::try_parse_from(words).map(|line| line.call).unwrap_or_else(|error| panic!("{line}: {error}"))
}

fn asked(line: &str) -> Request {
    let arguments = arguments(line);
    let (origin, path) = Origin::parse(&arguments.url).unwrap();
    request(&arguments, &origin, path).unwrap_or_else(|_| panic!("{line}"))
}

/// A path for one test's file.
fn fresh(name: &str) -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("ringwall-call-{}-{count}-{name}", std::process::id()))
}

fn field<'a>(request: &'a Request, name: &str) -> Vec<&'a [u8]> {
    request.fields.iter().filter(|(other, _)| other == name).map(|(_, value)| value.as_slice()).collect()
}

#[test]
fn the_arguments_make_the_request() {
    let get = asked("https://a.test/x?y");
    assert_eq!((get.method.as_str(), get.path.as_str(), get.authority.as_str()), ("GET", "/x?y", "a.test"));
    assert_eq!(asked("-d x https://a.test").method, "POST");
    assert_eq!(asked("-X PUT --data-file f https://a.test").method, "PUT");
    let mine = asked("-H Accept:text/a -H X:1 -H X:2 --token t https://a.test:8443");
    assert_eq!(field(&mine, "accept"), [b"text/a"]);
    assert_eq!(field(&mine, "x"), [b"1", b"2"]);
    assert_eq!(field(&mine, "authorization"), [b"Bearer t"]);
    assert_eq!(mine.authority, "a.test:8443");
    let file = fresh("token");
    std::fs::write(&file, "from-file\n").unwrap();
    let read = asked(&format!("--token @{} https://a.test", file.display()));
    assert_eq!(field(&read, "authorization"), [b"Bearer from-file"]);
    std::fs::remove_file(file).unwrap();
}

#[test]
fn what_cannot_be_used_is_usage() {
    let none = fresh("none").display().to_string();
    for line in [
        "ftp://a.test".to_owned(),
        "--cacert {none} http://127.0.0.1:1/".replace("{none}", &none),
        "--keys {none} http://127.0.0.1:1/".replace("{none}", &none),
        "--pin RS256:AAAA http://127.0.0.1:1/".to_owned(),
        "--pin EdDSA:AAAA http://127.0.0.1:1/".to_owned(),
        "--app shop http://127.0.0.1:1/".to_owned(),
        "-H nonsense http://127.0.0.1:1/".to_owned(),
        format!("--data-file {none} http://127.0.0.1:1/"),
        "-o /nowhere/at/all http://127.0.0.1:1/".to_owned(),
    ] {
        assert!(matches!(run(&arguments(&line)), Err(Stop::Usage(_))), "{line}");
    }
    let refused = "--payload off http://127.0.0.1:1/";
    assert!(matches!(run(&arguments(refused)), Err(Stop::Failed(_))));
    for line in ["", "--payload maybe http://a.test", "-d x --data-file f http://a.test"] {
        assert!(Line::try_parse_from(["call"].into_iter().chain(line.split_whitespace())).is_err(), "{line}");
    }
}

#[test]
fn a_file_is_read_as_long_as_it_was() {
    let path = fresh("data");
    std::fs::write(&path, b"0123456789").unwrap();
    let line = format!("--data-file {} http://a.test", path.display());
    let mut content = body::content(&arguments(&line)).unwrap();
    assert_eq!((content.length(), content.is_repeatable()), (Some(10), true));
    for _ in 0..2 {
        let (mut all, mut piece) = (Vec::new(), [0; 4]);
        loop {
            match content.read(&mut piece).unwrap() {
                0 => break,
                count => all.extend_from_slice(&piece[..count]),
            }
        }
        assert_eq!(all, b"0123456789");
        content.rewind().unwrap();
        // What is added later is not sent.
        std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"more").unwrap();
    }
    std::fs::write(&path, b"0123").unwrap();
    assert_eq!(content.read(&mut [0; 8]).unwrap(), 4);
    assert!(content.read(&mut [0; 8]).is_err(), "shorter than announced");
    std::fs::remove_file(path).unwrap();
}

mod sessions {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::client::KeptSession;
    use crate::protocol::moment::Monotonic;

    const NOW: Monotonic = Monotonic(10);

    fn text(next: u64, binding: &str) -> String {
        let secret = BASE64URL.encode([7; 32]);
        format!(
            r#"{{"binding":"{binding}","clock":"c","ticket":"AAAA","secret":"{secret}","aead":1,"next":{next},"expires":100,"time":50,"at":5}}"#
        )
    }

    fn next(path: &std::path::Path) -> u64 {
        let kept: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        kept["next"].as_u64().unwrap()
    }

    fn written(path: &std::path::Path, text: &str, mode: u32) {
        std::fs::write(path, text).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn numbers_are_set_aside_in_the_file_before_they_are_used() {
        let path = fresh("session");
        let file = SessionFile::new(&path, "b");
        assert!(file.take(3, "c", NOW).unwrap().is_none(), "there is no file");
        written(&path, &text(4, "b"), 0o600);
        for round in 1..=3 {
            assert!(file.take(3, "c", NOW).unwrap().is_some());
            assert_eq!(next(&path), 4 + 3 * round);
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        let kept = KeptSession::from_text(&text(9, "b")).unwrap().reserve(1, "b", "c", NOW).unwrap();
        file.keep(&kept, "c").unwrap();
        assert_eq!(next(&path), 9);
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn several_calls_share_a_session_and_no_number() {
        let path = fresh("shared");
        written(&path, &text(0, "b"), 0o600);
        let take = || {
            let file = SessionFile::new(&path, "b");
            (0..20).for_each(|_| assert!(file.take(3, "c", NOW).unwrap().is_some()));
        };
        std::thread::scope(|scope| {
            scope.spawn(take);
            scope.spawn(take);
        });
        assert_eq!(next(&path), 2 * 20 * 3);
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_file_that_is_not_ours_alone_or_not_for_this_is_not_used() {
        let path = fresh("other");
        let file = SessionFile::new(&path, "b");
        written(&path, &text(0, "b"), 0o640);
        assert!(file.take(3, "c", NOW).is_err(), "others can read it");
        for text in [text(0, "another proxy"), "nonsense".to_owned(), String::new()] {
            written(&path, &text, 0o600);
            assert!(file.take(3, "c", NOW).unwrap().is_none());
        }
        std::fs::remove_file(path).unwrap();
        assert_ne!(binding(&["a", "bc"]), binding(&["ab", "c"]));
    }

    use super::super::session_file::binding;
}
