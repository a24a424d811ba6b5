//! TLS towards clients and servers, and who the client is.

mod certificates;
mod clients;
mod failures;
mod garbage;
mod openssl;
mod records;
mod storms;
mod upstreams;

use std::path::Path;
use std::process::{Command, Output};

use crate::harness::authority::Authority;
use crate::harness::peers::peer;
use crate::harness::{Proxy, ScriptedServer, Setup};

/// A proxy that speaks TLS for `a.test`, in front of `server`, and who vouches for it.
pub(crate) fn proxy_for(server: &ScriptedServer, settings: &str) -> (Setup, Authority) {
    proxy_with(server, settings, "")
}

/// The same, with these tables ahead of the route for everything.
fn proxy_with(server: &ScriptedServer, settings: &str, tables: &str) -> (Setup, Authority) {
    let authority = Authority::new("test authority");
    let own = authority.server(&["a.test"]);
    let setup = Setup::beside(server)
        .with(tables)
        .route("path = \"/*\"")
        .listener(&format!("[listener.tls]\ncertificate = \"own.pem\"\nkey = \"own.key\"\n{settings}"))
        .file("own.pem", own.certificate)
        .file("own.key", own.key)
        .file("authority.pem", &authority.certificate);
    (setup, authority)
}

/// Runs curl against `https://HOST` (a path may follow) of the proxy with these arguments besides. `None` where there is no curl.
#[track_caller]
fn curl(proxy: &Proxy, host: &str, arguments: &[&str]) -> Option<Output> {
    let program = peer("curl", "curl")?;
    let port = proxy.address.port();
    let mut command = Command::new(program);
    command.arg("--silent").arg("--show-error").args(["--max-time", "15", "--cacert", "authority.pem"]);
    let (name, path) = host.split_once('/').unwrap_or((host, ""));
    command.args(["--resolve", &format!("{name}:{port}:{}", proxy.address.ip())]).args(arguments);
    command.arg(format!("https://{name}:{port}/{path}")).current_dir(proxy.path("."));
    Some(command.output().expect("curl"))
}

/// The body that curl got; its error otherwise.
fn text(output: &Output) -> String {
    let bytes = if output.status.success() { &output.stdout } else { &output.stderr };
    String::from_utf8_lossy(bytes).into_owned()
}

fn write(directory: &Path, name: &str, content: &str) {
    let place = directory.join(name);
    let beside = directory.join(format!("{name}.new"));
    std::fs::write(&beside, content).expect("a file");
    // In one move, as deployments do it: nobody sees half a file.
    std::fs::rename(beside, place).expect("a file");
}
