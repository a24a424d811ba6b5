//! The process log: one line per event on standard error.
//!
//! For what happens to the process: starts, reloads, faults. What happens to requests is the access log's. Messages
//! must not hold secrets or text of a peer; line breaks and other control characters are replaced all the same.

use std::fmt::Display;
use std::io::Write;

/// Something ended or was refused.
pub fn error(message: impl Display) {
    write(&line("error", &message));
}

/// Something is odd; the process goes on.
pub fn warn(message: impl Display) {
    write(&line("warning", &message));
}

/// Something happened that was asked for.
pub fn info(message: impl Display) {
    write(&line("info", &message));
}

fn line(level: &str, message: &impl Display) -> String {
    let text = format!("ringwall: {level}: {message}");
    let mut line = text.replace(char::is_control, " ");
    line.push('\n');
    line
}

/// One write, so that lines of several threads do not mix. Nothing is left to tell a failure to.
fn write(line: &str) {
    let _written = std::io::stderr().lock().write_all(line.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line() {
        assert_eq!(line("info", &"ready"), "ringwall: info: ready\n");
        assert_eq!(line("error", &"a\nringwall: b\u{1b}[0m"), "ringwall: error: a ringwall: b [0m\n");
    }
}
