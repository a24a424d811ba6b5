// The client side of payload encryption, form 1, on published libraries: open a session, seal a request, open its
// response. Messages are Binary HTTP (binary_http.mjs), whole or as they come; `exchange.mjs` adds what a client owes.

import { uptime } from 'node:os';
import { Chacha20Poly1305 } from '@hpke/chacha20poly1305';
import { Aes128Gcm, Aes256Gcm, CipherSuite, DhkemP256HkdfSha256, HkdfSha256 } from '@hpke/core';
import { DhkemX25519HkdfSha256 } from '@hpke/dhkem-x25519';
import { CHUNK_MAX, Source, concat, text, uint, varint } from './bytes.mjs';

const KEMS = { 0x10: DhkemP256HkdfSha256, 0x20: DhkemX25519HkdfSha256 };
const AEADS = { 1: Aes128Gcm, 2: Aes256Gcm, 3: Chacha20Poly1305 };
const CHUNK_SENT = 16_384;
const CHUNKS_MAX = 2 ** 20;
const random = (length) => crypto.getRandomValues(new Uint8Array(length));

/** Opens a session under `key`, one of the proxy's ({ id, kem, public }, see keys.mjs). `post` sends a body to one of the
 *  proxy's endpoints and returns the body of its answer. `time`: in seconds, from any clock. `seed`: for vectors alone. */
export async function openSession(post, key, { aead = 1, app, time = Math.floor(Date.now() / 1000), seed } = {}) {
  const sender = await encapsulate(key, aead, 'payload session request', seed);
  const body = concat(sender.head, await sender.hpke.seal(text(JSON.stringify({ app, time }))));
  const answer = new Source(await post('session', body));
  const nonce = await answer.take(sender.secretSize);
  const answerKey = await sender.answerKey('payload session response', nonce);
  const plaintext = await answerKey.open(0, '', await answer.rest(4096 + 16));
  const opened = JSON.parse(new TextDecoder().decode(plaintext));
  const ticket = new Uint8Array(Buffer.from(opened.ticket, 'base64url'));
  if (!(ticket.length >= 1 && ticket.length <= 512 && opened.time > 0 && opened.expires_in > 0)) {
    throw new Error('the answer is no session');
  }
  const secret = await hmac(await sender.hpke.export(text('payload session secret'), 32), nonce);
  const session = { ticket, secret, aead: sender.aead, sent: 0, expires: uptime() + opened.expires_in };
  setClock(session, opened.time);
  return session;
}

/** Sets the clock of a session to a time that came sealed. `uptime` never steps back and goes on during sleep. */
export function setClock(session, time) {
  const offset = time - uptime();
  session.now = () => Math.floor(uptime() + offset);
}

/** Seals a message (bytes, or an iterable of bytes): its body, in parts, and what opens its response. Every attempt is
 *  sealed anew. `n`, `t`, `salt`: for vectors alone. */
export async function seal(session, message, { n = ++session.sent, t = session.now(), salt = random(16) } = {}) {
  const { ticket, secret, aead } = session;
  const hdr = concat([1], uint(2, ticket.length), ticket, uint(8, n), uint(8, t), salt);
  const prk = await hmac(secret, 'payload request 1\0', hdr);
  const key = await messageKey(prk, aead);
  return { body: sealChunks(hdr, key.seal, message), prk, aead };
}

/** Opens the response to what `seal` sealed: its message, in parts as they come. It is whole when this ends without an
 *  error. */
export async function* open(sealed, body) {
  const source = new Source(body);
  const prk = await hmac(sealed.prk, 'payload response 1\0', await source.take(16));
  yield* openChunks((await messageKey(prk, sealed.aead)).open, source);
}

/** HPKE to one of the proxy's keys: header and `enc` to send, the context, and the key of the answer. */
export async function encapsulate(key, aeadId, label, seed) {
  const suite = new CipherSuite({ kem: new KEMS[key.kem](), kdf: new HkdfSha256(), aead: new AEADS[aeadId]() });
  const hdr = concat([key.id], uint(2, key.kem), uint(2, 1), uint(2, aeadId));
  const hpke = await suite.createSenderContext({
    recipientPublicKey: await suite.kem.deserializePublicKey(key.public),
    info: concat(label, [0], hdr),
    ...(seed && { ekm: await suite.kem.deriveKeyPair(seed) }),
  });
  const secretSize = Math.max(suite.aead.keySize, suite.aead.nonceSize);
  const answerKey = async (label, nonce) =>
    messageKey(await hmac(concat(hpke.enc, nonce), await hpke.export(text(label), secretSize)), suite.aead);
  return { suite, hpke, aead: suite.aead, head: concat(hdr, hpke.enc), secretSize, answerKey };
}

/** A message as sealed chunks behind `head`. Parts of a stream go at once; only then its final chunk is empty. */
export async function* sealChunks(head, seal, message) {
  let index = 0;
  const chunk = async (part) => concat(varint(part.length + 16), await seal(index++, '', part));
  let rest = message;
  if (!(message instanceof Uint8Array)) {
    rest = new Uint8Array(0);
    for await (const part of message) {
      for (let at = 0; at < part.length; at += CHUNK_SENT) {
        yield concat(head, await chunk(part.subarray(at, at + CHUNK_SENT)));
        head = [];
      }
    }
  }
  for (; rest.length > CHUNK_SENT; rest = rest.subarray(CHUNK_SENT)) {
    yield concat(head, await chunk(rest.subarray(0, CHUNK_SENT)));
    head = [];
  }
  yield concat(head, varint(0), await seal(index, 'final', rest));
}

/** The plaintext of sealed chunks. An error if one does not open, or none is the final one. */
export async function* openChunks(open, source) {
  try {
    for (let index = 0; index < CHUNKS_MAX; index++) {
      const length = await source.varint();
      if (length > CHUNK_MAX + 16 || (length > 0 && length <= 16)) throw new Error('a chunk of a wrong length');
      const sealed = length > 0 ? await source.take(length) : await source.rest(CHUNK_MAX + 16);
      yield await open(index, length > 0 ? '' : 'final', sealed);
      if (length === 0) return;
    }
    throw new Error('more chunks than a message may have');
  } finally {
    await source.close();
  }
}

/** The cipher under Expand(prk, "key", Nk) and Expand(prk, "nonce", Nn); the chunk's index goes into the nonce. */
export async function messageKey(prk, aead) {
  const expand = async (label, length) => (await hmac(prk, label, [1])).subarray(0, length);
  const cipher = aead.createEncryptionContext(await expand('key', aead.keySize));
  const nonce = await expand('nonce', aead.nonceSize);
  const at = (index) => nonce.map((byte, place) => byte ^ uint(8, index)[place - 4]);
  return {
    seal: async (index, aad, plaintext) => new Uint8Array(await cipher.seal(at(index), plaintext, text(aad))),
    open: async (index, aad, sealed) => new Uint8Array(await cipher.open(at(index), sealed, text(aad))),
  };
}

export async function hmac(key, ...parts) {
  const algorithm = { name: 'HMAC', hash: 'SHA-256' };
  const imported = await crypto.subtle.importKey('raw', key, algorithm, false, ['sign']);
  return new Uint8Array(await crypto.subtle.sign('HMAC', imported, concat(...parts)));
}
