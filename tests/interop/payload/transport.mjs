// Carries sealed bodies to the proxy over Node's http and https, and takes nothing for an answer but the sealed one that
// was asked for: no other status or media type, no redirect, no content coding.

import http from 'node:http';
import https from 'node:https';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Source } from './bytes.mjs';

const ENDPOINTS = {
  session: ['/.well-known/payload-session', 'application/payload-session-request', 'application/payload-session-response'],
  message: ['/.well-known/payload-message', 'message/payload-request', 'message/payload-response'],
  whole: ['/.well-known/ohttp-gateway', 'message/ohttp-req', 'message/ohttp-res'],
  chunked: ['/.well-known/ohttp-gateway', 'message/ohttp-chunked-req', 'message/ohttp-chunked-res'],
};
const PROBLEM_BYTES = 65_536;

/** An answer in clear. Anybody may have made it: it is an error of this client, never a response for the app. */
export class ClearAnswer extends Error {
  constructor(status, problem, date) {
    super(`the proxy answered in clear: ${status} ${problem.type ?? ''}`);
    Object.assign(this, { status, type: problem.type, date });
  }
}

/** Sends to the proxy at an origin: a function that posts a body (bytes, or an iterable of bytes) to an endpoint and
 *  returns the body of the answer as it comes. `ca`: certificates to trust, in PEM. */
export function connect(origin, { ca } = {}) {
  const { Agent } = protocolOf(origin);
  const agent = new Agent({ keepAlive: true, ca });
  return async (endpoint, body) => {
    const [path, type, expected] = ENDPOINTS[endpoint];
    const headers = { 'content-type': type, ...(endpoint === 'chunked' && { incremental: '?1' }) };
    const answer = await sent(new URL(path, origin), { method: 'POST', agent, headers }, body);
    const isSealed = answer.statusCode === 200 && mediaType(answer) === expected;
    if (!isSealed || answer.headers['content-encoding']) throw await clearAnswer(answer);
    return answer;
  };
}

/** What the proxy publishes at a path, at most `most` bytes. It proves nothing by itself. */
export async function fetchPublished(origin, path, most, { ca } = {}) {
  const answer = await sent(new URL(path, origin), { method: 'GET', ca }, new Uint8Array(0));
  if (answer.statusCode !== 200) throw await clearAnswer(answer);
  return new Source(answer).rest(most);
}

function sent(url, options, body) {
  return new Promise((resolve, reject) => {
    const request = protocolOf(url).request(url, options);
    request.on('response', resolve).on('error', reject);
    if (body instanceof Uint8Array) return void request.end(body);
    // An answer may come before all is sent, and end the sending.
    pipeline(Readable.from(body), request).catch((error) => {
      request.destroy(error);
      reject(error);
    });
  });
}

async function clearAnswer(answer) {
  const bytes = await new Source(answer).rest(PROBLEM_BYTES).catch(() => []);
  let problem = {};
  try {
    if (mediaType(answer) === 'application/problem+json') problem = JSON.parse(Buffer.from(bytes)) ?? {};
  } catch {
    // Not the proxy's own words.
  }
  return new ClearAnswer(answer.statusCode, problem, Date.parse(answer.headers.date) / 1000 || undefined);
}

const mediaType = (answer) => (answer.headers['content-type'] ?? '').split(';')[0].trim().toLowerCase();
const protocolOf = (url) => (new URL(url).protocol === 'https:' ? https : http);
