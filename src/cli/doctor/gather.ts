import { record, text } from '../../cluster/json.ts';
import type { Config } from '../../config/config.ts';
import { CONFIG_KINDS, type RawObjects, parseConfig } from '../../config/parse.ts';
import { configResource } from '../../host/kube/configResource.ts';
import { loadCredentials } from '../../host/kube/credentials.ts';
import { createKubeClient } from '../../host/kube/kubeClient.ts';
import { createLogger } from '../../host/log.ts';
import type { Block } from '../../net/block.ts';
import { type Ip, ipFamily, ipFromBigInt } from '../../net/ip.ts';
import { type ClusterFlags, listAll } from '../clusterAccess.ts';
import { readManifests } from '../manifests.ts';
import type { ClusterFacts, Facts } from './contract.ts';
import { gatherCluster } from './gatherCluster.ts';
import { gatherNode } from './gatherNode.ts';
import { gatherWire } from './gatherWire.ts';
import { optional } from './optional.ts';
import { layer2Here, layer2Pools, peersHere } from './scope.ts';

export interface DoctorFlags extends ClusterFlags {
  readonly nodeName: string;
  readonly filename?: readonly string[];
  readonly lbClass?: string;
  readonly excludeInterfaces: RegExp;
  /** --no-cluster. */
  readonly cluster: boolean;
  /** --no-probes. */
  readonly probes: boolean;
}

/** ARP probes are few: a preflight is no scan. */
const MAX_PROBED = 32;

export async function gather(flags: DoctorFlags): Promise<Facts> {
  const fromFiles = flags.filename === undefined ? undefined : readManifests(flags.filename, flags.apiGroup).objects;
  const { cluster, objects } = flags.cluster ? await askCluster(flags, fromFiles === undefined) : {};
  const facts: Facts = {
    nodeName: flags.nodeName,
    node: await gatherNode(),
    excludeInterfaces: flags.excludeInterfaces,
    ...(flags.lbClass === undefined ? {} : { loadBalancerClass: flags.lbClass }),
    ...(cluster === undefined ? {} : { cluster }),
    ...configOf(fromFiles ?? objects),
  };
  return flags.probes ? { ...facts, wire: await gatherWire(wireAsk(facts)) } : facts;
}

function configOf(objects: RawObjects | undefined): Pick<Facts, 'config' | 'problems'> {
  if (objects === undefined) return {};
  const { config, problems } = parseConfig(objects, { generation: 1 });
  return { config: markKeyed(config, objects), problems };
}

/** Secrets are not read: that there is a password is enough. */
function markKeyed(config: Config, { BGPPeer }: RawObjects): Config {
  const keyed = new Set(
    BGPPeer.flatMap((raw) => {
      const secret = text(record(record(record(raw)?.['spec'])?.['passwordSecret'])?.['name']);
      const name = text(record(record(raw)?.['metadata'])?.['name']);
      return secret === undefined || name === undefined ? [] : [name];
    }),
  );
  return { ...config, peers: config.peers.map((peer) => (keyed.has(peer.name) ? { ...peer, password: '' } : peer)) };
}

async function askCluster(
  flags: DoctorFlags,
  withObjects: boolean,
): Promise<{ readonly cluster: ClusterFacts; readonly objects?: RawObjects }> {
  const credentials = loadCredentials(flags.kubeconfig === undefined ? {} : { kubeconfig: flags.kubeconfig });
  const client = createKubeClient({ credentials, log: createLogger({ level: 'silent', name: 'heraldlb' }), userAgent: 'heraldlb-cli' });
  const { namespace, nodeName, apiGroup } = flags;
  try {
    const cluster = await gatherCluster({ credentials, client, namespace, nodeName });
    if (!withObjects || cluster.served === undefined) return { cluster };
    const lists = await Promise.all(CONFIG_KINDS.map((kind) => optional(listAll(client, configResource(apiGroup, kind), namespace))));
    const objects = Object.fromEntries(CONFIG_KINDS.map((kind, at) => [kind, lists[at] ?? []])) as unknown as RawObjects;
    return { cluster, objects };
  } finally {
    await client.close();
  }
}

function wireAsk(facts: Facts): Parameters<typeof gatherWire>[0] {
  const { node, cluster } = facts;
  const named = layer2Here(facts).flatMap(({ interfaces }) => interfaces);
  const interfaces = named.length > 0 ? named : node.nics.map(({ name }) => name).filter((name) => !facts.excludeInterfaces.test(name));
  // A few addresses of small pools: those that somebody will get next.
  const next = layer2Pools(facts).flatMap(({ blocks }) => blocks.flatMap(addressesOf));
  const vips = [...new Set([...(cluster?.nodeState?.claims ?? []).map(({ ip }) => ip as Ip), ...next])].filter(
    (ip) => ipFamily(ip) === 'ipv4',
  );
  const canProbe = node.addonError === undefined && ((node.capabilities >> 13n) & 1n) === 1n;
  return {
    peers: peersHere(facts),
    gateways: node.gateways,
    vips: canProbe && layer2Here(facts).length > 0 ? vips.slice(0, MAX_PROBED) : [],
    interfaces,
  };
}

function addressesOf({ family, first, last }: Block): Ip[] {
  const size = Number(last - first < 16n ? last - first + 1n : 0n);
  return Array.from({ length: size }, (_, at) => ipFromBigInt(first + BigInt(at), family));
}
