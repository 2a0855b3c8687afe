import type { z } from 'zod';
import type { ipAddressPoolSpec } from '../api/ipAddressPool.ts';
import { type Block, type BlockError, parseBlock } from '../net/block.ts';
import { parseRetention } from './addressClaims.ts';
import { BlockIndex } from './blockIndex.ts';
import type { Pool, PoolAllocation } from './config.ts';
import { type Fault, fault } from './fault.ts';
import type { ConfigObject } from './object.ts';
import type { Recipe } from './place.ts';
import { unusableIn } from './unusable.ts';

type Spec = z.output<typeof ipAddressPoolSpec>;

const WRONG_BLOCK: Readonly<Record<BlockError, string>> = {
  NotACidrOrRange: 'is neither a CIDR nor a range start-end',
  MixedFamilies: 'mixes IPv4 and IPv6',
  EndBeforeStart: 'ends before it starts',
};

function buildPool(object: ConfigObject<Spec>, spec: Spec): { readonly value: Pool; readonly faults: readonly Fault[] } {
  const faults: Fault[] = [];
  const blocks: Block[] = [];
  const never: Block[] = [];
  const index = new BlockIndex();
  for (const [position, text] of spec.addresses.entries()) {
    const path = `spec.addresses[${position}]`;
    const block = parseBlock(text);
    if (typeof block === 'string') {
      faults.push(fault('InvalidAddressBlock', path, `${JSON.stringify(text)} ${WRONG_BLOCK[block]}`));
      continue;
    }
    const [other] = index.overlapping(block);
    if (other !== undefined) {
      faults.push(fault('OverlappingPools', path, `${block.text} overlaps with ${other.block.text} of the same pool`));
      continue;
    }
    index.add(block, object.ref.name);
    blocks.push(block);
    const unusable = unusableIn(block);
    never.push(...unusable.map((one) => one.block));
    const what = [...new Set(unusable.map((one) => one.what))].join(', ');
    if (what !== '')
      faults.push(fault('UnusableAddresses', path, `${block.text} contains ${what} addresses, which are never given`, 'warning'));
  }
  const allocation = buildAllocation(spec.serviceAllocation);
  const excluded = merged([...never, ...readExcluded(spec.excludedAddresses ?? [], index, faults)]);
  const pool: Pool = {
    name: object.ref.name,
    labels: object.labels,
    blocks,
    autoAssign: spec.autoAssign,
    avoidBuggyIPs: spec.avoidBuggyIPs,
    ...(allocation === undefined ? {} : { allocation }),
    ...(excluded.length === 0 ? {} : { excluded }),
    ...additions(spec),
  };
  return { value: pool, faults };
}

function additions({ disabled, quota, allocationPolicy, claimPolicy, onConflict }: Spec): Partial<Pool> {
  const retention = claimPolicy === undefined ? undefined : parseRetention(claimPolicy);
  return {
    ...(disabled === undefined ? {} : { disabled }),
    ...(quota === undefined ? {} : { quotaPerNamespace: quota.perNamespace }),
    ...(allocationPolicy === undefined ? {} : { allocationPolicy }),
    ...(retention === undefined || retention === 'none' ? {} : { retention }),
    ...(onConflict === undefined ? {} : { onConflict }),
  };
}

function readExcluded(written: readonly string[], pool: BlockIndex, faults: Fault[]): Block[] {
  const blocks: Block[] = [];
  for (const [position, text] of written.entries()) {
    const path = `spec.excludedAddresses[${position}]`;
    const block = parseBlock(text);
    if (typeof block === 'string') faults.push(fault('InvalidAddressBlock', path, `${JSON.stringify(text)} ${WRONG_BLOCK[block]}`));
    else {
      if (pool.overlapping(block).length === 0)
        faults.push(fault('SelectsNothing', path, `${block.text} excludes nothing: it is outside the pool`, 'warning'));
      blocks.push(block);
    }
  }
  return blocks;
}

/** Sorted, and joined where they overlap. */
function merged(blocks: readonly Block[]): Block[] {
  const all: Block[] = [];
  for (const block of blocks.toSorted((a, b) => compare(a.family, b.family) || compare(a.first, b.first))) {
    const last = all.at(-1);
    if (last === undefined || last.family !== block.family || block.first > last.last) all.push(block);
    else if (block.last > last.last) all[all.length - 1] = { ...last, last: block.last, text: `${last.text}, ${block.text}` };
  }
  return all;
}

function compare<T extends string | bigint>(a: T, b: T): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function buildAllocation(raw: Spec['serviceAllocation']): PoolAllocation | undefined {
  if (raw === undefined) return undefined;
  return {
    priority: raw.priority ?? 0,
    namespaces: raw.namespaces ?? [],
    namespaceSelectors: (raw.namespaceSelectors ?? []) as PoolAllocation['namespaceSelectors'],
    serviceSelectors: (raw.serviceSelectors ?? []) as PoolAllocation['serviceSelectors'],
  };
}

export const poolRecipe: Recipe<Spec, Pool> = {
  build: buildPool,
  ground: () => {
    const index = new BlockIndex();
    return {
      against: ({ value }) => overlapFaults(value, index),
      add: ({ value }) => {
        for (const block of value.blocks) index.add(block, value.name);
      },
    };
  },
};

/** Where `pool` runs into those that were there before it. */
function overlapFaults(pool: Pool, index: BlockIndex): Fault[] {
  return pool.blocks.flatMap((block, position) =>
    index
      .overlapping(block)
      .map(({ block: other, owner }) =>
        fault('OverlappingPools', `spec.addresses[${position}]`, `${block.text} overlaps with ${other.text} of IPAddressPool ${owner}`),
      ),
  );
}
