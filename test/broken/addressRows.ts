import type { Controller } from '../../controller/main.ts';
import { NAMESPACE } from '../controller/fixtures.ts';
import { type Cluster, getService, ips, poolObject, serviceObject, startCluster, until } from '../controller/support.ts';

export const pool = (name: string): Record<string, string> => ({ 'heraldlb.io/address-pool': name });
const ask = (addresses: string): Record<string, string> => ({ 'heraldlb.io/loadBalancerIPs': addresses });
const key = (name: string): Record<string, string> => ({ 'heraldlb.io/allow-shared-ip': name });

/** What is asked of a controller that cannot give it. */
interface Row {
  readonly spec?: object;
  readonly annotations?: Record<string, string>;
  readonly edit?: object;
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

async function make(
  { lab }: Cluster,
  name: string,
  { spec = {}, annotations = {}, edit }: Pick<Row, 'spec' | 'annotations' | 'edit'>,
): Promise<void> {
  await lab.create(serviceObject(name, { ...spec, ...(edit === undefined ? {} : { type: 'ClusterIP' }) }, annotations));
  if (edit === undefined) return;
  // Such a Service may have been stored by an API server that took it.
  const entry = lab.store.list('services').find(({ object }) => object.metadata.name === name);
  if (entry === undefined) throw new Error(`${name} is not stored`);
  const stored = structuredClone(entry.object) as typeof entry.object & { spec: object };
  lab.store.put('services', entry.key, { ...stored, spec: { ...stored.spec, type: 'LoadBalancer', ...edit } });
}

/** A cluster with a Service for each row, named by {@link nameOf}. */
export async function startAddresses(
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
  const holders = { holder: ask('192.0.2.9'), sharer: { ...ask('192.0.2.10'), ...key('k') }, one: pool('tiny'), two: pool('quota') };
  for (const [name, annotations] of Object.entries(holders)) await lab.create(serviceObject(name, {}, annotations));
  const controller = await cluster.start('one', flags, overrides);
  for (const name of Object.keys(holders)) await until(`${name} to have it`, async () => ips(await getService(lab, name)).length > 0);
  for (const [row, { spec, annotations, edit }] of Object.entries(ADDRESS_ROWS))
    await make(cluster, nameOf(row), { ...(spec && { spec }), ...(annotations && { annotations }), ...(edit && { edit }) });
  return { cluster, controller };
}
