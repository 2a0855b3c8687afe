import type { z } from 'zod';
import type { ipAddressPoolSpec } from '../api/ipAddressPool.ts';
import { type Block, type BlockError, parseBlock } from '../net/block.ts';
import { BlockIndex } from './blockIndex.ts';
import type { Pool, PoolAllocation } from './config.ts';
import { type Fault, fault } from './fault.ts';
import type { ConfigObject } from './object.ts';
import type { Recipe } from './place.ts';

type Spec = z.output<typeof ipAddressPoolSpec>;

const WRONG_BLOCK: Readonly<Record<BlockError, string>> = {
  NotACidrOrRange: 'is neither a CIDR nor a range start-end',
  MixedFamilies: 'mixes IPv4 and IPv6',
  EndBeforeStart: 'ends before it starts',
};

function buildPool(object: ConfigObject<Spec>, spec: Spec): { readonly value: Pool; readonly faults: readonly Fault[] } {
  const faults: Fault[] = [];
  const blocks: Block[] = [];
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
  }
  const allocation = buildAllocation(spec.serviceAllocation);
  const pool: Pool = {
    name: object.ref.name,
    labels: object.labels,
    blocks,
    autoAssign: spec.autoAssign,
    avoidBuggyIPs: spec.avoidBuggyIPs,
    ...(allocation === undefined ? {} : { allocation }),
  };
  return { value: pool, faults };
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
