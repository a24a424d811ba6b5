//! Rules of route choice: tables, and agreement with a plain search through the file.

use super::*;
use crate::policy::fixed_hash::Numbers;

/// A route for `pattern`: any method, any host, open.
pub(super) fn route(pattern: &str) -> Route {
    let path = PathPattern::parse(pattern).unwrap_or_else(|fault| panic!("{pattern}: {fault}"));
    Route {
        name: pattern.to_owned(),
        ..Route::new(path, RouteTarget::Upstream(UpstreamId(0)), AccessRule::OPEN)
    }
}

fn on_hosts(hosts: &[&str], route: Route) -> Route {
    Route { hosts: hosts.iter().map(|host| HostPattern::parse(host).unwrap()).collect(), ..route }
}

fn for_methods(methods: &[&str], route: Route) -> Route {
    Route { methods: methods.iter().map(|method| method.to_string()).collect(), ..route }
}

fn with_endpoints(allow: &[&str], deny: &[&str], route: Route) -> Route {
    let patterns = |texts: &[&str]| texts.iter().map(|text| PathPattern::parse(text).unwrap()).collect();
    Route { endpoints: Some(Endpoints { allow: patterns(allow), deny: patterns(deny) }), ..route }
}

fn encoded(pattern: &str) -> Route {
    Route { encoded_paths: true, ..route(pattern) }
}

const QUERY: RouteQuery<'static> = RouteQuery {
    listener: ListenerId(0),
    host: b"a.test",
    path: b"/",
    method: b"GET",
    client: IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
};

/// Holds that `path` on `table` is answered with `expected`; a number stands for that route.
#[track_caller]
fn check(table: &RouteTable, query: RouteQuery<'_>, expected: impl Into<Expected>) {
    let found = table.find(&query, &mut Vec::new());
    let path = String::from_utf8_lossy(query.path).into_owned();
    assert_eq!(found, expected.into().0, "{path} on {}", String::from_utf8_lossy(query.host));
}

struct Expected(Found);

impl From<u16> for Expected {
    fn from(at: u16) -> Self {
        Self(Found::Route(at))
    }
}

impl From<Found> for Expected {
    fn from(found: Found) -> Self {
        Self(found)
    }
}

impl From<PathFault> for Expected {
    fn from(fault: PathFault) -> Self {
        Self(Found::Refused(fault))
    }
}

fn allow(methods: &str) -> Found {
    Found::MethodNotAllowed { allow: methods.to_owned() }
}

#[test]
fn the_first_match_in_file_order_wins() {
    let table = RouteTable::new(vec![
        route("/a/b"),
        on_hosts(&["b.test"], route("/*")),
        route("/a/*"),
        on_hosts(&["a.test", "*.c.test"], route("/a/c")),
        on_hosts(&["*.c.test"], route("/*")),
        route("/x/*/y"),
        route("/"),
    ]);
    let check = |host: &str, path: &str, expected: Expected| {
        check(&table, RouteQuery { host: host.as_bytes(), path: path.as_bytes(), ..QUERY }, expected.0);
    };
    check("a.test", "/a/b", 0.into());
    check("b.test", "/a/b", 0.into());
    check("b.test", "/a/c", 1.into());
    check("B.TEST.", "/a/c", 1.into());
    check("a.test", "/a/c", 2.into());
    check("x.c.test", "/a/c", 2.into());
    check("x.c.test", "/b", 4.into());
    check("y.x.c.test", "/b", 4.into());
    check("c.test", "/b", Found::NotFound.into());
    check("", "/x/1/y", 5.into());
    check("", "/x//y", PathFault::EmptySegment.into());
    check("", "", 6.into());
    check("", "/%61/%62", 0.into());
    check("", "/nowhere", Found::NotFound.into());
}

#[test]
fn a_wrong_method_is_405_with_the_methods_of_all_that_match_otherwise() {
    let table = RouteTable::new(vec![
        for_methods(&["GET"], route("/a")),
        for_methods(&["POST", "GET"], route("/a/*")),
        on_hosts(&["b.test"], for_methods(&["PUT"], route("/a"))),
        with_endpoints(&[], &["/c/secret"], for_methods(&["GET"], route("/c/*"))),
        for_methods(&["HEAD"], route("/h")),
    ]);
    let check = |method: &str, path: &str, expected: Expected| {
        check(&table, RouteQuery { method: method.as_bytes(), path: path.as_bytes(), ..QUERY }, expected.0);
    };
    check("GET", "/a", 0.into());
    check("HEAD", "/a", 0.into());
    check("POST", "/a", 1.into());
    check("get", "/a", allow("GET, HEAD, POST").into());
    check("DELETE", "/a", allow("GET, HEAD, POST").into());
    check("DELETE", "/a/x", allow("POST, GET, HEAD").into());
    check("DELETE", "/c/x", allow("GET, HEAD").into());
    check("DELETE", "/c/secret", Found::NotFound.into());
    check("GET", "/h", allow("HEAD").into());
    check("GET", "/b", Found::NotFound.into());
}

#[test]
fn listener_and_client_decide_whether_a_route_is_there() {
    let internal =
        Route { clients: vec!["10.0.0.0/8".parse().unwrap()], ..for_methods(&["PUT"], route("/a")) };
    let second = Route { listeners: vec![ListenerId(1)], ..route("/a") };
    let table = RouteTable::new(vec![internal, second]);
    let check = |listener: u16, client: &str, method: &str, expected: Expected| {
        let client = client.parse().unwrap();
        let query = RouteQuery { listener: ListenerId(listener), client, method: method.as_bytes(), ..QUERY };
        check(&table, RouteQuery { path: b"/a", ..query }, expected.0);
    };
    check(0, "10.1.2.3", "PUT", 0.into());
    check(0, "::ffff:10.1.2.3", "PUT", 0.into());
    check(0, "11.1.2.3", "PUT", Found::NotFound.into());
    check(0, "10.1.2.3", "GET", allow("PUT").into());
    check(0, "11.1.2.3", "GET", Found::NotFound.into());
    check(1, "11.1.2.3", "PUT", 1.into());
}

#[test]
fn a_path_its_route_denies_is_404_even_if_a_later_route_would_take_it() {
    let table = RouteTable::new(vec![
        with_endpoints(&["/oauth/*"], &["/oauth/api/*"], route("/oauth/*")),
        with_endpoints(&["/p/x"], &[], route("/p/*")),
        route("/*"),
    ]);
    let check = |path: &str, expected: Expected| {
        check(&table, RouteQuery { path: path.as_bytes(), ..QUERY }, expected.0);
    };
    check("/oauth/token", 0.into());
    check("/oauth/api/x", Found::NotFound.into());
    check("/oauth/%61pi/x", Found::NotFound.into());
    check("/p/x", 1.into());
    check("/p/y", Found::NotFound.into());
    check("/q", 2.into());
}

#[test]
fn the_asterisk_of_options_is_only_for_catch_alls() {
    let query = RouteQuery { path: b"*", method: b"OPTIONS", ..QUERY };
    check(&RouteTable::new(vec![route("/a/*"), route("/*/b"), route("/*/*")]), query, Found::NotFound);
    check(&RouteTable::new(vec![route("/a/*"), route("/*")]), query, 1);
    check(&RouteTable::new(vec![for_methods(&["GET"], route("/*"))]), query, allow("GET, HEAD"));
    check(&RouteTable::default(), query, Found::NotFound);
}

#[test]
fn an_ambiguous_path_goes_only_where_no_reading_of_it_meets_an_earlier_rule() {
    let denying = with_endpoints(&[], &["/d/secret/*"], encoded("/d/*"));
    let table = RouteTable::new(vec![
        route("/files/private/*"),
        for_methods(&["PUT"], route("/files/put/*")),
        encoded("/files/*"),
        denying,
        route("/*"),
    ]);
    let check = |path: &str, expected: Expected| {
        check(&table, RouteQuery { path: path.as_bytes(), ..QUERY }, expected.0);
    };
    check("/files/a%2Fb", 2.into());
    check("/files/a//b", 2.into());
    check("/files/../x", 2.into());
    check("/files/%2e%2e/x", 2.into());
    check("/files/a%00", 2.into());
    check("/files/put//x", 2.into());
    check("/files/private/a", 0.into());
    // Spellings of what an earlier route guards.
    check("/files/private/a//b", PathFault::EmptySegment.into());
    check("/files//private/a", PathFault::EmptySegment.into());
    check("/files/x/../private/a", PathFault::DotSegment.into());
    check("/files//../private/a/../../files/private", PathFault::EmptySegment.into());
    check("/files/x%2F..%2Fprivate%2Fa", PathFault::EncodedSlash.into());
    check("/files%5Cprivate", PathFault::EncodedBackslash.into());
    check("/files/private%00.png", PathFault::EncodedNul.into());
    check("/files/private;v=1//a", PathFault::EmptySegment.into());
    check("/files/./x/..;v/private", PathFault::DotSegment.into());
    // Spellings of what the route itself denies.
    check("/d//x", 3.into());
    check("/d//secret/x", Found::NotFound.into());
    check("/d/x%2F..%2Fsecret", Found::NotFound.into());
    // Nobody asked for these.
    check("/x//y", PathFault::EmptySegment.into());
    check("/x/../files/a", PathFault::DotSegment.into());
    // What no path can hold is refused everywhere.
    check("/files//\\x", PathFault::Backslash.into());
    check("/files//%zz", PathFault::InvalidEncoding.into());
}

#[test]
fn shadowed_routes_are_found_and_no_others() {
    #[track_caller]
    fn check(routes: Vec<Route>, expected: &[(usize, usize)]) {
        assert_eq!(RouteTable::new(routes).shadowed(), expected);
    }
    check(vec![route("/*"), route("/a")], &[(1, 0)]);
    check(vec![route("/a"), route("/*")], &[]);
    check(vec![for_methods(&["GET"], route("/*")), route("/a")], &[]);
    check(vec![for_methods(&["GET"], route("/*")), for_methods(&["HEAD"], route("/a"))], &[(1, 0)]);
    for (first, second) in [("GET", "POST"), ("POST", "HEAD"), ("HEAD", "GET")] {
        check(vec![for_methods(&[first], route("/*")), for_methods(&[second], route("/a"))], &[]);
    }
    check(vec![on_hosts(&["*.b.test"], route("/*")), on_hosts(&["a.b.test"], route("/"))], &[(1, 0)]);
    check(vec![on_hosts(&["a.test"], route("/*")), route("/a")], &[]);
    check(vec![on_hosts(&["a.test"], route("/*")), on_hosts(&["a.test", "b.test"], route("/a"))], &[]);
    let from = |net: &str, route| Route { clients: vec![net.parse().unwrap()], ..route };
    check(vec![from("10.0.0.0/8", route("/*")), from("10.1.0.0/16", route("/a"))], &[(1, 0)]);
    check(vec![from("10.1.0.0/16", route("/*")), from("10.0.0.0/8", route("/a"))], &[]);
    let listener = |at, route| Route { listeners: vec![ListenerId(at)], ..route };
    check(vec![listener(0, route("/*")), listener(1, route("/a")), listener(0, route("/b"))], &[(2, 0)]);
}

#[test]
fn every_found_route_is_the_one_that_a_plain_search_finds() {
    const HOSTS: [&str; 8] = [
        "a.test",
        "b.a.test",
        "*.test",
        "*.a.test",
        "*.b.a.test",
        "localhost",
        "*.9.8.7.6.5.4.3.2.1",
        "[::1]",
    ];
    const SEGMENTS: [&str; 7] = ["/a", "/b", "/*", "/a", "/x.y", "/abcdefgh", "/abcdefghi"];
    const ENDS: [&str; 4] = ["", "/", "/*", "/a"];
    let mut numbers = Numbers(3);
    let mut found = 0;
    for size in [1, 2, 20, 300] {
        let routes: Vec<Route> = (0..size)
            .map(|_| {
                let deep = if numbers.below(20) == 0 { "/d".repeat(20) } else { String::new() };
                let stem: String =
                    (0..numbers.below(4)).map(|_| SEGMENTS[numbers.below(SEGMENTS.len())]).collect();
                let path = format!("{deep}{stem}{}", ENDS[numbers.below(ENDS.len())]);
                let hosts: Vec<&str> =
                    (0..numbers.below(3)).map(|_| HOSTS[numbers.below(HOSTS.len())]).collect();
                let methods: &[&str] = if numbers.below(3) == 0 { &["POST"] } else { &[] };
                on_hosts(&hosts, for_methods(methods, route(if path.is_empty() { "/" } else { &path })))
            })
            .collect();
        let table = RouteTable::new(routes);
        for _ in 0..2_000 {
            let host = HOSTS[numbers.below(HOSTS.len())].replace('*', "n");
            let deep = if numbers.below(20) == 0 { "/d".repeat(20) } else { String::new() };
            let stem: String =
                (0..numbers.below(4)).map(|_| SEGMENTS[numbers.below(SEGMENTS.len())]).collect();
            let path = deep + &stem + ["/", "/a"][numbers.below(2)];
            let method: &[u8] = if numbers.below(2) == 0 { b"GET" } else { b"POST" };
            let query = RouteQuery { host: host.as_bytes(), path: path.as_bytes(), method, ..QUERY };
            let matches = |route: &Route| {
                route.matches_but_method(&query, path.as_bytes()) && route.admits_method(method)
            };
            let expected = table.routes().iter().position(matches);
            match table.find(&query, &mut Vec::new()) {
                Found::Route(at) => {
                    assert_eq!(Some(usize::from(at)), expected, "{host}{path}");
                    found += 1;
                }
                Found::NotFound | Found::MethodNotAllowed { .. } => {
                    assert_eq!(expected, None, "{host}{path}")
                }
                Found::Refused(fault) => panic!("{path}: {fault}"),
            }
        }
    }
    assert!(found > 1_000);
}
