import { type Block, blockOfPrefix, blockPrefixes, blockSize, parseBlock } from '../../net/block.ts';
import { type Ip, addressBits, ipFamily, ipFromBigInt, ipToBigInt, parseIp } from '../../net/ip.ts';
import { parsePrefix, prefixLength } from '../../net/prefix.ts';

/** A CIDR, a range `a-b`, or one address. @returns undefined when it is none of them */
export function readBlock(written: string): Block | undefined {
  const one = parseIp(written);
  if (one !== undefined) return blockOfAddress(one);
  const block = parseBlock(written);
  return typeof block === 'string' ? undefined : block;
}

export function blockOfAddress(ip: Ip): Block {
  const value = ipToBigInt(ip);
  return { family: ipFamily(ip), first: value, last: value, text: `${ip}/${addressBits(ipFamily(ip))}` };
}

/** As a pool writes it: a CIDR where it is one, else a range. */
export function blockText({ family, first, last }: Block): string {
  const [prefix, ...more] = blockPrefixes({ family, first, last, text: '' });
  if (prefix !== undefined && more.length === 0) return prefix;
  return `${ipFromBigInt(first, family)}-${ipFromBigInt(last, family)}`;
}

export function totalSize(blocks: readonly Block[]): bigint {
  return blocks.reduce((sum, block) => sum + blockSize(block), 0n);
}

/** What of `block` the others do not have, lowest first. */
export function without(block: Block, others: readonly Block[]): Block[] {
  let rest = [block];
  for (const other of others) rest = rest.flatMap((part) => cut(part, other));
  return rest;
}

function cut(block: Block, other: Block): Block[] {
  if (other.family !== block.family || other.last < block.first || other.first > block.last) return [block];
  const parts: Block[] = [];
  if (other.first > block.first) parts.push({ ...block, last: other.first - 1n });
  if (other.last < block.last) parts.push({ ...block, first: other.last + 1n });
  return parts.map((part) => ({ ...part, text: blockText(part) }));
}

/** First and last address of a CIDR that has more than two. */
export function ends(written: string): Block[] {
  const prefix = parsePrefix(written);
  if (prefix === undefined) return [];
  const block = blockOfPrefix(prefix);
  if (blockSize(block) <= 2n) return [];
  return [block.first, block.last].map((value) => blockOfAddress(ipFromBigInt(value, block.family)));
}

/** The longest mask that still covers every CIDR of the blocks: what a pool allows at most as an aggregate. */
export function shortestMask(blocks: readonly Block[]): number {
  return Math.min(...blocks.flatMap(blockPrefixes).map(prefixLength));
}
