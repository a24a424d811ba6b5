//! Rules of rewriting as tables.

use super::*;
use crate::policy::route_table::tests::route;

fn rewriting(strip_prefix: Option<&str>, rewrite: Option<&str>) -> Route {
    Route {
        strip_prefix: strip_prefix.map(str::to_owned),
        rewrite: rewrite.map(str::to_owned),
        ..route("/*")
    }
}

/// Splits `target` at its `?`.
fn split(target: &str) -> (&[u8], Option<&[u8]>) {
    match target.split_once('?') {
        Some((path, query)) => (path.as_bytes(), Some(query.as_bytes())),
        None => (target.as_bytes(), None),
    }
}

/// Holds that `target` is forwarded as `expected`; None: as it is. What is in the output before stays.
#[track_caller]
fn check(strip: Option<&str>, rewrite: Option<&str>, target: &str, expected: Option<&str>) {
    let (path, query) = split(target);
    let mut out = b"GET ".to_vec();
    let changed = forwarded_target(&rewriting(strip, rewrite), path, query, &mut out).unwrap();
    assert_eq!(changed.then_some(String::from_utf8_lossy(&out[4..]).as_ref()), expected, "{target}");
    assert!(out.starts_with(b"GET "));
}

#[test]
fn without_a_rule_the_clients_bytes_are_forwarded() {
    check(None, None, "/a%7e?b", None);
    check(None, None, "", None);
}

#[test]
fn a_prefix_is_stripped_at_a_segments_end_and_leaves_a_path() {
    check(Some("/api"), None, "/api/x", Some("/x"));
    check(Some("/api/"), None, "/api/x", Some("/x"));
    check(Some("/api"), None, "/api/x%2f%7e/?q=%41", Some("/x%2f%7e/?q=%41"));
    check(Some("/api"), None, "/%61%70i/x", Some("/x"));
    check(Some("/%61pi"), None, "/api/x", Some("/x"));
    check(Some("/api"), None, "/api", Some("/"));
    check(Some("/api"), None, "/api/", Some("/"));
    check(Some("/api"), None, "/api?q", Some("/?q"));
    check(Some("/api"), None, "/api?", Some("/?"));
    check(Some("/api"), None, "/apis/x", None);
    check(Some("/api"), None, "/x/api", None);
    check(Some("/"), None, "/x", None);
    check(Some("/api"), None, "*", None);
    check(Some("/api"), None, "", None);
}

#[test]
fn a_rewrite_fills_its_places_and_keeps_the_query_it_does_not_mention() {
    check(None, Some("/v2{path}"), "/a%7e/b", Some("/v2/a%7e/b"));
    check(None, Some("/v2{path}"), "/a?b=1", Some("/v2/a?b=1"));
    check(None, Some("/v2{path}"), "", Some("/v2/"));
    check(Some("/api"), Some("/v2{path}"), "/api", Some("/v2/"));
    check(Some("/api"), Some("/v2{path}"), "/api/x", Some("/v2/x"));
    check(None, Some("/fixed"), "/a?b", Some("/fixed?b"));
    check(None, Some("/fixed?only=this"), "/a?b", Some("/fixed?only=this"));
    check(None, Some("/f?p={path}&{query}"), "/a?b=1", Some("/f?p=/a&b=1"));
    check(None, Some("/f?p={path}&{query}"), "/a", Some("/f?p=/a"));
    check(None, Some("{path}?{query}"), "/a", Some("/a"));
    check(None, Some("{path}?{query}&x=1"), "/a?", Some("/a?x=1"));
    check(None, Some("{path}{path}"), "/a", Some("/a/a"));
    check(None, Some("/v2{path}"), "*", None);
}

#[test]
fn a_target_that_is_none_is_never_forwarded() {
    let fault = |rewrite: &str, path: &[u8]| {
        forwarded_target(&rewriting(None, Some(rewrite)), path, None, &mut Vec::new()).unwrap_err()
    };
    assert_eq!(fault("v2{path}", b"/a"), TargetFault::NotAbsolute);
    assert_eq!(fault("", b"/a"), TargetFault::NotAbsolute);
    assert_eq!(fault("http://x{path}", b"/a"), TargetFault::NotAbsolute);
    let long = vec![b'/'; limits::HEADER_BYTES_MAX / 2];
    assert_eq!(fault("{path}{path}{path}", &long), TargetFault::TooLong);
}

#[test]
fn a_location_is_filled_and_cannot_be_turned_to_another_host() {
    #[track_caller]
    fn check(location: Option<&str>, target: &str, expected: Option<&str>) {
        let (path, query) = split(target);
        let answer = FixedAnswer { status: 301, location: location.map(str::to_owned) };
        let mut out = Vec::new();
        let present = fixed_location(&answer, path, query, &mut out).unwrap();
        assert_eq!(present.then_some(String::from_utf8_lossy(&out).as_ref()), expected, "{target}");
    }
    check(None, "/a", None);
    check(Some("https://b.test{path}"), "/a?q", Some("https://b.test/a"));
    check(Some("https://b.test{path}?{query}"), "/a?q=1", Some("https://b.test/a?q=1"));
    check(Some("https://b.test{path}?{query}"), "/a", Some("https://b.test/a"));
    check(Some("https://b.test{path}"), "", Some("https://b.test/"));
    check(Some("/login"), "/a", Some("/login"));
    check(Some("{path}/"), "//evil.test", Some("/evil.test/"));
    check(Some("{path}/"), "/a//b", Some("/a//b/"));
}

#[test]
fn templates_are_checked_at_start() {
    assert_eq!(check_template("/v2{path}?x&{query}"), Ok(()));
    assert_eq!(check_template("/{pth}"), Err(TemplateFault::UnknownPlace("{pth}".to_owned())));
    assert_eq!(check_template("/a}"), Err(TemplateFault::UnknownPlace("}".to_owned())));
    assert_eq!(check_template("/a b"), Err(TemplateFault::InvalidByte));
    assert_eq!(check_template("/a\r\nx: y"), Err(TemplateFault::InvalidByte));
    assert_eq!(check_template("/ä"), Err(TemplateFault::InvalidByte));
}

#[test]
fn a_target_may_be_as_long_as_a_head_and_no_longer() {
    for (beyond, fits) in [(0, true), (1, false)] {
        let path = format!("/{}", "a".repeat(limits::HEADER_BYTES_MAX - 4 + beyond));
        let mut out = Vec::new();
        let changed = forwarded_target(&rewriting(None, Some("/v2{path}")), path.as_bytes(), None, &mut out);
        assert_eq!(changed.is_ok(), fits, "{beyond}");
        assert_eq!(out.len() == limits::HEADER_BYTES_MAX, fits);
    }
}

#[test]
fn slashes_are_cut_only_where_they_would_name_a_host() {
    for (template, expected) in [("{path}", "/a"), ("https://b.test{path}", "https://b.test//a")] {
        let answer = FixedAnswer { status: 301, location: Some(template.to_owned()) };
        let mut out = Vec::new();
        assert_eq!(fixed_location(&answer, b"//a", None, &mut out), Ok(true));
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
