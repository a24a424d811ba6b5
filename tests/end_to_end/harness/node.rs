//! Scripts of `tests/interop` under Node, with packages of others: servers and clients beside the proxy. A test whose
//! packages are missing is skipped or fails like one whose program is missing ([`peers`](super::peers)).

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::PATIENCE;
use super::peers::{missing, peer};

/// How long a script may take to start: it has hundreds of files to read and compile, which on a machine with others'
/// work to do was seen to take 17 seconds.
const START: Duration = Duration::from_secs(60);

/// A folder of scripts whose packages are there.
#[derive(Clone)]
pub(crate) struct Node {
    program: PathBuf,
    folder: PathBuf,
}

impl Node {
    /// The folder `name` of `tests/interop`.
    #[track_caller]
    pub(crate) fn of(name: &str) -> Option<Self> {
        let program = peer("node", "nodejs")?;
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop").join(name);
        if !folder.join("node_modules").is_dir() {
            missing("packages", &format!("npm ci --prefix tests/interop/{name}"));
            return None;
        }
        Some(Self { program, folder })
    }

    /// To run a script in its folder.
    pub(crate) fn command(&self, script: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.current_dir(&self.folder).arg(script);
        command
    }

    /// Starts a script that is a server, and waits until it prints that it is `listening`.
    #[track_caller]
    pub(crate) fn serve(&self, script: &str, arguments: &[&str]) -> NodeServer {
        let mut command = self.command(script);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("node");
        let lines = BufReader::new(child.stdout.take().expect("its standard output"));
        let (sender, said) = channel();
        // Ends with the process.
        std::thread::spawn(move || {
            let _dropped = lines.lines().map_while(Result::ok).try_for_each(|line| sender.send(line));
        });
        let input = child.stdin.take().expect("its standard input");
        let server = NodeServer { child, input, said };
        server.hear("listening", START);
        server
    }
}

/// A script that runs. Dropping it kills it.
pub(crate) struct NodeServer {
    child: Child,
    input: ChildStdin,
    said: Receiver<String>,
}

impl NodeServer {
    /// Orders something of the script, and waits until it says that it is done.
    #[track_caller]
    pub(crate) fn order(&mut self, order: &str, done: &str) {
        writeln!(self.input, "{order}").expect("a script that listens");
        self.hear(done, PATIENCE);
    }

    #[track_caller]
    fn hear(&self, expected: &str, patience: Duration) {
        let line = self.said.recv_timeout(patience);
        assert_eq!(line.as_deref(), Ok(expected), "what the script says");
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let id = Pid::from_raw(i32::try_from(self.child.id()).expect("a process id"));
        kill(id, signal).expect("a signal to the script");
    }

    /// Kills it. Its address is free then.
    pub(crate) fn end(&mut self) {
        let _gone_already = self.child.kill();
        let _reaped = self.child.wait();
    }
}

impl Drop for NodeServer {
    fn drop(&mut self) {
        self.end();
    }
}
