//! The manual, chapter by chapter. No code.
//!
//! - [`architecture`]: the parts, what may know what, and the way of a request
//! - [`decisions`]: what was decided, and what was weighed against it
//! - [`defaults`]: what holds where the configuration says nothing, and why
//! - [`lexicon`]: one word for each thing
//! - [`threat_model`]: what is protected, against whom, and what is not
//! - [`changelog`]: what changed for users

#[doc = include_str!("architecture.md")]
pub mod architecture {}

#[doc = include_str!("changelog.md")]
pub mod changelog {}

#[doc = include_str!("decisions.md")]
pub mod decisions {}

#[doc = include_str!("defaults.md")]
pub mod defaults {}

#[doc = include_str!("lexicon.md")]
pub mod lexicon {}

#[doc = include_str!("threat_model.md")]
pub mod threat_model {}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::limits;

    #[test]
    fn the_readme_shows_the_client_for_node_as_it_is() {
        let readme = include_str!("../../README.md");
        let shown = readme.split("```js\n").nth(1).and_then(|rest| rest.split("```").next());
        let client = include_str!("../../tests/interop/payload/client.mjs");
        assert!(
            shown.is_some_and(|shown| shown.contains("openSession") && client.contains(shown)),
            "README.md shows another client than tests/interop/payload/client.mjs"
        );
    }

    /// Holds that the chapter on defaults has a row for `setting` with `value`.
    #[track_caller]
    fn check(setting: &str, value: &str) {
        let row = format!("| `{setting}` | `{value}` |");
        let chapter = include_str!("defaults.md");
        assert!(
            chapter.lines().any(|line| line.starts_with(&row)),
            "defaults.md has no row that begins {row}"
        );
    }

    fn check_time(setting: &str, value: Duration) {
        let seconds = value.as_secs();
        assert_eq!(value, Duration::from_secs(seconds));
        let text = if seconds > 90 { format!("{}m", seconds / 60) } else { format!("{seconds}s") };
        check(setting, &text);
    }

    #[test]
    fn the_chapter_on_defaults_tells_what_holds() {
        check_time("timeouts.header", limits::TIMEOUT_HEADER);
        check_time("timeouts.body", limits::TIMEOUT_BODY);
        check_time("timeouts.idle", limits::TIMEOUT_IDLE);
        check_time("timeouts.handshake", limits::TIMEOUT_HANDSHAKE);
        check_time("timeouts.connect", limits::TIMEOUT_CONNECT);
        check_time("timeouts.response", limits::TIMEOUT_RESPONSE);
        check_time("timeouts.drain", limits::TIMEOUT_DRAIN);
        check_time("upstream.*.pool.age", limits::POOL_AGE);
        check_time("upstream.*.pool.idle_timeout", limits::POOL_IDLE_TIMEOUT);
        check_time("upstream.*.health.interval", limits::HEALTH_INTERVAL);
        check("upstream.*.health.unhealthy", &limits::HEALTH_UNHEALTHY.to_string());
        check("upstream.*.health.healthy", &limits::HEALTH_HEALTHY.to_string());
        check("upstream.*.pool.idle", &limits::POOL_IDLE.to_string());
        check("limits.request_line", &format!("{}KiB", limits::REQUEST_LINE_BYTES >> 10));
        check("limits.header_bytes", &format!("{}KiB", limits::HEADER_BYTES >> 10));
        check("limits.header_count", &limits::HEADER_COUNT.to_string());
        check("limits.body_bytes", &format!("{}GiB", limits::BODY_BYTES >> 30));
        check("limits.connections", &limits::CONNECTIONS.to_string());
        check("limits.connections_per_address", &limits::CONNECTIONS.to_string());
        check("limits.payload_chunk", &format!("{}KiB", limits::PAYLOAD_CHUNK_BYTES >> 10));
        check_time("payload.session_lifetime", limits::PAYLOAD_SESSION_LIFETIME);
        check_time("payload.window", limits::PAYLOAD_WINDOW);
        check("payload.replay_entries", &limits::PAYLOAD_REPLAY_ENTRIES.to_string());
        check("payload.session_entries", &limits::PAYLOAD_SESSION_ENTRIES.to_string());
        check("payload.policy.timeout", &format!("{}ms", limits::POLICY_TIMEOUT.as_millis()));
        check_time("payload.policy.cache.time", limits::POLICY_CACHE_TIME);
        check("payload.policy.cache.entries", &limits::POLICY_CACHE_ENTRIES.to_string());
        check_time("issuer.*.skew", Duration::from_secs(limits::TOKEN_SKEW_SECONDS));
        check_time("issuer.*.cache.positive", limits::TOKEN_CACHE_POSITIVE);
        check_time("issuer.*.cache.negative", limits::TOKEN_CACHE_NEGATIVE);
        check("issuer.*.cache.entries", &limits::TOKEN_CACHE_ENTRIES.to_string());
        check("mapper.*.timeout", &format!("{}ms", limits::MAPPER_TIMEOUT.as_millis()));
        check("mapper.*.cache.entries", &limits::MAPPER_CACHE_ENTRIES.to_string());
        let rest = format!("after {} failures in a row", limits::PASSIVE_FAILURES);
        assert!(include_str!("defaults.md").contains(&rest), "defaults.md does not say: {rest}");
    }
}
