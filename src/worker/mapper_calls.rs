//! Calls to request mappers, and what they answered where that is kept.

use std::rc::Rc;
use std::sync::Arc;

use moka::sync::Cache;
use ring::digest::{SHA256, digest};

use super::generation::Generation;
use super::service_call::{Call, CallFault, call};
use super::state::Worker;
use crate::limits::MAPPER_ANSWER_BYTES;
use crate::policy::request_mapper::{
    Mapped, Mapper, MapperFault, MapperId, read_mapping_answer, write_mapping_request,
};
use crate::protocol::http1::Method;

/// The answers kept, by mapper. One is good for the same question alone, letter for letter.
pub(super) struct Mappings(Vec<Option<Cache<[u8; 32], Arc<Mapped>>>>);

impl Mappings {
    /// None yet.
    pub(super) fn new(mappers: &[Mapper]) -> Self {
        let cache = |mapper: &Mapper| {
            let rules = mapper.answer_cache.as_ref()?;
            Some(Cache::builder().max_capacity(rules.entries as u64).time_to_live(rules.time).build())
        };
        Self(mappers.iter().map(cache).collect())
    }

    /// What the mapper said to this body.
    pub(super) fn find(&self, mapper: MapperId, body: &[u8]) -> Option<Arc<Mapped>> {
        self.of(mapper)?.get(&key_of(body))
    }

    fn of(&self, mapper: MapperId) -> Option<&Cache<[u8; 32], Arc<Mapped>>> {
        self.0.get(usize::from(mapper.0))?.as_ref()
    }
}

/// Asks a mapper what to make of the request that `body` tells it of.
pub(super) async fn map(
    worker: &Rc<Worker>,
    generation: &Rc<Generation>,
    mapper: MapperId,
    body: &[u8],
) -> Result<Arc<Mapped>, MapperFault> {
    let rules = &generation.rules;
    let settings = rules.mappers.get(usize::from(mapper.0)).ok_or(MapperFault::Unreachable)?;
    let service = rules.services.get(usize::from(settings.service.0)).ok_or(MapperFault::Unreachable)?;
    let Some(_place) = worker.mapping.enter() else { return Err(MapperFault::Busy) };
    worker.metrics.mapper_asked.add(1);
    let write = |authority: &str, out: &mut Vec<u8>| {
        write_mapping_request(service, authority, body, out);
        Ok(())
    };
    let wanted = Call { method: Method::Post, write: &write, body_max: MAPPER_ANSWER_BYTES };
    let mapped = match call(worker, generation, service, &wanted).await {
        Ok(reply) => read_mapping_answer(reply.status, &reply.body, settings).map(Arc::new),
        Err(CallFault::TimedOut) => Err(MapperFault::TimedOut),
        Err(CallFault::TooLong) => Err(MapperFault::TooLong),
        Err(CallFault::NoServer | CallFault::Broken | CallFault::Unsigned) => Err(MapperFault::Unreachable),
    };
    match &mapped {
        Ok(mapped) => {
            if let Some(cache) = generation.mappings.of(mapper) {
                cache.insert(key_of(body), mapped.clone());
            }
        }
        Err(_) => worker.metrics.mapper_failed.add(1),
    }
    mapped
}

fn key_of(body: &[u8]) -> [u8; 32] {
    let mut key = [0; 32];
    key.copy_from_slice(digest(&SHA256, body).as_ref());
    key
}
