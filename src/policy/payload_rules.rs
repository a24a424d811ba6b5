//! What payload encryption asks of requests: per route, and per application as the policy has it.
//!
//! Opening and sealing is `protocol::payload`'s business; carrying questions to the policy service is the worker's.
//!
//! The reading of the policy. An application is known from a session's ticket or from a validated token, never from a
//! field that anybody can write. What is not known fails closed, which here means that it is treated as `required`:
//!
//! | | no policy | required | optional | disabled | not in the policy | no application named | service silent |
//! |---|---|---|---|---|---|---|---|
//! | sealed | served | served | served | refused | served | refused | 503 |
//! | plain, route `accept` | served | encryption required | served | refused | encryption required | encryption required | 503 |
//! | plain, route `require` | encryption required | " | " | " | " | " | " |
//! | plain, route `off` | served | served | served | served | served | served | served |
//!
//! A silent service may know the version as disabled. A sealed request without an application is refused under a policy:
//! it might come from a version that is disabled. One of an application that the policy does not list is served: it has
//! all that `required` asks for, and an application's name is what it says of itself, which never grants anything. A
//! plain request names no application as long as no token does; so under a policy it gets through on routes with
//! `payload = "off"` alone.

use std::time::Duration;

use ipnet::IpNet;

use super::payload_policy::PolicyAnswer;
use super::service::ServiceId;
use crate::limits;
use crate::protocol::payload::ticket::AppIdentity;

/// Whether a route takes sealed and plain requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PayloadMode {
    /// Plain ones alone: to a sealed request the route does not exist, and no policy concerns it.
    Off,
    /// Both, as far as the policy lets plain ones through.
    #[default]
    Accept,
    /// Sealed ones alone.
    Require,
}

/// What a configuration says about payload encryption.
#[derive(Clone, Debug, PartialEq)]
pub struct PayloadRules {
    /// How long a session's ticket is good for: whole seconds.
    pub session_lifetime: Duration,
    /// How far a message's time may be from ours, either way: whole seconds. Settled at the start of the process.
    pub window: Duration,
    /// Messages of one session remembered at once; beyond it 429.
    pub session_entries: u32,
    /// Relays of single messages: networks whose requests the limit per address does not count.
    pub relays: Vec<IpNet>,
    /// What each application has to do.
    pub applications: ApplicationRules,
    /// Whom to ask about applications that have no rule; absent: nobody.
    pub service: Option<PolicyService>,
}

impl Default for PayloadRules {
    /// An empty `[payload]`: what `limits` says, with rules for no application.
    fn default() -> Self {
        Self {
            session_lifetime: limits::PAYLOAD_SESSION_LIFETIME,
            window: limits::PAYLOAD_WINDOW,
            session_entries: limits::PAYLOAD_SESSION_ENTRIES,
            relays: Vec::new(),
            applications: ApplicationRules::default(),
            service: None,
        }
    }
}

/// Rules for applications, found by the application's id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApplicationRules(Vec<ApplicationRule>);

/// What some versions of an application have to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApplicationRule {
    /// The application's id, letter for letter.
    pub id: String,
    /// The platform, letter for letter; absent: any.
    pub platform: Option<String>,
    /// Which versions.
    pub version: VersionPattern,
    /// What they have to do.
    pub encryption: Encryption,
}

/// Which versions of an application: one, or all that begin alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionPattern {
    /// Without the final `*`.
    text: String,
    open: bool,
}

/// Why a text is no [`VersionPattern`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VersionFault {
    /// Nothing, which no application has for a version.
    #[error("it is empty; write a version, or \"*\" for any")]
    Empty,
    /// A `*` that is not the last character, or does not follow a dot.
    #[error("a `*` stands for the rest of a version: alone, or at the end after a dot, as in \"2.*\"")]
    Star,
}

/// What a policy says of an application's version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// Its requests must be sealed.
    Required,
    /// They may be.
    Optional,
    /// This version is not served.
    Disabled,
}

/// An application as a ticket or a validated token names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Application<'a> {
    /// Its id.
    pub id: &'a str,
    /// What it runs on.
    pub platform: &'a str,
    /// Its version.
    pub version: &'a str,
}

/// The policy service: asked about applications that have no rule in the configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyService {
    /// Where it is; the query is added to its path.
    pub service: ServiceId,
    /// How long an answer is good for.
    pub cache_time: Duration,
    /// Answers kept, by each worker.
    pub cache_entries: usize,
}

/// What the policy has for a request's application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApplicationVerdict {
    /// Ask the policy service: its answer makes it one of the others.
    Ask,
    /// There is no policy.
    NoPolicy,
    /// A rule, or the service.
    Says(Encryption),
    /// There is a policy, and the application is not in it.
    Unlisted,
    /// There is a policy, and the request names no application.
    Unnamed,
    /// The policy service was asked in vain: the version may be one that it does not serve.
    Unknown,
}

/// Why the policy or the route refuses a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayloadDenial {
    /// Its application is disabled, or not named: `payload-app-refused`.
    Application,
    /// It must come sealed: `payload-required`.
    Plaintext,
    /// Nobody can say: `payload-policy-unavailable`.
    Unknown,
}

impl PayloadRules {
    /// True when there is a policy, by rules or by a service. Then a request has to name its application.
    pub fn has_policy(&self) -> bool {
        self.service.is_some() || !self.applications.0.is_empty()
    }

    /// What the policy has for `application`, none where the request names none. The first rule that matches says it.
    pub fn judge_application(&self, application: Option<Application<'_>>) -> ApplicationVerdict {
        if !self.has_policy() {
            return ApplicationVerdict::NoPolicy;
        }
        let Some(application) = application else { return ApplicationVerdict::Unnamed };
        match self.applications.find(application) {
            Some(rule) => ApplicationVerdict::Says(rule.encryption),
            None if self.service.is_some() => ApplicationVerdict::Ask,
            None => ApplicationVerdict::Unlisted,
        }
    }
}

impl<'a> From<&'a AppIdentity> for Application<'a> {
    fn from(app: &'a AppIdentity) -> Self {
        Self { id: app.id(), platform: app.platform(), version: app.version() }
    }
}

impl From<PolicyAnswer> for ApplicationVerdict {
    fn from(answer: PolicyAnswer) -> Self {
        match answer {
            PolicyAnswer::Says(encryption) => Self::Says(encryption),
            PolicyAnswer::Unlisted => Self::Unlisted,
            PolicyAnswer::Unavailable => Self::Unknown,
        }
    }
}

impl ApplicationVerdict {
    /// Whether a sealed request may go on.
    pub fn admit_sealed(self) -> Result<(), PayloadDenial> {
        match self {
            Self::Says(Encryption::Disabled) | Self::Unnamed => Err(PayloadDenial::Application),
            Self::Ask | Self::Unknown => Err(PayloadDenial::Unknown),
            Self::Says(Encryption::Optional | Encryption::Required) | Self::NoPolicy | Self::Unlisted => {
                Ok(())
            }
        }
    }

    /// Whether a plain request may go on to a route with this `mode`.
    pub fn admit_plain(self, mode: PayloadMode) -> Result<(), PayloadDenial> {
        match (mode, self) {
            (PayloadMode::Off, _)
            | (PayloadMode::Accept, Self::NoPolicy | Self::Says(Encryption::Optional)) => Ok(()),
            (PayloadMode::Accept, Self::Says(Encryption::Disabled)) => Err(PayloadDenial::Application),
            (PayloadMode::Accept, Self::Ask | Self::Unknown) => Err(PayloadDenial::Unknown),
            (PayloadMode::Accept, Self::Says(Encryption::Required))
            | (PayloadMode::Accept, Self::Unlisted | Self::Unnamed)
            | (PayloadMode::Require, _) => Err(PayloadDenial::Plaintext),
        }
    }
}

impl ApplicationRules {
    /// The rules in the order in which they are tried.
    pub fn new(mut rules: Vec<ApplicationRule>) -> Self {
        // Stable: those of one application stay in order.
        rules.sort_by(|a, b| a.id.cmp(&b.id));
        Self(rules)
    }

    /// The first rule that matches.
    pub fn find(&self, application: Application<'_>) -> Option<&ApplicationRule> {
        let first = self.0.partition_point(|rule| rule.id.as_str() < application.id);
        let mut own = self.0.iter().skip(first).take_while(|rule| rule.id == application.id);
        own.find(|rule| rule.matches(application))
    }
}

impl ApplicationRule {
    /// Every application that `other` matches is matched by this rule.
    pub fn covers(&self, other: &Self) -> bool {
        self.id == other.id
            && (self.platform.is_none() || self.platform == other.platform)
            && self.version.covers(&other.version)
    }

    /// Platform and version fit; the id is the caller's.
    fn matches(&self, application: Application<'_>) -> bool {
        self.platform.as_deref().is_none_or(|platform| platform == application.platform)
            && self.version.matches(application.version)
    }
}

impl VersionPattern {
    /// Reads a version as it is, `2.*` for all that begin with `2.`, or `*` for any.
    pub fn parse(text: &str) -> Result<Self, VersionFault> {
        let (text, open) = text.strip_suffix('*').map_or((text, false), |prefix| (prefix, true));
        if text.contains('*') || open && !text.is_empty() && !text.ends_with('.') {
            return Err(VersionFault::Star);
        }
        if text.is_empty() && !open {
            return Err(VersionFault::Empty);
        }
        Ok(Self { text: text.to_owned(), open })
    }

    /// True when `version` is meant.
    pub fn matches(&self, version: &str) -> bool {
        match version.strip_prefix(&self.text) {
            Some(rest) => self.open || rest.is_empty(),
            None => false,
        }
    }

    /// True when every version that `other` means is meant by this one too.
    pub fn covers(&self, other: &Self) -> bool {
        if self.open { other.text.starts_with(&self.text) } else { !other.open && self.text == other.text }
    }
}

/// Any.
impl Default for VersionPattern {
    fn default() -> Self {
        Self { text: String::new(), open: true }
    }
}

#[cfg(test)]
mod tests;
