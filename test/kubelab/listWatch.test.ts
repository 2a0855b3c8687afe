import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startKubelab, type Kubelab, type KubeObject } from './kubelab.ts';
import { WatchStream } from './watchStream.ts';

const path = '/api/v1/namespaces/default/configmaps';

let lab: Kubelab;
const open: WatchStream[] = [];

beforeEach(async () => {
  lab = await startKubelab({ bookmarkMs: 50 });
});

afterEach(async () => {
  for (const stream of open.splice(0)) stream.close();
  await lab.close();
});

async function make(name: string, labels: Record<string, string> = {}): Promise<KubeObject> {
  return lab.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, labels }, data: { a: '1' } });
}

function watch(query: string, from = path): WatchStream {
  const stream = new WatchStream(lab, `${from}?watch=1&${query}`);
  open.push(stream);
  return stream;
}

async function page(query: string): Promise<{ names: string[]; next: string; remaining: unknown; status: number; version: string }> {
  const { status, body } = await lab.request({ method: 'GET', path: `${path}?${query}` });
  const metadata = (body['metadata'] ?? {}) as { continue?: string; remainingItemCount?: number; resourceVersion?: string };
  const items = (body['items'] ?? []) as KubeObject[];
  return {
    status,
    names: items.map((item) => item.metadata.name),
    next: encodeURIComponent(metadata.continue ?? ''),
    remaining: metadata.remainingItemCount,
    version: metadata.resourceVersion ?? '',
  };
}

describe('lists', () => {
  test('come in pages of one snapshot, whatever is written meanwhile', async () => {
    for (const name of ['a', 'b', 'c', 'd', 'e']) await make(name);
    const first = await page('limit=2');
    expect(first).toMatchObject({ names: ['a', 'b'], remaining: 3 });
    await make('bb');
    await lab.delete({ apiVersion: 'v1', kind: 'ConfigMap', name: 'd' });
    const second = await page(`limit=2&continue=${first.next}`);
    expect(second).toMatchObject({ names: ['c', 'd'], remaining: 1, version: first.version });
    expect(await page(`limit=2&continue=${second.next}`)).toMatchObject({ names: ['e'], next: '' });
  });

  test('answer 410 to a continue token whose snapshot is gone', async () => {
    for (const name of ['a', 'b', 'c']) await make(name);
    const first = await page('limit=1');
    lab.faults.compact();
    expect((await page(`limit=1&continue=${first.next}`)).status).toBe(410);
  });

  test('show the past with resourceVersionMatch=Exact', async () => {
    const a = await make('a');
    await make('b');
    const rv = a.metadata.resourceVersion ?? '';
    expect((await page(`resourceVersion=${rv}&resourceVersionMatch=Exact`)).names).toEqual(['a']);
  });

  test.each([
    ['labelSelector=app%3Dx', ['a']],
    ['labelSelector=app+in+(x,y)', ['a', 'b']],
    ['labelSelector=app+notin+(x)', ['b', 'c']],
    ['labelSelector=!app', ['c']],
    ['labelSelector=app,app!%3Dx', ['b']],
    ['fieldSelector=metadata.name%3Db', ['b']],
    ['fieldSelector=metadata.name!%3Db', ['a', 'c']],
  ])('are selected by %s', async (query, names) => {
    await make('a', { app: 'x' });
    await make('b', { app: 'y' });
    await make('c');
    expect((await page(query)).names).toEqual(names);
  });

  test('refuse a field nobody can select by', async () => {
    const { status, body } = await lab.request({ method: 'GET', path: `${path}?fieldSelector=data.a%3D1` });
    expect(status).toBe(400);
    expect(body['message']).toContain('field label not supported: data.a');
  });
});

describe('watches', () => {
  test('go on from a resourceVersion without a gap', async () => {
    const a = await make('a');
    await make('b');
    const stream = watch(`resourceVersion=${a.metadata.resourceVersion}`);
    await stream.names(1);
    await make('c');
    expect(await stream.names(2)).toEqual(['ADDED b', 'ADDED c']);
  });

  test('from 0 begin with what is there', async () => {
    await make('a');
    const stream = watch('resourceVersion=0');
    expect(await stream.names(1)).toEqual(['ADDED a']);
  });

  test('with sendInitialEvents mark the end of the beginning', async () => {
    await make('a');
    const stream = watch('sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan');
    await stream.names(2);
    const [added, mark] = stream.events;
    expect([added?.type, mark?.type]).toEqual(['ADDED', 'BOOKMARK']);
    expect(mark?.object.metadata.annotations).toEqual({ 'k8s.io/initial-events-end': 'true' });
    expect(mark?.object.metadata.resourceVersion).toBe(lab.resourceVersion);
  });

  test('send bookmarks of the newest version only when asked', async () => {
    const asked = watch(`resourceVersion=${lab.resourceVersion}&allowWatchBookmarks=true`);
    const unasked = watch(`resourceVersion=${lab.resourceVersion}`);
    await lab.create({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'elsewhere' } });
    await asked.names(2);
    expect(asked.events.at(-1)?.object.metadata.resourceVersion).toBe(lab.resourceVersion);
    expect(unasked.events).toEqual([]);
  });

  test('show an object entering and leaving the selection as ADDED and DELETED', async () => {
    await make('a');
    const stream = watch(`resourceVersion=${lab.resourceVersion}&labelSelector=in%3Dyes`);
    const ref = { apiVersion: 'v1', kind: 'ConfigMap', name: 'a' };
    await lab.patch(ref, { metadata: { labels: { in: 'yes' } } });
    await lab.patch(ref, { data: { a: '2' } });
    await lab.patch(ref, { metadata: { labels: { in: 'no' } } });
    expect(await stream.names(3)).toEqual(['ADDED a', 'MODIFIED a', 'DELETED a']);
    const last = stream.events[2]?.object;
    expect(last?.metadata.labels).toEqual({ in: 'yes' });
    expect(last?.metadata.resourceVersion).toBe(lab.resourceVersion);
  });

  test('from before the event window get a 410 as their first event', async () => {
    const a = await make('a');
    lab.faults.compact();
    const stream = watch(`resourceVersion=${a.metadata.resourceVersion}`);
    await stream.closed();
    expect(stream.events).toMatchObject([{ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } }]);
  });

  test('end in order after timeoutSeconds', async () => {
    const stream = watch(`resourceVersion=${lab.resourceVersion}&timeoutSeconds=1`);
    await stream.closed();
    expect([stream.ended, stream.failed]).toEqual([true, false]);
  });
});

describe('writes', () => {
  const ref = { apiVersion: 'v1', kind: 'ConfigMap', name: 'a' };

  test('with an old resourceVersion are conflicts', async () => {
    const a = await make('a');
    await lab.patch(ref, { data: { a: '2' } });
    const { status, body } = await lab.request({ method: 'PUT', path: `${path}/a`, body: a });
    expect(status).toBe(409);
    expect(body['message']).toBe(
      'Operation cannot be fulfilled on configmaps "a": the object has been modified; please apply your changes to the latest version and try again',
    );
  });

  test('that change nothing make no new version', async () => {
    const a = await make('a');
    const before = lab.resourceVersion;
    await lab.patch(ref, { data: { a: '1' } });
    expect((await lab.get(ref)).metadata.resourceVersion).toBe(a.metadata.resourceVersion);
    expect(lab.resourceVersion).toBe(before);
  });

  test('with dryRun store nothing', async () => {
    const { status } = await lab.request({ method: 'POST', path: `${path}?dryRun=All`, body: { metadata: { name: 'dry' } } });
    expect(status).toBe(201);
    await expect(lab.get({ ...ref, name: 'dry' })).rejects.toMatchObject({ status: 404 });
  });

  test('make a name from generateName', async () => {
    const made = await lab.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { generateName: 'x-' } });
    expect(made.metadata.name).toMatch(/^x-[a-z0-9]{5}$/);
  });

  test('are refused in a namespace that does not exist', async () => {
    const { status, body } = await lab.request({
      method: 'POST',
      path: '/api/v1/namespaces/none/configmaps',
      body: { metadata: { name: 'a' } },
    });
    expect([status, body['message']]).toEqual([404, 'namespaces "none" not found']);
  });
});

test('ten thousand Services are listed in one answer', async () => {
  const spec = { type: 'LoadBalancer', allocateLoadBalancerNodePorts: false, ports: [{ port: 80 }] };
  for (let index = 0; index < 10_000; index += 1) {
    await lab.create({ apiVersion: 'v1', kind: 'Service', metadata: { name: `s${index}` }, spec });
  }
  const { items } = (await (await fetch(`${lab.url}/api/v1/services`)).json()) as { items: unknown[] };
  expect(items.length).toBe(10_001);
}, 60_000);
