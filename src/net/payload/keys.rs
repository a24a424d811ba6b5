//! What workers are given: the keys of payload encryption as they are now, with what clients are told of them.

use std::sync::Arc;

use super::settings::START_ID_LEN;
use crate::protocol::payload::ohttp_keys::GatewayKeys;
use crate::protocol::payload::ticket::TicketKeys;

/// The keys in use: made by the control thread, read by all workers, replaced whole. Each part is erased when the last
/// who uses it lets go.
#[derive(Debug)]
pub struct PayloadKeys {
    /// Key pairs that clients seal to.
    pub gateway: Arc<GatewayKeys>,
    /// Keys of session tickets.
    pub tickets: Arc<TicketKeys>,
    /// The public halves of `gateway`, as `application/ohttp-keys`.
    pub key_list: Arc<[u8]>,
    /// The same signed, as a compact JWS; absent: nobody signs it.
    pub document: Option<Arc<str>>,
    /// See [`Self::start_id`]; at least one.
    pub start_ids: Arc<[[u8; START_ID_LEN]]>,
}

impl PayloadKeys {
    /// What this process's tickets carry.
    pub fn start_id(&self) -> [u8; START_ID_LEN] {
        self.start_ids.first().copied().unwrap_or_default()
    }

    /// Whether tickets with this id are good whenever they were issued: they are this process's own, or of one that it
    /// is configured to trust in that.
    pub fn knows_start(&self, id: &[u8; START_ID_LEN]) -> bool {
        self.start_ids.contains(id)
    }
}
