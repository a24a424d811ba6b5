// Binary HTTP (RFC 9292) as it streams. `bhttp-js`, which handles whole messages, is not used for it: version 0.2.1
// loses queries, trailers and repeated fields and cannot read a 204; check_vectors.mjs compares where it can.

import { Source, concat, varint } from './bytes.mjs';

const FIELD_BYTES = 65_536;
const INTERIM_MAX = 8;
const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
const VALUE = /^(?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?$/;
const REFUSED = new Set(['connection', 'keep-alive', 'proxy-connection', 'te', 'transfer-encoding', 'upgrade']);

/** A request as a message: bytes where `content` is bytes or missing, else parts. `length` says how long content in parts
 *  is, where that is known. Fields are [name, value] pairs of latin-1 text. */
export function encodeRequest({ method, scheme, authority, path, fields = [], content = [], length, trailers = [] }) {
  const isWhole = content instanceof Uint8Array || Array.isArray(content);
  const known = isWhole || length !== undefined;
  const control = [method, scheme, authority, path].map(prefixed);
  const head = concat(varint(known ? 0 : 2), ...control, section(fields, known));
  const end = section(trailers, known);
  if (isWhole) return concat(head, varint(content.length), content, end);
  return known ? knownParts(concat(head, varint(length)), content, length, end) : openParts(head, content, end);
}

async function* knownParts(head, content, length, end) {
  yield head;
  let left = length;
  for await (const part of content) {
    left -= part.length;
    if (left < 0) break;
    yield part;
  }
  if (left !== 0) throw new Error('the content is not as long as was said');
  yield end;
}

async function* openParts(head, content, end) {
  yield head;
  for await (const part of content) if (part.length > 0) yield concat(varint(part.length), part);
  yield concat(varint(0), end);
}

/** Reads a response from its parts: status and fields now, `content` as it comes, `trailers` when that has ended. The
 *  message is whole only then. */
export async function readResponse(parts, { answersHead = false } = {}) {
  const source = new Source(parts);
  const framing = await source.varint();
  if (framing !== 1 && framing !== 3) throw new Error('no response');
  const known = framing === 1;
  for (let interim = 0; interim <= INTERIM_MAX; interim++) {
    const status = await source.varint();
    if (status < 100 || status === 101 || status > 599) throw new Error('no status of a response');
    const fields = await readSection(source, known, known);
    if (status < 200) continue;
    const isBodyless = answersHead || status === 204 || status === 304;
    const lengths = fields.filter(([name]) => name === 'content-length').map(([, value]) => Number(value));
    const response = { status, fields, trailers: [] };
    response.content = readContent(source, known, isBodyless ? [0] : lengths, response);
    return response;
  }
  throw new Error('too many interim responses');
}

async function* readContent(source, known, lengths, response) {
  try {
    let seen = 0;
    let left = (await source.ended()) ? 0 : await source.varint();
    while (left > 0) {
      const part = await source.some(left);
      seen += part.length;
      left -= part.length;
      yield part;
      if (left === 0 && !known) left = await source.varint();
    }
    if (lengths.some((length) => length !== seen)) throw new Error('content of another length than was said');
    response.trailers = await readSection(source, known, true);
    while (!(await source.ended())) {
      if ((await source.some(FIELD_BYTES)).some((byte) => byte !== 0)) throw new Error('bytes behind the message');
    }
  } finally {
    await source.close();
  }
}

async function readSection(source, known, mayBeMissing) {
  if (mayBeMissing && (await source.ended())) return [];
  const fields = [];
  const within = known ? new Source(await source.take(await bounded(source, FIELD_BYTES))) : source;
  for (let left = FIELD_BYTES; ; ) {
    if (known && (await within.ended())) return fields;
    const nameLength = await bounded(within, left);
    if (nameLength === 0 && !known) return fields;
    const name = latin1(await within.take(nameLength));
    const value = latin1(await within.take(await bounded(within, left - nameLength)));
    left -= name.length + value.length + 2;
    if (!NAME.test(name) || !VALUE.test(value) || REFUSED.has(name)) throw new Error('a field that is none');
    fields.push([name, value]);
  }
}

async function bounded(source, most) {
  const length = await source.varint();
  if (length > most) throw new Error('more fields than are taken');
  return length;
}

function section(fields, known) {
  const lines = concat(...fields.flatMap(([name, value]) => [prefixed(name.toLowerCase()), prefixed(value)]));
  return known ? concat(varint(lines.length), lines) : concat(lines, varint(0));
}

const prefixed = (string) => concat(varint(string.length), Buffer.from(string, 'latin1'));
const latin1 = (bytes) => Buffer.from(bytes).toString('latin1');
