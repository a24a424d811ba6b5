//! One core: everything that runs on a worker thread. Shares nothing that it writes with other workers.
//!
//! `core_loop` is the thread's life, `connection_life` a connection's, `connection_driver` carries out what an exchange asks for, `upstream_pool`
//! keeps idle upstream connections, `generation` is what one configuration brings with it. Decisions are `policy`'s.

pub mod core_loop;
pub mod key_requests;
pub mod mailbox;
pub mod proof_memory;
pub mod replay_memory;

mod access_notes;
mod address_ledger;
mod answers;
mod arrival;
mod busy_poll;
mod connection_driver;
mod connection_life;
mod counted;
mod flights;
mod generation;
mod mapper_calls;
mod opening_rate;
mod operations;
mod panic_guard;
mod policy_answers;
mod service_call;
mod state;
mod tls_notes;
mod token_cache;
mod token_inquiries;
mod token_judge;
mod turnstile;
mod upstream_pool;
mod waiters;
