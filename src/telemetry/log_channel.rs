//! The way of access-log batches from the workers to the log writer and, emptied, back.
//!
//! Bounded and never waiting on the worker's end: a writer that does not keep up costs records, which the worker
//! counts, and no request waits for a disk. What the lines look like and where they go is `control::access_log`.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use super::access_record::LogBatch;
use crate::limits;

/// What arrives at the log writer.
#[derive(Debug)]
pub enum LogMessage {
    /// Records of one worker. The emptied batch goes home.
    Batch {
        /// Who wrote it: position of the worker.
        worker: usize,
        /// The records.
        batch: LogBatch,
        /// Where the worker takes its empty batches from.
        home: SyncSender<LogBatch>,
    },
    /// Nothing to write: wakes the writer so that it looks at what else is asked of it.
    Nudge,
}

/// The control side's end: hands out sinks. The channel closes when it and all sinks are gone.
#[derive(Debug)]
pub struct LogHub {
    full: SyncSender<LogMessage>,
}

/// A worker's end.
#[derive(Debug)]
pub struct LogSink {
    ends: Option<SinkEnds>,
}

#[derive(Debug)]
struct SinkEnds {
    worker: usize,
    full: SyncSender<LogMessage>,
    empty: Receiver<LogBatch>,
    home: SyncSender<LogBatch>,
}

/// A channel that holds [`limits::LOG_BATCHES`] for each of `workers` workers, and its reading end.
pub fn log_channel(workers: usize) -> (LogHub, Receiver<LogMessage>) {
    let (full, reader) = sync_channel(limits::LOG_BATCHES * workers.max(1));
    (LogHub { full }, reader)
}

impl LogHub {
    /// A sink for `worker`, a new one at each of its starts.
    pub fn sink(&self, worker: usize) -> LogSink {
        let (home, empty) = sync_channel(limits::LOG_BATCHES);
        LogSink { ends: Some(SinkEnds { worker, full: self.full.clone(), empty, home }) }
    }

    /// Wakes the writer. A full channel means it has work before it and will look anyway.
    pub fn nudge(&self) {
        let _woken = self.full.try_send(LogMessage::Nudge);
    }
}

impl LogSink {
    /// The sink of a process without an access log.
    pub fn off() -> Self {
        Self { ends: None }
    }

    /// True when records are wanted; otherwise none need be made.
    #[inline]
    pub fn is_on(&self) -> bool {
        self.ends.is_some()
    }

    /// An empty batch: one that came back, or a fresh one. Without memory when no records are wanted.
    pub fn take(&self) -> LogBatch {
        match &self.ends {
            Some(ends) => ends.empty.try_recv().unwrap_or_else(|_| LogBatch::with_bound()),
            None => LogBatch::default(),
        }
    }

    /// Hands `batch` to the writer without waiting. Returns how many records were lost because it did not keep up
    /// or is gone; to be counted in `MetricBlock::log_dropped`.
    pub fn hand_over(&self, batch: LogBatch) -> usize {
        let Some(ends) = &self.ends else { return batch.records.len() };
        let message = LogMessage::Batch { worker: ends.worker, batch, home: ends.home.clone() };
        match ends.full.try_send(message) {
            Ok(()) => 0,
            Err(TrySendError::Full(message) | TrySendError::Disconnected(message)) => recycle(message),
        }
    }
}

/// Sends an undelivered or written batch home, emptied, and says how many records it held.
pub fn recycle(message: LogMessage) -> usize {
    match message {
        LogMessage::Batch { mut batch, home, .. } => {
            let held = batch.records.len();
            batch.clear();
            // A home that is full or gone needs no batch: this one is freed.
            let _kept = home.try_send(batch);
            held
        }
        LogMessage::Nudge => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::access_record::sample;

    fn batch_of(records: usize) -> LogBatch {
        let mut batch = LogBatch::with_bound();
        for _ in 0..records {
            let record = sample(&mut batch);
            batch.records.push(record);
        }
        batch
    }

    #[test]
    fn a_written_batch_comes_back_empty_and_is_used_again() {
        let (hub, reader) = log_channel(1);
        let sink = hub.sink(0);
        let mut batch = sink.take();
        batch.text.reserve(1 << 20);
        let capacity = batch.text.capacity();
        assert_eq!(sink.hand_over(batch), 0);
        assert_eq!(recycle(reader.recv().unwrap()), 0);
        let again = sink.take();
        assert_eq!(again.text.capacity(), capacity);
        assert!(again.records.is_empty() && again.text.is_empty());
    }

    #[test]
    fn a_writer_that_does_not_keep_up_costs_records_and_never_waits() {
        let (hub, reader) = log_channel(1);
        let sink = hub.sink(0);
        for _ in 0..limits::LOG_BATCHES {
            assert_eq!(sink.hand_over(batch_of(1)), 0);
        }
        assert_eq!(sink.hand_over(batch_of(3)), 3);
        drop(reader);
        assert_eq!(sink.hand_over(batch_of(2)), 2);
    }

    #[test]
    fn an_off_sink_wants_nothing() {
        let sink = LogSink::off();
        assert!(!sink.is_on());
        assert_eq!(sink.hand_over(batch_of(4)), 4);
        assert_eq!(sink.take().records.capacity(), 0);
    }

    #[test]
    fn the_channel_closes_when_the_hub_and_all_sinks_are_gone() {
        let (hub, reader) = log_channel(2);
        let sink = hub.sink(1);
        drop(hub);
        sink.hand_over(batch_of(1));
        drop(sink);
        assert!(matches!(reader.recv(), Ok(LogMessage::Batch { worker: 1, .. })));
        assert!(reader.recv().is_err());
    }
}
