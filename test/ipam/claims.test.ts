import { describe, expect, it } from 'vitest';
import type { ServiceKey, ServiceView } from '../../src/cluster/service.ts';
import type { AddressClaim } from '../../src/config/addressClaims.ts';
import type { Pool } from '../../src/config/config.ts';
import { Allocator } from '../../src/ipam/allocator.ts';
import { planAddresses } from '../../src/ipam/plan.ts';
import { reasonText } from '../../src/ipam/reasonText.ts';
import type { Refusal } from '../../src/ipam/refusal.ts';
import { DUAL, DUAL_REQUIRED, allocation, apply, claim, find, ip, pool, service, snapshot } from './support.ts';

interface Row {
  readonly name: string;
  readonly pools: readonly Pool[];
  readonly services: readonly ServiceView[];
  readonly claims?: readonly AddressClaim[];
  readonly options?: Partial<Parameters<typeof snapshot>[2]>;
  readonly ingress: Readonly<Record<string, readonly string[]>>;
  readonly refusals?: Readonly<Record<string, Partial<Refusal>>>;
}

const FOUR = pool('four', '192.0.2.0/28');
const SIX = pool('six', '2001:db8::/120');
const BOTH = pool('both', ['192.0.2.0/28', '2001:db8::/120']);
const ask = (addresses: string): Partial<ServiceView> => ({ annotations: { 'heraldlb.io/loadBalancerIPs': addresses } });
const annotate = (name: string, value: string): Partial<ServiceView> => ({ annotations: { [`heraldlb.io/${name}`]: value } });
const share = (key: string, port: number): Partial<ServiceView> => ({
  annotations: { 'heraldlb.io/allow-shared-ip': key },
  ports: [{ protocol: 'TCP', port }],
});

const CLAIMS: readonly Row[] = [
  {
    name: 'gives a Service the address that was claimed for it beforehand',
    pools: [FOUR],
    services: [service('a'), service('b')],
    claims: [claim('c', 'default/b', ['192.0.2.9'])],
    ingress: { a: ['192.0.2.0'], b: ['192.0.2.9'] },
  },
  {
    name: 'never gives a claimed address to another Service, not even as the last one',
    pools: [pool('p', '192.0.2.0/31')],
    services: [service('a'), service('b')],
    claims: [claim('c', 'default/gone', ['192.0.2.0'])],
    ingress: { a: ['192.0.2.1'], b: [] },
    refusals: { b: { reason: 'PoolExhausted' } },
  },
  {
    name: 'refuses a claimed address to whoever asks for it by name, and says which claim it is',
    pools: [FOUR],
    services: [service('a', ask('192.0.2.9'))],
    claims: [claim('c', 'other/web', ['192.0.2.9'])],
    ingress: { a: [] },
    refusals: { a: { reason: 'ClaimedByOther', address: ip('192.0.2.9'), claim: 'c', service: 'other/web' as ServiceKey } },
  },
  {
    name: 'keeps an address for nobody where no Service is named',
    pools: [FOUR],
    services: [service('a', ask('192.0.2.9'))],
    claims: [claim('c', undefined, ['192.0.2.9'])],
    ingress: { a: [] },
    refusals: { a: { reason: 'ClaimedByOther', claim: 'c' } },
  },
  {
    name: 'an explicit request goes before a claim',
    pools: [FOUR],
    services: [service('a', ask('192.0.2.5'))],
    claims: [claim('c', 'default/a', ['192.0.2.9'])],
    ingress: { a: ['192.0.2.5'] },
  },
  {
    name: 'a claim that insists goes before the address that the Service has',
    pools: [FOUR],
    services: [service('a', { ingress: ['192.0.2.3'] })],
    claims: [claim('c', 'default/a', ['192.0.2.9'])],
    ingress: { a: ['192.0.2.9'] },
  },
  {
    name: 'one that does not insist goes behind it',
    pools: [FOUR],
    services: [service('a', { ingress: ['192.0.2.3'] })],
    claims: [claim('c', 'default/a', ['192.0.2.9'], { insists: false })],
    ingress: { a: ['192.0.2.3'] },
  },
  {
    name: 'a claim takes an address from nobody who has it',
    pools: [FOUR],
    services: [service('a', { ingress: ['192.0.2.9'] }), service('b')],
    claims: [claim('c', 'default/b', ['192.0.2.9'])],
    ingress: { a: ['192.0.2.9'], b: [] },
    refusals: { b: { reason: 'AddressInUse' } },
  },
  {
    name: 'one that does not insist lets its Service take another address meanwhile',
    pools: [FOUR],
    services: [service('a', { ingress: ['192.0.2.9'] }), service('b')],
    claims: [claim('c', 'default/b', ['192.0.2.9'], { insists: false })],
    ingress: { a: ['192.0.2.9'], b: ['192.0.2.0'] },
  },
  {
    name: 'a claim that was handed on moves its address from the old Service to the new one',
    pools: [FOUR],
    services: [service('blue', { ingress: ['192.0.2.9'] }), service('green', { ingress: ['192.0.2.3'] })],
    claims: [claim('c', 'default/green', ['192.0.2.9'], { boundTo: 'default/blue' as ServiceKey })],
    ingress: { blue: ['192.0.2.0'], green: ['192.0.2.9'] },
  },
  {
    name: 'of two claims to one address the older counts',
    pools: [FOUR],
    services: [service('a'), service('b')],
    claims: [
      claim('new', 'default/a', ['192.0.2.9'], { creationTimestamp: '2026-02-02T00:00:00Z' }),
      claim('old', 'default/b', ['192.0.2.9'], { creationTimestamp: '2026-01-01T00:00:00Z' }),
    ],
    ingress: { a: ['192.0.2.0'], b: ['192.0.2.9'] },
  },
  {
    name: 'also where the controller made the younger one',
    pools: [FOUR],
    services: [service('b')],
    claims: [
      claim('old', 'default/a', ['192.0.2.9'], { insists: false }),
      claim('default.b', 'default/b', ['192.0.2.9'], { creationTimestamp: '2026-06-01T00:00:00Z', insists: false, managed: true }),
    ],
    ingress: { b: ['192.0.2.0'] },
  },
  {
    name: 'those that share an address may each have a claim to it',
    pools: [FOUR],
    services: [service('a', share('k', 80)), service('b', share('k', 81))],
    claims: [
      claim('a', 'default/a', ['192.0.2.9'], { insists: false, managed: true }),
      claim('b', 'default/b', ['192.0.2.9'], { insists: false, managed: true }),
    ],
    ingress: { a: ['192.0.2.9'], b: ['192.0.2.9'] },
  },
  {
    name: 'a third one with the same key may join them',
    pools: [FOUR],
    services: [service('a', { ...share('k', 80), ingress: ['192.0.2.9'] }), service('b', share('k', 81))],
    claims: [claim('a', 'default/a', ['192.0.2.9'], { insists: false, managed: true })],
    ingress: { a: ['192.0.2.9'], b: ['192.0.2.9'] },
  },
  {
    name: 'a claim to one family is filled up with the other from the same pool',
    pools: [pool('a', ['10.0.0.0/28', '2001:db8:a::/120']), BOTH],
    services: [service('a', DUAL_REQUIRED)],
    claims: [claim('c', 'default/a', ['192.0.2.9'])],
    ingress: { a: ['192.0.2.9', '2001:db8::'] },
  },
  {
    name: 'a claim to a family that the Service does not have is kept and not given',
    pools: [BOTH],
    services: [service('a')],
    claims: [claim('c', 'default/a', ['2001:db8::9'])],
    ingress: { a: ['192.0.2.0'] },
  },
  {
    name: 'a claim outside all pools gives nothing, and says so',
    pools: [FOUR],
    services: [service('a')],
    claims: [claim('c', 'default/a', ['203.0.113.1'])],
    ingress: { a: [] },
    refusals: { a: { reason: 'AddressOutsidePools' } },
  },
  {
    name: 'a claim goes behind the pool that the Service asks for',
    pools: [FOUR, pool('other', '10.0.0.0/28')],
    services: [service('a', annotate('address-pool', 'other'))],
    claims: [claim('c', 'default/a', ['192.0.2.9'])],
    ingress: { a: ['10.0.0.0'] },
  },
  {
    name: 'a disabled pool and a used-up quota still give what is claimed',
    pools: [pool('p', '192.0.2.0/28', { disabled: true, quotaPerNamespace: 0 })],
    services: [service('a'), service('b')],
    claims: [claim('c', 'default/a', ['192.0.2.9'])],
    ingress: { a: ['192.0.2.9'], b: [] },
    refusals: { b: { reason: 'NoPoolMatches' } },
  },
];

const FIELDS: readonly Row[] = [
  {
    name: 'excluded addresses are never given',
    pools: [pool('p', '192.0.2.0/29', { excluded: block('192.0.2.0-192.0.2.2', '192.0.2.4/30') })],
    services: [service('a'), service('b')],
    ingress: { a: ['192.0.2.3'], b: [] },
    refusals: { b: { reason: 'PoolExhausted' } },
  },
  {
    name: 'not even by name',
    pools: [pool('p', '192.0.2.0/29', { excluded: block('192.0.2.4/30') })],
    services: [service('a', ask('192.0.2.5'))],
    ingress: { a: [] },
    refusals: { a: { reason: 'AddressExcluded', address: ip('192.0.2.5'), pool: 'p' } },
  },
  {
    name: 'but kept by who has one',
    pools: [pool('p', '192.0.2.0/29', { excluded: block('192.0.2.0/29') })],
    services: [service('a', { ingress: ['192.0.2.5'] })],
    ingress: { a: ['192.0.2.5'] },
  },
  {
    name: 'nor shared with another one from then on',
    pools: [pool('p', '192.0.2.0/29', { excluded: block('192.0.2.5/32') })],
    services: [service('a', { ...share('k', 80), ingress: ['192.0.2.5'] }), service('b', share('k', 81))],
    ingress: { a: ['192.0.2.5'], b: ['192.0.2.0'] },
  },
  {
    name: 'half of a /64 excluded',
    pools: [pool('p', '2001:db8::/64', { excluded: block('2001:db8::/65') })],
    services: [service('a', { clusterIPs: ['fd00::1'] })],
    ingress: { a: [] },
    refusals: { a: { reason: 'PoolExhausted' } },
  },
  {
    name: 'a disabled pool keeps what it gave and gives no more',
    pools: [pool('p', '192.0.2.0/28', { disabled: true })],
    services: [
      service('a', { ingress: ['192.0.2.5'] }),
      service('b'),
      service('c', ask('192.0.2.6')),
      service('d', annotate('address-pool', 'p')),
    ],
    ingress: { a: ['192.0.2.5'], b: [], c: [], d: [] },
    refusals: {
      b: { reason: 'NoPoolMatches', pools: [{ pool: 'p', why: 'Disabled' }] },
      c: { reason: 'PoolNotForService', why: 'Disabled' },
      d: { reason: 'PoolNotForService', why: 'Disabled' },
    },
  },
  {
    name: 'a quota counts addresses of one namespace and family, shared ones once',
    pools: [pool('p', ['192.0.2.0/28', '2001:db8::/120'], { quotaPerNamespace: 2 })],
    services: [
      service('a', share('k', 80)),
      service('b', share('k', 81)),
      service('c'),
      service('d'),
      service('e', { clusterIPs: ['fd00::1'] }),
      service('f', { namespace: 'other' }),
      service('g', ask('192.0.2.9')),
    ],
    ingress: { a: ['192.0.2.0'], b: ['192.0.2.0'], c: [], d: [], e: ['2001:db8::'], 'other/f': ['192.0.2.1'], g: ['192.0.2.9'] },
    refusals: {
      c: { reason: 'QuotaExceeded', pool: 'p', namespace: 'default', family: 'ipv4', used: 2, limit: 2 },
      d: { reason: 'QuotaExceeded' },
    },
  },
  {
    name: 'a lower quota takes nothing away, and a request by name does not go around it',
    pools: [pool('p', '192.0.2.0/28', { quotaPerNamespace: 1 })],
    services: [service('a', { ingress: ['192.0.2.5'] }), service('b', { ingress: ['192.0.2.6'] }), service('c', ask('192.0.2.7'))],
    ingress: { a: ['192.0.2.5'], b: ['192.0.2.6'], c: [] },
    refusals: { c: { reason: 'QuotaExceeded', used: 2, limit: 1 } },
  },
  {
    name: 'a namespace that has used up one pool goes on in the next',
    pools: [pool('p', '192.0.2.0/28', { quotaPerNamespace: 1 }), pool('q', '10.0.0.0/28')],
    services: [service('a'), service('b')],
    ingress: { a: ['192.0.2.0'], b: ['10.0.0.0'] },
  },
  {
    name: 'mostFree takes turns among its equals, behind firstFit and within one rank',
    pools: [
      pool('a', '10.0.0.0/29', { allocationPolicy: 'mostFree' }),
      pool('b', '10.0.1.0/28', { allocationPolicy: 'mostFree' }),
      pool('c', '10.0.2.0/32'),
      pool('z', '10.0.3.0/32', { allocation: allocation({ priority: 1 }) }),
    ],
    services: Array.from({ length: 12 }, (_, i) => service(`s${String(i).padStart(2, '0')}`)),
    ingress: {
      s00: ['10.0.3.0'],
      s01: ['10.0.2.0'],
      ...Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`s${String(i + 2).padStart(2, '0')}`, [`10.0.1.${i}`]])),
      s10: ['10.0.0.0'],
      s11: ['10.0.1.8'],
    },
  },
  {
    name: 'several addresses of one family',
    pools: [pool('p', '192.0.2.0/28')],
    services: [service('a', annotate('addresses-per-family', '3')), service('b')],
    ingress: { a: ['192.0.2.0', '192.0.2.1', '192.0.2.2'], b: ['192.0.2.3'] },
  },
  {
    name: 'several of both families, each pair from one pool',
    pools: [BOTH],
    services: [service('a', { ...DUAL_REQUIRED, ...annotate('addresses-per-family', '2') })],
    ingress: { a: ['192.0.2.0', '192.0.2.1', '2001:db8::', '2001:db8::1'] },
  },
  {
    name: 'fewer of them: the first stay',
    pools: [FOUR],
    services: [service('a', { ...annotate('addresses-per-family', '1'), ingress: ['192.0.2.7', '192.0.2.5'] })],
    ingress: { a: ['192.0.2.7'] },
  },
  {
    name: 'more of them: what is there stays',
    pools: [FOUR],
    services: [service('a', { ...annotate('addresses-per-family', '3'), ingress: ['192.0.2.7', '192.0.2.5'] })],
    ingress: { a: ['192.0.2.7', '192.0.2.5', '192.0.2.0'] },
  },
  {
    name: 'as many as there are, and the reason why there are no more',
    pools: [pool('p', '192.0.2.0/31')],
    services: [service('a', annotate('addresses-per-family', '3'))],
    ingress: { a: ['192.0.2.0', '192.0.2.1'] },
    refusals: { a: { reason: 'PoolExhausted' } },
  },
  {
    name: 'one from each of several pools, autoAssign or not',
    pools: [FOUR, pool('far', '10.0.0.0/28', { autoAssign: false }), SIX],
    services: [service('a', annotate('address-pools', 'far, four'))],
    ingress: { a: ['10.0.0.0', '192.0.2.0'] },
  },
  {
    name: 'two from one pool while the other gives none: neither changes its seat',
    pools: [pool('p', '10.0.0.0/29', { disabled: true }), FOUR],
    services: [service('a', { ...annotate('address-pools', 'p,four'), ingress: ['192.0.2.1', '192.0.2.0'] })],
    ingress: { a: ['192.0.2.1', '192.0.2.0'] },
    refusals: { a: { reason: 'PoolNotForService', why: 'Disabled' } },
  },
  {
    name: 'one from each of several pools, in PreferDualStack',
    pools: [FOUR, pool('far', ['10.0.0.0/28', '2001:db8:f::/120'])],
    services: [service('a', { ...DUAL, ...annotate('address-pools', 'four,far') })],
    ingress: { a: ['192.0.2.0', '10.0.0.0', '2001:db8:f::'] },
  },
  {
    name: 'several by name',
    pools: [FOUR],
    services: [
      service('a', { annotations: { 'heraldlb.io/addresses-per-family': '2', 'heraldlb.io/loadBalancerIPs': '192.0.2.9,192.0.2.4' } }),
    ],
    ingress: { a: ['192.0.2.9', '192.0.2.4'] },
  },
  ...['0', '9', 'many', '0x2', '1e0', '+2'].map((value): Row => ({
    name: `addresses-per-family ${value} is no number of addresses`,
    pools: [FOUR],
    services: [service('a', annotate('addresses-per-family', value))],
    ingress: { a: [] },
    refusals: { a: { reason: 'InvalidRequest', value } },
  })),
  {
    name: 'a wrong retention is said, and takes nothing away',
    pools: [FOUR],
    services: [service('a', { ...annotate('address-claim', 'forever'), ingress: ['192.0.2.7'] })],
    ingress: { a: ['192.0.2.7'] },
    refusals: { a: { reason: 'InvalidRequest', value: 'forever' } },
  },
  {
    name: 'what something else uses is taken from nobody',
    pools: [FOUR],
    services: [service('a', { ingress: ['192.0.2.7'] }), service('b', ask('192.0.2.8'))],
    options: {
      inUse: new Map([
        [ip('192.0.2.7'), 'node n1'],
        [ip('192.0.2.8'), 'node n2'],
      ]),
    },
    ingress: { a: ['192.0.2.7'], b: [] },
    refusals: { b: { reason: 'AddressReserved', by: 'node n2' } },
  },
  {
    name: 'unless the pool says so: then it is exchanged, but for what is asked for by name',
    pools: [pool('p', '192.0.2.0/28', { onConflict: 'reassign' })],
    services: [service('a', { ingress: ['192.0.2.7'] }), service('b', { ...ask('192.0.2.8'), ingress: ['192.0.2.8'] })],
    options: {
      inUse: new Map([
        [ip('192.0.2.7'), 'node n1'],
        [ip('192.0.2.8'), 'node n2'],
      ]),
    },
    ingress: { a: ['192.0.2.0'], b: ['192.0.2.8'] },
  },
];

function block(...texts: readonly string[]): NonNullable<Pool['excluded']> {
  return texts.flatMap((text) => pool('x', text).blocks);
}

const short = (key: string): string => (key.startsWith('default/') ? key.slice('default/'.length) : key);

function check({ pools, services, claims = [], options, ingress, refusals = {} }: Row): void {
  const before = snapshot(pools, services, { ...options, claims });
  const plan = planAddresses(before);
  expect(Object.fromEntries([...plan.assignments].map(([key, { ingress: list }]) => [short(key), list]))).toEqual(ingress);
  const refused = [...plan.assignments].filter(([, { refusal }]) => refusal !== undefined);
  expect(refused.map(([key]) => short(key)).sort()).toEqual(Object.keys(refusals).sort());
  for (const [key, { refusal }] of refused) {
    expect(refusal).toMatchObject(refusals[short(key)] ?? {});
    expect(refusal === undefined ? '' : reasonText(refusal)).not.toMatch(/undefined|\[object/);
  }
  const again = planAddresses(apply(before, plan));
  for (const [key, assignment] of again.assignments)
    expect({ key, ...assignment }).toEqual({ key, ...plan.assignments.get(key), released: [] });
  expect(again.usage).toEqual(plan.usage);
}

describe('AddressClaims', () => {
  it.each(CLAIMS)('$name', check);

  it('say which address moved and why when one was handed on', () => {
    const plan = planAddresses(
      snapshot([FOUR], [service('blue', { ingress: ['192.0.2.9'] })], {
        claims: [claim('c', 'default/green', ['192.0.2.9'], { boundTo: 'default/blue' as ServiceKey })],
      }),
    );
    expect(find(plan, 'blue').released).toEqual([
      { address: '192.0.2.9', refusal: { reason: 'ClaimedByOther', address: '192.0.2.9', claim: 'c', service: 'default/green' } },
    ]);
  });

  it('come and go without a plan anew', () => {
    const allocator = new Allocator();
    const key = (name: string): ServiceKey => `default/${name}` as ServiceKey;
    allocator.reset(snapshot([pool('p', '192.0.2.0/31')], [service('a'), service('b'), service('c')]));
    const ingress = (name: string): readonly string[] | undefined => allocator.assignment(key(name))?.ingress;
    expect([ingress('a'), ingress('b'), ingress('c')]).toEqual([['192.0.2.0'], ['192.0.2.1'], []]);
    // Kept for a while after `a` is gone: `c` goes on waiting.
    expect(allocator.upsertClaim(claim('k', 'default/a', ['192.0.2.0'], { insists: false, managed: true }))).toEqual([]);
    expect(allocator.remove(key('a'))).toEqual([]);
    expect(ingress('c')).toEqual([]);
    allocator.upsert(service('a', { uid: 'another' }));
    expect(ingress('a')).toEqual(['192.0.2.0']);
    allocator.remove(key('a'));
    // The claim ends: the one that waits is served.
    expect(allocator.removeClaim('k')).toEqual([key('c')]);
    expect(ingress('c')).toEqual(['192.0.2.0']);
    // Handed on while both are there.
    allocator.upsertClaim(claim('m', 'default/b', ['192.0.2.1']));
    expect(allocator.upsertClaim(claim('m', 'default/c', ['192.0.2.1'], { boundTo: key('b') })).sort()).toEqual([key('b'), key('c')]);
    expect([ingress('b'), ingress('c')]).toEqual([['192.0.2.0'], ['192.0.2.1']]);
  });
});

describe('fields of pools and annotations that MetalLB does not have', () => {
  it.each(FIELDS)('$name', check);

  it('count what is excluded as not there', () => {
    const excluded = block('10.0.0.0/25', '10.0.0.255/32');
    const plan = (avoidBuggyIPs: boolean) =>
      planAddresses(snapshot([pool('p', '10.0.0.0/24', { excluded, avoidBuggyIPs })], [service('a')])).usage.get('p');
    expect(plan(false)).toMatchObject({ assignedIPv4: 1, availableIPv4: 126 });
    expect(plan(true)).toMatchObject({ assignedIPv4: 1, availableIPv4: 126 });
  });

  it('count what is claimed or used by others as not free, while nobody of ours has it', () => {
    const inUse = new Map([
      [ip('10.0.0.1'), 'node n1'],
      [ip('10.0.0.2'), 'node n2'],
    ]);
    const claims = [claim('c', 'default/absent', ['10.0.0.3']), claim('d', 'default/a', ['10.0.0.4', '10.0.0.2'])];
    const allocator = new Allocator();
    allocator.reset(snapshot([pool('p', '10.0.0.0/28')], [service('a')], { inUse, claims }));
    const counts = (): unknown => [allocator.usage().get('p')?.assignedIPv4, allocator.usage().get('p')?.availableIPv4];
    expect(counts()).toEqual([1, 12]);
    allocator.removeClaim('c');
    expect(counts()).toEqual([1, 13]);
    allocator.remove('default/a' as ServiceKey);
    expect(counts()).toEqual([0, 13]);
    allocator.removeClaim('d');
    expect(counts()).toEqual([0, 14]);
  });

  it('name what else uses an address that is kept', () => {
    const before = snapshot([FOUR], [service('a', { ingress: ['192.0.2.7'] })], { inUse: new Map([[ip('192.0.2.7'), 'node n1']]) });
    expect(find(planAddresses(before), 'a').disputed).toEqual([{ address: '192.0.2.7', by: 'node n1' }]);
  });
});
