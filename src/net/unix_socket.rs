//! Stream sockets in the file system: bound once for all workers, and connected to without waiting.
//!
//! Such sockets have no SO_REUSEPORT: a second bind of the same path fails. So the control thread binds, and every
//! worker accepts on a duplicate of the one descriptor ([`Listener::share`]). Whoever comes first takes a connection;
//! the others find nobody waiting, which costs them a call. Owner and mode of the file are left to the umask.
//!
//! Connected ones are given out as the standard library's TCP streams: what reads and writes them need not know.
//!
//! [`Listener::share`]: super::listener::Listener::share

use std::fs;
use std::io::{self, ErrorKind};
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Socket, Type};

use crate::limits::LISTEN_BACKLOG;

/// A listening socket. Dropping it removes its file, unless somebody else has put another in its place.
#[derive(Debug)]
pub struct UnixSocket {
    listener: UnixListener,
    path: PathBuf,
    file: FileId,
}

/// Device and inode: tells a file from its successor of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileId(u64, u64);

impl UnixSocket {
    /// Binds and listens. The file of a socket on which nobody answers is what a killed process left behind: it is
    /// replaced. Any other file is left alone, and the address counts as in use.
    pub fn bind(path: &Path) -> io::Result<Self> {
        let socket = match listen(path) {
            Err(error) if error.kind() == ErrorKind::AddrInUse => {
                remove_stale(path)?;
                listen(path)?
            }
            outcome => outcome?,
        };
        let listener = UnixListener::from(OwnedFd::from(socket));
        let file = FileId::of(&fs::symlink_metadata(path)?);
        Ok(Self { listener, path: path.to_owned(), file })
    }

    /// Another descriptor of the same socket.
    pub(super) fn duplicate(&self) -> io::Result<UnixListener> {
        self.listener.try_clone()
    }
}

impl Drop for UnixSocket {
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|found| FileId::of(&found) == self.file) {
            // What cannot be removed is found stale at the next start.
            let _left_behind = fs::remove_file(&self.path);
        }
    }
}

impl FileId {
    fn of(metadata: &fs::Metadata) -> Self {
        Self(metadata.dev(), metadata.ino())
    }
}

/// Connects to the socket at `path`. Never waits: where the other side's backlog is full, it is refused.
pub fn connect(path: &Path) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // A blocking socket would wait for room in the backlog.
    socket.set_nonblocking(true)?;
    socket.connect(&SockAddr::unix(path)?)?;
    socket.set_nonblocking(false)?;
    Ok(TcpStream::from(OwnedFd::from(socket)))
}

/// An accepted stream as one that the rest of this layer takes.
pub(super) fn as_tcp(stream: UnixStream) -> TcpStream {
    TcpStream::from(OwnedFd::from(stream))
}

fn listen(path: &Path) -> io::Result<Socket> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::unix(path)?)?;
    socket.listen(LISTEN_BACKLOG)?;
    Ok(socket)
}

/// Removes the file at `path` if it is a socket on which nobody answers; else says what stands in the way.
fn remove_stale(path: &Path) -> io::Result<()> {
    let taken = |why: &str| Err(io::Error::new(ErrorKind::AddrInUse, why.to_owned()));
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !found.file_type().is_socket() {
        return taken("there is a file of this name that is no socket");
    }
    match connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => return Err(error),
        Ok(_) | Err(_) => return taken("somebody listens there"),
    }
    // Another process may have come to the same conclusion and be listening by now.
    if FileId::of(&fs::symlink_metadata(path)?) != FileId::of(&found) {
        return taken("somebody else began to listen there");
    }
    fs::remove_file(path)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    /// A path of its own, whose file is removed in the end.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            Self(std::env::temp_dir().join(format!("ringwall-{}-{name}", std::process::id())))
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _removed_already = fs::remove_file(&self.0);
        }
    }

    fn refusal(path: &Path) -> String {
        let error = UnixSocket::bind(path).expect_err("an address in use");
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        error.to_string()
    }

    #[test]
    fn every_duplicate_accepts_and_the_file_goes_with_the_last_owner() {
        let path = Scratch::new("shared");
        let socket = UnixSocket::bind(&path.0).unwrap();
        let (first, second) = (socket.duplicate().unwrap(), socket.duplicate().unwrap());
        for listener in [first, second] {
            let mut client = connect(&path.0).unwrap();
            let (accepted, _) = listener.accept().unwrap();
            as_tcp(accepted).write_all(b"hello").unwrap();
            let mut text = String::new();
            client.read_to_string(&mut text).unwrap();
            assert_eq!(text, "hello");
        }
        drop(socket);
        assert!(!path.0.exists());
    }

    #[test]
    fn a_socket_left_behind_is_replaced() {
        let path = Scratch::new("stale");
        drop(UnixListener::bind(&path.0).unwrap());
        assert!(path.0.exists());
        let socket = UnixSocket::bind(&path.0).unwrap();
        assert!(connect(&path.0).is_ok());
        drop(socket);
    }

    #[test]
    fn what_is_in_use_is_left_alone() {
        let (live, file) = (Scratch::new("live"), Scratch::new("file"));
        let _owner = UnixListener::bind(&live.0).unwrap();
        assert_eq!(refusal(&live.0), "somebody listens there");
        assert!(connect(&live.0).is_ok());
        fs::write(&file.0, "precious").unwrap();
        assert_eq!(refusal(&file.0), "there is a file of this name that is no socket");
        assert_eq!(fs::read_to_string(&file.0).unwrap(), "precious");
    }

    #[test]
    fn the_file_of_a_successor_is_not_removed() {
        let path = Scratch::new("successor");
        let old = UnixSocket::bind(&path.0).unwrap();
        fs::rename(&path.0, path.0.with_extension("old")).unwrap();
        let _kept_apart = Scratch(path.0.with_extension("old"));
        let new = UnixSocket::bind(&path.0).unwrap();
        drop(old);
        assert!(connect(&path.0).is_ok());
        drop(new);
    }

    #[test]
    fn a_full_backlog_refuses_at_once() {
        let path = Scratch::new("full");
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        socket.bind(&SockAddr::unix(&path.0).unwrap()).unwrap();
        socket.listen(0).unwrap();
        let mut waiting = Vec::new();
        let full = (0..16).find_map(|_| connect(&path.0).map(|stream| waiting.push(stream)).err());
        assert_eq!(full.unwrap().kind(), ErrorKind::WouldBlock);
        assert_eq!(connect(Path::new("/nowhere/a.sock")).unwrap_err().kind(), ErrorKind::NotFound);
    }
}
