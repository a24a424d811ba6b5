//! The programs under test: where each is found, how it is started with its committed configuration on the proxy's
//! CPU, and what its processes have used since.

use std::fs::{self, File};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit};
use nix::sys::signal::{Signal, kill};
use nix::time::ClockId;
use nix::unistd::Pid;

use crate::certificate;
use crate::channel::Target;
use crate::processors::{self, Processors};
use crate::token_server;
use crate::tokens::{self, AUDIENCE, ISSUER_NAME, Kind};

/// Time a peer has to end after SIGTERM.
const FAREWELL: Duration = Duration::from_secs(5);
/// More than the `idle` scenario can open from one address.
const CONNECTIONS_MAX: u64 = 32_000;
/// Where Debian has them.
const APACHE_MODULES: &str = "/usr/lib/apache2/modules";

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Name {
    Floor,
    Ringwall,
    /// An earlier build of ringwall: before and after in one run.
    Baseline,
    Nginx,
    Haproxy,
    Envoy,
    Pingora,
    /// With mod_auth_openidc, for tokens alone.
    Apache,
}

impl Name {
    pub(crate) const ALL: [Name; 8] = [
        Name::Floor,
        Name::Ringwall,
        Name::Baseline,
        Name::Nginx,
        Name::Haproxy,
        Name::Envoy,
        Name::Pingora,
        Name::Apache,
    ];

    /// Whether it is ringwall: the others seal nothing.
    pub(crate) fn is_ours(self) -> bool {
        matches!(self, Name::Ringwall | Name::Baseline)
    }

    /// Whether it judges such tokens here. HAProxy and Envoy ask nobody.
    pub(crate) fn judges(self, kind: Kind) -> bool {
        match self {
            Name::Ringwall | Name::Baseline => true,
            Name::Apache => kind != Kind::Es256,
            Name::Haproxy | Name::Envoy => kind == Kind::Rs256,
            Name::Floor | Name::Nginx | Name::Pingora => false,
        }
    }

    pub(crate) fn text(self) -> &'static str {
        match self {
            Name::Floor => "floor",
            Name::Ringwall => "ringwall",
            Name::Baseline => "ringwall before",
            Name::Nginx => "nginx",
            Name::Haproxy => "HAProxy",
            Name::Envoy => "Envoy",
            Name::Pingora => "Pingora",
            Name::Apache => "Apache",
        }
    }
}

/// A program that was found.
pub(crate) struct Peer {
    pub(crate) name: Name,
    pub(crate) version: String,
    program: PathBuf,
}

/// What the floor is set for, by measurement; the other peers have one configuration for all.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Traffic {
    Small,
    Bulk,
}

/// How a peer speaks to the load.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Plain,
    Tls,
    /// With payload encryption on a listener in the clear. The window for the time of messages is in seconds.
    Sealed {
        window: u64,
    },
    /// In the clear, with routes for which a token is judged.
    Guarded(Judging),
}

/// By what Apache judges tokens; ringwall's configuration has routes for either.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Judging {
    Jwt,
    Introspection,
}

impl Transport {
    /// What stands before the lines of a configuration that it needs.
    fn marks(self) -> &'static [&'static str] {
        match self {
            Transport::Plain => &["#PLAIN# "],
            Transport::Tls => &["#TLS# "],
            Transport::Sealed { .. } => &["#SEALED# "],
            Transport::Guarded(Judging::Jwt) => &["#PLAIN# ", "#GUARDED# ", "#JWT# "],
            Transport::Guarded(Judging::Introspection) => &["#PLAIN# ", "#GUARDED# ", "#INTROSPECTION# "],
        }
    }
}

impl Peer {
    /// The error says what to install.
    pub(crate) fn find(name: Name) -> Result<Self, String> {
        let program = match name {
            Name::Floor => build_floor()?,
            Name::Ringwall => PathBuf::from(env!("CARGO_BIN_EXE_ringwall")),
            Name::Baseline => named_by("RINGWALL_VERSUS_BASELINE")?
                .ok_or("not named: set RINGWALL_VERSUS_BASELINE to an earlier build of ringwall")?,
            Name::Nginx => on_path("nginx").ok_or("not installed: apt-get install nginx-light")?,
            Name::Haproxy => on_path("haproxy").ok_or("not installed: apt-get install haproxy")?,
            Name::Envoy => named_by("RINGWALL_VERSUS_ENVOY")?
                .or_else(|| on_path("envoy"))
                .ok_or("not found: see benches/versus/README.md, or set RINGWALL_VERSUS_ENVOY")?,
            Name::Pingora => named_by("RINGWALL_VERSUS_PINGORA")?
                .or_else(built_pingora)
                .ok_or("not built: see benches/versus/README.md, or set RINGWALL_VERSUS_PINGORA")?,
            Name::Apache => on_path("apache2")
                .filter(|_| Path::new(APACHE_MODULES).join("mod_auth_openidc.so").is_file())
                .ok_or("not installed: apt-get install apache2-bin libapache2-mod-auth-openidc")?,
        };
        let version = version(name, &program);
        Ok(Peer { name, version, program })
    }

    /// The floor relays bytes and knows no TLS, the Pingora program is built without it, and Apache is here for tokens.
    pub(crate) fn speaks(&self, transport: Transport) -> bool {
        match transport {
            Transport::Plain => self.name != Name::Apache,
            Transport::Tls => !matches!(self.name, Name::Floor | Name::Pingora | Name::Apache),
            Transport::Sealed { .. } => self.name.is_ours(),
            Transport::Guarded(_) => self.name.judges(Kind::Rs256),
        }
    }

    /// Starts the program on the proxy's CPU. It may need a moment before it answers.
    pub(crate) fn start(
        &self,
        origin: SocketAddr,
        processors: &Processors,
        traffic: Traffic,
        transport: Transport,
    ) -> Result<Running, String> {
        let listen = free_address().map_err(|fault| format!("no free port: {fault}"))?;
        let directory = Directory::create().map_err(|fault| format!("no temporary directory: {fault}"))?;
        let (descriptors, _) = getrlimit(Resource::RLIMIT_NOFILE).map_err(|fault| fault.to_string())?;
        let connections = (descriptors.saturating_sub(100) * 2 / 5).min(CONNECTIONS_MAX);
        let tls = match transport {
            Transport::Plain | Transport::Sealed { .. } | Transport::Guarded(_) => None,
            Transport::Tls => Some(certificate::make(&directory.0).map_err(|fault| fault.to_string())?),
        };
        if let Transport::Guarded(_) = transport {
            let fault = |fault| format!("cannot write the issuer's files: {fault}");
            tokens::issuer().write_files(&directory.0).map_err(fault)?;
        }
        let cpu = processors.proxy;
        let place = Place { listen, origin, directory: directory.0.clone(), cpu, connections, transport };
        let child = self.command(&place, traffic).and_then(|mut command| {
            let output = File::create(directory.0.join("output"))?;
            let errors = File::create(directory.0.join("errors"))?;
            command.stdin(Stdio::null()).stdout(output).stderr(errors).current_dir(&directory.0);
            // A child begins with the affinity of the thread that starts it.
            let proxy = processors.proxy;
            std::thread::scope(|scope| {
                let starter = scope.spawn(move || {
                    processors::pin_this_thread(proxy)?;
                    command.spawn()
                });
                starter.join().unwrap_or_else(|_| Err(io::Error::other("the starting thread panicked")))
            })
        });
        let child = child.map_err(|fault| format!("cannot start {}: {fault}", self.program.display()))?;
        Ok(Running { target: Target { address: listen, tls }, child, directory })
    }

    fn command(&self, place: &Place, traffic: Traffic) -> io::Result<Command> {
        let mut command = Command::new(&self.program);
        match self.name {
            Name::Floor => {
                let buffers = match traffic {
                    Traffic::Small => ["4096", "64", "eager"],
                    Traffic::Bulk => ["262144", "32", "paced"],
                };
                command.arg(place.listen.to_string()).arg(place.origin.to_string()).args(buffers);
            }
            Name::Ringwall | Name::Baseline => {
                let file = place.write("ringwall.toml", include_str!("conf/ringwall.toml"))?;
                command.arg("run").arg("--config").arg(file);
            }
            Name::Nginx => {
                let file = place.write("nginx.conf", include_str!("conf/nginx.conf"))?;
                command.arg("-p").arg(&place.directory).arg("-c").arg(file);
                command.arg("-e").arg(place.directory.join("error.log"));
            }
            Name::Haproxy => {
                let file = place.write("haproxy.cfg", include_str!("conf/haproxy.cfg"))?;
                command.arg("-db").arg("-f").arg(file);
            }
            Name::Envoy => {
                let file = place.write("envoy.yaml", include_str!("conf/envoy.yaml"))?;
                command.arg("--config-path").arg(file);
                command.args(["--concurrency", "1", "--disable-hot-restart", "--log-level", "error"]);
            }
            Name::Pingora => {
                command.arg(place.listen.to_string()).arg(place.origin.to_string());
                command.arg(place.directory.join("access.log"));
            }
            Name::Apache => {
                let server = token_server::address()?.to_string();
                let template = include_str!("conf/apache.conf").replace("@TOKEN_SERVER@", &server);
                let file = place.write("apache.conf", &template)?;
                command.arg("-D").arg("FOREGROUND").arg("-f").arg(file);
            }
        }
        Ok(command)
    }
}

/// What a configuration is filled in with.
struct Place {
    listen: SocketAddr,
    origin: SocketAddr,
    directory: PathBuf,
    cpu: usize,
    /// What a peer may be set to that reserves descriptors for each connection.
    connections: u64,
    transport: Transport,
}

impl Place {
    fn write(&self, name: &str, template: &str) -> io::Result<PathBuf> {
        let window = match self.transport {
            Transport::Sealed { window } => window.to_string(),
            Transport::Plain | Transport::Tls | Transport::Guarded(_) => String::new(),
        };
        let marks = self.transport.marks().iter();
        let text = marks
            .fold(template.to_owned(), |text, mark| text.replace(mark, ""))
            .replace("@MODULES@", APACHE_MODULES)
            .replace("@ISSUER@", ISSUER_NAME)
            .replace("@AUDIENCE@", AUDIENCE)
            .replace("@WINDOW@", &window)
            .replace("@LISTEN@", &self.listen.to_string())
            .replace("@LISTEN_ADDRESS@", &self.listen.ip().to_string())
            .replace("@LISTEN_PORT@", &self.listen.port().to_string())
            .replace("@ORIGIN@", &self.origin.to_string())
            .replace("@ORIGIN_ADDRESS@", &self.origin.ip().to_string())
            .replace("@ORIGIN_PORT@", &self.origin.port().to_string())
            .replace("@DIRECTORY@", &self.directory.to_string_lossy())
            .replace("@CPU@", &self.cpu.to_string())
            .replace("@CONNECTIONS@", &self.connections.to_string());
        let file = self.directory.join(name);
        fs::write(&file, text)?;
        Ok(file)
    }
}

/// A started peer; dropping it ends its processes and removes its files.
pub(crate) struct Running {
    pub(crate) target: Target,
    child: Child,
    directory: Directory,
}

impl Running {
    /// CPU time of all its processes, threads that ended included.
    pub(crate) fn cpu_time(&self) -> Duration {
        let used = |pid| ClockId::pid_cpu_clock_id(Pid::from_raw(pid))?.now();
        self.processes().into_iter().filter_map(|pid| used(pid).ok()).map(Duration::from).sum()
    }

    /// Its proportional share of memory in bytes, all processes together.
    pub(crate) fn memory(&self) -> u64 {
        self.processes().into_iter().filter_map(proportional_bytes).sum()
    }

    pub(crate) fn processes(&self) -> Vec<i32> {
        let mut tree = vec![self.child.id() as i32];
        let parents: Vec<(i32, i32)> = fs::read_dir("/proc")
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter_map(|pid| Some((pid, parent(pid)?)))
            .collect();
        // A child's number may be the smaller one, so look until nothing is added.
        loop {
            let before = tree.len();
            for &(pid, parent) in &parents {
                if tree.contains(&parent) && !tree.contains(&pid) {
                    tree.push(pid);
                }
            }
            if tree.len() == before {
                return tree;
            }
        }
    }

    /// Why it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<String> {
        let status = self.child.try_wait().ok()??;
        let said = ["errors", "output", "error.log"].iter().find_map(|file| {
            let text = fs::read_to_string(self.directory.0.join(file)).ok()?;
            let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
            let last =
                lines.iter().skip(lines.len().saturating_sub(4)).copied().collect::<Vec<_>>().join("; ");
            (!last.is_empty()).then_some(last)
        });
        Some(format!("it ended ({status}): {}", said.unwrap_or_else(|| "no message".into())))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let processes = self.processes();
        let _ = kill(Pid::from_raw(self.child.id() as i32), Signal::SIGTERM);
        let patience = Instant::now() + FAREWELL;
        while Instant::now() < patience {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        for pid in processes {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        let _ = self.child.wait();
    }
}

/// A directory of its own for a peer's files, removed with all of them.
struct Directory(PathBuf);

impl Directory {
    fn create() -> io::Result<Self> {
        static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("ringwall-versus-{}-{number}", std::process::id()));
        fs::create_dir(&path)?;
        // Workers of nginx run under another user.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        Ok(Directory(path))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind(("127.0.0.1", 0))?.local_addr()
}

fn parent(pid: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before it may hold spaces and parentheses.
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

fn proportional_bytes(pid: i32) -> Option<u64> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let kib = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    Some(kib.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

pub(crate) fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin"), PathBuf::from("/usr/local/sbin")])
        .map(|directory| directory.join(program))
        .find(|file| file.is_file())
}

fn named_by(variable: &str) -> Result<Option<PathBuf>, String> {
    let Some(path) = std::env::var_os(variable).map(PathBuf::from) else { return Ok(None) };
    if path.is_file() { Ok(Some(path)) } else { Err(format!("{variable} names no file: {}", path.display())) }
}

/// The directory that cargo builds into, told by where it put the product.
fn target_directory() -> &'static Path {
    let product = Path::new(env!("CARGO_BIN_EXE_ringwall"));
    product.parent().and_then(Path::parent).unwrap_or(product)
}

fn built_pingora() -> Option<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/versus/pingora/target");
    [own.as_path(), target_directory()]
        .into_iter()
        .map(|target| target.join("release/versus-pingora"))
        .find(|file| file.is_file())
}

fn build_floor() -> Result<PathBuf, String> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/versus/floor/Cargo.toml");
    let target = target_directory().join("versus-floor");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["build", "--release", "--locked", "--quiet", "--manifest-path"])
        .arg(manifest)
        .arg("--target-dir")
        .arg(&target)
        .output()
        .map_err(|fault| format!("cannot run cargo to build it: {fault}"))?;
    if output.status.success() {
        Ok(target.join("release/versus-floor"))
    } else {
        Err(format!("does not build: {}", String::from_utf8_lossy(&output.stderr).trim()))
    }
}

/// The version as the program itself tells it, shortened to what identifies it.
fn version(name: Name, program: &Path) -> String {
    let asked = match name {
        Name::Floor => return "io_uring relay".into(),
        Name::Ringwall | Name::Baseline => return env!("CARGO_PKG_VERSION").into(),
        Name::Pingora => return pingora_version().unwrap_or_else(|| "unknown".into()),
        Name::Nginx | Name::Haproxy | Name::Apache => Command::new(program).arg("-v").output(),
        Name::Envoy => Command::new(program).arg("--version").output(),
    };
    let Ok(output) = asked else { return "unknown".into() };
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    let words = text.split(|byte: char| byte.is_whitespace() || byte == '/');
    let numbered = |word: &&str| word.starts_with(|byte: char| byte.is_ascii_digit()) && word.contains('.');
    words.into_iter().find(numbered).unwrap_or("unknown").into()
}

fn pingora_version() -> Option<String> {
    let lock = include_str!("pingora/Cargo.lock");
    let (_, rest) = lock.split_once("name = \"pingora\"\nversion = \"")?;
    Some(rest.split_once('"')?.0.into())
}
