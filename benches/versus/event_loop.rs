//! One epoll for the load generator and, when they share a CPU, the origin: a single thread then serves both ends of
//! the proxy, so that no scheduling between the two shows up in the latencies.

use std::io;
use std::os::fd::AsFd;
use std::time::Instant;

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

use crate::origin::Origin;

/// Events taken per turn: enough for every connection of a scenario, so that none is favoured.
const EVENTS: usize = 256;
const TIMER: u64 = u64::MAX;
/// Set in the tokens of the origin's sockets.
const ORIGIN: u64 = 1 << 62;

/// Readiness of sockets and one precise deadline. Registrations are edge-triggered and cost one system call each.
pub(crate) struct EventLoop {
    epoll: Epoll,
    timer: TimerFd,
    armed_for: Option<Instant>,
    events: Vec<EpollEvent>,
    origin: Option<Origin>,
}

impl EventLoop {
    pub(crate) fn new(origin: Option<Origin>) -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        // Timers of epoll itself count in milliseconds; arrivals are tens of microseconds apart.
        let timer =
            TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC)?;
        epoll.add(&timer, EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLET, TIMER))?;
        let events = vec![EpollEvent::empty(); EVENTS];
        let this = EventLoop { epoll, timer, armed_for: None, events, origin };
        if let Some(origin) = &this.origin {
            origin.listen(&Registry { epoll: &this.epoll, mark: ORIGIN })?;
        }
        Ok(this)
    }

    /// Where sockets of the load generator are registered.
    pub(crate) fn registry(&self) -> Registry<'_> {
        Registry { epoll: &self.epoll, mark: 0 }
    }

    /// Waits until a socket is ready or `deadline` has come, serves the origin, and fills `ready` with the tokens
    /// of the load generator's sockets.
    pub(crate) fn turn(&mut self, deadline: Instant, ready: &mut Vec<usize>) -> io::Result<()> {
        ready.clear();
        let timeout = self.arm(deadline)?;
        let count = match self.epoll.wait(&mut self.events, timeout) {
            Err(nix::Error::EINTR) => 0,
            outcome => outcome?,
        };
        for event in self.events.iter().take(count) {
            match event.data() {
                TIMER => {}
                token if token & ORIGIN != 0 => {
                    if let Some(origin) = &mut self.origin {
                        origin.ready(token & !ORIGIN, &Registry { epoll: &self.epoll, mark: ORIGIN });
                    }
                }
                token => ready.push(token as usize),
            }
        }
        Ok(())
    }

    fn arm(&mut self, deadline: Instant) -> io::Result<EpollTimeout> {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(EpollTimeout::ZERO);
        }
        if self.armed_for != Some(deadline) {
            let expiration = Expiration::OneShot(TimeSpec::from_duration(left));
            self.timer.set(expiration, TimerSetTimeFlags::empty())?;
            self.armed_for = Some(deadline);
        }
        Ok(EpollTimeout::NONE)
    }
}

/// Registers sockets for one owner.
pub(crate) struct Registry<'e> {
    epoll: &'e Epoll,
    mark: u64,
}

impl Registry<'_> {
    pub(crate) fn add(&self, socket: impl AsFd, token: u64) -> io::Result<()> {
        let interest =
            EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT | EpollFlags::EPOLLRDHUP | EpollFlags::EPOLLET;
        Ok(self.epoll.add(socket, EpollEvent::new(interest, self.mark | token))?)
    }
}
