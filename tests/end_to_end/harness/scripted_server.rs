//! A server that does what a test's script says, connection by connection, and keeps what it was sent.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use super::PATIENCE;
use super::message::{Fault, Message, read_head, read_request, take};
use super::wire::{End, Wire};

/// What the server saw on one connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// Whole requests.
    pub(crate) requests: Vec<Message>,
    /// How a request that did not become whole ended, or the connection between two requests.
    pub(crate) fault: Option<Fault>,
    /// Marks a script set.
    pub(crate) marks: Vec<String>,
    /// The script is over.
    pub(crate) over: bool,
}

/// A listening server. Dropping it closes its connections and fails the test if a script panicked.
pub(crate) struct ScriptedServer {
    address: Address,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

enum Address {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    seen: Vec<Seen>,
    /// Of running scripts, by connection, to end them with.
    sockets: Vec<Option<TcpStream>>,
    scripts: Vec<JoinHandle<()>>,
    stopping: bool,
}

/// One accepted connection, in the hands of a script.
pub(crate) struct Connection {
    /// Which one, from 0.
    pub(crate) number: usize,
    wire: Wire,
    resets: bool,
    shared: Arc<Shared>,
}

impl ScriptedServer {
    /// Runs `script` on a thread of its own for every connection.
    pub(crate) fn start(script: impl Fn(&mut Connection) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("an address for the server");
        Self::on(listener, script)
    }

    /// The same on a listener made before.
    pub(crate) fn on(
        listener: TcpListener,
        script: impl Fn(&mut Connection) + Send + Sync + 'static,
    ) -> Self {
        let address = listener.local_addr().expect("the server's address");
        let accept = move || listener.accept().map(|(stream, _)| stream);
        Self::accepting(Address::Tcp(address), accept, script)
    }

    /// The same on a Unix socket at `path`.
    pub(crate) fn on_unix(path: &Path, script: impl Fn(&mut Connection) + Send + Sync + 'static) -> Self {
        let listener = UnixListener::bind(path).expect("a socket for the server");
        let accept = move || listener.accept().map(|(stream, _)| TcpStream::from(OwnedFd::from(stream)));
        Self::accepting(Address::Unix(path.to_owned()), accept, script)
    }

    fn accepting(
        address: Address,
        accept: impl Fn() -> io::Result<TcpStream> + Send + 'static,
        script: impl Fn(&mut Connection) + Send + Sync + 'static,
    ) -> Self {
        let (shared, script) = (Arc::<Shared>::default(), Arc::new(script));
        let accepting = Arc::clone(&shared);
        let acceptor = std::thread::spawn(move || {
            while let Ok(stream) = accept() {
                let script = Arc::clone(&script);
                if !accepting.welcome(stream, move |connection| script(connection)) {
                    return;
                }
            }
        });
        Self { address, shared, acceptor: Some(acceptor) }
    }

    /// Answers every request with the same bytes, on connections that stay.
    pub(crate) fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::start(move |connection| {
            while connection.request().is_some() {
                connection.send(&answer);
            }
        })
    }

    /// Answers every request with a short body.
    pub(crate) fn ok() -> Self {
        Self::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    }

    #[track_caller]
    pub(crate) fn address(&self) -> SocketAddr {
        match &self.address {
            Address::Tcp(address) => *address,
            Address::Unix(path) => panic!("{} has no address", path.display()),
        }
    }

    /// What was seen so far, by connection.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.shared.lock().seen.clone()
    }

    /// All whole requests so far, by connection.
    pub(crate) fn requests(&self) -> Vec<Message> {
        self.seen().into_iter().flat_map(|seen| seen.requests).collect()
    }

    /// The only request so far.
    #[track_caller]
    pub(crate) fn request(&self) -> Message {
        let mut requests = self.requests();
        assert_eq!(requests.len(), 1, "requests: {requests:#?}");
        requests.remove(0)
    }

    /// What `look` finds in what was seen, as soon as it does.
    #[track_caller]
    pub(crate) fn wait_for<T>(&self, what: &str, look: impl Fn(&[Seen]) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.shared.lock();
        loop {
            if let Some(found) = look(&state.seen) {
                return found;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "the server waited {PATIENCE:?} for {what}: {:#?}", state.seen);
            let waited = self.shared.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits until a script set this mark.
    #[track_caller]
    pub(crate) fn wait_for_mark(&self, mark: &str) {
        self.wait_for(mark, |seen| {
            seen.iter().any(|seen| seen.marks.iter().any(|own| own == mark)).then_some(())
        });
    }
}

impl Drop for ScriptedServer {
    fn drop(&mut self) {
        self.shared.lock().stopping = true;
        // Wakes `accept`, then every script that reads.
        match &self.address {
            Address::Tcp(address) => drop(TcpStream::connect_timeout(address, PATIENCE)),
            Address::Unix(path) => drop(UnixStream::connect(path)),
        }
        if let Some(acceptor) = self.acceptor.take() {
            let _ended = acceptor.join();
        }
        let (sockets, scripts) = {
            let mut state = self.shared.lock();
            (std::mem::take(&mut state.sockets), std::mem::take(&mut state.scripts))
        };
        for socket in sockets.into_iter().flatten() {
            let _gone = socket.shutdown(Shutdown::Both);
        }
        let panicked = scripts.into_iter().filter_map(|script| script.join().err()).count();
        if panicked > 0 && !std::thread::panicking() {
            panic!("{panicked} scripts of the server panicked; see above");
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the script of a new connection. False when the server stops.
    fn welcome(
        self: &Arc<Self>,
        stream: TcpStream,
        script: impl FnOnce(&mut Connection) + Send + 'static,
    ) -> bool {
        let mut state = self.lock();
        if state.stopping {
            return false;
        }
        let number = state.seen.len();
        state.seen.push(Seen::default());
        state.sockets.push(Some(stream.try_clone().expect("a second handle of the socket")));
        let mut connection =
            Connection { number, wire: Wire::new(stream), resets: false, shared: Arc::clone(self) };
        state.scripts.push(std::thread::spawn(move || {
            script(&mut connection);
            connection.close();
        }));
        drop(state);
        self.changed.notify_all();
        true
    }
}

impl Connection {
    /// The next whole request; `None` when the connection ended, within it or before. What is no request panics.
    pub(crate) fn request(&mut self) -> Option<Message> {
        let request = read_request(&mut self.wire);
        self.noted(request)
    }

    /// How many whole requests came on this connection so far.
    pub(crate) fn requests(&self) -> usize {
        self.shared.lock().seen[self.number].requests.len()
    }

    /// The head of the next request; its body is left unread.
    pub(crate) fn request_head(&mut self) -> Option<Message> {
        match read_head(&mut self.wire) {
            Ok(head) => Some(head),
            fault => self.noted(fault),
        }
    }

    /// Exactly `count` bytes; `None` when the connection ended before.
    pub(crate) fn bytes(&mut self, count: usize) -> Option<Vec<u8>> {
        take(&mut self.wire, count).ok()
    }

    /// Reads until the end, noting it as the fault of an unfinished request, and gives what came.
    pub(crate) fn until_end(&mut self) -> (Vec<u8>, End) {
        loop {
            if let Err(end) = self.wire.fill() {
                self.note(|seen| seen.fault = Some(Fault::Cut(end)));
                return (std::mem::take(&mut self.wire.unread), end);
            }
        }
    }

    /// Sends bytes. True when all were taken: the proxy may have left.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.wire.send(bytes.as_ref())
    }

    /// Ends the server's direction.
    pub(crate) fn end_sending(&self) {
        self.wire.end_sending();
    }

    /// Makes the close at the script's end a reset.
    pub(crate) fn reset_on_close(&mut self) {
        self.resets = true;
    }

    /// Tells the test how far the script is.
    pub(crate) fn mark(&self, mark: impl Into<String>) {
        let mark = mark.into();
        self.note(|seen| seen.marks.push(mark));
    }

    /// Closes the connection, as the script is over.
    fn close(self) {
        let Self { number, wire, resets, shared } = self;
        let copy = shared.lock().sockets.get_mut(number).and_then(Option::take);
        if resets {
            // The reset goes out with the last handle.
            drop(copy);
            wire.reset();
        } else {
            // First the orderly end: a close with bytes unread would be a reset.
            let _gone = wire.stream().shutdown(Shutdown::Both);
        }
        shared.lock().seen[number].over = true;
        shared.changed.notify_all();
    }

    fn noted(&mut self, outcome: Result<Message, Fault>) -> Option<Message> {
        match outcome {
            Ok(request) => {
                self.note(|seen| seen.requests.push(request.clone()));
                Some(request)
            }
            Err(fault) => {
                self.note(|seen| seen.fault = Some(fault.clone()));
                assert!(!matches!(fault, Fault::Malformed(_)), "the proxy sent no request: {fault:?}");
                None
            }
        }
    }

    fn note(&self, change: impl FnOnce(&mut Seen)) {
        change(&mut self.shared.lock().seen[self.number]);
        self.shared.changed.notify_all();
    }
}
