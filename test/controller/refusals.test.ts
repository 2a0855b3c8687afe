import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PoolVerdictReason, RefusalReason, SharingConflict } from '../../src/ipam/refusal.ts';
import { type Wish, ask, key, makeService, pool, startPools, wishOf } from '../broken/addressRows.ts';
import { type Cluster, conditionOf, eventsAbout, getService, ips, poolObject, serviceObject, startCluster, until } from './support.ts';

/** A Service that is refused when it is made. */
interface Refused extends Wish {
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
  NoPoolMatches: { ...wishOf('NoPoolMatches'), says: /^No IPAddressPool takes this Service: .*main \(autoAssign is off\)/ },
  PoolExhausted: { ...wishOf('PoolExhausted'), says: /No IPv4 address is free: tiny/ },
  QuotaExceeded: {
    ...wishOf('QuotaExceeded'),
    says: /^Namespace "default" has 1 of the 1 IPv4 addresses that IPAddressPool "quota" has for it\.$/,
  },
  UnknownPool: { ...wishOf('UnknownPool'), says: /"mian" does not exist/ },
  PoolNotForService: { ...wishOf('PoolNotForService'), says: /"closed" is not for this Service: it does not take the Service's namespace/ },
  InvalidRequest: { ...wishOf('InvalidRequest'), says: /"nonsense", is not valid/, event: 'LoadBalancerFailed' },
  AddressOutsidePools: { ...wishOf('AddressOutsidePools'), says: /10\.99\.0\.1 is in no usable IPAddressPool/ },
  AddressNotInRequestedPool: { ...wishOf('AddressNotInRequestedPool'), says: /192\.0\.2\.5 is not in the IPAddressPool "tiny"/ },
  AddressAvoided: { ...wishOf('AddressAvoided'), says: /avoids addresses ending in \.0 and \.255, such as 192\.0\.2\.0/ },
  AddressExcluded: { ...wishOf('AddressExcluded'), says: /"main" excludes 192\.0\.2\.2/ },
  ClaimedByOther: { ...wishOf('ClaimedByOther'), says: /192\.0\.2\.11 is kept by AddressClaim "kept" for default\/absent/ },
  AddressInUse: { ...wishOf('AddressInUse'), says: /192\.0\.2\.9 is in use by default\/holder/ },
  AddressReserved: { ...wishOf('AddressReserved'), says: /192\.0\.2\.12 is in use by node n1/ },
  PortInUse: { ...wishOf('PortInUse'), says: /Port TCP\/80 of the shared address 192\.0\.2\.10 is in use by default\/sharer/ },
  SharingKeyConflict: { ...wishOf('SharingKeyConflict'), says: /cannot be shared with default\/sharer: their sharing keys differ/ },
  FamilyMismatch: { ...wishOf('FamilyMismatch'), says: /requested addresses are IPv6, but the cluster IPs of the Service are IPv4/ },
  FamilyUnavailable: { ...wishOf('FamilyUnavailable'), says: /no IPv6 address for this Service: main/ },
  NoClusterIP: { ...wishOf('NoClusterIP'), says: /has no cluster IP/ },
  DualStackNeedsTwoClusterIPs: {
    ...wishOf('DualStackNeedsTwoClusterIPs'),
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

/** Who asks for an address that another one has, and why the two cannot share it. */
const CONFLICTS: Readonly<Record<SharingConflict, Refused>> = {
  'no-key': { annotations: ask('192.0.2.10'), says: /shared with default\/sharer: both must carry the annotation allow-shared-ip/ },
  'different-key': { annotations: { ...ask('192.0.2.10'), ...key('x') }, says: /shared with default\/sharer: their sharing keys differ/ },
  'different-traffic-policy': {
    annotations: { ...ask('192.0.2.10'), ...key('k') },
    spec: { externalTrafficPolicy: 'Local', ports: [{ port: 81 }] },
    says: /shared with default\/sharer: their externalTrafficPolicy differs/,
  },
  'different-selector': {
    annotations: { ...ask('192.0.2.13'), ...key('l') },
    spec: { externalTrafficPolicy: 'Local', ports: [{ port: 81 }] },
    says: /shared with default\/local: with externalTrafficPolicy Local both must select the same Pods/,
  },
};

/** A pool that cannot serve a Service with two families, and what the Service's condition says of it. */
const VERDICTS: Readonly<Record<PoolVerdictReason, readonly [addresses: readonly string[], spec: object, says: string]>> = {
  AutoAssignOff: [['10.0.0.0/30', '2001:db8::/126'], { autoAssign: false }, 'autoAssign is off'],
  Disabled: [['10.0.1.0/30', '2001:db8:1::/126'], { disabled: true }, 'it is disabled'],
  QuotaExceeded: [['10.0.2.0/30', '2001:db8:2::/126'], { quota: { perNamespace: 0 } }, ''],
  NamespaceNotSelected: [
    ['10.0.3.0/30', '2001:db8:3::/126'],
    { serviceAllocation: { namespaces: ['other'] } },
    "it does not take the Service's namespace",
  ],
  ServiceNotSelected: [
    ['10.0.4.0/30', '2001:db8:4::/126'],
    { serviceAllocation: { serviceSelectors: [{ matchLabels: { tier: 'web' } }] } },
    "its serviceSelectors do not match the Service's labels",
  ],
  NoAddressOfFamily: [['10.0.5.0/30'], {}, 'it has no addresses of that family'],
  NotBothFamilies: [['2001:db8:6::/126'], {}, 'it does not have both families'],
  Exhausted: [['10.0.7.0/32', '2001:db8:7::/128'], { excludedAddresses: ['10.0.7.0/32', '2001:db8:7::/128'] }, 'no address is free'],
};

/** The codes of a union, as the source has them. */
function codesOf(type: string): string[] {
  const source = readFileSync(fileURLToPath(new URL('../../src/ipam/refusal.ts', import.meta.url)), 'utf8');
  const [, body = ''] = new RegExp(`export type ${type} =([\\s\\S]*?);\n\n|$`).exec(`${source}\n\n`) ?? [];
  const pattern = type === 'Refusal' ? /reason: '([A-Za-z]+)'/g : /'([A-Za-z-]+)'/g;
  return [...body.matchAll(pattern)].map(([, code = '']) => code).toSorted();
}

describe('the tables below', () => {
  it.each([
    ['Refusal', ['NoPools', ...Object.keys(ROWS)]],
    ['SharingConflict', Object.keys(CONFLICTS)],
    ['PoolVerdictReason', Object.keys(VERDICTS)],
  ])('have every %s', (type, codes) => {
    expect(codesOf(type).length).toBeGreaterThanOrEqual(4);
    expect(codes.toSorted()).toEqual(codesOf(type));
  });
});

const nameOf = (reason: string): string => reason.toLowerCase();
const ref = (reason: string) => ({ apiVersion: 'v1', kind: 'Service', namespace: 'default', name: nameOf(reason) });

let cluster: Cluster;

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
    ({ cluster } = await startPools());
    await cluster.lab.create(poolObject('dual', ['10.2.0.0/28', '2001:db8:2::/120'], { autoAssign: false }));
  }, 60_000);

  afterAll(async () => {
    await cluster?.close();
  });

  it.each(Object.entries(ROWS))('%s', async (reason, row) => {
    await makeService(cluster, nameOf(reason), row);
    await ('patch' in row ? givesBack(reason, row) : refused(reason, row.says, row.event));
    expect.hasAssertions();
  });

  it.each(Object.entries(CONFLICTS))('SharingKeyConflict, %s', async (detail, row) => {
    const name = `conflict-${detail}`;
    await cluster.lab.create(serviceObject(name, row.spec, row.annotations));
    const condition = await until('the refusal', async () => conditionOf(await getService(cluster.lab, name)));
    expect(condition).toMatchObject({ status: 'False', reason: 'SharingKeyConflict', message: expect.stringMatching(row.says) });
    await until('the event', async () => (await eventsAbout(cluster.lab, name)).some((text) => text.includes(condition.message)));
  });
});

describe('where every pool was looked at and refused for a reason of its own', () => {
  beforeAll(async () => {
    cluster = await startCluster();
    for (const [reason, [addresses, spec]] of Object.entries(VERDICTS))
      await cluster.lab.create(poolObject(nameOf(reason), addresses, spec));
    await cluster.start('one');
  }, 60_000);

  afterAll(async () => {
    await cluster?.close();
  });

  it('the condition and the event name each pool with its reason', async () => {
    await cluster.lab.create(serviceObject('both', { ipFamilyPolicy: 'RequireDualStack' }));
    const condition = await until('the refusal', async () => conditionOf(await getService(cluster.lab, 'both')));
    expect(condition).toMatchObject({ status: 'False', reason: 'QuotaExceeded' });
    expect(condition.message).toMatch(/^Namespace "default" has 0 of the 0 IPv6 addresses that IPAddressPool "quotaexceeded" has for it; /);
    for (const [reason, [, , says]] of Object.entries(VERDICTS))
      expect(condition.message).toContain(says === '' ? `"${nameOf(reason)}"` : `${nameOf(reason)} (${says})`);
    await until('the event', async () => (await eventsAbout(cluster.lab, 'both')).some((text) => text.includes(condition.message)));
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
    await makeService(cluster, nameOf('NoPools'), {});
    await refused('NoPools', /^There is no usable IPAddressPool\.$/);
    expect.hasAssertions();
  });
});
