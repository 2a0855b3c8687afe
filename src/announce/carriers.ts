import type { NodeView } from '../cluster/node.ts';
import type { AnnouncedService } from '../cluster/service.ts';
import type { BgpAdvertisement, Pool } from '../config/config.ts';
import { type Family, type Ip, ipFamily } from '../net/ip.ts';
import { drainReason } from './drain.ts';
import { familiesOf } from './peerFamilies.ts';
import { preferenceOf, samePreference } from './routeTable.ts';
import { coversAddress, coversNode, nodeIneligible, prefixFor, speaksTo } from './scope.ts';
import type { IndexedSnapshot } from './snapshot.ts';

/**
 * Which addresses other nodes announce by BGP, so that this one may hand them over: nodes that are ready, not on their way out themselves,
 * and that the same snapshot tells to announce.
 */
export class Carriers {
  readonly #index: IndexedSnapshot;
  readonly #others: readonly NodeView[];
  /** By advertisement and family: who announces by it, endpoints apart. */
  readonly #nodes = new Map<string, ReadonlySet<string>>();

  /** @param own the node whose place is to be taken */
  constructor(index: IndexedSnapshot, own: string) {
    this.#index = index;
    this.#others = index.nodes.filter(
      (node) =>
        node.name !== own && node.ready && nodeIneligible(node) === undefined && drainReason(node, index.drainTriggers) === undefined,
    );
  }

  /** @param covering the advertisements that speak of the Service @returns the addresses that no other node announces */
  uncarried(service: AnnouncedService, pools: readonly Pool[], covering: readonly BgpAdvertisement[]): ReadonlySet<Ip> {
    const contradictions = contradicting(service, covering);
    const isCarried = (ip: Ip, position: number): boolean =>
      covering.some(
        (advertisement) => coversAddress(advertisement, pools, position) && this.#announces(service, advertisement, ip, contradictions),
      );
    return new Set(service.ingress.filter((ip, position) => !isCarried(ip, position)));
  }

  #announces(service: AnnouncedService, advertisement: BgpAdvertisement, ip: Ip, contradictions: readonly Contradiction[]): boolean {
    const serving = this.#index.serving(service.key);
    const nodes = this.#nodesOf(advertisement, ipFamily(ip));
    const isLocal = service.externalTrafficPolicy === 'Local' || advertisement.onlyWithEndpoints === true;
    const fit = isLocal ? [...serving.nodes.keys()].filter((name) => nodes.has(name)) : nodes;
    if (contradictions.length === 0) return serving.anywhere && (isLocal ? (fit as string[]).length : nodes.size) > 0;
    return serving.anywhere && [...fit].some((name) => !this.#isTorn(name, contradictions));
  }

  #nodesOf(advertisement: BgpAdvertisement, family: Family): ReadonlySet<string> {
    const key = `${family} ${advertisement.name}`;
    const known = this.#nodes.get(key);
    if (known !== undefined) return known;
    const { peers } = this.#index.config;
    const fit = this.#others.filter(
      (node) =>
        coversNode(advertisement, node) &&
        peers.some((peer) => speaksTo(advertisement, peer) && coversNode(peer, node) && familiesOf(peer).includes(family)),
    );
    const nodes = new Set(fit.map(({ name }) => name));
    this.#nodes.set(key, nodes);
    return nodes;
  }

  /** A node on which two advertisements ask for different things announces nothing of the Service. */
  #isTorn(name: string, contradictions: readonly Contradiction[]): boolean {
    const node = this.#others.find((other) => other.name === name);
    const peers = this.#index.config.peers.filter((peer) => node !== undefined && coversNode(peer, node));
    return contradictions.some(
      (pair) =>
        node !== undefined &&
        pair.every((advertisement) => coversNode(advertisement, node)) &&
        peers.some((peer) => pair.every((advertisement) => speaksTo(advertisement, peer))),
    );
  }
}

type Contradiction = readonly [BgpAdvertisement, BgpAdvertisement];

/** Nearly always none. */
function contradicting(service: AnnouncedService, covering: readonly BgpAdvertisement[]): Contradiction[] {
  return covering.flatMap((a, i) =>
    covering
      .slice(i + 1)
      .filter((b) => !samePreference(preferenceOf(a), preferenceOf(b)))
      .filter((b) => service.ingress.some((ip) => prefixFor(ip, a) === prefixFor(ip, b)))
      .map((b): Contradiction => [a, b]),
  );
}
