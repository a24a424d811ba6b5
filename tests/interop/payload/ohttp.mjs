// Form 2, single messages: Oblivious HTTP (RFC 9458) and its chunked form (draft-ietf-ohai-chunked-ohttp).

import { Source, concat } from './bytes.mjs';
import { encapsulate, openChunks, sealChunks } from './client.mjs';

/** Seals a request (bytes) whole: its body, and what opens its response. `seed`: for vectors alone. */
export async function sealWhole(key, message, { aead = 1, seed } = {}) {
  const sender = await encapsulate(key, aead, 'message/bhttp request', seed);
  return { body: concat(sender.head, await sender.hpke.seal(message)), sender };
}

/** Opens the response to that: bytes of at most `most`. */
export async function openWhole({ sender }, body, most = 1 << 20) {
  const source = new Source(body);
  const key = await sender.answerKey('message/bhttp response', await source.take(sender.secretSize));
  return key.open(0, '', await source.rest(most + 16));
}

/** Seals a request (bytes, or an iterable of bytes) in chunks: its body, in parts, and what opens its response. */
export async function sealChunked(key, message, { aead = 1, seed } = {}) {
  const sender = await encapsulate(key, aead, 'message/bhttp chunked request', seed);
  // The HPKE context counts the chunks itself.
  const seal = async (_, aad, plaintext) => new Uint8Array(await sender.hpke.seal(plaintext, concat(aad)));
  return { body: sealChunks(sender.head, seal, message), sender };
}

/** Opens the response to that: its message, in parts as they come. */
export async function* openChunked({ sender }, body) {
  const source = new Source(body);
  const nonce = await source.take(sender.secretSize);
  yield* openChunks((await sender.answerKey('message/bhttp chunked response', nonce)).open, source);
}
