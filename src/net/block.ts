import { type Family, type Ip, addressBits, ipFamily, ipFromBigInt, ipToBigInt, parseIp } from './ip.ts';
import { type Prefix, parsePrefix, prefixAddress, prefixFamily, prefixLength, prefixOf } from './prefix.ts';

/** A run of addresses of one family, both ends included: what one entry of IPAddressPool `spec.addresses` names. */
export interface Block {
  readonly family: Family;
  readonly first: bigint;
  readonly last: bigint;
  /** As written, trimmed: `192.0.2.0/24` or `192.0.2.1-192.0.2.9`. */
  readonly text: string;
}

export type BlockError = 'NotACidrOrRange' | 'MixedFamilies' | 'EndBeforeStart';

/** Accepts a CIDR (host bits are masked off) or `start-end`; blanks around the hyphen are allowed, as in MetalLB. */
export function parseBlock(text: string): Block | BlockError {
  const trimmed = text.trim();
  if (trimmed.includes('/')) {
    const prefix = parsePrefix(trimmed);
    return prefix === undefined ? 'NotACidrOrRange' : blockOfPrefix(prefix, trimmed);
  }
  const [from, to, ...more] = trimmed.split('-');
  const start = from === undefined ? undefined : parseIp(from);
  const end = to === undefined ? undefined : parseIp(to);
  if (start === undefined || end === undefined || more.length > 0) return 'NotACidrOrRange';
  if (ipFamily(start) !== ipFamily(end)) return 'MixedFamilies';
  const first = ipToBigInt(start);
  const last = ipToBigInt(end);
  if (last < first) return 'EndBeforeStart';
  return { family: ipFamily(start), first, last, text: trimmed };
}

export function blockOfPrefix(prefix: Prefix, text: string = prefix): Block {
  const family = prefixFamily(prefix);
  const first = ipToBigInt(prefixAddress(prefix));
  const hostBits = BigInt(addressBits(family) - prefixLength(prefix));
  return { family, first, last: first + (1n << hostBits) - 1n, text };
}

export function blockSize(block: Block): bigint {
  return block.last - block.first + 1n;
}

export function blockContains(block: Block, ip: Ip): boolean {
  if (ipFamily(ip) !== block.family) return false;
  const value = ipToBigInt(ip);
  return value >= block.first && value <= block.last;
}

export function blocksOverlap(a: Block, b: Block): boolean {
  return a.family === b.family && a.first <= b.last && b.first <= a.last;
}

/** The fewest prefixes that cover exactly this block, lowest address first. */
export function blockPrefixes(block: Block): Prefix[] {
  const bits = addressBits(block.family);
  const prefixes: Prefix[] = [];
  let at = block.first;
  while (at <= block.last) {
    let hostBits = 0;
    while (hostBits < bits) {
      const size = 1n << BigInt(hostBits + 1);
      if (at % size !== 0n || at + size - 1n > block.last) break;
      hostBits++;
    }
    prefixes.push(prefixOf(ipFromBigInt(at, block.family), bits - hostBits));
    at += 1n << BigInt(hostBits);
  }
  return prefixes;
}
