//! A Token Server over TLS, for peers that ask over nothing else: it knows every token, on one thread of its own, one
//! connection after the other. Who asks in the clear asks the origin.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, LazyLock};

use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::certificate::NAME;
use crate::origin;
use crate::tokens::introspection_answer;

/// More than any question has.
const QUESTION_BYTES: usize = 16 * 1024;

/// Where it listens; it is started by the first who wants to know.
pub(crate) fn address() -> io::Result<SocketAddr> {
    static STARTED: LazyLock<io::Result<SocketAddr>> = LazyLock::new(start);
    STARTED.as_ref().copied().map_err(|fault| io::Error::other(fault.to_string()))
}

fn start() -> io::Result<SocketAddr> {
    let made = rcgen::generate_simple_self_signed([NAME.to_owned()]).map_err(io::Error::other)?;
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).map_err(io::Error::other)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(io::Error::other)?.with_no_client_auth();
    let config = builder.with_single_cert(vec![made.cert.der().clone()], key).map_err(io::Error::other)?;
    let (config, listener) = (Arc::new(config), TcpListener::bind(("127.0.0.1", 0))?);
    let address = listener.local_addr()?;
    std::thread::Builder::new().name("token server".into()).spawn(move || {
        for stream in listener.incoming().flatten() {
            // A question that fails is the peer's failure, and shows there.
            let _ = answer(stream, config.clone());
        }
    })?;
    Ok(address)
}

fn answer(stream: TcpStream, config: Arc<ServerConfig>) -> io::Result<()> {
    let session = ServerConnection::new(config).map_err(io::Error::other)?;
    let mut stream = StreamOwned::new(session, stream);
    let (mut question, mut part) = (Vec::new(), [0; 4096]);
    while !is_whole(&question)? {
        match stream.read(&mut part)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => question.extend_from_slice(&part[..count]),
        }
        if question.len() > QUESTION_BYTES {
            return Err(io::Error::other("a question without an end"));
        }
    }
    origin::note_question();
    stream.write_all(&origin::document("Connection: close\r\n", &introspection_answer()))?;
    stream.conn.send_close_notify();
    stream.flush()
}

fn is_whole(question: &[u8]) -> io::Result<bool> {
    let Some(end) = memchr::memmem::find(question, b"\r\n\r\n") else { return Ok(false) };
    let (head, body) = question.split_at(end + 4);
    Ok(body.len() >= origin::content_length(head)?)
}
