// The proxy's keys: the list (RFC 9458 section 3), and the document in which a pinned signing key vouches for it.

import { createPublicKey, verify } from 'node:crypto';

const PUBLIC_SIZES = { 0x10: 65, 0x20: 32 };
const SEVEN_DAYS = 7 * 24 * 60 * 60;

/** The keys of a list that can be used here, the preferred one first: { id, kem, public, aeads }. */
export function parseKeyList(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const keys = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 2 + view.getUint16(at);
    const [id, kem] = [bytes[at + 2], view.getUint16(at + 3)];
    const size = PUBLIC_SIZES[kem];
    const pairs = at + 5 + size;
    if (end > bytes.length) throw new Error('the list of keys is cut');
    if (size && pairs + 2 + view.getUint16(pairs) !== end) throw new Error('a length in the list of keys is wrong');
    const aeads = [];
    for (let pair = pairs + 2; size && pair < end; pair += 4) {
      const [kdf, aead] = [view.getUint16(pair), view.getUint16(pair + 2)];
      if (kdf === 1 && aead >= 1 && aead <= 3) aeads.push(aead);
    }
    if (aeads.length > 0) keys.push({ id, kem, public: bytes.slice(at + 5, pairs), aeads });
    at = end;
  }
  if (keys.length === 0) throw new Error('no key of the list is of a kind that is supported');
  return keys;
}

/** Checks a signed list of keys: { keys (the list's bytes), issued }. `pinned` is { algorithm: 'EdDSA' or 'ES256',
 *  public }, `newestIssued` the largest `issued` seen so far; times are in seconds. */
export function verifyKeyDocument(document, pinned, { audience, now, newestIssued = 0 }) {
  const parts = document.split('.');
  if (parts.length !== 3 || !parts.every((part) => /^[\w-]+$/.test(part))) throw new Error('no compact JWS');
  const [header, claims, signature] = parts.map((part) => Buffer.from(part, 'base64url'));
  const signed = Buffer.from(`${parts[0]}.${parts[1]}`);
  if (!isSigned(signed, signature, pinned)) throw new Error('not signed by the pinned key');
  const { alg, typ, crit } = JSON.parse(header);
  if (alg !== pinned.algorithm || typ !== 'payload-keys+jwt' || crit !== undefined) throw new Error('of another type');
  const { aud, iat, exp, keys } = JSON.parse(claims);
  if (![iat, exp].every(Number.isSafeInteger) || !/^[\w-]+$/.test(keys)) throw new Error('a claim is malformed');
  if (aud !== audience) throw new Error('for another origin');
  if (exp <= iat || exp - iat > SEVEN_DAYS) throw new Error('good for too long');
  if (now >= exp) throw new Error('expired');
  if (iat < newestIssued) throw new Error('older than the newest that was seen');
  return { keys: new Uint8Array(Buffer.from(keys, 'base64url')), issued: iat };
}

function isSigned(bytes, signature, { algorithm, public: key }) {
  const coordinate = (from, to) => Buffer.from(key.subarray(from, to)).toString('base64url');
  const jwk =
    algorithm === 'EdDSA'
      ? { kty: 'OKP', crv: 'Ed25519', x: coordinate(0, 32) }
      : { kty: 'EC', crv: 'P-256', x: coordinate(1, 33), y: coordinate(33, 65) };
  const imported = createPublicKey({ key: jwk, format: 'jwk' });
  return algorithm === 'EdDSA'
    ? verify(null, bytes, imported, signature)
    : verify('sha256', bytes, { key: imported, dsaEncoding: 'ieee-p1363' }, signature);
}
