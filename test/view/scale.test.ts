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

function cluster(): ClusterObjects {
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
    services: range(SERVICES).map((i) => ({
      ...meta(`s${i}`, 'default'),
      spec: { type: 'LoadBalancer', clusterIP: '10.96.0.1', ports: [{ port: 80 }] },
      status: { loadBalancer: { ingress: [{ ip: vipOf(i) }] } },
    })),
    slices: range(SERVICES).map((i) => ({
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
  it('is looked at in a fraction of a second', () => {
    const started = performance.now();
    const seen = readCluster(cluster(), { nowMs: Date.now() });
    const read = performance.now();
    const judge = new Judge(seen);
    const status = statusOf(seen, judge);
    const judged = performance.now();
    expect(status.sessions).toMatchObject({ up: 2 * NODES, all: 2 * NODES });
    expect(status.services).toMatchObject({ all: SERVICES, announced: SERVICES });
    expect(vipRows(seen, judge)).toHaveLength(2 * SERVICES);
    expect(routeRows(seen, judge)).toHaveLength(2 * NODES * SERVICES);
    const listed = performance.now();
    expect(explain(seen, 'default', 's7').nodes).toHaveLength(NODES);
    const explained = performance.now();
    const { moves } = compareWorlds(seen.world, worldWithout(seen.world, ['n0']));
    expect(moves.length).toBeGreaterThan(0);
    const compared = performance.now();
    console.log({
      read: read - started,
      judged: judged - read,
      listed: listed - judged,
      explained: explained - listed,
      compared: compared - explained,
    });
  });
});
