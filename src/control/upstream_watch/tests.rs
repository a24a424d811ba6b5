use std::io;

use super::*;
use crate::control::fixture;
use crate::control::health_prober::ProbeFault;

/// Rules with one upstream `orders` of these hosts.
fn rules(generation: u64, hosts: &[&str], checked: bool) -> Arc<Ruleset> {
    let mut rules = fixture::ruleset();
    rules.generation = generation;
    rules.upstreams = vec![fixture::upstream("orders", hosts)];
    rules.upstreams[0].health = checked.then(fixture::health_check);
    Arc::new(rules)
}

fn address(last: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, last], 8080))
}

fn resolved(host: &str, addresses: &[SocketAddr]) -> Resolved {
    let outcome = match addresses {
        [] => Err(io::Error::other("no such name")),
        _ => Ok(addresses.to_vec()),
    };
    Resolved { name: ServerName { host: host.into(), port: 8080 }, outcome }
}

fn probed(generation: u64, server: usize, good: bool) -> Probed {
    let outcome = if good { Ok(()) } else { Err(ProbeFault::Status(500)) };
    Probed { generation, upstream: 0, server, outcome }
}

fn changes_view(change: &Change) -> bool {
    matches!(change, Change::View { .. })
}

fn addresses(watch: &UpstreamWatch, server: usize) -> Vec<SocketAddr> {
    watch.view().upstreams[0][server].addresses.clone()
}

#[test]
fn literals_need_no_lookup() {
    let watch = UpstreamWatch::new(rules(1, &["192.0.2.1", "::1"], false), None);
    assert!(watch.is_settled() && watch.names().is_empty() && watch.unresolved().is_empty());
    assert_eq!(addresses(&watch, 0), [address(1)]);
    assert_eq!(addresses(&watch, 1), ["[::1]:8080".parse().unwrap()]);
}

#[test]
fn the_last_good_addresses_outlive_a_failed_lookup() {
    let mut watch = UpstreamWatch::new(rules(1, &["a.example"], false), None);
    assert!(!watch.is_settled());
    assert_eq!(watch.unresolved(), BTreeSet::from(["a.example"]));
    assert!(changes_view(&watch.note_resolved(&resolved("a.example", &[address(1)]))));
    assert!(watch.is_settled());
    assert_eq!(watch.note_resolved(&resolved("a.example", &[address(1)])), Change::None);
    assert!(matches!(watch.note_resolved(&resolved("a.example", &[])), Change::Notice(_)));
    assert_eq!(watch.note_resolved(&resolved("a.example", &[])), Change::None);
    assert_eq!(addresses(&watch, 0), [address(1)]);
    assert!(changes_view(&watch.note_resolved(&resolved("a.example", &[address(2)]))));
    assert_eq!(addresses(&watch, 0), [address(2)]);
}

#[test]
fn a_name_that_never_resolved_is_settled_without_addresses() {
    let mut watch = UpstreamWatch::new(rules(1, &["a.example", "b.example"], false), None);
    assert!(matches!(watch.note_resolved(&resolved("a.example", &[])), Change::Notice(_)));
    assert!(!watch.is_settled());
    watch.note_resolved(&resolved("b.example", &[address(9)]));
    assert!(watch.is_settled());
    assert_eq!(watch.unresolved(), BTreeSet::from(["a.example"]));
    assert_eq!(watch.note_resolved(&resolved("c.example", &[address(1)])), Change::None);
}

#[test]
fn checks_take_a_server_out_and_bring_it_back() {
    let mut watch = UpstreamWatch::new(rules(1, &["192.0.2.1", "192.0.2.2"], true), None);
    assert_eq!(watch.probes(&Identities::default()).len(), 2);
    assert_eq!(watch.note_probed(probed(1, 1, false)), Change::None);
    assert_eq!(watch.failure(0, 1), Some("status 500"));
    let message = "upstream orders: server 192.0.2.2:8080 is down: status 500".to_owned();
    assert_eq!(watch.note_probed(probed(1, 1, false)), Change::View { message, worse: true });
    assert_eq!(watch.view().upstreams[0][1].probe, Probe::Down);
    assert_eq!(watch.view().upstreams[0][0].probe, Probe::Unknown);
    let message = "upstream orders: server 192.0.2.2:8080 is up".to_owned();
    assert_eq!(watch.note_probed(probed(1, 1, true)), Change::View { message, worse: false });
    assert_eq!(watch.failure(0, 1), None);
}

#[test]
fn results_for_other_rules_or_places_are_ignored() {
    let mut watch = UpstreamWatch::new(rules(2, &["192.0.2.1"], true), None);
    for result in [probed(1, 0, false), probed(2, 5, false), Probed { upstream: 7, ..probed(2, 0, false) }] {
        assert_eq!(watch.note_probed(result), Change::None);
    }
    assert_eq!(watch.failure(0, 0), None);
    let mut unchecked = UpstreamWatch::new(rules(1, &["192.0.2.1"], false), None);
    assert!(unchecked.probes(&Identities::default()).is_empty());
    assert_eq!(unchecked.note_probed(probed(1, 0, false)), Change::None);
}

#[test]
fn a_server_that_stays_keeps_what_is_known_of_it() {
    let mut old = UpstreamWatch::new(rules(1, &["a.example", "b.example"], true), None);
    old.note_resolved(&resolved("b.example", &[address(2)]));
    old.note_probed(probed(1, 1, false));
    old.note_probed(probed(1, 1, false));
    let new = UpstreamWatch::new(rules(2, &["b.example", "c.example"], true), Some(&old));
    let view = new.view();
    assert_eq!(view.upstreams[0][0], ServerView { addresses: vec![address(2)], probe: Probe::Down });
    assert_eq!(view.upstreams[0][1], ServerView::default());
    assert_eq!(new.failure(0, 0), Some("status 500"));
    assert!(!new.is_settled(), "c.example was not looked up yet");
}

#[test]
fn a_verdict_does_not_outlive_its_check() {
    let mut old = UpstreamWatch::new(rules(1, &["192.0.2.1"], true), None);
    old.note_probed(probed(1, 0, false));
    old.note_probed(probed(1, 0, false));
    let new = UpstreamWatch::new(rules(2, &["192.0.2.1"], false), Some(&old));
    assert_eq!(new.view().upstreams[0][0].probe, Probe::Unknown);
}

#[test]
fn a_check_asks_the_addresses_of_the_moment() {
    let mut watch = UpstreamWatch::new(rules(1, &["a.example"], true), None);
    let (_, target) = watch.probes(&Identities::default()).remove(0);
    assert_eq!(target.authority, "a.example:8080");
    watch.note_resolved(&resolved("a.example", &[address(4)]));
    assert_eq!(*target.addresses.read(), [address(4)]);
}

#[test]
fn sockets_are_there_without_a_lookup_and_are_not_taken_for_localhost() {
    let mut rules = fixture::ruleset();
    let mut upstream = fixture::upstream("orders", &["localhost", "localhost"]);
    upstream.servers[0].socket = Some("/run/a.sock".into());
    upstream.health = Some(fixture::health_check());
    rules.upstreams = vec![upstream];
    let mut watch = UpstreamWatch::new(Arc::new(rules), None);
    assert_eq!(watch.names(), BTreeSet::from([ServerName { host: "localhost".into(), port: 8080 }]));
    assert_eq!(watch.unresolved(), BTreeSet::from(["localhost"]));
    assert!(changes_view(&watch.note_resolved(&resolved("localhost", &[address(1)]))));
    assert_eq!((addresses(&watch, 0), addresses(&watch, 1)), (vec![UNIX_PEER], vec![address(1)]));
    let sockets: Vec<_> =
        watch.probes(&Identities::default()).into_iter().map(|(_, target)| target.socket).collect();
    assert_eq!(sockets, [Some("/run/a.sock".into()), None]);
    let down = (0..2).map(|_| watch.note_probed(probed(1, 0, false))).last();
    let Some(Change::View { message, .. }) = down else { panic!("{down:?}") };
    assert_eq!(message, "upstream orders: server unix:/run/a.sock is down: status 500");
}
