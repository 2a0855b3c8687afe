import type { AnnouncedSlice, EndpointView } from '../cluster/endpoints.ts';

/** Which nodes have an endpoint that takes traffic for a Service. */
export interface ServingEndpoints {
  readonly anywhere: boolean;
  /** Nodes that have some, and how many; of two families the larger number. */
  readonly nodes: ReadonlyMap<string, number>;
}

const MAX_SHARED = 4096;
export const NOWHERE: ServingEndpoints = { anywhere: false, nodes: new Map() };

/** Where Services have their endpoints; most have them on the same few sets of nodes. */
export class Servings {
  readonly #shared = new Map<string, ServingEndpoints>();
  /** Of Services with one slice, as nearly all are: what the list of its endpoints says, and slices that are alike have one list. */
  readonly #byList = new WeakMap<readonly EndpointView[], ServingEndpoints>();

  /** @param slices of one Service */
  of(slices: readonly AnnouncedSlice[]): ServingEndpoints {
    const [first, ...others] = slices;
    if (first === undefined) return NOWHERE;
    return others.length === 0 ? this.#ofList(first) : this.#share(servingOf(slices));
  }

  #ofList(slice: AnnouncedSlice): ServingEndpoints {
    const known = this.#byList.get(slice.endpoints);
    if (known !== undefined) return known;
    const made = this.#share(servingOf([slice]));
    this.#byList.set(slice.endpoints, made);
    return made;
  }

  #share(serving: ServingEndpoints): ServingEndpoints {
    if (!serving.anywhere) return NOWHERE;
    const key = JSON.stringify([...serving.nodes].toSorted(([a], [b]) => (a < b ? -1 : 1)));
    const known = this.#shared.get(key);
    if (known !== undefined) return known;
    if (this.#shared.size >= MAX_SHARED) this.#shared.clear();
    this.#shared.set(key, serving);
    return serving;
  }
}

function servingOf(slices: Iterable<AnnouncedSlice>): ServingEndpoints {
  const counts = { ipv4: new Map<string, number>(), ipv6: new Map<string, number>() };
  let anywhere = false;
  for (const { family, endpoints } of slices) {
    for (const endpoint of endpoints) {
      if (!takesTraffic(endpoint)) continue;
      anywhere = true;
      const { nodeName } = endpoint;
      if (nodeName !== undefined) counts[family].set(nodeName, (counts[family].get(nodeName) ?? 0) + 1);
    }
  }
  const nodes = counts.ipv4;
  for (const [node, count] of counts.ipv6) nodes.set(node, Math.max(count, nodes.get(node) ?? 0));
  return { anywhere, nodes };
}

export function sameServing(a: ServingEndpoints, b: ServingEndpoints): boolean {
  if (a === b) return true;
  return a.anywhere === b.anywhere && a.nodes.size === b.nodes.size && [...a.nodes].every(([node, count]) => b.nodes.get(node) === count);
}

/** As kube-proxy decides: a ready endpoint, or one that is terminating and still serving (KEP-1669). */
function takesTraffic(endpoint: EndpointView): boolean {
  return endpoint.ready || endpoint.serving;
}
