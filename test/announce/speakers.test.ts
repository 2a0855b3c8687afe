import { describe, expect, it } from 'vitest';
import { PlanMemory, planNode } from '../../src/announce/nodePlan.ts';
import type { EndpointSliceView } from '../../src/cluster/endpoints.ts';
import { serviceKey } from '../../src/cluster/service.ts';
import { config, ip, l2Advertisement, node, pool, slice, snapshot } from './support.ts';

const SPEAKERS = serviceKey('heraldlb-system', 'heraldlb-speaker');
const NODES = ['n1', 'n2', 'n3'].map((name, i) => node(name, { internalIPs: [ip(`10.0.0.${i + 1}`)] }));

function speakersOn(...nodes: readonly string[]): EndpointSliceView {
  return { ...slice('speakers', nodes), service: SPEAKERS };
}

describe('the other speakers, as Kubernetes knows them', () => {
  const base = {
    config: config({ pools: [pool('p', '10.0.1.0/24')], l2Advertisements: [l2Advertisement('l2')] }),
    nodes: NODES,
    speakers: SPEAKERS,
  };
  const readyOf = (slices: readonly EndpointSliceView[], memory = new PlanMemory()): Record<string, boolean> => {
    const { plan } = planNode(snapshot({ ...base, slices }), 'n1', 1, memory);
    return Object.fromEntries(plan.layer2?.peers.map(({ node: name, ready }) => [name, ready]) ?? []);
  };

  it('are there where a Pod of theirs is ready, and nowhere else', () => {
    expect(readyOf([speakersOn('n1', 'n3')])).toEqual({ n2: false, n3: true });
  });

  it('are on all nodes that are ready where their Service is not known', () => {
    expect(readyOf([])).toEqual({ n2: true, n3: true });
  });

  it('come and go without anything else being planned anew', () => {
    const memory = new PlanMemory();
    const nodes = [...NODES];
    const plan = (slices: readonly EndpointSliceView[]) =>
      planNode({ ...snapshot({ ...base, nodes, slices }), config: base.config }, 'n1', 1, memory).plan;
    plan([speakersOn('n1', 'n2', 'n3')]);
    const { planners } = memory;
    expect(plan([speakersOn('n1', 'n2')]).layer2?.peers).toMatchObject([
      { node: 'n2', ready: true },
      { node: 'n3', ready: false },
    ]);
    expect(plan([speakersOn('n1', 'n2', 'n3')]).layer2?.peers).toMatchObject([
      { node: 'n2', ready: true },
      { node: 'n3', ready: true },
    ]);
    expect(memory.planners).toBe(planners);
  });
});
