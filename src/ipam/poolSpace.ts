import type { Pool } from '../config/config.ts';
import { type Block, blockSize, blocksOverlap } from '../net/block.ts';
import type { Family } from '../net/ip.ts';
import { FreeMap } from './freeMap.ts';

/** Addresses of one pool, as numbers of objects in status: JSON numbers, so they saturate at 2^53-1. */
export interface PoolUsage {
  readonly assignedIPv4: number;
  readonly assignedIPv6: number;
  readonly availableIPv4: number;
  readonly availableIPv6: number;
}

/**
 * Automatic choice looks at the first 2^30 addresses of a block. What is asked for by name may lie anywhere in it, so this
 * only bounds a number of Services that no cluster has.
 */
const WINDOW = 2 ** 30;

interface Segment {
  readonly block: Block;
  /** The address that has number 0: `block.first`, or the start of its /24 so that words of the map align with .0 and .255. */
  readonly base: bigint;
  readonly low: number;
  readonly high: number;
  readonly free: FreeMap;
  /** Runs of numbers that are never given, in order. */
  readonly excluded: readonly (readonly [low: number, high: number])[];
  /** Where the next search starts; in front of it lies what was never given, or was freed longest ago. */
  cursor: number;
}

/** Which addresses of a pool are free, and which comes next. */
export class PoolSpace {
  readonly pool: Pool;
  readonly #segments: readonly Segment[];
  readonly #assigned: Record<Family, number> = { ipv4: 0, ipv6: 0 };
  /** Not assigned, and yet to be given to nobody. */
  readonly #withheld: Record<Family, number> = { ipv4: 0, ipv6: 0 };
  readonly #capacity: Readonly<Record<Family, bigint>>;

  /** @param earlier the space of the same pool before an edit: blocks that are unchanged go on where they were. */
  constructor(pool: Pool, earlier?: PoolSpace) {
    this.pool = pool;
    const cursors = new Map(earlier?.cursors() ?? []);
    this.#segments = pool.blocks.map((block) => segmentOf(block, pool, cursors.get(block.text)));
    const given = without(pool.blocks, pool.excluded ?? []);
    this.#capacity = { ipv4: capacity(given, 'ipv4', pool.avoidBuggyIPs), ipv6: capacity(given, 'ipv6', false) };
  }

  cursors(): (readonly [string, number])[] {
    return this.#segments.map(({ block, cursor }) => [block.text, cursor] as const);
  }

  has(family: Family): boolean {
    return this.#segments.some(({ block }) => block.family === family);
  }

  /** The address that is next in turn, still free. An address that was just given back comes up again last. */
  next(family: Family): bigint | undefined {
    return this.#ahead(family) ?? (this.#rewind(family) ? this.#ahead(family) : undefined);
  }

  /** Marks `value` as taken and moves the turn behind it. */
  draw(value: bigint, family: Family): void {
    const segment = this.#segmentOf(value, family);
    if (segment !== undefined) segment.cursor = Number(value - segment.base) + 1;
    this.take(value, family);
  }

  take(value: bigint, family: Family): void {
    this.#assigned[family]++;
    this.block(value, family);
  }

  free(value: bigint, family: Family): void {
    this.#assigned[family]--;
    this.unblock(value, family);
  }

  /** Keeps `value` from automatic choice without counting it as assigned. */
  block(value: bigint, family: Family): void {
    const segment = this.#segmentOf(value, family);
    segment?.free.take(Number(value - segment.base));
  }

  unblock(value: bigint, family: Family): void {
    const segment = this.#segmentOf(value, family);
    if (segment !== undefined && !this.avoids(value, family)) segment.free.free(Number(value - segment.base));
  }

  /** Whether the pool gives this address to nobody. Who has it already keeps it. */
  avoids(value: bigint, family: Family): boolean {
    return this.pool.avoidBuggyIPs && isBuggy(value, family);
  }

  excludes(value: bigint, family: Family): boolean {
    return this.pool.excluded?.some((block) => block.family === family && value >= block.first && value <= block.last) === true;
  }

  /** @param difference how many addresses more (or less) somebody else has or claims */
  withhold(family: Family, difference: number): void {
    this.#withheld[family] += difference;
  }

  /** How many addresses of the family can still be given; very large numbers are cut short. */
  available(family: Family): number {
    const rest = this.#capacity[family] - BigInt(this.#assigned[family] + this.#withheld[family]);
    if (rest < 0n) return 0;
    return rest > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(rest);
  }

  usage(): PoolUsage {
    return {
      assignedIPv4: this.#assigned.ipv4,
      assignedIPv6: this.#assigned.ipv6,
      availableIPv4: this.available('ipv4'),
      availableIPv6: this.available('ipv6'),
    };
  }

  #ahead(family: Family): bigint | undefined {
    for (const segment of this.#segments) {
      if (segment.block.family !== family || segment.cursor > segment.high) continue;
      const found = nextIn(segment);
      if (found !== undefined) return segment.base + BigInt(found);
    }
    return undefined;
  }

  #rewind(family: Family): boolean {
    let moved = false;
    for (const segment of this.#segments) {
      if (segment.block.family !== family || segment.cursor === segment.low) continue;
      segment.cursor = segment.low;
      moved = true;
    }
    return moved;
  }

  /** Only within the window: beyond it nothing is ever chosen automatically. */
  #segmentOf(value: bigint, family: Family): Segment | undefined {
    return this.#segments.find(({ block, base, high }) => block.family === family && value >= block.first && value <= base + BigInt(high));
  }
}

/** IPv4 addresses ending in .0 or .255, which some firmware takes for a broadcast. */
function isBuggy(value: bigint, family: Family): boolean {
  if (family === 'ipv6') return false;
  const last = value & 255n;
  return last === 0n || last === 255n;
}

function nextIn({ free, excluded, cursor, high }: Segment): number | undefined {
  let found = free.next(cursor);
  for (const [first, last] of excluded) {
    if (found === undefined || found > high) return undefined;
    if (found >= first && found <= last) found = free.next(last + 1);
  }
  return found === undefined || found > high ? undefined : found;
}

function segmentOf(block: Block, { avoidBuggyIPs, excluded = [] }: Pool, cursor: number | undefined): Segment {
  const base = block.family === 'ipv4' ? block.first & ~255n : block.first;
  const low = Number(block.first - base);
  const size = blockSize(block);
  const high = low + (size > BigInt(WINDOW) ? WINDOW : Number(size)) - 1;
  const leaf = avoidBuggyIPs && block.family === 'ipv4' ? buggyBits : undefined;
  const numberOf = (value: bigint): number => Math.min(Number(value - base), high);
  const gaps = excluded
    .filter((gap) => blocksOverlap(gap, block))
    .map(({ first, last }) => [first < block.first ? low : numberOf(first), numberOf(last)] as const);
  return { block, base, low, high, free: new FreeMap(high + 1, leaf), excluded: gaps, cursor: cursor ?? low };
}

/** What is left of blocks. @param excluded sorted, without overlaps */
function without(blocks: readonly Block[], excluded: readonly Block[]): readonly Block[] {
  return blocks.flatMap((block) => {
    const left: Block[] = [];
    let rest: Block | undefined = block;
    for (const gap of excluded) {
      if (rest === undefined || !blocksOverlap(gap, rest)) continue;
      if (gap.first > rest.first) left.push({ ...rest, last: gap.first - 1n });
      rest = gap.last < rest.last ? { ...rest, first: gap.last + 1n } : undefined;
    }
    return rest === undefined ? left : [...left, rest];
  });
}

/** Eight words of 32 are one /24: .0 is the first bit of the first, .255 the last bit of the last. */
function buggyBits(word: number): number {
  const position = word & 7;
  if (position === 0) return 1;
  return position === 7 ? 1 << 31 : 0;
}

function capacity(blocks: readonly Block[], family: Family, avoidBuggy: boolean): bigint {
  let total = 0n;
  for (const block of blocks) {
    if (block.family !== family) continue;
    total += blockSize(block);
    if (avoidBuggy) total -= endingIn(block, 0n) + endingIn(block, 255n);
  }
  return total;
}

/** How many addresses of the block have this last octet. */
function endingIn({ first, last }: Block, octet: bigint): bigint {
  const upTo = (value: bigint): bigint => (value < octet ? 0n : (value - octet) / 256n + 1n);
  return upTo(last) - (first === 0n ? 0n : upTo(first - 1n));
}
