//! Single scenarios with the exact bytes that must cross: what the issue says of the exchange, rule by rule.

mod answers;
mod boundaries;
mod driver_view;
mod proofs;
mod questions;
mod responses;
mod retries;
mod revocations;
mod sealed;
mod stage;
mod streams;
mod tokens;
mod tunnels;
