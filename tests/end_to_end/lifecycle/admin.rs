//! The pages of the admin address.

use super::*;

#[test]
fn pages_show_what_happened() {
    let server = ScriptedServer::ok();
    let proxy = Setup::beside(&server).route("path = \"/there\"").start();
    for _ in 0..3 {
        assert_eq!(proxy.get("/there").status(), 200);
    }
    assert_eq!(proxy.get("/not").status(), 404);
    let counts = |name, label| proxy.metric(name, label);
    eventually("the counters", || (counts("ringwall_responses_total", "4xx") == 1.0).then_some(()));
    assert_eq!(counts("ringwall_responses_total", "2xx"), 3.0);
    assert_eq!(counts("ringwall_refusals_total", ""), 1.0);
    assert_eq!(counts("ringwall_connections_accepted_total", ""), 4.0);
    assert_eq!(counts("ringwall_request_duration_seconds_count", ""), 4.0);
    assert_eq!(counts("ringwall_panics_total", ""), 0.0);
    assert_eq!(counts("ringwall_upstream_server_up", "origin"), 1.0);
    let status = proxy.status();
    assert_eq!(status["workers"][0]["counters"]["responses_2xx"], 3);
    assert_eq!(status["workers"][0]["state"], "serving");
    assert_eq!(status["listeners"][0]["address"], proxy.address.to_string().as_str());
    assert_eq!(status["upstreams"][0]["servers"][0]["up"], true);
    assert_eq!(proxy.admin("/health").text(), "ok\n");
    let dashboard = proxy.admin("/");
    assert_eq!(dashboard.fields.get("content-type").as_deref(), Some("text/html; charset=utf-8"));
    assert!(dashboard.text().contains("<html"), "{}", dashboard.text());
}

/// The text format of Prometheus, read by its rules.
#[test]
fn metrics_are_well_formed() {
    let server = ScriptedServer::ok();
    let proxy = Setup::to(&server).start();
    proxy.get("/");
    let response = proxy.admin("/metrics");
    assert!(
        response.fields.get("content-type").is_some_and(|kind| kind.starts_with("text/plain; version=0.0.4"))
    );
    let (mut typed, mut seen) = (BTreeMap::new(), HashSet::new());
    for line in response.text().lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a type");
            assert!(typed.insert(name.to_owned(), kind.to_owned()).is_none(), "{line} twice");
        } else if !line.starts_with("# HELP ") {
            let (series, value) = line.rsplit_once(' ').expect("a sample");
            assert!(value.parse::<f64>().is_ok(), "{line}");
            assert!(seen.insert(series.to_owned()), "{series} twice");
            let name = series.split('{').next().unwrap_or_default();
            let family = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
            let is_known = typed.contains_key(name)
                || family.is_some_and(|family| typed.get(family).is_some_and(|kind| kind == "histogram"));
            assert!(is_known, "{line} has no type");
            let labels = series[name.len()..].trim_start_matches('{').trim_end_matches('}');
            assert!(labels.is_empty() || labels.split("\",").all(|label| label.contains("=\"")), "{line}");
        }
    }
    assert!(seen.len() > 30, "{} series", seen.len());
}

#[test]
fn and_data_are_apart() {
    let server = ScriptedServer::ok();
    let proxy = Setup::beside(&server).route("path = \"/there\"").start();
    for target in ["/metrics", "/status.json", "/health", "/ready", "/"] {
        let response = proxy.get(target);
        assert_eq!((response.status(), response.reason().as_str()), (404, "no-route"), "{target}");
    }
    assert_eq!(proxy.admin("/there").status(), 404);
    assert_eq!(server.seen().len(), 0);
    for method in ["POST", "DELETE", "PUT"] {
        let mut client = RawClient::connect(proxy.admin);
        client.send(format!("{method} /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"));
        assert_eq!(client.response().status(), 405, "{method}");
    }
    // A page of a stranger's cannot read it through the reader's browser.
    let mut client = RawClient::connect(proxy.admin);
    client.send("GET /status.json HTTP/1.1\r\nHost: evil.test\r\n\r\n");
    assert_eq!(client.response().status(), 421);
}
