import type { z } from 'zod';
import type { ipAddressPoolSpec } from '../api/ipAddressPool.ts';
import { type Block, type BlockError, blocksOverlap, parseBlock } from '../net/block.ts';
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
  for (const [position, text] of spec.addresses.entries()) {
    const path = `spec.addresses[${position}]`;
    const block = parseBlock(text);
    if (typeof block === 'string') {
      faults.push(fault('InvalidAddressBlock', path, `${JSON.stringify(text)} ${WRONG_BLOCK[block]}`));
      continue;
    }
    const other = blocks.find((earlier) => blocksOverlap(earlier, block));
    if (other !== undefined) faults.push(fault('OverlappingPools', path, `${block.text} overlaps with ${other.text} of the same pool`));
    else blocks.push(block);
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

/** Where `pool` runs into one that was there before it. */
function overlapsWith(pool: Pool, earlier: readonly Pool[]): Fault[] {
  return pool.blocks.flatMap((block, position) =>
    earlier.flatMap((other) =>
      other.blocks
        .filter((candidate) => blocksOverlap(candidate, block))
        .map((candidate) =>
          fault(
            'OverlappingPools',
            `spec.addresses[${position}]`,
            `${block.text} overlaps with ${candidate.text} of IPAddressPool ${other.name}`,
          ),
        ),
    ),
  );
}

export const poolRecipe: Recipe<Spec, Pool> = {
  build: buildPool,
  against: ({ value }, placed) =>
    overlapsWith(
      value,
      placed.map((version) => version.value),
    ),
};
