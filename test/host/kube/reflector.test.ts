import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { KubeClient } from '../../../src/host/kube/kubeClient.ts';
import { createKubeMetrics, createRegistry } from '../../../src/host/metrics.ts';
import type { KubeObject } from '../../../src/host/kube/objects.ts';
import { startReflector, type Reflector, type ReflectorOptions } from '../../../src/host/kube/reflector.ts';
import { customResource, type Resource } from '../../../src/host/kube/resource.ts';
import { startKubelab, type Kubelab } from '../../kubelab/kubelab.ts';
import { sleep, until } from '../../support/until.ts';
import { clientOf, kubeconfigFor, memoryLog } from '../support.ts';

const CONFIG_MAPS: Resource = { group: '', version: 'v1', plural: 'configmaps', kind: 'ConfigMap', namespaced: true };

function value(raw: KubeObject): string {
  const data = raw['data'] as { v?: string } | undefined;
  if (data?.v === 'unreadable') throw new Error('cannot read v');
  return data?.v ?? '';
}

const configMap = (name: string, v: string): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { namespace: 'default', name, labels: { kind: 'test' } },
  data: { v },
});

const watching = (watched: Reflector<string>): Promise<unknown> => until('the watch', () => watched.health().connected);

/**
 * The most processor time that one turn of the event loop took. Not the time by the clock: others use the machine too.
 */
function watchTurns(): { readonly longestMs: () => number; readonly stop: () => void } {
  let longest = 0;
  let running = true;
  let before = process.cpuUsage();
  const turn = (): void => {
    const { user, system } = process.cpuUsage(before);
    longest = Math.max(longest, (user + system) / 1000);
    before = process.cpuUsage();
    if (running) setImmediate(turn);
  };
  turn();
  return { longestMs: () => longest, stop: () => (running = false) };
}

describe('the reflector', () => {
  let lab: Kubelab;
  let client: KubeClient;
  let reflector: Reflector<string> | undefined;
  const memory = memoryLog();
  const reflect = (options: Partial<ReflectorOptions<string>> = {}): Reflector<string> => {
    reflector = startReflector({ client, resource: CONFIG_MAPS, project: value, log: memory.log, labelSelector: 'kind=test', ...options });
    return reflector;
  };
  const set = (name: string, v: string): Promise<unknown> => lab.apply(configMap(name, v));
  const remove = (name: string): Promise<unknown> => lab.delete({ apiVersion: 'v1', kind: 'ConfigMap', namespace: 'default', name });
  /** A change arrives: the whole chain works. */
  const follows = async (watched: Reflector<string>, name: string, v: string): Promise<void> => {
    await set(name, v);
    await until(`${name}=${v} arrives`, () => watched.store.get(`default/${name}`) === v, 20_000);
  };
  const lists = (): number => lab.requests.filter((request) => request.verb === 'list' && request.resource === 'configmaps').length;

  beforeEach(async () => {
    lab = await startKubelab();
    client = clientOf(lab.kubeconfig());
    memory.lines.length = 0;
    for (const name of ['a', 'b', 'c']) await set(name, '1');
  });
  afterEach(async () => {
    await reflector?.stop();
    reflector = undefined;
    await client.close();
    await lab.close();
  });

  it('lists, then follows additions, changes and deletions', async () => {
    const watched = reflect({ pageSize: 2 });
    expect(watched.hasSynced()).toBe(false);
    await watched.synced;
    expect([...watched.store.keys()]).toEqual(['default/a', 'default/b', 'default/c']);
    await watching(watched);
    await follows(watched, 'd', '1');
    await follows(watched, 'a', '2');
    await remove('b');
    await until('the deletion', () => watched.store.get('default/b') === undefined);
    expect(lists()).toBe(2);
  });

  it('tells once of many changes, and not of those that project to the same', async () => {
    let changes = 0;
    const watched = reflect({ onChange: () => (changes += 1), same: (a, b) => a === b });
    await watching(watched);
    await until('the first list is told', () => changes === 1);
    const version = watched.store.version;
    await lab.patch({ apiVersion: 'v1', kind: 'ConfigMap', namespace: 'default', name: 'a' }, { data: { other: 'x' } });
    await follows(watched, 'z', '1');
    expect(watched.store.version).toBe(version + 1);
  });

  it('goes on from where it was when a watch ends, is cut, or the connection is reset', async () => {
    const watched = reflect();
    await watching(watched);
    const before = lists();
    for (const [index, fault] of [
      () => lab.faults.endWatches(),
      () => lab.faults.breakWatches(),
      () => lab.faults.dropConnections(),
    ].entries()) {
      await watching(watched);
      fault();
      await remove(['a', 'b', 'c'][index] ?? '');
      await until(
        'the deletion during the gap arrives',
        () => watched.store.get(`default/${['a', 'b', 'c'][index]}`) === undefined,
        20_000,
      );
      await follows(watched, 'x', String(index));
    }
    expect(lists()).toBe(before);
  });

  it('lists anew after 410, in the stream or at its opening, and sees what it missed', async () => {
    const watched = reflect();
    await watching(watched);
    const before = lists();
    lab.faults.expireWatches();
    await remove('a');
    await until('the deletion', () => watched.store.get('default/a') === undefined, 20_000);
    expect(lists()).toBeGreaterThan(before);
    await watching(watched);
    lab.faults.expire({ match: { verb: 'watch' }, times: 2 });
    lab.faults.endWatches();
    await remove('b');
    await until('the second deletion', () => watched.store.get('default/b') === undefined, 20_000);
    await follows(watched, 'c', '2');
  });

  it('survives a restart of the server that forgot its history', async () => {
    const watched = reflect();
    await watching(watched);
    await lab.restart({ emptyWindow: true });
    await remove('a');
    await until('the deletion', () => watched.store.get('default/a') === undefined, 20_000);
    await follows(watched, 'c', '2');
    expect(watched.store.size).toBe(2);
  });

  it.each([500, 503, 429, 401, 403])('survives answers of %d to lists and watches, with the store as it was', async (code) => {
    lab.faults.status({ code, match: { resource: 'configmaps', verb: 'list' }, times: 2 });
    const watched = reflect();
    await watched.synced;
    await watching(watched);
    const fault = lab.faults.status({ code, match: { resource: 'configmaps', verb: 'watch' } });
    lab.faults.endWatches();
    await until('the fault is met', () => fault.hits > 0, 20_000);
    await until('health knows', () => watched.health().lastError?.includes(String(code)));
    expect(watched.store.size).toBe(3);
    expect(watched.health()).toMatchObject({
      connected: false,
      forbidden: code === 403,
      lastError: expect.stringContaining(String(code)) as string,
    });
    fault.remove();
    await follows(watched, 'a', '2');
    expect(watched.health().lastError).toBeUndefined();
  });

  it('honours Retry-After', async () => {
    lab.faults.status({ code: 429, retryAfterSeconds: 1, match: { resource: 'configmaps', verb: 'list' }, times: 1 });
    const startMs = performance.now();
    await reflect().synced;
    expect(performance.now() - startMs).toBeGreaterThan(1000);
  });

  it('begins the list anew when its continue token expires', async () => {
    lab.faults.expire({ match: { verb: 'list', resource: 'configmaps', path: /continue=/ }, times: 1 });
    const watched = reflect({ pageSize: 2 });
    await watched.synced;
    expect(watched.store.size).toBe(3);
  });

  it('keeps the last good view of an object that it cannot read, counts and names it, and takes it up when it is well again', async () => {
    const registry = createRegistry('t');
    const watched = reflect({ metrics: createKubeMetrics(registry) });
    await watching(watched);
    await set('a', 'unreadable');
    await set('new', 'unreadable');
    await follows(watched, 'b', '2');
    expect(watched.store.get('default/a')).toBe('1');
    expect(watched.store.get('default/new')).toBeUndefined();
    expect([...watched.failures()]).toEqual([
      ['default/a', 'cannot read v'],
      ['default/new', 'cannot read v'],
    ]);
    expect(watched.health().projectionFailures).toBe(2);
    expect(memory.said('cannot read this object').map((line) => line['object'])).toEqual(['default/a', 'default/new']);
    expect(await registry.metrics()).toContain('heraldlb_kube_unreadable_objects_total{resource="configmaps",program="t"} 2');
    await follows(watched, 'a', '3');
    await remove('new');
    await until('the failure is forgotten', () => watched.failures().size === 0);
  });

  it('is not hurt by a handler that throws', async () => {
    let calls = 0;
    const onChange = (): void => {
      calls += 1;
      throw new Error('handler');
    };
    const watched = reflect({ onChange });
    await watching(watched);
    await follows(watched, 'a', '2');
    await until('the handler was called again', () => calls >= 2);
    expect(memory.said('a change handler failed').length).toBeGreaterThan(0);
  });

  it('does not go back in time with a server that lags', async () => {
    const watched = reflect();
    await watching(watched);
    const stale = lab.faults.staleReads({ match: { resource: 'configmaps' } });
    await follows(watched, 'a', '2');
    lab.faults.expireWatches();
    await until('a list was refused', () => watched.health().lastError?.includes('older than'), 20_000);
    expect(watched.store.get('default/a')).toBe('2');
    stale.remove();
    await follows(watched, 'a', '3');
  });

  it('finds out that a watch over a dead connection is silent', async () => {
    const watched = reflect({ silenceMs: 300 });
    await watching(watched);
    const frozen = lab.faults.halfOpen({ connections: 'existing' });
    await set('a', '2');
    await until('the change arrives over a new connection', () => watched.store.get('default/a') === '2', 20_000);
    expect(watched.health().lastError).toBeUndefined();
    frozen.remove();
  });

  it('takes a resource that is not installed for empty where that is allowed, and finds it later', async () => {
    const missing = customResource('heraldlb.io', 'v1', 'things', 'Thing');
    const watched = reflect({ resource: missing, optional: true });
    await watched.synced;
    expect(watched.store.size).toBe(0);
    expect(memory.said('watch interrupted')).toEqual([]);
    const strict = startReflector({ client, resource: missing, project: value, log: memory.log });
    await until('the strict one complains', () => strict.health().lastError?.includes('404'));
    expect(strict.hasSynced()).toBe(false);
    await strict.stop();
    await strict.synced;
  });

  it('reads 10,000 objects in pages without holding up the loop', async () => {
    const registry = createRegistry('t');
    const objects = Array.from({ length: 10_000 }, (_, index) => ({
      metadata: { name: `o-${index}`, namespace: 'default', annotations: { padding: 'x'.repeat(1500) } },
      data: { v: String(index) },
    }));
    const pages = new Map<string, string>();
    for (let start = 0; start < objects.length; start += 500) {
      const next = start + 500 < objects.length ? String(start + 500) : '';
      pages.set(
        String(start),
        JSON.stringify({ metadata: { resourceVersion: '7', continue: next }, items: objects.slice(start, start + 500) }),
      );
    }
    const served: string[] = [];
    const server = await serve((url, response) => {
      if (url.searchParams.has('watch')) {
        response.flushHeaders();
        return;
      }
      expect(url.searchParams.get('limit')).toBe('500');
      served.push(url.searchParams.get('continue') ?? '0');
      response.end(pages.get(url.searchParams.get('continue') ?? '0'));
    });
    const big = clientOf(kubeconfigFor(server.url));
    const turns = watchTurns();
    const watched = startReflector({
      client: big,
      resource: CONFIG_MAPS,
      project: value,
      log: memory.log,
      metrics: createKubeMetrics(registry),
    });
    await watched.synced;
    turns.stop();
    expect(watched.store.size).toBe(10_000);
    expect(served).toHaveLength(20);
    expect(turns.longestMs()).toBeLessThan(250);
    await watched.stop();
    await big.close();
    server.close();
  });

  it('goes on after a stream that is cut inside an object, without applying the half', async () => {
    let watches = 0;
    const versions: (string | null)[] = [];
    const server = await serve((url, response) => {
      if (!url.searchParams.has('watch')) {
        response.end('{"metadata":{"resourceVersion":"5"},"items":[{"metadata":{"name":"a","resourceVersion":"4"},"data":{"v":"1"}}]}');
        return;
      }
      watches += 1;
      versions.push(url.searchParams.get('resourceVersion'));
      if (watches === 1) {
        response.write('{"type":"MODIFIED","object":{"metadata":{"name":"a","resourceVersion":"6"},"data":{"v":"2"}}}\n');
        response.write('{"type":"DELETED","object":{"metadata":{"name":"a","resourceVersion":"7"}');
        setTimeout(() => response.destroy(), 30);
      } else if (watches === 2) response.end('{"type":"MODIFIED","object":{"metadata":{"name":"a",');
      else if (watches === 3) response.end('nonsense\n');
      else response.write('{"type":"MODIFIED","object":{"metadata":{"name":"a","resourceVersion":"9"},"data":{"v":"3"}}}\n');
    });
    const small = clientOf(kubeconfigFor(server.url));
    const watched = startReflector({ client: small, resource: CONFIG_MAPS, project: value, log: memory.log });
    await until('the last event', () => watched.store.get('a') === '3', 20_000);
    expect(versions).toEqual(['5', '6', '6', '6']);
    await watched.stop();
    await small.close();
    server.close();
  });

  it('keeps what it has when a list is cut, or is no list at all, and takes the next one that is', async () => {
    const item = (name: string, text: string) => ({ metadata: { name, resourceVersion: '4' }, data: { v: text } });
    const listOf = (version: string, ...items: object[]): string => JSON.stringify({ metadata: { resourceVersion: version }, items });
    let lists = 0;
    const seen: string[][] = [];
    const server = await serve((url, response) => {
      if (url.searchParams.has('watch')) {
        if (url.searchParams.get('resourceVersion') === '9') response.flushHeaders();
        else response.writeHead(410).end();
        return;
      }
      lists += 1;
      seen.push([...watched.store.keys()]);
      if (lists === 1) response.end(listOf('5', item('a', '1'), item('b', '1')));
      else if (lists === 2) response.end('<html>please sign in</html>');
      else if (lists === 3) {
        response.write(listOf('8', item('a', '2'), item('b', '2')).slice(0, -30));
        setTimeout(() => response.destroy(), 30);
      } else if (lists === 4) response.end(listOf('8', item('a', '2')).slice(0, -1));
      else response.end(listOf('9', item('a', '3'), item('c', '1')));
    });
    const small = clientOf(kubeconfigFor(server.url));
    const watched = startReflector({ client: small, resource: CONFIG_MAPS, project: value, log: memory.log });
    await until('the last list', () => watched.store.get('a') === '3', 20_000);
    await until('what is gone', () => [...watched.store.keys()].join() === 'a,c');
    expect(seen).toEqual([[], ['a', 'b'], ['a', 'b'], ['a', 'b'], ['a', 'b']]);
    await watched.stop();
    await small.close();
    server.close();
  });

  it('comes back all together when the first one finds the server again, however long the others still meant to wait', async () => {
    const secure = await startKubelab({ tls: true });
    const other = clientOf(secure.kubeconfig());
    const all = Array.from({ length: 8 }, () => startReflector({ client: other, resource: CONFIG_MAPS, project: value, log: memory.log }));
    const connected = (): number => all.filter((one) => one.health().connected).length;
    await until('all watches', () => connected() === all.length);
    await secure.stop();
    await sleep(6000);
    await secure.start();
    await until('the first', () => connected() > 0, 20_000, 10);
    await until('all others', () => connected() === all.length, 3000, 10);
    expect(connected()).toBe(all.length);
    await Promise.all(all.map((one) => one.stop()));
    await other.close();
    await secure.close();
  });

  it('stops at once, wherever it is', async () => {
    const watched = reflect();
    await watching(watched);
    lab.faults.delay({ ms: 60_000, match: { resource: 'configmaps' } });
    lab.faults.endWatches();
    await sleep(50);
    const startMs = performance.now();
    await watched.stop();
    expect(performance.now() - startMs).toBeLessThan(5000);
  });
});

async function serve(handler: (url: URL, response: ServerResponse) => void): Promise<{ url: string; close(): void }> {
  const server: Server = createServer((request, response) => {
    response.setHeader('content-type', 'application/json');
    handler(new URL(request.url ?? '/', 'http://host'), response);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
