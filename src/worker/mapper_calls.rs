//! Calls to request mappers, and what they answered where that is kept.

use std::rc::Rc;
use std::sync::Arc;

use moka::sync::Cache;
use ring::digest::{Context, SHA256};

use super::generation::Generation;
use super::service_call::{Call, CallFault, call};
use super::state::Worker;
use crate::limits::{MAPPER_ANSWER_BYTES, MAPPER_ENTRY_BYTES};
use crate::policy::exchange::Mapping;
use crate::policy::request_mapper::{
    Mapped, Mapper, MapperFault, MapperId, read_mapping_answer, write_mapping_request,
};
use crate::protocol::http1::Method;

/// The answers kept, by mapper. One is good for the same question alone, letter for letter, and as long as nothing that its
/// token says has run out since: the question says when that will be, and is another one from then on.
pub(super) struct Mappings(Vec<Option<Cache<[u8; 32], Arc<Mapped>>>>);

impl Mappings {
    /// None yet.
    pub(super) fn new(mappers: &[Mapper]) -> Self {
        let cache = |mapper: &Mapper| {
            let rules = mapper.answer_cache.as_ref()?;
            // As with judgements: entries bound bytes, and bytes entries.
            let weigh = |_: &[u8; 32], mapped: &Arc<Mapped>| {
                u32::try_from(mapped.size().max(MAPPER_ENTRY_BYTES)).unwrap_or(u32::MAX)
            };
            let most = rules.entries as u64 * MAPPER_ENTRY_BYTES as u64;
            Some(Cache::builder().max_capacity(most).weigher(weigh).time_to_live(rules.time).build())
        };
        Self(mappers.iter().map(cache).collect())
    }

    /// What the mapper said to this.
    pub(super) fn find(&self, mapping: Mapping<'_>) -> Option<Arc<Mapped>> {
        self.of(mapping.mapper)?.get(&key_of(mapping))
    }

    fn keep(&self, mapping: Mapping<'_>, mapped: Arc<Mapped>) {
        if let Some(cache) = self.of(mapping.mapper) {
            cache.insert(key_of(mapping), mapped);
        }
    }

    fn of(&self, mapper: MapperId) -> Option<&Cache<[u8; 32], Arc<Mapped>>> {
        self.0.get(usize::from(mapper.0))?.as_ref()
    }
}

/// Asks a mapper what to make of a request.
pub(super) async fn map(
    worker: &Rc<Worker>,
    generation: &Rc<Generation>,
    mapping: Mapping<'_>,
) -> Result<Arc<Mapped>, MapperFault> {
    let (rules, body) = (&generation.rules, mapping.body);
    let settings = rules.mappers.get(usize::from(mapping.mapper.0)).ok_or(MapperFault::Unreachable)?;
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
        Ok(mapped) => generation.mappings.keep(mapping, mapped.clone()),
        Err(_) => worker.metrics.mapper_failed.add(1),
    }
    mapped
}

fn key_of(mapping: Mapping<'_>) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    context.update(&mapping.until.to_be_bytes());
    context.update(mapping.body);
    let mut key = [0; 32];
    key.copy_from_slice(context.finish().as_ref());
    key
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::policy::request_mapper::AnswerCache;
    use crate::policy::service::ServiceId;

    #[test]
    fn an_answer_is_for_the_same_question_until_what_the_token_says_changes() {
        let rules = AnswerCache { time: Duration::from_secs(60), entries: 10 };
        let mapper = |answer_cache| Mapper {
            name: "m".to_owned(),
            service: ServiceId(0),
            extra_members: false,
            identity_fields: Vec::new(),
            prefix: None,
            answer_cache,
        };
        let mappings = Mappings::new(&[mapper(Some(rules)), mapper(None)]);
        let mapped = Arc::new(Mapped { target: "/a".into(), fields: Vec::new() });
        let question = |mapper, body, until| Mapping { mapper: MapperId(mapper), body, until };
        mappings.keep(question(0, b"body", 7), mapped.clone());
        mappings.keep(question(1, b"body", 7), mapped.clone());
        mappings.keep(question(2, b"body", 7), mapped.clone());
        assert_eq!(mappings.find(question(0, b"body", 7)), Some(mapped));
        assert_eq!(mappings.find(question(0, b"body", 8)), None, "a part of the token is over");
        assert_eq!(mappings.find(question(0, b"other", 7)), None);
        for mapper in [1, 2] {
            assert_eq!(mappings.find(question(mapper, b"body", 7)), None, "nothing is kept of it");
        }
    }
}
