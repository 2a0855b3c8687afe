import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NAMESPACE } from './fixtures.ts';
import {
  type Cluster,
  Ledger,
  type Seen,
  allIps,
  conditionOf,
  eventsAbout,
  getPool,
  getService,
  ips,
  poolObject,
  serviceObject,
  startCluster,
  until,
} from './support.ts';

const POOL = 'heraldlb.io/ip-allocated-from-pool';
let cluster: Cluster;

beforeEach(async () => {
  cluster = await startCluster();
});

afterEach(async () => {
  await cluster?.close();
});

const assigned = (name: string): Promise<string[]> =>
  until(`an address for ${name}`, async () => {
    const list = ips(await getService(cluster.lab, name));
    return list.length > 0 && list;
  });

const condition = (name: string, reason: string): Promise<string> =>
  until(`condition ${reason} on ${name}`, async () => {
    const found = conditionOf(await getService(cluster.lab, name));
    return found?.reason === reason && found.message;
  });

const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });

describe('the controller', () => {
  it('gives addresses of both families, says so, and takes them back', async () => {
    const { lab, start } = cluster;
    await lab.create(poolObject('p', ['192.0.2.0/24', '2001:db8::/64']));
    await lab.create(serviceObject('a', { ipFamilyPolicy: 'RequireDualStack' }));
    await start('one');
    expect(await assigned('a')).toEqual(['192.0.2.0', '2001:db8::']);
    const seen = await getService(lab, 'a');
    expect(seen.status?.loadBalancer?.ingress?.map(({ ipMode }) => ipMode)).toEqual(['VIP', 'VIP']);
    expect(seen.metadata.annotations?.[POOL]).toBe('p');
    expect(conditionOf(seen)).toMatchObject({ status: 'True', reason: 'Allocated' });
    await until('usage', async () => (await getPool(lab, 'p')).status?.['assignedIPv4'] === 1 || undefined);
    expect((await getPool(lab, 'p')).status).toMatchObject({ assignedIPv6: 1, availableIPv4: 255, availableIPv6: Number.MAX_SAFE_INTEGER });
    await lab.delete({ apiVersion: 'v1', kind: 'Service', namespace: 'default', name: 'a' });
    await until('usage', async () => (await getPool(lab, 'p')).status?.['assignedIPv4'] === 0 || undefined);
  });

  it('tells each thing once, and writes nothing when nothing changed', async () => {
    const { lab, start } = cluster;
    await lab.create(poolObject('p', ['192.0.2.0/32']));
    await start('one');
    for (const name of ['a', 'b']) await lab.create(serviceObject(name));
    const message = await condition('b', 'PoolExhausted');
    expect(message).toBe('No IPv4 address is free: p (no address is free).');
    await until('the events', async () => (await eventsAbout(lab, 'b')).length > 0 || undefined);
    for (let i = 0; i < 5; i++) {
      for (const name of ['a', 'b']) {
        const ref = { apiVersion: 'v1', kind: 'Service', namespace: 'default', name };
        await lab.patch(ref, { metadata: { labels: { round: String(i) } } });
      }
      await pause(100);
    }
    expect(await eventsAbout(lab, 'a')).toEqual(['IPAllocated x1: Assigned IP ["192.0.2.0"]']);
    expect(await eventsAbout(lab, 'b')).toEqual([`AllocationFailed x1: Failed to allocate IP for "default/b": ${message}`]);
    expect(lab.requests.filter(({ path, verb }) => verb === 'patch' && /services\/.*\/status/.test(path))).toHaveLength(2);
  });

  it('gives a waiting Service the address that another one leaves', async () => {
    const { lab, start } = cluster;
    await lab.create(poolObject('p', ['192.0.2.0/32']));
    await lab.create(serviceObject('a'));
    await start('one');
    await assigned('a');
    await lab.create(serviceObject('b'));
    await condition('b', 'PoolExhausted');
    await lab.patch({ apiVersion: 'v1', kind: 'Service', namespace: 'default', name: 'a' }, { spec: { type: 'ClusterIP' } });
    expect(await assigned('b')).toEqual(['192.0.2.0']);
    const left = await until('a to be cleaned up', async () => {
      const seen = await getService(lab, 'a');
      return seen.metadata.annotations?.[POOL] === undefined && conditionOf(seen) === undefined && seen;
    });
    expect(ips(left)).toEqual([]);
  });

  it('keeps the conditions of others', async () => {
    const { lab, start } = cluster;
    await lab.create(serviceObject('a'));
    const foreign = { type: 'example.com/Seen', status: 'True', reason: 'Yes', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' };
    await lab.patch(
      { apiVersion: 'v1', kind: 'Service', namespace: 'default', name: 'a' },
      { status: { conditions: [foreign] } },
      { subresource: 'status' },
    );
    await start('one');
    await condition('a', 'NoPools');
    await lab.create(poolObject('p', ['192.0.2.0/24']));
    await condition('a', 'Allocated');
    expect(conditionOf(await getService(lab, 'a'), 'example.com/Seen')).toMatchObject({ reason: 'Yes' });
  });

  it('renumbers nobody over restarts, and writes nothing at all when it comes back', async () => {
    const { lab, start } = cluster;
    await lab.create(poolObject('p', ['192.0.2.0/28']));
    for (let i = 0; i < 10; i++) await lab.create(serviceObject(`s${i}`));
    const first = await start('one');
    await until(
      'ten addresses',
      async () => [...(await allIps(lab)).values()].filter((list) => list.length > 0).length === 10 || undefined,
    );
    await until('rest', () => first.idle() || undefined);
    await first.close();
    await lab.delete({ apiVersion: 'v1', kind: 'Service', namespace: 'default', name: 's3' });
    const before = await allIps(lab);
    lab.requests.length = 0;
    const second = await start('two');
    await until('the second to lead', () => second.idle() || undefined);
    await pause(300);
    expect(await allIps(lab)).toEqual(before);
    expect(lab.requests.filter(({ verb, resource }) => verb === 'patch' && resource === 'services')).toEqual([]);
    expect(lab.requests.filter(({ verb, resource }) => verb === 'create' && resource === 'events')).toEqual([]);
  });

  it('has one leader of two replicas, and the other takes over where the first stopped', async () => {
    const { lab, start } = cluster;
    await lab.create(poolObject('p', ['192.0.2.0/24']));
    const one = await start('one');
    await until('the first to lead', () => one.isLeader() || undefined);
    const two = await start('two');
    await lab.create(serviceObject('a'));
    const [a] = await assigned('a');
    expect([one.isLeader(), two.isLeader()]).toEqual([true, false]);
    await one.close();
    await lab.create(serviceObject('b'));
    const [b] = await assigned('b');
    expect(two.isLeader()).toBe(true);
    expect(ips(await getService(lab, 'a'))).toEqual([a]);
    expect(b).not.toBe(a);
  });

  it('plans nothing as a new leader before it has seen what the one before wrote, however late its watch is', async () => {
    const { lab, start } = cluster;
    await lab.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'other' } });
    await lab.create(poolObject('p', ['192.0.2.0/30'], { serviceAllocation: { namespaces: ['other'] } }));
    const one = await start('one');
    const kubeconfig = cluster.kubeconfigFor(lab.token('late', { groups: ['system:masters'] }));
    const two = await start('two', { kubeconfig });
    await lab.create(serviceObject('waits'));
    await until('a refusal', async () => conditionOf(await getService(lab, 'waits'))?.reason === 'NoPoolMatches');
    const isReady = async (): Promise<boolean> => (await fetch(`http://127.0.0.1:${two.port}/readyz`)).ok;
    await until('the second to know the cluster', isReady);
    const late = lab.faults.muteWatches({ user: 'late', resource: 'services' });
    const elsewhere = { ...serviceObject('unseen'), metadata: { name: 'unseen', namespace: 'other' } };
    await lab.create(elsewhere);
    const unseen = async (): Promise<string[]> =>
      ips((await lab.get({ apiVersion: 'v1', kind: 'Service', namespace: 'other', name: 'unseen' })) as unknown as Seen);
    await until('its address', async () => (await unseen()).length > 0);
    await one.close();
    await until('the second to lead', () => two.isLeader());
    await lab.patch(
      { apiVersion: 'heraldlb.io/v1', kind: 'IPAddressPool', namespace: NAMESPACE, name: 'p' },
      { spec: { serviceAllocation: null } },
    );
    await pause(1500);
    expect(ips(await getService(lab, 'waits'))).toEqual([]);
    expect(two.idle()).toBe(false);
    late.remove();
    expect(await assigned('waits')).toEqual(['192.0.2.1']);
    expect(await unseen()).toEqual(['192.0.2.0']);
  });

  it('begins when the API server does, however late that is', async () => {
    const { lab, start } = cluster;
    await lab.create(poolObject('p', ['192.0.2.0/24']));
    await lab.create(serviceObject('a'));
    await lab.stop();
    const one = await start('one');
    await pause(700);
    expect(one.idle()).toBe(false);
    await lab.start();
    // What a leader lists for itself fails for a while longer than what its watches list.
    lab.faults.status({ code: 503, match: { verb: 'list', resource: 'services' }, times: 3 });
    expect(await assigned('a')).toEqual(['192.0.2.0']);
  });

  it('writes nothing once its lease may have run out', async () => {
    const { lab, start } = cluster;
    await lab.create(poolObject('p', ['192.0.2.0/24']));
    const one = await start('one');
    await until('the first to lead', () => one.isLeader() || undefined);
    lab.faults.status({ code: 500, match: { resource: 'leases' } });
    await until('the term to end', () => !one.isLeader() || undefined);
    lab.requests.length = 0;
    await lab.create(serviceObject('a'));
    await pause(500);
    expect(lab.requests.filter(({ verb, resource }) => verb === 'patch' && resource !== 'leases')).toEqual([]);
    lab.faults.clear();
    expect(await assigned('a')).toEqual(['192.0.2.0']);
  });

  it('changes nothing while the API server is away, and goes on when it is back without a memory of events', async () => {
    const { lab, start } = cluster;
    await lab.create(poolObject('p', ['192.0.2.0/24']));
    await lab.create(serviceObject('a'));
    await start('one');
    const before = await assigned('a');
    await lab.stop();
    await pause(2000);
    await lab.start();
    lab.faults.compact();
    await lab.create(serviceObject('b'));
    expect(await until('b', async () => (ips(await getService(lab, 'b')).length > 0 ? true : undefined), 30_000)).toBe(true);
    expect(ips(await getService(lab, 'a'))).toEqual(before);
  }, 60_000);

  it('gives no address twice while writes get lost, conflict, fail and time out', async () => {
    const { lab, start } = cluster;
    await lab.create(poolObject('p', ['192.0.2.0/24', '10.0.0.0/24']));
    await start('one');
    await start('two');
    lab.faults.loseAnswer({ match: { verb: 'patch', resource: 'services' }, times: 10 });
    lab.faults.status({ code: 409, match: { verb: 'patch', resource: 'services' }, times: 5 });
    lab.faults.status({ code: 500, match: { verb: 'patch', resource: 'services' }, times: 5 });
    lab.faults.status({ code: 429, retryAfterSeconds: 1, match: { verb: 'patch', resource: 'services' }, times: 3 });
    const ledger = new Ledger(lab);
    for (let i = 0; i < 60; i++) {
      await lab.create(serviceObject(`s${i}`));
      if (i % 20 === 10) lab.faults.dropConnections();
      await ledger.look();
    }
    await until('sixty addresses', async () => (await ledger.look()) === 60 || undefined, 40_000);
    expect(ledger.wrong).toEqual([]);
    expect(new Set(ledger.first.values()).size).toBe(60);
  }, 60_000);

  it('leaves the rest working when a pool is malformed, keeps what it gave, and says what is wrong', async () => {
    const { lab, start } = cluster;
    await lab.create(poolObject('good', ['192.0.2.0/24']));
    await lab.create(poolObject('z-bad', ['10.0.0.0/24']));
    await lab.create(serviceObject('a', {}, { 'heraldlb.io/address-pool': 'z-bad' }));
    const one = await start('one');
    const before = await assigned('a');
    await lab.patch(
      { apiVersion: 'heraldlb.io/v1', kind: 'IPAddressPool', namespace: 'heraldlb-system', name: 'z-bad' },
      { spec: { addresses: ['10.0.0.0/24', '192.0.2.9/32'] } },
    );
    const wrong = await until('a condition', async () => {
      const found = conditionOf(await getPool(lab, 'z-bad'), 'Accepted');
      return found?.status === 'False' && found;
    });
    expect(wrong.reason).toBe('OverlappingPools');
    expect(wrong.message).toMatch(/spec\.addresses/);
    await until(
      'an event',
      async () => (await eventsAbout(lab, 'z-bad')).some((text) => text.startsWith('OverlappingPools x1: spec.addresses')) || undefined,
    );
    await one.close();
    const two = await start('two');
    await until('the second to lead', () => two.idle() || undefined);
    await lab.create(serviceObject('b'));
    expect((await assigned('b'))[0]).toMatch(/^192\.0\.2\./);
    expect(ips(await getService(lab, 'a'))).toEqual(before);
  });

  it('plans anew when a namespace gets the labels that a pool selects', async () => {
    const { lab, start } = cluster;
    await lab.create(poolObject('p', ['192.0.2.0/24'], { serviceAllocation: { namespaceSelectors: [{ matchLabels: { team: 'x' } }] } }));
    await start('one');
    await lab.create(serviceObject('a'));
    expect(await condition('a', 'NoPoolMatches')).toMatch(/does not take the Service's namespace/);
    await lab.patch({ apiVersion: 'v1', kind: 'Namespace', name: 'default' }, { metadata: { labels: { team: 'x' } } });
    expect(await assigned('a')).toEqual(['192.0.2.0']);
  });
});
