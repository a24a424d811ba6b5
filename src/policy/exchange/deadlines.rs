//! The one time limit that counts in each state, and what happens when it passes.
//!
//! Asking and connecting have none here: the driver bounds them.

use std::time::Duration;

use super::request_side::Phase;
use super::{Ending, Exchange, World};
use crate::policy::refusal::Refusal;
use crate::protocol::moment::Monotonic;

/// How long after sending a request nobody reads the client, so that its buffer keeps the request for a second
/// attempt. From then on a client that goes away is noticed.
const WATCH_AFTER: Duration = Duration::from_millis(500);

impl Exchange {
    /// The time limit of the current state passed.
    pub(super) fn deadline_passed(&mut self, world: &mut World<'_>) {
        if world.now < self.deadline {
            return;
        }
        self.stop_the_clock();
        if self.down.has_begun() {
            return self.abort(self.staller(), world.now);
        }
        match self.up.phase {
            Phase::Head if self.request.unread_len() == 0 => self.finish = Some(Ending::Close),
            Phase::Head => self.refuse_before_head(Refusal::HeadTimeout, world),
            Phase::Opening => self.refuse(Refusal::BodyTimeout, world),
            Phase::Asking | Phase::Connecting => {}
            Phase::Sending if self.up.awaits_client() && !self.lanes.writing_upstream => {
                self.refuse(Refusal::BodyTimeout, world);
            }
            Phase::Sent if world.now < self.up.response_due => {
                // The first part of the wait for a response: from now on the client is watched.
                self.up.watching = true;
                self.deadline = self.up.response_due;
            }
            _ => self.refuse(Refusal::ResponseTimeout, world),
        }
    }

    /// Who is to blame when nothing moves any more and a response is under way.
    fn staller(&self) -> Refusal {
        if self.up.phase == Phase::Tunnel {
            Refusal::TunnelIdle
        } else if self.lanes.writing_downstream || self.up.awaits_client() && !self.lanes.writing_upstream {
            Refusal::ClientStalled
        } else {
            Refusal::ResponseStalled
        }
    }

    /// Something moved: sets the next time limit.
    pub(super) fn progressed(&mut self, now: Monotonic) {
        self.deadline = match self.up.phase {
            Phase::Tunnel => now.after(self.rules.timeouts.idle),
            Phase::Sent if !self.down.has_begun() => {
                if self.up.watching {
                    self.up.response_due
                } else {
                    now.after(WATCH_AFTER).min(self.up.response_due)
                }
            }
            _ => now.after(self.up.body_timeout),
        };
        if let Some(sealed) = self.sealed.as_ref().filter(|_| self.up.awaits_sealed()) {
            self.deadline = self.deadline.min(sealed.due);
        }
    }

    /// Nothing is waited for.
    pub(super) fn stop_the_clock(&mut self) {
        self.deadline = Monotonic::NEVER;
    }
}
