//! A request to revoke a token (RFC 7009) on its way to the Token Server: its body is noted as it passes, and once the server
//! has answered that the token is revoked, whoever keeps judgements is told to forget it.
//!
//! A body that is too long for the form it should be passes unnoted: then the token lives on as long as it is kept.

use super::judgement::Reading;
use super::{Exchange, World};
use crate::limits::REVOCATION_BYTES;
use crate::policy::path_rules::normalise;
use crate::policy::route_table::{Route, RouteKind};
use crate::protocol::http1::{BodyFraming, ChunkedDecoder, ChunkedOutput, Method};
use crate::protocol::token::revocation::hash_in_form;

/// What has passed of the body, in its framing.
#[derive(Debug, Default)]
pub(super) struct SeenRevocation {
    bytes: Vec<u8>,
    is_chunked: bool,
    is_too_long: bool,
}

impl SeenRevocation {
    /// Takes note of what passes.
    pub(super) fn pass(&mut self, bytes: &[u8]) {
        self.is_too_long |= self.bytes.len() + bytes.len() > REVOCATION_BYTES;
        if !self.is_too_long {
            self.bytes.extend_from_slice(bytes);
        }
    }

    /// SHA-256 of the token that it is about.
    fn hash(mut self) -> Option<[u8; 32]> {
        let mut end = self.bytes.len();
        if self.is_chunked {
            let decoded = ChunkedDecoder::new(ChunkedOutput::Bare).advance(&mut self.bytes).ok()?;
            end = decoded.produced;
        }
        if self.is_too_long { None } else { hash_in_form(self.bytes.get(..end)?) }
    }
}

impl Exchange {
    /// Whether the request on its way on `route` is one to revoke a token.
    pub(super) fn begins_revocation(
        &self,
        route: &Route,
        reading: &Reading<'_>,
        world: &mut World<'_>,
    ) -> Option<Box<SeenRevocation>> {
        if route.kind != RouteKind::TokenServer || reading.head.method != Method::Post {
            return None;
        }
        let path = normalise(reading.path, &mut world.scratch.path).ok()?;
        let is_chunked = reading.framing == BodyFraming::Chunked;
        let is_meant = route.revocation.iter().any(|pattern| pattern.matches(path));
        is_meant.then(|| Box::new(SeenRevocation { is_chunked, ..SeenRevocation::default() }))
    }

    /// The token that is revoked now that the exchange is over.
    pub(super) fn take_revoked(&mut self) -> Option<[u8; 32]> {
        let seen = self.revocation.take()?;
        let outcome = self.outcome.as_ref()?;
        let is_done = (200..300).contains(&outcome.status) && !outcome.refused && !outcome.cut;
        if is_done { seen.hash() } else { None }
    }
}
