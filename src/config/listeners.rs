//! Readers of `[[listener]]`: where requests arrive, and who says who the client is. TLS is read by `tls`.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use super::addresses::parse_listen_address;
use super::process::{network, parse_name};
use super::reader::Section;
use super::schema;
use crate::limits;
use crate::policy::ruleset::{ListenAddress, Listener, ProxyProtocol, UNIX_PEER};

const ADDRESS: &str = "an IP address and a port, such as \"127.0.0.1:8443\", or \"unix:\" and a path";

/// The listeners in file order with their tables. A faulty one is there too, with a stand-in, so that routes may name
/// it.
pub(super) fn listeners<'t>(root: &Section<'t>) -> Vec<(Listener, Section<'t>)> {
    let none = "no listener; write for example [[listener]] with `name` and `address`";
    let sections = root.some_sections("listener", schema::LISTENER, none);
    if sections.len() > limits::LISTENERS {
        root.error("listener", format!("more than {} listeners; remove some", limits::LISTENERS));
    }
    let mut listeners: Vec<(Listener, Section<'t>)> = Vec::new();
    for section in sections {
        let listener = listener(&section, &listeners);
        listeners.push((listener, section));
    }
    listeners
}

fn listener(section: &Section<'_>, earlier: &[(Listener, Section<'_>)]) -> Listener {
    let name = section.require("name", "name = \"public\"");
    let address = section.require("address", "address = \"0.0.0.0:8443\"");
    let parsed_name = name.as_ref().and_then(|name| name.parsed("a name", parse_name));
    let parsed_address = address.as_ref().and_then(|field| {
        field.parsed(ADDRESS, |text| parse_listen_address(text, |path| field.place().beside(path)))
    });
    if let (Some(field), Some(name)) = (&name, &parsed_name)
        && earlier.iter().any(|(other, _)| other.name == *name)
    {
        field.fault("another listener has this name; give each its own");
    }
    // Port 0 is another one each time, and the stand-in of a faulty address.
    let is_any = |own: &ListenAddress| matches!(own, ListenAddress::Tcp(own) if own.port() == 0);
    if let (Some(field), Some(own)) = (&address, &parsed_address)
        && let Some((other, _)) = earlier.iter().find(|(other, _)| !is_any(own) && other.address == *own)
    {
        field.fault(format!("listener `{}` has this address; give each its own", other.name));
    }
    let address = parsed_address.unwrap_or_else(|| SocketAddr::new(IpAddr::from([0, 0, 0, 0]), 0).into());
    Listener {
        name: parsed_name.unwrap_or_default(),
        proxy_protocol: proxy_protocol(section, matches!(address, ListenAddress::Unix(_))),
        tls: section.get("tls").is_some(),
        address,
    }
}

/// Whose PROXY headers are believed; none when none is expected.
fn proxy_protocol(section: &Section<'_>, is_unix: bool) -> Option<ProxyProtocol> {
    let choices = [("off", false), ("required", true)];
    let required = section.get("proxy_protocol").and_then(|field| field.choice(&choices)).unwrap_or(false);
    let from = section.get("proxy_protocol_from");
    let networks = from.as_ref().map(|field| field.list_of_some("a listener without PROXY headers"));
    let networks: Option<Vec<IpNet>> = networks.map(|fields| fields.iter().filter_map(network).collect());
    match (required, &from) {
        (false, Some(field)) => field.warn(
            "nobody is believed while `proxy_protocol` is off; set that to \"required\" or remove this",
        ),
        (true, Some(field)) if is_unix => {
            field.object("clients of a Unix socket have no address, and all of them are believed; remove it");
        }
        (true, None) if !is_unix => section.error(
            "proxy_protocol_from",
            format!(
                "{} is missing: a PROXY header is believed only from listed networks; write for example \
                 `proxy_protocol_from = [\"10.0.0.0/8\"]`",
                section.label("proxy_protocol_from")
            ),
        ),
        (_, None) | (true, Some(_)) => {}
    }
    let unix = || vec![IpNet::from(UNIX_PEER.ip())];
    required.then(|| ProxyProtocol { from: if is_unix { unix() } else { networks.unwrap_or_default() } })
}
