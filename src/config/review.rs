//! What is allowed and yet deserves a look, once everything is read: `check` prints it.

use super::reader::Section;
use super::services::Services;
use crate::policy::access_rule::AccessRule;
use crate::policy::route_table::{Route, RouteTable, RouteTarget};
use crate::policy::ruleset::{Upstream, UpstreamId};

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
