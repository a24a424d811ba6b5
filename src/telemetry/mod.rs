//! Names and shapes of metrics and access-log records. No I/O: the control side reads, workers write.

pub mod access_record;
pub mod log_channel;
pub mod metric_block;
pub mod metric_names;
pub mod tls_failures;
