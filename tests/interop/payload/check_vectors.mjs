// Checks the vectors in tests/fixtures/payload: every value in them is found again with the client's own code and the
// libraries it stands on. `bhttp-js` reads and writes the messages that it can. Prints what was checked; fails at the
// first difference. Run with: npm ci && node check_vectors.mjs

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { BHttpDecoder } from 'bhttp-js';
import { encodeRequest, readResponse } from './binary_http.mjs';
import { Source, concat, uint, varint } from './bytes.mjs';
import { encapsulate, hmac, messageKey, open, openSession, seal } from './client.mjs';
import { parseKeyList, verifyKeyDocument } from './keys.mjs';
import { openChunked, openWhole, sealChunked, sealWhole } from './ohttp.mjs';

const read = (name) => JSON.parse(readFileSync(new URL(`../../fixtures/payload/${name}.json`, import.meta.url)));
const unhex = (text) => new Uint8Array(Buffer.from(text, 'hex'));
const hex = (bytes) => Buffer.from(bytes).toString('hex');
const pattern = (length) => Uint8Array.from({ length }, (_, at) => at % 251);
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

/** The AEAD of a number, as a library object. */
async function aeadOf(id) {
  const key = parseKeyList(unhex(read('session').sessions[0].key_list))[0];
  return (await encapsulate(key, id, 'any')).aead;
}

async function all(parts) {
  const list = [];
  for await (const part of parts) list.push(part);
  return concat(...list);
}

/** Key and base nonce, from their derivation in the protocol. */
async function checkKey(prk, aead, key, nonce) {
  assert.equal(hex((await hmac(prk, 'key', [1])).subarray(0, aead.keySize)), key);
  assert.equal(hex((await hmac(prk, 'nonce', [1])).subarray(0, aead.nonceSize)), nonce);
}

/** Every chunk of a list: seals to what is said, and opens to it. Returns the chunks as they are sent. */
async function checkChunks(prk, aead, chunks) {
  const key = await messageKey(prk, aead);
  for (const [index, chunk] of chunks.entries()) {
    assert.equal(hex(await key.seal(index, chunk.aad, unhex(chunk.plaintext))), chunk.sealed);
    assert.equal(hex(await key.open(index, chunk.aad, unhex(chunk.sealed))), chunk.plaintext);
    const nonce = unhex(chunk.nonce);
    const base = (await hmac(prk, 'nonce', [1])).subarray(0, aead.nonceSize);
    assert.deepEqual(nonce.map((byte, at) => byte ^ base[at]), concat(new Uint8Array(4), uint(8, index)));
  }
  return onWire(chunks);
}

const onWire = (chunks) => concat(...chunks.flatMap(({ length, sealed }) => [unhex(length), unhex(sealed)]));
const chunkPlaintexts = (chunks) => chunks.map(({ plaintext }) => unhex(plaintext));

async function checkSession(vector) {
  const [key] = parseKeyList(unhex(vector.key_list));
  assert.deepEqual([key.id, key.kem, key.aeads], [vector.key_id, vector.kem, [1, 2, 3]]);
  const seed = unhex(vector.client_random);
  const sender = await encapsulate(key, vector.aead, 'payload session request', seed);
  await checkGatewayKey(vector, key, sender);
  assert.equal(hex(sender.head), vector.hdr + vector.enc);
  assert.equal(vector.info, hex(concat('payload session request', [0], unhex(vector.hdr))));
  await checkAnswer(vector, sender, 'payload session response');
  const exported = await sender.hpke.export(concat('payload session secret'), 32);
  assert.equal(hex(exported), vector.exported_secret);

  const { app, time } = JSON.parse(vector.request_plaintext);
  const post = async (path, body) => {
    assert.equal(path, 'session');
    assert.equal(hex(body), vector.request_body);
    return unhex(vector.response_body);
  };
  const session = await openSession(post, key, { aead: vector.aead, app, time, seed });
  assert.equal(hex(session.ticket), vector.ticket);
  assert.equal(hex(session.secret), vector.session_secret);
  assert.ok(Math.abs(session.now() - vector.time) <= 1);
  for (let at = 0; at < vector.response_body.length / 2; at += 7) {
    const changed = unhex(vector.response_body);
    changed[at] ^= 0x10;
    await assert.rejects(openSession(async () => changed, key, { aead: vector.aead, app, time, seed }));
  }
}

/** The form of a private key for X25519 in which it is used (RFC 7748 section 5). */
const clamped = (scalar) => concat([scalar[0] & 0xf8], scalar.subarray(1, 31), [(scalar[31] & 0x7f) | 0x40]);

async function checkGatewayKey(vector, key, { suite }) {
  const pair = await suite.kem.deriveKeyPair(unhex(vector.gateway_random));
  const scalar = new Uint8Array(await suite.kem.serializePrivateKey(pair.privateKey));
  assert.equal(hex(vector.kem === 0x20 ? clamped(scalar) : scalar), vector.gateway_private);
  assert.equal(hex(await suite.kem.serializePublicKey(pair.publicKey)), hex(key.public));
}

/** The key of a session's or a single message's answer. */
async function checkAnswer(vector, sender, label) {
  const secret = await sender.hpke.export(concat(label), sender.secretSize);
  assert.equal(hex(secret), vector.response_secret);
  const nonce = unhex(vector.response_nonce);
  assert.equal(nonce.length, sender.secretSize);
  const prk = await hmac(concat(unhex(vector.enc), nonce), secret);
  assert.equal(hex(prk), vector.response_prk);
  await checkKey(prk, sender.aead, vector.response_key, vector.response_aead_nonce);
}

async function checkMessage(vector) {
  const aead = await aeadOf(vector.aead);
  const session = { ticket: unhex(vector.ticket), secret: unhex(vector.session_secret), aead };
  const fixed = { n: vector.n, t: vector.t, salt: unhex(vector.salt) };
  const { length } = session.ticket;
  assert.equal(
    vector.hdr,
    hex(concat([1], uint(2, length), session.ticket, uint(8, fixed.n), uint(8, fixed.t), fixed.salt)),
  );
  const prk = await hmac(session.secret, 'payload request 1\0', unhex(vector.hdr));
  assert.equal(hex(prk), vector.prk);
  await checkKey(prk, aead, vector.key, vector.nonce);
  if (vector.chunks) {
    assert.equal(hex(concat(unhex(vector.hdr), await checkChunks(prk, aead, vector.chunks))), vector.body);
    assert.equal(hex(concat(...chunkPlaintexts(vector.chunks))), vector.message);
  }
  await checkSealed(vector, session, fixed);
}

/** What the client's own `seal` makes, where it cuts as the vector does: a message in one piece at 16 KiB. */
async function checkSealed(vector, session, fixed) {
  const message = vector.chunks
    ? unhex(vector.message)
    : concat(
        unhex(vector.message_before_content),
        pattern(vector.content_length),
        unhex(vector.message_after_content),
      );
  if (!vector.chunks) assert.equal(sha256(message), vector.message_sha256);
  const lengths = vector.chunks
    ? vector.chunks.map(({ plaintext }) => plaintext.length / 2)
    : vector.chunk_plaintext_lengths;
  if (lengths.slice(0, -1).every((length) => length === 16_384) && lengths.at(-1) <= 16_384) {
    const sealed = await seal(session, message, fixed);
    assert.equal(hex(sealed.prk), vector.prk);
    const body = await all(sealed.body);
    if (vector.chunks) assert.equal(hex(body), vector.body);
    else assert.deepEqual([body.length, sha256(body)], [vector.body_length, vector.body_sha256]);
  } else if (!vector.chunks) {
    const key = await messageKey(unhex(vector.prk), session.aead);
    const parts = [unhex(vector.hdr)];
    let at = 0;
    for (const [index, length] of lengths.entries()) {
      const last = index === lengths.length - 1;
      const plaintext = message.subarray(at, (at += length));
      parts.push(varint(last ? 0 : length + 16), await key.seal(index, last ? 'final' : '', plaintext));
    }
    const body = concat(...parts);
    assert.deepEqual([body.length, sha256(body)], [vector.body_length, vector.body_sha256]);
  }
}

async function checkResponse(vector) {
  const aead = await aeadOf(vector.aead);
  const prk = await hmac(unhex(vector.prk), 'payload response 1\0', unhex(vector.response_salt));
  assert.equal(hex(prk), vector.prk_r);
  await checkKey(prk, aead, vector.key, vector.nonce);
  const wire = await checkChunks(prk, aead, vector.chunks);
  assert.equal(hex(concat(unhex(vector.response_salt), wire)), vector.body);
  const sealed = { prk: unhex(vector.prk), aead };
  for (const size of [1, 7, 64, vector.body.length]) {
    assert.equal(hex(await all(open(sealed, inParts(unhex(vector.body), size)))), vector.message);
  }
}

function* inParts(bytes, size) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** A body is refused at the latest where its message should end. */
async function checkRefusedResponse(vector) {
  const sealed = { prk: unhex(vector.prk), aead: await aeadOf(vector.aead) };
  const read = async () => {
    const response = await readResponse(open(sealed, unhex(vector.body)));
    await all(response.content);
  };
  await assert.rejects(read, undefined, vector.name);
}

async function checkSingle(vector) {
  const [key] = parseKeyList(unhex(vector.key_list));
  const seed = unhex(vector.client_random);
  const part = vector.chunked ? 'chunked ' : '';
  const sender = await encapsulate(key, vector.aead, `message/bhttp ${part}request`, seed);
  await checkGatewayKey(vector, key, sender);
  assert.equal(hex(sender.head), vector.hdr + vector.enc);
  assert.equal(vector.info, hex(concat(`message/bhttp ${part}request`, [0], unhex(vector.hdr))));
  await checkAnswer(vector, sender, `message/bhttp ${part}response`);
  const options = { aead: vector.aead, seed };
  if (!vector.chunked) {
    const sealed = await sealWhole(key, unhex(vector.request), options);
    assert.equal(hex(sealed.body), vector.encapsulated_request);
    assert.equal(hex(await openWhole(sealed, unhex(vector.encapsulated_response))), vector.response);
    return;
  }
  for (const chunk of vector.request_chunks) {
    assert.equal(hex(await sender.hpke.seal(unhex(chunk.plaintext), concat(chunk.aad))), chunk.sealed);
  }
  assert.equal(hex(concat(sender.head, onWire(vector.request_chunks))), vector.encapsulated_request);
  await checkChunks(unhex(vector.response_prk), sender.aead, vector.response_chunks);
  assert.equal(vector.response_nonce + hex(onWire(vector.response_chunks)), vector.encapsulated_response);
  const sealed = await sealChunked(key, unhex(vector.request), options);
  const body = await all(sealed.body);
  assert.equal(hex(body.subarray(0, sender.head.length)), hex(sender.head));
  for (const size of [1, 50, 5000]) {
    const parts = inParts(unhex(vector.encapsulated_response), size);
    assert.equal(hex(await all(openChunked(sealed, parts))), vector.response);
  }
}

async function checkRequestMessage(vector) {
  const { method, scheme, authority, path, fields, trailers } = vector;
  const request = { method, scheme, authority, path, fields, trailers };
  const content = unhex(vector.content);
  if (vector.known_length) {
    assert.equal(hex(encodeRequest({ ...request, content })), vector.bytes);
    const parts = encodeRequest({ ...request, content: inParts(content, 3), length: content.length });
    assert.equal(hex(await all(parts)), vector.bytes);
  } else {
    assert.equal(hex(await all(encodeRequest({ ...request, content: [content].values() }))), vector.bytes);
  }
  // Of a request for the server itself Node's `Request` makes a path.
  if (path === '*') return;
  const other = new BHttpDecoder().decodeRequest(unhex(vector.bytes));
  const host = authority || Object.fromEntries(fields).host;
  assert.deepEqual([other.method, other.url], [method, `${scheme}://${host}${path}`]);
  fields.forEach(([name, value]) => assert.equal(other.headers.get(name), value));
  assert.equal(hex(await other.arrayBuffer()), vector.content);
}

async function checkResponseMessage(vector) {
  const options = { answersHead: vector.answers_head };
  for (const size of [1, 5, vector.bytes.length]) {
    const response = await readResponse(inParts(unhex(vector.bytes), size), options);
    assert.deepEqual([response.status, response.fields], [vector.status, vector.fields]);
    assert.equal(hex(await all(response.content)), vector.content);
    assert.deepEqual(response.trailers, vector.trailers);
  }
  // Node's `Response` refuses content, even none, with these; and `Headers` joins fields.
  if ([204, 304].includes(vector.status)) return;
  const other = new BHttpDecoder().decodeResponse(unhex(vector.bytes));
  assert.equal(other.status, vector.status);
  assert.equal(hex(await other.arrayBuffer()), vector.content);
}

async function checkRefusedMessage(vector) {
  const read = async () => all((await readResponse(unhex(vector.bytes))).content);
  await assert.rejects(read, undefined, vector.name);
}

function checkDocument(vector) {
  const pinned = { algorithm: vector.algorithm, public: unhex(vector.signing_key_public) };
  const expected = { audience: vector.audience, now: vector.issued, newestIssued: vector.issued };
  const verified = verifyKeyDocument(vector.document, pinned, expected);
  assert.deepEqual([hex(verified.keys), verified.issued], [vector.keys, vector.issued]);
  assert.deepEqual(parseKeyList(verified.keys).map(({ id, kem }) => [id, kem]), [[7, 0x20], [8, 0x10]]);
}

function checkRefusedDocument(vector) {
  const [first] = read('key_document').accepted;
  const pinned = { algorithm: first.algorithm, public: unhex(first.signing_key_public) };
  const expected = { audience: first.audience, now: vector.now, newestIssued: vector.newest_issued ?? 0 };
  assert.throws(() => verifyKeyDocument(vector.document, pinned, expected), undefined, vector.name);
}

/** The vectors of the RFC and the draft, which know nothing of this protocol. */
async function checkPublished() {
  const whole = read('rfc9458');
  const [key] = parseKeyList(listed(whole.key_config));
  const sender = await encapsulate(key, 1, 'message/bhttp request');
  assert.deepEqual([key.id, sender.aead.id], [1, 1]);
  const chunked = read('chunked_ohttp');
  assert.deepEqual(parseKeyList(listed(chunked.key_config))[0].aeads, [1, 3]);
  const source = new Source(unhex('7bbd25'));
  assert.deepEqual([await source.varint(), await source.varint()], [15_293, 37]);
}

const listed = (config) => concat(uint(2, config.length / 2), unhex(config));

const CHECKS = [
  ['binary_http', 'requests', checkRequestMessage],
  ['binary_http', 'responses', checkResponseMessage],
  ['binary_http', 'refused_responses', checkRefusedMessage],
  ['session', 'sessions', checkSession],
  ['message', 'messages', checkMessage],
  ['response', 'responses', checkResponse],
  ['response', 'refused', checkRefusedResponse],
  ['ohttp', 'messages', checkSingle],
  ['key_document', 'accepted', checkDocument],
  ['key_document', 'refused', checkRefusedDocument],
];

for (const [file, list, check] of CHECKS) {
  const vectors = read(file)[list];
  assert.ok(vectors.length > 0, `${file}.json has no ${list}`);
  for (const vector of vectors) {
    try {
      await check(vector);
    } catch (error) {
      error.message = `${file}.json, ${list}, ${vector.name ?? vector.algorithm}: ${error.message}`;
      throw error;
    }
  }
  console.log(`${file}.json: ${vectors.length} ${list.replace('_', ' ')}`);
}
await checkPublished();
