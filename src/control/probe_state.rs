//! Stand-in until `policy::upstream_health` brings its own.

use crate::policy::ruleset::HealthCheck;
use crate::policy::upstream_health::Probe;

/// Counts results in a row.
#[derive(Clone, Debug, Default)]
pub(super) struct ProbeState {
    verdict: Probe,
    good: u32,
    bad: u32,
}

impl ProbeState {
    /// Takes in a result and judges.
    pub(super) fn note(&mut self, ok: bool, check: &HealthCheck) -> Probe {
        (self.good, self.bad) = if ok { (self.good + 1, 0) } else { (0, self.bad + 1) };
        if self.bad >= check.unhealthy {
            self.verdict = Probe::Down;
        } else if self.good >= check.healthy {
            self.verdict = Probe::Up;
        }
        self.verdict
    }
}
