// Judges access tokens (RFC 9068) by the issuer's keys, as the proxy does for a route with
//
//     access = { issuer = "main", scope = [...] }
//
// Copy it: it needs nothing but `jose`.

import { createRemoteJWKSet, errors, jwtVerify } from 'jose';

/** A refusal: what to answer (RFC 6750 section 3), or 503 where the issuer cannot be asked. */
export class Refusal extends Error {
  constructor(status, challenge) {
    super(`${status} ${challenge ?? 'the keys cannot be had'}`);
    Object.assign(this, { status, challenge });
  }
}

/** What the issuer did not say of a token is the client's fault; all else, keys that cannot be had, is not. */
const BAD_TOKEN = [
  errors.JWTExpired,
  errors.JWTClaimValidationFailed,
  errors.JWTInvalid,
  errors.JWSInvalid,
  errors.JWSSignatureVerificationFailed,
  errors.JOSEAlgNotAllowed,
  errors.JOSENotSupported,
  errors.JWKSNoMatchingKey,
];

/** A function from the value of `Authorization` to the claims of its token. It throws a `Refusal`. */
export function judge({ issuer, keys, audience, scope, algorithms = ['EdDSA', 'ES256', 'PS256', 'RS256'], skew = 10 }) {
  // Fetched when they are needed, kept, and fetched again when a token names a key that is not known: once a second at
  // most, whoever makes such tokens up. By default it would be half a minute before a new key is known.
  const keySet = createRemoteJWKSet(new URL(keys), { cooldownDuration: 1_000 });
  const terms = {
    issuer,
    audience,
    algorithms,
    typ: 'at+jwt',
    clockTolerance: skew,
    requiredClaims: ['exp', 'iat', 'sub', 'jti', 'client_id'],
  };
  return async (authorization) => {
    const [, token] = /^bearer +([\w.~+/-]+=*)$/i.exec(authorization ?? '') ?? [];
    if (token === undefined) throw new Refusal(401, 'Bearer realm="resource"');
    const { payload } = await jwtVerify(token, keySet, terms).catch((error) => {
      const isBad = BAD_TOKEN.some((kind) => error instanceof kind);
      throw isBad ? new Refusal(401, 'Bearer realm="resource", error="invalid_token"') : new Refusal(503);
    });
    // Bound to a key that is not proven here: stolen, or meant for others.
    if (payload.cnf !== undefined) throw new Refusal(401, 'Bearer realm="resource", error="invalid_token"');
    const granted = new Set(String(payload.scope ?? '').split(' '));
    if (!scope.every((word) => granted.has(word))) {
      throw new Refusal(403, `Bearer realm="resource", error="insufficient_scope", scope="${scope.join(' ')}"`);
    }
    return payload;
  };
}
