//! What is allowed and yet deserves a look, once everything is read: `check` prints it.

use std::net::IpAddr;

use super::access::NamedRule;
use super::issuers::ReadIssuer;
use super::mappers::ReadMapper;
use super::reader::Section;
use super::services::Services;
use crate::policy::access_rule::AccessRule;
use crate::policy::route_table::{Route, RouteTable, RouteTarget};
use crate::policy::ruleset::{Server, Upstream, UpstreamId};
use crate::policy::service::Service;

/// Warns of routes that everybody may use.
pub(super) fn open_routes(routes: &[(Route, Section<'_>)]) {
    for (route, section) in routes.iter().filter(|(route, _)| route.access == AccessRule::OPEN) {
        if let Some(field) = section.get("access") {
            field.warn(format!("route `{}` is open: everybody may use it", route.name));
        }
    }
}

/// Warns of routes that can never be chosen.
pub(super) fn shadowed_routes(table: &RouteTable, sections: &[Section<'_>]) {
    let name = |at: usize| table.routes().get(at).map_or("", |route| route.name.as_str());
    for (shadowed, by) in table.shadowed() {
        if let (Some(section), Some(first)) = (sections.get(shadowed), sections.get(by)) {
            let (shadowed, by, place) = (name(shadowed), name(by), &first.place);
            let reason = format!("`{by}` at {place} comes first and matches all that it does");
            section
                .warn("", format!("route `{shadowed}` is never chosen: {reason}; move it up or remove it"));
        }
    }
}

/// Warns of upstreams that no route leads to, and no service.
pub(super) fn unused_upstreams(
    upstreams: &[(Upstream, Section<'_>)],
    routes: &[(Route, Section<'_>)],
    services: &Services<'_>,
) {
    for (position, (upstream, section)) in upstreams.iter().enumerate() {
        let leads = |route: &Route| match route.target {
            RouteTarget::Upstream(UpstreamId(id)) => usize::from(id) == position,
            RouteTarget::Answer(_) => false,
        };
        if !routes.iter().any(|(route, _)| leads(route)) && !services.lead_to(position) {
            section.warn(
                "",
                format!("no route leads to upstream `{}`; remove it or name it in one", upstream.name),
            );
        }
    }
}

/// Warns of issuers, rules and mappers that nothing names.
pub(super) fn unused_names(issuers: &[ReadIssuer<'_>], rules: &[NamedRule<'_>], mappers: &[ReadMapper<'_>]) {
    for issuer in issuers.iter().filter(|issuer| !issuer.is_used.get()) {
        let name = issuer.name;
        issuer
            .section
            .warn("", format!("no rule takes tokens of issuer `{name}`; remove it or name it in one"));
    }
    for rule in rules.iter().filter(|rule| !rule.is_used.get()) {
        let name = rule.name;
        rule.section.warn("", format!("no route is under the rule `{name}`; remove it or name it in one"));
    }
    for mapper in mappers.iter().filter(|mapper| !mapper.is_used.get()) {
        let name = mapper.name;
        mapper
            .section
            .warn("", format!("no route goes through mapper `{name}`; remove it or name it in one"));
    }
}

/// Warns of issuers and mappers that are asked over plain HTTP, beyond this host.
pub(super) fn calls_in_the_clear(
    issuers: &[ReadIssuer<'_>],
    mappers: &[ReadMapper<'_>],
    services: &[Service],
    upstreams: &[Upstream],
) {
    let asked = issuers.iter().map(|issuer| (issuer.service(), &issuer.section));
    let asked = asked.chain(mappers.iter().map(|mapper| {
        let service = mapper.mapper.as_ref().map(|mapper| mapper.service);
        (service, &mapper.section)
    }));
    for (service, section) in asked {
        let service = service.and_then(|id| services.get(usize::from(id.0)));
        let upstream = service.and_then(|service| upstreams.get(usize::from(service.upstream.0)));
        if upstream.is_some_and(|upstream| upstream.servers.iter().any(is_in_the_clear)) {
            let title = section.title();
            section.warn(
                "",
                format!(
                    "{title} is asked over plain HTTP: whoever is on the way reads what is sent and changes what is \
                     answered, tokens and keys included; ask over https"
                ),
            );
        }
    }
}

fn is_in_the_clear(server: &Server) -> bool {
    let is_here = server.host == "localhost" || server.host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
    !server.tls && server.socket.is_none() && !is_here
}
