//! Rules of hosts and paths as tables, and as properties over made-up input.

use super::normal_form::{READINGS, reading, spelled_prefix};
use super::*;
use crate::policy::fixed_hash::Numbers;

fn pattern(text: &str) -> PathPattern {
    PathPattern::parse(text).unwrap_or_else(|fault| panic!("{text}: {fault}"))
}

fn strict(path: &str) -> Result<String, PathFault> {
    let mut scratch = Vec::new();
    normalise(path.as_bytes(), &mut scratch).map(|path| String::from_utf8(path.to_vec()).unwrap())
}

fn lenient(path: &str) -> Result<String, PathFault> {
    let mut scratch = Vec::new();
    normalise_lenient(path.as_bytes(), &mut scratch).map(|path| String::from_utf8(path.to_vec()).unwrap())
}

/// A path of few different pieces, so that all rules meet often.
fn made_up_path(numbers: &mut Numbers) -> String {
    const PIECES: [&str; 18] = [
        "/", "/", "/", "a", "b", "c", ".", "..", "%2e", "%2E", "%2f", "%61", "%5c", "%00", ";x", "%20",
        "%7E", "%z",
    ];
    let pieces = (0..numbers.below(9)).map(|_| PIECES[numbers.below(PIECES.len())]);
    std::iter::once("/").chain(pieces).collect()
}

#[test]
fn hosts_match_without_regard_to_case_port_and_trailing_dot() {
    #[track_caller]
    fn check(pattern: &str, host: &str, expected: bool) {
        let parsed = HostPattern::parse(pattern).unwrap_or_else(|fault| panic!("{pattern}: {fault}"));
        assert_eq!(parsed.matches(host.as_bytes()), expected, "{pattern} and {host}");
    }
    check("api.example.com", "api.example.com", true);
    check("api.example.com", "API.Example.COM", true);
    check("API.example.com.", "api.example.com", true);
    check("api.example.com", "api.example.com.", true);
    check("api.example.com", "api.example.com..", false);
    check("api.example.com:8443", "api.example.com", true);
    check("api.example.com", "example.com", false);
    check("api.example.com", "xapi.example.com", false);
    check("api.example.com", "", false);
    check("*.example.org", "a.example.org", true);
    check("*.example.org", "b.a.EXAMPLE.org.", true);
    check("*.example.org", "example.org", false);
    check("*.example.org", ".example.org", false);
    check("*.example.org", "badexample.org", false);
    check("*.example.org", "example.org.evil", false);
    check("*.Example.org.:80", "a.example.org", true);
    check("localhost", "localhost", true);
    check("127.0.0.1", "127.0.0.1", true);
    check("[::1]", "[::1]", true);
    check("[2001:DB8::1]:443", "[2001:db8::1]", true);
    check("[2001:db8::]:443", "[2001:db8::]", true);
    check("[::1]", "[::2]", false);
}

#[test]
fn host_patterns_that_could_mean_nothing_are_refused() {
    #[track_caller]
    fn check(pattern: &str, expected: PatternFault) {
        assert_eq!(HostPattern::parse(pattern), Err(expected), "{pattern}");
    }
    check("", PatternFault::EmptyHost);
    check(".", PatternFault::EmptyHost);
    check("*.", PatternFault::EmptyHost);
    check(":80", PatternFault::EmptyHost);
    check("*", PatternFault::HostWildcard);
    check("a.*.org", PatternFault::HostWildcard);
    check("*a.org", PatternFault::HostWildcard);
    check("a..b", PatternFault::HostLabel);
    check(".a", PatternFault::HostLabel);
    check("a b", PatternFault::HostByte);
    check("exämple.org", PatternFault::HostByte);
    check("example.org/x", PatternFault::HostByte);
    check("[::x]", PatternFault::HostByte);
    check("*.[::1]", PatternFault::HostByte);
    check("http://a", PatternFault::HostPort);
    check("a:99999", PatternFault::HostPort);
    check("::1", PatternFault::HostPort);
}

#[test]
fn a_host_pattern_covers_what_it_means() {
    const PATTERNS: [&str; 6] = ["a.b", "x.a.b", "y.x.a.b", "*.a.b", "*.x.a.b", "*.b"];
    const COVERS: [(&str, &str); 8] = [
        ("*.a.b", "x.a.b"),
        ("*.a.b", "y.x.a.b"),
        ("*.a.b", "*.x.a.b"),
        ("*.x.a.b", "y.x.a.b"),
        ("*.b", "a.b"),
        ("*.b", "x.a.b"),
        ("*.b", "y.x.a.b"),
        ("*.b", "*.a.b"),
    ];
    for one in PATTERNS {
        for other in PATTERNS {
            let expected =
                one == other || COVERS.contains(&(one, other)) || (one, other) == ("*.b", "*.x.a.b");
            let covers = HostPattern::parse(one).unwrap().covers(&HostPattern::parse(other).unwrap());
            assert_eq!(covers, expected, "{one} over {other}");
        }
    }
}

#[test]
fn paths_match_by_segments() {
    #[track_caller]
    fn check(text: &str, path: &str, expected: bool) {
        assert_eq!(pattern(text).matches(path.as_bytes()), expected, "{text} and {path}");
    }
    check("/", "/", true);
    check("/", "/a", false);
    check("/", "*", false);
    check("/orders", "/orders", true);
    check("/orders", "/orders/", false);
    check("/orders", "/Orders", false);
    check("/orders/", "/orders/", true);
    check("/orders/", "/orders", false);
    check("/orders/*", "/orders", true);
    check("/orders/*", "/orders/", true);
    check("/orders/*", "/orders/5/items", true);
    check("/orders/*", "/orders5", false);
    check("/orders/*", "/", false);
    check("/*", "/", true);
    check("/*", "/a/b", true);
    check("/*", "*", true);
    check("/orders/*", "/orders*", false);
    check("/orders/*", "*", false);
    check("/orders", "*", false);
    check("/users/*/orders", "/users/5/orders", true);
    check("/users/*/orders", "/users//orders", false);
    check("/users/*/orders", "/users/5/6/orders", false);
    check("/users/*/orders", "/users/5/orders/1", false);
    check("/users/*/orders/*", "/users/5/orders", true);
    check("/users/*/orders/*", "/users/5/orders/1/2", true);
    check("/users/*/orders/*", "/users/5", false);
    check("/*/x", "/a/x", true);
    check("/*/x", "*", false);
    check("/*/*", "/a", true);
    check("/*/*", "/", false);
    check("/*/*", "*", false);
    check("/%61b", "/ab", true);
    check("/a%2a", "/a%2A", true);
}

#[test]
fn path_patterns_that_nothing_matches_are_refused() {
    #[track_caller]
    fn check(text: &str, expected: PatternFault) {
        assert_eq!(PathPattern::parse(text), Err(expected), "{text}");
    }
    check("", PatternFault::NotAbsolute);
    check("orders", PatternFault::NotAbsolute);
    check("*", PatternFault::NotAbsolute);
    check("/a*/b", PatternFault::PartialWildcard);
    check("/a/*b", PatternFault::PartialWildcard);
    check("/a/**", PatternFault::PartialWildcard);
    check("/a/../b", PatternFault::Unmatchable(PathFault::DotSegment));
    check("/a//b", PatternFault::Unmatchable(PathFault::EmptySegment));
    check("/a%2Fb", PatternFault::Unmatchable(PathFault::EncodedSlash));
    check("/a?b", PatternFault::Unmatchable(PathFault::InvalidByte));
    check("/ä", PatternFault::Unmatchable(PathFault::InvalidByte));
    check("/a%", PatternFault::Unmatchable(PathFault::InvalidEncoding));
}

#[test]
fn a_path_pattern_covers_what_it_means() {
    #[track_caller]
    fn check(one: &str, other: &str, expected: bool) {
        assert_eq!(pattern(one).covers(&pattern(other)), expected, "{one} over {other}");
    }
    check("/*", "/", true);
    check("/*", "/*", true);
    check("/*", "/a/*/b", true);
    check("/a/*", "/a", true);
    check("/a/*", "/a/", true);
    check("/a/*", "/a/*/c/*", true);
    check("/a/*", "/ab", false);
    check("/a/*", "/*", false);
    check("/*/b", "/a/b", true);
    check("/*/b", "/a/b/*", false);
    check("/a/b", "/*/b", false);
    check("/*/*", "/a", true);
    check("/*/*", "/", false);
    check("/a", "/a", true);
    check("/a", "/a/", false);
}

#[test]
fn no_pattern_covers_what_it_does_not_mean() {
    let mut numbers = Numbers(1);
    let mut pieces = |choices: &[&str], last: &[&str]| {
        let middle: String = (0..numbers.below(4)).map(|_| choices[numbers.below(choices.len())]).collect();
        middle + last[numbers.below(last.len())]
    };
    for _ in 0..3_000 {
        let one = pattern(&pieces(&["/a", "/b", "/*"], &["/a", "/", "/*"]));
        let other = pattern(&pieces(&["/a", "/b", "/*"], &["/a", "/", "/*"]));
        let path = pieces(&["/a", "/b", "/c"], &["/a", "/", "/c"]);
        if one.covers(&other) && other.matches(path.as_bytes()) {
            assert!(one.matches(path.as_bytes()), "{one} over {other}, but not {path}");
        }
    }
}

#[test]
fn the_strict_form_has_one_spelling_and_refuses_what_servers_read_differently() {
    #[track_caller]
    fn check(path: &str, expected: Result<&str, PathFault>) {
        assert_eq!(strict(path), expected.map(str::to_owned), "{path}");
    }
    check("", Ok("/"));
    check("/", Ok("/"));
    check("/a/b/", Ok("/a/b/"));
    check("/%61%7e%2D/%c3%bc", Ok("/a~-/%C3%BC"));
    check("/a%20b;c=1,2:@!$&'()*+", Ok("/a%20b;c=1,2:@!$&'()*+"));
    check("/%25", Ok("/%25"));
    check("/%252e%252e/", Ok("/%252e%252e/"));
    check("/.well-known/x", Ok("/.well-known/x"));
    check("/...", Ok("/..."));
    check("/a./b..", Ok("/a./b.."));
    for path in
        ["/.", "/..", "/a/./b", "/a/../b", "/a/..", "/%2e", "/%2E%2e/a", "/.%2e", "/..;x/a", "/a/.;", "/;/.."]
    {
        check(path, Err(PathFault::DotSegment));
    }
    for path in ["//", "//a", "/a//b", "/a//", "/a///"] {
        check(path, Err(PathFault::EmptySegment));
    }
    check("/a%2fb", Err(PathFault::EncodedSlash));
    check("/a%2Fb", Err(PathFault::EncodedSlash));
    check("/a%5cb", Err(PathFault::EncodedBackslash));
    check("/a%00", Err(PathFault::EncodedNul));
    check("/a\\b", Err(PathFault::Backslash));
    for path in ["/%", "/%2", "/%zz", "/a%2/", "/%%32%65"] {
        check(path, Err(PathFault::InvalidEncoding));
    }
    for path in ["/a b", "/a\tb", "/\u{7f}", "/ä", "/a?b", "/a#b", "/\0"] {
        check(path, Err(PathFault::InvalidByte));
    }
    for path in ["a", "*", "http://a/"] {
        check(path, Err(PathFault::NotAbsolute));
    }
}

#[test]
fn the_lenient_form_lets_ambiguities_through_and_nothing_else() {
    #[track_caller]
    fn check(path: &str, expected: Result<&str, PathFault>) {
        assert_eq!(lenient(path), expected.map(str::to_owned), "{path}");
    }
    check("", Ok("/"));
    check("/a/../%2e/%2f%5c%00//", Ok("/a/.././%2F%5C%00//"));
    check("/a\\", Err(PathFault::Backslash));
    check("/%zz", Err(PathFault::InvalidEncoding));
    check("/ ", Err(PathFault::InvalidByte));
    check("a", Err(PathFault::NotAbsolute));
}

#[test]
fn a_path_without_percent_is_not_copied() {
    let mut scratch = Vec::new();
    for path in [b"/a/b".as_slice(), b"/.well-known/x", b"/"] {
        let result = normalise(path, &mut scratch).unwrap();
        assert_eq!((result.as_ptr(), result.len()), (path.as_ptr(), path.len()));
    }
    assert_eq!(scratch.capacity(), 0);
}

#[test]
fn normalising_agrees_with_a_plain_reading_of_the_rules_and_changes_nothing_twice() {
    let mut numbers = Numbers(2);
    let mut refused = 0;
    for _ in 0..20_000 {
        let path = made_up_path(&mut numbers);
        let plain = path.replace("%2e", ".").replace("%2E", ".").replace("%61", "a").replace("%7E", "~");
        let segments: Vec<&str> = plain.split('/').skip(1).collect();
        let ambiguous = segments[..segments.len() - 1].contains(&"")
            || segments.iter().any(|segment| matches!(segment.split(';').next(), Some("." | "..")))
            || ["%2f", "%5c", "%00"].iter().any(|code| plain.contains(code));
        match strict(&path) {
            Ok(result) => {
                assert!(!ambiguous, "{path} is taken as {result}");
                assert_eq!(result, plain);
                assert_eq!(strict(&result), Ok(result));
            }
            Err(fault) if fault.is_ambiguity() => {
                assert!(ambiguous, "{path} is refused: {fault}");
                refused += 1;
            }
            Err(fault) => {
                assert_eq!(fault, PathFault::InvalidEncoding, "{path}");
                assert!(path.contains("%z"), "{path} is refused: {fault}");
            }
        }
        assert_eq!(
            lenient(&path).is_ok(),
            strict(&path).map_or_else(PathFault::is_ambiguity, |_| true),
            "{path}"
        );
    }
    assert!(refused > 1_000);
}

#[test]
fn a_prefix_is_found_however_it_is_spelled_but_only_at_a_segments_end() {
    #[track_caller]
    fn check(path: &str, prefix: &str, expected: Option<&str>) {
        let found = spelled_prefix(path.as_bytes(), prefix.as_bytes()).map(|end| &path[end..]);
        assert_eq!(found, expected, "{prefix} of {path}");
    }
    check("/api/x", "/api", Some("/x"));
    check("/api", "/api", Some(""));
    check("/%61p%69/x", "/api", Some("/x"));
    check("/a%20%7eb/x", "/a%20~b", Some("/x"));
    check("/%c3%bc/x", "/%C3%BC", Some("/x"));
    check("/apix", "/api", None);
    check("/api%2Fx", "/api", None);
    check("/ap", "/api", None);
    check("/API/x", "/api", None);
    check("/a%2fb/x", "/a", None);
    check("/b", "/api", None);
    check("/api%", "/api", None);
    check("/a%2Fb/x", "/a/b", None);
    check("/%61pi/x", "/bpi", None);
    check("/%2F", "/a", None);
    check("/%2Fxx", "/abcdef", None);
    check("/%2fx/y", "/%2Fx", Some("/y"));
}

#[test]
fn readings_hold_what_servers_make_of_a_path() {
    #[track_caller]
    fn check(path: &str, expected: &[&str]) {
        let readings: Vec<Vec<u8>> = (0..READINGS).map(|mode| reading(path.as_bytes(), mode)).collect();
        for wanted in expected {
            assert!(readings.iter().any(|reading| reading == wanted.as_bytes()), "{path}: no {wanted}");
        }
    }
    check("/a/../b", &["/b", "/b/"]);
    check("/../..", &["/"]);
    check("/a//b/", &["/a/b", "/a/b/"]);
    check("/a/x%2F..%2Fb", &["/a/x%2F..%2Fb", "/a/b"]);
    check("/a%5Cb", &["/a/b"]);
    check("/a//../b", &["/a/b", "/b"]);
    check("/a/..;v=1/b", &["/b", "/a/..;v=1/b"]);
    check("/b;v=1/c", &["/b/c"]);
    check("/b%00.png", &["/b", "/b%00.png"]);
    check("//", &["/"]);
}

#[test]
fn patterns_read_as_they_are_written() {
    for text in ["/", "/*", "/a/*/b", "/a/b/*"] {
        let pattern = pattern(text);
        assert_eq!((pattern.as_str(), pattern.to_string().as_str()), (text, text));
        assert!(!pattern.matches(b""), "{text}");
    }
    for (text, is_wildcard) in [("a.test", false), ("*.a.test", true)] {
        let pattern = HostPattern::parse(text).unwrap();
        assert_eq!((pattern.to_string().as_str(), pattern.is_wildcard()), (text, is_wildcard));
    }
}

#[test]
fn the_fixed_start_of_a_pattern_ends_where_paths_may_differ() {
    for (text, most, expected) in [
        ("/a/b/*", 4, (2, "/a/b")),
        ("/a/b/*", 1, (1, "/a")),
        ("/a/*/b", 4, (1, "/a")),
        ("/*", 4, (0, "")),
        ("/a/b", 4, (2, "/a/b")),
    ] {
        assert_eq!(pattern(text).literal_start(most), expected, "{text}");
    }
}
