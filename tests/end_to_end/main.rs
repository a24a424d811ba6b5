//! The built binary between real clients and real servers. Nothing in here looks inside: what is asserted is what
//! crosses the wire, the exit code, standard error, the access log and the admin pages.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "clocks, threads and locks are forbidden to the product; here they are the clients and servers around it"
)]

mod harness;

mod arrival;
mod demo;
mod differential;
mod encryption;
mod forwarding;
mod gateway;
mod lifecycle;
mod nginx_origin;
mod payload;
mod refusals;
mod unix_sockets;
mod upstream_faults;
