#!/usr/bin/env node
// Sends one request through the proxy, sealed, and prints status, fields and content of the response.

import { createReadStream, readFileSync, statSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Client } from './exchange.mjs';
import { parseKeyList, verifyKeyDocument } from './keys.mjs';
import { connect, fetchPublished } from './transport.mjs';

const USAGE = `usage: call.mjs METHOD URL (--keys FILE | --signing-key ALGORITHM:BASE64URL | --keys-from-proxy)
  --form session|message|chunked   a session (default), or a single message, whole or in chunks
  --data-file FILE                 the content; - is standard input, of unknown length
  --header 'NAME: VALUE'           a field, any number of times
  --proxy ORIGIN                   where the proxy is, if not at the URL's origin
  --keys FILE                      the proxy's keys (application/ohttp-keys)
  --signing-key ALG:KEY            EdDSA or ES256 and the public key that signs the proxy's list of keys
  --keys-from-proxy                believe the keys the proxy publishes: protects from nobody who speaks in its place
  --kem x25519|p256, --aead 1|2|3  which of the keys, and which cipher; without them the first
  --app ID/PLATFORM/VERSION        what the app says of itself
  --ca FILE                        certificates to trust, in PEM
  --repeat COUNT                   send it so many times, one after the other, in one session`;
const KEMS = { p256: 0x10, x25519: 0x20 };
const option = (extra) => ({ type: 'string', ...extra });

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    form: option({ default: 'session' }),
    'data-file': option(),
    header: option({ multiple: true, default: [] }),
    proxy: option(),
    keys: option(),
    'signing-key': option(),
    'keys-from-proxy': { type: 'boolean', default: false },
    kem: option(),
    aead: option(),
    app: option(),
    ca: option(),
    repeat: option({ default: '1' }),
  },
});

try {
  await main(values, positionals);
} catch (error) {
  console.error(`${error.name}: ${error.message}`);
  process.exitCode = 1;
}

async function main(options, [method, address]) {
  if (!address || !['session', 'message', 'chunked'].includes(options.form)) throw new Error(USAGE);
  const url = new URL(address);
  const proxy = options.proxy ?? url.origin;
  const tls = { ca: options.ca && readFileSync(options.ca) };
  const usable = parseKeyList(await keyList(options, proxy, tls));
  const key = usable.find(({ kem }) => !options.kem || kem === KEMS[options.kem]);
  if (!key) throw new Error('the proxy has no key of that kind');
  const [id, platform, version] = options.app?.split('/') ?? [];
  const client = new Client(connect(proxy, tls), key, {
    form: options.form,
    aead: Number(options.aead ?? key.aeads[0]),
    app: id && { id, platform, version },
  });
  for (let sent = 0; sent < Number(options.repeat); sent++) {
    const fields = options.header.map((line) => line.split(/:\s*/, 1).concat(line.replace(/^[^:]*:\s*/, '')));
    const control = { method, scheme: url.protocol.slice(0, -1), authority: url.host, path: url.pathname + url.search };
    await print(await client.call({ ...control, fields, ...content(options['data-file']) }));
  }
}

async function keyList(options, proxy, tls) {
  if (options.keys) return new Uint8Array(readFileSync(options.keys));
  if (options['keys-from-proxy']) return fetchPublished(proxy, '/.well-known/ohttp-gateway', 16_384, tls);
  if (!options['signing-key']) throw new Error(USAGE);
  const [algorithm, encoded] = options['signing-key'].split(':');
  const document = await fetchPublished(proxy, '/.well-known/payload-keys', 32_768, tls);
  const expected = { audience: new URL(proxy).origin, now: Date.now() / 1000 };
  const pinned = { algorithm, public: new Uint8Array(Buffer.from(encoded, 'base64url')) };
  return verifyKeyDocument(Buffer.from(document).toString('latin1').trim(), pinned, expected).keys;
}

function content(file) {
  if (file === undefined) return {};
  if (file === '-') return { content: process.stdin };
  return { content: createReadStream(file), length: statSync(file).size };
}

async function print(response) {
  const lines = [`HTTP ${response.status}`, ...response.fields.map(([name, value]) => `${name}: ${value}`)];
  process.stdout.write(`${lines.join('\n')}\n\n`);
  for await (const part of response.content) {
    if (!process.stdout.write(part)) await new Promise((resume) => process.stdout.once('drain', resume));
  }
  for (const [name, value] of response.trailers) console.error(`trailer ${name}: ${value}`);
}
