//! `ringwall demo`: the whole system on loopback, shown step by step.
//!
//! A resource server, a Token Server, a request mapper and the proxy run in this process, over real sockets. Every step says what it shows, prints
//! what crossed the wire, and asserts on the bytes that the parts recorded: a step that does not hold fails the walk.

mod app;
mod client;
mod configuration;
mod guarded;
mod mapper;
mod resource;
mod sealed;
mod secret_files;
mod tokens;
mod walk;
mod wire;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::ExitCode;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use self::configuration::{MAPPER_PASSWORD, Places};
use self::guarded::Guarded;
use self::mapper::Mapper;
use self::resource::Resource;
use self::secret_files::SecretFiles;
use self::tokens::Tokens;
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
    let secrets = SecretFiles::new().map_err(|error| format!("no place for secrets: {error}"))?;
    let tokens = Tokens::start(&secrets)?;
    let password = secrets.make(MAPPER_PASSWORD).map_err(|error| format!("cannot make a secret: {error}"))?;
    let mapper = Mapper::start(&password).map_err(loopback)?;
    let places = Places {
        public,
        admin,
        resource: resource.address(),
        mapper: mapper.address(),
        issuer: tokens.issuer(),
        secrets: &secrets,
    };
    let configuration = places.configuration();
    say("The proxy runs with this configuration:\n");
    configuration.lines().for_each(|line| say(&format!("    {line}")));
    let running = Running::start(configuration)?;
    let guarded = Guarded { public, resource: &resource, mapper: &mapper, tokens: &tokens };
    let mut walk = Walk::new(admin, guarded);
    walk.all();
    let good = walk.summary();
    if once {
        return running.stop().map(|()| good);
    }
    invite(public, admin, tokens.address());
    running.wait().map(|()| good)
}

/// Says what can be tried.
fn invite(public: SocketAddr, admin: SocketAddr, authority: SocketAddr) {
    say(&format!("\nStill serving. Try:\n    curl -i http://{public}/shop/hello"));
    say(&format!("    curl -i -d 'some text' http://{public}/shop/echo\n    curl -s http://{admin}/metrics"));
    say("With a token:");
    say(&format!(
        "    TOKEN=$(curl -s -d 'user=alice&scope=orders.read' http://{authority}/oauth/v1/testtoken | \
         sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/')"
    ));
    say(&format!("    curl -i http://{public}/orders/7"));
    say(&format!("    curl -i -H \"Authorization: Bearer $TOKEN\" http://{public}/orders/7"));
    say(&format!("    curl -i -H \"Authorization: Bearer $TOKEN\" http://{public}/mapped/orders/7"));
    say(&format!("The Token Server is at http://{authority}/.well-known/oauth-authorization-server ."));
    say(&format!("The admin's page is at http://{admin}/ . End with Ctrl-C."));
}

/// A port nobody uses now.
fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
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
