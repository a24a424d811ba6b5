//! Who is connected, where, and what TLS says of it.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use crate::policy::access_rule::ClientCertificateRule;
use crate::policy::refusal::Refusal;
use crate::policy::ruleset::ListenerId;
use crate::protocol::client_certificate::ClientCertificate;
use crate::protocol::tls_names::CertificateNames;

/// Who is connected, where.
#[derive(Clone, Debug)]
pub struct Peer {
    /// The listener that accepted.
    pub listener: ListenerId,
    /// The peer's address.
    pub address: SocketAddr,
    /// What its handshake said; absent: the connection is in the clear.
    pub tls: Option<Rc<TlsPeer>>,
}

/// What a TLS handshake said of a client.
#[derive(Debug)]
pub struct TlsPeer {
    /// The names of all the listener's certificates.
    pub names: Arc<CertificateNames>,
    /// The name that was asked for, lower case.
    pub server_name: Option<String>,
    /// The certificate that the client proved to own.
    pub client: Option<ClientCertificate>,
}

impl Peer {
    /// Refuses a request for a host that another certificate speaks for than the one this client was shown (RFC 9110
    /// section 15.5.20): it would bypass what that certificate's connections are asked for.
    pub(super) fn is_right_for(&self, host: &[u8]) -> Result<(), Refusal> {
        let Some(tls) = &self.tls else { return Ok(()) };
        let shown =
            tls.server_name.as_ref().and_then(|name| tls.names.index_of(name.as_bytes())).unwrap_or(0);
        match tls.names.index_of(host) {
            Some(owner) if owner != shown => Err(Refusal::Misdirected),
            _ => Ok(()),
        }
    }

    /// The certificate that the client proved to own.
    #[inline]
    pub fn certificate(&self) -> Option<&ClientCertificate> {
        self.tls.as_ref()?.client.as_ref()
    }

    /// Checks what `rule` asks of the client's certificate.
    pub(super) fn satisfies(&self, rule: &ClientCertificateRule) -> Result<(), Refusal> {
        let client = self.certificate().ok_or(Refusal::CertificateRequired)?;
        match rule {
            ClientCertificateRule::Required => Ok(()),
            ClientCertificateRule::OneOf { san, sha256 } => {
                let own = |wanted: &String| client.san.iter().any(|name| names_the_same(name, wanted));
                let listed = san.iter().any(own) || sha256.contains(&client.sha256);
                if listed { Ok(()) } else { Err(Refusal::CertificateNotListed) }
            }
        }
    }
}

/// `name` is of a certificate and says its kind, as in `dns:a.example`; `wanted` may say it.
fn names_the_same(name: &str, wanted: &str) -> bool {
    name == wanted || name.split_once(':').is_some_and(|(_, bare)| bare == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(server_name: Option<&str>, client: Option<ClientCertificate>) -> Peer {
        let names = ["a.example", "b.example"].map(|name| vec![name.to_owned()]);
        let tls = TlsPeer {
            names: Arc::new(CertificateNames::new(names.into())),
            server_name: server_name.map(str::to_owned),
            client,
        };
        Peer { listener: ListenerId(0), address: ([192, 0, 2, 1], 1).into(), tls: Some(Rc::new(tls)) }
    }

    #[test]
    fn a_host_of_another_certificate_is_misdirected() {
        for (server_name, host, right) in [
            (Some("a.example"), "a.example", true),
            (Some("a.example"), "A.EXAMPLE", true),
            (Some("a.example"), "b.example", false),
            (Some("b.example"), "a.example", false),
            (Some("a.example"), "unknown.example", true),
            (Some("unknown.example"), "a.example", true),
            (Some("unknown.example"), "b.example", false),
            (None, "a.example", true),
            (None, "b.example", false),
        ] {
            let judged = peer(server_name, None).is_right_for(host.as_bytes());
            assert_eq!(judged.is_ok(), right, "{server_name:?} {host}");
        }
    }

    #[test]
    fn a_rule_asks_for_any_certificate_or_for_listed_ones() {
        let client = |san: &str, sha256: &str| ClientCertificate {
            subject: String::new(),
            san: vec![san.into()],
            sha256: sha256.into(),
        };
        let listed = |san: &str, sha256: &str| ClientCertificateRule::OneOf {
            san: vec![san.into()],
            sha256: vec![sha256.into()],
        };
        for (client, rule, outcome) in [
            (None, ClientCertificateRule::Required, Err(Refusal::CertificateRequired)),
            (None, listed("a", "00"), Err(Refusal::CertificateRequired)),
            (Some(client("dns:a", "00")), ClientCertificateRule::Required, Ok(())),
            (Some(client("dns:a", "00")), listed("a", "ff"), Ok(())),
            (Some(client("dns:a", "00")), listed("dns:a", "ff"), Ok(())),
            (Some(client("dns:a", "00")), listed("uri:a", "ff"), Err(Refusal::CertificateNotListed)),
            (Some(client("uri:spiffe://a", "00")), listed("spiffe://a", "ff"), Ok(())),
            (Some(client("dns:b", "00")), listed("a", "00"), Ok(())),
            (Some(client("dns:b", "00")), listed("a", "ff"), Err(Refusal::CertificateNotListed)),
        ] {
            let text = format!("{client:?} {rule:?}");
            assert_eq!(peer(None, client).satisfies(&rule), outcome, "{text}");
        }
    }
}
