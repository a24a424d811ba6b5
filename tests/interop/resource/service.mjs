// A service that says who asks.
//
//     node service.mjs ADDRESS PORT ISSUER KEYS AUDIENCE SCOPE
//
// It prints `listening` once it does, and ends with its standard input.

import { createServer } from 'node:http';
import { Refusal, judge } from './tokens.mjs';

const [address, port, issuer, keys, audience, scope] = process.argv.slice(2);
const claimsOf = judge({ issuer, keys, audience, scope: scope.split(' '), skew: 0 });

async function answer(request, response) {
  try {
    const { client_id } = await claimsOf(request.headers.authorization);
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ client_id }));
  } catch (error) {
    const { status = 500, challenge } = error instanceof Refusal ? error : {};
    response.writeHead(status, challenge ? { 'www-authenticate': challenge } : {}).end();
  }
}

createServer(answer).listen(Number(port), address, () => console.log('listening'));
process.stdin.resume().on('end', () => process.exit(0));
