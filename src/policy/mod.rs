//! Decisions, all pure: which route, which upstream, which answer, what next.
//!
//! Nothing here touches a socket, a clock or the configuration file. [`ruleset::Ruleset`] is what a configuration
//! becomes: immutable, shared by every worker, swapped whole at a reload.

pub mod access_rule;
pub mod exchange;
pub mod field_template;
pub mod forwarding;
pub mod issuer_keys;
pub mod path_rules;
pub mod payload_keys;
pub mod payload_policy;
pub mod payload_rules;
pub mod refusal;
pub mod request_mapper;
pub mod resource_metadata;
pub mod route_table;
pub mod ruleset;
pub mod service;
pub mod token_challenges;
pub mod token_rules;
pub mod upstream_choice;
pub mod upstream_health;

mod fixed_hash;
