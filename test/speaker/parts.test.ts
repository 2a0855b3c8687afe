import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { NodePlanResult, Verdict } from '../../src/announce/plan.ts';
import { type NodeStateStatus, nodeState } from '../../src/api/nodeState.ts';
import { serviceKey } from '../../src/cluster/service.ts';
import { createLogger } from '../../src/host/log.ts';
import { instant } from '../../src/machine.ts';
import type { Mac } from '../../src/net/mac.ts';
import { Bell, Outbox } from '../../speaker/channel.ts';
import { Deadlines } from '../../speaker/deadlines.ts';
import { nextHopsAt } from '../../speaker/nextHops.ts';
import { fittingClaims, nodeStatus } from '../../speaker/nodeStatus.ts';
import { Gauge, Registry } from 'prom-client';
import { registerAnnounced } from '../../speaker/announcedMetrics.ts';
import { type Notice, Notices } from '../../speaker/notices.ts';
import type { ClaimState, HeardReport, PeerReport } from '../../speaker/report.ts';
import { startWorkerHost } from '../../speaker/workerHost.ts';
import { until } from '../support/until.ts';
import { ETH0, FakeClock, ip, nodePlan } from './support.ts';

function updated(notices: Notices, ...what: readonly [result: NodePlanResult, report: HeardReport]): Notice[] {
  const told: Notice[] = [];
  notices.update(...what, (notice) => void told.push(notice));
  return told;
}

describe('deadlines', () => {
  it('serves in order, moves, removes, and keeps one timer of the process', () => {
    const clock = new FakeClock();
    const deadlines = new Deadlines(clock);
    const served: string[] = [];
    const set = (key: string, at: number | undefined): void =>
      deadlines.set(key, at === undefined ? undefined : instant(1000 + at), () => void served.push(`${key}@${clock.now() - 1000}`));
    set('c', 30);
    set('a', 10);
    set('b', 20);
    set('moved', 5);
    set('moved', 25);
    set('removed', 15);
    set('removed', undefined);
    expect(clock.waiting()).toBe(1);
    clock.advance(100);
    expect(served).toEqual(['a@10', 'b@20', 'moved@25', 'c@30']);
    expect(clock.waiting()).toBe(0);
  });

  it('lets the event loop read before it serves what became due meanwhile', () => {
    const clock = new FakeClock();
    const deadlines = new Deadlines(clock);
    let rounds = 0;
    const again = (): void => {
      rounds += 1;
      if (rounds < 3) deadlines.set('again', clock.now(), again);
    };
    deadlines.set('again', instant(1010), again);
    expect(clock.waiting()).toBe(1);
    clock.advance(9);
    expect(rounds).toBe(0);
    clock.advance(1);
    expect(rounds).toBe(3);
  });
});

describe('the channel', () => {
  it('has one value under way, and sends only the latest of those that waited', () => {
    const sent: number[] = [];
    const outbox = new Outbox<number>((value) => void sent.push(value));
    for (const value of [1, 2, 3]) outbox.put(value);
    expect(sent).toEqual([1]);
    outbox.taken();
    expect(sent).toEqual([1, 3]);
    outbox.taken();
    outbox.taken();
    expect(sent).toEqual([1, 3]);
    outbox.put(4);
    expect(sent).toEqual([1, 3, 4]);
  });
});

it('is not told more than it asks for', () => {
  let told = 0;
  const bell = new Bell(() => void (told += 1));
  for (let round = 0; round < 3; round++) bell.ring();
  expect(told).toBe(1);
  bell.taken();
  expect(told).toBe(2);
  bell.taken();
  bell.taken();
  expect(told).toBe(2);
  bell.ring();
  expect(told).toBe(3);
});

it('takes next hops from the interface that holds the local address', () => {
  expect(nextHopsAt([ETH0], ip('192.0.2.1'))).toEqual({ ipv4: '192.0.2.1', ipv6: '2001:db8::1', ipv6LinkLocal: 'fe80::1' });
  expect(nextHopsAt([ETH0], ip('203.0.113.9'))).toEqual({ ipv4: '203.0.113.9' });
});

const COUNTERS = {} as PeerReport['counters'];
const SERVICE = serviceKey('default', 'web');
const VIP = ip('198.51.100.1');

function peerReport(state: PeerReport['state']): PeerReport {
  return {
    name: 'tor',
    address: ip('192.0.2.254'),
    port: 179,
    state,
    since: '2026-01-01T00:00:00Z',
    families: ['ipv4'],
    counters: COUNTERS,
    desired: 3,
  };
}

function claimed(phase: ClaimState['phase']): HeardReport['claims'] {
  return new Map([[VIP, { phase, interfaces: phase === 'claimed' ? ['eth0'] : [], since: '2026-01-01T00:00:00Z' }]]);
}

const NOT_HERE: Verdict = { announced: false, ineligible: { reason: 'NoMatchingAdvertisement' } };
const BY_BGP: Verdict = { announced: true, advertisements: ['bgp'], peers: ['tor'] };
const BY_L2: Verdict = { announced: true, advertisements: ['l2'] };

function planned(bgp: Verdict, layer2: Verdict): NodePlanResult {
  const claims = layer2.announced ? [{ ip: VIP, services: [SERVICE] }] : [];
  return {
    plan: nodePlan(1, [], claims),
    verdicts: [{ service: SERVICE, addresses: [VIP], bgp, layer2 }],
    problems: [],
    speaksForAll: true,
  };
}

function report(changes: Partial<HeardReport> = {}): HeardReport {
  return { generation: 1, peers: [], bfd: [], claims: new Map(), problems: [], ...changes };
}

describe('events on Services', () => {
  it('come once per transition, not once per plan', () => {
    const notices = new Notices('node1');
    const plan = planned(BY_BGP, NOT_HERE);
    const told = (state: PeerReport['state']) => updated(notices, plan, report({ peers: [peerReport(state)] })).map(({ reason }) => reason);
    expect(told('Connect')).toEqual([]);
    expect(told('Established')).toEqual(['nodeAssigned']);
    for (let round = 0; round < 5; round++) expect(told('Established')).toEqual([]);
    // A flapping session is told on the NodeState.
    expect(told('Active')).toEqual([]);
    expect(told('Established')).toEqual([]);
    expect(updated(notices, { ...planned(NOT_HERE, NOT_HERE), speaksForAll: false }, report())).toEqual([]);
    expect(told('Established')).toEqual(['nodeAssigned']);
  });

  it('are about the Services that are new, whichever came and went before them in the list', () => {
    const notices = new Notices('node1');
    const up = report({ peers: [peerReport('Established')] });
    const told = (...names: string[]): string[] => {
      const verdicts = names.map((name) => ({ service: serviceKey('default', name), addresses: [VIP], bgp: BY_BGP, layer2: NOT_HERE }));
      return updated(notices, { ...planned(BY_BGP, NOT_HERE), verdicts }, up).map(({ service }) => service);
    };
    expect(told('b', 'd')).toEqual(['default/b', 'default/d']);
    expect(told('a', 'b', 'c', 'd', 'e')).toEqual(['default/a', 'default/c', 'default/e']);
    expect(told('b', 'e')).toEqual([]);
    expect(told('a', 'b', 'e')).toEqual(['default/a']);
    expect(told()).toEqual([]);
    expect(told('b')).toEqual(['default/b']);
  });

  it('say, from one node only, that nobody was asked to announce the address', () => {
    const forgotten = planned(NOT_HERE, NOT_HERE);
    const notices = new Notices('node1');
    expect(updated(notices, forgotten, report())).toMatchObject([
      {
        type: 'Warning',
        reason: 'announceFailed',
        message: expect.stringContaining('not announced by any node: no advertisement selects'),
      },
    ]);
    expect(updated(notices, forgotten, report())).toEqual([]);
    expect(updated(new Notices('node2'), { ...forgotten, speaksForAll: false }, report())).toEqual([]);
  });

  it("say announceFailed, and not nodeAssigned, when the advertisement's interfaces are not there", () => {
    const notices = new Notices('node1');
    const stuck = report({ claims: claimed('waiting'), problems: [{ reason: 'NoUsableInterface', ip: VIP, interfaces: ['eth9'] }] });
    const [notice, ...more] = updated(notices, planned(NOT_HERE, BY_L2), stuck);
    expect(more).toEqual([]);
    expect(notice).toMatchObject({ service: SERVICE, type: 'Warning', reason: 'announceFailed' });
    expect(notice?.message).toContain('eth9');
    expect(updated(notices, planned(NOT_HERE, BY_L2), stuck)).toEqual([]);
    const mended = updated(notices, planned(NOT_HERE, BY_L2), report({ claims: claimed('claimed') }));
    expect(mended).toMatchObject([{ reason: 'nodeAssigned', message: 'announcing from node "node1" with protocol "layer2"' }]);
  });

  it('name the foreign host that has the address', () => {
    const problems = [{ reason: 'AddressInUse' as const, ip: VIP, mac: '02:00:00:00:00:ee' as Mac, interface: 'eth0' }];
    const [notice] = updated(new Notices('node1'), planned(NOT_HERE, BY_L2), report({ claims: claimed('refused'), problems }));
    expect(notice?.message).toContain('02:00:00:00:00:ee');
  });

  it('tell what the operator has to mend, and nothing about the nodes that are not the owner', () => {
    const conflict: Verdict = { announced: false, ineligible: { reason: 'ConflictingAdvertisements', advertisements: ['a', 'b'] } };
    const loser: Verdict = { announced: false, ineligible: { reason: 'NotOwner', owner: 'node2' } };
    const told = updated(new Notices('node1'), planned(conflict, loser), report());
    expect(told).toMatchObject([{ type: 'Warning', reason: 'announceFailed' }]);
    expect(told[0]?.message).toMatch(/bgp.*a, b/);
  });
});

it('has a line of the metrics for every Service, under their own head', async () => {
  const registry = new Registry();
  const announced = registerAnnounced(registry, true);
  registry.registerMetric(new Gauge({ name: 'other', help: 'o', registers: [] }));
  const many = Array.from({ length: 1201 }, (_, i) => ({
    service: serviceKey('default', `s${i}`),
    addresses: [ip(`10.0.${i >> 8}.${i & 255}`)],
    bgp: BY_BGP,
    layer2: NOT_HERE,
  }));
  const result = { ...planned(BY_BGP, NOT_HERE), verdicts: many, message: undefined, secretProblems: [] };
  announced.count(result, report({ peers: [peerReport('Established')] }));
  const pieces = [...announced.page(await registry.metrics())];
  expect(pieces.length).toBeGreaterThan(3);
  const lines = pieces.join('').split('\n');
  const head = lines.indexOf('# TYPE metallb_speaker_announced gauge');
  expect(lines[head + 1]).toBe(
    'metallb_speaker_announced{service="default/s0",protocol="bgp",node="node1",ip="10.0.0.0",program="speaker"} 1',
  );
  expect(lines[head + 1201]).toContain('service="default/s1200"');
  expect(lines.slice(head + 1202)).toEqual(['', '# HELP other o', '# TYPE other gauge', 'other 0', '']);
  expect(lines).toContain('heraldlb_speaker_announced_addresses{protocol="bgp"} 1201');
  const without = new Registry();
  const page = await (registerAnnounced(without, false), without.metrics());
  expect([...registerAnnounced(new Registry(), false).page(page)].join('')).toBe(page);
});

describe('NodeState', () => {
  const base = { result: planned(BY_BGP, BY_L2), problems: [], version: '0.1.0', startedAt: '2026-01-01T00:00:00Z', before: undefined };

  it('is what the schema of the resource accepts, and says what is up', () => {
    const status = nodeStatus({
      ...base,
      report: report({ peers: [peerReport('Established')], claims: claimed('claimed') }),
      now: '2026-01-01T00:00:01Z',
    });
    expect(nodeState.status.parse(status)).toEqual(status);
    expect(status.summary).toEqual({ peers: '1/1', vips: 1, routes: 0, problems: 0 });
    expect(status.claims).toMatchObject([{ ip: VIP, services: [SERVICE], interfaces: ['eth0'] }]);
    expect(status.conditions).toMatchObject([{ type: 'Ready', status: 'True', reason: 'Announcing' }]);
  });

  it('names as many addresses as etcd takes, and counts all', () => {
    const claimOf = (name: string) => (_: unknown, i: number) => ({
      ip: `10.0.${i >> 8}.${i & 255}`,
      services: [`${name}/${name}-${i}`],
      interfaces: ['eth0'],
      since: '2026-01-01T00:00:00Z',
    });
    const [short, long] = ['team', 'n'.repeat(58)].map((name) => Array.from({ length: 10_001 }, claimOf(name)));
    expect(fittingClaims(short ?? [], 0)).toEqual(short?.slice(0, 10_000));
    const some = fittingClaims(long ?? [], 0);
    expect(some).toEqual(long?.slice(0, some.length));
    expect(JSON.stringify(some).length).toBeLessThan(1_500_000);
    expect(JSON.stringify(some).length).toBeGreaterThan(1_490_000);
    expect(fittingClaims(long ?? [], 2_000_000)).toEqual([]);
  });

  it('moves the time of its condition only with the status', () => {
    const at = (now: string, state: PeerReport['state'], before: (typeof base)['before'] | ReturnType<typeof nodeStatus>['conditions']) =>
      nodeStatus({ ...base, before, report: report({ peers: [peerReport(state)] }), now }).conditions;
    const first = at('2026-01-01T00:00:01Z', 'Active', undefined);
    const second = at('2026-01-01T00:00:02Z', 'Connect', first);
    const third = at('2026-01-01T00:00:03Z', 'Established', second);
    expect([first, second, third].map((each) => each?.[0]?.lastTransitionTime)).toEqual([
      '2026-01-01T00:00:01Z',
      '2026-01-01T00:00:01Z',
      '2026-01-01T00:00:03Z',
    ]);
    expect(first?.[0]).toMatchObject({ status: 'False', reason: 'NotConnected' });
  });

  it('makes nothing anew of what is as it was', () => {
    const of = (state: 'claimed' | 'waiting', claimsBefore?: NodeStateStatus['claims']) =>
      nodeStatus({ ...base, claimsBefore, report: report({ claims: claimed(state) }), now: '2026-01-01T00:00:01Z' }).claims;
    const first = of('claimed');
    expect(of('claimed', first)).toBe(first);
    const other = first?.map((claim) => ({ ...claim, since: 'earlier' }));
    expect(of('claimed', other)).toEqual(first);
    expect(of('claimed', [...(first ?? []), ...(other ?? [])])).toEqual(first);
    expect(of('waiting', first)).toEqual([]);
  });

  it('has no claim that is not held, and lists why', () => {
    const problems = [{ reason: 'NoUsableInterface' as const, ip: VIP, interfaces: [] }];
    const status = nodeStatus({ ...base, report: report({ claims: claimed('waiting'), problems }), now: '2026-01-01T00:00:01Z' });
    expect(status.claims).toEqual([]);
    expect(status.problems).toMatchObject([{ reason: 'NoUsableInterface', object: VIP }]);
    expect(status.conditions).toMatchObject([{ status: 'False', reason: 'NoUsableInterface' }]);
  });
});

describe('the worker host', () => {
  /** Sends one plan with its own number in it, then dies when told a report of that plan. */
  const WORKER = `
    import { parentPort } from 'node:worker_threads';
    import { appendFileSync, readFileSync } from 'node:fs';
    const file = new URL('./starts', import.meta.url);
    appendFileSync(file, 'x');
    const generation = readFileSync(file, 'utf8').length;
    const pieces = ['worker_', 'metric 1'];
    parentPort.postMessage({ type: 'health', problems: [] });
    parentPort.postMessage({ type: 'value', value: { plan: { generation, node: 'node1', peers: [], claims: [] }, fresh: [] } });
    parentPort.on('message', (message) => {
      if (message.type === 'metrics') parentPort.postMessage({ type: 'metrics', id: message.id, text: pieces.shift(), more: pieces.length > 0 });
      if (message.type === 'value') parentPort.postMessage({ type: 'taken' });
      if (message.type === 'value' && message.value.generation === generation && generation === 1) throw new Error('a bug in the worker');
      if (message.type === 'stop') parentPort.close();
    });
  `;

  it('starts a worker again that died, and goes on with the plans of the new one', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'worker-'));
    const entry = join(directory, 'worker.mjs');
    writeFileSync(entry, WORKER);
    const generations: number[] = [];
    const wholes: boolean[] = [];
    const host = startWorkerHost({
      data: {
        node: 'node1',
        namespace: 'n',
        apiGroup: 'g',
        logLevel: 'silent',
        version: '0',
        startedAt: '',
        drainOn: [],
        drainWaitMs: 5000,
      },
      onPlan: ({ plan }) => void generations.push(plan.generation),
      news: (isWhole) => {
        wholes.push(isWhole);
        return { generation: wholes.length === 1 ? 0 : 1, peers: [], bfd: [], claims: { isWhole, alike: [], gone: [] }, problems: [] };
      },
      log: createLogger({ level: 'silent', name: 'test' }),
      entry: pathToFileURL(entry),
    });
    await until('the first plan', () => generations.length === 1);
    host.tell();
    await until('the second worker', () => generations.length === 2);
    expect(generations).toEqual([1, 2]);
    expect(host.restarts()).toBe(1);
    // Each worker knows nothing at first.
    await until('the report to the second worker', () => wholes.length === 3);
    expect(wholes).toEqual([true, false, true]);
    const pieces: string[] = [];
    for await (const piece of host.metrics()) pieces.push(piece);
    expect(pieces).toEqual(['worker_', 'metric 1']);
    await host.stop();
    rmSync(directory, { recursive: true, force: true });
  });
});
