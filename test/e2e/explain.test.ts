import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Explanation } from '../../src/view/explain.ts';
import { explained, listRaw } from '../cli/explainSupport.ts';
import { Executable } from '../cli/support.ts';
import { FRR } from '../lab/addresses.ts';
import { Lab } from '../lab/lab.ts';
import { NAMESPACE, service } from '../lab/manifests.ts';
import { need } from '../support/need.ts';
import { until } from '../support/until.ts';
import { LAB_NEEDS } from './needs.ts';

need(...LAB_NEEDS).describe('explain, with the real programs and real routers', () => {
  let lab: Lab;
  let kubeconfig: string;

  beforeAll(async () => {
    lab = await Lab.start({ tag: 'why' });
    kubeconfig = join(lab.directory, 'kubeconfig');
    writeFileSync(kubeconfig, lab.api.kubeconfig());
    lab.startDaemons();
    await lab.established();
    await lab.client.apply(service('edge', 'bgp'));
    await lab.client.apply(service('lan', 'segment'));
  }, 120_000);

  afterAll(async () => {
    await lab?.close();
  });

  const ask = async (name: string): Promise<Explanation> => explained(await listRaw(kubeconfig), name);

  const becomes = (name: string, what: string, check: (seen: Explanation) => boolean): Promise<Explanation> =>
    until(
      what,
      async () => {
        const seen = await ask(name);
        if (!check(seen))
          throw new Error(JSON.stringify([seen.state, seen.causes.map(({ reason, object, message }) => [reason, object, message])]));
        return seen;
      },
      40_000,
      250,
    );

  const edit = (peer: string, spec: object): Promise<unknown> =>
    lab.client.patch({ apiVersion: 'heraldlb.io/v1', kind: 'BGPPeer', namespace: NAMESPACE, name: peer }, { spec });

  it('has nothing to say of what is announced, and the executable ends with 0', async () => {
    // Counters of a NodeState follow within some seconds.
    const isWhole = ({ state, sessions }: Explanation): boolean =>
      state === 'announced' && sessions.length === 6 && sessions.every(({ up, routes, planned }) => up && routes === planned);
    await becomes('edge', 'the Service of the routers, on all six sessions', isWhole);
    const lan = await becomes('lan', 'the Service of the segment', ({ state }) => state === 'announced');
    expect(lan.nodes.filter(({ layer2 }) => layer2 === 'announced')).toHaveLength(1);
    const program = await Executable.build();
    try {
      const ran = await program.run(kubeconfig, 'status');
      expect([ran.code, ran.err, ran.out.split('\n')[0]]).toEqual([0, '', 'No problems.']);
      expect((await program.run(kubeconfig, 'explain', 'service', 'default/lan')).code).toBe(0);
    } finally {
      program.close();
    }
  });

  it('names a wrong AS number and a wrong key, each on its own peer, and is content when they are mended', async () => {
    await edit('frr', { peerASN: 64_999 });
    const everyFrr = `BGPPeer/frr on ${lab.nodes.join(', ')}`;
    await becomes(
      'edge',
      'the wrong AS number, on every node',
      ({ state, causes: [first] }) => state === 'degraded' && first?.reason === 'BadPeerAs' && first.object === everyFrr,
    );
    await edit('bird', { password: 'not what the router has' });
    await becomes('edge', 'the wrong key, on every node', ({ state, causes }) => {
      const objects = new Map(causes.map(({ reason, object }) => [reason, object]));
      const isKey = objects.get('KeyNotAccepted') === `BGPPeer/bird on ${lab.nodes.join(', ')}`;
      return state === 'notAnnounced' && isKey && objects.has('BadPeerAs');
    });
    // What goes by layer 2 is not concerned.
    expect((await ask('lan')).state).toBe('announced');
    await edit('frr', { peerASN: FRR.asn });
    await edit('bird', { password: null });
    await becomes('edge', 'the mended peers', ({ state }) => state === 'announced');
  });

  it('names an interface that no node has', async () => {
    const ref = { apiVersion: 'heraldlb.io/v1', kind: 'L2Advertisement', namespace: NAMESPACE, name: 'segment' };
    await lab.client.patch(ref, { spec: { interfaces: ['eth9'] } });
    const dark = await becomes(
      'lan',
      'the missing interface',
      ({ state, causes: [first] }) => state === 'notAnnounced' && first?.reason === 'NoUsableInterface',
    );
    expect(dark.causes[0]?.message).toContain('eth9');
    await lab.client.patch(ref, { spec: { interfaces: null } });
    await becomes('lan', 'the Service again', ({ state: now }) => now === 'announced');
  });
});
