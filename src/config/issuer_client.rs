//! Reader of how the proxy says to an issuer who it is. The files are not opened here.

use super::reader::{Field, Section};
use super::token_texts::{parse_algorithm, parse_issuer, parse_text};
use crate::policy::service::{Credentials, CredentialsForm};
use crate::protocol::token::client_assertion::AssertionRules;

/// What `client_authentication` says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Basic,
    Post,
    PrivateKey,
}

const FORMS: &[(&str, Form)] =
    &[("basic", Form::Basic), ("post", Form::Post), ("private_key_jwt", Form::PrivateKey)];

/// What a client with a secret has, and what one with a key has.
const OF_SECRETS: &[&str] = &["client_secret_file"];
const OF_KEYS: &[&str] =
    &["client_assertion_algorithm", "client_assertion_audience", "client_key_file", "client_key_id"];

/// Id and secret, or id and key; or none of them. `issuer` is what the settings call whom they are shown to.
pub(super) fn credentials(section: &Section<'_>, issuer: Option<&str>) -> Option<Credentials> {
    let form = section.get("client_authentication").map(|field| field.choice(FORMS));
    let all = ["client_id", "client_authentication"].iter().chain(OF_SECRETS).chain(OF_KEYS);
    if all.into_iter().all(|key| section.get(key).is_none()) {
        return None;
    }
    let id = section.require("client_id", "client_id = \"ringwall\"");
    let id = id.and_then(|field| field.parsed("the id of a client", parse_text));
    match form {
        // Not said.
        None => with_secret(section, id, CredentialsForm::ClientBasic),
        Some(Some(Form::Basic)) => with_secret(section, id, CredentialsForm::ClientBasic),
        Some(Some(Form::Post)) => with_secret(section, id, CredentialsForm::ClientPost),
        Some(Some(Form::PrivateKey)) => with_key(section, id, issuer),
        // Faulty: what else it needs cannot be told.
        Some(None) => None,
    }
}

fn with_secret(section: &Section<'_>, id: Option<String>, form: CredentialsForm) -> Option<Credentials> {
    let advice = "it goes with `client_authentication = \"private_key_jwt\"` alone; set that, or remove it";
    if refuse(section, OF_KEYS, advice) && section.get("client_secret_file").is_none() {
        // Which of the two was meant is to be said first.
        return None;
    }
    let file = section.require("client_secret_file", "client_secret_file = \"introspection.secret\"");
    let file = file.and_then(|field| field.file());
    Some(Credentials { form, ..Credentials::new(id?, file?) })
}

fn with_key(section: &Section<'_>, id: Option<String>, issuer: Option<&str>) -> Option<Credentials> {
    let _is_any =
        refuse(section, OF_SECRETS, "a key stands for it, by `client_authentication`; remove one of them");
    let file = section.require("client_key_file", "client_key_file = \"client.key\"");
    let file = file.and_then(|field| field.file());
    let algorithm = |field: Field<'_>| field.parsed("an algorithm such as \"ES256\"", parse_algorithm);
    let rules = AssertionRules {
        algorithm: section.get("client_assertion_algorithm").and_then(algorithm),
        key_id: text(section, "client_key_id", parse_text),
        // Where nothing is said, the server that judges, by its name or where it is asked.
        audience: text(section, "client_assertion_audience", parse_issuer)
            .or_else(|| issuer.map(Into::into))
            .or_else(|| section.get("url").and_then(|field| field.as_text().map(Into::into)))
            .or_else(|| missing_audience(section))?,
    };
    let form = CredentialsForm::ClientAssertion(rules);
    Some(Credentials { form, ..Credentials::new(id?, file?) })
}

fn text(section: &Section<'_>, key: &str, parse: fn(&str) -> Result<String, String>) -> Option<Box<str>> {
    section.get(key)?.parsed("a text", parse).map(Into::into)
}

fn missing_audience(section: &Section<'_>) -> Option<Box<str>> {
    // A faulty one is told of already.
    if ["client_assertion_audience", "issuer", "url"].iter().all(|key| section.get(key).is_none()) {
        let title = section.title();
        let advice = "write `issuer`, or `client_assertion_audience`";
        section
            .error("client_key_file", format!("{title} does not say whom its assertions are for; {advice}"));
    }
    None
}

/// True when one of `keys` is there, which is told.
fn refuse(section: &Section<'_>, keys: &[&str], reason: &str) -> bool {
    let mut is_any = false;
    for field in keys.iter().filter_map(|key| section.get(key)) {
        field.object(reason);
        is_any = true;
    }
    is_any
}
