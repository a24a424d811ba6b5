//! Readers of what concerns the whole process: workers, admin, log, time limits, sizes, forwarding.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::addresses::{parse_network, parse_socket_address};
use super::cpu_list::worker_cpus;
use super::reader::{Field, Section, nearest};
use super::schema;
use crate::control::settings::{AccessLog, LogFormat, LogSettings, WorkerSettings};
use crate::limits;
use crate::policy::ruleset::{Forwarding, Limits, ListenAddress, Listener, Timeouts};

/// Longest name of a listener or an upstream: it stands in every log line and metric.
const NAME_BYTES_MAX: usize = 64;
const SOCKET_ADDRESS: &str = "an IP address and a port, such as \"127.0.0.1:8443\"";

pub(super) fn workers(root: &Section<'_>, allowed: &[usize]) -> WorkerSettings {
    let section = root.section("workers", schema::WORKERS);
    WorkerSettings {
        cpus: worker_cpus(section.get("cpus").as_ref(), allowed),
        busy_poll: section.duration("busy_poll", Duration::ZERO..=limits::BUSY_POLL_MAX, Duration::ZERO),
    }
}

/// Where the admin server listens: never where a data listener does.
pub(super) fn admin(root: &Section<'_>, listeners: &[Listener]) -> Option<SocketAddr> {
    let Some(field) = root.section("admin", schema::ADMIN).get("address") else {
        root.warn("admin", "no [admin] address: there will be no health, metrics or status pages");
        return None;
    };
    let address = field.parsed(SOCKET_ADDRESS, parse_socket_address)?;
    if let Some(listener) = listeners.iter().find(|listener| takes(&listener.address, address)) {
        let (name, taken) = (&listener.name, &listener.address);
        field.fault(format!("listener `{name}` takes {taken}; give the admin server a port of its own"));
    }
    Some(address)
}

pub(super) fn log(root: &Section<'_>) -> LogSettings {
    let section = root.section("log", schema::LOG);
    let format = [("json", LogFormat::Json), ("text", LogFormat::Text)];
    LogSettings {
        access: section.get("access").and_then(|field| access_log(&field)).unwrap_or(AccessLog::Stdout),
        format: section.get("format").and_then(|field| field.choice(&format)).unwrap_or(LogFormat::Json),
    }
}

pub(super) fn timeouts(root: &Section<'_>) -> Timeouts {
    let section = root.section("timeouts", schema::TIMEOUTS);
    let read = |key, default| section.duration(key, timeout_range(), default);
    let unsaid = Timeouts::default();
    Timeouts {
        header: read("header", unsaid.header),
        body: read("body", unsaid.body),
        idle: read("idle", unsaid.idle),
        handshake: read("handshake", unsaid.handshake),
        connect: read("connect", unsaid.connect),
        response: read("response", unsaid.response),
        drain: read("drain", unsaid.drain),
    }
}

pub(super) fn limits(root: &Section<'_>) -> Limits {
    let section = root.section("limits", schema::LIMITS);
    let size = |key, least: usize, default: usize| {
        section.size(key, least as u64..=limits::HEADER_BYTES_MAX as u64, default as u64) as usize
    };
    let count =
        |key, most: usize, default: usize| section.count(key, 1..=most as u64, default as u64) as usize;
    let unsaid = Limits::default();
    let header_bytes = size("header_bytes", limits::HEADER_BYTES_MIN, unsaid.header_bytes);
    let request_line = match section.get("request_line") {
        Some(field) => {
            let range = limits::REQUEST_LINE_BYTES_MIN as u64..=limits::HEADER_BYTES_MAX as u64;
            let size = field.size(range).map_or(unsaid.request_line, |size| size as usize);
            if size > header_bytes {
                field
                    .fault("it is more than `header_bytes`, of which it is a part; raise that or lower this");
            }
            size
        }
        None => unsaid.request_line.min(header_bytes),
    };
    let connections = count("connections", limits::CONNECTIONS_MAX, unsaid.connections);
    Limits {
        request_line,
        header_bytes,
        header_count: count("header_count", limits::HEADER_COUNT_MAX, unsaid.header_count),
        body_bytes: section.size("body_bytes", 0..=limits::BODY_BYTES_MAX, unsaid.body_bytes),
        connections,
        connections_per_address: count("connections_per_address", limits::CONNECTIONS_MAX, connections),
        payload_chunk: section.size(
            "payload_chunk",
            limits::PAYLOAD_CHUNK_BYTES_MIN as u64..=limits::PAYLOAD_CHUNK_BYTES as u64,
            unsaid.payload_chunk as u64,
        ) as usize,
    }
}

pub(super) fn forwarding(root: &Section<'_>) -> Forwarding {
    let section = root.section("forwarding", schema::FORWARDING);
    let trusted = section.get("trusted").map(|field| field.list()).unwrap_or_default();
    Forwarding { trusted: trusted.iter().filter_map(network).collect() }
}

/// A network of client addresses.
pub(super) fn network(field: &Field<'_>) -> Option<ipnet::IpNet> {
    field.parsed("a network such as \"10.0.0.0/8\" or a list of them", parse_network)
}

/// The range of every time limit.
pub(super) fn timeout_range() -> std::ops::RangeInclusive<Duration> {
    Duration::from_micros(1)..=limits::TIMEOUT_MAX
}

/// A name that other settings refer to.
pub(super) fn parse_name(text: &str) -> Result<String, String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if (1..=NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(allowed) {
        return Ok(text.to_owned());
    }
    Err(format!("a name is 1 to {NAME_BYTES_MAX} letters, digits, `-`, `_` or `.`"))
}

/// `stdout`, `off` or a file. What is nearly one of the words is taken for a slip, not for a file.
fn access_log(field: &Field<'_>) -> Option<AccessLog> {
    match field.text("\"stdout\", \"off\" or the path of a file")? {
        "stdout" => Some(AccessLog::Stdout),
        "off" => Some(AccessLog::Off),
        "" => {
            field.fault("write \"stdout\", \"off\" or the path of a file");
            None
        }
        text => {
            if !text.contains(['/', '.'])
                && let Some(near) = nearest(text, ["stdout", "off"].into_iter())
            {
                field.fault(format!("did you mean \"{near}\"? For a file of this name write \"./{text}\""));
                return None;
            }
            Some(AccessLog::File(field.place().beside(text)))
        }
    }
}

/// Whether a data listener leaves no room for the admin server at `address`.
fn takes(listener: &ListenAddress, address: SocketAddr) -> bool {
    matches!(listener, ListenAddress::Tcp(own) if overlap(*own, address))
}

/// Whether both cannot be bound, or a client of one could reach the other.
fn overlap(a: SocketAddr, b: SocketAddr) -> bool {
    let wild = |a: IpAddr, b: IpAddr| a.is_unspecified() && (a.is_ipv6() || b.is_ipv4());
    let hosts = a.ip() == b.ip() || wild(a.ip(), b.ip()) || wild(b.ip(), a.ip());
    a.port() != 0 && a.port() == b.port() && hosts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_address_takes_its_port_everywhere() {
        let check = |a: &str, b: &str, expected: bool| {
            let (a, b): (SocketAddr, SocketAddr) = (a.parse().expect("address"), b.parse().expect("address"));
            assert_eq!((overlap(a, b), overlap(b, a)), (expected, expected), "{a} {b}");
        };
        check("127.0.0.1:1", "127.0.0.1:1", true);
        check("127.0.0.1:1", "127.0.0.1:2", false);
        check("127.0.0.1:1", "127.0.0.2:1", false);
        check("0.0.0.0:1", "127.0.0.1:1", true);
        check("[::]:1", "127.0.0.1:1", true);
        check("[::]:1", "0.0.0.0:1", true);
        check("0.0.0.0:1", "[::1]:1", false);
        check("0.0.0.0:0", "127.0.0.1:0", false);
    }
}
