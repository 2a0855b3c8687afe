import { once } from 'node:events';
import { connect, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sleep, until } from '../support/until.ts';
import { startKubelab, type Kubelab } from './kubelab.ts';

const path = '/api/v1/namespaces/default/configmaps';

let lab: Kubelab;
const sessions: ClientHttp2Session[] = [];

beforeAll(async () => {
  lab = await startKubelab({ tls: true });
});

afterAll(async () => {
  for (const session of sessions) session.destroy();
  await lab.close();
});

function session(): ClientHttp2Session {
  const made = connect(lab.url, { ca: lab.caPem });
  made.on('error', () => undefined);
  sessions.push(made);
  return made;
}

function collect(stream: ClientHttp2Stream): { text: string; status: number; closed: boolean } {
  const seen = { text: '', status: 0, closed: false };
  stream.setEncoding('utf8');
  stream.on('response', (headers) => (seen.status = Number(headers[':status'])));
  stream.on('data', (chunk: string) => (seen.text += chunk));
  stream.on('error', () => undefined);
  stream.on('close', () => (seen.closed = true));
  return seen;
}

test('one connection carries a watch and other requests, and breaks as one', async () => {
  const one = session();
  const watch = collect(one.request({ ':path': `${path}?watch=1&resourceVersion=${lab.resourceVersion}` }));
  await until('the head of the watch', () => watch.status === 200, 5000, 5);
  await lab.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } });
  await until('the event', () => watch.text.includes('"ADDED"'), 5000, 5);
  const list = collect(one.request({ ':path': path }));
  await until('the list', () => list.closed, 5000, 5);
  expect([list.status, list.text.includes('"name":"a"'), one.alpnProtocol]).toEqual([200, true, 'h2']);
  lab.faults.breakWatches();
  await until('the end of the session', () => watch.closed && one.destroyed, 5000, 5);
  expect(lab.watchers()).toBe(0);
});

/** Whether the other end answers a PING within a moment. */
async function ping(target: ClientHttp2Session): Promise<boolean> {
  if (target.connecting) await once(target, 'connect');
  return Promise.race([
    new Promise<boolean>((resolve) => {
      target.ping((error) => resolve(error === null));
    }),
    sleep(1500).then(() => false),
  ]);
}

test('a half-open connection answers no PING; a sound one does', async () => {
  const one = session();
  expect(await ping(one)).toBe(true);
  const fault = lab.faults.halfOpen();
  expect(await ping(one)).toBe(false);
  expect(await ping(session())).toBe(true);
  fault.remove();
  await until('the frozen session to end', () => one.destroyed, 5000, 5);
});
