//! Readers of `[mapper.NAME]`: who rewrites requests.

use std::cell::Cell;
use std::time::Duration;

use super::http_text::{parse_prefix, parse_request_field};
use super::process::parse_name;
use super::reader::{Field, Section};
use super::schema;
use super::services::{Resource, Services, credentials};
use crate::limits;
use crate::policy::request_mapper::{AnswerCache, Mapper};

const MAPPER: Resource =
    Resource { url: "url", path: "path", example: "http://127.0.0.1:5540/map-request", query: false };

/// A mapper with its table. A faulty one is there too, so that routes may name it.
pub(super) struct ReadMapper<'t> {
    pub(super) name: &'t str,
    pub(super) section: Section<'t>,
    pub(super) mapper: Option<Mapper>,
    /// Whether a route has its requests rewritten by it.
    pub(super) is_used: Cell<bool>,
}

/// The mappers in name order.
pub(super) fn mappers<'t>(root: &Section<'t>, services: &mut Services<'_>) -> Vec<ReadMapper<'t>> {
    let sections = root.named_sections("mapper", schema::MAPPER);
    if sections.len() > limits::MAPPERS {
        root.error("mapper", format!("more than {} mappers; remove some", limits::MAPPERS));
    }
    let read = |(name, section): (&'t str, Section<'t>)| {
        let mapper = mapper(name, &section, services);
        ReadMapper { name, section, mapper, is_used: Cell::new(false) }
    };
    sections.into_iter().map(read).collect()
}

fn mapper(name: &str, section: &Section<'_>, services: &mut Services<'_>) -> Option<Mapper> {
    if let Err(reason) = parse_name(name) {
        section.error("", format!("the mapper's name is {name:?}: {reason}"));
    }
    let prefix = section.get("prefix");
    let prefix = prefix.and_then(|field| field.parsed("a path such as \"/orders\"", parse_prefix));
    let extra_members = section.get("extra_members").and_then(|field| field.flag()).unwrap_or(false);
    let (identity_fields, answer_cache) = (identity_fields(section), answer_cache(section));
    let service = services.read(section, &MAPPER, credentials(section), limits::MAPPER_TIMEOUT)?;
    Some(Mapper { name: name.to_owned(), service, extra_members, identity_fields, prefix, answer_cache })
}

fn identity_fields(section: &Section<'_>) -> Vec<String> {
    let field =
        |field: &Field<'_>| field.parsed("the name of a field or a list of them", parse_request_field);
    let fields = section.get("identity_fields").map(|field| field.list_of_some("none"));
    fields.unwrap_or_default().iter().filter_map(field).collect()
}

/// None is kept where nothing is said: an answer may depend on what the mapper alone knows.
fn answer_cache(section: &Section<'_>) -> Option<AnswerCache> {
    let section = section.table("cache", schema::MAPPER_CACHE)?;
    let times = Duration::from_millis(1)..=limits::TIMEOUT_MAX;
    let time = section.require("time", "time = \"5s\"").and_then(|field| field.duration(times));
    let entries = 1..=limits::MAPPER_CACHE_ENTRIES_MAX as u64;
    let entries = section.count("entries", entries, limits::MAPPER_CACHE_ENTRIES as u64) as usize;
    Some(AnswerCache { time: time?, entries })
}
