import type { Controller } from '../../controller/main.ts';
import { NAMESPACE } from '../controller/fixtures.ts';
import { type Cluster, getService, ips, poolObject, serviceObject, startCluster, until } from '../controller/support.ts';

export const pool = (name: string): Record<string, string> => ({ 'heraldlb.io/address-pool': name });
export const ask = (addresses: string): Record<string, string> => ({ 'heraldlb.io/loadBalancerIPs': addresses });
export const key = (name: string): Record<string, string> => ({ 'heraldlb.io/allow-shared-ip': name });

/** A Service; `edit` changes it where the API server itself would not take it so. */
export interface Wish {
  readonly spec?: object;
  readonly annotations?: Record<string, string>;
  readonly edit?: object;
}

/** What is asked of a controller that cannot give it. */
interface Row extends Wish {
  readonly reason: string;
}

/** Set-ups in which the controller itself, on a whole API server, gives no address. */
export const ADDRESS_ROWS: Readonly<Record<string, Row>> = {
  'no pool by itself': { reason: 'NoPoolMatches' },
  'a pool that is exhausted': { annotations: pool('tiny'), reason: 'PoolExhausted' },
  'a quota that is used up': { annotations: pool('quota'), reason: 'QuotaExceeded' },
  'a typo in the name of the pool': { annotations: pool('mian'), reason: 'UnknownPool' },
  'a pool for other namespaces': { annotations: pool('closed'), reason: 'PoolNotForService' },
  'an address that is none': { annotations: ask('nonsense'), reason: 'InvalidRequest' },
  'an address of no pool': { annotations: ask('10.99.0.1'), reason: 'AddressOutsidePools' },
  'an address of another pool than the requested one': {
    annotations: { ...ask('192.0.2.5'), ...pool('tiny') },
    reason: 'AddressNotInRequestedPool',
  },
  'an address that ends in .0': { annotations: ask('192.0.2.0'), reason: 'AddressAvoided' },
  'an address that the pool excludes': { annotations: ask('192.0.2.2'), reason: 'AddressExcluded' },
  'an address that a claim keeps for another Service': { annotations: ask('192.0.2.11'), reason: 'ClaimedByOther' },
  'an address that another Service has': { annotations: ask('192.0.2.9'), reason: 'AddressInUse' },
  'an address that a node has': { annotations: ask('192.0.2.12'), reason: 'AddressReserved' },
  'a port that is taken on a shared address': { annotations: { ...ask('192.0.2.10'), ...key('k') }, reason: 'PortInUse' },
  'another sharing key': { annotations: { ...ask('192.0.2.10'), ...key('other') }, reason: 'SharingKeyConflict' },
  'an address of the other family': { annotations: ask('2001:db8::1'), reason: 'FamilyMismatch' },
  'a family that no pool has': { spec: { ipFamilies: ['IPv6'] }, annotations: pool('main'), reason: 'FamilyUnavailable' },
  'no cluster IP': { edit: { clusterIP: 'None', clusterIPs: ['None'] }, reason: 'NoClusterIP' },
  'dual stack required of a cluster that gives one address': {
    edit: { ipFamilyPolicy: 'RequireDualStack' },
    reason: 'DualStackNeedsTwoClusterIPs',
  },
};

export const nameOf = (row: string): string => row.replaceAll(/\W+/g, '-').toLowerCase();

/** What is asked for where the answer is this one. */
export function wishOf(reason: string): Wish {
  const row = Object.values(ADDRESS_ROWS).find((each) => each.reason === reason);
  if (row === undefined) throw new Error(`nobody asks for ${reason}`);
  const { reason: _, ...wish } = row;
  return wish;
}

export async function makeService({ lab }: Cluster, name: string, { spec = {}, annotations = {}, edit }: Wish): Promise<void> {
  await lab.create(serviceObject(name, { ...spec, ...(edit === undefined ? {} : { type: 'ClusterIP' }) }, annotations));
  if (edit === undefined) return;
  // Such a Service may have been stored by an API server that took it.
  const entry = lab.store.list('services').find(({ object }) => object.metadata.name === name);
  if (entry === undefined) throw new Error(`${name} is not stored`);
  const stored = structuredClone(entry.object) as typeof entry.object & { spec: object };
  lab.store.put('services', entry.key, { ...stored, spec: { ...stored.spec, type: 'LoadBalancer', ...edit } });
}

/** A cluster with the pools, the claim and the node that the rows speak of, and a controller that has served those who were first. */
export async function startPools(
  flags: Parameters<Cluster['start']>[1] = {},
  overrides: Parameters<Cluster['start']>[2] = {},
): Promise<{ readonly cluster: Cluster; readonly controller: Controller }> {
  const cluster = await startCluster();
  const { lab } = cluster;
  const closed = { autoAssign: false };
  await lab.create(poolObject('main', ['192.0.2.0/28'], { ...closed, avoidBuggyIPs: true, excludedAddresses: ['192.0.2.2/32'] }));
  await lab.create(poolObject('tiny', ['198.51.100.0/32'], closed));
  await lab.create(poolObject('quota', ['203.0.113.0/28'], { ...closed, quota: { perNamespace: 1 } }));
  await lab.create(poolObject('closed', ['10.1.0.0/28'], { serviceAllocation: { namespaces: ['other'] } }));
  await lab.create({
    apiVersion: 'heraldlb.io/v1',
    kind: 'AddressClaim',
    metadata: { name: 'kept', namespace: NAMESPACE },
    spec: { serviceRef: { namespace: 'default', name: 'absent' }, addresses: ['192.0.2.11'] },
  });
  await lab.create({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1' } });
  const status = { addresses: [{ type: 'InternalIP', address: '192.0.2.12' }] };
  await lab.patch({ apiVersion: 'v1', kind: 'Node', name: 'n1' }, { status }, { subresource: 'status' });
  const holders: Readonly<Record<string, Wish>> = {
    holder: { annotations: ask('192.0.2.9') },
    sharer: { annotations: { ...ask('192.0.2.10'), ...key('k') } },
    local: { annotations: { ...ask('192.0.2.13'), ...key('l') }, spec: { externalTrafficPolicy: 'Local' } },
    one: { annotations: pool('tiny') },
    two: { annotations: pool('quota') },
  };
  for (const [name, wish] of Object.entries(holders)) await makeService(cluster, name, wish);
  const controller = await cluster.start('one', flags, overrides);
  for (const name of Object.keys(holders)) await until(`${name} to have it`, async () => ips(await getService(lab, name)).length > 0);
  return { cluster, controller };
}

/** And with a Service for each row, named by {@link nameOf}. */
export async function startAddresses(...how: Parameters<typeof startPools>): ReturnType<typeof startPools> {
  const started = await startPools(...how);
  for (const [row, wish] of Object.entries(ADDRESS_ROWS)) await makeService(started.cluster, nameOf(row), wish);
  return started;
}
