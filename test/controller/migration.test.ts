import { describe, expect, it } from 'vitest';
import { NAMESPACE } from './fixtures.ts';
import { METALLB_CRDS } from './metallb.ts';
import { type Cluster, type Seen, conditionOf, eventsAbout, startCluster, until } from './support.ts';

/** MetalLB's two prefixes, of which Services may carry either or both. */
const PREFIXES = ['metallb.io', 'metallb.universe.tf'] as const;

const GROUPS = ['metallb.io', 'heraldlb.io'] as const;
type Group = (typeof GROUPS)[number];

interface Shape {
  readonly spec?: object;
  /** Without their prefix. */
  readonly annotations?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly ingress: readonly string[];
  readonly pool?: string;
  readonly namespace?: string;
}

const POOLS: readonly (readonly [name: string, spec: object])[] = [
  ['cidr', { addresses: ['192.0.2.0/24'] }],
  ['range', { addresses: [' 198.51.100.10 - 198.51.100.99 ', '2001:db8:1::/120'], avoidBuggyIPs: true }],
  ['manual', { addresses: ['203.0.113.0/24', '2001:db8:2::10-2001:db8:2::4f'], autoAssign: false }],
  [
    'team',
    {
      addresses: ['10.20.0.0/24'],
      serviceAllocation: {
        priority: 10,
        namespaces: ['team'],
        serviceSelectors: [{ matchExpressions: [{ key: 'tier', operator: 'In', values: ['web'] }] }],
      },
    },
  ],
  [
    'labelled',
    { addresses: ['10.30.0.0/24'], serviceAllocation: { priority: 20, namespaceSelectors: [{ matchLabels: { env: 'prod' } }] } },
  ],
];

const port = (number: number, protocol = 'TCP'): object => ({ name: `p${number}-${protocol.toLowerCase()}`, port: number, protocol });
const local = { externalTrafficPolicy: 'Local' };
const dual = (ipFamilyPolicy: string): object => ({ ipFamilyPolicy });

/** What MetalLB may have left behind, address by address: not the ones that an allocator would choose first. */
const SHAPES: readonly Shape[] = [
  { ingress: ['192.0.2.220'] },
  { ingress: ['192.0.2.0'] },
  { ingress: ['192.0.2.255'] },
  { ingress: ['198.51.100.99'], pool: 'range' },
  { ingress: ['192.0.2.7'], spec: local },
  { ingress: ['192.0.2.8'], spec: { allocateLoadBalancerNodePorts: false } },
  { ingress: ['192.0.2.9'], spec: { ports: [port(53, 'UDP'), port(53, 'TCP')] } },
  { ingress: ['192.0.2.10'], spec: { ports: [port(5060, 'SCTP')] } },
  { ingress: ['192.0.2.11'], spec: { sessionAffinity: 'ClientIP' } },
  { ingress: ['192.0.2.12'], spec: { loadBalancerSourceRanges: ['10.0.0.0/8'] } },
  { ingress: ['192.0.2.13'], spec: { publishNotReadyAddresses: true } },
  { ingress: ['192.0.2.14'], spec: { selector: null } },
  { ingress: ['192.0.2.55'], spec: { loadBalancerIP: '192.0.2.55' } },
  { ingress: ['192.0.2.56'], annotations: { loadBalancerIPs: '192.0.2.56' } },
  { ingress: ['192.0.2.57'], annotations: { loadBalancerIPs: ' 192.0.2.57 ' } },
  { ingress: ['192.0.2.58'], annotations: { loadBalancerIPs: '192.0.2.58', 'address-pool': 'cidr' } },
  { ingress: ['192.0.2.60'], annotations: { 'address-pool': 'cidr' } },
  { ingress: ['203.0.113.77'], annotations: { 'address-pool': 'manual' }, pool: 'manual' },
  { ingress: ['203.0.113.78'], annotations: { loadBalancerIPs: '203.0.113.78' }, pool: 'manual' },
  // autoAssign was switched off after it was given.
  { ingress: ['203.0.113.79'], pool: 'manual' },
  // avoidBuggyIPs was switched on after it was given, and the pool has no .255: the range ends before.
  { ingress: ['198.51.100.10'], pool: 'range' },
  // Shared: Cluster by key, Local by key and selector, one key on two addresses.
  { ingress: ['192.0.2.40'], annotations: { 'allow-shared-ip': 'k' }, spec: { ports: [port(80)] } },
  { ingress: ['192.0.2.40'], annotations: { 'allow-shared-ip': 'k' }, spec: { ports: [port(81)] } },
  { ingress: ['192.0.2.40'], annotations: { 'allow-shared-ip': 'k' }, spec: { ports: [port(80, 'UDP')] } },
  { ingress: ['192.0.2.41'], annotations: { 'allow-shared-ip': 'k' }, spec: { ports: [port(80)] } },
  { ingress: ['192.0.2.42'], annotations: { 'allow-shared-ip': 'l' }, spec: { ...local, selector: { app: 'x' }, ports: [port(80)] } },
  { ingress: ['192.0.2.42'], annotations: { 'allow-shared-ip': 'l' }, spec: { ...local, selector: { app: 'x' }, ports: [port(81)] } },
  { ingress: ['192.0.2.43'], annotations: { 'allow-shared-ip': 'l' }, spec: { ...local, selector: { app: 'y' }, ports: [port(80)] } },
  { ingress: ['192.0.2.44'], annotations: { 'allow-shared-ip': 'm', loadBalancerIPs: '192.0.2.44' }, spec: { ports: [port(80)] } },
  { ingress: ['192.0.2.44'], annotations: { 'allow-shared-ip': 'm', loadBalancerIPs: '192.0.2.44' }, spec: { ports: [port(81)] } },
  {
    ingress: ['203.0.113.90'],
    annotations: { 'allow-shared-ip': 'n', 'address-pool': 'manual' },
    spec: { ports: [port(80)] },
    pool: 'manual',
  },
  {
    ingress: ['203.0.113.90'],
    annotations: { 'allow-shared-ip': 'n', 'address-pool': 'manual' },
    spec: { ports: [port(81)] },
    pool: 'manual',
  },
  // One that may share and is alone.
  { ingress: ['192.0.2.45'], annotations: { 'allow-shared-ip': 'alone' } },
  // Families.
  { ingress: ['2001:db8:1::7'], spec: { ipFamilies: ['IPv6'] }, pool: 'range' },
  { ingress: ['2001:db8:2::4f'], spec: { ipFamilies: ['IPv6'] }, annotations: { 'address-pool': 'manual' }, pool: 'manual' },
  { ingress: ['2001:db8:1::8'], spec: { ipFamilies: ['IPv6'], loadBalancerIP: '2001:db8:1:0:0:0:0:8' }, pool: 'range' },
  { ingress: ['198.51.100.20', '2001:db8:1::20'], spec: dual('PreferDualStack'), pool: 'range' },
  { ingress: ['198.51.100.21', '2001:db8:1::21'], spec: dual('RequireDualStack'), pool: 'range' },
  { ingress: ['198.51.100.22', '2001:db8:1::22'], spec: { ...dual('RequireDualStack'), ipFamilies: ['IPv6', 'IPv4'] }, pool: 'range' },
  {
    ingress: ['198.51.100.23', '2001:db8:1::23'],
    spec: dual('PreferDualStack'),
    annotations: { loadBalancerIPs: '2001:db8:1::23,198.51.100.23' },
    pool: 'range',
  },
  {
    ingress: ['203.0.113.24', '2001:db8:2::24'],
    spec: dual('RequireDualStack'),
    annotations: { 'address-pool': 'manual' },
    pool: 'manual',
  },
  // A PreferDualStack Service with one address, from a pool of one family.
  { ingress: ['192.0.2.70'], spec: dual('PreferDualStack') },
  {
    ingress: ['198.51.100.30', '2001:db8:1::30'],
    spec: { ...dual('PreferDualStack'), ports: [port(80)] },
    annotations: { 'allow-shared-ip': 'd' },
    pool: 'range',
  },
  {
    ingress: ['198.51.100.30', '2001:db8:1::30'],
    spec: { ...dual('PreferDualStack'), ports: [port(81)] },
    annotations: { 'allow-shared-ip': 'd' },
    pool: 'range',
  },
  // Pools that are for some only.
  { ingress: ['10.20.0.9'], namespace: 'team', labels: { tier: 'web' }, pool: 'team' },
  { ingress: ['10.20.0.8'], namespace: 'team', labels: { tier: 'web' }, annotations: { 'address-pool': 'team' }, pool: 'team' },
  { ingress: ['192.0.2.80'], namespace: 'team', labels: { tier: 'db' } },
  { ingress: ['10.30.0.7'], namespace: 'prod', pool: 'labelled' },
  { ingress: ['192.0.2.81'], namespace: 'prod' },
];

/** Every shape in both dialects; the second time on addresses that are 100 further on where that is another address. */
function dialects(): { readonly name: string; readonly shape: Shape; readonly object: object }[] {
  const twin = ({ ingress, namespace, spec = {} }: Shape): boolean =>
    namespace === undefined && !('loadBalancerIP' in spec) && ingress.every((address) => address.startsWith('192.0.2.'));
  const later = SHAPES.filter(twin).map((shape): Shape => {
    const move = (address: string): string => address.replace(/(\d+)$/, (last) => String((Number(last) + 100) % 256));
    const asked = shape.annotations?.['loadBalancerIPs'];
    const annotations = asked === undefined ? shape.annotations : { ...shape.annotations, loadBalancerIPs: move(asked.trim()) };
    return { ...shape, ingress: shape.ingress.map(move), ...(annotations === undefined ? {} : { annotations }) };
  });
  return [...SHAPES, ...later].map((shape, i) => {
    const name = `s${i}`;
    const prefix = PREFIXES[i % 2] ?? 'metallb.io';
    const asked = Object.entries(shape.annotations ?? {}).map(([key, value]) => [`${prefix}/${key}`, value]);
    const annotations = { ...Object.fromEntries(asked), [`${PREFIXES[i % 3 === 0 ? 1 : 0]}/ip-allocated-from-pool`]: shape.pool ?? 'cidr' };
    const metadata = { name, namespace: shape.namespace ?? 'default', labels: shape.labels ?? {}, annotations };
    const spec = { type: 'LoadBalancer', selector: { app: name }, ports: [{ port: 80 }], ...shape.spec };
    return { name, shape, object: { apiVersion: 'v1', kind: 'Service', metadata, spec } };
  });
}

/** @param group MetalLB's own objects, or copies of them as objects of HeraldLB */
async function fill(cluster: Cluster, group: Group): Promise<void> {
  const { lab } = cluster;
  for (const [name, labels] of [
    ['team', {}],
    ['prod', { env: 'prod' }],
  ] as const)
    await lab.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } });
  const make = (kind: string, name: string, spec: object, version = 'v1beta1'): Promise<unknown> => {
    const apiVersion = group === 'metallb.io' ? `${group}/${version}` : `${group}/v1`;
    return lab.create({ apiVersion, kind, metadata: { name, namespace: NAMESPACE }, spec });
  };
  for (const [name, spec] of POOLS) await make('IPAddressPool', name, spec);
  await make('L2Advertisement', 'all', {});
  await make('BGPPeer', 'router', { myASN: 64512, peerASN: 64513, peerAddress: '10.0.0.1' }, 'v1beta2');
  await make('BGPAdvertisement', 'all', {});
  for (const { name, shape, object } of dialects()) {
    await lab.create(object);
    const status = { loadBalancer: { ingress: shape.ingress.map((ip) => ({ ip })) } };
    const ref = { apiVersion: 'v1', kind: 'Service', namespace: shape.namespace ?? 'default', name };
    await lab.patch(ref, { status }, { subresource: 'status' });
  }
}

async function services({ lab }: Cluster): Promise<Seen[]> {
  const all = (await lab.list({ apiVersion: 'v1', kind: 'Service' })) as unknown as Seen[];
  return all.filter(({ spec }) => spec?.['type'] === 'LoadBalancer');
}

/** With MetalLB's entries, which have no ipMode. */
const statuses = async (cluster: Cluster): Promise<Record<string, unknown>> =>
  Object.fromEntries((await services(cluster)).map(({ metadata, status }) => [metadata.name, status?.loadBalancer]));

const LONG_LEASE = { leaseDurationMs: 15_000, renewDeadlineMs: 10_000, retryPeriodMs: 250 };

describe('a cluster that is taken over from MetalLB', () => {
  it.each(GROUPS)(
    'keeps every address, without a word but about old annotations, and over a restart: objects of %s',
    async (apiGroup) => {
      expect(dialects().length).toBeGreaterThanOrEqual(60);
      const cluster = await startCluster({ objects: [...METALLB_CRDS] });
      try {
        const { lab } = cluster;
        await fill(cluster, apiGroup);
        const before = await statuses(cluster);
        // The words of a term that was lost are lost with it, and a busy machine loses short ones.
        const one = await cluster.start('one', { apiGroup }, { lease: LONG_LEASE });
        const judged = async (): Promise<Seen[] | false> => {
          const seen = await services(cluster);
          return seen.every((service) => conditionOf(service) !== undefined) && one.idle() && seen;
        };
        const after = await until('all conditions', judged, 30_000);
        const refused = after.filter((service) => conditionOf(service)?.status !== 'True');
        expect(refused.map(({ metadata, status }) => [metadata.name, status])).toEqual([]);
        expect(await statuses(cluster)).toEqual(before);
        const pools = Object.fromEntries(
          after.map(({ metadata }) => [metadata.name, metadata.annotations?.['heraldlb.io/ip-allocated-from-pool']]),
        );
        expect(pools).toEqual(Object.fromEntries(dialects().map(({ name, shape }) => [name, shape.pool ?? 'cidr'])));
        // Events are written before it ends.
        await one.close();
        const told = await Promise.all(dialects().map(async ({ name }) => (await eventsAbout(lab, name)).map((text) => `${name} ${text}`)));
        expect(told.flat().filter((text) => !/ (deprecatedAnnotation|AdditionalAssignFailed) x1: /.test(text))).toEqual([]);
        const additional = told.flat().filter((text) => text.includes('AdditionalAssignFailed'));
        expect(additional.length).toBe(
          dialects().filter(({ shape }) => shape.ingress.length === 1 && JSON.stringify(shape).includes('PreferDual')).length,
        );
        lab.requests.length = 0;
        const two = await cluster.start('two', { apiGroup }, { lease: LONG_LEASE });
        await until('the second to lead', () => two.isLeader() && two.idle(), 30_000);
        expect(await statuses(cluster)).toEqual(before);
        expect(lab.requests.filter(({ verb, resource }) => verb === 'patch' && resource === 'services')).toEqual([]);
        expect(lab.requests.filter(({ verb, resource }) => verb === 'create' && resource === 'events')).toEqual([]);
      } finally {
        await cluster.close();
      }
    },
    120_000,
  );

  it('needs no CRD of HeraldLB for that', async () => {
    const cluster = await startCluster({ crdDir: [], objects: [...METALLB_CRDS] });
    try {
      const { lab } = cluster;
      await fill(cluster, 'metallb.io');
      const before = await statuses(cluster);
      const one = await cluster.start('one', { apiGroup: 'metallb.io' });
      await until(
        'all conditions',
        async () => one.idle() && (await services(cluster)).every((service) => conditionOf(service) !== undefined),
      );
      expect(await statuses(cluster)).toEqual(before);
      expect(lab.requests.some(({ resource, status }) => resource === 'addressclaims' && status === 404)).toBe(true);
    } finally {
      await cluster.close();
    }
  }, 120_000);
});
