import { array, assert, boolean, integer, property, record, subarray, uniqueArray, type Arbitrary } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type IneligibleReason, ineligibleText } from '../../src/announce/eligibility.ts';
import { PlanMemory, type PlannedNode, planNode } from '../../src/announce/nodePlan.ts';
import type { Verdict } from '../../src/announce/plan.ts';
import type { AnnounceSnapshot } from '../../src/announce/snapshot.ts';
import { EXCLUDE_LABEL } from '../../src/cluster/node.ts';
import { bgpAdvertisement, config, ip, l2Advertisement, node, peer, pool, service, slice, snapshot } from './support.ts';

const NODE1 = [{ matchLabels: { 'kubernetes.io/hostname': 'node1' }, matchExpressions: [] }];
const NODE2 = [{ matchLabels: { 'kubernetes.io/hostname': 'node2' }, matchExpressions: [] }];
const RED = [{ matchLabels: { colour: 'red' }, matchExpressions: [] }];

function verdicts(changes: Partial<AnnounceSnapshot>, name = 'node1'): { bgp: Verdict; layer2: Verdict } {
  const [first] = planNode(snapshot(changes), name, 1).verdicts;
  if (first === undefined) throw new Error('no verdict');
  return first;
}

function withConfig(changes: Parameters<typeof config>[0]): Partial<AnnounceSnapshot> {
  return { config: { ...snapshot().config, ...changes } };
}

/** Owner of a VIP among nodes, as every node computes it. */
function owners(changes: Partial<AnnounceSnapshot>, nodes: readonly string[]): string[] {
  return nodes.filter((name) => planNode(snapshot(changes), name, 1).plan.claims.length > 0);
}

function textOf(verdict: Verdict): string {
  return verdict.announced ? '' : ineligibleText(verdict.ineligible);
}

describe('every reason', () => {
  const rows: [IneligibleReason, 'bgp' | 'layer2' | 'both', Partial<AnnounceSnapshot>, string?][] = [
    ['NoAddress', 'both', { services: [service('web', [])] }],
    ['AddressOutsidePools', 'both', { services: [service('web', ['203.0.113.1'])] }],
    ['NoMatchingAdvertisement', 'both', withConfig({ bgpAdvertisements: [], l2Advertisements: [] })],
    [
      'NoMatchingAdvertisement',
      'both',
      withConfig({
        bgpAdvertisements: [bgpAdvertisement('bgp', { pools: ['other'] })],
        l2Advertisements: [l2Advertisement('l2', { serviceSelectors: RED })],
      }),
    ],
    [
      'NodeNotSelected',
      'both',
      withConfig({
        bgpAdvertisements: [bgpAdvertisement('bgp', { nodeSelectors: NODE2 })],
        l2Advertisements: [l2Advertisement('l2', { nodeSelectors: NODE2 })],
      }),
    ],
    ['NoPeers', 'bgp', withConfig({ bgpAdvertisements: [bgpAdvertisement('bgp', { peers: ['spine'] })] })],
    ['NoPeers', 'bgp', withConfig({ peers: [peer('tor', { nodeSelectors: NODE2 })] })],
    ['NoEndpoints', 'both', { slices: [] }],
    ['NoEndpoints', 'both', { slices: [slice('web', ['node1'], { ready: false, serving: false })] }],
    [
      'NoLocalEndpoints',
      'both',
      { services: [service('web', ['192.0.2.1'], { externalTrafficPolicy: 'Local' })], slices: [slice('web', ['node2'])] },
    ],
    ['NodeExcluded', 'both', { nodes: [node('node1', { labels: { [EXCLUDE_LABEL]: '' } })] }],
    ['NodeNetworkUnavailable', 'both', { nodes: [node('node1', { networkUnavailable: true })] }],
    ['NodeUnknown', 'both', {}, 'node9'],
    [
      'NodeDraining',
      'bgp',
      {
        nodes: [node('node1', { unschedulable: true }), node('node2')],
        drain: { reason: { reason: 'Cordoned' }, withdraw: true },
      },
    ],
    ['NodeNotReady', 'layer2', { nodes: [node('node1', { ready: false }), node('node2')] }],
    [
      'ConflictingAdvertisements',
      'bgp',
      withConfig({ bgpAdvertisements: [bgpAdvertisement('a', { localPref: 100 }), bgpAdvertisement('b', { localPref: 200 })] }),
    ],
    [
      'SharedAddressWithServiceSelector',
      'layer2',
      {
        ...withConfig({ l2Advertisements: [l2Advertisement('l2', { serviceSelectors: RED })] }),
        services: [
          service('web', ['192.0.2.1'], { labels: { colour: 'red' } }),
          service('web2', ['192.0.2.1'], { labels: { colour: 'red' } }),
        ],
      },
    ],
    // `sha256sum` over `node#10.0.0.1` puts node2 first.
    [
      'NotOwner',
      'layer2',
      {
        nodes: [node('node1'), node('node2'), node('node3')],
        services: [service('web', ['10.0.0.1'])],
        ...withConfig({ pools: [pool('main', '10.0.0.0/24')] }),
      },
    ],
  ];

  it.each(rows)('%s (%s)', (reason, protocol, changes, name = 'node1') => {
    const found = verdicts(changes, name);
    const { plan } = planNode(snapshot(changes), name, 1);
    const asked = protocol === 'both' ? (['bgp', 'layer2'] as const) : [protocol];
    for (const each of asked) {
      expect(found[each]).toMatchObject({ announced: false, ineligible: { reason } });
      expect(textOf(found[each])).toMatch(/^\S.*[^.\s]$/);
      expect(each === 'bgp' ? plan.peers.flatMap(({ routes }) => routes) : plan.claims).toEqual([]);
    }
  });

  it('is in the table', () => {
    const all: Record<IneligibleReason, true> = {
      NoAddress: true,
      AddressOutsidePools: true,
      NoMatchingAdvertisement: true,
      NodeNotSelected: true,
      NoPeers: true,
      NoEndpoints: true,
      NoLocalEndpoints: true,
      NodeExcluded: true,
      NodeNetworkUnavailable: true,
      NodeUnknown: true,
      NodeDraining: true,
      NodeNotReady: true,
      ConflictingAdvertisements: true,
      SharedAddressWithServiceSelector: true,
      NotOwner: true,
    };
    expect(new Set(rows.map(([reason]) => reason))).toEqual(new Set(Object.keys(all)));
  });
});

const routesOf = (changes: Partial<AnnounceSnapshot>) => planNode(snapshot(changes), 'node1', 1).plan.peers.map(({ routes }) => routes);

const expected = (communities: number[], largeCommunities: number[][]) => [
  { attributes: { localPref: 100, communities, largeCommunities }, prefixes: ['192.0.2.1/32'] },
];

const prefixes = (changes: Partial<AnnounceSnapshot>): string[] =>
  routesOf(changes)
    .flat()
    .flatMap((set) => [...set.prefixes]);

const idOf = (changes: Partial<AnnounceSnapshot>) => planNode(snapshot(changes), 'node1', 1).plan.peers[0]?.session.routerId;

describe('BGP', () => {
  it('announces a host route by every peer of the node', () => {
    expect(verdicts({}).bgp).toEqual({ announced: true, advertisements: ['bgp'], peers: ['tor'] });
    expect(routesOf({})).toEqual([[{ attributes: { communities: [], largeCommunities: [] }, prefixes: ['192.0.2.1/32'] }]]);
  });

  // One of several advertisements must not win by chance: communities add up, and who has which peers is decided by each.
  it('unites several advertisements of one prefix, and keeps the peers of each', () => {
    const bgpAdvertisements = [
      bgpAdvertisement('a', { communities: [5, 1], localPref: 100 }),
      bgpAdvertisement('b', { communities: [3], largeCommunities: [[1, 2, 3]], localPref: 100, peers: ['spine'] }),
    ];
    const changes = withConfig({ peers: [peer('tor'), peer('spine', { address: ip('10.0.0.253') })], bgpAdvertisements });
    expect(routesOf(changes)).toEqual([expected([1, 3, 5], [[1, 2, 3]]), expected([1, 5], [])]);
    const reversed = withConfig({ ...changes.config, bgpAdvertisements: bgpAdvertisements.toReversed() });
    expect(routesOf(reversed)).toEqual(routesOf(changes));
  });

  it('announces nothing of a Service whose advertisements conflict, and everything of the others', () => {
    const bgpAdvertisements = [bgpAdvertisement('a', { localPref: 100 }), bgpAdvertisement('b', { localPref: 200, serviceSelectors: RED })];
    const found = planNode(
      snapshot({
        ...withConfig({ bgpAdvertisements }),
        services: [service('bad', ['192.0.2.1'], { labels: { colour: 'red' } }), service('good', ['192.0.2.2'])],
        slices: [slice('bad', ['node1']), slice('good', ['node1'])],
      }),
      'node1',
      1,
    );
    expect(found.plan.peers[0]?.routes.flatMap(({ prefixes }) => prefixes)).toEqual(['192.0.2.2/32']);
  });

  const attributesOf = (...advertisements: Parameters<typeof bgpAdvertisement>[1][]) =>
    routesOf(withConfig({ bgpAdvertisements: advertisements.map((changes, i) => bgpAdvertisement(`a${i}`, changes)) }))
      .flat()
      .map(({ attributes }) => attributes);

  it('says of a route what its advertisement says', () => {
    const said = { med: 5, asPathPrepend: 2, origin: 'incomplete', localPref: 7, extendedCommunities: ['0002fc0000000064'] } as const;
    expect(attributesOf(said)).toEqual([{ communities: [], largeCommunities: [], ...said }]);
  });

  it.each([{ med: 1 }, { asPathPrepend: 1 }, { origin: 'incomplete' }] as const)('cannot say two things of a route: %o', (changes) => {
    expect(attributesOf(changes, {})).toEqual([]);
    expect(attributesOf(changes, changes)).toEqual([{ communities: [], largeCommunities: [], ...changes }]);
  });

  it('unites extended communities', () => {
    const two = attributesOf({ extendedCommunities: ['0002fc0000000064'] }, { extendedCommunities: ['0002fc0000000001'] });
    expect(two).toMatchObject([{ extendedCommunities: ['0002fc0000000001', '0002fc0000000064'] }]);
  });

  // RFC 8326 §4.2. A conflict would take the route away, which is what the shutdown is there to avoid.
  it('asks for a graceful shutdown where one of the advertisements does', () => {
    const shutdown = { communities: [0xffff0000], largeCommunities: [], localPref: 0 };
    expect(attributesOf({ gracefulShutdown: true })).toEqual([shutdown]);
    expect(attributesOf({ localPref: 200, gracefulShutdown: true }, { localPref: 200 })).toEqual([shutdown]);
  });

  describe('weighed by endpoints', () => {
    const linkBandwidth = { bytesPerEndpoint: 1000, transitive: true };
    const weights = (slices: AnnounceSnapshot['slices'], memory?: PlanMemory) => {
      const changes = { ...withConfig({ bgpAdvertisements: [bgpAdvertisement('bgp', { linkBandwidth })] }), slices };
      return planNode(snapshot(changes), 'node1', 1, memory).plan.peers.flatMap(({ routes }) =>
        routes.map(({ attributes }) => attributes.linkBandwidth?.bytesPerSecond),
      );
    };

    it('counts those that serve on this node, of two families the larger number', () => {
      expect(weights([slice('web', ['node1', 'node1', 'node2'])])).toEqual([2000]);
      expect(weights([slice('web', ['node2'])])).toEqual([undefined]);
      const six = { ...slice('web', ['node1', 'node1', 'node1']), family: 'ipv6' as const };
      expect(weights([slice('web', ['node1', 'node1']), six])).toEqual([3000]);
    });

    it('follows a change of their number', () => {
      const memory = new PlanMemory();
      const found = [1, 3, 2].map((count) =>
        weights(
          [
            slice(
              'web',
              Array.from({ length: count }, () => 'node1'),
            ),
          ],
          memory,
        ),
      );
      expect(found).toEqual([[1000], [3000], [2000]]);
    });
  });

  it('announces from nodes with endpoints alone where that is asked for', () => {
    const only = withConfig({ bgpAdvertisements: [bgpAdvertisement('bgp', { onlyWithEndpoints: true })] });
    expect(prefixes({ ...only, slices: [slice('web', ['node1', 'node2'])] })).toEqual(['192.0.2.1/32']);
    expect(prefixes({ ...only, slices: [slice('web', ['node2'])] })).toEqual([]);
    expect(verdicts({ ...only, slices: [slice('web', ['node2'])] }).bgp).toMatchObject({ ineligible: { reason: 'NoLocalEndpoints' } });
    expect(verdicts({ ...only, slices: [] }).bgp).toMatchObject({ ineligible: { reason: 'NoEndpoints' } });
    const both = withConfig({
      bgpAdvertisements: [bgpAdvertisement('a', { onlyWithEndpoints: true, communities: [1] }), bgpAdvertisement('b')],
    });
    expect(routesOf({ ...both, slices: [slice('web', ['node2'])] }).flat()).toMatchObject([{ attributes: { communities: [] } }]);
  });

  it('aggregates, and withdraws the aggregate only with its last Service', () => {
    const aggregated = withConfig({ bgpAdvertisements: [bgpAdvertisement('bgp', { aggregationLength: 24 })] });
    const both = {
      services: [service('a', ['192.0.2.1']), service('b', ['192.0.2.9'])],
      slices: [slice('a', ['node1']), slice('b', ['node1'])],
    };
    expect(prefixes({ ...aggregated, ...both })).toEqual(['192.0.2.0/24']);
    expect(prefixes({ ...aggregated, ...both, slices: [slice('b', ['node1'])] })).toEqual(['192.0.2.0/24']);
    expect(prefixes({ ...aggregated, ...both, slices: [] })).toEqual([]);
  });

  it('offers only the family of the peer, both when asked, and announces no other', () => {
    const dual = { services: [service('web', ['192.0.2.1', '2001:db8::1'])] };
    const families = (changes: Parameters<typeof peer>[1]) =>
      planNode(snapshot({ ...dual, ...withConfig({ peers: [peer('tor', changes)] }) }), 'node1', 1).plan.peers.map(
        ({ session, routes }) => [session.families, routes.flatMap(({ prefixes }) => [...prefixes])],
      );
    expect(families({})).toEqual([[['ipv4'], ['192.0.2.1/32']]]);
    expect(families({ address: ip('2001:db8:1::1') })).toEqual([[['ipv6'], ['2001:db8::1/128']]]);
    expect(families({ families: ['ipv6'] })).toEqual([[['ipv6'], ['2001:db8::1/128']]]);
    expect(families({ dualStackAddressFamily: true })).toEqual([
      [
        ['ipv4', 'ipv6'],
        ['192.0.2.1/32', '2001:db8::1/128'],
      ],
    ]);
  });

  it('hands every wish about the session down', () => {
    const extras = {
      passive: true,
      ttlSecurityHops: 1,
      tcpAo: { sendId: 1, receiveId: 2, algorithm: 'hmac-sha1-96' },
      delayOpenMs: 1000,
      role: 'customer',
      addPath: true,
      extendedMessages: false,
      restartTimeSeconds: 90,
      longLivedStaleSeconds: 3600,
    } as const;
    const [planned] = planNode(snapshot({ ...withConfig({ peers: [peer('tor', extras)] }) }), 'node1', 1).plan.peers;
    expect(planned?.session).toMatchObject(extras);
  });

  it('keeps sessions up on a node that may announce nothing, and ends those it has no business with', () => {
    const excluded = { nodes: [node('node1', { labels: { [EXCLUDE_LABEL]: '' } })] };
    expect(planNode(snapshot(excluded), 'node1', 1).plan.peers.map(({ name }) => name)).toEqual(['tor']);
    expect(planNode(snapshot(withConfig({ peers: [peer('tor', { nodeSelectors: NODE2 })] })), 'node1', 1).plan.peers).toEqual([]);
  });

  it('always has a router id: configured, the node address, or a stable one of its own (RFC 6286 §2.1)', () => {
    expect(idOf(withConfig({ peers: [peer('tor', { routerId: ip('1.2.3.4') })] }))).toBe('1.2.3.4');
    expect(idOf({})).toBe('10.0.0.1');
    const v6only = { nodes: [node('node1', { internalIPs: [ip('2001:db8::9')] })] };
    expect(idOf(v6only)).toMatch(/^10\./);
    expect(idOf(v6only)).toBe(idOf(v6only));
  });

  // An address that is in no pool any more concerns its Service only.
  it('goes on with the others when one address is in no pool', () => {
    const services = [service('stray', ['203.0.113.1']), service('web', ['192.0.2.1'])];
    const found = planNode(snapshot({ services, slices: [slice('stray', ['node1']), slice('web', ['node1'])] }), 'node1', 1);
    expect(found.plan.peers[0]?.routes[0]?.prefixes).toEqual(['192.0.2.1/32']);
    expect(found.plan.claims.map((claim) => claim.ip)).toEqual(['192.0.2.1']);
  });
});

const interfacesOf = (...lists: string[][]) =>
  planNode(snapshot(withConfig({ l2Advertisements: lists.map((interfaces, i) => l2Advertisement(`l2-${i}`, { interfaces })) })), 'node1', 1)
    .plan.claims[0]?.interfaces;

describe('layer 2', () => {
  const three = ['node1', 'node2', 'node3'];
  const nodes = three.map((name) => node(name));
  const tens = withConfig({ pools: [pool('main', '10.0.0.0/24', 'fd00::/64')] });

  // Vectors computed with sha256sum over `node#address`.
  it.each([
    ['10.0.0.1', 'node2'],
    ['fd00::1', 'node3'],
  ])("has MetalLB's owner for %s", (vip, owner) => {
    expect(owners({ ...tens, nodes, services: [service('web', [vip])] }, three)).toEqual([owner]);
  });

  it('lets the first address decide for all addresses of a Service', () => {
    const found = planNode(snapshot({ ...tens, nodes, services: [service('web', ['10.0.0.1', 'fd00::1'])] }), 'node2', 1);
    expect(found.plan.claims.map((claim) => claim.ip)).toEqual(['10.0.0.1', 'fd00::1']);
  });

  it('prefers by weight, over the hash', () => {
    const preferring = {
      ...tens.config,
      l2Advertisements: [l2Advertisement('l2', { preferredNodes: [{ weight: 5, preference: NODE1[0] as never }] })],
    };
    expect(owners({ config: { ...snapshot().config, ...preferring }, nodes, services: [service('web', ['10.0.0.1'])] }, three)).toEqual([
      'node1',
    ]);
  });

  it('counts an endpoint that is terminating and still serving (KEP-1669)', () => {
    const services = [service('web', ['192.0.2.1'], { externalTrafficPolicy: 'Local' })];
    const draining = slice('web', ['node1'], { ready: false, serving: true, terminating: true });
    expect(verdicts({ services, slices: [draining] }).layer2.announced).toBe(true);
    expect(
      verdicts({ services, slices: [{ ...draining, endpoints: draining.endpoints.map((each) => ({ ...each, serving: false })) }] }).layer2
        .announced,
    ).toBe(false);
  });

  it('speaks with the nodes that have a family in common, and has Kubernetes tell of the others', () => {
    const mixed = [
      node('node1', { internalIPs: [ip('10.0.0.1')] }),
      node('node2', { internalIPs: [ip('fd00::2'), ip('10.0.0.2')] }),
      node('node3', { internalIPs: [ip('fd00::3')] }),
      node('node4', { internalIPs: [], ready: false }),
    ];
    expect(planNode(snapshot({ nodes: mixed }), 'node1', 1).plan.layer2).toMatchObject({
      peers: [{ node: 'node2', address: '10.0.0.2', source: '10.0.0.1', ready: true }],
      beyond: { nodes: ['node3'], isReady: true },
    });
    expect(planNode(snapshot({ nodes: mixed.slice(0, 2) }), 'node1', 1).plan.layer2?.beyond).toBeUndefined();
  });

  it('does not go dark when every node is NotReady', () => {
    const silent = three.map((name) => node(name, { ready: false }));
    expect(owners({ nodes: silent }, three)).toHaveLength(1);
  });

  it('names the interfaces of all advertisements, and none when one means all', () => {
    expect(interfacesOf(['eth1'], ['eth0', 'eth1'])).toEqual(['eth0', 'eth1']);
    expect(interfacesOf(['eth1'], [])).toBeUndefined();
  });

  it('has one claim for a shared address, with all its Services', () => {
    const services = [service('b', ['192.0.2.1']), service('a', ['192.0.2.1'])];
    const { plan } = planNode(snapshot({ services, slices: [slice('a', ['node1']), slice('b', ['node1'])] }), 'node1', 1);
    expect(plan.claims).toEqual([{ ip: '192.0.2.1', services: ['default/a', 'default/b'] }]);
  });
});

it('handles Services of its class only, and none that are being deleted', () => {
  const services = [
    service('plain', ['192.0.2.1']),
    service('ours', ['192.0.2.2'], { loadBalancerClass: 'example.com/lb' }),
    service('going', ['192.0.2.3'], { deleting: true }),
    service('internal', ['192.0.2.4'], { type: 'ClusterIP' }),
  ];
  const seen = (changes: Partial<AnnounceSnapshot>) =>
    planNode(snapshot({ services, ...changes }), 'node1', 1).verdicts.map((verdict) => verdict.service);
  expect(seen({})).toEqual(['default/plain']);
  expect(seen({ loadBalancerClass: 'example.com/lb' })).toEqual(['default/ours']);
});

describe('properties', () => {
  const names = ['node1', 'node2', 'node3', 'node4'];
  const arbitrary = record({
    services: uniqueArray(record({ id: integer({ min: 1, max: 200 }), local: boolean(), red: boolean(), on: subarray(names) }), {
      selector: ({ id }) => id,
      maxLength: 12,
    }),
    nodes: array(record({ ready: boolean(), excluded: boolean(), unavailable: boolean() }), { minLength: 4, maxLength: 4 }),
    redOnly: boolean(),
    second: boolean(),
  });
  type World = typeof arbitrary extends Arbitrary<infer T> ? T : never;

  function build(world: World, order: 'forth' | 'back'): AnnounceSnapshot {
    const turn = <T>(list: readonly T[]): readonly T[] => (order === 'forth' ? list : list.toReversed());
    const scope = world.redOnly ? { serviceSelectors: RED } : {};
    return {
      config: config({
        peers: [...turn([peer('tor'), peer('spine', { address: ip('10.0.0.253') })])],
        bgpAdvertisements: [
          ...turn([
            bgpAdvertisement('a', { communities: [1], ...scope }),
            ...(world.second ? [bgpAdvertisement('b', { communities: [2], peers: ['tor'] })] : []),
          ]),
        ],
        l2Advertisements: [l2Advertisement('l2', scope)],
      }),
      services: turn(
        world.services.map(({ id, local, red }) =>
          service(`s${id}`, [`192.0.2.${id}`], {
            externalTrafficPolicy: local ? 'Local' : 'Cluster',
            labels: red ? { colour: 'red' } : {},
          }),
        ),
      ),
      slices: turn(world.services.map(({ id, on }) => slice(`s${id}`, on))),
      nodes: turn(
        world.nodes.map(({ ready, excluded, unavailable }, i) =>
          node(names[i] ?? '', { ready, networkUnavailable: unavailable, labels: excluded ? { [EXCLUDE_LABEL]: '' } : {} }),
        ),
      ),
    };
  }

  it('never gives an address to two nodes, and to one whenever any may have it', () => {
    assert(
      property(arbitrary, (world) => {
        const plans = names.map((name) => planNode(build(world, 'forth'), name, 1));
        for (const { id } of world.services) {
          const key = `default/s${id}`;
          const verdict = (plan: PlannedNode) => plan.verdicts.find((each) => each.service === key)?.layer2;
          const owners = plans.filter((plan) => plan.plan.claims.some((claim) => claim.ip === `192.0.2.${id}`));
          expect(owners.length).toBeLessThanOrEqual(1);
          // Whoever is not the owner only because of the owner names the one who really is.
          const named = plans.flatMap((plan) => {
            const found = verdict(plan);
            return found?.announced === false && found.ineligible.reason === 'NotOwner' ? [found.ineligible.owner] : [];
          });
          expect([...new Set(named)]).toEqual(named.length === 0 ? [] : owners.map((owner) => owner.plan.node));
        }
      }),
      { numRuns: 200 },
    );
  });

  it('does not depend on any order, nor on what was planned before', () => {
    assert(
      property(arbitrary, arbitrary, (world, earlier) => {
        const memory = new PlanMemory();
        planNode(build(earlier, 'forth'), 'node1', 1, memory);
        const { fresh: _, ...after } = planNode(build(world, 'back'), 'node1', 1, memory);
        expect(planNode(build(world, 'forth'), 'node1', 1)).toMatchObject(after);
      }),
      { numRuns: 100 },
    );
  });
});
