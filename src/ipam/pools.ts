import type { NamespaceView } from '../cluster/node.ts';
import type { ServiceView } from '../cluster/service.ts';
import type { Pool } from '../config/config.ts';
import { anySelectorMatches } from '../config/selector.ts';
import { type Family, type Ip, ipFamily, ipFromBytes, writeIp } from '../net/ip.ts';
import { PoolSpace } from './poolSpace.ts';
import type { PoolVerdictReason } from './refusal.ts';

interface Range {
  readonly first: bigint;
  readonly last: bigint;
  readonly space: PoolSpace;
}

/** All pools: which one an address lies in, and which ones may serve a Service, in the order in which they are tried. */
export class Pools {
  readonly spaces: ReadonlyMap<string, PoolSpace>;
  readonly #ordered: readonly PoolSpace[];
  readonly #hasMostFree: boolean;
  readonly #ranges: Readonly<Record<Family, readonly Range[]>>;
  readonly #namespaces: ReadonlyMap<string, NamespaceView>;
  #lastAddress: Ip | undefined;
  #lastSpace: PoolSpace | undefined;
  /** Per namespace, whether a pool takes it; worked out once per namespace. */
  readonly #takes = new Map<string, ReadonlySet<string>>();

  /** @param earlier pools before an edit: what goes on keeps its turn */
  constructor(pools: readonly Pool[], namespaces: readonly NamespaceView[], earlier?: Pools) {
    this.#ordered = [...pools].sort(byTurn).map((pool) => new PoolSpace(pool, earlier?.spaces.get(pool.name)));
    this.spaces = new Map(this.#ordered.map((space) => [space.pool.name, space]));
    this.#hasMostFree = pools.some(({ allocationPolicy }) => allocationPolicy === 'mostFree');
    this.#namespaces = new Map(namespaces.map((namespace) => [namespace.name, namespace]));
    this.#ranges = { ipv4: rangesOf(this.#ordered, 'ipv4'), ipv6: rangesOf(this.#ordered, 'ipv6') };
  }

  /**
   * Pools with a serviceAllocation by priority, then the others. Among equals those with `firstFit` by name, then those
   * with `mostFree`, the one with the most free addresses of `family` first.
   */
  ordered(family: Family): readonly PoolSpace[] {
    if (!this.#hasMostFree) return this.#ordered;
    const free = (space: PoolSpace): number => (space.pool.allocationPolicy === 'mostFree' ? -space.available(family) : -Infinity);
    return [...this.#ordered].sort((a, b) => compare(turn(a.pool), turn(b.pool)) || compare(free(a), free(b)));
  }

  of(address: Ip): PoolSpace | undefined {
    // One Service after another is looked at, and its address several times in a row.
    if (address === this.#lastAddress) return this.#lastSpace;
    this.#lastAddress = address;
    this.#lastSpace = this.#find(address);
    return this.#lastSpace;
  }

  #find(address: Ip): PoolSpace | undefined {
    const ranges = this.#ranges[ipFamily(address)];
    const value = valueOf(address);
    let low = 0;
    let high = ranges.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const range = ranges[middle];
      if (range === undefined) return undefined;
      if (value < range.first) high = middle - 1;
      else if (value > range.last) low = middle + 1;
      else return range.space;
    }
    return undefined;
  }

  /** Why the pool's serviceAllocation does not take the Service; autoAssign has no part in it. */
  refuses({ pool }: PoolSpace, service: ServiceView): PoolVerdictReason | undefined {
    const allocation = pool.allocation;
    if (allocation === undefined) return undefined;
    if (!this.#takenBy(service.namespace).has(pool.name)) return 'NamespaceNotSelected';
    if (allocation.serviceSelectors.length > 0 && !anySelectorMatches(allocation.serviceSelectors, service.labels))
      return 'ServiceNotSelected';
    return undefined;
  }

  #takenBy(namespace: string): ReadonlySet<string> {
    const known = this.#takes.get(namespace);
    if (known !== undefined) return known;
    const labels = this.#namespaces.get(namespace)?.labels ?? {};
    const taken = new Set(this.#ordered.filter(({ pool }) => takesNamespace(pool, namespace, labels)).map(({ pool }) => pool.name));
    this.#takes.set(namespace, taken);
    return taken;
  }
}

/** A list of selectors that matches no namespace takes no namespace; only two empty lists take all. */
function takesNamespace({ allocation }: Pool, namespace: string, labels: Readonly<Record<string, string>>): boolean {
  if (allocation === undefined) return true;
  if (allocation.namespaces.length === 0 && allocation.namespaceSelectors.length === 0) return true;
  return allocation.namespaces.includes(namespace) || anySelectorMatches(allocation.namespaceSelectors, labels);
}

function byTurn(a: Pool, b: Pool): number {
  return compare(turn(a), turn(b)) || compare(a.name, b.name);
}

function compare<T extends string | number>(a: T, b: T): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function turn({ allocation }: Pool): number {
  if (allocation === undefined) return Number.POSITIVE_INFINITY;
  return allocation.priority === 0 ? Number.MAX_SAFE_INTEGER : allocation.priority;
}

function rangesOf(spaces: readonly PoolSpace[], family: Family): Range[] {
  const ranges = spaces.flatMap((space) =>
    space.pool.blocks.filter((block) => block.family === family).map(({ first, last }) => ({ first, last, space })),
  );
  return ranges.sort((a, b) => (a.first < b.first ? -1 : 1));
}

const scratch = new Uint8Array(16);
const view = new DataView(scratch.buffer);

let lastAddress: Ip | undefined;
let lastValue = 0n;

function remembered(address: Ip, value: bigint): void {
  lastAddress = address;
  lastValue = value;
}

export function valueOf(address: Ip): bigint {
  if (address === lastAddress) return lastValue;
  const length = writeIp(address, scratch, 0);
  remembered(address, length === 4 ? BigInt(view.getUint32(0)) : (view.getBigUint64(0) << 64n) | view.getBigUint64(8));
  return lastValue;
}

export function addressOf(value: bigint, family: Family): Ip {
  if (family === 'ipv4') view.setUint32(0, Number(value));
  else {
    view.setBigUint64(0, value >> 64n);
    view.setBigUint64(8, value & 0xffff_ffff_ffff_ffffn);
  }
  const address = ipFromBytes(scratch, 0, family === 'ipv4' ? 4 : 16);
  remembered(address, value);
  return address;
}
