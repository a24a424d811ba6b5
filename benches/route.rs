//! What choosing a route costs in tables of 1, 20 and 500 routes, and choosing a server in groups of 2 and 64.
//!
//! `cargo bench --bench route`

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use ringwall::policy::access_rule::AccessRule;
use ringwall::policy::path_rules::{HostPattern, PathPattern};
use ringwall::policy::route_table::{Found, Route, RouteQuery, RouteTable, RouteTarget};
use ringwall::policy::ruleset::{Balance, HashKey, ListenerId, Server, Upstream, UpstreamId};
use ringwall::policy::upstream_choice::{Chooser, hash_key};

fn route(host: &str, path: &str) -> Route {
    let path = PathPattern::parse(path).expect("a path pattern");
    Route {
        hosts: vec![HostPattern::parse(host).expect("a host pattern")],
        methods: vec!["GET".to_owned(), "POST".to_owned()],
        ..Route::new(path, RouteTarget::Upstream(UpstreamId(0)), AccessRule::OPEN)
    }
}

/// Prefixes below one another on two hosts, as a gateway in front of many services has them.
fn table(size: usize) -> RouteTable {
    let route = |at| route(["api.example.com", "*.example.org"][at % 2], &format!("/api/v1/service-{at}/*"));
    RouteTable::new((0..size).map(route).collect())
}

fn find(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("find");
    let mut scratch = Vec::new();
    for size in [1, 20, 500] {
        let table = table(size);
        let last = size - 1;
        let host = ["api.example.com", "shop.example.org"][last % 2].as_bytes();
        let plain = format!("/api/v1/service-{last}/orders/12345");
        let encoded = format!("/api/v1/service-{last}/orders/%31%3A5");
        for (name, path, found) in [
            ("plain", plain.as_str(), Found::Route(last as u16)),
            ("encoded", encoded.as_str(), Found::Route(last as u16)),
            ("absent", "/api/v1/absent/orders/12345", Found::NotFound),
        ] {
            let client = IpAddr::V4(Ipv4Addr::LOCALHOST);
            let path = path.as_bytes();
            let query = RouteQuery { listener: ListenerId(0), host, path, method: b"GET", client };
            assert_eq!(table.find(&query, &mut scratch), found);
            group.bench_function(BenchmarkId::new(name, size), |bencher| {
                bencher.iter(|| table.find(black_box(&query), &mut scratch));
            });
        }
    }
    group.finish();
}

fn choose(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("choose");
    for (name, balance) in [
        ("round-robin", Balance::RoundRobin),
        ("least-requests", Balance::LeastRequests),
        ("hash", Balance::Hash(HashKey::Source)),
    ] {
        for size in [2, 64, 1000] {
            let servers = (0..size).map(|at| Server::new(format!("s{at}"), 80)).collect();
            let upstream = Upstream { balance: balance.clone(), ..Upstream::new("", servers) };
            let mut chooser = Chooser::new(&[upstream], 0);
            let mut key = 0_u64;
            group.bench_function(BenchmarkId::new(name, size), |bencher| {
                bencher.iter(|| {
                    key += 1;
                    chooser.choose(UpstreamId(0), |_| true, hash_key(&key.to_le_bytes()), None)
                });
            });
        }
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().measurement_time(Duration::from_secs(1)).warm_up_time(Duration::from_millis(300));
    targets = find, choose
}
criterion_main!(benches);
