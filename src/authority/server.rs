//! The embedded Token Server's listener: connections in, one answer each.
//!
//! Plain blocking threads, one per connection up to a bound. They read and write; what is answered is decided by one
//! thread more, which owns all that changes (the desk) and takes one request after the other.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

use ring::rand::SystemRandom;
use zeroize::Zeroizing;

use super::answer::{Answer, Refusal};
use super::desk::Desk;
use super::request::Request;
use super::settings::AuthoritySettings;
use crate::limits::{
    AUTHORITY_CONNECTIONS, AUTHORITY_DEADLINE, AUTHORITY_FORM_BYTES, AUTHORITY_HEAD_BYTES, DISCARD_BYTES,
};
use crate::net::blocking_server::{BlockingServer, Service};
use crate::net::blocking_stream::TimedSocket;
use crate::net::clock;
use crate::protocol::token::token_signer::{TokenSigner, TokenSigningFault};

/// The running server. Dropping it closes the address.
pub struct AuthorityServer {
    server: BlockingServer,
    issuer: String,
}

/// Why it does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartFault {
    /// The address is taken or not this machine's, or there is no thread to be had.
    #[error("the Token Server cannot listen on {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// Everybody who reaches it would have any token made.
    #[error(
        "the Token Server makes test tokens for everybody (`development`), and {0} is not a loopback address: use one, \
         or turn it off"
    )]
    Reachable(SocketAddr),
    /// There is no key to sign with.
    #[error("the Token Server has no key: {0}")]
    Key(#[from] TokenSigningFault),
}

/// A request and where its answer goes.
struct Question {
    request: Request,
    answer: SyncSender<Answer>,
}

/// Where connections hand in what they are asked.
struct Counter(Sender<Question>);

impl AuthorityServer {
    /// Listens, with a signing key that is made now.
    ///
    /// # Errors
    /// [`StartFault`].
    pub fn start(settings: AuthoritySettings) -> Result<Self, StartFault> {
        let asked = settings.address;
        if settings.development && !asked.ip().is_loopback() {
            return Err(StartFault::Reachable(asked));
        }
        let random = SystemRandom::new();
        let signer = TokenSigner::from_pkcs8(&TokenSigner::generate(&random)?, &random)?;
        let cannot = |source| StartFault::Listen { address: asked, source };
        let listener = TcpListener::bind(asked).map_err(cannot)?;
        let address = listener.local_addr().map_err(cannot)?;
        let issuer = settings.issuer.clone().unwrap_or_else(|| format!("http://{address}"));
        let desk = Desk::new(settings, issuer.clone(), signer, &random).ok_or(TokenSigningFault::Random)?;
        let (questions, asked_of_desk) = channel();
        let presiding = thread::Builder::new().name(Counter::NAME.into());
        presiding.spawn(move || preside(desk, &asked_of_desk)).map_err(cannot)?;
        let server = BlockingServer::start(listener, Counter(questions)).map_err(cannot)?;
        Ok(Self { server, issuer })
    }

    /// Where it listens; the port is known even if any was asked for.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Its name: what its tokens have in `iss`.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }
}

/// Answers until nobody can ask any more. No more questions wait than there are connections.
fn preside(mut desk: Desk, questions: &Receiver<Question>) {
    let random = SystemRandom::new();
    for Question { request, answer } in questions {
        let now = clock::unix_micros().0 / 1_000_000;
        // Who gave up waiting needs none.
        let _gone = answer.try_send(desk.answer(&request, now, &random));
    }
}

impl Service for Counter {
    const NAME: &'static str = "ringwall-tokens";
    const CONNECTIONS: usize = AUTHORITY_CONNECTIONS;

    fn serve(&self, stream: TcpStream) -> io::Result<()> {
        let mut socket = TimedSocket::new(stream, clock::monotonic().after(AUTHORITY_DEADLINE))?;
        let answer = match receive(&mut socket)? {
            Ok(request) => ask(request, &self.0)?,
            Err(refusal) => refusal.into(),
        };
        socket.write_all(&answer.into_bytes())?;
        socket.end(DISCARD_BYTES as usize)
    }

    fn busy(&self) -> Vec<u8> {
        Answer::from(Refusal::Busy).into_bytes().to_vec()
    }

    /// Its peer sees that the connection is closed.
    fn starved(&self, _error: &io::Error) {}
}

fn ask(request: Request, questions: &Sender<Question>) -> io::Result<Answer> {
    let (sender, answer) = sync_channel(1);
    let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
    questions.send(Question { request, answer: sender }).map_err(|_| gone())?;
    answer.recv_timeout(AUTHORITY_DEADLINE).map_err(|_| gone())
}

fn receive(socket: &mut TimedSocket) -> io::Result<Result<Request, Refusal>> {
    let mut bytes = Zeroizing::new(vec![0; AUTHORITY_HEAD_BYTES + AUTHORITY_FORM_BYTES]);
    let mut filled = 0;
    loop {
        let count = socket.read(bytes.get_mut(filled..).unwrap_or_default())?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        filled += count;
        match Request::read(bytes.get(..filled).unwrap_or_default()) {
            Ok(Some(request)) => return Ok(Ok(request)),
            Ok(None) if filled < bytes.len() => {}
            Ok(None) => return Ok(Err(Refusal::BodyTooLong)),
            Err(refusal) => return Ok(Err(refusal)),
        }
    }
}

#[cfg(test)]
mod tests;
