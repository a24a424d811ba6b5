//! What the process says to the shell, and why on standard error.

use super::*;

/// Runs the binary with these arguments to its end.
fn run(arguments: &[&str], directory: &Directory) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringwall"));
    command.args(arguments).current_dir(directory.path()).env_clear();
    command.output().expect("the binary")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn zero_after_a_drain() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let server = ScriptedServer::ok();
        let mut proxy = Setup::to(&server).start();
        proxy.signal(signal);
        assert_eq!(proxy.wait_for_exit().code(), Some(0), "{signal}: {}", proxy.stderr());
        assert!(!proxy.stderr().contains("missing"), "{}", proxy.stderr());
    }
}

#[test]
fn two_for_a_configuration_that_cannot_be_used() {
    let directory = Directory::new();
    for (text, place) in [
        ("[[listener]]\nname = \"a\"\naddress = 5\n", "ringwall.toml:3:"),
        ("[timeouts]\nheadre = \"5s\"\n", "ringwall.toml:2:"),
        ("not toml", "ringwall.toml:1:"),
    ] {
        directory.write("ringwall.toml", text);
        for command in ["run", "check"] {
            let output = run(&[command, "--config", "ringwall.toml"], &directory);
            assert_eq!(output.status.code(), Some(2), "{command}: {text}");
            assert!(stderr(&output).contains(place), "{command}: {}", stderr(&output));
        }
    }
    for arguments in [&["run", "--config", "none.toml"][..], &["run"], &["walk"], &["run", "--fast"], &[]] {
        assert_eq!(run(arguments, &directory).status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn of_check() {
    let directory = Directory::new();
    directory.write(
        "good.toml",
        Setup::beside_address(unused_address())
            .with("[[route]]\npath = \"/\"\nupstream = \"origin\"\naccess = \"upstream\"")
            .text(),
    );
    directory.write("open.toml", Setup::to_address(unused_address()).text());
    for (file, strict, expected) in
        [("good", false, 0), ("good", true, 0), ("open", false, 0), ("open", true, 1)]
    {
        let name = format!("{file}.toml");
        let mut arguments = vec!["check", "--json", "--config", &name];
        if strict {
            arguments.push("--strict");
        }
        let output = run(&arguments, &directory);
        assert_eq!(output.status.code(), Some(expected), "{arguments:?}: {output:?}");
        let report: Value = serde_json::from_slice(&output.stdout).expect("a report in JSON");
        assert_eq!(report["ok"], expected == 0, "{report}");
    }
}

/// Somebody else listens there, without sharing: what it says must help.
#[test]
fn one_for_an_address_in_use() {
    for admin in [false, true] {
        let setup = Setup::to_address(unused_address());
        let taken = if admin { setup.admin } else { setup.address };
        let _holder = TcpListener::bind(taken).expect("the address");
        let mut proxy = setup.spawn();
        assert_eq!(proxy.wait_for_exit().code(), Some(1), "{}", proxy.stderr());
        let said = proxy.stderr();
        for part in ["cannot listen on", &taken.to_string(), "choose another"] {
            assert!(said.contains(part), "{said}");
        }
    }
}

/// As in a container whose profile forbids it.
#[test]
fn one_where_io_uring_is_forbidden() {
    const IO_URING_SETUP: i64 = 425;
    const EPERM: u32 = 1;
    let forbidden = BTreeMap::from([(IO_URING_SETUP, Vec::new())]);
    let machine = std::env::consts::ARCH.try_into().expect("a machine that seccomp knows");
    let filter = SeccompFilter::new(forbidden, SeccompAction::Allow, SeccompAction::Errno(EPERM), machine);
    let program: BpfProgram = filter.and_then(TryInto::try_into).expect("a filter");
    let setup = Setup::to_address(unused_address());
    // A filter holds for the thread that asks for it, and for the processes it starts.
    let spawned = std::thread::spawn(move || {
        apply_filter(&program).expect("the filter in force");
        setup.spawn()
    });
    let mut proxy = spawned.join().expect("the spawning thread");
    assert_eq!(proxy.wait_for_exit().code(), Some(1), "{}", proxy.stderr());
    let said = proxy.stderr();
    for part in ["io_uring is not allowed", "kernel.io_uring_disabled", "seccomp"] {
        assert!(said.contains(part), "{said}");
    }
}

#[test]
fn one_for_a_second_signal() {
    let gate = Gate::default();
    let server = named("a", &gate);
    let mut proxy = Setup::to(&server).start();
    let mut client = proxy.client();
    client.send("GET /slow HTTP/1.1\r\nHost: example.test\r\n\r\n");
    server.wait_for_mark("half");
    proxy.signal(Signal::SIGTERM);
    proxy.wait_for_stderr("draining");
    proxy.signal(Signal::SIGTERM);
    assert_eq!(proxy.wait_for_exit().code(), Some(1), "{}", proxy.stderr());
    gate.open();
}
