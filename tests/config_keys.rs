//! Rules that hold for every key there is, read from the schema itself: a value of the wrong type is refused where it
//! stands, and `example.toml` shows the key with its default.

use std::collections::BTreeSet;
use std::time::Duration;

use ringwall::config::{self, ConfigError, EXAMPLE, Loaded, Place, TABLES};

/// A configuration with nothing but what must be there; `{}` marks where one more line of a table goes.
const MINIMAL: &str = "\
[[listener]]
name = 'public'
address = '127.0.0.1:8443'
[upstream.orders]
servers = ['http://127.0.0.1:8080', { url = 'http://127.0.0.1:8081' }]
[[route]]
path = '/orders/*'
upstream = 'orders'
access = 'upstream'
";

fn parse(text: &str) -> Result<Loaded, Vec<ConfigError>> {
    config::parse(text, "test.toml", std::iter::empty())
}

/// A whole configuration in which `key` of `table` is `value`, and the line that says so.
fn with(table: &str, key: &str, value: &str) -> String {
    let setting = format!("{key} = {value}");
    let listener = "[[listener]]\nname = 'public'\naddress = '127.0.0.1:8443'\n";
    let upstream = "[upstream.orders]\nservers = 'http://127.0.0.1:8080'\n";
    let secure = "[listener.tls]\ncertificate = 'c'\nkey = 'k'\n";
    let route = "[[route]]\npath = '/*'\nupstream = 'orders'\naccess = 'upstream'\n";
    let answer = "[[route]]\npath = '/*'\naccess = 'open'\n";
    // The setting takes the place of the same key of the surrounding lines.
    let place = |lines: &str| -> String {
        let others = lines.lines().filter(|line| !line.starts_with(&format!("{key} = ")));
        others.map(|line| format!("{line}\n")).chain([format!("{setting}\n")]).collect()
    };
    match table {
        "" => {
            let listener = if key == "listener" { "" } else { listener };
            let upstream = if key == "upstream" { "" } else { upstream };
            let route = if key == "route" { "" } else { route };
            format!("{setting}\n{listener}{upstream}{route}")
        }
        "listener" => format!("{}{upstream}{route}", place(listener)),
        "listener.tls" if key == "certificates" => {
            format!("{listener}[listener.tls]\n{setting}\n{upstream}{route}")
        }
        "listener.tls" => format!("{listener}{}{upstream}{route}", place(secure)),
        "listener.tls.certificates" => {
            format!("{listener}[[listener.tls.certificates]]\n{setting}\n{upstream}{route}")
        }
        "upstream" => format!("{listener}{}{route}", place(upstream)),
        "upstream.servers" => {
            let url = if key == "url" { "" } else { "url = 'http://a'" };
            format!("{listener}{route}[[upstream.orders.servers]]\n{setting}\n{url}\n")
        }
        "upstream.health" => {
            let path = if key == "path" { "" } else { "path = '/'" };
            format!("{listener}{upstream}[upstream.orders.health]\n{setting}\n{path}\n{route}")
        }
        "upstream.pool" | "upstream.tls" => {
            let table = table.replace("upstream", "upstream.orders");
            format!("{listener}{upstream}[{table}]\n{setting}\n{route}")
        }
        "payload.application" => {
            let others = ["id = 'a'", "encryption = 'required'"];
            let others = others.into_iter().filter(|line| !line.starts_with(&format!("{key} = ")));
            let others = others.collect::<Vec<_>>().join("\n");
            format!("{listener}{upstream}{route}[[payload.application]]\n{setting}\n{others}\n")
        }
        "payload.policy" => {
            let url = match key {
                "url" => "",
                "upstream" => "path = '/b'",
                "path" => "upstream = 'orders'",
                _ => "url = 'http://a/b'",
            };
            format!("{listener}{upstream}{route}[payload.policy]\n{setting}\n{url}\n")
        }
        "payload.policy.cache" => {
            let policy = "[payload.policy]\nurl = 'http://a/b'\n";
            format!("{listener}{upstream}{route}{policy}[payload.policy.cache]\n{setting}\n")
        }
        "issuer" => {
            let others = issuer_beside(key);
            format!("{listener}{upstream}{route}[issuer.main]\n{setting}\n{others}")
        }
        "issuer.cache" => {
            let others = issuer_beside("jwks_file");
            format!(
                "{listener}{upstream}{route}[issuer.main]\njwks_file = 'a'\n{others}[issuer.main.cache]\n{setting}\n"
            )
        }
        "mapper" => {
            let url = match key {
                "url" => "",
                "upstream" => "path = '/b'",
                "path" => "upstream = 'orders'",
                _ => "url = 'http://a/b'",
            };
            format!("{listener}{upstream}{route}[mapper.main]\n{setting}\n{url}\n")
        }
        "mapper.cache" => {
            let time = if key == "time" { "" } else { "time = '1s'" };
            let mapper = "[mapper.main]\nurl = 'http://a/b'\n[mapper.main.cache]\n";
            format!("{listener}{upstream}{route}{mapper}{setting}\n{time}\n")
        }
        "access" => format!("{listener}{upstream}{route}[access.main]\n{setting}\n"),
        "access.client_certificate" => {
            format!("{listener}{upstream}{route}[access.main.client_certificate]\n{setting}\n")
        }
        "route" if key == "answer" => format!("{listener}{}", place(answer)),
        "route" => format!("{listener}{upstream}{}", place(route)),
        "route.answer" => {
            let status = if key == "status" { "" } else { "status = 301" };
            format!("{listener}{answer}[route.answer]\n{setting}\n{status}\n")
        }
        "route.access" | "route.access.client_certificate" => {
            let route = route.replace("access = 'upstream'\n", "");
            format!("{listener}{upstream}{route}[{table}]\n{setting}\n")
        }
        "route.endpoints" | "route.timeouts" | "route.limits" => {
            format!("{listener}{upstream}{route}[{table}]\n{setting}\n")
        }
        _ => format!("{listener}{upstream}{route}[{table}]\n{setting}\n"),
    }
}

/// What an issuer needs that has `key`, which not every kind has.
fn issuer_beside(key: &str) -> &'static str {
    match key {
        "kind" => "",
        "client_authentication" | "client_id" | "client_secret_file" | "path" | "time_unit" => {
            "kind = 'introspection'\nupstream = 'orders'\n"
        }
        "client_assertion_algorithm" | "client_assertion_audience" | "client_key_file" | "client_key_id" => {
            "kind = 'introspection'\nupstream = 'orders'\nclient_authentication = 'private_key_jwt'\n"
        }
        "timeout" => "kind = 'introspection'\nurl = 'http://a/b'\n",
        "url" => "kind = 'introspection'\n",
        "upstream" => "kind = 'introspection'\npath = '/a'\n",
        "development" | "mandatory_scope" | "public_key_file" | "realm" => "kind = 'mobilefirst'\n",
        "public_key_url" | "validation_url" => "kind = 'mobilefirst'\n",
        "public_key_path" | "validation_path" => "kind = 'mobilefirst'\nupstream = 'orders'\n",
        "jwks_path" => "kind = 'jwt'\nupstream = 'orders'\n",
        _ => "kind = 'jwt'\n",
    }
}

#[test]
fn a_value_of_the_wrong_type_is_refused_where_it_stands() {
    for (table, keys) in TABLES {
        for key in *keys {
            // No setting is a date.
            let text = with(table, key, "1979-05-27");
            let line = text.lines().position(|line| line.ends_with("1979-05-27")).expect("the setting") + 1;
            let column = key.len() + 4;
            let errors = parse(&text).expect_err(&text);
            let place = Place::File { file: "test.toml".into(), line, column };
            let found = errors.iter().find(|error| error.place == place);
            let found = found.unwrap_or_else(|| panic!("{table}.{key} at {place}: {errors:#?}\n{text}"));
            if (*table, *key) != ("", "include") {
                assert!(found.message.contains(&format!("`{key}`")), "{table}.{key}: {found}");
                let message = &found.message;
                assert!(
                    message.contains("must be") && message.ends_with("not the date 1979-05-27"),
                    "{found}"
                );
            }
        }
    }
}

#[test]
fn a_slip_in_any_key_is_answered_with_the_key() {
    for (table, keys) in TABLES {
        for key in *keys {
            let slip = format!("{key}x");
            let text = with(table, &slip, "1");
            let errors = parse(&text).expect_err(&text);
            let told = |error: &ConfigError| {
                error.message.contains(&format!("unknown key `{slip}`"))
                    && error.message.ends_with(&format!("did you mean `{key}`?"))
            };
            assert!(errors.iter().any(told), "{table}.{slip}: {errors:#?}");
        }
    }
}

#[test]
fn the_example_says_the_defaults() {
    let (example, minimal) = (parse(EXAMPLE).expect("the example"), parse(MINIMAL).expect("the minimum"));
    let (example, minimal) = (example.settings, minimal.settings);
    assert_eq!(example.workers, minimal.workers);
    assert_eq!(example.admin, minimal.admin);
    assert_eq!(example.log, minimal.log);
    assert_eq!(example.ruleset.listeners, minimal.ruleset.listeners);
    assert_eq!(example.ruleset.upstreams, minimal.ruleset.upstreams);
    assert_eq!(example.ruleset.routes.routes(), minimal.ruleset.routes.routes());
    assert_eq!(example.ruleset.timeouts, minimal.ruleset.timeouts);
    assert_eq!(example.ruleset.limits, minimal.ruleset.limits);
    assert_eq!(example.tls, minimal.tls);
    assert_eq!(example.ruleset.forwarding, minimal.ruleset.forwarding);
}

/// Settings that the whole example leaves out: its files do not exist, or another setting excludes it.
const LEFT_OUT: [&str; 14] = [
    "include",
    "key_document",
    "jwks_file",
    "jwks_path",
    "discovery",
    "public_key_file",
    "public_key_path",
    "validation_",
    "client_key_",
    "client_assertion_",
    "mapper = ",
    "upstream = ",
    "path = \"/introspect\"",
    "path = \"/map-request\"",
];

/// The example with the settings that are absent by default, but for those that it cannot have.
fn whole_example() -> String {
    let line = |line: &str| match line.strip_prefix('#') {
        Some(setting) if !setting.is_empty() && !setting.starts_with(' ') => {
            if LEFT_OUT.iter().any(|other| setting.starts_with(other)) {
                String::new()
            } else {
                format!("{setting}\n")
            }
        }
        Some(_) | None => format!("{line}\n"),
    };
    EXAMPLE.lines().map(line).collect()
}

#[test]
fn the_example_is_right_in_what_is_absent_by_default_too() {
    let whole = parse(&whole_example()).expect("the whole example");
    let upstream = whole.settings.ruleset.upstreams.first().expect("an upstream");
    let health = upstream.health.as_ref().expect("a health check");
    let minimal = MINIMAL.replace("[[route]]", "health = { path = '/health' }\n[[route]]");
    let minimal = parse(&minimal).expect("the minimum").settings.ruleset.upstreams;
    assert_eq!(Some(health), minimal.first().and_then(|upstream| upstream.health.as_ref()));
    assert_eq!(health.interval, Duration::from_secs(2));
}

#[test]
fn the_example_shows_every_key() {
    let shown: BTreeSet<&str> = EXAMPLE.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
    for (table, keys) in TABLES {
        for key in *keys {
            assert!(shown.contains(key), "`{key}` of `{table}` is not in example.toml");
        }
    }
    // Stronger where it can be told: each process-wide setting stands on a line of its own.
    for (table, keys) in TABLES.iter().filter(|(table, _)| !table.is_empty() && !table.contains('.')) {
        for key in *keys {
            let own_line = |line: &str| {
                let line = line.trim_start_matches('#');
                line.starts_with(&format!("{key} = "))
                    || line.starts_with(&format!("[upstream.orders.{key}]"))
                    || line.starts_with(&format!("[{table}.{key}]"))
                    || line.starts_with(&format!("[[{table}.{key}]]"))
            };
            assert!(EXAMPLE.lines().any(own_line), "`{key}` of `{table}` has no line in example.toml");
        }
    }
}
