//! Who asks for the metadata of a resource that is guarded here (RFC 9728), and where a refused client is told to look.

use super::answering::Declined;
use super::judgement::Reading;
use super::{Exchange, Outcome, World};
use crate::limits::LOG_TEXT_BYTES;
use crate::policy::resource_metadata::{described_path, is_described, metadata, metadata_url};
use crate::policy::route_table::{Found, RouteQuery};
use crate::protocol::http1::Method;
use crate::protocol::span::Span;

/// What may be done with metadata.
const METHODS: &str = "GET, HEAD";

impl Exchange {
    /// What a request for metadata is answered; `None`: it is for something else, or there are none of that resource.
    pub(super) fn described(
        &self,
        reading: &Reading<'_>,
        outcome: &Outcome,
        world: &mut World<'_>,
    ) -> Option<Declined> {
        let path = described_path(reading.path)?;
        let bytes = self.request.unread();
        let scratch = &mut world.scratch.path;
        let mut find = |method: &[u8]| {
            let host = reading.target.host.of(bytes);
            let client = outcome.client.ip();
            let query = RouteQuery { listener: self.peer.listener, host, path, method, client };
            self.rules.routes.find(&query, scratch)
        };
        // Metadata are of the resource, whatever is done with it.
        let found = match find(b"GET") {
            Found::MethodNotAllowed { allow } => find(allow.split(", ").next()?.as_bytes()),
            found => found,
        };
        let Found::Route(index) = found else { return None };
        let rule = self.rules.routes.routes().get(usize::from(index))?.access.judged()?;
        if !is_described(rule) {
            return None;
        }
        if !matches!(reading.head.method, Method::Get | Method::Head) {
            return Some(Declined::NotAllowed { allow: METHODS.to_owned() });
        }
        let authority = str::from_utf8(reading.target.authority.of(bytes)).ok()?;
        let path = str::from_utf8(path).ok()?;
        let document = metadata(rule, &self.rules.issuers, self.up.scheme, authority, path);
        Some(Declined::Document("application/json", document))
    }

    /// Where the metadata are of what was asked for.
    pub(super) fn metadata_url(&self) -> Option<String> {
        let outcome = self.outcome.as_ref()?;
        let rule = self.rules.routes.routes().get(usize::from(outcome.route?))?.access.judged()?;
        let text = |span: Span| str::from_utf8(span.of(&self.outcome_text)).ok();
        let (authority, path) = (text(outcome.authority)?, text(outcome.path)?);
        // What was too long for the log is not known whole.
        let is_whole = |text: &str| !text.is_empty() && text.len() < LOG_TEXT_BYTES;
        let is_known = is_described(rule) && is_whole(authority) && is_whole(path) && path.starts_with('/');
        is_known.then(|| metadata_url(self.up.scheme, authority, path))
    }
}
