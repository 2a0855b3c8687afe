import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createEventRecorder } from '../../../src/host/kube/events.ts';
import type { Call, KubeClient } from '../../../src/host/kube/kubeClient.ts';
import { startElector, type Elector, type ElectorOptions, type Term } from '../../../src/host/kube/lease.ts';
import { LEASES, SERVICES } from '../../../src/host/kube/resource.ts';
import { createStatusWriter } from '../../../src/host/kube/status.ts';
import { getObject } from '../../../src/host/kube/objects.ts';
import { createKubeMetrics, createRegistry } from '../../../src/host/metrics.ts';
import { startKubelab, type Kubelab } from '../../kubelab/kubelab.ts';
import { sleep, until } from '../../support/until.ts';
import { clientOf, memoryLog } from '../support.ts';

let lab: Kubelab;
let client: KubeClient;
const memory = memoryLog();
const { log } = memory;

beforeEach(async () => {
  lab = await startKubelab();
  client = clientOf(lab.kubeconfig());
  memory.lines.length = 0;
});
afterEach(async () => {
  await client.close();
  await lab.close();
});

const counted = (verb: string, resource: string): number =>
  lab.requests.filter((request) => request.verb === verb && request.resource === resource).length;

const status = (ip: string): object => ({ loadBalancer: { ingress: [{ ip }] } });
const patches = (): number => counted('patch', 'services');

describe('the elector', () => {
  interface Candidate {
    readonly elector: Elector;
    readonly terms: Term[];
    readonly losses: string[];
    readonly client: KubeClient;
  }
  const candidates: Candidate[] = [];

  const candidate = (identity: string, options: Partial<ElectorOptions> = {}): Candidate => {
    const terms: Term[] = [];
    const losses: string[] = [];
    const own = clientOf(lab.kubeconfig(), { userAgent: identity });
    const elector = startElector({
      client: own,
      namespace: 'default',
      name: 'leader',
      identity,
      leaseDurationMs: 3000,
      renewDeadlineMs: 2000,
      retryPeriodMs: 200,
      onElected: (term) => terms.push(term),
      onLost: (reason) => losses.push(reason),
      log,
      ...options,
    });
    const made = { elector, terms, losses, client: own };
    candidates.push(made);
    return made;
  };
  afterEach(async () => {
    for (const made of candidates.splice(0)) {
      await made.elector.stop();
      await made.client.close();
    }
  });

  it('gives up before its lease could have run out, and another takes over after that, never both', async () => {
    const one = candidate('one');
    await until('one leads', () => one.elector.isLeader());
    const two = candidate('two');
    let both = false;
    const watch = setInterval(() => {
      both ||= one.elector.isLeader() && two.elector.isLeader();
    }, 2);
    const cut = lab.faults.reset({ match: { userAgent: 'one' } });
    await until('one has lost', () => one.losses.length === 1);
    // The lease is not written while it is cut, so nobody else can have it yet.
    expect(two.terms).toEqual([]);
    expect(one.losses).toEqual(['not renewed in time']);
    expect(one.terms[0]?.signal.aborted).toBe(true);
    expect(one.terms[0]?.valid()).toBe(false);
    await until('two leads', () => two.elector.isLeader());
    clearInterval(watch);
    expect(both).toBe(false);
    expect(two.terms[0]?.epoch).toBeGreaterThan(one.terms[0]?.epoch ?? 0);
    cut.remove();
    await until('one knows who leads', () => one.elector.holder() === 'two');
    expect(one.elector.isLeader()).toBe(false);
  });

  it('is not fooled by the clock in the lease of another', async () => {
    await lab.create({
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { namespace: 'default', name: 'leader' },
      spec: { holderIdentity: 'old', leaseDurationSeconds: 3, renewTime: '2001-01-01T00:00:00.000000Z', leaseTransitions: 4 },
    });
    const startMs = performance.now();
    const one = candidate('one');
    await until('one leads', () => one.elector.isLeader());
    expect(performance.now() - startMs).toBeGreaterThan(2900);
    expect(one.terms[0]?.epoch).toBe(5);
  });

  it('waits for what a process of its own name may have sent before it ended, and no longer', async () => {
    await lab.create({
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { namespace: 'default', name: 'leader' },
      spec: { holderIdentity: 'one', leaseDurationSeconds: 60, renewTime: '2026-01-01T00:00:00.000000Z', leaseTransitions: 4 },
    });
    const startMs = performance.now();
    const one = candidate('one');
    await until('one leads', () => one.elector.isLeader(), 20_000);
    expect(performance.now() - startMs).toBeGreaterThan(950);
    expect(one.terms[0]?.epoch).toBe(5);
  });

  it('has one leader even where two have one name', async () => {
    const one = candidate('same');
    await until('one leads', () => one.elector.isLeader());
    const other = candidate('same');
    // Longer than a lease lasts, while the first goes on renewing.
    await sleep(4000);
    expect([one.terms.length, one.losses, other.terms.length]).toEqual([1, [], 0]);
    await one.elector.stop();
    await until('the other leads', () => other.elector.isLeader());
  });

  it('notices at once that the lease was taken from it', async () => {
    const one = candidate('one');
    await until('one leads', () => one.elector.isLeader());
    const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', namespace: 'default', name: 'leader' };
    await lab.patch(lease, { spec: { holderIdentity: 'thief' } });
    await until('one has lost', () => one.losses.length > 0);
    expect(one.losses).toEqual(['the lease is held by thief']);
  });

  it('gives the lease back at the stop, even when an answer was lost', async () => {
    const one = candidate('one');
    await until('one leads', () => one.elector.isLeader());
    lab.faults.loseAnswer({ match: { verb: 'update', resource: 'leases' }, times: 1 });
    await sleep(300);
    await one.elector.stop();
    const lease = await getObject<{ spec: { holderIdentity: string } }>(client, LEASES, { namespace: 'default', name: 'leader' });
    expect(lease.spec.holderIdentity).toBe('');
    expect(one.losses).toEqual(['shutting down']);
  });
});

describe('the status writer', () => {
  const ref = { namespace: 'default', name: 'svc' };
  const svc = { apiVersion: 'v1', kind: 'Service', ...ref };
  const ingress = async (): Promise<string | undefined> => {
    const found = (await lab.get(svc)) as { status?: { loadBalancer?: { ingress?: { ip: string }[] } } };
    return found.status?.loadBalancer?.ingress?.[0]?.ip;
  };
  beforeEach(() =>
    lab.create({ apiVersion: 'v1', kind: 'Service', metadata: { ...ref }, spec: { type: 'LoadBalancer', ports: [{ port: 80 }] } }),
  );

  it('writes a transition at once and only when it differs', async () => {
    const writer = createStatusWriter({ client, fieldManager: 'test', log });
    writer.set(SERVICES, ref, status('192.0.2.1'));
    expect(await writer.flush(5000)).toBe(true);
    writer.set(SERVICES, ref, status('192.0.2.1'));
    writer.observed(SERVICES, ref, status('192.0.2.1'));
    await writer.flush(5000);
    expect([patches(), await ingress()]).toEqual([1, '192.0.2.1']);
    writer.observed(SERVICES, ref, status('192.0.2.9'));
    await writer.flush(5000);
    expect(patches()).toBe(2);
    await writer.stop();
  });

  it('lets counters wait, with the latest winning', async () => {
    const writer = createStatusWriter({ client, fieldManager: 'test', log, minIntervalMs: 3000 });
    for (let i = 1; i <= 20; i += 1) {
      writer.set(SERVICES, ref, status(`192.0.2.${i}`), { urgency: 'counters' });
      await sleep(10);
    }
    await until('the latest arrives', async () => (await ingress()) === '192.0.2.20');
    expect(patches()).toBe(2);
    await writer.stop();
  });

  it.each([429, 500, 503, 409])('tries again after %d, and writes the latest then', async (code) => {
    const fault = lab.faults.status({ code, match: { verb: 'patch' }, times: 2 });
    const writer = createStatusWriter({ client, fieldManager: 'test', log });
    writer.set(SERVICES, ref, status('192.0.2.1'));
    await until('a failure', () => fault.hits > 0);
    writer.set(SERVICES, ref, status('192.0.2.2'));
    await until('the write', async () => (await ingress()) === '192.0.2.2');
    expect(fault.hits).toBe(2);
    await writer.stop();
  });

  it('drops what is refused or gone, loudly and quietly', async () => {
    const writer = createStatusWriter({ client, fieldManager: 'test', log });
    writer.set(SERVICES, { namespace: 'default', name: 'no' }, status('192.0.2.1'));
    writer.set(SERVICES, ref, status('nonsense'));
    expect(await writer.flush(5000)).toBe(true);
    expect(memory.said('the server refuses this status')).toHaveLength(1);
    writer.set(SERVICES, ref, status('192.0.2.3'));
    await until('the next write', async () => (await ingress()) === '192.0.2.3');
    await writer.stop();
  });

  it('writes nothing once it may not', async () => {
    let leads = true;
    const writer = createStatusWriter({ client, fieldManager: 'test', log, allowed: () => leads });
    const slow = lab.faults.status({ code: 503, match: { verb: 'patch' } });
    writer.set(SERVICES, ref, status('192.0.2.1'));
    await until('a failure', () => slow.hits > 0);
    leads = false;
    slow.remove();
    await until('it has given up', () => writer.flush(100));
    expect(await ingress()).toBeUndefined();
    await writer.stop();
  });

  it('makes the object first where that is asked for', async () => {
    const node = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'made' }, spec: { ports: [{ port: 1 }], type: 'LoadBalancer' } };
    const writer = createStatusWriter({ client, fieldManager: 'test', log });
    writer.set(SERVICES, { namespace: 'default', name: 'made' }, status('192.0.2.4'), { create: node });
    expect(await writer.flush(5000)).toBe(true);
    expect(await lab.get({ ...svc, name: 'made' })).toMatchObject({ status: { loadBalancer: { ingress: [{ ip: '192.0.2.4' }] } } });
    await writer.stop();
  });
});

interface SeenEvent {
  metadata: { name: string };
  lastTimestamp?: string;
  readonly count: number;
  readonly reason: string;
}

async function events(): Promise<readonly SeenEvent[]> {
  return (await lab.list({ apiVersion: 'v1', kind: 'Event', namespace: 'default' })) as unknown as readonly SeenEvent[];
}

describe('the event recorder', () => {
  const object = { apiVersion: 'v1', kind: 'Service', namespace: 'default', name: 'svc', uid: 'u-1' };
  it('counts repeats on one Event', async () => {
    const recorder = createEventRecorder({ client, component: 'test', log });
    for (let i = 0; i < 5; i += 1) {
      recorder.event(object, 'Warning', 'NoAddress', 'nothing free');
      await sleep(30);
    }
    recorder.event(object, 'Normal', 'Assigned', 'got one');
    await recorder.stop({ drainMs: 5000 });
    expect((await events()).map(({ reason, count }) => `${reason} ${count}`).sort()).toEqual(['Assigned 1', 'NoAddress 5']);
  });

  it('limits what one object may say', async () => {
    const recorder = createEventRecorder({ client, component: 'test', log });
    for (let i = 0; i < 100; i += 1) recorder.event(object, 'Warning', 'Flap', `n ${i}`);
    recorder.event({ ...object, name: 'other', uid: 'u-2' }, 'Normal', 'Fine', 'm');
    await recorder.stop({ drainMs: 10_000 });
    const seen = await events();
    expect(seen.filter(({ reason }) => reason === 'Flap')).toHaveLength(25);
    expect(seen.filter(({ reason }) => reason === 'Fine')).toHaveLength(1);
  });

  it('tries again when the server is busy, and puts events of cluster-wide objects into default', async () => {
    lab.faults.status({ code: 503, match: { resource: 'events', verb: 'create' }, times: 2 });
    const recorder = createEventRecorder({ client, component: 'test', host: 'n1', log });
    recorder.event({ apiVersion: 'v1', kind: 'Node', name: 'n1', uid: 'n1' }, 'Normal', 'Up', 'm');
    const seen = await until('the event', async () => (await events())[0]);
    expect(seen).toMatchObject({ reason: 'Up', metadata: { namespace: 'default' }, source: { component: 'test', host: 'n1' } });
    await recorder.stop();
  });

  it('tells what lasts once, whoever tells it, and what came back again on the same Event', async () => {
    const tell = async (message: string, lasting: 'before' | 'now', uid = 'u-1'): Promise<void> => {
      const recorder = createEventRecorder({ client, component: 'test', log });
      recorder.event({ ...object, uid }, 'Warning', 'Broken', message, lasting);
      await recorder.stop({ drainMs: 5000 });
    };
    await tell('it is broken', 'now');
    const [first] = await events();
    await sleep(1100);
    await tell('it is broken', 'before');
    expect(await events()).toEqual([first]);
    await tell('it is broken', 'now');
    const [again] = await events();
    expect(again?.metadata.name).toBe(first?.metadata.name);
    expect(String(again?.lastTimestamp) > String(first?.lastTimestamp)).toBe(true);
    await tell('it is broken in another way', 'before');
    await tell('it is broken', 'before', 'u-2');
    expect((await events()).length).toBe(3);
    expect(memory.said('an event could not be written')).toEqual([]);
  });

  it('says nothing when it does not lead, and survives being refused', async () => {
    const silent = createEventRecorder({ client, component: 'test', log, allowed: () => false });
    silent.event(object, 'Normal', 'Assigned', 'm');
    await silent.stop({ drainMs: 200 });
    lab.faults.status({ code: 403, match: { resource: 'events', verb: 'create' } });
    const refused = createEventRecorder({ client, component: 'test', log });
    refused.event(object, 'Normal', 'Assigned', 'm');
    await refused.stop({ drainMs: 2000 });
    expect(await events()).toEqual([]);
    expect(memory.said('an event could not be written')).toHaveLength(1);
  });

  /** Answers everything at once. */
  const swift = (): { readonly client: KubeClient; readonly made: string[] } => {
    const made: string[] = [];
    const request = async <T>({ body }: Call): Promise<T> => {
      made.push((body as { involvedObject: { name: string } }).involvedObject.name);
      return {} as T;
    };
    return { client: { ...client, request }, made };
  };

  it('lets what is more urgent go first, but waits some seconds only', async () => {
    const { client: fast, made } = swift();
    let busy = true;
    const recorder = createEventRecorder({ client: fast, component: 'test', log, isBusy: () => busy });
    recorder.event(object, 'Normal', 'Assigned', 'm');
    await sleep(200);
    expect(made).toEqual([]);
    busy = false;
    await until('the event', () => made.length === 1, 5000);
    busy = true;
    const later = Date.now();
    recorder.event({ ...object, name: 'other' }, 'Normal', 'Assigned', 'm');
    await until('the event in spite of it', () => made.length === 2, 30_000);
    expect(Date.now() - later).toBeGreaterThan(5000);
    await recorder.stop();
  }, 60_000);

  it('forgets none of thousands that come at once, and counts what is beyond its memory', async () => {
    const { client: fast, made } = swift();
    const metrics = createKubeMetrics(createRegistry('test'));
    let busy = true;
    const recorder = createEventRecorder({ client: fast, component: 'test', log, metrics, isBusy: () => busy });
    for (let i = 0; i < 20_100; i += 1) recorder.event({ ...object, name: `s${i}`, uid: `u${i}` }, 'Normal', 'Assigned', 'm');
    busy = false;
    await until('all that it remembers', () => made.length >= 20_000, 60_000);
    await recorder.stop({ drainMs: 5000 });
    expect(new Set(made).size).toBe(20_000);
    expect(made[0]).toBe('s0');
    const { values } = await metrics.events.get();
    expect(values.map(({ labels, value }) => [labels.result, value])).toEqual(
      expect.arrayContaining([
        ['dropped', 100],
        ['ok', 20_000],
      ]),
    );
    expect(memory.said('events are dropped: too many wait to be written')).toHaveLength(1);
  }, 90_000);
});
