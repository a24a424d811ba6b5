//! Readers of `[payload]`: keys, replay memory, and the policy for applications. The files are not opened here.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::addresses::parse_server_url;
use super::process::{network, timeout_range};
use super::reader::{Field, Section};
use super::schema;
use super::services::{Resource, Services, credentials};
use crate::control::settings::PayloadSettings;
use crate::limits;
use crate::net::payload::settings::{DocumentSettings, DocumentSource, PayloadKeySettings, START_ID_LEN};
use crate::policy::payload_rules::{
    ApplicationRule, ApplicationRules, Encryption, PayloadRules, PolicyService, VersionPattern,
};

const ENCRYPTION: &[(&str, Encryption)] = &[
    ("required", Encryption::Required),
    ("optional", Encryption::Optional),
    ("disabled", Encryption::Disabled),
];
const POLICY: Resource = Resource {
    url: "url",
    path: "path",
    example: "http://127.0.0.1:7878/oauth/api/v1/payload-encryption-policy",
    query: false,
};
const SECOND: Duration = Duration::from_secs(1);

/// Payload encryption; none where there is no `[payload]`.
pub(super) fn payload(
    root: &Section<'_>,
    services: &mut Services<'_>,
) -> Option<(Arc<PayloadRules>, PayloadSettings)> {
    let section = root.table("payload", schema::PAYLOAD)?;
    let replays = limits::PAYLOAD_REPLAY_ENTRIES_MIN..=limits::PAYLOAD_REPLAY_ENTRIES_MAX;
    let replay_entries = section.count("replay_entries", replays, limits::PAYLOAD_REPLAY_ENTRIES);
    let rules = PayloadRules {
        session_lifetime: section.seconds(
            "session_lifetime",
            SECOND..=limits::TIMEOUT_MAX,
            limits::PAYLOAD_SESSION_LIFETIME,
        ),
        window: section.seconds("window", SECOND..=limits::PAYLOAD_WINDOW_MAX, limits::PAYLOAD_WINDOW),
        session_entries: session_entries(&section, replay_entries),
        relays: section
            .get("relays")
            .iter()
            .flat_map(Field::list)
            .filter_map(|field| network(&field))
            .collect(),
        applications: applications(&section),
        service: section
            .table("policy", schema::PAYLOAD_POLICY)
            .and_then(|section| service(&section, services)),
    };
    Some((Arc::new(rules), PayloadSettings { keys: keys(&section), replay_entries }))
}

/// A share of the replay memory: one session must not fill it.
fn session_entries(section: &Section<'_>, replay_entries: u64) -> u32 {
    let most = replay_entries / limits::PAYLOAD_SESSIONS_MIN;
    let unsaid = u64::from(limits::PAYLOAD_SESSION_ENTRIES).min(most);
    let Some(field) = section.get("session_entries") else { return unsaid as u32 };
    let entries = field.count(1..=u64::from(u32::MAX)).unwrap_or(unsaid);
    if entries > most {
        field.fault(format!(
            "one session could fill the replay memory; allowed is a quarter of `replay_entries`, which is {most}"
        ));
    }
    entries as u32
}

fn keys(section: &Section<'_>) -> PayloadKeySettings {
    let files = |key, nothing| -> Vec<PathBuf> {
        let fields = section.get(key).map(|field| field.list_of_some(nothing)).unwrap_or_default();
        fields.iter().filter_map(Field::file).collect()
    };
    PayloadKeySettings {
        keys: files("keys", "keys made at the start"),
        ticket_keys: files("ticket_keys", "keys made at the start"),
        document: document(section),
        start_ids: start_ids(section),
    }
}

/// The signed list of keys: signed here or ahead of time, for an origin that must be said.
fn document(section: &Section<'_>) -> Option<DocumentSettings> {
    let origin = section.get("origin");
    let text = origin
        .as_ref()
        .and_then(|field| field.parsed("an origin such as \"https://api.example.com\"", parse_origin));
    let (signing_key, signed) = (section.get("signing_key"), section.get("key_document"));
    if let (Some(_), Some(field)) = (&signing_key, &signed) {
        field.object("it excludes `signing_key`, with which the proxy signs by itself; keep one of them");
    }
    let Some(field) = signing_key.as_ref().or(signed.as_ref()) else {
        if let Some(field) = origin {
            field.warn("it stands in a signed list of keys, and there is none without `signing_key` or `key_document`");
        }
        return None;
    };
    let path = field.file()?;
    if origin.is_none() {
        let label = section.label("origin");
        let message = format!(
            "{label} is missing: a signed list of keys is for one origin; write for example \
             `origin = \"https://api.example.com\"`"
        );
        section.error("origin", message);
    }
    match (section.get("keys"), &signed) {
        (None, Some(field)) => {
            field.object("a list signed ahead of time names keys that are in files; name those in `keys`");
        }
        (None, None) => field.warn(
            "the keys are made at every start, and clients keep to a list from before until it expires; name files in \
             `keys`",
        ),
        (Some(_), _) => {}
    }
    let source =
        if signing_key.is_some() { DocumentSource::SigningKey(path) } else { DocumentSource::File(path) };
    Some(DocumentSettings { origin: text?, source })
}

fn start_ids(section: &Section<'_>) -> Vec<[u8; START_ID_LEN]> {
    let Some(field) = section.get("start_ids") else { return Vec::new() };
    let fields = field.list_of_some("an id made at the start");
    if fields.len() > limits::PAYLOAD_START_IDS {
        field.object(format!("more than {} ids; remove some", limits::PAYLOAD_START_IDS));
    }
    let mut ids = Vec::new();
    for field in fields {
        let Some(id) = field.parsed("32 hexadecimal digits or a list of such texts", parse_start_id) else {
            continue;
        };
        if ids.contains(&id) {
            field
                .fault("it is named twice; every proxy has its own, which stands first in its configuration");
        }
        ids.push(id);
    }
    if !ids.is_empty() && section.get("ticket_keys").is_none() {
        field.object("they are for proxies that open each other's tickets; name the keys that they share in `ticket_keys`");
    }
    ids
}

/// The rules in file order. Warns of those that are never chosen.
fn applications(section: &Section<'_>) -> ApplicationRules {
    let sections = section.sections("application", schema::PAYLOAD_APPLICATION);
    if sections.len() > limits::PAYLOAD_APPLICATIONS {
        let most = limits::PAYLOAD_APPLICATIONS;
        section.error("application", format!("more than {most} rules for applications; remove some"));
    }
    let mut rules: Vec<(ApplicationRule, Section<'_>)> = Vec::new();
    for section in sections.into_iter().take(limits::PAYLOAD_APPLICATIONS) {
        let Some(rule) = application(&section) else { continue };
        if let Some((_, first)) = rules.iter().find(|(earlier, _)| earlier.covers(&rule)) {
            let place = &first.place;
            section.warn("", format!("this rule is never chosen: the one at {place} comes first and matches all that it does; move it up or remove it"));
        }
        rules.push((rule, section));
    }
    ApplicationRules::new(rules.into_iter().map(|(rule, _)| rule).collect())
}

/// All settings are read, so that all that is wrong is reported; what a rule cannot be without comes last.
fn application(section: &Section<'_>) -> Option<ApplicationRule> {
    let id = section.require("id", "id = \"shop\"");
    let id = id.and_then(|field| {
        field.parsed("the id of an application", |text| parse_text(text, limits::PAYLOAD_APP_ID_BYTES))
    });
    let platform = section.get("platform").map(|field| {
        field
            .parsed("a platform such as \"ios\"", |text| parse_text(text, limits::PAYLOAD_APP_PLATFORM_BYTES))
    });
    let version = section
        .get("version")
        .map(|field| field.parsed("a version such as \"2.4.1\" or \"2.*\"", parse_version));
    let encryption = section.require("encryption", "encryption = \"required\"");
    let encryption = encryption.and_then(|field| field.choice(ENCRYPTION));
    Some(ApplicationRule {
        id: id?,
        platform: platform.map_or(Some(None), |platform| platform.map(Some))?,
        version: version.unwrap_or_else(|| Some(VersionPattern::default()))?,
        encryption: encryption?,
    })
}

fn service(section: &Section<'_>, services: &mut Services<'_>) -> Option<PolicyService> {
    let cache = section.section("cache", schema::PAYLOAD_POLICY_CACHE);
    let entries = 1..=limits::POLICY_CACHE_ENTRIES_MAX as u64;
    let (cache_time, cache_entries) = (
        cache.duration("time", timeout_range(), limits::POLICY_CACHE_TIME),
        cache.count("entries", entries, limits::POLICY_CACHE_ENTRIES as u64) as usize,
    );
    let service = services.read(section, &POLICY, credentials(section), limits::POLICY_TIMEOUT)?;
    Some(PolicyService { service, cache_time, cache_entries })
}

/// Scheme, host and port as clients compare them (RFC 6454 section 6.2).
///
/// # Errors
/// What to write instead.
pub fn parse_origin(text: &str) -> Result<String, String> {
    if text.starts_with("unix:") {
        return Err("clients cannot use a Unix socket of this host; write an origin such as \"https://api.example.com\"".to_owned());
    }
    let url = parse_server_url(text, |path| path.into())?;
    let origin = format!("{}://{}", if url.tls { "https" } else { "http" }, url.authority);
    if origin != text {
        return Err(format!("clients compare it letter for letter; write {origin:?}"));
    }
    Ok(origin)
}

fn parse_start_id(text: &str) -> Result<[u8; START_ID_LEN], String> {
    let digits = text.len() == 2 * START_ID_LEN && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let id = u128::from_str_radix(text, 16).ok().filter(|_| digits).map(u128::to_be_bytes);
    id.ok_or_else(|| "write 32 hexadecimal digits; `openssl rand -hex 16` prints them".to_owned())
}

fn parse_version(text: &str) -> Result<VersionPattern, String> {
    parse_text(text, limits::PAYLOAD_APP_VERSION_BYTES)?;
    VersionPattern::parse(text).map_err(|fault| fault.to_string())
}

/// Id, platform or version as an application names itself, of so many bytes at most.
fn parse_text(text: &str, most: usize) -> Result<String, String> {
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err("write it as the application names itself".to_owned());
    }
    if text.len() > most {
        return Err(format!("an application names itself with {most} bytes at most"));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_written_as_clients_compare_it() {
        let check = |text: &str, good: bool| {
            assert_eq!(parse_origin(text).is_ok(), good, "{text}: {:?}", parse_origin(text))
        };
        check("https://api.example.com", true);
        check("https://api.example.com:8443", true);
        check("http://127.0.0.1:8080", true);
        check("https://[::1]:8443", true);
        check("https://api.example.com/", false);
        check("https://api.example.com:443", false);
        check("http://api.example.com:80", false);
        check("https://API.example.com", false);
        check("HTTPS://api.example.com", false);
        check("https://api.example.com/v1", false);
        check("https://user@api.example.com", false);
        check("api.example.com", false);
        check("unix:/run/a.sock", false);
        check("", false);
    }
}
