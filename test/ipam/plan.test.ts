import { describe, expect, it } from 'vitest';
import type { ServiceView } from '../../src/cluster/service.ts';
import type { Pool } from '../../src/config/config.ts';
import type { Snapshot } from '../../src/ipam/allocator.ts';
import { planAddresses } from '../../src/ipam/plan.ts';
import type { Refusal } from '../../src/ipam/refusal.ts';
import { DUAL, DUAL_REQUIRED, allocation, apply, find, ip, pool, service, snapshot } from './support.ts';

const A = 'heraldlb.io/';
const ask = (value: string): Pick<ServiceView, 'annotations'> => ({ annotations: { [`${A}loadBalancerIPs`]: value } });
const fromPool = (value: string): Pick<ServiceView, 'annotations'> => ({ annotations: { [`${A}address-pool`]: value } });
const share = (key: string): Pick<ServiceView, 'annotations'> => ({ annotations: { [`${A}allow-shared-ip`]: key } });
const port = (number: number, protocol: 'TCP' | 'UDP' = 'TCP'): Pick<ServiceView, 'ports'> => ({ ports: [{ protocol, port: number }] });
const FOUR = pool('four', '192.0.2.0/24');
const SIX = pool('six', '2001:db8::/64');
const BOTH = pool('both', ['198.51.100.0/24', '2001:db8:1::/64']);

interface Row {
  readonly name: string;
  readonly pools: readonly Pool[];
  readonly services: readonly ServiceView[];
  readonly options?: Partial<Snapshot>;
  /** Service name to addresses. */
  readonly ingress: Readonly<Record<string, readonly string[]>>;
  readonly refusals?: Readonly<Record<string, Partial<Refusal>>>;
}

const CHOICE: readonly Row[] = [
  { name: 'the first address of the first block', pools: [FOUR], services: [service('a')], ingress: { a: ['192.0.2.0'] } },
  {
    name: 'blocks in written order, ranges too',
    pools: [pool('p', ['192.0.2.9-192.0.2.10', '192.0.2.1/32'])],
    services: [service('a'), service('b'), service('c')],
    ingress: { a: ['192.0.2.9'], b: ['192.0.2.10'], c: ['192.0.2.1'] },
  },
  {
    name: 'avoidBuggyIPs skips .0 and .255',
    pools: [pool('p', '192.0.1.254-192.0.2.1', { avoidBuggyIPs: true })],
    services: [service('a'), service('b'), service('c')],
    ingress: { a: ['192.0.1.254'], b: ['192.0.2.1'], c: [] },
    refusals: { c: { reason: 'PoolExhausted' } },
  },
  {
    name: 'a pool with autoAssign off is only for those who ask',
    pools: [pool('p', '192.0.2.0/24', { autoAssign: false })],
    services: [service('a'), service('b', fromPool('p')), service('c', ask('192.0.2.77'))],
    ingress: { a: [], b: ['192.0.2.0'], c: ['192.0.2.77'] },
    refusals: { a: { reason: 'NoPoolMatches', pools: [{ pool: 'p', why: 'AutoAssignOff' }] } },
  },
  {
    name: 'selected pools by priority, 0 last, before general ones, equals by name',
    pools: [
      pool('a-general', '10.0.0.1/32'),
      pool('z-zero', '10.0.0.2/32', { allocation: allocation() }),
      pool('y-two', '10.0.0.3/32', { allocation: allocation({ priority: 2 }) }),
      pool('x-one', '10.0.0.5/32', { allocation: allocation({ priority: 1 }) }),
      pool('w-one', '10.0.0.4/32', { allocation: allocation({ priority: 1 }) }),
    ],
    services: ['1', '2', '3', '4', '5'].map((name) => service(name)),
    ingress: { '1': ['10.0.0.4'], '2': ['10.0.0.5'], '3': ['10.0.0.3'], '4': ['10.0.0.2'], '5': ['10.0.0.1'] },
  },
  {
    name: 'namespaces, namespaceSelectors and serviceSelectors: (list or selector) and one selector',
    pools: [
      pool('p', '10.0.0.0/24', {
        allocation: allocation({
          namespaces: ['one'],
          namespaceSelectors: [{ matchLabels: { team: 'x' } }],
          serviceSelectors: [{ matchLabels: { tier: 'web' } }],
        }),
      }),
    ],
    services: [
      service('listed', { namespace: 'one', labels: { tier: 'web' } }),
      service('selected', { namespace: 'two', labels: { tier: 'web' } }),
      service('label', { namespace: 'one' }),
      service('space', { namespace: 'three', labels: { tier: 'web' } }),
    ],
    options: {
      namespaces: [
        { name: 'one', labels: {} },
        { name: 'two', labels: { team: 'x' } },
        { name: 'three', labels: {} },
      ],
    },
    ingress: { 'one/listed': ['10.0.0.0'], 'two/selected': ['10.0.0.1'], 'one/label': [], 'three/space': [] },
    refusals: {
      'one/label': { pools: [{ pool: 'p', why: 'ServiceNotSelected' }] },
      'three/space': { pools: [{ pool: 'p', why: 'NamespaceNotSelected' }] },
    },
  },
  {
    name: 'a namespaceSelector that matches no namespace takes no namespace',
    pools: [
      pool('p', '10.0.0.0/24', {
        allocation: allocation({ namespaceSelectors: [{ matchLabels: { team: 'nobody' } }], serviceSelectors: [{}] }),
      }),
    ],
    services: [service('a')],
    ingress: { a: [] },
    refusals: { a: { reason: 'NoPoolMatches', pools: [{ pool: 'p', why: 'NamespaceNotSelected' }] } },
  },
  {
    name: 'a selected pool that is exhausted falls through to the general one',
    pools: [pool('general', '10.0.0.1/32'), pool('pinned', '10.0.1.1/32', { allocation: allocation() })],
    services: [service('a'), service('b')],
    ingress: { a: ['10.0.1.1'], b: ['10.0.0.1'] },
  },
  { name: 'IPv6', pools: [FOUR, SIX], services: [service('a', { clusterIPs: ['fd00::1'] })], ingress: { a: ['2001:db8::'] } },
  {
    name: 'addresses that something else has are skipped',
    pools: [pool('p', '10.0.0.0/30')],
    services: [service('a'), service('foreign', { loadBalancerClass: 'other', ingress: ['10.0.0.1'] })],
    options: { inUse: new Map([[ip('10.0.0.0'), 'node n1']]) },
    ingress: { a: ['10.0.0.2'] },
  },
  {
    name: 'only the class that it is started with',
    pools: [FOUR],
    services: [service('none'), service('ours', { loadBalancerClass: 'heraldlb.io/lb' })],
    options: { loadBalancerClass: 'heraldlb.io/lb' },
    ingress: { ours: ['192.0.2.0'] },
  },
];

const STACKS: readonly Row[] = [
  {
    name: 'PreferDualStack takes both from one pool',
    pools: [FOUR, SIX, BOTH],
    services: [service('a', DUAL)],
    ingress: { a: ['198.51.100.0', '2001:db8:1::'] },
  },
  {
    name: 'PreferDualStack takes the primary family where no pool has both',
    pools: [FOUR, SIX],
    services: [service('a', DUAL), service('b', { ...DUAL, clusterIPs: ['fd00::9', '10.96.0.9'] })],
    ingress: { a: ['192.0.2.0'], b: ['2001:db8::'] },
  },
  {
    name: 'PreferDualStack takes the secondary family rather than none',
    pools: [SIX],
    services: [service('a', DUAL)],
    ingress: { a: ['2001:db8::'] },
  },
  {
    name: 'RequireDualStack takes both, IPv4 first whatever is primary',
    pools: [BOTH],
    services: [service('a', { ...DUAL_REQUIRED, clusterIPs: ['fd00::9', '10.96.0.9'] })],
    ingress: { a: ['198.51.100.0', '2001:db8:1::'] },
  },
  {
    name: 'RequireDualStack takes nothing where no pool has both',
    pools: [FOUR, SIX],
    services: [service('a', DUAL_REQUIRED)],
    ingress: { a: [] },
    refusals: {
      a: {
        reason: 'FamilyUnavailable',
        family: 'ipv6',
        pools: [
          { pool: 'four', why: 'NoAddressOfFamily' },
          { pool: 'six', why: 'NotBothFamilies' },
        ],
      },
    },
  },
  {
    name: 'RequireDualStack with one cluster IP',
    pools: [BOTH],
    services: [service('a', { ipFamilyPolicy: 'RequireDualStack' })],
    ingress: { a: [] },
    refusals: { a: { reason: 'DualStackNeedsTwoClusterIPs' } },
  },
  {
    name: 'no cluster IP',
    pools: [BOTH],
    services: [service('a', { clusterIPs: [] })],
    ingress: { a: [] },
    refusals: { a: { reason: 'NoClusterIP' } },
  },
  {
    name: 'a second family is added from the pool of the first address only',
    pools: [FOUR, SIX, BOTH],
    services: [service('a', { ...DUAL, ingress: ['198.51.100.7'] }), service('b', { ...DUAL, ingress: ['192.0.2.7'] })],
    ingress: { a: ['198.51.100.7', '2001:db8:1::'], b: ['192.0.2.7'] },
  },
  {
    name: 'a dual-stack Service that is made single-stack gives the other family back',
    pools: [BOTH],
    services: [service('a', { ingress: ['198.51.100.7', '2001:db8:1::7'] })],
    ingress: { a: ['198.51.100.7'] },
  },
  {
    name: 'a pool that was split in two renumbers nobody',
    pools: [pool('p4', '198.51.100.0/24'), pool('p6', '2001:db8:1::/64')],
    services: [service('a', { ...DUAL_REQUIRED, ingress: ['198.51.100.7', '2001:db8:1::7'] })],
    ingress: { a: ['198.51.100.7', '2001:db8:1::7'] },
  },
];

const REQUESTS: readonly Row[] = [
  {
    name: 'by annotation of every prefix, by spec',
    pools: [FOUR],
    services: [
      service('a', ask('192.0.2.10')),
      service('b', { annotations: { 'metallb.io/loadBalancerIPs': '192.0.2.11' } }),
      service('c', { annotations: { 'metallb.universe.tf/loadBalancerIPs': ' 192.0.2.12 ' } }),
      service('d', { loadBalancerIP: '192.0.2.13' }),
    ],
    ingress: { a: ['192.0.2.10'], b: ['192.0.2.11'], c: ['192.0.2.12'], d: ['192.0.2.13'] },
  },
  {
    name: 'our prefix wins over MetalLB’s',
    pools: [FOUR],
    services: [service('a', { annotations: { [`${A}loadBalancerIPs`]: '192.0.2.1', 'metallb.io/loadBalancerIPs': '192.0.2.2' } })],
    ingress: { a: ['192.0.2.1'] },
  },
  {
    name: 'two families in any order',
    pools: [BOTH],
    services: [service('a', { ...DUAL, ...ask('2001:DB8:1::5, 198.51.100.5') })],
    ingress: { a: ['198.51.100.5', '2001:db8:1::5'] },
  },
  {
    name: 'a request goes before automatic choice, even of an older Service',
    pools: [FOUR],
    services: [service('old', { creationTimestamp: '2020-01-01T00:00:00Z' }), service('new', ask('192.0.2.0'))],
    ingress: { old: ['192.0.2.1'], new: ['192.0.2.0'] },
  },
  {
    name: 'a request moves a Service that has another address',
    pools: [FOUR],
    services: [service('a', { ...ask('192.0.2.10'), ingress: ['192.0.2.3'] })],
    ingress: { a: ['192.0.2.10'] },
  },
  {
    name: 'a request that cannot be met leaves what is there',
    pools: [FOUR],
    services: [
      service('a', { ...ask('203.0.113.1'), ingress: ['192.0.2.3'] }),
      service('b', { ...ask('192.0.2.3'), ingress: ['192.0.2.4'] }),
    ],
    ingress: { a: ['192.0.2.3'], b: ['192.0.2.4'] },
    refusals: { a: { reason: 'AddressOutsidePools', address: ip('203.0.113.1') }, b: { reason: 'AddressInUse' } },
  },
  {
    name: 'an address pool other than the present one moves the Service',
    pools: [FOUR, pool('p', '10.0.0.0/24')],
    services: [service('a', { ...fromPool('p'), ingress: ['192.0.2.3'] })],
    ingress: { a: ['10.0.0.0'] },
  },
  {
    name: 'UnknownPool',
    pools: [FOUR],
    services: [service('a', fromPool('nope'))],
    ingress: { a: [] },
    refusals: { a: { reason: 'UnknownPool', pool: 'nope' } },
  },
  {
    name: 'PoolNotForService',
    pools: [pool('p', '10.0.0.0/24', { allocation: allocation({ namespaces: ['elsewhere'] }) })],
    services: [service('a', fromPool('p')), service('b', ask('10.0.0.1'))],
    ingress: { a: [], b: [] },
    refusals: { a: { reason: 'PoolNotForService', why: 'NamespaceNotSelected' }, b: { reason: 'PoolNotForService', pool: 'p' } },
  },
  {
    name: 'an IPv4 address in the form of an IPv6 one, as MetalLB takes it',
    pools: [BOTH],
    services: [service('a', { loadBalancerIP: '::FFFF:198.51.100.9' }), service('b', ask(' ::ffff:c633:640a '))],
    ingress: { a: ['198.51.100.9'], b: ['198.51.100.10'] },
  },
  {
    name: 'InvalidRequest',
    pools: [BOTH],
    services: [
      service('a', ask('192.0.2.300')),
      service('b', ask('198.51.100.1,198.51.100.2')),
      service('c', { ...ask('198.51.100.1'), loadBalancerIP: '198.51.100.2' }),
      service('d', { loadBalancerIP: '198.51.100.1,2001:db8:1::1' }),
    ],
    ingress: { a: [], b: [], c: [], d: [] },
    refusals: {
      a: { reason: 'InvalidRequest' },
      b: { reason: 'InvalidRequest' },
      c: { reason: 'InvalidRequest' },
      d: { reason: 'InvalidRequest' },
    },
  },
  {
    name: 'FamilyMismatch',
    pools: [BOTH],
    services: [service('a', ask('2001:db8:1::1')), service('b', { ...DUAL, ...ask('198.51.100.1') })],
    ingress: { a: [], b: [] },
    refusals: { a: { reason: 'FamilyMismatch', requested: ['ipv6'], service: ['ipv4'] }, b: { reason: 'FamilyMismatch' } },
  },
  {
    name: 'AddressNotInRequestedPool, also when the two addresses lie in two pools',
    pools: [FOUR, SIX],
    services: [
      service('a', { annotations: { [`${A}loadBalancerIPs`]: '192.0.2.1', [`${A}address-pool`]: 'six' } }),
      service('b', { ...DUAL, ...ask('192.0.2.2,2001:db8::2') }),
    ],
    ingress: { a: [], b: [] },
    refusals: { a: { reason: 'AddressNotInRequestedPool', pool: 'six' }, b: { reason: 'AddressNotInRequestedPool', pool: 'four' } },
  },
  {
    name: 'AddressAvoided and AddressReserved',
    pools: [pool('p', '10.0.0.0/24', { avoidBuggyIPs: true })],
    services: [service('a', ask('10.0.0.255')), service('b', ask('10.0.0.7'))],
    options: { inUse: new Map([[ip('10.0.0.7'), 'node n1']]) },
    ingress: { a: [], b: [] },
    refusals: { a: { reason: 'AddressAvoided' }, b: { reason: 'AddressReserved', by: 'node n1' } },
  },
  { name: 'NoPools', pools: [], services: [service('a')], ingress: { a: [] }, refusals: { a: { reason: 'NoPools' } } },
  {
    name: 'a chain of moves settles in one plan',
    pools: [pool('p', '10.0.0.0/24')],
    services: [service('a', { ...ask('10.0.0.2'), ingress: ['10.0.0.1'] }), service('b', { ...ask('10.0.0.3'), ingress: ['10.0.0.2'] })],
    ingress: { a: ['10.0.0.2'], b: ['10.0.0.3'] },
  },
];

const local = (selector: Record<string, string>): Partial<ServiceView> => ({ externalTrafficPolicy: 'Local', selector });
const SHARED = '10.0.0.9';
const SHARING: readonly Row[] = [
  {
    name: 'an address that is shared already goes before a free one, in whatever pool it is',
    pools: [pool('a', '10.0.1.0/24'), pool('p', '10.0.0.0/24')],
    services: [service('old', { ...share('k'), ingress: [SHARED] }), service('new', { ...share('k'), ...port(81) })],
    ingress: { old: [SHARED], new: [SHARED] },
  },
  {
    name: 'same number, other protocol',
    pools: [pool('p', '10.0.0.0/24')],
    services: [service('a', { ...share('k'), ...port(53) }), service('b', { ...share('k'), ...port(53, 'UDP') })],
    ingress: { a: ['10.0.0.0'], b: ['10.0.0.0'] },
  },
  {
    name: 'a port that is taken leads to a fresh address, and to PortInUse when the address is asked for',
    pools: [pool('p', '10.0.0.0/24')],
    services: [
      service('a', share('k')),
      service('b', share('k')),
      service('c', { annotations: { [`${A}allow-shared-ip`]: 'k', [`${A}loadBalancerIPs`]: '10.0.0.77' }, creationTimestamp: '2020' }),
      service('d', { annotations: { [`${A}allow-shared-ip`]: 'k', [`${A}loadBalancerIPs`]: '10.0.0.77' } }),
    ],
    ingress: { a: ['10.0.0.0'], b: ['10.0.0.1'], c: ['10.0.0.77'], d: [] },
    refusals: { d: { reason: 'PortInUse', port: 'TCP/80' } },
  },
  ...(
    [
      ['no key on the newcomer', { ...share('k') }, {}, 'no-key'],
      ['no key on the holder', {}, { ...share('k') }, 'no-key'],
      ['another key', share('k'), share('l'), 'different-key'],
      ['Cluster and Local', share('k'), { ...share('k'), ...local({ app: 'x' }) }, 'different-traffic-policy'],
      [
        'Local with another selector',
        { ...share('k'), ...local({ app: 'x' }) },
        { ...share('k'), ...local({ app: 'y' }) },
        'different-selector',
      ],
      ['Local without a selector is not Cluster', share('k'), { ...share('k'), ...local({}) }, 'different-traffic-policy'],
    ] as const
  ).map(([name, holder, newcomer, detail]): Row => {
    const request = { ...('annotations' in newcomer ? newcomer.annotations : {}), [`${A}loadBalancerIPs`]: SHARED };
    return {
      name: `SharingKeyConflict: ${name}`,
      pools: [pool('p', '10.0.0.0/24')],
      services: [service('a', { ...holder, ingress: [SHARED] }), service('b', { ...newcomer, ...port(81), annotations: request })],
      ingress: { a: [SHARED], b: [] },
      refusals: { b: { reason: 'SharingKeyConflict', detail } },
    };
  }),
  {
    name: 'Local with the same Pods',
    pools: [pool('p', '10.0.0.0/24')],
    services: [
      service('a', { ...share('k'), ...local({ x: '1', y: '2' }) }),
      service('b', { ...share('k'), ...port(81), ...local({ y: '2', x: '1' }) }),
    ],
    ingress: { a: ['10.0.0.0'], b: ['10.0.0.0'] },
  },
  {
    name: 'who is alone on an address may change its key',
    pools: [pool('p', '10.0.0.0/24')],
    services: [service('a', { ...share('new'), ingress: [SHARED] })],
    ingress: { a: [SHARED] },
  },
  {
    name: 'two that may not share and both have the address: the older one keeps it',
    pools: [pool('p', '10.0.0.0/24')],
    services: [service('a', { ingress: [SHARED] }), service('b', { ingress: [SHARED], creationTimestamp: '2020-01-01T00:00:00Z' })],
    ingress: { a: ['10.0.0.0'], b: [SHARED] },
  },
];

const LEDGER: readonly Row[] = [
  {
    name: 'what is assigned stays',
    pools: [FOUR],
    services: [service('b', { ingress: ['192.0.2.200'] }), service('a')],
    ingress: { a: ['192.0.2.0'], b: ['192.0.2.200'] },
  },
  {
    name: 'autoAssign flipped',
    pools: [pool('p', '192.0.2.0/24', { autoAssign: false })],
    services: [service('a', { ingress: ['192.0.2.9'] })],
    ingress: { a: ['192.0.2.9'] },
  },
  {
    name: 'avoidBuggyIPs flipped',
    pools: [pool('p', '192.0.2.0/24', { avoidBuggyIPs: true })],
    services: [service('a', { ingress: ['192.0.2.0'] })],
    ingress: { a: ['192.0.2.0'] },
  },
  {
    name: 'a pool renamed or merged into another',
    pools: [pool('q', '192.0.0.0/16')],
    services: [service('a', { ingress: ['192.0.2.9'], annotations: { 'metallb.io/ip-allocated-from-pool': 'p' } })],
    ingress: { a: ['192.0.2.9'] },
  },
  {
    name: 'a pool that no longer contains it: another address',
    pools: [pool('p', '192.0.2.0/28')],
    services: [service('a', { ingress: ['192.0.2.99'] })],
    ingress: { a: ['192.0.2.0'] },
  },
  {
    name: 'all pools gone',
    pools: [],
    services: [service('a', { ingress: ['192.0.2.99'] })],
    ingress: { a: [] },
    refusals: { a: { reason: 'NoPools' } },
  },
  {
    name: 'a pool without a usable version keeps what it gave, and no more than that',
    pools: [pool('good', '10.0.0.0/24')],
    services: [
      service('a', { ingress: ['192.0.2.99'], annotations: { 'metallb.io/ip-allocated-from-pool': 'broken' } }),
      service('b', { ingress: ['192.0.2.98'], annotations: { 'heraldlb.io/ip-allocated-from-pool': 'gone' } }),
      service('c', { ingress: ['192.0.2.97'] }),
    ],
    options: { unsettledPools: ['broken'] },
    ingress: { a: ['192.0.2.99'], b: ['10.0.0.0'], c: ['192.0.2.97'] },
  },
  {
    name: 'a pool that no longer takes the Service',
    pools: [pool('p', '192.0.2.0/24', { allocation: allocation({ namespaces: ['other'] }) })],
    services: [service('a', { ingress: ['192.0.2.9'] })],
    ingress: { a: [] },
    refusals: { a: { reason: 'NoPoolMatches' } },
  },
  {
    name: 'a Service that is being deleted keeps its address, and gets none',
    pools: [FOUR],
    services: [service('a', { deleting: true, ingress: ['192.0.2.9'] }), service('b', { deleting: true })],
    ingress: { a: ['192.0.2.9'], b: [] },
  },
  {
    name: 'a reserved address is not taken from who has it',
    pools: [FOUR],
    services: [service('a', { ingress: ['192.0.2.9'] })],
    options: { inUse: new Map([[ip('192.0.2.9'), 'node n1']]) },
    ingress: { a: ['192.0.2.9'] },
  },
  {
    name: 'type changed: cleaned up where it was ours, left alone where not',
    pools: [FOUR],
    services: [
      service('ours', { type: 'ClusterIP', ingress: ['192.0.2.9'], annotations: { 'heraldlb.io/ip-allocated-from-pool': 'four' } }),
      service('new', ask('192.0.2.9')),
    ],
    ingress: { ours: [], new: ['192.0.2.9'] },
  },
  {
    name: 'an IPv6 address deep in a /64',
    pools: [SIX],
    services: [service('a', { clusterIPs: ['fd00::1'], ingress: ['2001:db8::ffff:ffff:ffff:ffff'] })],
    ingress: { a: ['2001:db8::ffff:ffff:ffff:ffff'] },
  },
];

const short = (key: string): string => (key.startsWith('default/') ? key.slice('default/'.length) : key);

function check({ pools, services, options, ingress, refusals = {} }: Row): void {
  const before = snapshot(pools, services, options);
  const plan = planAddresses(before);
  expect(Object.fromEntries([...plan.assignments].map(([key, { ingress: list }]) => [short(key), list]))).toEqual(ingress);
  const refused = [...plan.assignments].filter(([, { refusal }]) => refusal !== undefined);
  expect(refused.map(([key]) => short(key)).sort()).toEqual(Object.keys(refusals).sort());
  for (const [key, assignment] of refused) expect(assignment.refusal).toMatchObject(refusals[short(key)] ?? {});
  const after = apply(before, plan);
  const again = planAddresses(after);
  for (const [key, assignment] of again.assignments) {
    expect(assignment.released).toEqual([]);
    expect({ key, ...assignment }).toEqual({ key, ...plan.assignments.get(key), released: [] });
  }
  expect(again.usage).toEqual(plan.usage);
}

describe('planAddresses', () => {
  describe('automatic choice', () => {
    it.each(CHOICE)('$name', check);
  });
  describe('IP families', () => {
    it.each(STACKS)('$name', check);
  });
  describe('requests', () => {
    it.each(REQUESTS)('$name', check);
  });
  describe('sharing', () => {
    it.each(SHARING)('$name', check);
  });
  describe('the ledger', () => {
    it.each(LEDGER)('$name', check);
  });

  it('names the pool and says why an address was given back', () => {
    const plan = planAddresses(
      snapshot([BOTH], [service('a', { ingress: ['192.0.2.9'] }), service('b', { ...ask('198.51.100.9'), ingress: ['198.51.100.4'] })]),
    );
    expect(find(plan, 'a')).toEqual({
      ingress: ['198.51.100.0'],
      pool: 'both',
      released: [{ address: '192.0.2.9', refusal: { reason: 'AddressOutsidePools', address: '192.0.2.9' } }],
    });
    expect(find(plan, 'b').released).toEqual([
      { address: '198.51.100.4', refusal: { reason: 'OtherAddressRequested', address: '198.51.100.4' } },
    ]);
  });

  it('says in one place why a PreferDualStack Service has one address', () => {
    const plan = planAddresses(snapshot([FOUR], [service('a', DUAL)]));
    expect(find(plan, 'a').missing).toEqual({
      reason: 'FamilyUnavailable',
      family: 'ipv6',
      pools: [{ pool: 'four', why: 'NoAddressOfFamily' }],
    });
  });

  it('counts usage: shared addresses once, avoided ones never, IPv6 up to what JSON can carry', () => {
    const avoiding = pool('p', ['10.0.0.128-10.0.1.9', '2001:db8::/64'], { avoidBuggyIPs: true });
    const services = [service('a', share('k')), service('b', { ...share('k'), ...port(81) }), service('c', { clusterIPs: ['fd00::1'] })];
    expect(planAddresses(snapshot([avoiding], services)).usage.get('p')).toEqual({
      assignedIPv4: 1,
      assignedIPv6: 1,
      availableIPv4: 128 + 10 - 2 - 1,
      availableIPv6: Number.MAX_SAFE_INTEGER,
    });
  });

  it('does not depend on the order in which Services and pools are listed', () => {
    const services = Array.from({ length: 40 }, (_, i) => service(`s${i}`, i % 3 === 0 ? share('k') : {}));
    const pools = [FOUR, pool('a', '10.0.0.0/30'), pool('b', '10.0.1.0/30', { allocation: allocation() })];
    const one = planAddresses(snapshot(pools, services));
    const other = planAddresses(snapshot(pools.toReversed(), services.toReversed()));
    for (const [key, assignment] of one.assignments) expect(other.assignments.get(key)).toEqual(assignment);
  });
});
