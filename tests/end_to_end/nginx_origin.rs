//! Debian's nginx as the origin and curl as the client: files byte for byte, ranges, chunks, errors, many at once, and
//! a drain under load that fails no request.

use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use nix::sys::signal::Signal;

use crate::harness::message::Fault;
use crate::harness::peers::peer;
use crate::harness::random::Random;
use crate::harness::{Directory, PATIENCE, Proxy, RawClient, Setup, eventually, unused_address};

/// A running nginx with some files.
pub(crate) struct Nginx {
    child: Child,
    pub(crate) address: SocketAddr,
    directory: Directory,
}

impl Nginx {
    pub(crate) fn start(files: &[(&str, usize)]) -> Option<Self> {
        let program = peer("nginx", "nginx-light")?;
        let directory = Directory::new();
        let mut random = Random(11);
        for (name, size) in files {
            directory.write(&format!("files/{name}"), random.bytes(*size));
        }
        let address = unused_address();
        let config = directory.write("nginx.conf", config(address));
        let mut command = Command::new(program);
        command.arg("-p").arg(directory.path()).arg("-c").arg(&config).args(["-e", "error.log"]);
        let child = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().expect("nginx");
        eventually("nginx to listen", || TcpStream::connect(address).ok());
        Some(Self { child, address, directory })
    }

    /// A file that it serves, or that was put there.
    pub(crate) fn file(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.directory.path().join("files").join(name)).expect("a file of nginx")
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _gone_already = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn config(address: SocketAddr) -> String {
    format!(
        "daemon off; master_process off; pid nginx.pid;\n\
         events {{ worker_connections 1024; }}\n\
         http {{\n\
           access_log off; default_type application/octet-stream; keepalive_requests 1000000;\n\
           client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi;\n\
           scgi_temp_path scgi;\n\
           server {{\n\
             listen {address} backlog=1024; root files;\n\
             client_max_body_size 0;\n\
             location /put/ {{ dav_methods PUT; create_full_put_path on; }}\n\
             location /told {{ return 200 'client=$http_x_client tenant=$http_x_tenant scope=$http_x_scope'; }}\n\
             location /post/ {{ proxy_pass http://{address}/put/; proxy_method PUT; }}\n\
             location /packed/ {{ alias files/; gzip on; gzip_types *; gzip_min_length 1; gzip_proxied any; }}\n\
           }}\n\
         }}\n"
    )
}

/// curl with these arguments: what it wrote to standard output. It must succeed.
#[track_caller]
fn curl(arguments: &[&str]) -> Option<String> {
    let program = peer("curl", "curl")?;
    let run =
        Command::new(program).args(["-sS", "--noproxy", "*", "--max-time", "20"]).args(arguments).output();
    let output = run.expect("curl");
    assert!(output.status.success(), "curl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

const FILES: [(&str, usize); 7] = [
    ("empty", 0),
    ("one", 1),
    ("kibi", 1024),
    ("buffer", 16 * 1024),
    ("buffer-and-one", 16 * 1024 + 1),
    ("mebi", 1024 * 1024),
    ("hundred-mebi", 100 * 1024 * 1024),
];

/// nginx with the first `count` files behind a proxy, and where to put what curl gets.
fn start(count: usize) -> Option<(Nginx, Proxy, PathBuf)> {
    let nginx = Nginx::start(&FILES[..count])?;
    let proxy = Setup::to_address(nginx.address).start();
    let out = proxy.path("out");
    Some((nginx, proxy, out))
}

fn url(proxy: &Proxy, target: &str) -> String {
    format!("http://{}/{target}", proxy.address)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path that is text")
}

#[test]
fn files_of_all_sizes() {
    let Some((nginx, proxy, out)) = start(7) else { return };
    for (name, _) in FILES {
        let Some(status) = curl(&["-o", text(&out), "-w", "%{http_code}", &url(&proxy, name)]) else {
            return;
        };
        assert_eq!(status, "200", "{name}");
        let got = std::fs::read(&out).unwrap_or_default();
        assert!(got == nginx.file(name), "{name} differs: {} bytes", got.len());
        let _none_if_empty = std::fs::remove_file(&out);
    }
}

#[test]
fn ranges_conditions_and_errors() {
    let Some((nginx, proxy, out)) = start(6) else { return };
    let whole = nginx.file("mebi");
    let ask = |arguments: &[&str], target: &str| {
        let url = url(&proxy, target);
        let all = [&["-o", text(&out), "-w", "%{http_code}"], arguments, &[&url]].concat();
        let status = curl(&all);
        status.map(|status| (status, std::fs::read(&out).unwrap_or_default()))
    };
    let Some((status, body)) = ask(&["-r", "100-199"], "mebi") else { return };
    assert!((status.as_str(), body.as_slice()) == ("206", &whole[100..200]), "{status}");
    let Some((status, body)) = ask(&["-r", "-10"], "mebi") else { return };
    assert!((status.as_str(), body.as_slice()) == ("206", &whole[whole.len() - 10..]), "{status}");
    let Some((status, body)) = ask(&["-r", "0-9,20-29"], "mebi") else { return };
    assert_eq!(status, "206");
    assert!(body.windows(10).any(|window| window == &whole[20..30]), "multipart");
    let Some((status, _)) = ask(&["-r", "9999999-"], "mebi") else { return };
    assert_eq!(status, "416");
    let Some((status, body)) = ask(&[], "none") else { return };
    assert_eq!(status, "404");
    assert!(String::from_utf8_lossy(&body).contains("nginx"), "the origin's own page");
    let Some((status, _)) = ask(&["-z", "Wed, 01 Jan 2200 00:00:00 GMT"], "mebi") else { return };
    assert_eq!(status, "304");
    let upload = proxy.path("upload");
    std::fs::write(&upload, &whole).expect("a file to send");
    // The origin refuses before it has read all of it.
    let Some((status, _)) = ask(&["--data-binary", &format!("@{}", text(&upload))], "mebi") else { return };
    assert_eq!(status, "405");
    let Some(head) = curl(&["-I", &url(&proxy, "mebi")]) else { return };
    assert!(head.to_ascii_lowercase().contains("content-length: 1048576"), "{head}");
}

#[test]
fn chunked_by_the_origin() {
    let Some((nginx, proxy, out)) = start(6) else { return };
    for name in ["one", "kibi", "buffer-and-one", "mebi"] {
        let target = format!("packed/{name}");
        let Some(head) = curl(&["--compressed", "-D", "-", "-o", text(&out), &url(&proxy, &target)]) else {
            return;
        };
        let head = head.to_ascii_lowercase();
        assert!(
            head.contains("transfer-encoding: chunked") && head.contains("content-encoding: gzip"),
            "{head}"
        );
        assert!(std::fs::read(&out).unwrap_or_default() == nginx.file(name), "{name} differs");
    }
}

#[test]
fn sixty_four_connections_at_once() {
    let Some((nginx, proxy, _)) = start(6) else { return };
    let names = ["one", "kibi", "buffer", "buffer-and-one", "mebi"];
    let wanted: Vec<(&str, PathBuf)> =
        (0..192).map(|number| (names[number % names.len()], proxy.path(&format!("out-{number}")))).collect();
    let list: String = wanted
        .iter()
        .map(|(name, out)| format!("url = \"{}\"\noutput = \"{}\"\n", url(&proxy, name), text(out)))
        .collect();
    let file = proxy.path("list");
    std::fs::write(&file, list).expect("curl's list");
    let arguments = ["--parallel", "--parallel-immediate", "--parallel-max", "64", "-K", text(&file)];
    if curl(&arguments).is_none() {
        return;
    }
    for (name, out) in wanted {
        assert!(
            std::fs::read(&out).unwrap_or_default() == nginx.file(name),
            "{name} differs in {}",
            out.display()
        );
    }
    let accepted = proxy.metric("ringwall_connections_accepted_total", "");
    assert!(accepted >= 64.0, "{accepted} connections");
}

/// How one load client ended.
#[derive(Debug, Default)]
struct Tally {
    answered: AtomicUsize,
    failed: AtomicUsize,
    lost_on_connecting: AtomicUsize,
}

impl Tally {
    fn note(count: &AtomicUsize) {
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// Asks until no connection is to be had any more. A request on a connection that was not announced to close must be
/// answered, whole. A new connection may be lost unanswered: one whose handshake completes in the instant the listener
/// closes is reset by the kernel, and nobody can help it.
fn load(address: SocketAddr, body: &[u8], tally: &Tally, stopped: &AtomicBool) {
    // Bounded, in case the test fails meanwhile.
    let until = Instant::now() + PATIENCE;
    while let Ok(mut client) = RawClient::try_connect(address) {
        let (mut is_new, mut goes_on) = (true, true);
        while goes_on {
            client.send_if_open("GET /buffer-and-one HTTP/1.1\r\nHost: example.test\r\n\r\n");
            match client.try_response() {
                Ok(response) if response.status() == 200 && response.body == body => {
                    Tally::note(&tally.answered);
                    goes_on = !response.fields.has("connection");
                }
                Err(Fault::Nothing(_)) if is_new && stopped.load(Ordering::Relaxed) => {
                    return Tally::note(&tally.lost_on_connecting);
                }
                Ok(_) | Err(_) => return Tally::note(&tally.failed),
            }
            is_new = false;
            if Instant::now() > until {
                return;
            }
        }
    }
}

#[test]
fn a_drain_under_load_fails_no_request() {
    let Some((nginx, mut proxy, _)) = start(5) else { return };
    let body = nginx.file("buffer-and-one");
    let (tally, stopped) = (Arc::<Tally>::default(), AtomicBool::new(false));
    let address = proxy.address;
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| load(address, &body, &tally, &stopped));
        }
        eventually("a load", || (tally.answered.load(Ordering::Relaxed) > 500).then_some(()));
        stopped.store(true, Ordering::Relaxed);
        proxy.signal(Signal::SIGTERM);
    });
    let status = proxy.wait_for_exit();
    assert_eq!(status.code(), Some(0), "{}", proxy.stderr());
    assert_eq!(tally.failed.load(Ordering::Relaxed), 0, "{tally:?}");
    let log = proxy.access_log();
    let answered = log.iter().filter(|line| line["status"] == 200 && line["reason"] == "ok").count();
    assert_eq!(answered, tally.answered.load(Ordering::Relaxed), "answers in the log, {tally:?}");
}
