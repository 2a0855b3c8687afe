import { packMessage } from '../../speaker/channel.ts';
import { nodeStatus } from '../../speaker/nodeStatus.ts';
import type { PlannedNode } from '../../src/announce/nodePlan.ts';
import { candidaciesOf } from '../../src/announce/plan.ts';
import { GROUP } from '../../src/api/kind.ts';
import { listCluster } from '../../src/cli/listCluster.ts';
import { loadCredentials } from '../../src/host/kube/credentials.ts';
import { createKubeClient } from '../../src/host/kube/kubeClient.ts';
import { createLogger } from '../../src/host/log.ts';
import type { Mac } from '../../src/net/mac.ts';
import { type ClusterObjects, readCluster } from '../../src/view/cluster.ts';
import { type Explanation, explain } from '../../src/view/explain.ts';
import { plansOf, readWorld } from '../../src/view/world.ts';
import { decodeArp, encodeArp } from '../../src/wire/arp.ts';
import { type Message, encodeMessage } from '../../src/wire/bgp/message.ts';
import { ETHERNET_LENGTH, ETHER_TYPE, encodeEthernet, etherTypeOf } from '../../src/wire/ethernet.ts';
import { NAMESPACE } from '../controller/fixtures.ts';
import { ETH0, FakeClock, type FakeDial, type FakeHands, ip, startEngine } from '../speaker/support.ts';
import { Heard } from '../../speaker/heard.ts';

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
  /** That the node may answer for. */
  readonly vips: readonly string[];
}

/** What happens on it; then all nodes are looked at, so many milliseconds later. */
export type Happening = (wire: Wire) => number;

/** The speakers find each other and the owner, and that one probes before it answers. */
export const SETTLED_MS = 10_000;

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
export function calm({ hands }: Wire): number {
  for (const dial of hands.dials) established(dial);
  return SETTLED_MS;
}

const STRANGER = '02:00:00:00:00:99' as Mac;

/** Another machine has the address, and says so to whoever asks. */
export function stranger({ hands }: Wire, address: string): void {
  const before = hands.onFrame;
  hands.onFrame = (port, frame) => {
    before(port, frame);
    const asked = etherTypeOf(frame) === ETHER_TYPE.arp ? decodeArp(frame.subarray(ETHERNET_LENGTH)) : undefined;
    if (asked === undefined || !('operation' in asked) || asked.operation !== 'request' || asked.targetIp !== address) return;
    const { senderMac: targetMac, senderIp: targetIp } = asked;
    if (targetIp === address) return;
    const payload = encodeArp({ operation: 'reply', senderMac: STRANGER, senderIp: ip(address), targetMac, targetIp });
    port.hear(encodeEthernet({ destination: targetMac, source: STRANGER, etherType: ETHER_TYPE.arp, payload }));
  };
}

/**
 * Every node's own engine carries out its own plan, all at the same time and in reach of each other, and its NodeState says what came
 * of it, as the speaker's would.
 * @param silent speakers that do not run
 * @param isFiltered nothing that speakers say to each other arrives
 */
export async function speak(cluster: RawCluster, happen: Happening, silent: readonly string[] = [], isFiltered = false): Promise<void> {
  const clock = new FakeClock();
  const context = { nowMs: Date.now() };
  const runs = ({ plan }: PlannedNode): boolean => !silent.includes(plan.node);
  const results = plansOf(readWorld(cluster, context)).all.filter(runs);
  const speakers = await Promise.all(results.map((result) => begin(result, clock)));
  if (!isFiltered) for (const { hands } of speakers) hands.onDatagram = carrier(speakers, clock);
  // They run when the Services come: then addresses are probed.
  const before = plansOf(readWorld({ ...cluster, services: [] }, context)).all.filter(runs);
  for (const [at, { plan }] of before.entries()) speakers[at]?.engine.apply(packMessage({ ...plan, peers: [] }, []));
  clock.advance(SETTLED_MS);
  for (const { result, engine, vips } of speakers) engine.apply(packMessage(result.plan, vips));
  const waits = speakers.map(({ result, hands, vips }) => happen({ node: result.plan.node, hands, vips }));
  clock.advance(Math.max(0, ...waits));
  const now = new Date().toISOString();
  for (const { result, engine } of speakers) {
    const status = nodeStatus({
      result,
      report: new Heard().hear(engine.news(true)),
      problems: [],
      version: 'test',
      startedAt: now,
      now,
      before: undefined,
    });
    cluster.nodeStates.push({ metadata: { name: result.plan.node, namespace: NAMESPACE }, spec: {}, status });
  }
}

type Speaker = Awaited<ReturnType<typeof begin>>;

async function begin(result: PlannedNode, clock: FakeClock) {
  const { node } = result.plan;
  const { engine, hands } = startEngine({ clock, node });
  await engine.start(179);
  hands.setLinks([ETH0]);
  return { result, engine, hands, vips: candidaciesOf(result.plan).map(({ ip: vip }) => vip) };
}

/** Takes datagrams to the node whose address they are for. */
function carrier(speakers: readonly Speaker[], clock: FakeClock): FakeHands['onDatagram'] {
  return ({ options: { remote, port, source, ttl } }, bytes) => {
    const to = speakers.find(({ result }) => result.plan.layer2?.peers.some((peer) => peer.source === remote));
    const open = to?.hands.udpPorts.find((each) => each.open && each.options.port === port);
    if (source === undefined || open === undefined) return;
    clock.wake(1, () => open.hear({ bytes, source, sourcePort: 50_000, ttl }));
  };
}
