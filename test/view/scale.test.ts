import { describe, expect, it } from 'vitest';
import { type ClusterObjects, readCluster } from '../../src/view/cluster.ts';
import { compareWorlds } from '../../src/view/compare.ts';
import { explain } from '../../src/view/explain.ts';
import { Judge } from '../../src/view/judgement.ts';
import { statusOf } from '../../src/view/status.ts';
import { routeRows, vipRows } from '../../src/view/vips.ts';
import { worldWithout } from '../../src/view/world.ts';

const SERVICES = 1000;
const NODES = 30;

const range = (count: number): number[] => [...Array.from({ length: count }).keys()];
const meta = (name: string, namespace?: string) => ({
  metadata: { name, uid: `uid-${name}`, ...(namespace === undefined ? {} : { namespace }) },
});
const vipOf = (i: number): string => `10.1.${i >> 8}.${i & 255}`;

function cluster(services = SERVICES): ClusterObjects {
  return {
    config: {
      IPAddressPool: [{ ...meta('main'), spec: { addresses: ['10.1.0.0/16'] } }],
      BGPPeer: ['a', 'b'].map((name, i) => ({ ...meta(name), spec: { myASN: 64_512, peerASN: 64_513, peerAddress: `192.0.2.${i + 1}` } })),
      BGPAdvertisement: [{ ...meta('bgp'), spec: {} }],
      L2Advertisement: [{ ...meta('l2'), spec: {} }],
      BFDProfile: [],
      Community: [],
    },
    claims: [],
    services: range(services).map((i) => ({
      ...meta(`s${i}`, 'default'),
      spec: { type: 'LoadBalancer', clusterIP: '10.96.0.1', ports: [{ port: 80 }] },
      status: { loadBalancer: { ingress: [{ ip: vipOf(i) }] } },
    })),
    slices: range(services).map((i) => ({
      metadata: { name: `s${i}-1`, namespace: 'default', labels: { 'kubernetes.io/service-name': `s${i}` } },
      addressType: 'IPv4',
      endpoints: range(3).map((k) => ({ addresses: ['10.244.0.1'], nodeName: `n${(i + k) % NODES}` })),
    })),
    nodes: range(NODES).map((i) => ({ ...meta(`n${i}`), status: { conditions: [{ type: 'Ready', status: 'True' }] } })),
    namespaces: [meta('default')],
    nodeStates: range(NODES).map((i) => ({
      ...meta(`n${i}`),
      status: { bgp: ['a', 'b'].map((peer) => ({ peer, state: 'Established', since: '', routes: SERVICES })) },
    })),
  };
}

describe(`a cluster of ${SERVICES} Services and ${NODES} nodes`, () => {
  it('is looked at whole', () => {
    const seen = readCluster(cluster(), { nowMs: Date.now() });
    const judge = new Judge(seen);
    const status = statusOf(seen, judge);
    expect(status.sessions).toMatchObject({ up: 2 * NODES, all: 2 * NODES });
    expect(status.services).toMatchObject({ all: SERVICES, announced: SERVICES });
    expect(vipRows(seen, judge)).toHaveLength(2 * SERVICES);
    expect(routeRows(seen, judge)).toHaveLength(2 * NODES * SERVICES);
    expect(explain(seen, 'default', 's7').nodes).toHaveLength(NODES);
    const { moves, dark } = compareWorlds(seen.world, worldWithout(seen.world, ['n0']));
    expect(moves.filter(({ from }) => from === 'n0').length).toBeGreaterThan(0);
    // What it had comes on top of the others' own, and who then has more than its share passes some on: fewer than one node's worth.
    expect(moves.filter(({ from }) => from !== 'n0').length).toBeLessThanOrEqual(Math.ceil(SERVICES / NODES));
    expect(dark).toEqual([]);
  });

  it("has MetalLB's owners where its objects are read: what the others own stays", () => {
    const { world } = readCluster(cluster(), { nowMs: Date.now(), apiGroup: 'metallb.io' });
    const { moves } = compareWorlds(world, worldWithout(world, ['n0']));
    expect(moves.filter(({ from }) => from !== 'n0')).toEqual([]);
    expect(moves.length).toBeGreaterThan(0);
  });

  it('costs a few times what four times fewer Services cost, not sixteen times', () => {
    // Of the processor, so that it does not matter what else the machine has to do.
    const costOf = (services: number): number => {
      const objects = cluster(services);
      const before = process.cpuUsage();
      const seen = readCluster(objects, { nowMs: Date.now() });
      statusOf(seen, new Judge(seen));
      const { user, system } = process.cpuUsage(before);
      return user + system;
    };
    costOf(SERVICES / 4);
    const few = Math.min(...[1, 2, 3].map(() => costOf(SERVICES / 4)));
    const many = Math.min(...[1, 2, 3].map(() => costOf(SERVICES)));
    expect(many / few).toBeLessThan(10);
  });
});
