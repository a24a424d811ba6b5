use std::path::PathBuf;

use super::*;
use crate::control::fixture;
use crate::telemetry::access_record::sample;
use crate::telemetry::log_channel::LogSink;

const LONG: Duration = Duration::from_secs(10);

/// A file of its own for a test, removed with it.
struct Scratch(PathBuf);

impl Scratch {
    fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ringwall-{}-{test}.log", std::process::id()));
        drop(std::fs::remove_file(&path));
        Self(path)
    }

    fn lines(&self) -> Vec<String> {
        std::fs::read_to_string(&self.0).unwrap().lines().map(str::to_owned).collect()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.0));
    }
}

fn start(scratch: &Scratch, workers: usize) -> LogWriter {
    let settings = LogSettings { access: AccessLog::File(scratch.0.clone()), format: LogFormat::Json };
    let writer = LogWriter::start(&settings, workers).unwrap().unwrap();
    writer.prepare(&fixture::ruleset());
    writer
}

fn log(sink: &LogSink, status: u16, generation: u64) {
    let mut batch = sink.take();
    let mut record = sample(&mut batch);
    (record.status, record.generation) = (status, generation);
    batch.records.push(record);
    assert_eq!(sink.hand_over(batch), 0);
}

#[test]
fn records_of_all_workers_are_written_before_the_end() {
    let scratch = Scratch::new("all-workers");
    let writer = start(&scratch, 2);
    let (first, second) = (writer.hub().sink(0), writer.hub().sink(1));
    // Fewer than the channel holds: none is lost however slow the writer is.
    for status in 200..250 {
        log(&first, status, 1);
        log(&second, status + 100, 1);
    }
    // The sinks are still there: the end waits for what was handed over, not for those who did.
    assert!(writer.finish(LONG));
    drop((first, second));
    let lines = scratch.lines();
    assert_eq!(lines.len(), 100);
    for worker in 0..2 {
        let of_worker: Vec<_> =
            lines.iter().filter(|line| line.ends_with(&format!("\"worker\":{worker}}}"))).collect();
        assert_eq!(of_worker.len(), 50);
        for (position, line) in of_worker.iter().enumerate() {
            assert!(line.contains(&format!("\"status\":{}", 200 + worker * 100 + position)), "{line}");
        }
    }
}

#[test]
fn names_of_the_rules_before_are_still_known() {
    let scratch = Scratch::new("generations");
    let writer = start(&scratch, 1);
    for (generation, name) in [(2, "second"), (3, "third")] {
        let mut rules = fixture::ruleset();
        rules.generation = generation;
        rules.listeners[0].name = name.into();
        writer.prepare(&rules);
    }
    let sink = writer.hub().sink(0);
    for generation in 1..=3 {
        log(&sink, 200, generation);
    }
    drop(sink);
    assert!(writer.finish(LONG));
    let lines = scratch.lines();
    for (line, listener) in lines.iter().zip(["null", "\"second\"", "\"third\""]) {
        assert!(line.contains(&format!("\"listener\":{listener},")), "{line}");
    }
    assert_eq!(lines.len(), 3);
}

#[test]
fn a_rotated_file_is_left_alone_after_reopening() {
    let (scratch, rotated) = (Scratch::new("rotate"), Scratch::new("rotated"));
    let writer = start(&scratch, 1);
    let sink = writer.hub().sink(0);
    log(&sink, 201, 1);
    std::fs::rename(&scratch.0, &rotated.0).unwrap();
    writer.reopen();
    log(&sink, 202, 1);
    drop(sink);
    assert!(writer.finish(LONG));
    // The first record may be under way while the file is rotated; the second follows the reopening.
    let new = scratch.lines();
    assert!(new.iter().any(|line| line.contains("\"status\":202")), "{new:?}");
    assert_eq!(rotated.lines().len() + new.len(), 2);
}

#[test]
fn an_outlet_that_refuses_is_counted_and_the_next_line_is_whole() {
    let scratch = Scratch::new("torn");
    std::fs::write(&scratch.0, "").unwrap();
    let read_only = File::open(&scratch.0).unwrap();
    let mut outlet = Outlet { file: read_only, path: Some(scratch.0.clone()), torn: false };
    assert!(outlet.write(b"lost\n").is_err());
    outlet.reopen();
    outlet.write(b"kept\n").unwrap();
    outlet.write(b"too\n").unwrap();
    assert_eq!(scratch.lines(), ["", "kept", "too"]);
}

#[test]
fn a_log_that_cannot_be_opened_is_a_fault_and_an_off_one_is_none() {
    let access = AccessLog::File("/nonexistent/access.log".into());
    let settings = LogSettings { access, format: LogFormat::Text };
    assert!(LogWriter::start(&settings, 1).is_err());
    let settings = LogSettings { access: AccessLog::Off, format: LogFormat::Text };
    assert!(LogWriter::start(&settings, 1).unwrap().is_none());
}
