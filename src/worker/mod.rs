//! One core: everything that runs on a worker thread. Shares nothing that it writes with other workers.

pub mod core_loop;
pub mod mailbox;
