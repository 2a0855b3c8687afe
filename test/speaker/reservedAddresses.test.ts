import { expect, it } from 'vitest';
import type { DefaultRoute } from '../../src/net/defaultRoute.ts';
import { RankCache } from '../../src/layer2/elector.ts';
import { ETH0, ip, nodePlan, startEngine } from './support.ts';

const [VIP, GATEWAY, OTHER] = [ip('192.0.2.77'), ip('192.0.2.254'), ip('192.0.2.253')];

function route(gateway: typeof VIP): DefaultRoute {
  return { family: 'ipv4', gateway, index: 2, metric: 100, preference: 'medium', table: 254 };
}

function planOf(node: string) {
  const vips = [VIP, GATEWAY];
  const ranks = new Float64Array(vips.flatMap((vip) => [...new RankCache().ranks([node], vip)]));
  const contests = [{ policy: 'hash' as const, nodes: [node], weights: [0], tiers: [0], vips, ranks }];
  return { ...nodePlan(1, []), layer2: { candidacies: vips.map((each) => ({ ip: each })), groups: vips, contests, peers: [] } };
}

it('the default gateway, given to a Service by whomever, is not announced and told; and is announced when it is no gateway any more', async () => {
  const { engine, hands, clock } = startEngine();
  const plan = planOf(nodePlan(1, []).node);
  await engine.start(0);
  hands.setLinks([ETH0]);
  engine.apply({ plan, fresh: [] });
  hands.setRoutes([route(GATEWAY)]);
  clock.advance(10_000);
  const claimed = () =>
    engine
      .report()
      .claims.filter(({ phase }) => phase === 'claimed')
      .map((claim) => claim.ip);
  expect(claimed()).toEqual([VIP]);
  expect(engine.report().problems).toEqual([{ reason: 'AddressOfNode', ip: GATEWAY, owner: 'the default gateway' }]);
  hands.setRoutes([route(OTHER)]);
  clock.advance(10_000);
  expect(claimed().toSorted()).toEqual([GATEWAY, VIP]);
  expect(engine.report().problems).toEqual([]);
  hands.setRoutes([route(OTHER), route(GATEWAY)]);
  clock.advance(10_000);
  expect(claimed()).toEqual([VIP]);
  expect(engine.report().problems).toMatchObject([{ reason: 'AddressOfNode', ip: GATEWAY }]);
});
