//! The built binary between real clients and real servers. Nothing in here looks inside: what is asserted is what
//! crosses the wire, the exit code, standard error, the access log and the admin pages.

mod harness;

mod differential;
mod forwarding;
mod lifecycle;
mod nginx_origin;
mod refusals;
mod upstream_faults;
