// The Token Server of the tests: oidc-provider, a certified OpenID provider, on one loopback address.
//
//     node token_server.mjs ADDRESS PORT
//
// It prints `listening` once it does. A line `rotate` on its standard input makes it sign by a new key from then on, and
// publish that one in front of those before; it prints `rotated`. It ends with its standard input.

import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { exportJWK, generateKeyPair } from 'jose';
import Provider, { errors } from 'oidc-provider';

const [address, port] = process.argv.slice(2);
const issuer = `http://${address}:${port}`;

/** What tokens may be asked for (RFC 8707), and what they are like. */
const RESOURCES = {
  'https://orders.test/jwt': { audience: 'orders', accessTokenFormat: 'jwt' },
  'https://orders.test/brief': { audience: 'orders', accessTokenFormat: 'jwt', accessTokenTTL: 2 },
  'https://orders.test/opaque': { audience: 'orders', accessTokenFormat: 'opaque' },
  'https://others.test/jwt': { audience: 'others', accessTokenFormat: 'jwt' },
  'https://others.test/opaque': { audience: 'others', accessTokenFormat: 'opaque' },
};

/** The secret has what a form has to encode. */
const client = (client_id, client_secret, grant_types) => ({
  client_id,
  client_secret,
  grant_types,
  redirect_uris: [],
  response_types: [],
});

const settings = (keys) => ({
  jwks: { keys },
  clientDefaults: { id_token_signed_response_alg: 'ES256' },
  clients: [client('app', 'app secret', ['client_credentials']), client('ringwall', 'a+b/c: d%20e', [])],
  scopes: ['orders.read', 'orders.write'],
  ttl: { ClientCredentials: (_, token) => token.resourceServer.accessTokenTTL ?? 600 },
  extraTokenClaims: () => ({ tenant: 't-1' }),
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    dPoP: { enabled: true },
    introspection: { enabled: true, allowedPolicy: (_, { clientId }) => clientId === 'ringwall' },
    revocation: { enabled: true, allowedPolicy: (_, { clientId }, token) => clientId === token.clientId },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_, resource) => {
        if (!Object.hasOwn(RESOURCES, resource)) throw new errors.InvalidTarget();
        return { scope: 'orders.read orders.write', jwt: { sign: { alg: 'ES256' } }, ...RESOURCES[resource] };
      },
    },
  },
});

/** A provider for each set of keys, as it cannot change its own. What they issue is in one memory. */
let keys = [];
let answer;
async function rotate() {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true });
  keys = [{ ...(await exportJWK(privateKey)), alg: 'ES256', use: 'sig' }, ...keys];
  answer = new Provider(issuer, settings(keys)).callback();
}

await rotate();
createServer((request, response) => answer(request, response)).listen(Number(port), address, () => console.log('listening'));
for await (const line of createInterface({ input: process.stdin })) {
  if (line !== 'rotate') continue;
  await rotate();
  console.log('rotated');
}
process.exit(0);
