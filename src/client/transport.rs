//! The client's sockets, clocks and randomness: the only file of the client that touches the system.
//!
//! It moves bytes both ways at once, over TCP or (feature `proxy`) TLS, and knows nothing of what they mean.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ring::rand::{SecureRandom, SystemRandom};

use super::origin::Origin;
use crate::limits;
use crate::protocol::moment::Monotonic;

#[cfg(feature = "proxy")]
mod tls;

/// Who may vouch for a proxy's certificate.
#[derive(Clone, Debug, Default)]
pub enum TlsTrust {
    /// The authorities that the system trusts.
    #[default]
    System,
    /// Those in this PEM file's text, and no others.
    Authorities(Vec<u8>),
}

/// How long to wait for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For the connection to stand, TLS included.
    pub connect: Duration,
    /// Between two bytes, of either side.
    pub idle: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect: limits::CLIENT_CONNECT, idle: limits::CLIENT_IDLE }
    }
}

/// How long [`Link::receive`] waits for the first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Not at all.
    No,
    /// For [`limits::CLIENT_SEND_PATIENCE`]: there is something to send.
    Briefly,
    /// For as long as nothing may move.
    Idle,
}

/// A connection to a proxy.
pub struct Link {
    socket: TcpStream,
    #[cfg(feature = "proxy")]
    tls: Option<Box<rustls::ClientConnection>>,
    idle: Duration,
    moved: Instant,
}

impl Link {
    /// Connects to `origin`, whose certificate must be vouched for by `trust`.
    ///
    /// # Errors
    /// It cannot be reached, or is not who it should be.
    pub fn connect(origin: &Origin, trust: &TlsTrust, timeouts: Timeouts) -> io::Result<Self> {
        let deadline = now().checked_add(timeouts.connect);
        let left = || deadline.map_or(Duration::ZERO, |deadline| deadline.saturating_duration_since(now()));
        let mut last = io::Error::new(ErrorKind::NotFound, format!("`{}` has no address", origin.host));
        for address in (origin.bare_host(), origin.port).to_socket_addrs()? {
            if left().is_zero() {
                return Err(timed_out());
            }
            match TcpStream::connect_timeout(&address, left()) {
                Ok(socket) => {
                    socket.set_nodelay(true)?;
                    let mut link = Self::over(socket, timeouts.idle)?;
                    link.secure(origin, trust, left())?;
                    return Ok(link);
                }
                Err(error) => last = error,
            }
        }
        Err(io::Error::new(last.kind(), format!("cannot connect to {origin}: {last}")))
    }

    /// Sends the first of `bytes` and returns how many; 0 if the peer takes none for a moment.
    ///
    /// # Errors
    /// The connection is broken. There may be something to receive still.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        #[cfg(feature = "proxy")]
        if let Some(connection) = &mut self.tls {
            if !tls::flush(connection, &mut self.socket)? {
                return Ok(0);
            }
            let sent = connection.writer().write(bytes)?;
            tls::flush(connection, &mut self.socket)?;
            self.moved = now();
            return Ok(sent);
        }
        match self.socket.write(bytes) {
            Ok(sent) => {
                self.moved = now();
                Ok(sent)
            }
            Err(error) if is_pause(&error) => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// Whether everything that [`Self::send`] took is on its way.
    ///
    /// # Errors
    /// As for [`Self::send`].
    pub fn flush(&mut self) -> io::Result<bool> {
        #[cfg(feature = "proxy")]
        if let Some(connection) = &mut self.tls {
            return tls::flush(connection, &mut self.socket);
        }
        Ok(true)
    }

    /// Receives what is there, or comes while it waits: `None` if that is nothing, 0 at the connection's end.
    ///
    /// # Errors
    /// The connection is broken, ended in disorder (TLS), or nothing has moved for too long.
    pub fn receive(&mut self, into: &mut [u8], wait: Wait) -> io::Result<Option<usize>> {
        if wait == Wait::No {
            self.socket.set_nonblocking(true)?;
            let received = self.receive_now(into);
            self.socket.set_nonblocking(false)?;
            return received;
        }
        let left = self.idle.saturating_sub(now().saturating_duration_since(self.moved));
        if left.is_zero() {
            return Err(timed_out());
        }
        let patience = if wait == Wait::Idle { left } else { left.min(limits::CLIENT_SEND_PATIENCE) };
        self.socket.set_read_timeout(Some(patience))?;
        self.receive_now(into)
    }

    /// Fails when nothing has moved for too long.
    ///
    /// # Errors
    /// [`ErrorKind::TimedOut`].
    pub fn check_stalled(&self) -> io::Result<()> {
        if now().saturating_duration_since(self.moved) < self.idle { Ok(()) } else { Err(timed_out()) }
    }

    /// Whether it can be used again: the peer has neither ended it nor said anything unasked.
    pub fn is_quiet(&mut self) -> bool {
        let is_quiet = matches!(self.receive(&mut [0], Wait::No), Ok(None));
        self.moved = now();
        is_quiet
    }

    fn receive_now(&mut self, into: &mut [u8]) -> io::Result<Option<usize>> {
        #[cfg(feature = "proxy")]
        let received = match &mut self.tls {
            Some(connection) => tls::receive(connection, &mut self.socket, into),
            None => self.socket.read(into),
        };
        #[cfg(not(feature = "proxy"))]
        let received = self.socket.read(into);
        match received {
            Ok(count) => {
                self.moved = now();
                Ok(Some(count))
            }
            Err(error) if is_pause(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn over(socket: TcpStream, idle: Duration) -> io::Result<Self> {
        socket.set_write_timeout(Some(limits::CLIENT_SEND_PATIENCE))?;
        Ok(Self {
            socket,
            #[cfg(feature = "proxy")]
            tls: None,
            idle,
            moved: now(),
        })
    }

    #[cfg(feature = "proxy")]
    fn secure(&mut self, origin: &Origin, trust: &TlsTrust, time: Duration) -> io::Result<()> {
        if origin.is_tls {
            self.tls = Some(Box::new(tls::handshake(&mut self.socket, origin, trust, time)?));
        }
        Ok(())
    }

    #[cfg(not(feature = "proxy"))]
    fn secure(&mut self, origin: &Origin, _: &TlsTrust, _: Duration) -> io::Result<()> {
        if origin.is_tls {
            let reason = "https needs the feature `proxy`, which brings TLS";
            return Err(io::Error::new(ErrorKind::Unsupported, reason));
        }
        Ok(())
    }
}

/// Random bytes of the system.
///
/// # Errors
/// The system gives none.
pub fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| io::Error::other("no random bytes from the system"))?;
    Ok(bytes)
}

/// The wall clock, in seconds since 1970: for what was not said sealed.
#[expect(clippy::disallowed_methods, reason = "the client's reader of the wall clock")]
pub fn wall_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// A clock that never steps back and counts the time asleep: on Linux, the time since the system started. Elsewhere, the
/// process's own, which may stop in its sleep; the proxy's answers put that right.
pub fn monotonic() -> Monotonic {
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    let since_start = std::fs::read_to_string("/proc/uptime").ok().and_then(|text| nanoseconds(&text));
    since_start.map_or_else(
        || {
            let now = now();
            Monotonic(now.saturating_duration_since(*ORIGIN.get_or_init(|| now)).as_nanos() as u64)
        },
        Monotonic,
    )
}

/// What tells the clock of [`monotonic`] from that of another start of the system. `None`: it is this process's alone, and
/// a moment means nothing to another.
pub fn clock_name() -> Option<String> {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    nanoseconds(&std::fs::read_to_string("/proc/uptime").ok()?)?;
    Some(boot.trim().to_owned())
}

/// `12345.67 ...`: seconds and hundredths.
fn nanoseconds(uptime: &str) -> Option<u64> {
    let (seconds, hundredths) = uptime.split_whitespace().next()?.split_once('.')?;
    let hundredths: u64 = hundredths.get(..2)?.parse().ok()?;
    seconds.parse::<u64>().ok()?.checked_mul(1_000_000_000)?.checked_add(hundredths * 10_000_000)
}

#[expect(clippy::disallowed_methods, reason = "the client's reader of the monotonic clock")]
fn now() -> Instant {
    Instant::now()
}

/// A blocking socket reports its time limit as "would block".
fn is_pause(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

fn timed_out() -> io::Error {
    io::Error::new(ErrorKind::TimedOut, "the proxy neither takes nor sends anything; try again later")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_uptime_is_read() {
        assert_eq!(nanoseconds("12345.67 99.00\n"), Some(12_345_670_000_000));
        assert_eq!(nanoseconds("0.00 0.00"), Some(0));
        for text in ["", "12", "12.3", "x.00", "99999999999999999999.00"] {
            assert_eq!(nanoseconds(text), None, "{text}");
        }
        assert!(monotonic() <= monotonic());
    }
}
