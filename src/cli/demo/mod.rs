//! `ringwall demo`: the whole system on loopback, shown step by step.
//!
//! A resource server and the proxy run in this process, over real sockets. Every step says what it shows, prints
//! what crossed the wire, and asserts on the bytes that the parts recorded: a step that does not hold fails the walk.

mod client;
mod resource;
mod sealed;
mod walk;
mod wire;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::ExitCode;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use self::resource::Resource;
use self::walk::Walk;
use super::{EXIT_FAILED, complain, say};
use crate::config;
use crate::control::process::Handle;
use crate::control::settings::Loaded;
use crate::control::{self, RunFault};
use crate::net::signals::{self, Signal};

/// Walks through the system; with `once` ends then, else keeps serving until a signal comes.
pub(super) fn demo(once: bool) -> ExitCode {
    match show(once) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => EXIT_FAILED.into(),
        Err(message) => {
            complain(&message);
            EXIT_FAILED.into()
        }
    }
}

fn show(once: bool) -> Result<bool, String> {
    let loopback = |error: io::Error| format!("no port to be had on loopback: {error}");
    let resource = Resource::start().map_err(loopback)?;
    let (public, admin) = (free_address().map_err(loopback)?, free_address().map_err(loopback)?);
    let configuration = configuration(public, admin, resource.address());
    say("The proxy runs with this configuration:\n");
    configuration.lines().for_each(|line| say(&format!("    {line}")));
    let running = Running::start(configuration)?;
    let mut walk = Walk::new(public, admin, &resource);
    walk.all();
    let good = walk.summary();
    if once {
        return running.stop().map(|()| good);
    }
    say(&format!("\nStill serving. Try:\n    curl -i http://{public}/shop/hello"));
    say(&format!("    curl -i -d 'some text' http://{public}/shop/echo\n    curl -s http://{admin}/metrics"));
    say(&format!("The admin's page is at http://{admin}/ . End with Ctrl-C."));
    running.wait().map(|()| good)
}

/// A port nobody uses now.
fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

fn configuration(public: SocketAddr, admin: SocketAddr, resource: SocketAddr) -> String {
    format!(
        r#"[[listener]]
name = "public"
address = "{public}"

[admin]
address = "{admin}"

[log]
access = "off"

[payload]
replay_entries = 10000

[upstream.shop]
servers = ["http://{resource}"]

[[route]]
path = "/shop/*"
upstream = "shop"
access = "open"
strip_prefix = "/shop"
response_headers = {{ "strict-transport-security" = "max-age=31536000" }}

[[route]]
path = "/vault/*"
upstream = "shop"
access = "open"
payload = "require"
strip_prefix = "/vault"

[[route]]
path = "/old/*"
access = "open"
answer = {{ status = 301, location = "https://shop.example{{path}}" }}
"#
    )
}

/// The proxy, under way on a thread of its own.
struct Running {
    handle: Handle,
    thread: JoinHandle<Result<(), RunFault>>,
}

impl Running {
    /// Returns when every worker accepts.
    fn start(configuration: String) -> Result<Self, String> {
        let (sender, receiver) = channel();
        let thread = std::thread::Builder::new()
            .name("ringwall-control".into())
            .spawn(move || control(configuration, sender))
            .map_err(|error| format!("cannot start a thread: {error}"))?;
        match receiver.recv() {
            Ok(handle) => Ok(Self { handle, thread }),
            Err(_) => Err(ended(thread).err().unwrap_or_else(|| "the proxy ended before it served".into())),
        }
    }

    fn stop(self) -> Result<(), String> {
        self.handle.ask(Signal::Stop);
        ended(self.thread)
    }

    fn wait(self) -> Result<(), String> {
        let handle = self.handle;
        signals::forward(move |signal| handle.ask(signal))
            .map_err(|error| format!("cannot wait for signals: {error}"))?;
        ended(self.thread)
    }
}

fn control(configuration: String, serving: Sender<Handle>) -> Result<(), RunFault> {
    let source = move || match config::parse(&configuration, "demo", std::iter::empty()) {
        Ok(loaded) => Ok(Loaded { settings: loaded.settings, warnings: Vec::new() }),
        Err(errors) => Err(errors.iter().map(ToString::to_string).collect()),
    };
    let mut process = control::start(source)?;
    process.until_serving()?;
    // Nobody listens only when the demo has ended already.
    let _ended = serving.send(process.handle());
    drop(serving);
    process.until_ended()
}

fn ended(thread: JoinHandle<Result<(), RunFault>>) -> Result<(), String> {
    match thread.join() {
        Ok(outcome) => outcome.map_err(|fault| fault.to_string()),
        Err(_) => Err("the control thread panicked".into()),
    }
}
