// A proxy's end of payload encryption in miniature, for check_client.mjs: opens what the client seals and answers as a
// test says. It checks nothing that a real one must.

import http from 'node:http';
import { Aes128Gcm, CipherSuite, HkdfSha256 } from '@hpke/core';
import { DhkemX25519HkdfSha256 } from '@hpke/dhkem-x25519';
import { BHttpDecoder } from 'bhttp-js';
import { Source, concat, text, uint, varint } from './bytes.mjs';
import { hmac, messageKey, openChunks, sealChunks } from './client.mjs';

const suite = new CipherSuite({ kem: new DhkemX25519HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes128Gcm() });
const HEADER = concat([9], uint(2, 0x20), uint(2, 1), uint(2, 1));
const random = (length) => crypto.getRandomValues(new Uint8Array(length));

/** A gateway that answers sealed messages with `answer(request, seen)`: bytes or an iterable of bytes, a message. `clear`,
 *  while there are some in it, are answers given in clear instead: (response) => void. `seen` is what came. */
export async function startGateway() {
  const pair = await suite.kem.generateKeyPair();
  const gateway = { answer: undefined, clear: [], seen: [], secrets: new Map(), time: 1_900_000_000 };
  const server = http.createServer(async (request, response) => {
    const parts = [];
    const kept = (async function* () {
      for await (const part of request) yield (parts.push(part), part);
    })();
    const seen = { method: request.method, path: request.url, type: request.headers['content-type'], parts };
    gateway.seen.push(seen);
    const isSession = request.url.endsWith('payload-session');
    const clear = !isSession && gateway.clear.shift();
    if (clear) return clear(response, kept);
    await answered(gateway, pair, seen, new Source(kept), response).catch((error) => {
      seen.error = error;
      response.destroy();
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  gateway.origin = `http://127.0.0.1:${server.address().port}`;
  gateway.key = { id: 9, kem: 0x20, public: new Uint8Array(await suite.kem.serializePublicKey(pair.publicKey)) };
  gateway.close = () => (server.close(), server.closeAllConnections());
  return gateway;
}

async function answered(gateway, pair, seen, source, response) {
  const form = seen.type.match(/payload-session|payload-request|ohttp-chunked|ohttp-req/)[0];
  const end = { 'payload-session': session, 'payload-request': message, 'ohttp-chunked': chunked, 'ohttp-req': whole };
  const { type, body } = await end[form](gateway, seen, source, (label) => receive(pair, source, label));
  response.writeHead(200, { 'content-type': type });
  for await (const part of body) response.write(part);
  response.end();
}

async function session(gateway, seen, source, received) {
  const { hpke, answerKey } = await received('payload session request');
  seen.plaintext = JSON.parse(Buffer.from(await hpke.open(await source.rest(5000))));
  const nonce = random(16);
  const ticket = random(40);
  const secret = await hmac(await hpke.export(text('payload session secret'), 32), nonce);
  gateway.secrets.set(String(ticket), secret);
  const plaintext = { ticket: Buffer.from(ticket).toString('base64url'), expires_in: 60, time: gateway.time };
  const key = await answerKey('payload session response', nonce);
  const body = [nonce, await key.seal(0, '', text(JSON.stringify(plaintext)))];
  return { type: 'application/payload-session-response', body };
}

async function message(gateway, seen, source) {
  const [, high, low] = await source.take(3);
  const ticket = await source.take(high * 256 + low);
  const rest = await source.take(32);
  const view = new DataView(rest.buffer, rest.byteOffset);
  Object.assign(seen, { n: Number(view.getBigUint64(0)), t: Number(view.getBigUint64(8)) });
  const hdr = concat([1, high, low], ticket, rest);
  const prk = await hmac(gateway.secrets.get(String(ticket)), 'payload request 1\0', hdr);
  const request = await decoded(openChunks((await messageKey(prk, suite.aead)).open, source));
  const salt = random(16);
  const key = await messageKey(await hmac(prk, 'payload response 1\0', salt), suite.aead);
  return { type: 'message/payload-response', body: sealChunks(salt, key.seal, gateway.answer(request, seen)) };
}

async function whole(gateway, seen, source, received) {
  const { hpke, answerKey } = await received('message/bhttp request');
  const request = await decoded([new Uint8Array(await hpke.open(await source.rest(1 << 20)))]);
  const nonce = random(16);
  const key = await answerKey('message/bhttp response', nonce);
  return { type: 'message/ohttp-res', body: [nonce, await key.seal(0, '', gateway.answer(request, seen))] };
}

async function chunked(gateway, seen, source, received) {
  const { hpke, answerKey } = await received('message/bhttp chunked request');
  const opened = async (_, aad, sealed) => new Uint8Array(await hpke.open(sealed, text(aad)));
  const request = await decoded(openChunks(opened, source));
  const nonce = random(16);
  const key = await answerKey('message/bhttp chunked response', nonce);
  const body = sealChunks(nonce, key.seal, gateway.answer(request, seen));
  return { type: 'message/ohttp-chunked-res', body };
}

async function receive(pair, source, label) {
  const [header, enc] = [await source.take(7), await source.take(32)];
  if (String(header) !== String(HEADER)) throw new Error('another key or suite');
  const info = concat(label, [0], header);
  const hpke = await suite.createRecipientContext({ recipientKey: pair, enc, info });
  const answerKey = async (label, nonce) =>
    messageKey(await hmac(concat(enc, nonce), await hpke.export(text(label), 16)), suite.aead);
  return { hpke, answerKey };
}

async function decoded(parts) {
  const list = [];
  for await (const part of parts) list.push(part);
  return new BHttpDecoder().decodeRequest(concat(...list));
}

/** A response of known length. */
export function respond(status, fields, content) {
  const prefixed = (string) => concat(varint(string.length), string);
  const lines = concat(...fields.flatMap(([name, value]) => [prefixed(name), prefixed(value)]));
  return concat([1], varint(status), varint(lines.length), lines, varint(content.length), content, [0]);
}
