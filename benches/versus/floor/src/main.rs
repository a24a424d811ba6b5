//! The barest byte relay on io_uring: every downstream connection gets one upstream connection, bytes are passed on
//! as they come. No HTTP, no log, no timers. What it costs is what the kernel costs, so no proxy on the same host can
//! cost less.
//!
//! Usage: `versus-floor LISTEN ORIGIN BUFFER_BYTES BUFFERS eager|paced`
//!
//! It serves the benchmark's traffic (a request is answered before the next is sent) and is no general relay: see
//! [`relay`] for the shortcut that this allows.

mod buffers;
mod relay;

use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [listen, origin, buffer_bytes, buffers, pace] = arguments.as_slice() else {
        eprintln!("usage: versus-floor LISTEN ORIGIN BUFFER_BYTES BUFFERS eager|paced");
        return ExitCode::from(2);
    };
    let (Ok(listen), Ok(origin), Ok(buffer_bytes), Ok(buffers)) =
        (listen.parse::<SocketAddr>(), origin.parse(), buffer_bytes.parse(), buffers.parse())
    else {
        eprintln!("versus-floor: an argument is not an address or a number");
        return ExitCode::from(2);
    };
    let pace = match pace.as_str() {
        "eager" => relay::Pace::Eager,
        "paced" => relay::Pace::Paced,
        _ => {
            eprintln!("versus-floor: the pace is `eager` or `paced`");
            return ExitCode::from(2);
        }
    };
    let outcome = TcpListener::bind(listen)
        .and_then(|listener| relay::Relay::new(listener, origin, buffer_bytes, buffers, pace))
        .and_then(|mut relay| relay.run());
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("versus-floor: {fault}");
            ExitCode::FAILURE
        }
    }
}
