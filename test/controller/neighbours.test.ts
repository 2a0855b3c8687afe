import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NAMESPACE } from './fixtures.ts';
import { type Cluster, conditionOf, eventsAbout, getService, ips, poolObject, serviceObject, startCluster, until } from './support.ts';

let cluster: Cluster;

beforeEach(async () => {
  cluster = await startCluster();
});

afterEach(async () => {
  await cluster?.close();
});

const ask = (address: string): Record<string, string> => ({ 'heraldlb.io/loadBalancerIPs': address });

async function node(name: string, addresses: readonly string[]): Promise<void> {
  await cluster.lab.create({ apiVersion: 'v1', kind: 'Node', metadata: { name } });
  const status = { addresses: [...addresses.map((address) => ({ type: 'InternalIP', address })), { type: 'Hostname', address: name }] };
  await cluster.lab.patch({ apiVersion: 'v1', kind: 'Node', name }, { status }, { subresource: 'status' });
}

/** What a speaker writes when it hears another host answer for an address. */
async function sighting(name: string, address: string): Promise<void> {
  const ref = { apiVersion: 'heraldlb.io/v1', kind: 'NodeState', namespace: NAMESPACE, name };
  await cluster.lab.create({ apiVersion: ref.apiVersion, kind: ref.kind, metadata: { name, namespace: NAMESPACE }, spec: {} });
  const problems = [{ reason: 'AddressInUse', object: address, message: `02:00:00:00:00:01 on eth0 uses ${address} too` }];
  await cluster.lab.patch(ref, { status: { problems } }, { subresource: 'status' });
}

const assigned = (name: string): Promise<string[]> =>
  until(`an address for ${name}`, async () => {
    const list = ips(await getService(cluster.lab, name));
    return list.length > 0 && list;
  });

const message = (name: string, part: string): Promise<string> =>
  until(`"${part}" on ${name}`, async () => {
    const found = conditionOf(await getService(cluster.lab, name))?.message;
    return found?.includes(part) === true && found;
  });

describe('addresses that others have', () => {
  it('are given to nobody: those of nodes, and those that a speaker has seen in use', async () => {
    const { lab, start } = cluster;
    await lab.create(poolObject('p', ['192.0.2.0/29']));
    await node('n1', ['192.0.2.0']);
    await sighting('n1', '192.0.2.1');
    await start('one');
    await lab.create(serviceObject('a'));
    expect(await assigned('a')).toEqual(['192.0.2.2']);
    await lab.create(serviceObject('b', {}, ask('192.0.2.0')));
    expect(await message('b', 'in use')).toBe('Address 192.0.2.0 is in use by node n1.');
    await lab.create(serviceObject('c', {}, ask('192.0.2.1')));
    expect(await message('c', 'in use')).toMatch(/^Address 192\.0\.2\.1 is in use by another host, as node n1 has seen/);
  }, 60_000);

  it('stay with who has them, who is told once; a pool may say that they are exchanged', async () => {
    const { lab, start } = cluster;
    await lab.create(poolObject('keeps', ['192.0.2.0/29']));
    await lab.create(poolObject('moves', ['198.51.100.0/29'], { onConflict: 'reassign', autoAssign: false }));
    await lab.create(serviceObject('a'));
    await lab.create(serviceObject('b', {}, { 'heraldlb.io/address-pool': 'moves' }));
    await start('one');
    expect([await assigned('a'), await assigned('b')]).toEqual([['192.0.2.0'], ['198.51.100.0']]);
    await node('n1', ['192.0.2.0']);
    await sighting('n1', '198.51.100.0');
    expect(await message('a', 'as well')).toBe(
      'Assigned 192.0.2.0 from IPAddressPool "keeps". Address 192.0.2.0 is used by node n1 as well.',
    );
    await until('another address', async () => ips(await getService(lab, 'b'))[0] === '198.51.100.1');
    await lab.patch({ apiVersion: 'v1', kind: 'Service', namespace: 'default', name: 'a' }, { metadata: { labels: { round: '2' } } });
    await lab.create(serviceObject('c'));
    expect(await assigned('c')).toEqual(['192.0.2.1']);
    expect(ips(await getService(lab, 'a'))).toEqual(['192.0.2.0']);
    const told = (await eventsAbout(lab, 'a')).filter((text) => text.startsWith('AddressConflict'));
    expect(told).toEqual(['AddressConflict x1: Address 192.0.2.0 is used by node n1 as well.']);
    expect(await until('the event', async () => (await eventsAbout(lab, 'b')).find((text) => text.startsWith('ClearAssignment')))).toMatch(
      /another host, as node n1 has seen/,
    );
  }, 60_000);
});
