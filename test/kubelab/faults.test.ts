import { afterEach, beforeEach, expect, test } from 'vitest';
import { until } from '../support/until.ts';
import { startKubelab, type Kubelab } from './kubelab.ts';
import { WatchStream } from './watchStream.ts';

const path = '/api/v1/namespaces/default/configmaps';
const configMap = (name: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } });

let lab: Kubelab;
const open: WatchStream[] = [];

beforeEach(async () => {
  lab = await startKubelab();
});

afterEach(async () => {
  for (const stream of open.splice(0)) stream.close();
  await lab.close();
});

async function watch(query = ''): Promise<WatchStream> {
  const before = lab.watchers('configmaps');
  const stream = new WatchStream(lab, `${path}?watch=1&resourceVersion=${lab.resourceVersion}${query}`);
  open.push(stream);
  await until('the watch to open', () => lab.watchers('configmaps') > before, 5000, 5);
  return stream;
}

async function get(signal?: AbortSignal): Promise<Response> {
  return fetch(`${lab.url}${path}`, { headers: { connection: 'close' }, ...(signal === undefined ? {} : { signal }) });
}

test('429 comes with Retry-After, so many times, for what it matches', async () => {
  const fault = lab.faults.status({ code: 429, retryAfterSeconds: 2, times: 1, match: { resource: 'configmaps', verb: 'list' } });
  const refused = await get();
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '2']);
  expect(await refused.json()).toMatchObject({ reason: 'TooManyRequests', details: { retryAfterSeconds: 2 } });
  expect([(await get()).status, fault.hits]).toEqual([200, 1]);
});

test.each([409, 500, 503, 504])('%i is answered until it is removed', async (code) => {
  const fault = lab.faults.status({ code, match: { resource: 'configmaps' } });
  expect((await get()).status).toBe(code);
  expect((await fetch(`${lab.url}/api/v1/secrets`)).status).toBe(200);
  fault.remove();
  expect((await get()).status).toBe(200);
});

test('a reset gives no answer', async () => {
  lab.faults.reset({ times: 1 });
  await expect(get()).rejects.toThrow('fetch failed');
  expect((await get()).status).toBe(200);
});

test('a lost answer belongs to a write that happened', async () => {
  lab.faults.loseAnswer({ times: 1 });
  const post = fetch(`${lab.url}${path}`, { method: 'POST', body: JSON.stringify(configMap('a')) });
  await expect(post).rejects.toThrow('fetch failed');
  expect((await lab.get(configMap('a'))).metadata.name).toBe('a');
});

test('an expired list is 410', async () => {
  lab.faults.expire({ times: 1, match: { verb: 'list' } });
  expect((await get()).status).toBe(410);
});

test('watches can be ended, broken, and told they have expired', async () => {
  const first = [await watch(), await watch()];
  lab.faults.endWatches();
  await Promise.all(first.map(async (stream) => stream.closed()));
  expect(first.map(({ ended, failed }) => [ended, failed])).toEqual([
    [true, false],
    [true, false],
  ]);
  const second = await watch();
  lab.faults.breakWatches();
  await second.closed();
  expect([second.ended, second.failed]).toEqual([false, true]);
  const third = await watch();
  lab.faults.expireWatches({ resource: 'configmaps' });
  await third.closed();
  expect(third.events).toMatchObject([{ type: 'ERROR', object: { code: 410 } }]);
});

test('a muted watch stays open and catches up', async () => {
  const stream = await watch();
  const fault = lab.faults.muteWatches();
  await lab.create(configMap('a'));
  await lab.create(configMap('b'));
  await get();
  expect([stream.events.length, stream.ended]).toEqual([0, false]);
  fault.remove();
  expect(await stream.names(2)).toEqual(['ADDED a', 'ADDED b']);
});

test('half-open connections take requests and never answer; new ones work', async () => {
  const stream = await watch();
  const fault = lab.faults.halfOpen();
  await lab.create(configMap('a'));
  expect((await get()).status).toBe(200);
  expect([stream.events.length, stream.ended, stream.failed]).toEqual([0, false, false]);
  fault.remove();
  await stream.closed();
  expect(stream.failed).toBe(true);
});

test('half-open for all: even new connections stay silent', async () => {
  const fault = lab.faults.halfOpen({ connections: 'all' });
  await expect(get(AbortSignal.timeout(150))).rejects.toThrow(/timeout|abort/);
  fault.remove();
  expect((await get()).status).toBe(200);
});

test('a slow connection takes its time and loses nothing', async () => {
  await lab.create({ ...configMap('big'), data: { a: 'x'.repeat(20_000) } });
  const fault = lab.faults.slow({ bytesPerSecond: 100_000 });
  const start = performance.now();
  const { items } = (await (await get()).json()) as { items: { data: { a: string } }[] };
  expect(items[0]?.data.a.length).toBe(20_000);
  expect(performance.now() - start).toBeGreaterThan(100);
  fault.remove();
});

test('stale reads show the past while writes and watches go on', async () => {
  await lab.create(configMap('a'));
  const stream = await watch();
  const fault = lab.faults.staleReads({ match: { resource: 'configmaps' } });
  await lab.create(configMap('b'));
  expect(await stream.names(1)).toEqual(['ADDED b']);
  expect((await lab.list({ apiVersion: 'v1', kind: 'ConfigMap' })).map(({ metadata }) => metadata.name)).toEqual(['a']);
  fault.remove();
  expect((await lab.list({ apiVersion: 'v1', kind: 'ConfigMap' })).length).toBe(2);
});

test('stop and start keep the port and the data; an empty window forgets the versions', async () => {
  const { port, resourceVersion } = lab;
  await lab.create(configMap('a'));
  await lab.stop();
  await expect(get()).rejects.toThrow('fetch failed');
  await lab.start();
  expect(lab.port).toBe(port);
  expect((await get()).status).toBe(200);
  const resumed = new WatchStream(lab, `${path}?watch=1&resourceVersion=${resourceVersion}`);
  open.push(resumed);
  expect(await resumed.names(1)).toEqual(['ADDED a']);
  await lab.restart({ emptyWindow: true });
  const refused = new WatchStream(lab, `${path}?watch=1&resourceVersion=${resourceVersion}`);
  await refused.closed();
  expect(refused.events).toMatchObject([{ type: 'ERROR', object: { code: 410 } }]);
});

test('an expired token is 401, and so is an unknown one', async () => {
  const token = lab.token('somebody');
  const status = async (bearer: string) => (await lab.request({ method: 'GET', path, token: bearer })).status;
  expect(await status(token)).toBe(200);
  lab.faults.expireToken(token);
  expect([await status(token), await status('never-made')]).toEqual([401, 401]);
});

test('dropped connections fail at once, the next one works', async () => {
  const stream = await watch();
  lab.faults.dropConnections();
  await stream.closed();
  expect(stream.failed).toBe(true);
  expect((await get()).status).toBe(200);
});
