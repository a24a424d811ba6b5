//! What the vectors are made of: bytes in hexadecimal, and messages in chunks.

use ringwall::protocol::payload::chunk_stream::ChunkSealer;
use serde::{Serialize, Serializer};

use crate::derivation::Keys;

/// Bytes, written in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hex(pub(crate) Vec<u8>);

impl<T: AsRef<[u8]>> From<T> for Hex {
    fn from(bytes: T) -> Self {
        Self(bytes.as_ref().to_vec())
    }
}

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text: String = self.0.iter().map(|byte| format!("{byte:02x}")).collect();
        serializer.serialize_str(&text)
    }
}

/// One chunk.
#[derive(Debug, Serialize)]
pub(crate) struct Chunk {
    pub(crate) plaintext: Hex,
    /// Where key and nonce are HPKE's own, its context counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<Hex>,
    aad: &'static str,
    length: Hex,
    sealed: Hex,
}

impl Chunk {
    pub(crate) fn on_wire(&self) -> Vec<u8> {
        [&self.length.0[..], &self.sealed.0].concat()
    }

    pub(crate) fn sealed_len(&self) -> usize {
        self.sealed.0.len()
    }

    /// The same chunk behind a longer form of its length.
    pub(crate) fn with_length(self, length: &[u8]) -> Self {
        Self { length: length.into(), ..self }
    }
}

/// Seals `message` cut into non-final chunks of these lengths and a final one with the rest. Where `keys` are known, the
/// product's chunks are compared with what they give.
pub(crate) fn in_chunks(
    mut sealer: ChunkSealer,
    keys: Option<&Keys>,
    message: &[u8],
    lengths: &[usize],
) -> Vec<Chunk> {
    let mut chunks = Vec::new();
    let mut rest = message;
    for index in 0..=lengths.len() {
        let is_final = index == lengths.len();
        let (now, later) = rest.split_at(lengths.get(index).copied().unwrap_or(rest.len()));
        let mut room = [&[0; ChunkSealer::HEAD_ROOM], now, &[0; ChunkSealer::TAIL_ROOM]].concat();
        let plaintext = ChunkSealer::HEAD_ROOM..ChunkSealer::HEAD_ROOM + now.len();
        let wire = sealer.seal(&mut room, plaintext, is_final).expect("room around it");
        let (length, sealed) = room[wire.clone()].split_at(ChunkSealer::HEAD_ROOM - wire.start);
        let aad = if is_final { "final" } else { "" };
        if let Some(keys) = keys {
            assert_eq!(sealed, keys.sealed(index as u64, aad.as_bytes(), now), "chunk {index}");
        }
        chunks.push(Chunk {
            plaintext: now.into(),
            nonce: keys.map(|keys| keys.nonce_of(index as u64).into()),
            aad,
            length: length.into(),
            sealed: sealed.into(),
        });
        rest = later;
    }
    chunks
}

/// All of them, one behind the other.
pub(crate) fn on_wire(chunks: &[Chunk]) -> Vec<u8> {
    chunks.iter().flat_map(Chunk::on_wire).collect()
}
