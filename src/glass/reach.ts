import type { Ineligible } from '../announce/eligibility.ts';
import { coversNode, coversService, isIneligible, names, nodeIneligible, servicePools } from '../announce/scope.ts';
import type { IndexedSnapshot } from '../announce/snapshot.ts';
import type { NodeView } from '../cluster/node.ts';
import type { AnnouncedService } from '../cluster/service.ts';
import type { AdvertisementScope, BgpAdvertisement, Config, Peer } from '../config/config.ts';
import type { Ip } from '../net/ip.ts';

/** Where a Service is to be announced by BGP, and to whom. */
export interface Reached {
  readonly node: string;
  /** BGPPeer names, sorted. */
  readonly peers: readonly string[];
}

export interface ServiceReach {
  readonly bgp: readonly Reached[];
  /** Some node may own it in layer 2. */
  readonly layer2: boolean;
  /** Why there is neither. */
  readonly why?: Ineligible;
}

interface Approach {
  readonly nodes: readonly Reached[];
  /** When there are none: what keeps most of them. */
  readonly why: Ineligible;
}

const NO_ADVERTISEMENT: Ineligible = { reason: 'NoMatchingAdvertisement' };

/**
 * The plans of all nodes at once, by sets of nodes instead of node by node: a page about a hundred nodes must not cost a hundred
 * plans. What it says is what {@link planNode} says for each node, but for advertisements that contradict each other.
 */
export class Reach {
  readonly #config: Config;
  readonly #nodes: readonly NodeView[];
  readonly #approaches = new Map<string, Approach>();

  constructor(config: Config, nodes: readonly NodeView[]) {
    this.#config = config;
    this.#nodes = nodes;
  }

  /** @param ip one of the Service's addresses: an advertisement may be for the pool of one of two */
  of(index: IndexedSnapshot, service: AnnouncedService, ip: Ip): ServiceReach {
    const all = servicePools(index, service);
    if (isIneligible(all)) return { bgp: [], layer2: false, why: all };
    const pools = all.filter((_, position) => service.ingress[position] === ip);
    const routed = this.#config.bgpAdvertisements.filter((advertisement) => coversService(advertisement, service, pools));
    const owned = this.#config.l2Advertisements.filter((advertisement) => coversService(advertisement, service, pools));
    if (routed.length + owned.length === 0) return { bgp: [], layer2: false, why: NO_ADVERTISEMENT };
    const serving = index.serving(service.key);
    if (!serving.anywhere) return { bgp: [], layer2: false, why: { reason: 'NoEndpoints' } };
    const isLocal = service.externalTrafficPolicy === 'Local';
    const keep = (found: readonly Reached[]): readonly Reached[] => (isLocal ? found.filter(({ node }) => serving.nodes.has(node)) : found);
    const bgp = keep(this.#routed(routed, (node) => serving.nodes.has(node)));
    const fit = this.#approach('layer 2', owned, () => []).nodes;
    const layer2 = keep(fit).length > 0;
    if (bgp.length > 0 || layer2) return { bgp, layer2 };
    const approach = routed.length > 0 ? this.#bgp(routed) : this.#approach('layer 2', owned, () => []);
    return { bgp, layer2, why: approach.nodes.length > 0 ? { reason: 'NoLocalEndpoints' } : approach.why };
  }

  /** Advertisements with `onlyWithEndpoints` count only on nodes that have some. */
  #routed(routed: readonly BgpAdvertisement[], serves: (node: string) => boolean): readonly Reached[] {
    const all = this.#bgp(routed).nodes;
    const unconditional = routed.filter(({ onlyWithEndpoints }) => onlyWithEndpoints !== true);
    if (unconditional.length === routed.length) return all;
    const rest = this.#bgp(unconditional).nodes;
    return [...all.filter(({ node }) => serves(node)), ...rest.filter(({ node }) => !serves(node))].sort((a, b) =>
      a.node < b.node ? -1 : 1,
    );
  }

  #bgp(advertisements: readonly BgpAdvertisement[]): Approach {
    return this.#approach('BGP', advertisements, (node, here) => {
      const peers = this.#config.peers.filter((peer) => coversNode(peer, node) && here.some((entry) => speaksTo(entry, peer)));
      return peers.length === 0 ? undefined : names(peers);
    });
  }

  #approach<Advertisement extends AdvertisementScope>(
    protocol: string,
    advertisements: readonly Advertisement[],
    peersOf: (node: NodeView, here: readonly Advertisement[]) => readonly string[] | undefined,
  ): Approach {
    const key = `${protocol} ${names(advertisements).join(' ')}`;
    const known = this.#approaches.get(key);
    if (known !== undefined) return known;
    const nodes: Reached[] = [];
    let why: Ineligible = advertisements.length === 0 ? NO_ADVERTISEMENT : { reason: 'NodeUnknown' };
    const candidates = advertisements.length === 0 ? [] : this.#nodes;
    for (const node of candidates) {
      const here = advertisements.filter((advertisement) => coversNode(advertisement, node));
      const peers = here.length === 0 ? undefined : peersOf(node, here);
      const unfit = nodeIneligible(node);
      if (unfit === undefined && peers !== undefined) nodes.push({ node: node.name, peers });
      else if (unfit !== undefined) why = unfit;
      else if (here.length > 0) why = { reason: 'NoPeers', advertisements: names(here) };
      else if (why.reason !== 'NoPeers') why = { reason: 'NodeNotSelected', advertisements: names(advertisements) };
    }
    const made = { nodes, why };
    this.#approaches.set(key, made);
    return made;
  }
}

function speaksTo({ peers }: BgpAdvertisement, { name }: Peer): boolean {
  return peers.length === 0 || peers.includes(name);
}
