//! Where an issuer's keys come from, as far as keys that are there depend on it. Pure.

use std::path::PathBuf;

use crate::policy::ruleset::{Ruleset, Server};
use crate::policy::token_rules::{Issuer, IssuerKind, KeySource};

/// What keys were got for. Those of one origin are good for another that it stays.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Origin {
    /// The issuer's name in the configuration.
    pub(super) name: String,
    /// What it calls itself in tokens; empty where nobody says.
    pub(super) issuer: String,
    pub(super) place: Place,
}

/// Where they are.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Place {
    File(PathBuf),
    Http { path: String, servers: Vec<Server>, is_discovered: bool },
}

impl Origin {
    /// Where `issuer`'s keys come from; absent: it has none.
    pub(super) fn of(issuer: &Issuer, rules: &Ruleset) -> Option<Self> {
        let own = match &issuer.kind {
            IssuerKind::Jwt { rules, .. } => Some(&rules.issuer),
            IssuerKind::MobileFirst { rules, .. } => rules.issuer.as_ref(),
            IssuerKind::Introspection { .. } => None,
        };
        let http = |id: usize, is_discovered| {
            let service = rules.services.get(id)?;
            let upstream = rules.upstreams.get(usize::from(service.upstream.0))?;
            let servers = upstream.servers.clone();
            Some(Place::Http { path: service.path.clone(), servers, is_discovered })
        };
        let place = match issuer.keys()? {
            KeySource::File(path) => Place::File(path.clone()),
            KeySource::Service(id) => http(usize::from(id.0), false)?,
            KeySource::Discovery(id) => http(usize::from(id.0), true)?,
        };
        let issuer_text = own.map(|own| own.to_string()).unwrap_or_default();
        Some(Self { name: issuer.name.clone(), issuer: issuer_text, place })
    }

    /// Whether keys got for this are as good for `next`: the same issuer's at the same place, on at least one of the
    /// same servers. Others that come or go do not change what that one says.
    pub(super) fn stays(&self, next: &Self) -> bool {
        let is_there = match (&self.place, &next.place) {
            (Place::File(own), Place::File(other)) => own == other,
            (
                Place::Http { path, servers, is_discovered },
                Place::Http { path: next_path, servers: next_servers, is_discovered: next_is_discovered },
            ) => {
                let stays = |server: &Server| {
                    next_servers.iter().any(|next| next.tls == server.tls && next.place() == server.place())
                };
                (path, is_discovered) == (next_path, next_is_discovered) && servers.iter().any(stays)
            }
            (Place::File(_), Place::Http { .. }) | (Place::Http { .. }, Place::File(_)) => false,
        };
        is_there && (&self.name, &self.issuer) == (&next.name, &next.issuer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(path: &str, hosts: &[&str]) -> Origin {
        let servers = hosts.iter().map(|host| Server::new(*host, 8080)).collect();
        Origin {
            name: "main".into(),
            issuer: "https://login.test".into(),
            place: Place::Http { path: path.into(), servers, is_discovered: false },
        }
    }

    #[test]
    fn keys_are_good_for_the_same_issuer_at_the_same_place_alone() {
        let own = at("/jwks", &["a.test", "b.test"]);
        let file = |path: &str| Origin { place: Place::File(path.into()), ..own.clone() };
        let mut over_tls = own.clone();
        let mut discovered = own.clone();
        if let Place::Http { servers, .. } = &mut over_tls.place {
            servers.iter_mut().for_each(|server| server.tls = true);
        }
        if let Place::Http { is_discovered, .. } = &mut discovered.place {
            *is_discovered = true;
        }
        for (next, expected) in [
            (own.clone(), true),
            (at("/jwks", &["b.test", "c.test"]), true),
            (at("/jwks", &["c.test"]), false),
            (at("/other", &["a.test", "b.test"]), false),
            (Origin { name: "other".into(), ..own.clone() }, false),
            (Origin { issuer: "https://login.test/".into(), ..own.clone() }, false),
            (over_tls, false),
            (discovered, false),
            (file("a.json"), false),
        ] {
            assert_eq!(own.stays(&next), expected, "{next:?}");
        }
        assert!(file("a.json").stays(&file("a.json")) && !file("a.json").stays(&file("b.json")));
    }
}
