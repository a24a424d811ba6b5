//! Gets an issuer's keys from its servers, by blocking GETs. What follows from how that goes is not decided here.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::freshness::lifetime;
use super::job::{FetchJob, KeyServer};
use super::metadata::{MetadataFault, Resource, key_set_of};
use super::read_keys::ReadKeys;
use crate::limits::{ADDRESSES_PER_SERVER, KEY_ANSWER_BYTES, SERVICE_HEAD_BYTES};
use crate::net::blocking_stream::BlockingStream;
use crate::net::clock;
use crate::net::resolver::{self, ServerName};
use crate::net::tls::UpstreamIdentity;
use crate::policy::service::Service;
use crate::protocol::http1::{HeadLimits, HeadWriter, Method, ResponseFault, ResponsePiece, ResponseReader};
use crate::protocol::moment::Monotonic;
use crate::protocol::token::key_set::KeySetFault;

const HEAD_LIMITS: HeadLimits =
    HeadLimits { request_line: 0, header_bytes: SERVICE_HEAD_BYTES, header_count: 100 };
const READ_BYTES: usize = 16 * 1024;

/// How it went.
#[derive(Debug)]
pub struct Fetched {
    /// That of the job.
    pub ticket: u64,
    /// The keys, or why there are none.
    pub outcome: Result<ReadKeys, FetchFault>,
}

/// Why keys cannot be had, by the last server that was tried. Nothing that a server sent is shown.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {cause}")]
pub struct FetchFault {
    /// The server.
    pub place: String,
    /// What is wrong.
    pub cause: FetchCause,
}

/// What is wrong with a server, or its answer.
#[derive(Debug, thiserror::Error)]
pub enum FetchCause {
    /// Connecting, the handshake, sending or receiving failed; also when the time was up.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// What came is no set of keys.
    #[error(transparent)]
    KeySet(#[from] KeySetFault),
    /// The metadata lead to no keys.
    #[error(transparent)]
    Metadata(#[from] MetadataFault),
    /// It has no address.
    #[error("its name does not resolve")]
    NoAddress,
    /// There is nothing to check its certificate against.
    #[error("there is no `tls` to check it against; name the set of keys itself by `jwks_url`")]
    NoTrust,
    /// The answer is no response.
    #[error(transparent)]
    Response(#[from] ResponseFault),
    /// Another status than 200.
    #[error("status {0}")]
    Status(u16),
    /// More than [`KEY_ANSWER_BYTES`].
    #[error("the answer is longer than {KEY_ANSWER_BYTES} bytes")]
    TooLong,
}

/// What a server answered.
struct Document {
    body: Vec<u8>,
    lifetime: Option<Duration>,
    /// It came from this machine.
    is_local: bool,
}

/// Where to connect to.
enum Door {
    Address(SocketAddr),
    Socket(PathBuf),
}

/// Who is asked, and how.
struct Asked<'a> {
    authority: &'a str,
    /// What it is checked against, and the host that it must be.
    tls: Option<(&'a UpstreamIdentity, &'a str)>,
    /// Fields of the request are its: it asks in somebody's name. Absent for strangers, who learn nothing.
    service: Option<&'a Service>,
}

/// Has the keys got on a thread of its own, which ends with `report`.
///
/// # Errors
/// The thread cannot be started.
pub fn begin(job: FetchJob, report: impl FnOnce(Fetched) + Send + 'static) -> io::Result<()> {
    let get = move || report(Fetched { ticket: job.ticket, outcome: fetch(&job) });
    thread::Builder::new().name("ringwall-keys".into()).spawn(get).map(drop)
}

/// Gets the keys.
///
/// # Errors
/// [`FetchFault`].
pub fn fetch(job: &FetchJob) -> Result<ReadKeys, FetchFault> {
    let keys = |document: Document| Ok(ReadKeys::parse(&document.body, document.lifetime)?);
    let Some(issuer) = &job.metadata_of else { return ask_servers(job, &job.service.path, keys) };
    let uri = ask_servers(job, &job.service.path, |document| {
        Ok(key_set_of(&document.body, issuer, document.is_local)?)
    })?;
    let is_theirs = job.servers.iter().any(|known| uri.is_on(&known.server))
        || Resource::parse(issuer).is_some_and(|issuer| issuer.is_beside(&uri));
    if is_theirs {
        return ask_servers(job, &uri.target, keys);
    }
    ask_elsewhere(job, &uri).and_then(keys).map_err(|cause| FetchFault { place: uri.authority, cause })
}

/// Asks the service's servers in turn, address by address, until one gives what `read` can read.
fn ask_servers<T>(
    job: &FetchJob,
    target: &str,
    read: impl Fn(Document) -> Result<T, FetchCause>,
) -> Result<T, FetchFault> {
    let deadline = clock::monotonic().after(job.time_limit);
    let mut fault = FetchFault { place: job.service.name.clone(), cause: FetchCause::NoAddress };
    let mut doors: Vec<(&KeyServer, Door)> = Vec::new();
    for known in &job.servers {
        match &known.server.socket {
            Some(path) => doors.push((known, Door::Socket(path.clone()))),
            None => doors.extend(known.addresses.iter().map(|address| (known, Door::Address(*address)))),
        }
    }
    for (position, (known, door)) in doors.iter().enumerate() {
        let KeyServer { server, identity, .. } = known;
        let tls = identity.as_deref().map(|identity| (identity, server.host.as_str()));
        let asked = Asked { authority: &server.authority, tls, service: Some(&job.service) };
        let answer = if server.tls && tls.is_none() {
            Err(FetchCause::NoTrust)
        } else {
            asked.get(target, door, share(deadline, doors.len() - position))
        };
        match answer.and_then(&read) {
            Ok(found) => return Ok(found),
            Err(cause) => fault = FetchFault { place: server.place(), cause },
        }
    }
    Err(fault)
}

/// Asks a server that the metadata alone name. It is not shown the service's credentials.
fn ask_elsewhere(job: &FetchJob, uri: &Resource) -> Result<Document, FetchCause> {
    let deadline = clock::monotonic().after(job.time_limit);
    let identity = job.servers.iter().find_map(|known| known.identity.as_ref());
    // The name that the service's servers go by is not this one's.
    let identity =
        identity.map(|known| UpstreamIdentity { config: Arc::clone(&known.config), server_name: None });
    let tls = match (uri.tls, &identity) {
        (true, Some(identity)) => Some((identity, uri.host.as_str())),
        (true, None) => return Err(FetchCause::NoTrust),
        (false, _) => None,
    };
    let name = ServerName { host: uri.host.clone(), port: uri.port };
    let mut addresses = match name.literal() {
        Some(address) => vec![address],
        None => resolver::look_up(&name)?,
    };
    // In the clear it is this machine or nobody, whatever its name resolves to.
    addresses.retain(|address| uri.tls || address.ip().is_loopback());
    addresses.truncate(ADDRESSES_PER_SERVER);
    let asked = Asked { authority: &uri.authority, tls, service: None };
    let mut fault = FetchCause::NoAddress;
    for (position, address) in addresses.iter().enumerate() {
        let until = share(deadline, addresses.len() - position);
        match asked.get(&uri.target, &Door::Address(*address), until) {
            Ok(document) => return Ok(document),
            Err(cause) => fault = cause,
        }
    }
    Err(fault)
}

/// One of so many equal parts of the time that is left, so that one who is silent leaves some to the others.
fn share(deadline: Monotonic, parts: usize) -> Monotonic {
    let now = clock::monotonic();
    now.after(deadline.since(now) / u32::try_from(parts.max(1)).unwrap_or(u32::MAX))
}

impl Asked<'_> {
    fn get(&self, target: &str, door: &Door, deadline: Monotonic) -> Result<Document, FetchCause> {
        let (stream, is_local) = match door {
            Door::Address(address) => {
                (BlockingStream::connect(*address, deadline)?, address.ip().is_loopback())
            }
            Door::Socket(path) => (BlockingStream::connect_unix(path, deadline)?, true),
        };
        let mut stream = match self.tls {
            Some((identity, host)) => stream.secured(identity, host)?,
            None => stream,
        };
        stream.write_all(&self.request(target))?;
        stream.flush()?;
        let (body, lifetime) = receive(&mut stream)?;
        Ok(Document { body, lifetime, is_local })
    }

    fn request(&self, target: &str) -> Vec<u8> {
        let mut head = Vec::new();
        let mut writer = HeadWriter::new(&mut head);
        writer.request_line(b"GET", target.as_bytes());
        match self.service {
            Some(service) => service.write_fields(self.authority, &mut writer),
            None => {
                writer.field(b"host", self.authority.as_bytes());
                writer.field(b"accept", b"application/json");
            }
        }
        writer.field(b"user-agent", concat!("ringwall-keys/", env!("CARGO_PKG_VERSION")).as_bytes());
        writer.field(b"connection", b"close");
        writer.end();
        head
    }
}

/// The body of a response with status 200, and how long it is good.
fn receive(stream: &mut impl Read) -> Result<(Vec<u8>, Option<Duration>), FetchCause> {
    let mut reader = ResponseReader::new(Method::Get, HEAD_LIMITS);
    let (mut body, mut good_for) = (Vec::new(), None);
    let mut bytes = [0; READ_BYTES];
    loop {
        match stream.read(&mut bytes) {
            Ok(0) => reader.end(),
            Ok(count) => reader.push(bytes.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error.into()),
        }
        loop {
            match reader.advance()? {
                ResponsePiece::NeedMore => break,
                ResponsePiece::End => return Ok((body, good_for)),
                ResponsePiece::Head(head) if head.status != 200 => {
                    return Err(FetchCause::Status(head.status));
                }
                ResponsePiece::Head(head) => {
                    good_for =
                        lifetime(head.fields.iter().map(|(name, value)| (name.as_str(), value.as_slice())));
                }
                ResponsePiece::Body(piece) if body.len() + piece.len() > KEY_ANSWER_BYTES => {
                    return Err(FetchCause::TooLong);
                }
                ResponsePiece::Body(piece) => body.extend_from_slice(piece),
            }
        }
    }
}

#[cfg(test)]
mod tests;
