// Calls an API with tokens that are bound to a key (RFC 9449), as it should be done and as it should not. The tokens are
// the Token Server's, the proofs made by the library `dpop`.
//
//     node dpop_calls.mjs ISSUER URL RESOURCE
//
// It prints what each call was answered, { call: [status, challenge or null] }, and beside them `accepted`: how many of
// several calls at once were, with one proof.

import { generateKeyPair, generateProof } from 'dpop';

const [issuer, url, resource] = process.argv.slice(2);
const [own, another] = [await generateKeyPair('ES256'), await generateKeyPair('Ed25519')];

const otherScheme = url.startsWith('https') ? url.replace('https', 'http') : url.replace('http', 'https');

async function boundToken() {
  const endpoint = `${issuer}/token`;
  const headers = {
    authorization: `Basic ${btoa('app:app+secret')}`,
    dpop: await generateProof(own, endpoint, 'POST'),
  };
  const body = new URLSearchParams({ grant_type: 'client_credentials', scope: 'orders.read', resource });
  const answer = await (await fetch(endpoint, { method: 'POST', headers, body })).json();
  if (answer.token_type !== 'DPoP') throw new Error(`no bound token: ${JSON.stringify(answer)}`);
  return answer.access_token;
}

async function call(token, { scheme = 'DPoP', proof, query = '' } = {}) {
  // Each on a connection of its own, and so at any of the proxy's workers.
  const headers = { authorization: `${scheme} ${token}`, connection: 'close', ...(proof && { dpop: proof }) };
  const answer = await fetch(url + query, { headers });
  await answer.text();
  return [answer.status, answer.headers.get('www-authenticate')];
}

async function calls() {
  const token = await boundToken();
  const proven = ({ key = own, target = url, method = 'GET', of = token } = {}) =>
    generateProof(key, target, method, undefined, of);
  const proof = await proven();
  const good = await call(token, { proof });
  const eightTimes = (proof) => Promise.all(Array.from({ length: 8 }, () => call(token, { proof })));
  const replays = await eightTimes(proof);
  const statuses = (await eightTimes(await proven())).map(([status]) => status);
  return {
    good,
    replayed: replays.find(([status]) => status !== replays[0][0]) ?? replays[0],
    accepted: statuses.filter((status) => status === 200).length,
    'as good': await call(token, { proof: await proven(), query: '?a=b' }),
    'as Bearer': await call(token, { scheme: 'Bearer' }),
    'as Bearer, with a proof': await call(token, { scheme: 'Bearer', proof: await proven() }),
    'without a proof': await call(token),
    'for another path': await call(token, { proof: await proven({ target: `${url}x` }) }),
    'for another host': await call(token, { proof: await proven({ target: url.replace(new URL(url).host, 'a.test') }) }),
    'for another scheme': await call(token, { proof: await proven({ target: otherScheme }) }),
    'for another method': await call(token, { proof: await proven({ method: 'POST' }) }),
    'for another token': await call(token, { proof: await proven({ of: `${token}x` }) }),
    'for no token': await call(token, { proof: await generateProof(own, url, 'GET') }),
    'by another key': await call(token, { proof: await proven({ key: another }) }),
  };
}

console.log(JSON.stringify(await calls()));
