use std::path::{Path, PathBuf};
use std::time::Duration;

use super::fetch::{FetchCause, FetchFault};
use super::*;
use crate::control::fixture;
use crate::limits::{
    IDENTITY_LOOK, KEY_FETCH_GIVEN_UP, KEYS_ASKED_INTERVAL, KEYS_LIFETIME, KEYS_RETRY_FIRST,
};
use crate::policy::ruleset::UpstreamId;
use crate::policy::service::ServiceId;
use crate::policy::token_rules::{IssuerKind, KeySource};
use crate::protocol::token::claim_set::TimeUnit;
use crate::protocol::token::introspection::IntrospectionRules;

const ED25519: &str = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
const START: u64 = 1_000_000_000_000;

/// So long after the start.
fn at(time: Duration) -> Moment {
    let monotonic = Monotonic(START).after(time);
    Moment { monotonic, unix: UnixMicros(monotonic.0 / 1000) }
}

/// Rules with issuers of these names, each with its keys at a service on the upstream of that number.
fn rules(generation: u64, issuers: &[(&str, u16)]) -> Ruleset {
    let mut rules = fixture::ruleset();
    rules.generation = generation;
    rules.upstreams = ["192.0.2.1", "192.0.2.2"].map(|host| fixture::upstream(host, &[host])).into();
    for (position, (name, upstream)) in (0..).zip(issuers) {
        rules.services.push(fixture::service(&format!("[issuer.{name}]"), UpstreamId(*upstream), "/jwks"));
        rules.issuers.push(fixture::issuer(name, KeySource::Service(ServiceId(position))));
    }
    rules
}

fn adopt(refresher: &mut KeyRefresher, rules: &Ruleset, now: Moment) {
    refresher.adopt(rules, KeyFiles::read(rules).unwrap(), now);
}

/// One that takes care of issuers of these names, at the start.
fn refresher(issuers: &[&str]) -> KeyRefresher {
    let mut new = KeyRefresher::new(Arc::default(), 7);
    let issuers: Vec<_> = issuers.iter().map(|name| (*name, 0)).collect();
    adopt(&mut new, &rules(1, &issuers), at(Duration::ZERO));
    new
}

fn good(ticket: u64) -> Fetched {
    Fetched { ticket, outcome: Ok(ReadKeys::parse(ED25519.as_bytes(), None).unwrap()) }
}

fn bad(ticket: u64) -> Fetched {
    let fault = FetchFault { place: "192.0.2.1:8080".into(), cause: FetchCause::Status(500) };
    Fetched { ticket, outcome: Err(fault) }
}

/// Begins the only fetch that is due.
#[track_caller]
fn begin(refresher: &mut KeyRefresher, now: Moment) -> u64 {
    match refresher.begin_due(now.monotonic).as_slice() {
        [due] => due.ticket,
        other => panic!("{other:?}"),
    }
}

/// Has all keys fetched that are due.
fn fetch_all(refresher: &mut KeyRefresher, now: Moment) {
    for due in refresher.begin_due(now.monotonic) {
        assert!(refresher.note_fetched(good(due.ticket), now));
    }
}

fn has_keys(refresher: &KeyRefresher, generation: u64, issuer: u16) -> bool {
    refresher.keys().of(generation, IssuerId(issuer)).is_some()
}

fn next_turn(refresher: &KeyRefresher) -> Option<Duration> {
    refresher.next_turn().map(|turn| turn.since(Monotonic(START)))
}

#[test]
fn keys_are_fetched_at_once_and_again_before_they_are_too_old() {
    let mut refresher = refresher(&["main"]);
    let start = at(Duration::ZERO);
    assert_eq!(next_turn(&refresher), Some(Duration::ZERO));
    assert!(!has_keys(&refresher, 1, 0));
    let ticket = begin(&mut refresher, start);
    assert_eq!(refresher.begin_due(start.monotonic), [], "one is under way");
    assert!(refresher.note_fetched(good(ticket), at(Duration::from_secs(2))));
    assert!(has_keys(&refresher, 1, 0));
    let next = next_turn(&refresher).unwrap();
    assert!(next >= KEYS_LIFETIME * 3 / 4 - Duration::from_millis(1) && next < KEYS_LIFETIME, "{next:?}");
    assert_eq!(refresher.begin_due(at(next - Duration::from_nanos(1)).monotonic), []);
    begin(&mut refresher, at(next));
}

#[test]
fn the_last_good_keys_stay_while_the_server_is_down() {
    let mut refresher = refresher(&["main"]);
    let ticket = begin(&mut refresher, at(Duration::ZERO));
    assert!(refresher.note_fetched(bad(ticket), at(Duration::ZERO)), "who waits is told");
    assert!(!has_keys(&refresher, 1, 0));
    let retry = next_turn(&refresher).unwrap();
    assert!(retry > Duration::ZERO && retry <= KEYS_RETRY_FIRST, "{retry:?}");
    fetch_all(&mut refresher, at(retry));
    let fetched_at = Some(at(retry).unix);
    for failures in 2..9 {
        let now = at(next_turn(&refresher).unwrap());
        let ticket = begin(&mut refresher, now);
        refresher.note_fetched(bad(ticket), now);
        assert!(has_keys(&refresher, 1, 0));
        let failure = Some("192.0.2.1:8080: status 500".to_owned());
        let expected = IssuerStatus { name: "main".into(), keys: 1, fetched_at, failures, failure };
        assert_eq!(*refresher.status(), [expected]);
    }
    let now = at(next_turn(&refresher).unwrap());
    fetch_all(&mut refresher, now);
    let status = &refresher.status()[0];
    assert_eq!((status.failures, &status.failure, status.fetched_at), (8, &None, Some(now.unix)));
}

#[test]
fn an_unknown_key_has_them_fetched_once_at_a_limited_rate() {
    let mut refresher = refresher(&["first", "main"]);
    let requests = Arc::clone(&refresher.requests);
    let main = IssuerId(1);
    fetch_all(&mut refresher, at(Duration::ZERO));
    // The first who asks is not put off; the next is, for a while.
    let asked = Duration::from_secs(1);
    assert!(refresher.keys().may_be_renewed(1, main, at(asked).monotonic));
    requests.ask(main);
    refresher.note_asked(at(asked).monotonic);
    let due = refresher.begin_due(at(asked).monotonic);
    assert!(refresher.note_fetched(good(due[0].ticket), at(asked)));
    let keys = refresher.keys();
    let early = at(Duration::from_secs(3)).monotonic;
    let rested = at(asked + KEYS_ASKED_INTERVAL);
    assert!(!keys.may_be_renewed(1, main, early) && keys.may_be_renewed(1, main, rested.monotonic));
    for _ in 0..3 {
        requests.ask(main);
        refresher.note_asked(early);
    }
    assert_eq!(next_turn(&refresher), Some(asked + KEYS_ASKED_INTERVAL));
    assert_eq!(refresher.begin_due(early), []);
    let due = refresher.begin_due(rested.monotonic);
    assert_eq!(due.iter().map(|due| due.issuer).collect::<Vec<_>>(), [main]);
    requests.ask(main);
    refresher.note_asked(rested.monotonic);
    assert_eq!(requests.wanted().collect::<Vec<_>>(), [main], "what is under way will tell");
    assert!(refresher.note_fetched(good(due[0].ticket), rested));
    assert_eq!(requests.wanted().count(), 0);
    assert!(next_turn(&refresher).unwrap() > KEYS_ASKED_INTERVAL * 2);
    assert!(!refresher.keys().may_be_renewed(1, main, rested.monotonic));
}

#[test]
fn a_reload_keeps_keys_that_are_as_good() {
    let mut refresher = refresher(&["main", "other"]);
    fetch_all(&mut refresher, at(Duration::ZERO));
    let now = at(Duration::from_secs(1));
    adopt(&mut refresher, &rules(2, &[("main", 0), ("other", 0)]), now);
    let keys = refresher.keys();
    assert_eq!(keys.generations, 1..=2, "positions mean what they meant");
    assert!(keys.sets.iter().all(Option::is_some) && refresher.begin_due(now.monotonic).is_empty());
    refresher.requests.ask(IssuerId(0));
    adopt(&mut refresher, &rules(3, &[("fresh", 0), ("main", 0), ("other", 1)]), now);
    let keys = refresher.keys();
    assert_eq!(keys.generations, 3..=3, "no position means what it meant");
    let known: Vec<bool> = keys.sets.iter().map(Option::is_some).collect();
    assert_eq!(known, [false, true, false], "those of another server are not the same");
    assert_eq!(refresher.requests.wanted().count(), 0);
    let due: Vec<u16> = refresher.begin_due(now.monotonic).iter().map(|due| due.issuer.0).collect();
    assert_eq!(due, [0, 2]);
}

#[test]
fn a_fetch_under_way_outlives_a_reload_with_its_issuer() {
    let mut refresher = refresher(&["gone", "main"]);
    let now = at(Duration::ZERO);
    let tickets: Vec<u64> = refresher.begin_due(now.monotonic).iter().map(|due| due.ticket).collect();
    adopt(&mut refresher, &rules(2, &[("main", 0)]), now);
    assert_eq!(refresher.begin_due(now.monotonic), []);
    assert!(!refresher.note_fetched(good(tickets[0]), now), "nobody wants these any more");
    assert!(!has_keys(&refresher, 2, 0));
    assert!(refresher.note_fetched(good(tickets[1]), now));
    assert!(has_keys(&refresher, 2, 0) && !has_keys(&refresher, 1, 1));
    assert!(!refresher.note_fetched(good(tickets[1]), now), "an outcome is taken once");
}

#[test]
fn a_fetch_that_says_nothing_is_taken_for_failed() {
    let mut refresher = refresher(&["main"]);
    let ticket = begin(&mut refresher, at(Duration::ZERO));
    assert_eq!(next_turn(&refresher), Some(KEY_FETCH_GIVEN_UP));
    assert!(!refresher.give_up_late(at(KEY_FETCH_GIVEN_UP - Duration::from_nanos(1))));
    assert!(refresher.give_up_late(at(KEY_FETCH_GIVEN_UP)));
    assert!(!refresher.give_up_late(at(KEY_FETCH_GIVEN_UP)));
    assert_eq!(refresher.status()[0].failures, 1);
    assert!(!refresher.note_fetched(good(ticket), at(KEY_FETCH_GIVEN_UP)), "it comes too late");
    assert!(next_turn(&refresher).unwrap() > KEY_FETCH_GIVEN_UP);
}

#[test]
fn no_more_fetches_are_under_way_than_may_be() {
    let names: Vec<String> = (0..KEY_FETCHES + 3).map(|number| format!("issuer-{number}")).collect();
    let mut refresher = refresher(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let now = at(Duration::ZERO);
    let due = refresher.begin_due(now.monotonic);
    assert_eq!(due.len(), KEY_FETCHES);
    assert_eq!(refresher.begin_due(now.monotonic), []);
    assert_eq!(next_turn(&refresher), Some(KEY_FETCH_GIVEN_UP), "nothing to do before one is back");
    refresher.note_fetched(bad(due[0].ticket), now);
    refresher.note_fetched(good(due[1].ticket), now);
    assert_eq!(next_turn(&refresher), Some(Duration::ZERO));
    let next: Vec<u16> = refresher.begin_due(now.monotonic).iter().map(|due| due.issuer.0).collect();
    assert_eq!(next, [KEY_FETCHES as u16, KEY_FETCHES as u16 + 1]);
}

#[test]
fn issuers_without_keys_here_have_a_position_all_the_same() {
    let mut rules = rules(1, &[("asked", 0), ("main", 0)]);
    rules.issuers[0].kind = IssuerKind::Introspection {
        service: ServiceId(0),
        rules: IntrospectionRules {
            index: 0,
            issuer: None,
            audience: Vec::new(),
            unit: TimeUnit::Seconds,
            skew: 10,
            is_fapi: false,
        },
    };
    let mut refresher = KeyRefresher::new(Arc::default(), 7);
    adopt(&mut refresher, &rules, at(Duration::ZERO));
    assert_eq!(begin(&mut refresher, at(Duration::ZERO)), 1);
    refresher.note_fetched(good(1), at(Duration::ZERO));
    let keys = refresher.keys();
    assert!(keys.of(1, IssuerId(0)).is_none() && keys.of(1, IssuerId(1)).is_some());
    assert!(!keys.may_be_renewed(1, IssuerId(0), Monotonic(u64::MAX - 1)));
    assert_eq!(refresher.status().iter().map(|status| status.name.as_str()).collect::<Vec<_>>(), ["main"]);
}

/// Rules with one issuer, whose keys are in this file.
fn file_rules(path: &Path) -> Ruleset {
    let mut rules = rules(1, &[]);
    rules.issuers.push(fixture::issuer("main", KeySource::File(path.into())));
    rules
}

fn write(path: &Path, text: &str) {
    let new = PathBuf::from(format!("{}.new", path.display()));
    std::fs::write(&new, text).unwrap();
    std::fs::rename(new, path).unwrap();
}

#[test]
fn keys_in_files_are_read_when_they_change() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jwks.json");
    let two = format!(r#"{{"keys":[{ED25519},{{"kid":"b",{}]}}"#, &ED25519[1..]);
    write(&path, ED25519);
    let mut refresher = KeyRefresher::new(Arc::default(), 7);
    adopt(&mut refresher, &file_rules(&path), at(Duration::ZERO));
    let keys = |refresher: &KeyRefresher| refresher.status()[0].keys;
    let look = |refresher: &mut KeyRefresher, looks: u32| refresher.look_at_files(at(IDENTITY_LOOK * looks));
    assert_eq!((keys(&refresher), refresher.begin_due(Monotonic::NEVER)), (1, Vec::new()));
    assert!(!look(&mut refresher, 0));
    write(&path, &two);
    assert!(look(&mut refresher, 1));
    assert_eq!(keys(&refresher), 2);
    for (broken, looks) in [("{}", 2), ("", 3), ("<html>", 4)] {
        write(&path, broken);
        assert!(look(&mut refresher, looks));
        let status = &refresher.status()[0];
        assert_eq!((status.keys, status.failures), (2, u64::from(looks) - 1), "{broken}");
        assert!(status.failure.as_ref().is_some_and(|failure| failure.contains("jwks.json")));
    }
    write(&path, ED25519);
    assert!(look(&mut refresher, 5));
    assert_eq!((keys(&refresher), &refresher.status()[0].failure), (1, &None));
    // Nobody wakes anybody for a file, however often it is asked for.
    refresher.requests.ask(IssuerId(0));
    refresher.note_asked(at(IDENTITY_LOOK * 5).monotonic);
    assert_eq!(refresher.requests.wanted().count(), 1);
    assert!(!refresher.keys().may_be_renewed(1, IssuerId(0), Monotonic(u64::MAX - 1)));
}

#[test]
fn a_file_without_keys_is_a_fault_of_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jwks.json");
    let faults = |text: Option<&str>| {
        text.into_iter().for_each(|text| write(&path, text));
        KeyFiles::read(&file_rules(&path)).unwrap_err().concat()
    };
    for (text, word) in [
        (None, "No such file"),
        (Some("x"), "no JSON Web Key Set"),
        (Some(&" ".repeat(crate::limits::KEY_SET_BYTES + 1)), "longer than"),
    ] {
        let found = faults(text);
        assert!(found.starts_with("issuer main: ") && found.contains(word), "{found}");
    }
}

#[test]
fn every_key_that_is_skipped_has_a_line() {
    let text = format!(
        r#"{{"keys":[{{"kty":"oct","kid":"a"}},{ED25519},7,{{"kty":"RSA","kid":"b\nc","n":"AQ","e":"AQAB"}}]}}"#
    );
    let (set, complaints) = KeySet::parse(text.as_bytes()).unwrap();
    assert_eq!(set.len(), 1);
    assert_eq!(
        lines("main", &complaints),
        [
            "issuer main: key 1 (a) of its set is skipped: it is not RSA, EC (P-256, P-384) or OKP (Ed25519)",
            "issuer main: key 3 of its set is skipped: a member is missing or malformed",
            "issuer main: key 4 of its set is skipped: its modulus has fewer than 2048 or more than 8192 bits, or a \
             number in it is not odd",
        ]
    );
}

#[test]
fn an_issuer_was_tried_when_its_keys_came_or_could_not() {
    let mut refresher = refresher(&["a", "b"]);
    assert!(!refresher.were_all_tried());
    let due = refresher.begin_due(at(Duration::ZERO).monotonic);
    assert!(!refresher.were_all_tried());
    refresher.note_fetched(good(due[0].ticket), at(Duration::ZERO));
    assert!(!refresher.were_all_tried());
    refresher.note_fetched(bad(due[1].ticket), at(Duration::ZERO));
    assert!(refresher.were_all_tried());
    assert!(KeyRefresher::new(Arc::default(), 7).were_all_tried(), "nobody to ask");
}
