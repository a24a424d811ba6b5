//! Readers of `[issuer.NAME]`: whose tokens are taken, by what rules, where keys come from or who is asked. The files are
//! not opened here.

use std::cell::Cell;
use std::time::Duration;

use super::issuer_client as client;
use super::process::parse_name;
use super::reader::{Field, Section};
use super::schema;
use super::services::{Resource, Services, parse_resource_url};
use super::token_texts::{parse_algorithm, parse_issuer, parse_realm, parse_text, scope};
use crate::limits;
use crate::policy::service::ServiceId;
use crate::policy::token_rules::{CacheRules, Issuer, IssuerKind, KeySource, MobileFirstJudge};
use crate::protocol::token::algorithm::Algorithm;
use crate::protocol::token::challenge::MOBILEFIRST_REALM;
use crate::protocol::token::claim_set::TimeUnit;
use crate::protocol::token::claims::JwtRules;
use crate::protocol::token::introspection::IntrospectionRules;
use crate::protocol::token::mobilefirst::MobileFirstRules;

/// An issuer with its table. A faulty one is there too, so that rules may name it.
pub(super) struct ReadIssuer<'t> {
    pub(super) name: &'t str,
    pub(super) section: Section<'t>,
    pub(super) issuer: Option<Issuer>,
    /// What its clients expect a challenge to call the protected.
    pub(super) realm: Option<String>,
    /// Whether a rule takes its tokens.
    pub(super) is_used: Cell<bool>,
}

/// What `kind` says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Jwt,
    Introspection,
    MobileFirst,
}

const KINDS: &[(&str, Kind)] =
    &[("jwt", Kind::Jwt), ("introspection", Kind::Introspection), ("mobilefirst", Kind::MobileFirst)];
/// Keys that not every kind has, with the kinds that have them.
const OWN_KEYS: &[(&str, &[Kind])] = &[
    ("algorithms", &[Kind::Jwt]),
    ("audience", &[Kind::Jwt, Kind::Introspection]),
    ("client_assertion_algorithm", &[Kind::Introspection]),
    ("client_assertion_audience", &[Kind::Introspection]),
    ("client_authentication", &[Kind::Introspection]),
    ("client_id", &[Kind::Introspection]),
    ("client_key_file", &[Kind::Introspection]),
    ("client_key_id", &[Kind::Introspection]),
    ("client_secret_file", &[Kind::Introspection]),
    ("development", &[Kind::MobileFirst]),
    ("discovery", &[Kind::Jwt]),
    ("fapi", &[Kind::Jwt, Kind::Introspection]),
    ("jwks_file", &[Kind::Jwt]),
    ("jwks_path", &[Kind::Jwt]),
    ("jwks_url", &[Kind::Jwt]),
    ("mandatory_scope", &[Kind::MobileFirst]),
    ("path", &[Kind::Introspection]),
    ("public_key_file", &[Kind::MobileFirst]),
    ("public_key_path", &[Kind::MobileFirst]),
    ("public_key_url", &[Kind::MobileFirst]),
    ("realm", &[Kind::MobileFirst]),
    ("require_typ", &[Kind::Jwt]),
    ("skew", &[Kind::Jwt, Kind::Introspection]),
    ("time_unit", &[Kind::Introspection, Kind::MobileFirst]),
    ("url", &[Kind::Introspection]),
    ("validation_path", &[Kind::MobileFirst]),
    ("validation_url", &[Kind::MobileFirst]),
];

const JWKS: Resource =
    Resource { url: "jwks_url", path: "jwks_path", example: "https://login.example.com/jwks", query: true };
const INTROSPECTION: Resource = Resource {
    url: "url",
    path: "path",
    example: "https://login.example.com/oauth/api/v2/token/introspect",
    query: false,
};
const PUBLIC_KEY: Resource = Resource {
    url: "public_key_url",
    path: "public_key_path",
    example: "https://mfp.example.com/app/authorization/v1/publickey",
    query: true,
};
const VALIDATION: Resource = Resource {
    url: "validation_url",
    path: "validation_path",
    example: "https://mfp.example.com/app/authorization/v1/token/validation",
    query: false,
};
/// Behind the issuer's own URL (OpenID Connect Discovery 1.0 section 4).
const METADATA: &str = "/.well-known/openid-configuration";

const TIME_UNITS: &[(&str, TimeUnit)] =
    &[("seconds", TimeUnit::Seconds), ("milliseconds", TimeUnit::Milliseconds)];
/// What issuers sign by where nothing is said: one of each family, and what most of them use.
const ALGORITHMS: [Algorithm; 4] = [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Ps256, Algorithm::Rs256];

/// The issuers in name order.
pub(super) fn issuers<'t>(root: &Section<'t>, services: &mut Services<'_>) -> Vec<ReadIssuer<'t>> {
    let sections = root.named_sections("issuer", schema::ISSUER);
    if sections.len() > limits::ISSUERS {
        root.error("issuer", format!("more than {} issuers; remove some", limits::ISSUERS));
    }
    let read = |(index, (name, section)): (usize, (&'t str, Section<'t>))| {
        if let Err(reason) = parse_name(name) {
            section.error("", format!("the issuer's name is {name:?}: {reason}"));
        }
        let kind = section.require("kind", "kind = \"jwt\"").and_then(|field| field.choice(KINDS));
        let realm = section.get("realm").map(|field| field.parsed("a realm", parse_realm));
        let unsaid = || (kind == Some(Kind::MobileFirst)).then(|| MOBILEFIRST_REALM.to_owned());
        let reader = Reader { section: &section, index: u16::try_from(index).unwrap_or(u16::MAX) };
        let issuer = kind.and_then(|kind| reader.issuer(name, kind, services));
        ReadIssuer { name, issuer, realm: realm.unwrap_or_else(unsaid), section, is_used: Cell::new(false) }
    };
    sections.into_iter().enumerate().map(read).collect()
}

/// Reads one issuer. All settings are read, so that all that is wrong is reported.
struct Reader<'s, 't> {
    section: &'s Section<'t>,
    index: u16,
}

impl Reader<'_, '_> {
    fn issuer(&self, name: &str, kind: Kind, services: &mut Services<'_>) -> Option<Issuer> {
        self.refuse_keys_of_others(kind);
        let read = match kind {
            Kind::Jwt => self.jwt(services),
            Kind::Introspection => self.introspection(services),
            Kind::MobileFirst => self.mobilefirst(services),
        };
        let section = self.section.section("cache", schema::ISSUER_CACHE);
        let time = |key, unsaid| section.duration(key, Duration::ZERO..=limits::TIMEOUT_MAX, unsaid);
        let entries = 1..=limits::TOKEN_CACHE_ENTRIES_MAX as u64;
        let cache = CacheRules {
            positive: time("positive", limits::TOKEN_CACHE_POSITIVE),
            negative: time("negative", limits::TOKEN_CACHE_NEGATIVE),
            entries: section.count("entries", entries, limits::TOKEN_CACHE_ENTRIES as u64) as usize,
        };
        let issuer = Issuer { name: name.to_owned(), kind: read?, cache };
        if let Some(field) = section.get("positive")
            && issuer.judge().is_some()
            && issuer.cache.positive > limits::TOKEN_CACHE_NOTICE
        {
            field.warn(
                "so long does a token live on that was taken back; only one that is evicted dies sooner",
            );
        }
        Some(issuer)
    }

    fn refuse_keys_of_others(&self, kind: Kind) {
        for (key, kinds) in OWN_KEYS.iter().filter(|(_, kinds)| !kinds.contains(&kind)) {
            if let Some(field) = self.section.get(key) {
                let own = KINDS.iter().filter(|(_, kind)| kinds.contains(kind));
                let own: Vec<_> = own.map(|(name, _)| format!("{name:?}")).collect();
                field.object(format!("only issuers of kind {} have it; remove it", own.join(" and ")));
            }
        }
    }

    fn jwt(&self, services: &mut Services<'_>) -> Option<IssuerKind> {
        let issuer = self.section.require("issuer", "issuer = \"https://login.example.com\"");
        let issuer = issuer.and_then(|field| field.parsed("the issuer's name", parse_issuer));
        let audience = self.section.require("audience", "audience = [\"orders\"]");
        let audience = audience.map(|field| names(&field.list_of_one("a name")));
        let is_fapi = self.flag("fapi", false);
        let (algorithms, requires_type) = (self.algorithms(is_fapi), self.flag("require_typ", true));
        let (skew, keys) = (self.skew(), self.jwks(issuer.as_deref(), services));
        let rules = JwtRules {
            index: self.index,
            issuer: issuer?.into(),
            audience: audience?,
            algorithms,
            requires_type,
            skew,
            is_fapi,
        };
        Some(IssuerKind::Jwt { rules, keys: keys? })
    }

    fn algorithms(&self, is_fapi: bool) -> Vec<Algorithm> {
        let Some(field) = self.section.get("algorithms") else {
            return ALGORITHMS.into_iter().filter(|algorithm| !is_fapi || algorithm.is_fapi()).collect();
        };
        let read = |field: &Field<'_>| {
            let algorithm =
                field.parsed("an algorithm such as \"ES256\" or a list of them", parse_algorithm)?;
            if is_fapi && !algorithm.is_fapi() {
                field.fault("FAPI 2.0 forbids it; it leaves \"EdDSA\", \"ES256\" and \"PS256\"");
            }
            Some(algorithm)
        };
        field.list_of_some("those that are common").iter().filter_map(read).collect()
    }

    /// Where the keys are: said in one of four ways.
    fn jwks(&self, issuer: Option<&str>, services: &mut Services<'_>) -> Option<KeySource> {
        let discovers = self.flag("discovery", false).then(|| self.section.get("discovery")).flatten();
        let key = |key| self.section.get(key).map(|field| (key, field));
        let said = [key("jwks_url"), key("jwks_path"), key("jwks_file"), discovers.map(|f| ("discovery", f))];
        let (way, field) = self.one_of(said, "jwks_url", "`jwks_url`, `jwks_file` or `discovery = true`")?;
        match way {
            "jwks_file" => {
                self.refuse_beside_file("jwks_file");
                field.file().map(KeySource::File)
            }
            "discovery" => {
                let url = format!("{}{METADATA}", issuer?.trim_end_matches('/'));
                let url = parse_resource_url(&url, false).map_err(|_| {
                    field.object("the metadata are looked for below `issuer`, which must be a URL then");
                });
                services.derived(self.section, url.ok()?, limits::KEYS_TIMEOUT).map(KeySource::Discovery)
            }
            _ => services.read(self.section, &JWKS, None, limits::KEYS_TIMEOUT).map(KeySource::Service),
        }
    }

    fn introspection(&self, services: &mut Services<'_>) -> Option<IssuerKind> {
        let rules = IntrospectionRules {
            index: self.index,
            issuer: self.issuer_name(),
            audience: self
                .section
                .get("audience")
                .map(|field| names(&field.list_of_some("anybody")))
                .unwrap_or_default(),
            unit: self.time_unit(),
            skew: self.skew(),
            is_fapi: self.flag("fapi", false),
        };
        let credentials = client::credentials(self.section, rules.issuer.as_deref());
        if credentials.is_none() && self.section.get("upstream").is_none() {
            self.section.warn(
                "",
                format!(
                    "{} asks without saying who it is, which Token Servers refuse; set `client_id` and \
                     `client_secret_file`, or `client_key_file`",
                    self.section.title()
                ),
            );
        }
        let service = services.read(self.section, &INTROSPECTION, credentials, limits::INTROSPECTION_TIMEOUT);
        Some(IssuerKind::Introspection { service: service?, rules })
    }

    fn mobilefirst(&self, services: &mut Services<'_>) -> Option<IssuerKind> {
        let is_development = self.flag("development", false);
        if let Some(field) = self.section.get("development").filter(|_| is_development) {
            field.warn("test tokens are taken, which anybody can have made; never where real data is served");
        }
        let mandatory = self.section.get("mandatory_scope");
        let rules = MobileFirstRules {
            index: self.index,
            issuer: self.issuer_name(),
            mandatory_scope: mandatory.iter().flat_map(scope).map(Into::into).collect(),
            unit: self.time_unit(),
            is_development,
        };
        Some(IssuerKind::MobileFirst { rules, judge: self.mobilefirst_judge(services)? })
    }

    /// Who judges: said in one of five ways.
    fn mobilefirst_judge(&self, services: &mut Services<'_>) -> Option<MobileFirstJudge> {
        let key = |key| self.section.get(key).map(|field| (key, field));
        let said = [
            key("public_key_url"),
            key("public_key_path"),
            key("public_key_file"),
            key("validation_url"),
            key("validation_path"),
        ];
        let all =
            "`public_key_url` or `public_key_file`, or `validation_url`, where the server itself judges";
        let (way, field) = self.one_of(said, "public_key_url", all)?;
        match way {
            "public_key_file" => {
                self.refuse_beside_file("public_key_file");
                Some(MobileFirstJudge::Keys(KeySource::File(field.file()?)))
            }
            "validation_url" | "validation_path" => {
                let service =
                    services.read(self.section, &VALIDATION, None, limits::INTROSPECTION_TIMEOUT)?;
                Some(MobileFirstJudge::Service(service))
            }
            _ => {
                let service = services.read(self.section, &PUBLIC_KEY, None, limits::KEYS_TIMEOUT)?;
                Some(MobileFirstJudge::Keys(KeySource::Service(service)))
            }
        }
    }

    /// The first of the settings that are there. More than one is a fault, and so is none: then `all` are told.
    fn one_of<'f, const N: usize>(
        &self,
        said: [Option<(&'static str, Field<'f>)>; N],
        key: &str,
        all: &str,
    ) -> Option<(&'static str, Field<'f>)> {
        let mut said = said.into_iter().flatten();
        let Some(first) = said.next() else {
            let title = self.section.title();
            self.section.error(key, format!("{title} does not say who vouches for its tokens; write {all}"));
            return None;
        };
        for (_, other) in said {
            other.object(format!("it excludes `{}`; keep one of them", first.0));
        }
        Some(first)
    }

    fn refuse_beside_file(&self, key: &str) {
        for field in ["timeout", "upstream"].iter().filter_map(|key| self.section.get(key)) {
            field.object(format!("it does nothing beside `{key}`; remove it"));
        }
    }

    fn issuer_name(&self) -> Option<Box<str>> {
        let name = self.section.get("issuer")?.parsed("the issuer's name", parse_issuer)?;
        Some(name.into())
    }

    fn skew(&self) -> u64 {
        let most = Duration::from_secs(limits::TOKEN_FUTURE_SECONDS);
        let unsaid = Duration::from_secs(limits::TOKEN_SKEW_SECONDS);
        self.section.seconds("skew", Duration::ZERO..=most, unsaid).as_secs()
    }

    fn time_unit(&self) -> TimeUnit {
        let unit = self.section.get("time_unit").and_then(|field| field.choice(TIME_UNITS));
        unit.unwrap_or_default()
    }

    fn flag(&self, key: &str, unsaid: bool) -> bool {
        self.section.get(key).and_then(|field| field.flag()).unwrap_or(unsaid)
    }
}

impl ReadIssuer<'_> {
    /// Whether it was read as one of MobileFirst's.
    pub(super) fn is_mobilefirst(&self) -> bool {
        self.issuer.as_ref().is_some_and(Issuer::is_mobilefirst)
    }

    /// Whether every token that it judges to be good is bound to a key.
    pub(super) fn binds_all(&self) -> bool {
        match self.issuer.as_ref().map(|issuer| &issuer.kind) {
            Some(IssuerKind::Jwt { rules, .. }) => rules.is_fapi,
            Some(IssuerKind::Introspection { rules, .. }) => rules.is_fapi,
            Some(IssuerKind::MobileFirst { .. }) | None => false,
        }
    }

    /// The service that it needs, if any.
    pub(super) fn service(&self) -> Option<ServiceId> {
        let issuer = self.issuer.as_ref()?;
        match issuer.keys() {
            Some(KeySource::Service(service) | KeySource::Discovery(service)) => Some(*service),
            Some(KeySource::File(_)) => None,
            None => issuer.judge(),
        }
    }
}

fn names(fields: &[Field<'_>]) -> Vec<Box<str>> {
    let name = |field: &Field<'_>| field.parsed("a name or a list of them", parse_text);
    fields.iter().filter_map(name).map(Into::into).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_one_kind_are_keys() {
        for (key, kinds) in OWN_KEYS {
            assert!(schema::ISSUER.contains(key) && !kinds.is_empty() && kinds.len() < KINDS.len(), "{key}");
        }
    }
}
