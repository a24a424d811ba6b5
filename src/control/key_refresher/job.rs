//! What a fetch of an issuer's keys takes, put together from what is in force. Pure.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::limits::KEY_FETCH_TIME;
use crate::net::tls::{Identities, UpstreamIdentity};
use crate::policy::ruleset::{Ruleset, Server};
use crate::policy::service::Service;
use crate::policy::token_rules::{IssuerId, IssuerKind, KeySource};
use crate::policy::upstream_health::{Probe, UpstreamView};

/// What to get, and from whom. Everything is as it was known when it was put together.
#[derive(Debug)]
pub struct FetchJob {
    /// Comes back with the outcome.
    pub ticket: u64,
    /// Where the keys are, or the metadata that say so.
    pub service: Service,
    /// The issuer whose metadata are at the service; absent: its keys are.
    pub metadata_of: Option<String>,
    /// Time for one document, all servers together.
    pub time_limit: Duration,
    /// The service's servers, in the order in which they are tried.
    pub servers: Vec<KeyServer>,
}

/// One server.
#[derive(Clone, Debug)]
pub struct KeyServer {
    /// As it is configured.
    pub server: Server,
    /// What it is checked against over TLS; absent where it is asked in the clear.
    pub identity: Option<Arc<UpstreamIdentity>>,
    /// Its addresses; of no meaning for a Unix socket.
    pub addresses: Vec<SocketAddr>,
}

impl FetchJob {
    /// A fetch of the keys of `issuer`; none where it has no keys at a service. Servers that are known to be down are
    /// tried last: their checks may be wrong, and nobody waits for a fetch.
    pub fn new(
        ticket: u64,
        issuer: IssuerId,
        rules: &Ruleset,
        identities: &Identities,
        view: &UpstreamView,
    ) -> Option<Self> {
        let issuer = rules.issuers.get(usize::from(issuer.0))?;
        let (id, is_discovered) = match issuer.keys()? {
            KeySource::File(_) => return None,
            KeySource::Service(id) => (id, false),
            KeySource::Discovery(id) => (id, true),
        };
        let name = match &issuer.kind {
            IssuerKind::Jwt { rules, .. } => Some(&rules.issuer),
            IssuerKind::MobileFirst { rules, .. } => rules.issuer.as_ref(),
            IssuerKind::Introspection { .. } => None,
        };
        let service = rules.services.get(usize::from(id.0))?.clone();
        let upstream = usize::from(service.upstream.0);
        let identity = identities.upstreams.get(upstream).and_then(Option::as_ref);
        let known = rules.upstreams.get(upstream)?.servers.iter().zip(view.upstreams.get(upstream)?);
        let mut servers: Vec<_> = known
            .map(|(server, view)| {
                let identity = identity.filter(|_| server.tls).cloned();
                let addresses = view.addresses.clone();
                (view.probe == Probe::Down, KeyServer { server: server.clone(), identity, addresses })
            })
            .collect();
        servers.sort_by_key(|(is_down, _)| *is_down);
        Some(Self {
            ticket,
            metadata_of: is_discovered.then(|| name.map(|name| name.to_string()).unwrap_or_default()),
            time_limit: service.timeout.min(KEY_FETCH_TIME),
            servers: servers.into_iter().map(|(_, server)| server).collect(),
            service,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::fixture;
    use crate::policy::ruleset::UpstreamId;
    use crate::policy::service::ServiceId;
    use crate::policy::upstream_health::ServerView;

    /// Rules with an issuer whose keys are there, at a service on two servers, and its job.
    fn job(keys: KeySource, timeout: Duration, probes: [Probe; 2]) -> Option<FetchJob> {
        let mut rules = fixture::ruleset();
        rules.services =
            vec![Service { timeout, ..fixture::service("[issuer.main]", UpstreamId(0), "/jwks") }];
        rules.issuers = vec![fixture::issuer("main", keys)];
        let view = |probe| ServerView { addresses: vec![([192, 0, 2, 9], 80).into()], probe };
        let view = UpstreamView { upstreams: vec![probes.map(view).into()] };
        FetchJob::new(3, IssuerId(0), &rules, &Identities::default(), &view)
    }

    #[test]
    fn servers_that_are_down_are_tried_last() {
        let check = |probes, expected: [&str; 2]| {
            let job = job(KeySource::Service(ServiceId(0)), KEY_FETCH_TIME, probes).unwrap();
            let hosts: Vec<_> = job.servers.iter().map(|known| known.server.host.as_str()).collect();
            assert_eq!((job.ticket, hosts.as_slice()), (3, expected.as_slice()), "{probes:?}");
            assert!(job.servers.iter().all(|known| known.addresses.len() == 1));
        };
        check([Probe::Up, Probe::Unknown], ["192.0.2.1", "192.0.2.2"]);
        check([Probe::Unknown, Probe::Up], ["192.0.2.1", "192.0.2.2"]);
        check([Probe::Down, Probe::Unknown], ["192.0.2.2", "192.0.2.1"]);
        check([Probe::Down, Probe::Down], ["192.0.2.1", "192.0.2.2"]);
    }

    #[test]
    fn a_job_is_what_the_issuer_and_its_service_say() {
        let up = [Probe::Up; 2];
        let of = |keys| job(keys, KEY_FETCH_TIME, up);
        let metadata_of = |keys| of(keys).unwrap().metadata_of;
        assert_eq!(metadata_of(KeySource::Service(ServiceId(0))), None);
        assert_eq!(metadata_of(KeySource::Discovery(ServiceId(0))).as_deref(), Some("https://main.test"));
        assert!(of(KeySource::File("jwks.json".into())).is_none());
        assert!(of(KeySource::Service(ServiceId(7))).is_none());
        for (timeout, expected) in [(1, 1), (10, 10), (600, 10)] {
            let job = job(KeySource::Service(ServiceId(0)), Duration::from_secs(timeout), up).unwrap();
            assert_eq!(job.time_limit, Duration::from_secs(expected), "{timeout}");
        }
    }
}
