//! Readers of what the proxy asks by itself: a URL, or an upstream and a path; who asks; how long it waits.

use std::time::Duration;

use super::addresses::{ServerUrl, parse_server_url};
use super::http_text::parse_target;
use super::process::timeout_range;
use super::reader::Section;
use crate::net::tls::settings::UpstreamTls;
use crate::policy::ruleset::{Server, Upstream, UpstreamId};
use crate::policy::service::{Credentials, Service, ServiceId};

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

    /// Reads the service that `section` describes; `url` is an example of one.
    pub(super) fn read(&mut self, section: &Section<'_>, url: &str, timeout: Duration) -> Option<ServiceId> {
        let credentials = credentials(section);
        let timeout = section.duration("timeout", timeout_range(), timeout);
        let (upstream, path) = self.place(section, url)?;
        let id = u16::try_from(self.services.len()).ok()?;
        let name = section.title().to_owned();
        self.services.push(Service { name, upstream, path, credentials, timeout });
        Some(ServiceId(id))
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

    fn place(&mut self, section: &Section<'_>, example: &str) -> Option<(UpstreamId, String)> {
        let Some(field) = section.get("upstream") else {
            let url = section.require("url", &format!("url = {example:?}"))?;
            let (url, path) = url.parsed("a URL", parse_resource_url)?;
            let id = u16::try_from(self.named.len() + self.own.len()).ok()?;
            // The title of a section is no name that an upstream of the configuration could have.
            self.own.push(Upstream::new(section.title(), vec![server(url)]));
            return Some((UpstreamId(id), path));
        };
        if let Some(url) = section.get("url") {
            url.object("it excludes `upstream`; keep one of them");
        }
        let name = field.text("the name of an upstream")?;
        let position = self.named.iter().position(|known| *known == name);
        if position.is_none() {
            field.fault(super::routes::unknown("upstream", name, &self.named));
        }
        let path = section.require("path", "path = \"/policy\"")?;
        let path = path.parsed("a path such as \"/policy\"", parse_resource_path);
        Some((UpstreamId(u16::try_from(position?).ok()?), path?))
    }
}

/// Both or none.
fn credentials(section: &Section<'_>) -> Option<Credentials> {
    if section.get("username").is_none() && section.get("password_file").is_none() {
        return None;
    }
    let username = section.require("username", "username = \"ringwall\"");
    let username = username.and_then(|field| field.parsed("a user name", parse_username));
    let password_file = section.require("password_file", "password_file = \"policy.secret\"");
    let password_file = password_file.and_then(|field| field.file());
    Some(Credentials::new(username?, password_file?))
}

fn server(url: ServerUrl) -> Server {
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
fn parse_resource_url(text: &str) -> Result<(ServerUrl, String), String> {
    let authority = text.find("://").map_or(0, |scheme| scheme + "://".len());
    let path = text.get(authority..).and_then(|rest| rest.find('/')).map(|at| authority + at);
    let Some((server, path)) = path.and_then(|at| text.split_at_checked(at)).filter(|_| authority > 0) else {
        return Err("write a URL with a path, such as \"http://127.0.0.1:7878/policy\"".to_owned());
    };
    Ok((parse_server_url(server, |path| path.into())?, parse_resource_path(path)?))
}

fn parse_resource_path(text: &str) -> Result<String, String> {
    if text.contains('?') {
        return Err("the query is added to it; leave yours out".to_owned());
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
            let found = parse_resource_url(text).ok().map(|(server, path)| (server.authority, path));
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
    }
}
