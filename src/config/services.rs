//! Readers of what the proxy asks by itself: a URL, or an upstream and a path; who asks; how long it waits.

use std::time::Duration;

use super::addresses::{ServerUrl, parse_server_url};
use super::http_text::parse_target;
use super::process::timeout_range;
use super::reader::{Field, Section};
use crate::net::tls::settings::UpstreamTls;
use crate::policy::ruleset::{Server, Upstream, UpstreamId};
use crate::policy::service::{Credentials, Service, ServiceId};

/// How a section says where a service is: the keys.
pub(super) struct Resource {
    /// Of the URL.
    pub(super) url: &'static str,
    /// Of the path beside `upstream`.
    pub(super) path: &'static str,
    /// A URL.
    pub(super) example: &'static str,
    /// Whether it may have a query.
    pub(super) query: bool,
}

/// The services read so far.
pub(super) struct Services<'n> {
    /// The upstreams that the configuration names.
    named: Vec<&'n str>,
    services: Vec<Service>,
    /// Those of services named by a URL; they follow the named ones.
    own: Vec<Upstream>,
}

/// What becomes of services: they, and the upstreams of those that are named by a URL.
pub(super) struct ReadServices {
    pub(super) services: Vec<Service>,
    pub(super) upstreams: Vec<(Upstream, Option<UpstreamTls>)>,
}

impl<'n> Services<'n> {
    /// None so far.
    pub(super) fn new(named: Vec<&'n str>) -> Self {
        Self { named, services: Vec::new(), own: Vec::new() }
    }

    /// Reads the service that `section` describes.
    pub(super) fn read(
        &mut self,
        section: &Section<'_>,
        resource: &Resource,
        credentials: Option<Credentials>,
        timeout: Duration,
    ) -> Option<ServiceId> {
        let timeout = section.duration("timeout", timeout_range(), timeout);
        let (upstream, path) = match section.get("upstream") {
            Some(field) => self.on_named(section, &field, resource)?,
            None => self.on_own(section, resource)?,
        };
        self.add(section, upstream, path, credentials, timeout)
    }

    /// A resource whose URL follows from other settings. Where `section` names an upstream, its servers have it.
    pub(super) fn derived(
        &mut self,
        section: &Section<'_>,
        (server, path): (ServerUrl, String),
        timeout: Duration,
    ) -> Option<ServiceId> {
        let timeout = section.duration("timeout", timeout_range(), timeout);
        let upstream = match section.get("upstream") {
            Some(field) => self.named(&field)?,
            None => self.own_upstream(section, server)?,
        };
        self.add(section, upstream, path, None, timeout)
    }

    /// What was read.
    pub(super) fn finish(self) -> ReadServices {
        let with_tls = |upstream: Upstream| {
            let tls = upstream.servers.iter().any(|server| server.tls).then(UpstreamTls::default);
            (upstream, tls)
        };
        ReadServices { services: self.services, upstreams: self.own.into_iter().map(with_tls).collect() }
    }

    /// Whether a service is on the named upstream at this position.
    pub(super) fn lead_to(&self, position: usize) -> bool {
        self.services.iter().any(|service| usize::from(service.upstream.0) == position)
    }

    fn on_own(&mut self, section: &Section<'_>, resource: &Resource) -> Option<(UpstreamId, String)> {
        let (url, path) = (section.get(resource.url), section.get(resource.path));
        if let Some(path) = path {
            if url.is_none() {
                section.require("upstream", "upstream = \"login\"");
                return None;
            }
            path.object(format!(
                "it stands beside `upstream`, and `{}` has its own; remove it",
                resource.url
            ));
        }
        let url = section.require(resource.url, &format!("{} = {:?}", resource.url, resource.example))?;
        let (server, path) = url.parsed("a URL", |text| parse_resource_url(text, resource.query))?;
        Some((self.own_upstream(section, server)?, path))
    }

    fn on_named(
        &self,
        section: &Section<'_>,
        field: &Field<'_>,
        resource: &Resource,
    ) -> Option<(UpstreamId, String)> {
        if let Some(url) = section.get(resource.url) {
            url.object("it excludes `upstream`; keep one of them");
        }
        let upstream = self.named(field);
        let (_, example) = parse_resource_url(resource.example, false).ok()?;
        let path = section.require(resource.path, &format!("{} = {example:?}", resource.path))?;
        let path =
            path.parsed("a path such as \"/policy\"", |text| parse_resource_path(text, resource.query));
        Some((upstream?, path?))
    }

    fn named(&self, field: &Field<'_>) -> Option<UpstreamId> {
        let name = field.text("the name of an upstream")?;
        let position = self.named.iter().position(|known| *known == name);
        if position.is_none() {
            field.fault(super::routes::unknown("upstream", name, &self.named));
        }
        Some(UpstreamId(u16::try_from(position?).ok()?))
    }

    fn own_upstream(&mut self, section: &Section<'_>, server: ServerUrl) -> Option<UpstreamId> {
        let id = u16::try_from(self.named.len() + self.own.len()).ok()?;
        // The title of a section is no name that an upstream of the configuration could have.
        self.own.push(Upstream::new(section.title(), vec![own_server(server)]));
        Some(UpstreamId(id))
    }

    fn add(
        &mut self,
        section: &Section<'_>,
        upstream: UpstreamId,
        path: String,
        credentials: Option<Credentials>,
        timeout: Duration,
    ) -> Option<ServiceId> {
        let id = u16::try_from(self.services.len()).ok()?;
        let name = section.title().to_owned();
        self.services.push(Service { name, upstream, path, credentials, timeout });
        Some(ServiceId(id))
    }
}

/// A user name and a password, both or none.
pub(super) fn credentials(section: &Section<'_>) -> Option<Credentials> {
    if section.get("username").is_none() && section.get("password_file").is_none() {
        return None;
    }
    let username = section.require("username", "username = \"ringwall\"");
    let username = username.and_then(|field| field.parsed("a user name", parse_username));
    let password_file = section.require("password_file", "password_file = \"policy.secret\"");
    let password_file = password_file.and_then(|field| field.file());
    Some(Credentials::new(username?, password_file?))
}

fn own_server(url: ServerUrl) -> Server {
    Server {
        host: url.host,
        port: url.port,
        socket: url.socket,
        tls: url.tls,
        weight: 1,
        authority: url.authority,
    }
}

/// A URL with a path, both parts.
pub(super) fn parse_resource_url(text: &str, query: bool) -> Result<(ServerUrl, String), String> {
    let authority = text.find("://").map_or(0, |scheme| scheme + "://".len());
    let path = text.get(authority..).and_then(|rest| rest.find('/')).map(|at| authority + at);
    let Some((server, path)) = path.and_then(|at| text.split_at_checked(at)).filter(|_| authority > 0) else {
        return Err("write a URL with a path, such as \"http://127.0.0.1:7878/policy\"".to_owned());
    };
    Ok((parse_server_url(server, |path| path.into())?, parse_resource_path(path, query)?))
}

fn parse_resource_path(text: &str, query: bool) -> Result<String, String> {
    if text.contains('?') && !query {
        return Err("a query does not belong to it; leave it out".to_owned());
    }
    parse_target(text)
}

fn parse_username(text: &str) -> Result<String, String> {
    if text.is_empty() || text.contains(':') || text.chars().any(char::is_control) {
        return Err("a user name has no colon and no control characters".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_is_a_server_and_a_path_without_a_query() {
        let check = |text: &str, expected: Option<(&str, &str)>| {
            let found = parse_resource_url(text, false).ok().map(|(server, path)| (server.authority, path));
            let expected = expected.map(|(authority, path)| (authority.to_owned(), path.to_owned()));
            assert_eq!(found, expected, "{text}");
        };
        check("http://127.0.0.1:7878/a/b", Some(("127.0.0.1:7878", "/a/b")));
        check("https://policy.test/", Some(("policy.test", "/")));
        check("https://policy.test", None);
        check("http://a/b?c=d", None);
        check("http://a?c=/d", None);
        check("http://a/b c", None);
        check("a/b", None);
        check("/b", None);
        check("ftp://a/b", None);
        check("http:///b", None);
        check("", None);
        let with_query = parse_resource_url("https://a/b?c=d", true).map(|(_, path)| path);
        assert_eq!(with_query, Ok("/b?c=d".to_owned()));
    }
}
