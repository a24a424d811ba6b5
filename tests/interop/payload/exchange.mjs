// What a client owes beyond sealing and opening (protocol section 6): it never falls back to plaintext, believes no answer
// in clear, and sends again by itself only what may be sent twice.

import { uptime } from 'node:os';
import { concat } from './bytes.mjs';
import { encodeRequest, readResponse } from './binary_http.mjs';
import { open, openSession, seal, setClock } from './client.mjs';
import { openChunked, openWhole, sealChunked, sealWhole } from './ohttp.mjs';
import { ClearAnswer } from './transport.mjs';

const DATE_PROBLEM = 'https://iana.org/assignments/http-problem-types#date';
const OUR_PROBLEM = 'urn:ringwall:payload-';
const PROBLEM_BYTES = 16_384;
const REPEATABLE = ['GET', 'HEAD', 'OPTIONS'];

/** The request was sent and there is no answer to it: it may have run, or may run later. */
export class OutcomeUnknown extends Error {}

/** Sends requests under one of the proxy's keys. `post`: see transport.mjs. `form`: `session`, `message` or `chunked`. */
export class Client {
  #post;
  #key;
  #options;
  #session;
  /** What the proxy's clock is ahead of `uptime`, as it said it sealed. */
  #offset = Date.now() / 1000 - uptime();

  constructor(post, key, { form = 'session', aead = 1, app } = {}) {
    this.#post = post;
    this.#key = key;
    this.#options = { form, aead, app };
  }

  /** Sends a request (see binary_http.mjs) and returns its response, whose content comes as it is read. */
  async call(request) {
    const isOnce = !REPEATABLE.includes(request.method) || request.content !== undefined;
    const session = this.#options.form === 'session' ? await this.#open() : undefined;
    try {
      const response = await this.#send(session, request);
      const problem = await payloadProblem(response);
      if (!problem) return response;
      this.#learn(session, response, problem);
      throw new Error(`the proxy did not take the message: ${problem.type}`, { cause: { problem } });
    } catch (error) {
      if (session && error instanceof ClearAnswer && error.status === 422) session.expires = 0;
      if (isOnce) throw new OutcomeUnknown(`the outcome is unknown: ${error.message}`, { cause: error });
      if (request.isRepeated || !isCurable(error)) throw error;
      return this.call({ ...request, isRepeated: true });
    }
  }

  async #send(session, request) {
    const { form, aead } = this.#options;
    const options = { answersHead: request.method === 'HEAD' };
    if (form === 'session') {
      const sealed = await seal(session, encodeRequest(request));
      return readResponse(open(sealed, await this.#post('message', sealed.body)), options);
    }
    const date = new Date((uptime() + this.#offset) * 1000).toUTCString();
    const message = encodeRequest({ ...request, fields: [...(request.fields ?? []), ['date', date]] });
    if (form === 'chunked') {
      const sealed = await sealChunked(this.#key, message, { aead });
      return readResponse(openChunked(sealed, await this.#post('chunked', sealed.body)), options);
    }
    const sealed = await sealWhole(this.#key, await whole(message), { aead });
    return readResponse(await openWhole(sealed, await this.#post('whole', sealed.body)), options);
  }

  /** The session, opened once for all calls that wait for it. */
  async #open() {
    const opening = (this.#session ??= this.#openNew());
    const session = await opening.catch((error) => {
      this.#session = undefined;
      throw error;
    });
    if (uptime() < session.expires) return session;
    if (this.#session === opening) this.#session = undefined;
    return this.#open();
  }

  async #openNew() {
    const { aead, app } = this.#options;
    try {
      return await openSession(this.#post, this.#key, { aead, app });
    } catch (error) {
      // A date in clear is good for this alone.
      if (error.type !== DATE_PROBLEM || !error.date) throw error;
      return openSession(this.#post, this.#key, { aead, app, time: error.date });
    }
  }

  /** Takes the time from a problem about dates: its own member, or the sealed Date field. */
  #learn(session, { fields }, { type, time }) {
    if (type !== `${OUR_PROBLEM}date` && type !== DATE_PROBLEM) return;
    const date = Date.parse(fields.find(([name]) => name === 'date')?.[1]) / 1000;
    const told = Number.isSafeInteger(time) ? time : date;
    if (!told) return;
    if (session) setClock(session, told);
    this.#offset = told - uptime();
  }
}

/** Whether sending again may help: with another session, or with another time. */
function isCurable(error) {
  const type = error.type ?? error.cause?.problem?.type;
  return [`${OUR_PROBLEM}session-unknown`, `${OUR_PROBLEM}date`, DATE_PROBLEM].includes(type);
}

/** What the proxy says of the message itself, if that is the response. Its content can be read afterwards. */
async function payloadProblem(response) {
  const isProblem = ([name, value]) => name === 'content-type' && value.startsWith('application/problem+json');
  if (!response.fields.some(isProblem)) return undefined;
  const content = response.content;
  const begun = [];
  for (let length = 0; length < PROBLEM_BYTES; length += begun.at(-1).length) {
    const { done, value } = await content.next();
    if (done) break;
    begun.push(value);
  }
  response.content = (async function* () {
    yield* begun;
    yield* content;
  })();
  try {
    const problem = JSON.parse(Buffer.from(concat(...begun)));
    return problem.type.startsWith(OUR_PROBLEM) || problem.type === DATE_PROBLEM ? problem : undefined;
  } catch {
    return undefined;
  }
}

async function whole(message) {
  if (message instanceof Uint8Array) return message;
  const parts = [];
  for await (const part of message) parts.push(part);
  return concat(...parts);
}
