//! What a configuration says arrives in the settings as it was meant.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ringwall::config;
use ringwall::control::settings::{AccessLog, LogFormat, Settings};
use ringwall::limits;
use ringwall::net::payload::settings::{DocumentSettings, DocumentSource, PayloadKeySettings};
use ringwall::net::tls::settings::{CertificateFiles, ClientAuth, ListenerTls, UpstreamTls};
use ringwall::policy::access_rule::{AccessRule, ClientCertificateRule, TokenRule};
use ringwall::policy::field_template::{FieldTemplate, Name, Piece};
use ringwall::policy::path_rules::{HostPattern, PathPattern};
use ringwall::policy::payload_rules::{Application, ApplicationVerdict, Encryption, PayloadMode};
use ringwall::policy::route_table::{Endpoints, FixedAnswer, RouteKind, RouteTarget, UpstreamHost};
use ringwall::policy::ruleset::{Balance, HashKey, HealthCheck, ListenerId, PoolLimits, Server, UpstreamId};

const WHOLE: &str = r#"
[workers]
busy_poll = "50us"
[[listener]]
name = "public"
address = "0.0.0.0:8443"
[[listener]]
name = "inner"
address = "[::1]:8080"
[admin]
address = "127.0.0.1:9901"
[timeouts]
header = "1s"
body = "2s"
idle = "3s"
handshake = "9s"
connect = "4ms"
response = "5m"
drain = "6h"
[limits]
request_line = "1KiB"
header_bytes = "2KiB"
header_count = 3
body_bytes = "4MiB"
connections = 5
connections_per_address = 3
payload_chunk = "16KiB"
[log]
access = "/var/log/access"
format = "text"
[forwarding]
trusted = ["10.0.0.0/8", "::1"]
[upstream.users]
servers = "http://u:81"
balance = "least-requests"
[upstream.orders]
servers = ["http://10.0.0.1:8080", { url = "http://[2001:DB8::1]", weight = 7 }]
balance = "hash(header:X-User)"
health = { path = "/up?full", interval = "4s", unhealthy = 5, healthy = 6 }
pool = { idle = 7, age = "8s", idle_timeout = "9s" }
[upstream.source]
servers = "http://s"
balance = "hash(source)"
health = { path = "/" }
[[route]]
listener = ["inner", "public"]
host = ["api.example.com", "*.example.org"]
path = "/orders/*"
methods = ["get", "POST"]
kind = "token-server"
upstream = "orders"
access = "upstream"
strip_prefix = "/orders"
rewrite = "/v2{path}?{query}"
upstream_host = "Orders.Internal"
set_headers = { X-B = "2", x-a = "1", x-c = "{client_certificate.san}", x-d = "{{d}}" }
response_headers = { "Strict-Transport-Security" = "max-age=1" }
clients = ["10.0.0.0/8", "192.0.2.1"]
endpoints = { allow = "/orders/a", deny = ["/orders/b/*"] }
timeouts = { response = "1s", body = "2s", connect = "3s" }
limits = { body_bytes = "4B" }
encoded_paths = true
[[route]]
path = "/old/*"
kind = "transparent"
access = "open"
answer = { status = 301, location = "https://www.example.com{path}" }
[[route]]
path = "/*"
upstream = "users"
access = "upstream"
upstream_host = "server"
"#;

fn settings() -> Settings {
    config::parse(WHOLE, "test.toml", std::iter::empty()).expect("a good configuration").settings
}

fn network(text: &str) -> ipnet::IpNet {
    text.parse().expect("a network")
}

#[test]
fn the_process_is_set_up_as_it_says() {
    let settings = settings();
    assert_eq!(settings.workers.busy_poll, Duration::from_micros(50));
    assert!(!settings.workers.cpus.is_empty());
    assert_eq!(settings.admin, Some(SocketAddr::from(([127, 0, 0, 1], 9901))));
    assert_eq!(settings.log.access, AccessLog::File(PathBuf::from("/var/log/access")));
    assert_eq!(settings.log.format, LogFormat::Text);
    let ruleset = settings.ruleset;
    assert_eq!(ruleset.generation, 0);
    let listeners: Vec<_> =
        ruleset.listeners.iter().map(|l| (l.name.as_str(), l.address.to_string())).collect();
    assert_eq!(listeners, [("public", "0.0.0.0:8443".to_owned()), ("inner", "[::1]:8080".to_owned())]);
    let timeouts = ruleset.timeouts;
    assert_eq!(timeouts.header, Duration::from_secs(1));
    assert_eq!(timeouts.body, Duration::from_secs(2));
    assert_eq!(timeouts.idle, Duration::from_secs(3));
    assert_eq!(timeouts.handshake, Duration::from_secs(9));
    assert_eq!(timeouts.connect, Duration::from_millis(4));
    assert_eq!(timeouts.response, Duration::from_secs(5 * 60));
    assert_eq!(timeouts.drain, Duration::from_secs(6 * 60 * 60));
    let limits = ruleset.limits;
    assert_eq!((limits.request_line, limits.header_bytes, limits.header_count), (1024, 2048, 3));
    assert_eq!((limits.body_bytes, limits.connections, limits.connections_per_address), (4 << 20, 5, 3));
    assert_eq!(limits.payload_chunk, 16 * 1024);
    assert_eq!(ruleset.forwarding.trusted, [network("10.0.0.0/8"), network("::1/128")]);
}

#[test]
fn upstreams_come_by_name() {
    let upstreams = settings().ruleset.upstreams;
    let names: Vec<_> = upstreams.iter().map(|upstream| upstream.name.as_str()).collect();
    assert_eq!(names, ["orders", "source", "users"]);
    let server = |host: &str, port, weight, authority: &str| Server {
        host: host.to_owned(),
        port,
        socket: None,
        tls: false,
        weight,
        authority: authority.to_owned(),
    };
    assert_eq!(
        upstreams[0].servers,
        [server("10.0.0.1", 8080, 1, "10.0.0.1:8080"), server("2001:db8::1", 80, 7, "[2001:db8::1]")]
    );
    assert_eq!(upstreams[0].balance, Balance::Hash(HashKey::Header("x-user".to_owned())));
    assert_eq!(upstreams[1].balance, Balance::Hash(HashKey::Source));
    assert_eq!(upstreams[2].balance, Balance::LeastRequests);
    let health = |path: &str, seconds, unhealthy, healthy| HealthCheck {
        path: path.to_owned(),
        interval: Duration::from_secs(seconds),
        unhealthy,
        healthy,
    };
    assert_eq!(upstreams[0].health, Some(health("/up?full", 4, 5, 6)));
    assert_eq!(upstreams[1].health, Some(health("/", 2, 3, 2)));
    assert_eq!(upstreams[2].health, None);
    let pool = |idle, age, idle_timeout| PoolLimits { idle, age, idle_timeout };
    assert_eq!(upstreams[0].pool, pool(7, Duration::from_secs(8), Duration::from_secs(9)));
    let default = pool(limits::POOL_IDLE, limits::POOL_AGE, limits::POOL_IDLE_TIMEOUT);
    assert_eq!(upstreams[2].pool, default);
}

#[test]
fn routes_come_in_file_order_with_all_that_they_say() {
    let settings = settings();
    let routes = settings.ruleset.routes.routes();
    let owned = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let path = |text: &str| PathPattern::parse(text).expect("a pattern");
    let host = |text: &str| HostPattern::parse(text).expect("a pattern");
    let first = &routes[0];
    assert_eq!(first.name, "api.example.com,*.example.org/orders/*");
    assert_eq!(first.listeners, [ListenerId(1), ListenerId(0)]);
    assert_eq!(first.hosts, [host("api.example.com"), host("*.example.org")]);
    assert_eq!(first.path, path("/orders/*"));
    assert_eq!(first.methods, ["GET", "POST"]);
    assert_eq!(first.kind, RouteKind::TokenServer);
    assert_eq!(first.target, RouteTarget::Upstream(UpstreamId(0)));
    assert_eq!(first.access, AccessRule::UPSTREAM);
    assert_eq!(first.strip_prefix.as_deref(), Some("/orders"));
    assert_eq!(first.rewrite.as_deref(), Some("/v2{path}?{query}"));
    assert_eq!(first.upstream_host, UpstreamHost::Name("orders.internal".to_owned()));
    let mut set = first.set_headers.clone();
    set.sort_by(|(a, _), (b, _)| a.cmp(b));
    let fixed = |name: &str, value: &str| (name.to_owned(), FieldTemplate::Fixed(value.to_owned()));
    let san = FieldTemplate::Pieces(vec![Piece::Named(Name::CertificateSan)]);
    assert_eq!(set, [fixed("x-a", "1"), fixed("x-b", "2"), ("x-c".to_owned(), san), fixed("x-d", "{d}")]);
    assert_eq!(first.response_headers, [owned("strict-transport-security", "max-age=1")]);
    assert_eq!(first.clients, [network("10.0.0.0/8"), network("192.0.2.1/32")]);
    let endpoints = Endpoints { allow: vec![path("/orders/a")], deny: vec![path("/orders/b/*")] };
    assert_eq!(first.endpoints, Some(endpoints));
    assert_eq!(first.response_timeout, Some(Duration::from_secs(1)));
    assert_eq!(first.body_timeout, Some(Duration::from_secs(2)));
    assert_eq!(first.connect_timeout, Some(Duration::from_secs(3)));
    assert_eq!(first.body_bytes, Some(4));
    assert!(first.encoded_paths);

    let location = Some("https://www.example.com{path}".to_owned());
    assert_eq!(routes[1].target, RouteTarget::Answer(FixedAnswer { status: 301, location }));
    assert_eq!(routes[1].kind, RouteKind::Transparent);
    assert_eq!(routes[1].access, AccessRule::OPEN);
    assert_eq!(routes[1].upstream_host, UpstreamHost::Preserve);
    assert!(routes[1].listeners.is_empty() && routes[1].hosts.is_empty() && routes[1].methods.is_empty());
    assert!(routes[1].clients.is_empty() && routes[1].endpoints.is_none() && !routes[1].encoded_paths);

    assert_eq!(routes[2].target, RouteTarget::Upstream(UpstreamId(2)));
    assert_eq!(routes[2].kind, RouteKind::Resource);
    assert_eq!(routes[2].upstream_host, UpstreamHost::Server);
}

#[test]
fn connections_of_one_address_are_bounded_as_all_are() {
    let text = WHOLE.replace("connections_per_address = 3\n", "");
    let loaded = config::parse(&text, "test.toml", std::iter::empty()).expect("a good configuration");
    assert_eq!(loaded.settings.ruleset.limits.connections_per_address, 5);
}

const SECURE: &str = r#"
[tls]
ticket_keys = ["2.key", "/1.key"]
[[listener]]
name = "public"
address = "127.0.0.1:8443"
proxy_protocol = "required"
proxy_protocol_from = ["10.0.0.0/8", "::1"]
[listener.tls]
certificates = [{ certificate = "a.pem", key = "a.key" }, { certificate = "/b.pem", key = "b.key" }]
client_auth = "required"
client_ca = "ca.pem"
client_crl = "crl.pem"
[[listener]]
name = "local"
address = "unix:run/a.sock"
proxy_protocol = "required"
[[listener]]
name = "one"
address = "127.0.0.1:8444"
tls = { certificate = "c.pem", key = "c.key", client_auth = "optional", client_ca = "ca.pem" }
[upstream.mixed]
servers = ["http://a", { url = "https://b", weight = 2 }, "unix:/run/b.sock", "https://c:8443"]
[upstream.mixed.tls]
ca = "ca.pem"
server_name = "Orders.Internal"
certificate = "d.pem"
key = "d.key"
dangerous_accept_any_certificate = true
[upstream.plain]
servers = "http://a"
tls = { ca = "ca.pem" }
[upstream.secure]
servers = "https://a"
[[route]]
path = "/1"
listener = "one"
upstream = "mixed"
access = { client_certificate = { san = ["A.Example", "spiffe://Corp"], sha256 = "DIGEST" } }
[[route]]
path = "/2"
listener = "public"
upstream = "plain"
access = { client_certificate = "required" }
[[route]]
path = "/3"
upstream = "secure"
access = "upstream"
"#;

fn secure() -> Settings {
    let text = SECURE.replace("DIGEST", &"AB:".repeat(32)[..95]);
    config::parse(&text, "etc/ringwall.toml", std::iter::empty()).expect("a good configuration").settings
}

fn files(certificate: &str, key: &str) -> CertificateFiles {
    CertificateFiles { certificate: certificate.into(), key: key.into() }
}

#[test]
fn listeners_say_who_comes_in_and_how() {
    let Settings { ruleset, tls, .. } = secure();
    let of = |at: usize| {
        let listener = &ruleset.listeners[at];
        let from = listener.proxy_protocol.as_ref().map(|header| header.from.clone());
        (listener.address.to_string(), from, listener.tls)
    };
    let networks = vec![network("10.0.0.0/8"), network("::1/128")];
    assert_eq!(of(0), ("127.0.0.1:8443".to_owned(), Some(networks), true));
    assert_eq!(of(1), ("unix:etc/run/a.sock".to_owned(), Some(vec![network("0.0.0.0/32")]), false));
    assert_eq!(of(2), ("127.0.0.1:8444".to_owned(), None, true));
    let many = ListenerTls {
        certificates: vec![files("etc/a.pem", "etc/a.key"), files("/b.pem", "etc/b.key")],
        client_auth: ClientAuth::Required,
        client_ca: Some("etc/ca.pem".into()),
        client_crl: Some("etc/crl.pem".into()),
    };
    let one = ListenerTls {
        certificates: vec![files("etc/c.pem", "etc/c.key")],
        client_auth: ClientAuth::Optional,
        client_ca: Some("etc/ca.pem".into()),
        client_crl: None,
    };
    assert_eq!(tls.listeners, [Some(many), None, Some(one)]);
    assert_eq!(tls.ticket_keys, [PathBuf::from("etc/2.key"), PathBuf::from("/1.key")]);
}

#[test]
fn servers_say_how_they_are_spoken_to() {
    let Settings { ruleset, tls, .. } = secure();
    let places: Vec<_> = ruleset.upstreams[0].servers.iter().map(|s| (s.place(), s.tls)).collect();
    let place = |name: &str, tls| (name.to_owned(), tls);
    let expected =
        [place("a", false), place("b:443", true), place("unix:/run/b.sock", false), place("c:8443", true)];
    assert_eq!(places, expected);
    let mixed = UpstreamTls {
        ca: Some("etc/ca.pem".into()),
        server_name: Some("orders.internal".to_owned()),
        certificate: Some(files("etc/d.pem", "etc/d.key")),
        dangerous_accept_any_certificate: true,
    };
    // None without a server that it is for; the system's authorities where nothing is said.
    assert_eq!(tls.upstreams, [Some(mixed), None, Some(UpstreamTls::default())]);
}

#[test]
fn rules_say_which_certificates_they_admit() {
    let settings = secure();
    let access: Vec<_> = settings.ruleset.routes.routes().iter().map(|route| route.access.clone()).collect();
    let rule = |rule| AccessRule { token: TokenRule::NotNeeded, client_certificate: Some(rule) };
    let one_of = ClientCertificateRule::OneOf {
        san: vec!["a.example".to_owned(), "spiffe://Corp".to_owned()],
        sha256: vec!["ab".repeat(32)],
    };
    assert_eq!(access, [rule(one_of), rule(ClientCertificateRule::Required), AccessRule::UPSTREAM]);
}

#[test]
fn a_small_head_makes_the_default_request_line_small() {
    let text = WHOLE.replace("request_line = \"1KiB\"\n", "");
    let loaded = config::parse(&text, "test.toml", std::iter::empty()).expect("a good configuration");
    assert_eq!(loaded.settings.ruleset.limits.request_line, 2048);
}

#[test]
fn a_log_file_is_found_beside_the_file_that_names_it() {
    let log = |text: &str, name: &str| {
        let text = WHOLE.replace("/var/log/access", text);
        let loaded = config::parse(&text, name, std::iter::empty()).expect("a good configuration");
        loaded.settings.log.access
    };
    assert_eq!(log("access.log", "etc/ringwall.toml"), AccessLog::File(Path::new("etc/access.log").into()));
    assert_eq!(log("/access.log", "etc/ringwall.toml"), AccessLog::File(Path::new("/access.log").into()));
    assert_eq!(log("logs/stdout", "ringwall.toml"), AccessLog::File(Path::new("logs/stdout").into()));
    assert_eq!(log("off", "ringwall.toml"), AccessLog::Off);
}

const SEALED: &str = r#"
[[listener]]
name = "public"
address = "127.0.0.1:8443"
[upstream.a]
servers = "http://a"
[payload]
keys = ["2.key", "/1.key"]
ticket_keys = "t.key"
signing_key = "s.key"
origin = "https://api.example.com:8443"
session_lifetime = "2h"
window = "45s"
replay_entries = 1000
session_entries = 250
relays = "192.0.2.0/24"
start_ids = ["00112233445566778899AABBCCDDEEFF", "ffffffffffffffffffffffffffffffff"]
[[payload.application]]
id = "shop"
platform = "ios"
version = "2.*"
encryption = "optional"
[[payload.application]]
id = "shop"
encryption = "disabled"
[payload.policy]
url = "https://policy.test/a"
username = "ringwall"
password_file = "p.secret"
timeout = "1s"
cache = { time = "2s", entries = 3 }
[[route]]
path = "/1"
upstream = "a"
access = "upstream"
payload = "require"
[[route]]
path = "/2"
upstream = "a"
access = "upstream"
payload = "off"
[[route]]
path = "/3"
upstream = "a"
access = "upstream"
[[route]]
path = "/4"
kind = "transparent"
upstream = "a"
access = "upstream"
[[route]]
path = "/5"
kind = "transparent"
upstream = "a"
access = "upstream"
payload = "accept"
"#;

#[test]
fn payload_encryption_has_keys_and_bounds() {
    let loaded =
        config::parse(SEALED, "etc/ringwall.toml", std::iter::empty()).expect("a good configuration");
    let settings = loaded.settings;
    let payload = settings.payload.expect("payload encryption");
    let files: Vec<_> = loaded.files.iter().map(|file| file.path.to_str().expect("UTF-8")).collect();
    assert_eq!(files, ["etc/p.secret", "etc/2.key", "/1.key", "etc/t.key", "etc/s.key"]);
    assert_eq!(payload.replay_entries, 1000);
    assert_eq!(
        payload.keys,
        PayloadKeySettings {
            keys: vec!["etc/2.key".into(), "/1.key".into()],
            ticket_keys: vec!["etc/t.key".into()],
            document: Some(DocumentSettings {
                origin: "https://api.example.com:8443".to_owned(),
                source: DocumentSource::SigningKey("etc/s.key".into()),
            }),
            start_ids: vec![0x0011_2233_4455_6677_8899_aabb_ccdd_eeff_u128.to_be_bytes(), [0xff; 16]],
        }
    );
    let rules = settings.ruleset.payload.expect("payload encryption");
    assert_eq!(
        (rules.session_lifetime.as_secs(), rules.window.as_secs(), rules.session_entries),
        (7200, 45, 250)
    );
    assert_eq!(rules.relays, [network("192.0.2.0/24")]);
    let modes: Vec<_> = settings.ruleset.routes.routes().iter().map(|route| route.payload).collect();
    let (off, accept) = (PayloadMode::Off, PayloadMode::Accept);
    assert_eq!(modes, [PayloadMode::Require, off, accept, off, accept]);
}

#[test]
fn payload_encryption_has_a_policy_for_applications() {
    let settings =
        config::parse(SEALED, "etc/ringwall.toml", std::iter::empty()).expect("a good configuration");
    let settings = settings.settings;
    let rules = settings.ruleset.payload.as_ref().expect("payload encryption");
    let check = |id, platform, version, expected| {
        assert_eq!(rules.judge_application(Some(Application { id, platform, version })), expected);
    };
    check("shop", "ios", "2.1", ApplicationVerdict::Says(Encryption::Optional));
    check("shop", "ios", "3.1", ApplicationVerdict::Says(Encryption::Disabled));
    check("shop", "android", "2.1", ApplicationVerdict::Says(Encryption::Disabled));
    check("bank", "ios", "2.1", ApplicationVerdict::Ask);
    let policy = rules.service.as_ref().expect("a service");
    let service = &settings.ruleset.services[usize::from(policy.service.0)];
    let upstream = &settings.ruleset.upstreams[usize::from(service.upstream.0)];
    assert_eq!((upstream.name.as_str(), service.name.as_str()), ("[payload.policy]", "[payload.policy]"));
    assert_eq!((upstream.servers[0].place().as_str(), service.path.as_str()), ("policy.test:443", "/a"));
    assert_eq!(settings.tls.upstreams.len(), settings.ruleset.upstreams.len());
    assert!(settings.tls.upstreams[usize::from(service.upstream.0)].is_some());
    let credentials = service.credentials.as_ref().expect("credentials");
    assert_eq!(
        (credentials.username.as_str(), &credentials.secret_file),
        ("ringwall", &PathBuf::from("etc/p.secret"))
    );
    assert_eq!((service.timeout.as_secs(), policy.cache_time.as_secs(), policy.cache_entries), (1, 2, 3));
}

#[test]
fn payload_encryption_has_defaults_and_is_off_without_its_table() {
    let before = SEALED.find("[payload]").expect("the table");
    let text = format!(
        "{}[payload]\n[[route]]\npath = '/'\nupstream = 'a'\naccess = 'upstream'\n",
        &SEALED[..before]
    );
    let settings =
        config::parse(&text, "test.toml", std::iter::empty()).expect("a good configuration").settings;
    let payload = settings.payload.expect("payload encryption");
    assert_eq!((payload.keys, payload.replay_entries), (PayloadKeySettings::default(), 6_000_000));
    let rules = settings.ruleset.payload.expect("payload encryption");
    assert_eq!(
        (rules.session_lifetime.as_secs(), rules.window.as_secs(), rules.session_entries),
        (3600, 30, 1024)
    );
    assert!(!rules.has_policy() && rules.relays.is_empty());
    // The share of a session in a small memory, when nothing else is said.
    let text = text.replace("[payload]", "[payload]\nreplay_entries = 400");
    let rules = config::parse(&text, "test.toml", std::iter::empty()).expect("a good configuration");
    assert_eq!(rules.settings.ruleset.payload.expect("payload encryption").session_entries, 100);
    let text = text.replace("[payload]\nreplay_entries = 400\n", "");
    let settings =
        config::parse(&text, "test.toml", std::iter::empty()).expect("a good configuration").settings;
    assert!(settings.payload.is_none() && settings.ruleset.payload.is_none());
}
