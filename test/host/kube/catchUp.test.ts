import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CatchUpOptions, catchUp } from '../../../src/host/kube/catchUp.ts';
import type { KubeClient } from '../../../src/host/kube/kubeClient.ts';
import { type Reflector, startReflector } from '../../../src/host/kube/reflector.ts';
import { type Resource, customResource } from '../../../src/host/kube/resource.ts';
import { type Kubelab, startKubelab } from '../../kubelab/kubelab.ts';
import { sleep, until } from '../../support/until.ts';
import { clientOf, memoryLog } from '../support.ts';

const CONFIG_MAPS: Resource = { group: '', version: 'v1', plural: 'configmaps', kind: 'ConfigMap', namespaced: true };
/** Long for what takes a round trip on loopback, or one look of 20 ms. */
const A_WHILE_MS = 300;
const asker = { userAgent: 'asker' };

let lab: Kubelab;
let watcher: KubeClient;
let client: KubeClient;
let reflector: Reflector<string>;
let ending: AbortController;
const memory = memoryLog();

const put = (name: string, v: string): Promise<unknown> =>
  lab.apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace: 'default', name }, data: { v } });
const remove = (name: string): Promise<unknown> => lab.delete({ apiVersion: 'v1', kind: 'ConfigMap', namespace: 'default', name });
const seen = (name: string): string | undefined => reflector.store.get(`default/${name}`);

function reflect(resource: Resource = CONFIG_MAPS): void {
  const project = (raw: { readonly [field: string]: unknown }): string => (raw['data'] as { v?: string } | undefined)?.v ?? '';
  reflector = startReflector({ client: watcher, resource, namespace: 'default', project, optional: true, log: memory.log });
}

/** @returns whether it has resolved, and the promise */
function begin(options: Partial<CatchUpOptions> = {}): { done: boolean; readonly end: Promise<void> } {
  const call = { client, resource: CONFIG_MAPS, namespace: 'default', reflector, signal: ending.signal, log: memory.log, ...options };
  const state = { done: false, end: Promise.resolve() };
  state.end = catchUp(call).then(() => {
    state.done = true;
  });
  return state;
}

beforeEach(async () => {
  lab = await startKubelab();
  watcher = clientOf(lab.kubeconfig());
  client = clientOf(lab.kubeconfig(), asker);
  ending = new AbortController();
  memory.lines.length = 0;
});

afterEach(async () => {
  ending.abort();
  await reflector.stop();
  await Promise.all([watcher.close(), client.close()]);
  await lab.close();
});

describe('who takes over waits', () => {
  it('until its watch has shown what was stored when it began, and no longer', async () => {
    await put('a', 'one');
    reflect();
    await until('the watch', () => reflector.health().connected);
    const mute = lab.faults.muteWatches({ resource: 'configmaps' });
    await put('a', 'two');
    const waiting = begin({ sayAfterMs: 50 });
    await sleep(A_WHILE_MS);
    expect([waiting.done, seen('a')]).toEqual([false, 'one']);
    // It does so aloud: a leader that does nothing must not be a riddle.
    const [said] = memory.said('waiting for a watch that is behind');
    expect(said).toMatchObject({ resource: 'configmaps', newest: expect.stringMatching(/^\d+$/), seen: expect.stringMatching(/^\d+$/) });
    expect(Number(said?.['newest'])).toBeGreaterThan(Number(said?.['seen']));
    mute.remove();
    await waiting.end;
    expect(seen('a')).toBe('two');
    // What comes after the call is not waited for.
    const again = lab.faults.muteWatches({ resource: 'configmaps' });
    const next = begin();
    await next.end;
    again.remove();
    expect(next.done).toBe(true);
  });

  it('for the first list, where the reflector has just begun', async () => {
    await put('a', 'one');
    const late = lab.faults.delay({ ms: A_WHILE_MS, match: { resource: 'configmaps', userAgent: 'heraldlb' } });
    reflect();
    await begin().end;
    expect(seen('a')).toBe('one');
    late.remove();
  });

  it('through an API server that is down, throttles, forbids or breaks off, and says so', async () => {
    await put('a', 'one');
    await lab.stop();
    reflect();
    const waiting = begin();
    await sleep(A_WHILE_MS);
    expect(waiting.done).toBe(false);
    await lab.start();
    const match = { resource: 'configmaps', verb: 'list', ...asker };
    lab.faults.status({ code: 403, match, times: 1 });
    lab.faults.status({ code: 503, match, times: 1 });
    lab.faults.status({ code: 429, retryAfterSeconds: 1, match, times: 1 });
    lab.faults.reset({ match, times: 1 });
    await waiting.end;
    expect(seen('a')).toBe('one');
    expect(memory.said('cannot list what others may have written').length).toBeGreaterThanOrEqual(4);
  });

  it('also where its watch has to be opened anew, and where the newest object is gone meanwhile', async () => {
    await put('a', 'one');
    reflect();
    await until('the watch', () => reflector.health().connected);
    const mute = lab.faults.muteWatches({ resource: 'configmaps' });
    await put('b', 'two');
    const waiting = begin();
    await until('the list', () => lab.requests.some(({ userAgent, verb }) => userAgent === 'asker' && verb === 'list'));
    await sleep(A_WHILE_MS);
    await remove('b');
    lab.faults.compact();
    lab.faults.expireWatches({ resource: 'configmaps' });
    mute.remove();
    await waiting.end;
    expect([seen('a'), seen('b')]).toEqual(['one', undefined]);
  });

  it('not at all where there is nothing, or not even the kind', async () => {
    const missing = customResource('example.com', 'v1', 'things', 'Thing');
    reflect(missing);
    await begin({ resource: missing }).end;
    await reflector.stop();
    reflect(missing);
    // The kind is there, and its reflector does not know yet.
    await begin().end;
    expect(memory.lines.filter(({ level }) => Number(level) >= 40)).toEqual([]);
  });

  it('no longer than its term, whatever it waits for', async () => {
    reflect();
    const mute = lab.faults.muteWatches({ resource: 'configmaps' });
    await put('a', 'one');
    await until('the watch', () => reflector.health().connected);
    await put('a', 'two');
    const behind = begin();
    const refused = lab.faults.status({ code: 503, match: { resource: 'configmaps', verb: 'list', ...asker } });
    const failing = begin();
    await sleep(A_WHILE_MS);
    expect([behind.done, failing.done]).toEqual([false, false]);
    ending.abort();
    await Promise.all([behind.end, failing.end]);
    mute.remove();
    refused.remove();
  });
});
