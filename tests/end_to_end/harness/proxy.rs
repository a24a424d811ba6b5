//! The built binary as a child process: started on a configuration, watched, signalled, ended.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::message::Message;
use super::{Directory, RawClient, ScriptedServer, eventually, unused_address};

/// A configuration in the making. By default: one worker, a listener `public`, an admin address, the access log in a
/// file, and nothing else.
pub(crate) struct Setup {
    root: String,
    cpus: String,
    listener: String,
    body: String,
    variables: Vec<(String, String)>,
    files: Vec<(String, String)>,
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
}

impl Setup {
    pub(crate) fn new() -> Self {
        Self {
            root: String::new(),
            cpus: next_cpu(),
            listener: String::new(),
            body: String::new(),
            variables: Vec::new(),
            files: Vec::new(),
            address: unused_address(),
            admin: unused_address(),
        }
    }

    /// With an upstream `origin` and nothing that leads to it.
    pub(crate) fn beside(server: &ScriptedServer) -> Self {
        Self::beside_address(server.address())
    }

    pub(crate) fn beside_address(server: SocketAddr) -> Self {
        Self::new().with(format!("[upstream.origin]\nservers = [\"http://{server}\"]"))
    }

    /// With an upstream `origin` and an open route for everything to it.
    pub(crate) fn to(server: &ScriptedServer) -> Self {
        Self::beside(server).route("path = \"/*\"")
    }

    pub(crate) fn to_address(server: SocketAddr) -> Self {
        Self::beside_address(server).route("path = \"/*\"")
    }

    /// Adds tables.
    pub(crate) fn with(mut self, toml: impl AsRef<str>) -> Self {
        self.body.push_str(toml.as_ref());
        self.body.push_str("\n\n");
        self
    }

    /// Adds an open route to `origin` with these settings.
    pub(crate) fn route(self, settings: &str) -> Self {
        self.with(format!("[[route]]\n{settings}\nupstream = \"origin\"\naccess = \"open\""))
    }

    /// Sets what else the listener has, its own tables included.
    pub(crate) fn listener(mut self, toml: &str) -> Self {
        toml.clone_into(&mut self.listener);
        self
    }

    /// Adds keys of the root.
    pub(crate) fn root(mut self, toml: &str) -> Self {
        self.root.push_str(toml);
        self.root.push('\n');
        self
    }

    /// The CPUs of the workers, as `[workers] cpus` has them.
    pub(crate) fn cpus(mut self, cpus: &str) -> Self {
        self.cpus = cpus.to_owned();
        self
    }

    /// A variable in the proxy's environment.
    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Another file beside the configuration.
    pub(crate) fn file(mut self, name: &str, content: impl Into<String>) -> Self {
        self.files.push((name.to_owned(), content.into()));
        self
    }

    /// The configuration file's text.
    pub(crate) fn text(&self) -> String {
        let mut text = self.root.clone();
        let (cpus, address, admin) = (&self.cpus, self.address, self.admin);
        let listener = &self.listener;
        let written = write!(
            text,
            "[workers]\ncpus = \"{cpus}\"\n\n[[listener]]\nname = \"public\"\naddress = \"{address}\"\n{listener}\n\n\
             [admin]\naddress = \"{admin}\"\n\n[log]\naccess = \"access.log\"\n\n{}",
            self.body
        );
        written.expect("text");
        text
    }

    /// Starts the proxy and waits until it serves.
    #[track_caller]
    pub(crate) fn start(self) -> Proxy {
        let mut proxy = self.spawn();
        proxy.wait_until_ready();
        proxy
    }

    /// Starts the proxy without waiting for anything.
    #[track_caller]
    pub(crate) fn spawn(self) -> Proxy {
        let directory = Directory::new();
        let text = self.text();
        let config = directory.write("ringwall.toml", &text);
        for (name, content) in &self.files {
            directory.write(name, content);
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_ringwall"));
        command.arg("run").arg("--config").arg(&config);
        Proxy::spawn(command, self, directory)
    }
}

/// The CPUs this process may use, as numbers.
pub(crate) fn allowed_cpus() -> Vec<usize> {
    let own = nix::sched::sched_getaffinity(Pid::from_raw(0)).expect("the CPUs this process may use");
    (0..nix::sched::CpuSet::count()).filter(|cpu| own.is_set(*cpu).unwrap_or(false)).collect()
}

/// One of them in turn, so that tests beside each other share the machine.
fn next_cpu() -> String {
    static TURN: AtomicUsize = AtomicUsize::new(0);
    let cpus = allowed_cpus();
    cpus[TURN.fetch_add(1, Ordering::Relaxed) % cpus.len()].to_string()
}

/// The running proxy. Dropping it kills it, and fails the test if it had panicked inside.
pub(crate) struct Proxy {
    child: Child,
    stderr: Arc<Mutex<String>>,
    listening: Option<JoinHandle<()>>,
    directory: Directory,
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
}

impl Proxy {
    /// Runs `command` as the proxy of `setup`.
    #[track_caller]
    pub(crate) fn spawn(mut command: Command, setup: Setup, directory: Directory) -> Self {
        command.env_clear().envs(setup.variables).current_dir(directory.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the proxy's process");
        let lines = BufReader::new(child.stderr.take().expect("the proxy's standard error"));
        let stderr = Arc::<Mutex<String>>::default();
        let kept = Arc::clone(&stderr);
        let listening = std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.push_str(&line);
                kept.push('\n');
            }
        });
        let (address, admin) = (setup.address, setup.admin);
        Self { child, stderr, listening: Some(listening), directory, address, admin }
    }

    #[track_caller]
    pub(crate) fn wait_until_ready(&mut self) {
        eventually("the proxy to be ready", || {
            if let Some(status) = self.child.try_wait().expect("the proxy's state") {
                panic!("the proxy ended with {status}: {}", self.stderr());
            }
            let is_up = TcpStream::connect(self.admin).is_ok();
            (is_up && self.admin("/ready").status() == 200).then_some(())
        });
    }

    /// A new connection to the listener `public`.
    #[track_caller]
    pub(crate) fn client(&self) -> RawClient {
        RawClient::connect(self.address)
    }

    /// One GET on a connection of its own.
    #[track_caller]
    pub(crate) fn get(&self, target: &str) -> Message {
        self.client().get(target)
    }

    /// What the admin server says.
    #[track_caller]
    pub(crate) fn admin(&self, target: &str) -> Message {
        let mut client = RawClient::connect(self.admin);
        client.send(format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
        client.response()
    }

    /// `/status.json`.
    #[track_caller]
    pub(crate) fn status(&self) -> Value {
        serde_json::from_slice(&self.admin("/status.json").body).expect("a status in JSON")
    }

    /// The sum of a metric over all its series whose labels contain `label`.
    #[track_caller]
    pub(crate) fn metric(&self, name: &str, label: &str) -> f64 {
        let text = self.admin("/metrics").text();
        let series = text.lines().filter_map(|line| line.rsplit_once(' '));
        let own = series.filter(|(series, _)| {
            series.split('{').next() == Some(name) && series[name.len()..].contains(label)
        });
        own.map(|(_, value)| value.parse::<f64>().expect("a number")).sum()
    }

    /// The lines of the access log so far.
    pub(crate) fn access_log(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.path("access.log")).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
    }

    /// The access log once it has `count` lines.
    #[track_caller]
    pub(crate) fn wait_for_log(&self, count: usize) -> Vec<Value> {
        eventually(&format!("{count} lines of access log"), || {
            Some(self.access_log()).filter(|lines| lines.len() >= count)
        })
    }

    /// A file beside the configuration.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// What it wrote to standard error so far.
    pub(crate) fn stderr(&self) -> String {
        self.stderr.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    #[track_caller]
    pub(crate) fn wait_for_stderr(&self, part: &str) {
        eventually(&format!("{part:?} on standard error"), || self.stderr().contains(part).then_some(()));
    }

    /// Changes the text of the configuration file.
    pub(crate) fn rewrite(&self, change: impl FnOnce(String) -> String) {
        let path = self.path("ringwall.toml");
        let text = std::fs::read_to_string(&path).expect("the configuration");
        std::fs::write(&path, change(text)).expect("the changed configuration");
    }

    /// Asks for a reload and waits until every worker has the new rules.
    #[track_caller]
    pub(crate) fn reload(&self) {
        let workers = self.metric("ringwall_worker_up", "");
        let before = self.metric("ringwall_worker_reloads_total", "");
        self.signal(Signal::SIGHUP);
        eventually("every worker to have reloaded", || {
            (self.metric("ringwall_worker_reloads_total", "") == before + workers).then_some(())
        });
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let id = Pid::from_raw(i32::try_from(self.child.id()).expect("a process id"));
        kill(id, signal).expect("a signal to the proxy");
    }

    /// Waits for the process to end, and for all it said.
    #[track_caller]
    pub(crate) fn wait_for_exit(&mut self) -> ExitStatus {
        let status = eventually("the proxy to end", || self.child.try_wait().expect("the proxy's state"));
        if let Some(listening) = self.listening.take() {
            listening.join().expect("the proxy's standard error");
        }
        status
    }

    /// True while the process lives.
    pub(crate) fn is_alive(&mut self) -> bool {
        self.child.try_wait().expect("the proxy's state").is_none()
    }

    /// Memory of the process that is in use now, in bytes.
    pub(crate) fn resident_bytes(&self) -> usize {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("the process");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
        let kilobytes = line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number");
        kilobytes * 1024
    }

    /// Memory of the process that nothing else has a part in, in bytes: what it shares shrinks and grows with the others.
    pub(crate) fn anonymous_bytes(&self) -> usize {
        let path = format!("/proc/{}/smaps_rollup", self.child.id());
        let rollup = std::fs::read_to_string(path).expect("the process");
        let line = rollup.lines().find_map(|line| line.strip_prefix("Anonymous:")).expect("Anonymous");
        line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") * 1024
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _gone_already = self.child.kill();
        let _reaped = self.child.wait();
        if let Some(listening) = self.listening.take() {
            let _ended = listening.join();
        }
        let stderr = self.stderr();
        if std::thread::panicking() {
            eprintln!("--- the proxy said:\n{stderr}---");
        } else {
            assert!(!stderr.contains("panicked"), "the proxy panicked:\n{stderr}");
        }
    }
}
