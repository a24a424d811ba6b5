//! Readers of access rules: `[access.NAME]`, and `access` of a route, which names one, is one, or is a word.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use super::issuers::ReadIssuer;
use super::process::parse_name;
use super::reader::{Field, Section};
use super::routes::{some_of, unknown};
use super::schema;
use super::tls::{parse_alternative_name, parse_digest};
use super::token_texts::{parse_level, parse_realm, parse_text, scope};
use crate::limits;
use crate::policy::access_rule::{
    AccessRule, ClientCertificateRule, JudgedRule, SenderConstraint, TokenRule,
};
use crate::policy::token_rules::{Issuer, IssuerId};

/// A rule with a name, and its table. A faulty one is there too, so that routes may name it.
pub(super) struct NamedRule<'t> {
    pub(super) name: &'t str,
    pub(super) section: Section<'t>,
    rule: Option<AccessRule>,
    /// Whether a route is under it.
    pub(super) is_used: Cell<bool>,
}

/// Words that are no names of rules.
const WORDS: [&str; 2] = ["open", "upstream"];
/// What MobileFirst's tokens never say.
const UNKNOWN_TO_MOBILEFIRST: &[&str] =
    &["acr", "amr", "audience", "dpop_nonce", "max_age", "sender_constraint"];
/// Of what is asked for or not.
const REQUIRED: &[(&str, ())] = &[("require", ())];
const SENDER_CONSTRAINTS: &[(&str, SenderConstraint)] =
    &[("dpop", SenderConstraint::Dpop), ("mtls", SenderConstraint::Mtls), ("any", SenderConstraint::Any)];

/// The rules with names, in their order.
pub(super) fn named_rules<'t>(root: &Section<'t>, issuers: &[ReadIssuer<'_>]) -> Vec<NamedRule<'t>> {
    let sections = root.named_sections("access", schema::ACCESS);
    let read = |(name, section): (&'t str, Section<'t>)| {
        if WORDS.contains(&name) {
            section.error("", format!("`{name}` has a meaning of its own; give the rule another name"));
        } else if let Err(reason) = parse_name(name) {
            section.error("", format!("the rule's name is {name:?}: {reason}"));
        }
        NamedRule { rule: rule(&section, issuers), name, section, is_used: Cell::new(false) }
    };
    sections.into_iter().map(read).collect()
}

/// The rule of a route.
pub(super) fn access(
    section: &Section<'_>,
    rules: &[NamedRule<'_>],
    issuers: &[ReadIssuer<'_>],
) -> Option<AccessRule> {
    let field = section.require("access", "access = \"upstream\"")?;
    if field.is_table() {
        return rule(&section.table("access", schema::ACCESS)?, issuers);
    }
    let expected = "the name of a rule, \"open\", \"upstream\" or a rule such as { issuer = \"main\", scope = [\"read\"] }";
    match field.text(expected)? {
        "open" => Some(AccessRule::OPEN),
        "upstream" => {
            if section.get("answer").is_some() {
                field.fault("an answer has no server behind it that could judge; write \"open\"");
            }
            Some(AccessRule::UPSTREAM)
        }
        name => {
            let known = rules.iter().find(|rule| rule.name == name);
            if known.is_none() {
                let names: Vec<_> = WORDS.into_iter().chain(rules.iter().map(|rule| rule.name)).collect();
                field.fault(unknown("access rule", name, &names));
            }
            known?.is_used.set(true);
            known?.rule.clone()
        }
    }
}

/// All settings are read, so that all that is wrong is reported.
fn rule(section: &Section<'_>, issuers: &[ReadIssuer<'_>]) -> Option<AccessRule> {
    let certificate = section.get("client_certificate");
    let certificate = certificate.map(|field| client_certificate(section, &field));
    let asks_for_token =
        schema::ACCESS.iter().any(|key| *key != "client_certificate" && section.get(key).is_some());
    if !asks_for_token && certificate.is_some() {
        return Some(AccessRule { token: TokenRule::NotNeeded, client_certificate: certificate? });
    }
    let token = judged_rule(section, issuers)?;
    let client_certificate = certificate.map_or(Some(None), |rule| rule.map(Some))?;
    Some(AccessRule { token: TokenRule::Judged(Arc::new(token)), client_certificate })
}

fn judged_rule(section: &Section<'_>, issuers: &[ReadIssuer<'_>]) -> Option<JudgedRule> {
    let own = section.require("issuer", "issuer = \"main\"");
    let own = own.map(|field| named_issuers(&field, issuers));
    let texts = |key: &str, nothing: &str| {
        some_of(section, key, nothing, |field| field.parsed("a text or a list of them", parse_text))
    };
    let ages = Duration::ZERO..=limits::AUTHENTICATION_AGE_MAX;
    let mut rule = JudgedRule {
        scope: section.get("scope").map(|field| scope(&field)).unwrap_or_default(),
        audience: texts("audience", "any audience"),
        client_id: texts("client_id", "any client"),
        amr: texts("amr", "any method"),
        acr: some_of(section, "acr", "any level", |field| {
            field.parsed("a level or a list of them", parse_level)
        }),
        max_age: section.get("max_age").and_then(|field| field.seconds(ages)),
        realm: section.get("realm").and_then(|field| field.parsed("a realm", parse_realm)),
        id_token: section.get("id_token").and_then(|field| field.choice(REQUIRED)).is_some(),
        sender_constraint: section
            .get("sender_constraint")
            .and_then(|field| field.choice(SENDER_CONSTRAINTS)),
        requires_nonce: section.get("dpop_nonce").and_then(|field| field.choice(REQUIRED)).is_some(),
        ..JudgedRule::default()
    };
    if let Some(field) = section.get("dpop_nonce")
        && rule.sender_constraint == Some(SenderConstraint::Mtls)
    {
        field.object("tokens bound to certificates come without proofs; remove it, or let `sender_constraint` be \"any\"");
    }
    let own = own??;
    let of = |id: &IssuerId| issuers.get(usize::from(id.0));
    nobody_is_left_out(section, rule.id_token, &own.iter().filter_map(of).collect::<Vec<_>>());
    rule.realm = rule.realm.or_else(|| own.iter().filter_map(of).find_map(|issuer| issuer.realm.clone()));
    if rule.sender_constraint.is_none() && own.iter().filter_map(of).all(ReadIssuer::binds_all) {
        rule.sender_constraint = Some(SenderConstraint::Any);
    }
    // A faulty issuer has been reported: what stands in for it is never used.
    let all: Option<Vec<Issuer>> = issuers.iter().map(|issuer| issuer.issuer.clone()).collect();
    let JudgedRule { issuers, terms, takes_pair, .. } = JudgedRule::new(&all.unwrap_or_default(), own);
    Some(JudgedRule { issuers, terms, takes_pair, ..rule })
}

/// `None`: some of them are at fault.
fn named_issuers(field: &Field<'_>, issuers: &[ReadIssuer<'_>]) -> Option<Vec<IssuerId>> {
    let names: Vec<_> = issuers.iter().map(|issuer| issuer.name).collect();
    let mut own = Vec::new();
    for field in field.list_of_one("the name of an issuer") {
        let name = field.text("the name of an issuer or a list of them")?;
        let Some(position) = names.iter().position(|known| *known == name) else {
            field.fault(unknown("issuer", name, &names));
            return None;
        };
        let id = IssuerId(u16::try_from(position).ok()?);
        if own.contains(&id) {
            field.fault("it is named twice");
        }
        issuers.get(position)?.is_used.set(true);
        own.push(id);
    }
    (!own.is_empty()).then_some(own)
}

/// A rule that asks for what an issuer's tokens never say admits none of them.
fn nobody_is_left_out(section: &Section<'_>, id_token: bool, own: &[&ReadIssuer<'_>]) {
    // Of a faulty one nothing is known.
    if own.iter().any(|issuer| issuer.issuer.is_none()) {
        return;
    }
    let (mobilefirst, others): (Vec<&ReadIssuer<'_>>, Vec<_>) =
        own.iter().copied().partition(|issuer| issuer.is_mobilefirst());
    let left_out = UNKNOWN_TO_MOBILEFIRST
        .iter()
        .map(|key| (*key, &mobilefirst))
        .chain(id_token.then_some(("id_token", &others)));
    for (key, without) in left_out {
        let Some(field) = section.get(key).filter(|_| !without.is_empty()) else { continue };
        let names: Vec<_> = without.iter().map(|issuer| format!("`{}`", issuer.name)).collect();
        let names = names.join(", ");
        if without.len() == own.len() {
            field.object(format!("tokens of {names} never say it, so that nobody is admitted; remove it"));
        } else {
            field.warn(format!("tokens of {names} never say `{key}`: none of them is admitted"));
        }
    }
}

fn client_certificate(section: &Section<'_>, field: &Field<'_>) -> Option<ClientCertificateRule> {
    if !field.is_table() {
        return field.choice(&[("required", ())]).map(|()| ClientCertificateRule::Required);
    }
    let section = section.table("client_certificate", schema::CLIENT_CERTIFICATE)?;
    if section.get("san").is_none() && section.get("sha256").is_none() {
        section
            .error("", "it says which certificates with `san`, `sha256` or both; for any write \"required\"");
    }
    Some(ClientCertificateRule::OneOf {
        san: some_of(&section, "san", "any name", |field| {
            field.parsed("a subject alternative name or a list of them", parse_alternative_name)
        }),
        sha256: some_of(&section, "sha256", "any certificate", |field| {
            field.parsed("a SHA-256 digest or a list of them", parse_digest)
        }),
    })
}
