use super::*;
use crate::limits;

const SHOP: Application<'_> = Application { id: "shop", platform: "ios", version: "2.4.1" };

fn rule(id: &str, platform: Option<&str>, version: &str, encryption: Encryption) -> ApplicationRule {
    let version = VersionPattern::parse(version).unwrap();
    ApplicationRule { id: id.to_owned(), platform: platform.map(str::to_owned), version, encryption }
}

fn rules(applications: Vec<ApplicationRule>) -> PayloadRules {
    PayloadRules { applications: ApplicationRules::new(applications), ..PayloadRules::default() }
}

fn with_service(applications: Vec<ApplicationRule>) -> PayloadRules {
    let service = PolicyService {
        service: ServiceId(0),
        cache_time: limits::POLICY_CACHE_TIME,
        cache_entries: limits::POLICY_CACHE_ENTRIES,
    };
    PayloadRules { service: Some(service), ..rules(applications) }
}

#[test]
fn a_version_pattern_is_a_version_or_all_that_begin_alike() {
    let check = |pattern: &str, version: &str, expected: bool| {
        let pattern = VersionPattern::parse(pattern).unwrap();
        assert_eq!(pattern.matches(version), expected, "{pattern:?} {version}");
    };
    check("2.*", "2.0", true);
    check("2.*", "2.10.3-beta", true);
    check("2.*", "2", false);
    check("2.*", "20.1", false);
    check("2.*", "12.1", false);
    check("2.4.*", "2.4.1", true);
    check("2.4.*", "2.5.1", false);
    check("2.4.1", "2.4.1", true);
    check("2.4.1", "2.4.10", false);
    check("2.4.1", "2.4", false);
    check("*", "2.4.1", true);
    check("*", "", true);
    let refused = |pattern: &str, fault| assert_eq!(VersionPattern::parse(pattern), Err(fault), "{pattern}");
    refused("", VersionFault::Empty);
    refused("2*", VersionFault::Star);
    refused("2.*.1", VersionFault::Star);
    refused("**", VersionFault::Star);
    refused("*.2", VersionFault::Star);
}

#[test]
fn a_rule_covers_what_it_leaves_to_no_later_one() {
    let check = |own: (Option<&str>, &str), other: (Option<&str>, &str), expected: bool| {
        let of = |(platform, version)| rule("shop", platform, version, Encryption::Optional);
        assert_eq!(of(own).covers(&of(other)), expected, "{own:?} {other:?}");
        let elsewhere = rule("bank", other.0, other.1, Encryption::Optional);
        assert!(!of(own).covers(&elsewhere), "{own:?} {other:?}");
    };
    check((None, "*"), (Some("ios"), "2.4"), true);
    check((None, "*"), (None, "2.*"), true);
    check((Some("ios"), "*"), (None, "*"), false);
    check((Some("ios"), "*"), (Some("android"), "*"), false);
    check((None, "2.*"), (None, "2.4.*"), true);
    check((None, "2.4.*"), (None, "2.*"), false);
    check((None, "2.4"), (None, "2.4"), true);
    check((None, "2.4"), (None, "2.4.*"), false);
    check((None, "2.*"), (None, "3.1"), false);
}

#[test]
fn the_first_rule_that_matches_says_it() {
    let rules = rules(vec![
        rule("shop", Some("android"), "2.*", Encryption::Disabled),
        rule("bank", None, "*", Encryption::Required),
        rule("shop", Some("ios"), "2.4.1", Encryption::Optional),
        rule("shop", None, "2.*", Encryption::Required),
        rule("shops", None, "*", Encryption::Disabled),
    ]);
    let check = |id, platform, version, expected| {
        let verdict = rules.judge_application(Some(Application { id, platform, version }));
        assert_eq!(verdict, expected, "{id} {platform} {version}");
    };
    check("shop", "ios", "2.4.1", ApplicationVerdict::Says(Encryption::Optional));
    check("shop", "ios", "2.4.2", ApplicationVerdict::Says(Encryption::Required));
    check("shop", "android", "2.4.1", ApplicationVerdict::Says(Encryption::Disabled));
    check("shop", "windows", "2.4.1", ApplicationVerdict::Says(Encryption::Required));
    check("bank", "ios", "1", ApplicationVerdict::Says(Encryption::Required));
    check("shop", "ios", "3.0", ApplicationVerdict::Unlisted);
    check("Shop", "ios", "2.4.1", ApplicationVerdict::Unlisted);
    check("sho", "ios", "2.4.1", ApplicationVerdict::Unlisted);
    check("zoo", "ios", "2.4.1", ApplicationVerdict::Unlisted);
    assert_eq!(rules.judge_application(None), ApplicationVerdict::Unnamed);
}

#[test]
fn the_service_is_asked_about_what_has_no_rule() {
    let own = with_service(vec![rule("shop", None, "1.*", Encryption::Disabled)]);
    assert_eq!(own.judge_application(Some(SHOP)), ApplicationVerdict::Ask);
    let old = Application { version: "1.0", ..SHOP };
    assert_eq!(own.judge_application(Some(old)), ApplicationVerdict::Says(Encryption::Disabled));
    assert_eq!(own.judge_application(None), ApplicationVerdict::Unnamed);
    assert_eq!(with_service(Vec::new()).judge_application(Some(SHOP)), ApplicationVerdict::Ask);
    for application in [None, Some(SHOP)] {
        assert_eq!(rules(Vec::new()).judge_application(application), ApplicationVerdict::NoPolicy);
    }
}

#[test]
fn what_is_not_known_is_treated_as_required() {
    const NO: Result<(), PayloadDenial> = Err(PayloadDenial::Application);
    const LATER: Result<(), PayloadDenial> = Err(PayloadDenial::Unknown);
    const SEAL: Result<(), PayloadDenial> = Err(PayloadDenial::Plaintext);
    let check = |verdict: ApplicationVerdict, sealed, accept| {
        assert_eq!(verdict.admit_sealed(), sealed, "{verdict:?}, sealed");
        assert_eq!(verdict.admit_plain(PayloadMode::Accept), accept, "{verdict:?}, accept");
        assert_eq!(verdict.admit_plain(PayloadMode::Require), SEAL, "{verdict:?}, require");
        assert_eq!(verdict.admit_plain(PayloadMode::Off), Ok(()), "{verdict:?}, off");
    };
    check(ApplicationVerdict::NoPolicy, Ok(()), Ok(()));
    check(ApplicationVerdict::Says(Encryption::Required), Ok(()), SEAL);
    check(ApplicationVerdict::Says(Encryption::Optional), Ok(()), Ok(()));
    check(ApplicationVerdict::Says(Encryption::Disabled), NO, NO);
    check(ApplicationVerdict::Unlisted, Ok(()), SEAL);
    check(ApplicationVerdict::Unknown, LATER, LATER);
    check(ApplicationVerdict::Ask, LATER, LATER);
    check(ApplicationVerdict::Unnamed, NO, SEAL);
}
