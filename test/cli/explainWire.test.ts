import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Base, EXCLUDE, NODES, WIRE_ROWS as ROWS, foreign, pod, startBase } from '../broken/wireRows.ts';
import { readCluster } from '../../src/view/cluster.ts';
import { Judge } from '../../src/view/judgement.ts';
import { statusOf } from '../../src/view/status.ts';
import { plansOf, readWorld } from '../../src/view/world.ts';
import type { Prefix } from '../../src/net/prefix.ts';
import { ETH0 } from '../speaker/support.ts';
import { type RawCluster, SETTLED_MS, calm, explained, named, speak } from './explainSupport.ts';

let cluster: Base['cluster'];
let base: RawCluster;

beforeAll(async () => {
  ({ cluster, raw: base } = await startBase());
}, 60_000);

afterAll(async () => {
  await cluster?.close();
});

describe('explain names the cause, with planner, engine and NodeState as the programs have them', () => {
  it('has enough of them', () => expect(Object.keys(ROWS).length).toBeGreaterThan(40));

  it.each(Object.entries(ROWS))(
    '%s',
    async (_, { by, broken, wire = calm, after, service = 'web', state = 'notAnnounced', reason, object, says = '' }) => {
      const raw = structuredClone(base);
      if (by === 'bgp') raw.config.L2Advertisement = [];
      if (by === 'layer2') raw.config.BGPAdvertisement = [];
      broken?.(raw);
      await speak(raw, wire);
      after?.(raw);
      const explanation = explained(raw, service);
      const [first] = explanation.causes;
      expect([explanation.state, first?.reason]).toEqual([state, reason]);
      expect(first?.object).toBe(object ?? first?.object);
      expect(first?.message ?? '').toContain(says);
      // Whatever is said leads somewhere, and says what to do.
      for (const { docs, next } of explanation.causes)
        expect([docs, next]).toEqual([expect.stringMatching(/#[\w-]+$/), expect.stringMatching(/\w{3}/)]);
    },
  );

  it('is the same as what the planner says, node by node', async () => {
    const raw = structuredClone(base);
    named(raw.nodes, 'n3').metadata.labels = { [EXCLUDE]: '' };
    await speak(raw, calm);
    // The speakers' sessions with one another stand beside those that guard routers, and are none of BGP's.
    expect(JSON.stringify(raw.nodeStates.map(({ status }) => status['bfd']))).toContain('mesh/n2');
    const { nodes, sessions } = explained(raw, 'web');
    expect(sessions.map(({ bfd }) => bfd)).toEqual([undefined, undefined]);
    expect(nodes.map(({ node, bgp }) => [node, bgp])).toEqual([
      ['n1', 'announced'],
      ['n2', 'announced'],
      ['n3', 'NodeExcluded'],
    ]);
    const owners = nodes.filter(({ layer2 }) => layer2 === 'announced');
    expect(owners).toHaveLength(1);
    expect(owners[0]?.onWire).toContainEqual(expect.stringContaining('answers for 198.51.100.'));
    expect(sessions.map(({ node, up, routes, planned }) => [node, up, routes === planned])).toEqual([
      ['n1', true, true],
      ['n2', true, true],
    ]);
  });

  it('believes the nodes where they know better than Kubernetes who owns an address', async () => {
    const raw = structuredClone(base);
    raw.config.BGPAdvertisement = [];
    const planned = plansOf(readWorld(raw, { nowMs: Date.now() })).all.find(({ plan }) => plan.claims.length > 0)?.plan.node ?? '';
    // Its speaker has died, and nobody has told Kubernetes.
    await speak(raw, calm, [planned]);
    raw.pods = NODES.map((node) => pod('speaker', node, node !== planned));
    const { state, causes, nodes, chain } = explained(raw, 'web');
    expect([state, causes]).toEqual(['announced', []]);
    const owner = nodes.find(({ onWire }) => onWire.length > 0);
    expect(owner?.node).not.toBe(planned);
    expect(nodes.map(({ layer2 }) => layer2).toSorted()).toEqual(['NotOwner', 'NotOwner', 'announced']);
    expect(owner?.layer2).toBe('announced');
    expect(chain.find(({ stage }) => stage === 'Nodes')?.text).toBe(`${owner?.node} by layer 2`);
  });

  it('says of a node that it is in no subnet of the address, and so behind the others', async () => {
    const raw = structuredClone(base);
    raw.config.BGPAdvertisement = [];
    await speak(raw, ({ hands, node }) => {
      if (node !== 'n2') hands.setLinks(node === 'n1' ? [{ ...ETH0, subnets: ['10.77.0.0/24' as Prefix] }] : []);
      return SETTLED_MS;
    });
    expect(named(raw.nodeStates, 'n1').status['passedOver']).toContainEqual(expect.objectContaining({ reason: 'PoolOutsideSubnets' }));
    const { state, nodes, passedOver } = explained(raw, 'web');
    expect([state, nodes.map(({ layer2 }) => layer2)]).toEqual(['announced', ['PoolOutsideSubnets', 'announced', 'NoUsableInterface']]);
    expect(passedOver.map(({ reason, object }) => [reason, object])).toEqual([
      ['PoolOutsideSubnets', 'n1'],
      ['NoUsableInterface', 'n3'],
    ]);
  });

  it('names the node that has the address and cannot announce it, which is not the one of the plan', async () => {
    const raw = structuredClone(base);
    raw.config.BGPAdvertisement = [];
    const planned = plansOf(readWorld(raw, { nowMs: Date.now() })).all.find(({ plan }) => plan.claims.length > 0)?.plan.node ?? '';
    await speak(raw, foreign, [planned]);
    const { state, causes } = explained(raw, 'web');
    expect([state, causes[0]?.reason]).toEqual(['notAnnounced', 'AddressInUse']);
    expect(causes[0]?.object).not.toBe(planned);
  });

  it('warns of speakers that cannot hear each other, once', async () => {
    const raw = structuredClone(base);
    raw.config.BGPAdvertisement = [];
    await speak(raw, calm, [], true);
    const { state, causes } = explained(raw, 'web');
    expect([state, causes.map(({ reason }) => reason)]).toEqual(['announced', ['LivenessUnknown']]);
    expect(causes[0]?.object).toMatch(/^Node\/n\d, Node\/n\d on n\d$/);
    const seen = readCluster(raw, { nowMs: Date.now() });
    const { problems } = statusOf(seen, new Judge(seen));
    expect(problems.map(({ reason, object }) => [reason, object])).toEqual([
      ['LivenessUnknown', 'Node/n2, Node/n3, Node/n1 on n1, n2, n3'],
    ]);
  });

  it('shows how far the drain of a node is, and a controller that went away', async () => {
    const raw = structuredClone(base);
    await speak(raw, calm);
    named(raw.nodeStates, 'n1').status['drain'] = { phase: 'Draining', reason: 'Cordoned' };
    if (raw.lease !== undefined) raw.lease.spec['renewTime'] = '2020-01-01T00:00:00.000000Z';
    const { state, nodes, causes } = explained(raw, 'web');
    expect(nodes.map(({ drain }) => drain)).toEqual(['Draining (Cordoned)', undefined, undefined]);
    // What is announced goes on without it: a word of warning.
    expect([state, causes.map(({ reason }) => reason)]).toEqual(['announced', ['ControllerNotRunning']]);
  });
});
