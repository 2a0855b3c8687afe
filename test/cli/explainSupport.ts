import { packMessage } from '../../speaker/channel.ts';
import { nodeStatus } from '../../speaker/nodeStatus.ts';
import type { PlannedNode } from '../../src/announce/nodePlan.ts';
import { GROUP } from '../../src/api/kind.ts';
import { listCluster } from '../../src/cli/listCluster.ts';
import { loadCredentials } from '../../src/host/kube/credentials.ts';
import { createKubeClient } from '../../src/host/kube/kubeClient.ts';
import { createLogger } from '../../src/host/log.ts';
import type { Mac } from '../../src/net/mac.ts';
import { type ClusterObjects, readCluster } from '../../src/view/cluster.ts';
import { type Explanation, explain } from '../../src/view/explain.ts';
import { plansOf, readWorld } from '../../src/view/world.ts';
import { encodeArp } from '../../src/wire/arp.ts';
import { type Message, encodeMessage } from '../../src/wire/bgp/message.ts';
import { ETHER_TYPE, encodeEthernet } from '../../src/wire/ethernet.ts';
import { NAMESPACE } from '../controller/fixtures.ts';
import { ETH0, type FakeClock, type FakeDial, type FakeHands, ip, startEngine } from '../speaker/support.ts';

/** What an API server would store, for tests to change as they like. */
export interface Raw {
  readonly metadata: { name: string; namespace?: string; labels?: Record<string, string>; annotations?: Record<string, string> };
  spec: Record<string, unknown>;
  status: Record<string, unknown>;
  [field: string]: unknown;
}

export interface RawCluster {
  config: Record<keyof ClusterObjects['config'], Raw[]>;
  claims: Raw[];
  services: Raw[];
  slices: Raw[];
  nodes: Raw[];
  namespaces: Raw[];
  nodeStates: Raw[];
  pods?: Raw[];
  lease?: Raw;
}

/** As the commands list it. */
export async function listRaw(kubeconfig: string): Promise<RawCluster> {
  const log = createLogger({ level: 'silent', name: 'test' });
  const client = createKubeClient({ credentials: loadCredentials({ kubeconfig }), log });
  try {
    return (await listCluster(client, { namespace: NAMESPACE, apiGroup: GROUP })) as unknown as RawCluster;
  } finally {
    await client.close();
  }
}

export function explained(cluster: RawCluster, name: string, lbClass?: string): Explanation {
  const context = { nowMs: Date.now(), ...(lbClass === undefined ? {} : { loadBalancerClass: lbClass }) };
  return explain(readCluster(cluster, context), 'default', name);
}

export function named(objects: readonly Raw[], name: string): Raw {
  const found = objects.find(({ metadata }) => metadata.name === name);
  if (found === undefined) throw new Error(`there is no ${name}`);
  return found;
}

/** One node's wire: sockets that only remember, and what comes in through them. */
export interface Wire {
  readonly node: string;
  readonly hands: FakeHands;
  readonly clock: FakeClock;
  readonly vips: readonly string[];
}

const ROUTER = ip('192.0.2.254');

export function say(dial: FakeDial, ...messages: readonly Message[]): void {
  for (const message of messages) dial.events.bytes(encodeMessage(message));
}

export function connected(dial: FakeDial): void {
  dial.events.up(ip('192.0.2.1'), ROUTER);
}

export function opened(dial: FakeDial, asn = 64_513, holdTimeSeconds = 90): void {
  connected(dial);
  say(dial, {
    type: 'open',
    asn,
    holdTimeSeconds,
    routerId: ROUTER,
    capabilities: [
      { type: 'multiprotocol', afi: 1, safi: 1 },
      { type: 'fourOctetAs', asn },
    ],
  });
}

export function established(dial: FakeDial): void {
  opened(dial);
  say(dial, { type: 'keepalive' });
  dial.events.writable();
}

/** Every router answers, and no stranger has an address. */
export function calm({ hands, clock }: Wire): void {
  hands.setLinks([ETH0]);
  for (const dial of hands.dials) established(dial);
  clock.advance(3000);
}

/** Another machine says that it has the address. */
export function stranger({ hands }: Wire, address: string): void {
  const mac = '02:00:00:00:00:99' as Mac;
  const payload = encodeArp({ operation: 'reply', senderMac: mac, senderIp: ip(address), targetMac: ETH0.mac, targetIp: ip('192.0.2.1') });
  for (const port of hands.ports) port.hear(encodeEthernet({ destination: ETH0.mac, source: mac, etherType: ETHER_TYPE.arp, payload }));
}

export type Happening = (wire: Wire) => void;

/** Every node's own engine carries out its own plan, and its NodeState says what came of it, as the speaker's would. */
export async function speak(cluster: RawCluster, happen: Happening): Promise<void> {
  const { all } = plansOf(readWorld(cluster, { nowMs: Date.now() }));
  for (const planned of all) cluster.nodeStates.push(await nodeState(planned, happen));
}

async function nodeState(result: PlannedNode, happen: Happening): Promise<Raw> {
  const { plan } = result;
  const { engine, hands, clock } = startEngine();
  await engine.start(179);
  hands.setLinks([ETH0]);
  const vips = plan.claims.map(({ ip: vip }) => vip);
  engine.apply(packMessage(plan, vips));
  happen({ node: plan.node, hands, clock, vips });
  const now = new Date().toISOString();
  const status = nodeStatus({ result, report: engine.report(), problems: [], version: 'test', startedAt: now, now, before: undefined });
  return { metadata: { name: plan.node, namespace: NAMESPACE }, spec: {}, status };
}
