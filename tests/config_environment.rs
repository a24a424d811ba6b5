//! Settings from environment variables: how they are named, what they set, and how their values are read.

use ringwall::config::{self, ConfigError, Loaded};
use ringwall::policy::field_template::FieldTemplate;
use ringwall::policy::route_table::RouteTarget;

const FILE: &str = "\
[[listener]]
name = 'public'
address = '127.0.0.1:8443'
[upstream.orders-new]
servers = 'http://a'
[[route]]
path = '/first'
host = 'a.example.com'
upstream = 'orders-new'
access = 'upstream'
set_headers = { x-team = 'red' }
[[route]]
path = '/second'
upstream = 'orders-new'
access = 'upstream'
";

fn parse(variables: &[(&str, &str)]) -> Result<Loaded, Vec<ConfigError>> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    config::parse(FILE, "test.toml", variables.iter().map(owned))
}

fn good(variables: &[(&str, &str)]) -> Loaded {
    parse(variables).unwrap_or_else(|errors| panic!("{variables:?}: {errors:#?}"))
}

#[test]
fn names_go_without_regard_to_case_and_hyphens() {
    let addresses = ["RINGWALL_ADMIN__ADDRESS", "ringwall_admin__address", "Ringwall-Admin__Address"];
    for name in addresses {
        let admin = good(&[(name, "127.0.0.1:9901")]).settings.admin;
        assert_eq!(admin.map(|address| address.port()), Some(9901), "{name}");
    }
    let loaded = good(&[("RINGWALL_UPSTREAM__ORDERS_NEW__BALANCE", "least-requests")]);
    assert_eq!(loaded.settings.ruleset.upstreams.len(), 1, "the upstream with a hyphen was meant");
    let loaded = good(&[("RINGWALL_ROUTE__0__SET_HEADERS__X_TEAM", "blue")]);
    let route = &loaded.settings.ruleset.routes.routes()[0];
    assert_eq!(route.set_headers, [("x-team".to_owned(), FieldTemplate::Fixed("blue".to_owned()))]);
}

#[test]
fn a_new_name_is_lower_case_and_a_new_field_has_hyphens() {
    let loaded = good(&[
        ("RINGWALL_UPSTREAM__CUSTOMER_DATA__SERVERS", "http://b"),
        ("RINGWALL_ROUTE__1__UPSTREAM", "customer_data"),
        ("RINGWALL_ROUTE__1__RESPONSE_HEADERS__CACHE_CONTROL", "no-store"),
    ]);
    let ruleset = &loaded.settings.ruleset;
    assert_eq!(ruleset.upstreams[0].name, "customer_data");
    let route = &ruleset.routes.routes()[1];
    assert_eq!(route.response_headers, [("cache-control".to_owned(), "no-store".to_owned())]);
}

#[test]
fn elements_go_by_index_and_the_next_index_appends() {
    let loaded = good(&[
        ("RINGWALL_ROUTE__0__PATH", "/other"),
        // Out of order: the third must be there before the fourth.
        ("RINGWALL_ROUTE__3__PATH", "/fourth"),
        ("RINGWALL_ROUTE__3__ANSWER", "{ status = 204 }"),
        ("RINGWALL_ROUTE__3__ACCESS", "open"),
        ("RINGWALL_ROUTE__2__PATH", "/third"),
        ("RINGWALL_ROUTE__2__ANSWER__STATUS", "404"),
        ("RINGWALL_ROUTE__2__ACCESS", "open"),
        ("RINGWALL_ROUTE__0__HOST__1", "b.example.com"),
        ("RINGWALL_LISTENER__1__NAME", "second"),
        ("RINGWALL_LISTENER__1__ADDRESS", "127.0.0.1:8444"),
    ]);
    let ruleset = &loaded.settings.ruleset;
    let routes = ruleset.routes.routes();
    let names: Vec<_> = routes.iter().map(|route| route.name.as_str()).collect();
    assert_eq!(names, ["a.example.com,b.example.com/other", "/second", "/third", "/fourth"]);
    assert!(matches!(&routes[2].target, RouteTarget::Answer(answer) if answer.status == 404));
    assert_eq!(ruleset.listeners[1].name, "second");
}

#[test]
fn values_are_toml_or_else_text_and_lists_go_by_commas() {
    let methods = |value: &str| {
        let loaded = good(&[("RINGWALL_ROUTE__1__METHODS", value)]);
        loaded.settings.ruleset.routes.routes()[1].methods.clone()
    };
    assert_eq!(methods("GET"), ["GET"]);
    assert_eq!(methods("GET, POST,"), ["GET", "POST"]);
    assert_eq!(methods("[\"GET\", \"POST\"]"), ["GET", "POST"]);
    assert_eq!(methods("\"GET\""), ["GET"]);
    let name = |value: &str| {
        let loaded = good(&[("RINGWALL_LISTENER__0__NAME", value)]);
        loaded.settings.ruleset.listeners[0].name.clone()
    };
    assert_eq!(name("8443"), "8443", "a text may look like a number");
    assert_eq!(name("true"), "true", "a text may look like a truth value");
    assert_eq!(name("'quoted'"), "quoted");
    let loaded = good(&[
        ("RINGWALL_LIMITS__CONNECTIONS", "1_000"),
        ("RINGWALL_ROUTE__0__ENCODED_PATHS", "true"),
        ("RINGWALL_UPSTREAM__ORDERS_NEW__SERVERS", "http://b,http://c"),
        ("RINGWALL_TIMEOUTS", "{ idle = \"1s\" }"),
        ("RINGWALL_LOG__ACCESS", "logs/access"),
    ]);
    let settings = &loaded.settings;
    assert_eq!(settings.ruleset.limits.connections, 1000);
    assert!(settings.ruleset.routes.routes()[0].encoded_paths);
    assert_eq!(settings.ruleset.upstreams[0].servers.len(), 2);
    assert_eq!(settings.ruleset.timeouts.idle.as_secs(), 1);
}

#[test]
fn one_value_cannot_smuggle_in_another_setting() {
    let errors = parse(&[("RINGWALL_LIMITS__CONNECTIONS", "1\nbody_bytes = \"1B\"")]).expect_err("two lines");
    assert_eq!(errors.len(), 1);
    assert_eq!(
        errors[0].to_string(),
        "RINGWALL_LIMITS__CONNECTIONS: `connections` in [limits] must be a whole number from 1 to 1048576, not \
         \"1\\nbody_bytes = \\\"1B\\\"\""
    );
}

#[test]
fn a_variable_wins_over_the_file_but_not_over_another() {
    let admin = good(&[("RINGWALL_LISTENER__0__ADDRESS", "127.0.0.1:1")]);
    assert_eq!(admin.settings.ruleset.listeners[0].address.to_string(), "127.0.0.1:1");
    for pair in [
        ["RINGWALL_LOG__ACCESS", "ringwall_log__access"],
        ["RINGWALL_ROUTE__0__STRIP_PREFIX", "RINGWALL_ROUTE__0__STRIP-PREFIX"],
        ["RINGWALL_LOG", "RINGWALL_LOG__ACCESS"],
        ["RINGWALL_ROUTE__0", "RINGWALL_ROUTE__0__PATH"],
    ] {
        let errors = parse(&[(pair[0], "off"), (pair[1], "off")]).expect_err("a collision");
        let collision = |error: &&ConfigError| error.message.contains(&format!("{} also sets", pair[0]));
        assert_eq!(errors.iter().filter(collision).count(), 1, "{pair:?}: {errors:#?}");
    }
}
