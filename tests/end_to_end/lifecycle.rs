//! The life of the process: exit codes, reload, drain, admin pages, access log, workers, and a soak that must leave it as
//! it was.

use std::collections::{BTreeMap, HashSet};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Output};
use std::time::Duration;

use nix::sys::signal::Signal;
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, apply_filter};
use serde_json::Value;

use crate::harness::proxy::allowed_cpus;
use crate::harness::random::Random;
use crate::harness::{
    Directory, End, Gate, Proxy, RawClient, ScriptedServer, Setup, eventually, unused_address,
};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A server that answers `name`; requests to `/slow` wait at the gate, after the first half of their answer.
fn named(name: &'static str, gate: &Gate) -> ScriptedServer {
    let passed = gate.clone();
    ScriptedServer::start(move |connection| {
        while let Some(request) = connection.request() {
            let half = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{name}", name.len() * 2);
            if request.target() == "/slow" {
                connection.send(half);
                connection.mark("half");
                passed.pass();
                connection.send(name);
            } else {
                connection.send(format!("{half}{name}"));
            }
        }
    })
}

mod exit_codes {
    use super::*;

    /// Runs the binary with these arguments to its end.
    fn run(arguments: &[&str], directory: &Directory) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ringwall"));
        command.args(arguments).current_dir(directory.path()).env_clear();
        command.output().expect("the binary")
    }

    fn stderr(output: &Output) -> String {
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    #[test]
    fn zero_after_a_drain() {
        for signal in [Signal::SIGTERM, Signal::SIGINT] {
            let server = ScriptedServer::ok();
            let mut proxy = Setup::to(&server).start();
            proxy.signal(signal);
            assert_eq!(proxy.wait_for_exit().code(), Some(0), "{signal}: {}", proxy.stderr());
            assert!(!proxy.stderr().contains("missing"), "{}", proxy.stderr());
        }
    }

    #[test]
    fn two_for_a_configuration_that_cannot_be_used() {
        let directory = Directory::new();
        for (text, place) in [
            ("[[listener]]\nname = \"a\"\naddress = 5\n", "ringwall.toml:3:"),
            ("[timeouts]\nheadre = \"5s\"\n", "ringwall.toml:2:"),
            ("not toml", "ringwall.toml:1:"),
        ] {
            directory.write("ringwall.toml", text);
            for command in ["run", "check"] {
                let output = run(&[command, "--config", "ringwall.toml"], &directory);
                assert_eq!(output.status.code(), Some(2), "{command}: {text}");
                assert!(stderr(&output).contains(place), "{command}: {}", stderr(&output));
            }
        }
        for arguments in [&["run", "--config", "none.toml"][..], &["run"], &["walk"], &["run", "--fast"], &[]]
        {
            assert_eq!(run(arguments, &directory).status.code(), Some(2), "{arguments:?}");
        }
    }

    #[test]
    fn of_check() {
        let directory = Directory::new();
        directory.write(
            "good.toml",
            Setup::beside_address(unused_address())
                .with("[[route]]\npath = \"/\"\nupstream = \"origin\"\naccess = \"upstream\"")
                .text(),
        );
        directory.write("open.toml", Setup::to_address(unused_address()).text());
        for (file, strict, expected) in
            [("good", false, 0), ("good", true, 0), ("open", false, 0), ("open", true, 1)]
        {
            let name = format!("{file}.toml");
            let mut arguments = vec!["check", "--json", "--config", &name];
            if strict {
                arguments.push("--strict");
            }
            let output = run(&arguments, &directory);
            assert_eq!(output.status.code(), Some(expected), "{arguments:?}: {output:?}");
            let report: Value = serde_json::from_slice(&output.stdout).expect("a report in JSON");
            assert_eq!(report["ok"], expected == 0, "{report}");
        }
    }

    /// Somebody else listens there, without sharing: what it says must help.
    #[test]
    fn one_for_an_address_in_use() {
        for admin in [false, true] {
            let setup = Setup::to_address(unused_address());
            let taken = if admin { setup.admin } else { setup.address };
            let _holder = TcpListener::bind(taken).expect("the address");
            let mut proxy = setup.spawn();
            assert_eq!(proxy.wait_for_exit().code(), Some(1), "{}", proxy.stderr());
            let said = proxy.stderr();
            for part in ["cannot listen on", &taken.to_string(), "choose another"] {
                assert!(said.contains(part), "{said}");
            }
        }
    }

    /// As in a container whose profile forbids it.
    #[test]
    fn one_where_io_uring_is_forbidden() {
        const IO_URING_SETUP: i64 = 425;
        const EPERM: u32 = 1;
        let forbidden = BTreeMap::from([(IO_URING_SETUP, Vec::new())]);
        let machine = std::env::consts::ARCH.try_into().expect("a machine that seccomp knows");
        let filter =
            SeccompFilter::new(forbidden, SeccompAction::Allow, SeccompAction::Errno(EPERM), machine);
        let program: BpfProgram = filter.and_then(TryInto::try_into).expect("a filter");
        let setup = Setup::to_address(unused_address());
        // A filter holds for the thread that asks for it, and for the processes it starts.
        let spawned = std::thread::spawn(move || {
            apply_filter(&program).expect("the filter in force");
            setup.spawn()
        });
        let mut proxy = spawned.join().expect("the spawning thread");
        assert_eq!(proxy.wait_for_exit().code(), Some(1), "{}", proxy.stderr());
        let said = proxy.stderr();
        for part in ["io_uring is not allowed", "kernel.io_uring_disabled", "seccomp"] {
            assert!(said.contains(part), "{said}");
        }
    }

    #[test]
    fn one_for_a_second_signal() {
        let gate = Gate::default();
        let server = named("a", &gate);
        let mut proxy = Setup::to(&server).start();
        let mut client = proxy.client();
        client.send("GET /slow HTTP/1.1\r\nHost: example.test\r\n\r\n");
        server.wait_for_mark("half");
        proxy.signal(Signal::SIGTERM);
        proxy.wait_for_stderr("draining");
        proxy.signal(Signal::SIGTERM);
        assert_eq!(proxy.wait_for_exit().code(), Some(1), "{}", proxy.stderr());
        gate.open();
    }
}

mod drain {
    use super::*;

    #[test]
    fn finishes_what_runs_and_takes_nothing_new() {
        let gate = Gate::default();
        let server = named("a", &gate);
        let mut proxy = Setup::to(&server).start();
        let (mut running, mut idle) = (proxy.client(), proxy.client());
        assert_eq!(idle.get("/").text(), "aa");
        running.send("GET /slow HTTP/1.1\r\nHost: example.test\r\n\r\n");
        server.wait_for_mark("half");
        assert_eq!(proxy.admin("/ready").status(), 200);
        proxy.signal(Signal::SIGTERM);
        eventually("the proxy not to be ready", || (proxy.admin("/ready").status() == 503).then_some(()));
        assert_eq!(proxy.admin("/ready").text(), "draining\n");
        assert_eq!(proxy.admin("/health").status(), 200);
        assert_eq!(proxy.status()["draining"], true);
        eventually("no listener", || TcpStream::connect(proxy.address).is_err().then_some(()));
        // An idle connection may still have a request on the way; it is the last.
        let last = idle.get("/last");
        assert_eq!((last.text().as_str(), last.fields.get("connection").as_deref()), ("aa", Some("close")));
        idle.expect_close();
        gate.open();
        assert_eq!(running.response().text(), "aa");
        running.expect_close();
        assert_eq!(proxy.wait_for_exit().code(), Some(0), "{}", proxy.stderr());
        assert_eq!(proxy.access_log().len(), 3);
    }

    #[test]
    fn closes_idle_connections() {
        let server = ScriptedServer::ok();
        let mut proxy = Setup::to(&server).start();
        let (mut silent, mut used) = (proxy.client(), proxy.client());
        used.get("/");
        proxy.signal(Signal::SIGTERM);
        silent.expect_close();
        used.expect_close();
        assert_eq!(proxy.wait_for_exit().code(), Some(0));
    }

    #[test]
    fn cuts_what_takes_too_long() {
        let gate = Gate::default();
        let server = named("a", &gate);
        let mut proxy = Setup::to(&server).with("[timeouts]\ndrain = \"300ms\"").start();
        let mut client = proxy.client();
        client.send("GET /slow HTTP/1.1\r\nHost: example.test\r\n\r\n");
        server.wait_for_mark("half");
        proxy.signal(Signal::SIGTERM);
        assert!(client.try_response().is_err(), "cut, not ended");
        assert_eq!(proxy.wait_for_exit().code(), Some(0), "{}", proxy.stderr());
        assert_eq!(proxy.access_log()[0]["reason"], "drained");
        gate.open();
    }
}

mod reload {
    use super::*;

    #[test]
    fn swaps_the_rules_for_new_requests_alone() {
        let gate = Gate::default();
        let (old, new) = (named("old", &gate), named("new", &gate));
        let proxy = Setup::to(&old).start();
        let (mut running, mut idle) = (proxy.client(), proxy.client());
        assert_eq!(idle.get("/").text(), "oldold");
        running.send("GET /slow HTTP/1.1\r\nHost: example.test\r\n\r\n");
        old.wait_for_mark("half");
        proxy.rewrite(|text| {
            text.replace(&old.address().to_string(), &new.address().to_string())
                .replace("path = \"/*\"", "path = \"/*\"\nresponse_headers = { \"x-rules\" = \"new\" }")
        });
        proxy.reload();
        let response = idle.get("/");
        assert_eq!(
            (response.text().as_str(), response.fields.get("x-rules").as_deref()),
            ("newnew", Some("new"))
        );
        assert_eq!(proxy.get("/").text(), "newnew");
        gate.open();
        let response = running.response();
        assert_eq!((response.text().as_str(), response.fields.has("x-rules")), ("oldold", false));
        assert_eq!(running.get("/").text(), "newnew");
        let status = proxy.status();
        assert_eq!((&status["generation"], &status["last_reload_failed"]), (&2.into(), &false.into()));
        let generations: HashSet<_> =
            proxy.wait_for_log(5).iter().map(|line| line["generation"].as_u64()).collect();
        assert_eq!(generations, HashSet::from([Some(1), Some(2)]));
    }

    #[test]
    fn keeps_the_old_rules_when_the_new_are_bad() {
        let server = ScriptedServer::ok();
        let proxy = Setup::to(&server).start();
        let good = std::fs::read_to_string(proxy.path("ringwall.toml")).expect("the configuration");
        for bad in [
            "rubbish".to_owned(),
            good.replace("access = \"open\"", ""),
            good.replace(&proxy.address.to_string(), &unused_address().to_string()),
        ] {
            let failures = proxy.stderr().matches("was not reloaded").count();
            proxy.rewrite(|_| bad.clone());
            proxy.signal(Signal::SIGHUP);
            eventually("the refusal", || {
                (proxy.stderr().matches("was not reloaded").count() > failures).then_some(())
            });
            eventually("the failed reload to be shown", || {
                (proxy.status()["last_reload_failed"] == true).then_some(())
            });
            assert_eq!(proxy.metric("ringwall_config_last_reload_successful", ""), 0.0);
            assert_eq!(proxy.metric("ringwall_config_generation", ""), 1.0);
            assert_eq!(proxy.get("/").text(), "ok", "{bad}");
        }
        proxy.rewrite(|_| good.clone());
        proxy.reload();
        assert_eq!(proxy.metric("ringwall_config_last_reload_successful", ""), 1.0);
        assert_eq!(proxy.get("/").text(), "ok");
    }

    /// Idle connections to servers that stay are not given up.
    #[test]
    fn keeps_connections_to_servers_that_stay() {
        let server = ScriptedServer::ok();
        let proxy = Setup::to(&server).start();
        assert_eq!(proxy.get("/").text(), "ok");
        proxy.reload();
        assert_eq!(proxy.get("/").text(), "ok");
        assert_eq!(server.seen().len(), 1);
    }

    #[test]
    fn opens_the_access_log_anew() {
        let server = ScriptedServer::ok();
        let proxy = Setup::to(&server).start();
        proxy.get("/first");
        proxy.wait_for_log(1);
        std::fs::rename(proxy.path("access.log"), proxy.path("access.log.1")).expect("a rotated log");
        proxy.reload();
        proxy.get("/second");
        let log = proxy.wait_for_log(1);
        assert_eq!((log.len(), &log[0]["path"]), (1, &"/second".into()));
    }
}

mod admin {
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
            response
                .fields
                .get("content-type")
                .is_some_and(|kind| kind.starts_with("text/plain; version=0.0.4"))
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
                assert!(
                    labels.is_empty() || labels.split("\",").all(|label| label.contains("=\"")),
                    "{line}"
                );
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
}

mod access_log {
    use super::*;

    #[test]
    fn lines_tell_each_request() {
        let server = ScriptedServer::ok();
        let proxy = Setup::beside(&server).route("path = \"/there/*\"").start();
        let mut client = proxy.client();
        client.send(
            "POST /there/a%20b?secret=1 HTTP/1.1\r\nHost: Example.test\r\nContent-Length: 5\r\n\r\nhello",
        );
        assert_eq!(client.response().status(), 200);
        client.get("/there/a?secret=2");
        client.get("/not?secret=3");
        client.send("BROKEN\r\n\r\n");
        client.response();
        let text = || std::fs::read_to_string(proxy.path("access.log")).unwrap_or_default();
        let log = proxy.wait_for_log(4);
        assert!(!text().contains("secret"), "a query in the log: {}", text());
        let check = |line: usize, member: &str, expected: Value| {
            assert_eq!(log[line][member], expected, "line {line} {member}: {}", log[line]);
        };
        check(0, "method", "POST".into());
        check(0, "host", "Example.test".into());
        check(0, "path", "/there/a%20b".into());
        check(0, "status", 200.into());
        check(0, "reason", "ok".into());
        check(0, "listener", "public".into());
        check(0, "route", "/there/*".into());
        check(0, "upstream", "origin".into());
        check(0, "server", server.address().to_string().into());
        check(0, "request_bytes", 5.into());
        check(0, "retries", 0.into());
        check(0, "generation", 1.into());
        check(0, "worker", 0.into());
        check(2, "status", 404.into());
        check(2, "reason", "no-route".into());
        check(2, "upstream", Value::Null);
        check(3, "status", 400.into());
        for (number, line) in log.iter().enumerate() {
            let client: SocketAddr = line["client"].as_str().expect("a client").parse().expect("an address");
            assert!(client.ip().is_loopback(), "{line}");
            let time = line["time"].as_str().expect("a time");
            assert!(time.len() == "2026-01-01T00:00:00.000000Z".len() && time.ends_with('Z'), "{line}");
            assert!(line["duration_us"].as_u64().is_some_and(|micros| micros < 60_000_000), "{line}");
            assert!(line["response_bytes"].as_u64().is_some_and(|bytes| bytes > 50), "{line}");
            let connected = line["connect_us"].is_u64();
            assert_eq!(connected, number == 0, "{line}");
        }
        let traces: HashSet<_> = log[..2].iter().map(|line| line["trace_id"].as_str()).collect();
        assert_eq!(traces.len(), 2);
        for (request, line) in server.requests().iter().zip(&log) {
            let sent = request.fields.get("traceparent").expect("a traceparent");
            assert_eq!(line["trace_id"], sent[3..35], "{line}");
        }
    }

    #[test]
    fn lines_of_requests_sent_ahead_are_each_their_own() {
        let server = ScriptedServer::ok();
        let proxy = Setup::to(&server).start();
        let mut client = proxy.client();
        let paths: Vec<_> = (0..20).map(|number| format!("/{}", "x".repeat(number * 7))).collect();
        let ahead: String =
            paths.iter().map(|path| format!("GET {path} HTTP/1.1\r\nHost: example.test\r\n\r\n")).collect();
        client.send(ahead);
        for _ in &paths {
            assert_eq!(client.response().text(), "ok");
        }
        let logged: Vec<_> =
            proxy.wait_for_log(paths.len()).into_iter().map(|mut line| line["path"].take()).collect();
        assert_eq!(logged, paths);
    }

    /// Whatever a client sends, a line stays a line.
    #[test]
    fn lines_cannot_be_forged() {
        let server = ScriptedServer::ok();
        let proxy = Setup::to(&server).start();
        let mut client = proxy.client();
        client.send("GET /\"},{\"status\":500} HTTP/1.1\r\nHost: example.test\r\n\r\n");
        client.response();
        let log = proxy.wait_for_log(1);
        assert_eq!(log[0]["path"], "/\"},{\"status\":500}");
        assert_ne!(log[0]["status"], 500);
    }
}

#[test]
fn two_workers_share_the_connections() {
    let cpus = allowed_cpus();
    let both = [cpus[0], cpus[cpus.len() - 1]];
    let server = ScriptedServer::ok();
    let proxy = Setup::to(&server).cpus(&format!("{},{}", both[0], both[1])).start();
    let clients: Vec<_> = (0..64)
        .map(|_| {
            let mut client = proxy.client();
            assert_eq!(client.get("/").text(), "ok");
            client
        })
        .collect();
    let status = proxy.status();
    let workers = status["workers"].as_array().expect("workers");
    assert_eq!(workers.len(), 2);
    for (worker, cpu) in workers.iter().zip(both) {
        assert_eq!(worker["cpu"], cpu);
        assert!(worker["counters"]["connections_open"].as_u64().is_some_and(|open| open > 0), "{status}");
    }
    assert_eq!(proxy.metric("ringwall_connections_open", ""), clients.len() as f64);
}

#[test]
fn connections_beyond_the_limit_are_closed() {
    let server = ScriptedServer::ok();
    let proxy = Setup::to(&server).with("[limits]\nconnections = 2").start();
    let (mut first, mut second) = (proxy.client(), proxy.client());
    assert_eq!(first.get("/").text(), "ok");
    assert_eq!(second.get("/").text(), "ok");
    let mut third = proxy.client();
    let (rest, _) = third.rest();
    assert_eq!(rest, b"");
    assert_eq!(first.get("/").text(), "ok");
    drop(second);
    eventually("a free place", || {
        let mut client = proxy.client();
        client.send_if_open("GET / HTTP/1.1\r\nHost: example.test\r\n\r\n");
        client.try_response().is_ok().then_some(())
    });
}

mod soak {
    use super::*;

    const REQUESTS: usize = 2_000;
    const SEED: u64 = 4_711;
    const GROWTH: usize = 3_000_000;

    const VALID: [&str; 8] = [
        "GET / HTTP/1.1\r\nHost: example.test\r\n\r\n",
        "GET /a/b?c=d HTTP/1.1\r\nHost: example.test\r\nAccept: */*\r\nConnection: close\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: example.test\r\nContent-Length: 5\r\n\r\nhello",
        "POST / HTTP/1.1\r\nHost: example.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-A: b\r\n\r\n",
        "HEAD http://example.test/x HTTP/1.1\r\nHost: example.test\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: example.test\r\nMax-Forwards: 3\r\n\r\n",
        "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        "GET /ws HTTP/1.1\r\nHost: example.test\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    ];
    const PIECES: [&[u8]; 16] = [
        b"\r",
        b"\n",
        b"\r\n",
        b"\0",
        b" ",
        b"\t",
        b":",
        b";",
        b",",
        b"0",
        b"ffffffff",
        b"Content-Length: 3\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"\xff",
        b"%2e",
        b"Host: x\r\n",
    ];

    fn mutated(random: &mut Random) -> Vec<u8> {
        let mut bytes: Vec<u8> = (0..1 + random.below(3)).flat_map(|_| random.pick(&VALID).bytes()).collect();
        for _ in 0..random.below(4) {
            let place = random.below(bytes.len());
            match random.below(5) {
                0 => bytes[place] = random.next() as u8,
                1 => {
                    bytes.remove(place);
                }
                2 => drop(bytes.splice(place..place, random.pick(&PIECES).iter().copied())),
                3 => bytes.truncate(place + 1),
                _ => {
                    let end = (place + random.below(20)).min(bytes.len());
                    let copy = bytes[place..end].to_vec();
                    drop(bytes.splice(place..place, copy));
                }
            }
        }
        bytes
    }

    /// Everything forwarded of it must be a request by the strict reader of the server, which fails the test otherwise.
    fn send_many(proxy: &Proxy, random: &mut Random, count: usize) {
        for _ in 0..count {
            let mut client = proxy.client();
            let bytes = mutated(random);
            for piece in bytes.chunks(1 + random.below(60)) {
                client.send_if_open(piece);
            }
            client.end_sending();
            client.rest();
        }
    }

    #[test]
    fn mutated_requests_leave_the_proxy_as_it_was() {
        let server = ScriptedServer::start(|connection| {
            while let Some(request) = connection.request() {
                let head = request.start_line.starts_with("HEAD ");
                connection.send(if head { "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" } else { OK });
            }
        });
        let mut proxy =
            Setup::to(&server).with("[timeouts]\nheader = \"1s\"\nbody = \"1s\"\nresponse = \"1s\"").start();
        let mut random = Random(SEED);
        send_many(&proxy, &mut random, REQUESTS / 4);
        let before = proxy.resident_bytes();
        send_many(&proxy, &mut random, REQUESTS - REQUESTS / 4);
        assert!(proxy.is_alive(), "the proxy ended: {}", proxy.stderr());
        let after = proxy.resident_bytes();
        assert!(after < before + GROWTH, "memory grew from {before} to {after}");
        assert_eq!(proxy.metric("ringwall_panics_total", ""), 0.0, "{}", proxy.stderr());
        assert_eq!(proxy.get("/after").text(), "ok");
        eventually("no connection", || (proxy.metric("ringwall_connections_open", "") == 0.0).then_some(()));
    }

    /// Connections that come and go without a word, and with half a word.
    #[test]
    fn silent_connections_leave_nothing() {
        let server = ScriptedServer::ok();
        let proxy = Setup::to(&server).start();
        for number in 0..300 {
            let mut client = proxy.client();
            match number % 3 {
                0 => drop(client),
                1 => client.reset(),
                _ => {
                    client.send("GET / HT");
                    client.end_sending();
                    assert_eq!(client.rest().1, End::Closed);
                }
            }
        }
        eventually("no connection", || (proxy.metric("ringwall_connections_open", "") == 0.0).then_some(()));
        assert_eq!(server.seen().len(), 0);
        let mut client = proxy.client();
        assert!(client.is_quiet_for(Duration::from_millis(20)));
        assert_eq!(client.get("/").text(), "ok");
    }
}
