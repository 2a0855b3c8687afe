import { pino } from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import { type AnnouncerOptions, startAnnouncer } from '../../controller/announced/announcer.ts';
import { type Difference, Pending } from '../../controller/announced/pending.ts';
import type { Survey } from '../../controller/survey/survey.ts';
import type { ServiceKey } from '../../src/cluster/service.ts';
import { createKubeMetrics, createRegistry } from '../../src/host/metrics.ts';
import { ANNOUNCED, ESTABLISHED } from '../../src/view/announced.ts';
import { type Look, Lookout } from '../../src/view/lookout.ts';
import { type RawCluster, calm, speak } from '../cli/explainSupport.ts';
import { type Base, startBase } from '../broken/wireRows.ts';
import { sightOf, smallCluster } from '../glass/fixture.ts';
import { NAMESPACE } from './fixtures.ts';
import { type Seen, conditionOf, eventsAbout, getService, serviceObject, until } from './support.ts';

const TIMING = { startMs: 0, settleMs: 150, reasonMs: 150, longestMs: 60_000, wordsMs: 500, restMs: 20 };
const QUICK = { announced: TIMING };

let base: Base | undefined;

afterEach(async () => {
  await base?.cluster.close();
  base = undefined;
});

/** A cluster whose speakers have said that all is well. */
async function well(overrides: Parameters<typeof startBase>[1] = QUICK): Promise<{ readonly base: Base; readonly raw: RawCluster }> {
  base = await startBase({}, overrides);
  const raw = structuredClone(base.raw);
  raw.config.L2Advertisement = [];
  await base.cluster.lab.delete({ apiVersion: 'heraldlb.io/v1', kind: 'L2Advertisement', namespace: NAMESPACE, name: 'l2' });
  await speak(raw, calm);
  for (const { metadata, status } of raw.nodeStates) tell(metadata.name, status);
  return { base, raw };
}

function lab(): Base['cluster']['lab'] {
  if (base === undefined) throw new Error('there is no cluster');
  return base.cluster.lab;
}

/** What the speaker of a node would write; undefined: it and its NodeState are gone. */
function tell(node: string, status: object | undefined): void {
  const key = `${NAMESPACE}/${node}`;
  if (status === undefined) {
    lab().store.remove('heraldlb.io/nodestates', key);
    return;
  }
  const object = { apiVersion: 'heraldlb.io/v1', kind: 'NodeState', metadata: { name: node, namespace: NAMESPACE, uid: node }, status };
  lab().store.put('heraldlb.io/nodestates', key, object);
}

const announcedOf = async (name = 'web') => conditionOf(await getService(lab(), name), ANNOUNCED);
const becomes = (reason: string, name = 'web') => until(reason, async () => (await announcedOf(name))?.reason === reason);
const writes = (): number =>
  lab().requests.filter(({ verb, resource, subresource }) => verb === 'patch' && resource === 'services' && subresource === 'status')
    .length;
const peerReason = async (): Promise<string | undefined> => {
  const ref = { apiVersion: 'heraldlb.io/v1', kind: 'BGPPeer', namespace: NAMESPACE, name: 'tor' };
  return conditionOf((await lab().get(ref)) as unknown as Seen, ESTABLISHED)?.reason;
};
const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const withPeer = (raw: RawCluster, node: string, state: string): object => {
  const status = structuredClone(raw.nodeStates.find(({ metadata }) => metadata.name === node)?.status ?? {}) as { bgp?: object[] };
  return { ...status, bgp: (status.bgp ?? []).map((session) => ({ ...session, state, lastError: 'ECONNREFUSED' })) };
};

describe('the condition Announced', () => {
  it('says from how many nodes and over how many sessions, and is an event; then nothing is written any more', async () => {
    const { raw } = await well();
    await becomes('Announced');
    expect(await announcedOf()).toMatchObject({ status: 'True', message: 'Announced by BGP from 3 nodes over 3 sessions.' });
    await until('the event', async () => (await eventsAbout(lab(), 'web')).some((text) => text.startsWith('Announced x1: ')));
    await becomes('FamilyNotCarried', 'dual');
    const before = writes();
    expect(before).toBeGreaterThan(3);
    // Counters change all the time, and change nothing here.
    for (const [node, { status }] of raw.nodeStates.map((state) => [state.metadata.name, state] as const))
      tell(node, { ...status, bgp: (status['bgp'] as object[]).map((session) => ({ ...session, routes: 7 })) });
    await wait(1000);
    expect(writes()).toBe(before);
  });

  it('is written by a new leader only where it is not so already', async () => {
    const { base: one } = await well();
    await becomes('Announced');
    await becomes('FamilyNotCarried', 'dual');
    await one.controller.close();
    const before = writes();
    await one.cluster.start('two', {}, QUICK);
    await wait(1500);
    expect(writes()).toBe(before);
    tell('n1', undefined);
    await becomes('SpeakerNotRunning');
    expect((await announcedOf())?.status).toBe('True');
  });

  it('comes with events on nodes and peers, which a new leader does not repeat', async () => {
    const { base: one, raw } = await well();
    await becomes('Announced');
    const problem = { reason: 'CannotListen', message: 'port 179 cannot be had' };
    // On a slow machine the controller has looked before the speakers of this test said their first word.
    const isOfThis = (text: string): boolean => !text.startsWith('SpeakerNotRunning');
    const told = async (): Promise<string[]> =>
      [...(await eventsAbout(lab(), 'n1')), ...(await eventsAbout(lab(), 'tor'))].filter(isOfThis);
    for (const { metadata } of raw.nodeStates)
      tell(metadata.name, { ...withPeer(raw, metadata.name, 'Active'), ...(metadata.name === 'n1' ? { problems: [problem] } : {}) });
    const both = [expect.stringContaining('CannotListen x1'), expect.stringContaining('ConnectionRefused x1')];
    await until('both', async () => (await told()).length === 2);
    expect(await told()).toEqual(both);
    await until("the peer's condition", async () => (await peerReason()) === 'ConnectionRefused');
    await one.controller.close();
    await one.cluster.start('two', {}, QUICK);
    await wait(1500);
    expect(await told()).toEqual(both);
    // It ended and began again.
    tell('n1', withPeer(raw, 'n1', 'Active'));
    await wait(500);
    tell('n1', { ...withPeer(raw, 'n1', 'Active'), problems: [{ ...problem, message: 'port 1790 cannot be had' }] });
    await until('what is new', async () => (await told()).length === 3);
  });

  it('is Unknown when nobody can tell, and False when it is known that nobody announces', async () => {
    const { raw } = await well();
    await becomes('Announced');
    for (const { metadata } of raw.nodeStates) tell(metadata.name, undefined);
    await becomes('SpeakerNotRunning');
    expect((await announcedOf())?.status).toBe('Unknown');
    for (const { metadata } of raw.nodeStates) tell(metadata.name, withPeer(raw, metadata.name, 'Active'));
    await becomes('ConnectionRefused');
    expect(await announcedOf()).toMatchObject({ status: 'False', message: expect.stringContaining('BGPPeer/tor on n1, n2, n3') as string });
    await until('the warning', async () => (await eventsAbout(lab(), 'web')).some((text) => text.startsWith('ConnectionRefused ')));
  });

  it('does not follow what flaps', async () => {
    const { raw } = await well({ announced: { ...TIMING, settleMs: 1000, reasonMs: 1000 } });
    await becomes('Announced');
    await becomes('FamilyNotCarried', 'dual');
    const before = writes();
    for (let turn = 0; turn < 20; turn++) {
      for (const { metadata } of raw.nodeStates)
        tell(metadata.name, withPeer(raw, metadata.name, turn % 2 === 0 ? 'Active' : 'Established'));
      await wait(100);
    }
    expect(writes()).toBe(before);
    expect((await announcedOf())?.reason).toBe('Announced');
  });

  it('goes with the other one when the Service is none of ours any more, and leaves those of others alone', async () => {
    await well();
    await becomes('Announced');
    const ref = { apiVersion: 'v1', kind: 'Service', namespace: 'default', name: 'web' };
    const theirs = { type: 'example.com/Theirs', status: 'True', reason: 'Said', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' };
    await lab().patch(ref, { status: { conditions: [theirs] } }, { subresource: 'status', type: 'strategic' });
    await lab().create(serviceObject('foreign', { loadBalancerClass: 'example.com/other' }));
    await lab().patch(ref, { spec: { type: 'ClusterIP' } });
    await until(
      'it to be gone',
      async () => (await announcedOf()) === undefined && conditionOf(await getService(lab(), 'web')) === undefined,
    );
    expect(conditionOf(await getService(lab(), 'web'), theirs.type)?.reason).toBe('Said');
    await wait(500);
    expect((await getService(lab(), 'foreign')).status?.conditions ?? []).toEqual([]);
    expect(await announcedOf()).toBeUndefined();
  });

  it('stays as it is while the API server is away, and after it', async () => {
    await well();
    await becomes('Announced');
    await becomes('FamilyNotCarried', 'dual');
    const before = writes();
    await lab().restart({ emptyWindow: true });
    await wait(1500);
    expect(writes()).toBe(before);
    expect((await announcedOf())?.reason).toBe('Announced');
  });
});

describe('what is written', () => {
  /** One who looks once, and then finds nothing changed. */
  function startAlone({ services = {}, isBusy = () => false }: Partial<Record<'services', object> & { isBusy: () => boolean }> = {}) {
    const sight = sightOf(smallCluster(), 'one');
    const known = new Map(sight.services.map((service) => [service.key, service]));
    const look = new Lookout().look(sight);
    let changed: Look['changed'] = 'all';
    const take = (): Look['changed'] => {
      const taken = changed;
      changed = new Set();
      return taken;
    };
    const survey: Pick<Survey, 'look' | 'services' | 'follow'> = {
      look: () => look,
      services: () => sight.services,
      follow: () => ({ take, stop: () => undefined }),
    };
    const written: string[] = [];
    const announcer = startAnnouncer({
      survey: survey as Survey,
      services: { get: (key: string) => known.get(key as ServiceKey), ...services } as AnnouncerOptions['services'],
      writer: {
        write: ({ key }) => {
          written.push(key);
          return Promise.resolve(true);
        },
      },
      onLook: () => undefined,
      isBusy,
      timing: { ...TIMING, settleMs: 50 },
      log: pino({ level: 'silent' }),
      metrics: createKubeMetrics(createRegistry('controller')),
    });
    return { announcer, written, all: [...known.keys()], known };
  }

  it('waits for allocation, which goes first', async () => {
    let isBusy = true;
    const { announcer, written, all } = startAlone({ isBusy: () => isBusy });
    await wait(1000);
    expect(written).toEqual([]);
    isBusy = false;
    await until('all of them', () => new Set(written).size === all.length);
    await announcer.stop();
  });

  it('is not lost when a Service could not be judged once, which holds up no other', async () => {
    const failures: string[] = [];
    const services = {
      get: (key: string) => {
        if (key === one.all[0] && failures.push(key) === 1) throw new Error('judged once too early');
        return one.known.get(key as ServiceKey);
      },
    };
    const one = startAlone({ services });
    const [first = '', ...others] = one.all;
    await until('the others', () => others.every((key) => one.written.includes(key)));
    expect(one.written).not.toContain(first);
    await until('the one that failed', () => one.written.includes(first));
    await one.announcer.stop();
  });
});

describe('what is to be written', () => {
  const key = 'default/web' as ServiceKey;
  const difference = (reason: string, weight: Difference['weight'] = 'status'): Difference => ({
    word: { status: 'False', reason, message: '' },
    weight,
  });
  const damping = { settleMs: 3000, reasonMs: 10_000, longestMs: 30_000, wordsMs: 60_000 };

  it('has to stand for some time, and not at all when it is over before', () => {
    const pending = new Pending(damping);
    pending.note(key, difference('A'), 0);
    expect(pending.due(2999, 10)).toEqual([]);
    pending.note(key, difference('B'), 2999);
    expect(pending.due(3000, 10)).toEqual([]);
    expect(pending.due(5999, 10)).toEqual([key]);
    pending.note(key, undefined, 5999);
    expect([pending.due(9999, 10), pending.size]).toEqual([[], 0]);
  });

  it('is written all the same when it does not come to rest', () => {
    const pending = new Pending(damping);
    for (let now = 0; now <= 30_000; now += 1000) pending.note(key, difference(`R${now}`), now);
    expect(pending.due(30_000, 10)).toEqual([key]);
  });

  it('comes in the order in which it matters', () => {
    const pending = new Pending(damping);
    pending.note('default/words' as ServiceKey, difference('A', 'message'), 0);
    pending.note('default/reason' as ServiceKey, difference('A', 'reason'), 0);
    pending.note('default/status' as ServiceKey, difference('A', 'status'), 0);
    expect(pending.due(100_000, 2)).toEqual(['default/status', 'default/reason']);
  });
});
