import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RefusalReason } from '../../src/ipam/refusal.ts';
import { NAMESPACE } from './fixtures.ts';
import { type Cluster, conditionOf, eventsAbout, getService, ips, poolObject, serviceObject, startCluster, until } from './support.ts';

const pool = (name: string): Record<string, string> => ({ 'heraldlb.io/address-pool': name });
const ask = (addresses: string): Record<string, string> => ({ 'heraldlb.io/loadBalancerIPs': addresses });
const key = (name: string): Record<string, string> => ({ 'heraldlb.io/allow-shared-ip': name });

/** A Service that is refused when it is made; `edit` changes it where the API server itself would not take it so. */
interface Refused {
  readonly spec?: object;
  readonly annotations?: Record<string, string>;
  readonly edit?: object;
  readonly says: RegExp;
  /** Default AllocationFailed. */
  readonly event?: string;
}

/** A Service that gets an address and gives it back after a patch. */
interface GivesBack {
  readonly spec?: object;
  readonly annotations?: Record<string, string>;
  readonly patch: object;
  readonly left: readonly string[];
  /** In the event ClearAssignment; absent: a Service that is no load balancer any more is told nothing. */
  readonly says?: RegExp;
}

/** Every reason there is: a new one does not compile before it has a row. */
const ROWS: Readonly<Record<Exclude<RefusalReason, 'NoPools'>, Refused | GivesBack>> = {
  NoPoolMatches: { says: /^No IPAddressPool takes this Service: .*main \(autoAssign is off\)/ },
  PoolExhausted: { annotations: pool('tiny'), says: /No IPv4 address is free: tiny/ },
  QuotaExceeded: {
    annotations: pool('quota'),
    says: /^Namespace "default" has 1 of the 1 IPv4 addresses that IPAddressPool "quota" has for it\.$/,
  },
  UnknownPool: { annotations: pool('nope'), says: /"nope" does not exist/ },
  PoolNotForService: { annotations: pool('closed'), says: /"closed" is not for this Service: it does not take the Service's namespace/ },
  InvalidRequest: { annotations: ask('nonsense'), says: /"nonsense", is not valid/, event: 'LoadBalancerFailed' },
  AddressOutsidePools: { annotations: ask('10.99.0.1'), says: /10\.99\.0\.1 is in no usable IPAddressPool/ },
  AddressNotInRequestedPool: {
    annotations: { ...ask('192.0.2.5'), ...pool('tiny') },
    says: /192\.0\.2\.5 is not in the IPAddressPool "tiny"/,
  },
  AddressAvoided: { annotations: ask('192.0.2.0'), says: /avoids addresses ending in \.0 and \.255, such as 192\.0\.2\.0/ },
  AddressExcluded: { annotations: ask('192.0.2.2'), says: /"main" excludes 192\.0\.2\.2/ },
  ClaimedByOther: { annotations: ask('192.0.2.11'), says: /192\.0\.2\.11 is kept by AddressClaim "kept" for default\/absent/ },
  AddressInUse: { annotations: ask('192.0.2.9'), says: /192\.0\.2\.9 is in use by default\/holder/ },
  AddressReserved: { annotations: ask('192.0.2.12'), says: /192\.0\.2\.12 is in use by node n1/ },
  PortInUse: {
    annotations: { ...ask('192.0.2.10'), ...key('k') },
    says: /Port TCP\/80 of the shared address 192\.0\.2\.10 is in use by default\/sharer/,
  },
  SharingKeyConflict: {
    annotations: { ...ask('192.0.2.10'), ...key('other') },
    says: /cannot be shared with default\/sharer: their sharing keys differ/,
  },
  FamilyMismatch: { annotations: ask('2001:db8::1'), says: /requested addresses are IPv6, but the cluster IPs of the Service are IPv4/ },
  FamilyUnavailable: { spec: { ipFamilies: ['IPv6'] }, annotations: pool('main'), says: /no IPv6 address for this Service: main/ },
  NoClusterIP: { edit: { clusterIP: 'None', clusterIPs: ['None'] }, says: /has no cluster IP/ },
  DualStackNeedsTwoClusterIPs: {
    edit: { ipFamilyPolicy: 'RequireDualStack' },
    says: /requires dual stack but has cluster IPs of one family only/,
  },
  OtherAddressRequested: {
    annotations: ask('192.0.2.5'),
    patch: { metadata: { annotations: ask('192.0.2.6') } },
    left: ['192.0.2.6'],
    says: /192\.0\.2\.5 is given back because the Service asks for another one/,
  },
  FamilyNotWanted: {
    spec: { ipFamilyPolicy: 'PreferDualStack' },
    annotations: pool('dual'),
    patch: { spec: { ipFamilyPolicy: 'SingleStack', ipFamilies: ['IPv4'] } },
    left: ['10.2.0.0'],
    says: /2001:db8:2:: is given back because the Service needs no further address of its family/,
  },
  NotLoadBalancer: { annotations: ask('192.0.2.7'), patch: { spec: { type: 'ClusterIP' } }, left: [] },
};

const nameOf = (reason: string): string => reason.toLowerCase();
const ref = (reason: string) => ({ apiVersion: 'v1', kind: 'Service', namespace: 'default', name: nameOf(reason) });

let cluster: Cluster;

async function make(reason: string, row: Pick<Refused, 'spec' | 'annotations' | 'edit'>): Promise<void> {
  const { lab } = cluster;
  const { spec = {}, annotations = {}, edit } = row;
  await lab.create(serviceObject(nameOf(reason), { ...spec, ...(edit === undefined ? {} : { type: 'ClusterIP' }) }, annotations));
  if (edit === undefined) return;
  // Such a Service may have been stored by an API server that took it.
  const entry = lab.store.list('services').find(({ object }) => object.metadata.name === nameOf(reason));
  if (entry === undefined) throw new Error(`${reason}: the Service is not stored`);
  const stored = structuredClone(entry.object) as typeof entry.object & { spec: object };
  lab.store.put('services', entry.key, { ...stored, spec: { ...stored.spec, type: 'LoadBalancer', ...edit } });
}

async function refused(reason: string, says: RegExp, event = 'AllocationFailed'): Promise<void> {
  const condition = await until(`${reason} in the condition`, async () => {
    const found = conditionOf(await getService(cluster.lab, nameOf(reason)));
    return found?.reason === reason && found;
  });
  expect(condition.status).toBe('False');
  expect(condition.message).toMatch(says);
  const told = await until(`${event} about ${reason}`, async () =>
    (await eventsAbout(cluster.lab, nameOf(reason))).find((text) => text.startsWith(`${event} x1: `)),
  );
  expect(told).toContain(condition.message);
}

async function givesBack(reason: string, { patch, left, says }: GivesBack): Promise<void> {
  const { lab } = cluster;
  await until('an address', async () => ips(await getService(lab, nameOf(reason))).length > 0);
  await lab.patch(ref(reason), patch, { type: 'merge' });
  await until('the address to go', async () => ips(await getService(lab, nameOf(reason))).join() === left.join());
  const told = async (): Promise<string | undefined> =>
    (await eventsAbout(lab, nameOf(reason))).find((text) => text.startsWith('ClearAssignment x1: '));
  if (says === undefined) await until('the condition to go', async () => conditionOf(await getService(lab, nameOf(reason))) === undefined);
  expect(says === undefined ? ((await told()) ?? '') : await until('the event', told)).toMatch(says ?? /^$/);
}

describe('every reason why a Service has no address is in its condition and in an event', () => {
  beforeAll(async () => {
    cluster = await startCluster();
    const { lab } = cluster;
    const closed = { autoAssign: false };
    await lab.create(poolObject('main', ['192.0.2.0/28'], { ...closed, avoidBuggyIPs: true, excludedAddresses: ['192.0.2.2/32'] }));
    await lab.create(poolObject('tiny', ['198.51.100.0/32'], closed));
    await lab.create(poolObject('quota', ['203.0.113.0/28'], { ...closed, quota: { perNamespace: 1 } }));
    await lab.create(poolObject('closed', ['10.1.0.0/28'], { serviceAllocation: { namespaces: ['other'] } }));
    await lab.create(poolObject('dual', ['10.2.0.0/28', '2001:db8:2::/120'], closed));
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
    await cluster.start('one');
    for (const name of Object.keys(holders)) await until(`${name} to have it`, async () => ips(await getService(lab, name)).length > 0);
  }, 60_000);

  afterAll(async () => {
    await cluster?.close();
  });

  it.each(Object.entries(ROWS))('%s', async (reason, row) => {
    await make(reason, row);
    await ('patch' in row ? givesBack(reason, row) : refused(reason, row.says, row.event));
    expect.hasAssertions();
  });
});

describe('without any pool', () => {
  beforeAll(async () => {
    cluster = await startCluster();
    await cluster.start('one');
  }, 60_000);

  afterAll(async () => {
    await cluster?.close();
  });

  it('NoPools', async () => {
    await make('NoPools', {});
    await refused('NoPools', /^There is no usable IPAddressPool\.$/);
    expect.hasAssertions();
  });
});
