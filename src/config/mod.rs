//! From TOML files and environment variables to plain, checked settings.
//!
//! The way: files become trees of values that know where they were written (`document`, `include`), variables are
//! laid over them (`environment`), readers turn the tree into settings (`process`, `upstreams`, `payload`, `issuers`,
//! `mappers`, `access`, `routes`), and a
//! review warns of what is allowed but doubtful. Every fault is reported with its place, all of them in one go.
//! Nothing here starts anything; `example.toml` shows every setting with its default.

mod access;
mod addresses;
mod cpu_list;
mod document;
mod environment;
mod http_text;
mod include;
mod issuer_client;
mod issuers;
mod listeners;
mod mappers;
mod node;
mod payload;
mod process;
mod reader;
mod report;
mod review;
mod routes;
mod schema;
mod services;
mod tls;
mod token_texts;
mod units;
mod upstreams;

use std::path::Path;

use self::environment::Assignment;
use self::node::Table;
pub use self::payload::parse_origin;
use self::reader::Section;
use self::report::Report;
pub use self::report::{ConfigError, NamedFile, Place, Warning};
use self::routes::Names;
pub use self::schema::TABLES;
use self::services::Services;
use crate::control::settings::Settings;
use crate::net::tls::settings::{ClientAuth, ListenerTls, TlsSettings};
use crate::policy::route_table::RouteTable;
use crate::policy::ruleset::Ruleset;

/// Every setting with its default and what it is for.
pub const EXAMPLE: &str = include_str!("example.toml");

/// A configuration that can be used, and what deserves a look in it.
#[derive(Debug)]
pub struct Loaded {
    /// What it says.
    pub settings: Settings,
    /// In the order of files and lines.
    pub warnings: Vec<Warning>,
    /// The files that TLS reads, and where they are named.
    pub files: Vec<NamedFile>,
}

/// Reads `file`, what it includes, and the settings in `environment`.
///
/// # Errors
/// Every fault that was found: one syntax fault per file, or, once all files are read, all others.
pub fn load(
    file: &Path,
    environment: impl Iterator<Item = (String, String)>,
) -> Result<Loaded, Vec<ConfigError>> {
    let report = Report::default();
    let (includes, others): (Vec<_>, Vec<_>) =
        environment::assignments(environment, &report).into_iter().partition(|a| a.concerns("include"));
    let tree = include::read_files(file, |own| apply(&includes, own, &report), &report);
    conclude(tree, &others, &Place::start_of(&include::name_of(file)), report)
}

/// Reads a configuration from `text`, which places call `name`, and `environment`. It cannot include files.
///
/// # Errors
/// As [`load`].
pub fn parse(
    text: &str,
    name: &str,
    environment: impl Iterator<Item = (String, String)>,
) -> Result<Loaded, Vec<ConfigError>> {
    let (report, name) = (Report::default(), name.into());
    let assignments = environment::assignments(environment, &report);
    let tree = document::parse_document(text, &name, &report);
    conclude(tree, &assignments, &Place::start_of(&name), report)
}

/// The settings in a tree that is whole; without one only what is already reported.
fn conclude(
    tree: Option<Table>,
    assignments: &[Assignment],
    start: &Place,
    report: Report,
) -> Result<Loaded, Vec<ConfigError>> {
    let settings = tree.and_then(|mut tree| {
        apply(assignments, &mut tree, &report);
        settings(&tree, start, &report)
    });
    let files = report.files();
    let warnings = report.finish()?;
    settings.map(|settings| Loaded { settings, warnings, files }).ok_or_else(Vec::new)
}

fn apply(assignments: &[Assignment], tree: &mut Table, report: &Report) {
    for assignment in assignments {
        assignment.apply(tree, report);
    }
}

/// None: the report says why.
fn settings(tree: &Table, start: &Place, report: &Report) -> Option<Settings> {
    let root = Section::root(tree, start, schema::ROOT, report);
    if let Some(field) = root.get("include") {
        field.object("there is no file here whose directory it could start from; remove it");
    }
    let allowed = cpu_list::allowed_cpus().map_err(|reason| root.error("workers.cpus", reason)).ok()?;
    let listeners = listeners::listeners(&root);
    let upstreams = upstreams::upstreams(&root);
    let mut tls = TlsSettings {
        listeners: listeners.iter().map(|(_, section)| tls::of_listener(section)).collect(),
        upstreams: upstreams.iter().map(|(upstream, section)| tls::of_upstream(upstream, section)).collect(),
        ticket_keys: tls::ticket_keys(&root),
    };
    let client_auth = |tls: &Option<ListenerTls>| tls.as_ref().map_or(ClientAuth::Off, |tls| tls.client_auth);
    let mut services = Services::new(upstreams.iter().map(|(upstream, _)| upstream.name.as_str()).collect());
    let payload = payload::payload(&root, &mut services);
    let issuers = issuers::issuers(&root, &mut services);
    let mappers = mappers::mappers(&root, &mut services);
    let rules = access::named_rules(&root, &issuers);
    let names = Names {
        listeners: listeners.iter().map(|(listener, _)| listener.name.as_str()).collect(),
        client_auth: tls.listeners.iter().map(client_auth).collect(),
        upstreams: upstreams.iter().map(|(upstream, _)| upstream.name.as_str()).collect(),
        issuers: &issuers,
        rules: &rules,
        mappers: &mappers,
        payload: root.get("payload").is_some(),
    };
    let routes = routes::routes(&root, &names);
    review::open_routes(&routes);
    review::unused_upstreams(&upstreams, &routes, &services);
    review::unused_names(&issuers, &rules, &mappers);
    let services = services.finish();
    let (routes, sections): (Vec<_>, Vec<_>) = routes.into_iter().unzip();
    let table = RouteTable::new(routes);
    let listeners: Vec<_> = listeners.into_iter().map(|(listener, _)| listener).collect();
    let (admin, log) = (process::admin(&root, &listeners), process::log(&root));
    let (workers, timeouts) = (process::workers(&root, &allowed), process::timeouts(&root));
    let (limits, forwarding) = (process::limits(&root), process::forwarding(&root));
    if !report.is_clean() {
        return None;
    }
    review::shadowed_routes(&table, &sections);
    let (own, own_tls): (Vec<_>, Vec<_>) = services.upstreams.into_iter().unzip();
    let upstreams: Vec<_> = upstreams.into_iter().map(|(upstream, _)| upstream).chain(own).collect();
    review::calls_in_the_clear(&issuers, &mappers, &services.services, &upstreams);
    tls.upstreams.extend(own_tls);
    let (rules, payload) = payload.unzip();
    let ruleset = Ruleset {
        generation: 0,
        listeners,
        upstreams,
        services: services.services,
        issuers: issuers.into_iter().filter_map(|issuer| issuer.issuer).collect(),
        mappers: mappers.into_iter().filter_map(|mapper| mapper.mapper).collect(),
        routes: table,
        timeouts,
        limits,
        forwarding,
        payload: rules,
    };
    Some(Settings { ruleset, workers, admin, log, tls, payload })
}
