//! What a test token is to say: whatever is asked for, within bounds. For development alone, where everybody on this
//! machine may ask; web pages may not.
//!
//! | Parameter | |
//! |---|---|
//! | `user` | whose it is; absent: a client's own |
//! | `scope` | words with a space between |
//! | `client_id` | which client got it; absent: `test` |
//! | `lifetime` | in seconds; a negative one makes a token that has expired; absent: that of other tokens |
//! | `format` | `jwt` or `opaque`; absent: `jwt` |
//! | `amr` | how the user was authenticated: words with a space between |
//! | `app_identifier`, `app_platform`, `app_version` | the app; all three or none |
//! | `usage_limit` | how often it may be asked about |

use std::net::IpAddr;

use super::answer::{OAuthError, Refusal};
use super::form::Form;
use super::grant::Grant;
use super::request::Request;
use super::settings::{Application, TokenFormat};
use crate::limits::{AUTHORITY_LIFETIME_MAX, AUTHORITY_SCOPE_BYTES, AUTHORITY_TEXT_BYTES};
use crate::protocol::token::claim_set::is_scope_token;

/// Lets those through who are on this machine and no web page.
///
/// # Errors
/// [`Refusal::Page`], [`Refusal::HostName`].
pub(super) fn check_asker(request: &Request) -> Result<(), Refusal> {
    if request.has_origin {
        return Err(Refusal::Page);
    }
    let host = std::str::from_utf8(&request.host).map_err(|_| Refusal::HostName)?;
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let name = host.rsplit_once(':').filter(|(_, port)| is_port(port)).map_or(host, |(name, _)| name);
    let literal = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
    let is_here = literal.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    if is_here || name.eq_ignore_ascii_case("localhost") { Ok(()) } else { Err(Refusal::HostName) }
}

/// Reads what a token is to say, at `now`. `lifetime`: of tokens for which none is asked for.
///
/// # Errors
/// [`OAuthError::InvalidRequest`], [`OAuthError::InvalidScope`].
pub(super) fn read(form: &Form, now: u64, lifetime: u64) -> Result<(Grant, TokenFormat), OAuthError> {
    let asked = form.get("lifetime").map(|text| text.parse::<i64>());
    let seconds = asked.unwrap_or(Ok(lifetime as i64)).ok();
    let most = AUTHORITY_LIFETIME_MAX.as_secs();
    let seconds = seconds
        .filter(|seconds| seconds.unsigned_abs() <= most)
        .ok_or(OAuthError::InvalidRequest("lifetime: seconds, from -86400 to 86400"))?;
    let expires = now.saturating_add_signed(seconds);
    // One that has expired was issued as long before as others live.
    let issued = if seconds > 0 { now } else { expires.saturating_sub(lifetime) };
    let amr = text(form, "amr")?.unwrap_or_default();
    let grant = Grant {
        client_id: text(form, "client_id")?.unwrap_or_else(|| "test".to_owned()),
        subject: text(form, "user")?,
        scope: scope(form)?,
        issued,
        expires,
        amr: amr.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect(),
        application: application(form)?,
        usage_limit: usage_limit(form)?,
        used: 0,
    };
    Ok((grant, format(form)?))
}

fn text(form: &Form, name: &str) -> Result<Option<String>, OAuthError> {
    let Some(text) = form.get(name) else { return Ok(None) };
    if text.len() > AUTHORITY_TEXT_BYTES || text.chars().any(char::is_control) {
        return Err(OAuthError::InvalidRequest("a text is longer than 256 bytes or has control characters"));
    }
    Ok(Some(text.to_owned()))
}

fn scope(form: &Form) -> Result<String, OAuthError> {
    let scope = form.get("scope").unwrap_or_default();
    let is_one = scope.is_empty() || scope.split(' ').all(is_scope_token);
    if is_one && scope.len() <= AUTHORITY_SCOPE_BYTES {
        Ok(scope.to_owned())
    } else {
        Err(OAuthError::InvalidScope)
    }
}

fn application(form: &Form) -> Result<Option<Application>, OAuthError> {
    let part = |name| text(form, name);
    match (part("app_identifier")?, part("app_platform")?, part("app_version")?) {
        (None, None, None) => Ok(None),
        (Some(identifier), Some(platform), Some(version)) => {
            Ok(Some(Application { identifier, platform, version }))
        }
        _ => Err(OAuthError::InvalidRequest("app_identifier, app_platform and app_version: all or none")),
    }
}

fn usage_limit(form: &Form) -> Result<u64, OAuthError> {
    let limit = form.get("usage_limit").map_or(Ok(0), |text| text.parse::<u32>().map(u64::from));
    limit.map_err(|_| OAuthError::InvalidRequest("usage_limit: a number that is not negative"))
}

fn format(form: &Form) -> Result<TokenFormat, OAuthError> {
    match form.get("format") {
        None | Some("jwt") => Ok(TokenFormat::Jwt),
        Some("opaque") => Ok(TokenFormat::Opaque),
        Some(_) => Err(OAuthError::InvalidRequest("format: jwt or opaque")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authority::fixture::request;

    fn asked(form: &str) -> Result<(Grant, TokenFormat), OAuthError> {
        read(&Form::parse(form.as_bytes()).unwrap(), 100_000, 3600)
    }

    #[test]
    fn a_test_token_says_what_is_asked_for() {
        let (grant, format) = asked(
            "user=alice&scope=a+b&client_id=app&lifetime=60&format=opaque&amr=PIN+FINGER_PRINT&app_identifier=Shop\
             &app_platform=ios&app_version=1.0&usage_limit=2",
        )
        .unwrap();
        let application =
            Application { identifier: "Shop".into(), platform: "ios".into(), version: "1.0".into() };
        let expected = Grant {
            client_id: "app".into(),
            subject: Some("alice".into()),
            scope: "a b".into(),
            issued: 100_000,
            expires: 100_060,
            amr: vec!["PIN".into(), "FINGER_PRINT".into()],
            application: Some(application),
            usage_limit: 2,
            used: 0,
        };
        assert_eq!((grant, format), (expected, TokenFormat::Opaque));
    }

    #[test]
    fn what_is_not_said_is_ordinary() {
        let (grant, format) = asked("").unwrap();
        assert_eq!((grant.client_id.as_str(), grant.subject, grant.scope.as_str()), ("test", None, ""));
        assert_eq!((grant.issued, grant.expires, format), (100_000, 103_600, TokenFormat::Jwt));
    }

    #[test]
    fn a_negative_lifetime_is_over() {
        let times = |form: &str| asked(form).map(|(grant, _)| (grant.issued, grant.expires));
        assert_eq!(times("lifetime=-60"), Ok((96_340, 99_940)));
        assert_eq!(times("lifetime=0"), Ok((96_400, 100_000)));
        assert_eq!(times("lifetime=86400"), Ok((100_000, 186_400)));
        for lifetime in ["86401", "-86401", "1s", "-9223372036854775808", "99999999999999999999"] {
            assert!(matches!(times(&format!("lifetime={lifetime}")), Err(OAuthError::InvalidRequest(_))));
        }
    }

    #[test]
    fn what_does_not_belong_into_a_token_is_refused() {
        let long = "x".repeat(AUTHORITY_TEXT_BYTES + 1);
        for form in [
            format!("user={long}"),
            "user=a%0Ab".into(),
            "app_identifier=Shop".into(),
            "app_platform=ios&app_version=1".into(),
            "usage_limit=-1".into(),
            "format=saml".into(),
        ] {
            assert!(matches!(asked(&form), Err(OAuthError::InvalidRequest(_))), "{form}");
        }
        for scope in ["a++b", "a%22", "+", &"s".repeat(AUTHORITY_SCOPE_BYTES + 1)] {
            assert_eq!(asked(&format!("scope={scope}")).unwrap_err(), OAuthError::InvalidScope, "{scope}");
        }
    }

    #[test]
    fn neither_pages_nor_other_names_are_served() {
        let check = |host: &str, has_origin, expected| {
            let request = Request { host: host.into(), has_origin, ..request("/") };
            assert_eq!(check_asker(&request), expected, "{host}");
        };
        for host in ["127.0.0.1", "127.0.0.1:7878", "[::1]:7878", "localhost", "LocalHost:1"] {
            check(host, false, Ok(()));
            check(host, true, Err(Refusal::Page));
        }
        for host in
            ["evil.test", "evil.test:7878", "10.0.0.1", "", "127.0.0.1.evil.test", "localhost.evil.test"]
        {
            check(host, false, Err(Refusal::HostName));
        }
    }
}
