//! The wire of the demo: stands between an app and the proxy, passes every byte on, and keeps it, as anybody on the way
//! could.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};

use super::resource::PATIENCE;

/// A way to the proxy on which somebody listens.
pub(super) struct Wire {
    address: SocketAddr,
    sent: Receiver<Vec<u8>>,
    received: Receiver<Vec<u8>>,
}

impl Wire {
    /// Takes one connection on a free port of loopback and leads it to `proxy`.
    pub(super) fn start(proxy: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let (sent_sender, sent) = channel();
        let (received_sender, received) = channel();
        std::thread::Builder::new().name("demo-wire".into()).spawn(move || -> io::Result<()> {
            let (app, _) = listener.accept()?;
            let proxy = TcpStream::connect_timeout(&proxy, PATIENCE)?;
            let (from_proxy, to_app) = (proxy.try_clone()?, app.try_clone()?);
            let way_back = std::thread::Builder::new().name("demo-wire-back".into());
            way_back.spawn(move || pass(from_proxy, to_app, &received_sender))?;
            pass(app, proxy, &sent_sender)
        })?;
        Ok(Self { address, sent, received })
    }

    /// Where it begins.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What the proxy received since the last call.
    pub(super) fn sent(&self) -> Vec<u8> {
        self.sent.try_iter().flatten().collect()
    }

    /// What the proxy sent since the last call.
    pub(super) fn received(&self) -> Vec<u8> {
        self.received.try_iter().flatten().collect()
    }
}

/// Passes bytes on until either side ends. They are kept first: who has them can rely on their being kept.
fn pass(mut from: TcpStream, mut to: TcpStream, kept: &Sender<Vec<u8>>) -> io::Result<()> {
    let mut bytes = [0; 4096];
    loop {
        let count = from.read(&mut bytes)?;
        let Some(read) = bytes.get(..count).filter(|read| !read.is_empty()) else {
            return to.shutdown(Shutdown::Write);
        };
        // Nobody looks any more only when the step has ended.
        let _unseen = kept.send(read.to_vec());
        to.write_all(read)?;
    }
}
