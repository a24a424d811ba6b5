//! Unix signals as values. What they lead to is the receiver's business.
//!
//! SIGPIPE needs nothing here: the Rust runtime ignores it from the start, and a write to a closed pipe or socket is
//! an error like any other.

use std::io;
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM or SIGINT: end.
    Stop,
    /// SIGHUP: read the configuration again.
    Reload,
}

/// Delivers every signal from now on, in the order of arrival, from a thread of its own that lives as long as the
/// process. Fails when the handlers or the thread cannot be set up.
pub fn forward(mut deliver: impl FnMut(Signal) + Send + 'static) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    thread::Builder::new().name("ringwall-signal".into()).spawn(move || {
        for number in signals.forever() {
            deliver(if number == SIGHUP { Signal::Reload } else { Signal::Stop });
        }
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use super::*;

    #[test]
    fn signals_arrive_as_what_they_ask_for() {
        let (sender, receiver) = channel();
        forward(move |signal| sender.send(signal).unwrap()).unwrap();
        for (number, expected) in [(SIGHUP, Signal::Reload), (SIGTERM, Signal::Stop), (SIGINT, Signal::Stop)]
        {
            signal_hook::low_level::raise(number).unwrap();
            assert_eq!(receiver.recv_timeout(Duration::from_secs(10)).unwrap(), expected);
        }
    }
}
