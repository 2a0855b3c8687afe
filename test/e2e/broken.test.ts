import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Snapshot } from '../../src/glass/view.ts';
import { ANNOUNCED } from '../../src/view/announced.ts';
import { type Raw, explained, listRaw } from '../cli/explainSupport.ts';
import { Executable } from '../cli/support.ts';
import { findKubeBinaries } from '../kube/binaries.ts';
import { Lab } from '../lab/lab.ts';
import { NAMESPACE } from '../lab/manifests.ts';
import { need } from '../support/need.ts';
import { until } from '../support/until.ts';
import { LAB_NEEDS } from './needs.ts';
import { realApi } from './realApi.ts';

const reason = 'there is no real kube-apiserver (test/kube/build.sh makes one where Go is at hand)';
const GLASS = 7484;

const own = (kind: string, name: string, spec: object): Raw =>
  ({ apiVersion: 'heraldlb.io/v1', kind, metadata: { name, namespace: NAMESPACE }, spec }) as unknown as Raw;

interface Wish {
  readonly addresses?: readonly string[];
  readonly pool?: object;
  /** Names the pool that is asked for; default: its own. */
  readonly asks?: string;
  readonly l2?: object;
  readonly bgp?: object;
  readonly policy?: 'Local';
  /** Nodes with an endpoint. */
  readonly on?: readonly string[];
}

/** A Service with a pool and advertisements of its own, so that nothing else is concerned by what is wrong with it. */
function setUp(name: string, { addresses, pool = {}, asks = name, l2, bgp, policy, on = ['node1', 'node2', 'node3'] }: Wish): Raw[] {
  const labels = { 'kubernetes.io/service-name': name };
  const endpoints = on.map((nodeName, at) => ({ addresses: [`10.244.0.${at + 1}`], nodeName, conditions: { ready: true } }));
  const spec = {
    type: 'LoadBalancer',
    ports: [{ port: 80 }],
    ...(policy === undefined ? {} : { externalTrafficPolicy: policy }),
  };
  return [
    ...(addresses === undefined ? [] : [own('IPAddressPool', name, { addresses, autoAssign: false, ...pool })]),
    ...(l2 === undefined ? [] : [own('L2Advertisement', name, { ipAddressPools: [name], ...l2 })]),
    ...(bgp === undefined ? [] : [own('BGPAdvertisement', name, { ipAddressPools: [name], ...bgp })]),
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace: 'default', annotations: { 'heraldlb.io/address-pool': asks } },
      spec,
    },
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: `${name}-1`, namespace: 'default', labels },
      addressType: 'IPv4',
      endpoints,
      ports: [],
    },
  ] as unknown as Raw[];
}

/** By Service: what is wrong with it, and the code for that. */
const BROKEN: Readonly<Record<string, readonly [Wish, string]>> = {
  'pool-typo': [{ asks: 'no-such-pool' }, 'UnknownPool'],
  'pool-closed': [{ addresses: ['203.0.113.1/32'], pool: { serviceAllocation: { namespaces: ['other'] } } }, 'PoolNotForService'],
  exhausted: [{ asks: 'tiny' }, 'PoolExhausted'],
  'no-endpoints': [{ addresses: ['203.0.113.2/32'], bgp: { peers: ['bird'] }, on: [] }, 'NoEndpoints'],
  'selector-typo': [
    { addresses: ['203.0.113.3/32'], bgp: { serviceSelectors: [{ matchLabels: { app: 'wbe' } }] } },
    'NoMatchingAdvertisement',
  ],
  'node-typo': [{ addresses: ['203.0.113.4/32'], bgp: { nodeSelectors: [{ matchLabels: { rack: 'q' } }] } }, 'NodeNotSelected'],
  'none-here': [
    {
      addresses: ['203.0.113.5/32'],
      policy: 'Local',
      on: ['node2'],
      bgp: { nodeSelectors: [{ matchLabels: { 'kubernetes.io/hostname': 'node1' } }] },
    },
    'NoLocalEndpoints',
  ],
  excluded: [
    { addresses: ['203.0.113.6/32'], bgp: { nodeSelectors: [{ matchLabels: { 'kubernetes.io/hostname': 'node3' } }] } },
    'NodeExcluded',
  ],
  'no-peer': [{ addresses: ['203.0.113.7/32'], bgp: { peers: ['brid'] } }, 'NoPeers'],
  'no-interface': [{ addresses: ['10.10.0.230/32'], l2: { interfaces: ['eth9'] } }, 'NoUsableInterface'],
  refused: [{ addresses: ['203.0.113.8/32'], bgp: { peers: ['refused'] } }, 'ConnectionRefused'],
  ghost: [{ addresses: ['203.0.113.9/32'], bgp: { peers: ['ghost'] } }, 'NoRouteToRouter'],
};

/** Another machine on the segment has the address. It comes when all else is told, so that the speakers have long met. */
const FOREIGN: Wish = { addresses: ['10.10.0.231/32'], l2: {} };

/** These two come to the real routers, which are broken one after the other. */
const ROUTED: Readonly<Record<string, Wish>> = {
  'to-frr': { addresses: ['203.0.113.20/32'], bgp: { peers: ['frr'] } },
  'to-bird': { addresses: ['203.0.113.21/32'], bgp: { peers: ['bird'] } },
};

interface Said {
  readonly condition?: string | undefined;
  readonly event: boolean;
  readonly explain?: string | undefined;
  readonly page?: string | undefined;
}

need(...LAB_NEEDS, 'command:curl', { reason, met: findKubeBinaries()?.controllerManager !== undefined }).describe(
  'what is broken has one code in condition, event, explain and page, with the real programs, routers and API server',
  () => {
    let lab: Lab;
    let kubeconfig: string;

    const peer = (name: string, address: string): Raw =>
      own('BGPPeer', name, {
        myASN: 64_512,
        peerASN: 65_009,
        peerAddress: address,
        connectTime: '1s',
        holdTime: '3s',
        keepaliveTime: '1s',
      });

    beforeAll(async () => {
      lab = await Lab.start({ tag: 'brk', api: realApi });
      kubeconfig = join(lab.directory, 'kubeconfig');
      writeFileSync(kubeconfig, lab.api.kubeconfig());
      lab.space.run('client', 'ip addr add 10.10.0.231/32 dev eth0');
      await lab.client.patch(
        { apiVersion: 'v1', kind: 'Node', name: 'node3' },
        { metadata: { labels: { 'node.kubernetes.io/exclude-from-external-load-balancers': '' } } },
      );
      await lab.client.apply(own('IPAddressPool', 'tiny', { addresses: ['203.0.113.10/32'], autoAssign: false }));
      for (const object of setUp('holder', { asks: 'tiny' })) await lab.client.apply(object);
      await lab.client.apply(peer('refused', '10.10.0.100'));
      await lab.client.apply(peer('ghost', '10.10.0.99'));
      lab.startController('controller-1', 'api', ['--glass-port', String(GLASS), '--glass-auth', 'none', '--announced-settle', '0.3']);
      for (const node of lab.nodes) lab.startSpeaker(node);
      await lab.established();
      await until('the holder to have the only address', async () => (await explainedOf('holder'))?.reason !== 'NotYetAllocated', 60_000);
      const wishes = [...Object.entries(BROKEN).map(([name, [wish]]) => [name, wish] as const), ...Object.entries(ROUTED)];
      for (const [name, wish] of wishes) for (const object of setUp(name, wish)) await lab.client.apply(object);
    }, 150_000);

    afterAll(async () => {
      await lab?.close();
    });

    const explainedOf = async (name: string) => explained(await listRaw(kubeconfig), name).causes[0];

    /** Everything that is said of these Services, at one look. */
    async function said(wanted: Readonly<Record<string, string>>): Promise<Record<string, Said>> {
      const raw = await listRaw(kubeconfig);
      const page = JSON.parse(lab.space.run('api', ['curl', '-s', `http://127.0.0.1:${GLASS}/api/snapshot`])) as Snapshot;
      const events = (await lab.client.list({ apiVersion: 'v1', kind: 'Event', namespace: 'default' })) as unknown as {
        involvedObject: { kind: string; name: string };
        reason: string;
      }[];
      return Object.fromEntries(
        Object.entries(wanted).map(([name, code]) => {
          const key = `default/${name}`;
          const stored = raw.services.find(({ metadata }) => metadata.name === name);
          const conditions = (stored?.status['conditions'] ?? []) as readonly { type: string; reason: string }[];
          const vip = page.vips.find(({ services }) => services.some((service) => service.name === key));
          return [
            name,
            {
              condition: conditions.find(({ type }) => type === ANNOUNCED)?.reason,
              event: events.some(({ involvedObject, reason: told }) => involvedObject.name === name && told === code),
              explain: explained(raw, name).causes[0]?.reason ?? 'Announced',
              page: vip === undefined ? page.problems.find((problem) => problem.name === key)?.reason : (vip.why?.reason ?? 'Announced'),
            },
          ];
        }),
      );
    }

    /** @returns what is said, and what is to be */
    async function told(wanted: Readonly<Record<string, string>>, timeoutMs = 75_000) {
      const all = Object.fromEntries(
        Object.entries(wanted).map(([name, code]): [string, Said] => [name, { condition: code, event: true, explain: code, page: code }]),
      );
      let latest: Record<string, Said> = {};
      const same = async (): Promise<boolean> => {
        latest = await said(wanted);
        return JSON.stringify(latest) === JSON.stringify(all);
      };
      await until('all of them', same, timeoutMs, 500).catch(() => undefined);
      return [latest, all] as const;
    }

    const edit = (name: string, spec: object): Promise<unknown> =>
      lab.client.patch({ apiVersion: 'heraldlb.io/v1', kind: 'BGPPeer', namespace: NAMESPACE, name }, { spec });

    it('names what is wrong with addresses, selectors, nodes, endpoints, interfaces and ways to routers', async () => {
      const [is1, all1] = await told({
        ...Object.fromEntries(Object.entries(BROKEN).map(([name, [, code]]) => [name, code])),
        'to-frr': 'Announced',
        'to-bird': 'Announced',
      });
      expect(is1).toEqual(all1);
    }, 120_000);

    it('names a wrong AS number, a wrong key, and a foreign host on the address', async () => {
      for (const object of setUp('foreign-host', FOREIGN)) await lab.client.apply(object);
      await edit('frr', { peerASN: 64_999 });
      await edit('bird', { password: 'not what the router has' });
      const [is2, all2] = await told({ 'to-frr': 'BadPeerAs', 'to-bird': 'KeyNotAccepted', 'foreign-host': 'AddressInUse' });
      expect(is2).toEqual(all2);
      const established = async (): Promise<string> => {
        const peers = (await lab.client.list({ apiVersion: 'heraldlb.io/v1', kind: 'BGPPeer', namespace: NAMESPACE })) as unknown as Raw[];
        const conditions = ({ status }: Raw) => status['conditions'] as { type: string; reason: string }[];
        const reasonOf = (each: Raw) => conditions(each).find(({ type }) => type === 'Established')?.reason;
        return peers
          .map((each) => `${each.metadata.name} ${reasonOf(each)}`)
          .toSorted()
          .join(', ');
      };
      const all = 'bird KeyNotAccepted, frr BadPeerAs, ghost NoRouteToRouter, refused ConnectionRefused';
      await until(all, async () => (await established()) === all, 30_000, 500);
      const program = await Executable.build();
      try {
        const ran = await program.run(kubeconfig, 'explain', 'service', 'default/foreign-host', '-o', 'json');
        expect([ran.code, (JSON.parse(ran.out) as { causes: { reason: string }[] }).causes[0]?.reason]).toEqual([1, 'AddressInUse']);
        const status = await program.run(kubeconfig, 'status', '-o', 'json');
        const problems = (JSON.parse(status.out) as { problems: { reason: string }[] }).problems.map((problem) => problem.reason);
        expect(problems).toEqual(expect.arrayContaining(['AddressInUse', 'NoUsableInterface', 'ConnectionRefused', 'NoRouteToRouter']));
      } finally {
        program.close();
      }
    }, 120_000);

    it('names a hold time that the router does not take, and BFD that guards nothing; then all is well again', async () => {
      await lab.client.apply(own('BFDProfile', 'fast', {}));
      lab.space.run('frr', [...vtysh(), '-c', 'configure terminal', '-c', 'router bgp 65001', '-c', 'bgp minimum-holdtime 60']);
      await edit('frr', { peerASN: 65_001 });
      await edit('bird', { password: null, bfdProfile: 'fast' });
      const [is3, all3] = await told({ 'to-frr': 'UnacceptableHoldTime', 'to-bird': 'BfdNotGuarding' });
      expect(is3).toEqual(all3);
      lab.space.run('frr', [...vtysh(), '-c', 'configure terminal', '-c', 'router bgp 65001', '-c', 'no bgp minimum-holdtime']);
      await edit('bird', { bfdProfile: null });
      const [is4, all4] = await told({ 'to-frr': 'Announced', 'to-bird': 'Announced' });
      expect(is4).toEqual(all4);
    }, 180_000);

    const vtysh = (): string[] => ['vtysh', '--vty_socket', join(lab.directory, 'frr')];
  },
);
