//! Responses that take their time: each part is with the client before the server sends the next.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Stdio};
use std::sync::mpsc::{Receiver, channel};

use super::*;
use crate::harness::{Gate, PATIENCE, ScriptedServer};

const EVENTS: usize = 5;

/// Sends the head, and one event whenever the gate opens; at last the end of the body, or none.
fn event_server(gate: &Gate, ends: bool) -> ScriptedServer {
    let passed = gate.clone();
    ScriptedServer::start(move |connection| {
        while let Some(request) = connection.request() {
            if request.target() != "/events" {
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
                continue;
            }
            connection.send(
                "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
            );
            for number in 0..EVENTS {
                passed.pass();
                let event = format!("data: {number}\n\n");
                connection.send(format!("{:x}\r\n{event}\r\n", event.len()));
            }
            passed.pass();
            if !ends {
                return;
            }
            connection.send("0\r\n\r\n");
        }
    })
}

/// A client that prints what it gets, line by line.
struct Listener {
    child: Child,
    lines: Receiver<String>,
}

impl Listener {
    fn start(proxy: &Proxy, form: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ringwall"));
        command.arg("call").args(form).arg(url(proxy, "/events"));
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("a client");
        let lines = lines_of(child.stdout.take().expect("its output"));
        Self { child, lines }
    }

    #[track_caller]
    fn expect(&self, event: usize) {
        for expected in [format!("data: {event}"), String::new()] {
            assert_eq!(self.lines.recv_timeout(PATIENCE).as_deref(), Ok(expected.as_str()));
        }
    }

    /// What became of it, and what it complained of.
    fn end(mut self) -> (bool, String) {
        let is_success = self.child.wait().expect("its end").success();
        let mut complaint = String::new();
        let stderr = self.child.stderr.as_mut().expect("its complaints");
        stderr.read_to_string(&mut complaint).expect("its complaints");
        assert_eq!(self.lines.iter().count(), 0, "more than was sent");
        (is_success, complaint)
    }
}

fn lines_of(output: ChildStdout) -> Receiver<String> {
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

#[test]
fn events_arrive_as_they_are_sent() {
    let gate = Gate::default();
    let server = event_server(&gate, true);
    let proxy = Setup::to(&server).with(SHORT_WINDOW).start();
    for form in [&["--payload", "session"], &["--payload", "message"]] {
        if form[1] == "message" {
            wait_for_single_messages(&proxy, "/");
        }
        let listener = Listener::start(&proxy, form);
        for event in 0..EVENTS {
            // Only now may the server send it.
            gate.open();
            listener.expect(event);
        }
        gate.open();
        let (is_success, complaint) = listener.end();
        assert!(is_success, "{form:?}: {complaint}");
    }
}

/// The server breaks off: what came is with the client, and it knows that this was not all.
#[test]
fn a_response_that_breaks_off_has_no_end() {
    let gate = Gate::default();
    let server = event_server(&gate, false);
    let proxy = Setup::to(&server).with("[payload]").start();
    let listener = Listener::start(&proxy, &["--payload", "session"]);
    for event in 0..EVENTS {
        gate.open();
        listener.expect(event);
    }
    gate.open();
    let (is_success, complaint) = listener.end();
    assert!(!is_success, "{complaint}");
}
