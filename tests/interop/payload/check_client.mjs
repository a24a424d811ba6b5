// Checks the client against a gateway of its own (gateway.mjs): every form and framing, streams both ways, and the duties
// of section 6 of the protocol. Run with: npm ci && node check_client.mjs

import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { concat, text, varint } from './bytes.mjs';
import { Client, OutcomeUnknown } from './exchange.mjs';
import { respond, startGateway } from './gateway.mjs';
import { ClearAnswer, connect } from './transport.mjs';

const TEXT = ['content-type', 'text/plain'];
const PROBLEM = ['content-type', 'application/problem+json'];
const get = { method: 'GET', scheme: 'https', authority: 'api.example.com', path: '/secret-path' };
const post = { ...get, method: 'POST', content: text('secret-content') };
const problem = (status, type, more) =>
  respond(status, [PROBLEM], text(JSON.stringify({ type: `urn:ringwall:${type}`, status, ...more })));
let gateway;

before(async () => (gateway = await startGateway()));
after(() => gateway.close());
beforeEach(() => {
  Object.assign(gateway, { answer: () => respond(200, [TEXT], text('secret-answer')), clear: [], seen: [] });
});

const client = (options) => new Client(connect(gateway.origin), gateway.key, options);
const messages = () => gateway.seen.filter(({ path }) => !path.endsWith('payload-session'));
const openings = () => gateway.seen.filter(({ path }) => path.endsWith('payload-session'));

async function contentOf(response) {
  const parts = [];
  for await (const part of response.content) parts.push(part);
  return Buffer.from(concat(...parts)).toString('latin1');
}

async function* inParts(string, size) {
  for (let at = 0; at < string.length; at += size) yield text(string.slice(at, at + size));
}

function answerInClear(status, headers, body = '') {
  return (response) => response.writeHead(status, headers).end(body);
}

for (const form of ['session', 'message', 'chunked']) {
  test(`${form}: content of every length and framing is echoed, and nothing is readable outside`, async () => {
    const sender = client({ form });
    gateway.answer = (request, seen) => {
      seen.request = request;
      return form === 'message' ? respond(200, [TEXT], seen.echo ?? text('')) : echo(request);
    };
    async function* echo(request) {
      yield concat([3], varint(200), [0]);
      const content = new Uint8Array(await request.arrayBuffer());
      for (let at = 0; at < content.length; at += 5000) {
        const part = content.subarray(at, at + 5000);
        yield concat(varint(part.length), part);
      }
      yield concat([0, 0]);
    }
    for (const length of [0, 1, 16_384, 16_385, 300_000]) {
      const string = 'secret'.repeat(length / 6 + 1).slice(0, length);
      for (const content of [text(string), inParts(string, 7777)]) {
        for (const framing of content instanceof Uint8Array ? [{}] : [{ length }]) {
          const response = await sender.call({ ...post, content, ...framing });
          assert.equal(response.status, 200);
          const got = await contentOf(response);
          const { request } = gateway.seen.at(-1);
          assert.equal(request.method, 'POST');
          if (form === 'message') assert.equal(await request.text(), string);
          else assert.equal(got, string);
        }
      }
      const response = await sender.call({ ...post, content: inParts(string, 999) });
      await contentOf(response);
    }
    const outside = gateway.seen.map(({ parts }) => Buffer.concat(parts).toString('latin1')).join('');
    assert.ok(!outside.includes('secret'));
    assert.ok(gateway.seen.every(({ method, path }) => method === 'POST' && path.startsWith('/.well-known/')));
    assert.equal(openings().length, form === 'session' ? 1 : 0);
  });

  test(`${form}: a response that is cut or changed is no response`, async () => {
    const cut = form === 'message' ? [text('half')] : [concat([3], varint(200), [0, 5]), text('half')];
    gateway.answer = () => (form === 'message' ? respond(200, [], text('half')).subarray(0, 6) : cut.values());
    const read = async () => contentOf(await client({ form }).call(get));
    await assert.rejects(read);
  });
}

test('events arrive as they are sent, while the request is still open', async () => {
  let resume;
  const told = new Promise((resolve) => (resume = resolve));
  gateway.answer = async function* () {
    yield concat([3], varint(200), [0], varint(3), 'one');
    await told;
    yield concat(varint(3), 'two', [0, 0]);
  };
  const response = await client().call(get);
  assert.equal(Buffer.from((await response.content.next()).value).toString(), 'one');
  resume();
  assert.equal(Buffer.from((await response.content.next()).value).toString(), 'two');
  assert.equal((await response.content.next()).done, true);
});

test('every message takes a new number, and a time that follows the session', async () => {
  const sender = client();
  await Promise.all([1, 2, 3, 4].map(() => sender.call(get)));
  assert.deepEqual(messages().map(({ n }) => n).sort(), [1, 2, 3, 4]);
  assert.ok(messages().every(({ t }) => Math.abs(t - gateway.time) <= 1));
  assert.equal(openings().length, 1);
});

test('an answer in clear is an error here, never a response', async () => {
  const answers = [
    answerInClear(200, { 'content-type': 'text/plain' }, 'hello'),
    answerInClear(200, { 'content-type': 'message/bhttp' }),
    answerInClear(302, { location: `${gateway.origin}/plain` }),
    answerInClear(502, {}),
    answerInClear(200, { 'content-type': 'message/payload-response', 'content-encoding': 'gzip' }),
  ];
  for (const clear of answers) {
    gateway.clear = [clear];
    await assert.rejects(client().call(get), ClearAnswer);
    gateway.clear = [clear];
    await assert.rejects(client().call(post), OutcomeUnknown);
  }
  assert.equal(messages().length, 2 * answers.length, 'nothing was sent twice');
  assert.ok(gateway.seen.every(({ path }) => path.startsWith('/.well-known/')), 'no redirect was followed');
});

test('an unknown session is opened anew, and only a safe request sent again', async () => {
  const type = 'urn:ringwall:payload-session-unknown';
  const unknown = answerInClear(422, { 'content-type': PROBLEM[1] }, JSON.stringify({ type }));
  const sender = client();
  gateway.clear = [unknown];
  assert.equal(await contentOf(await sender.call(get)), 'secret-answer');
  assert.deepEqual([openings().length, messages().length], [2, 2]);
  gateway.clear = [unknown];
  await assert.rejects(sender.call(post), OutcomeUnknown);
  assert.equal(messages().length, 3);
  gateway.clear = [unknown, unknown];
  await assert.rejects(sender.call(get), ClearAnswer);
  assert.equal(messages().length, 5, 'once more, not for ever');
});

test('a sealed time sets the clock, and only a safe request is sent again', async () => {
  for (const request of [get, post]) {
    const sender = client();
    let told = false;
    gateway.seen = [];
    gateway.answer = () => {
      if (told) return respond(200, [TEXT], text('done'));
      told = true;
      return problem(400, 'payload-date', { time: 1_950_000_000 });
    };
    if (request === post) await assert.rejects(sender.call(request), OutcomeUnknown);
    const response = await sender.call(request);
    assert.equal(await contentOf(response), 'done');
    assert.equal(messages().length, 2);
    assert.ok(Math.abs(messages()[1].t - 1_950_000_000) <= 1);
  }
});

test('a sealed date sets the clock of single messages', async () => {
  const date = 'Fri, 15 Oct 2032 08:53:20 GMT';
  const type = 'https://iana.org/assignments/http-problem-types#date';
  for (const form of ['message', 'chunked']) {
    const dates = [];
    gateway.answer = (request) => {
      dates.push(request.headers.get('date'));
      if (dates.length > 1) return respond(200, [TEXT], text('done'));
      return respond(400, [PROBLEM, ['date', date]], text(JSON.stringify({ type, status: 400 })));
    };
    assert.equal(await contentOf(await client({ form }).call(get)), 'done');
    assert.ok(Math.abs(Date.parse(dates[1]) - Date.parse(date)) <= 1000, dates[1]);
  }
});

test('other sealed problems of the layer are errors; those of a server are responses', async () => {
  for (const type of ['payload-replayed', 'payload-session-rate', 'payload-busy', 'payload-app-refused']) {
    gateway.answer = () => problem(409, type);
    await assert.rejects(client().call(get), /payload-/);
    await assert.rejects(client().call(post), OutcomeUnknown);
  }
  gateway.answer = () => respond(409, [PROBLEM], text('{"type":"urn:example:conflict"}'));
  const response = await client().call(post);
  assert.deepEqual([response.status, await contentOf(response)], [409, '{"type":"urn:example:conflict"}']);
});
