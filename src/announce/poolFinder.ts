import type { Pool } from '../config/config.ts';
import { type Ip, ipToBigInt, ipToBytes } from '../net/ip.ts';

interface Span<N> {
  readonly first: N;
  readonly last: N;
  readonly pool: Pool;
}

/** The pool of an address, the first where several have it. It costs so little to find that no answer is kept: a hundred bytes each. */
export class PoolFinder {
  readonly #ipv4: Span<number>[] = [];
  readonly #ipv6: Span<bigint>[] = [];

  constructor(pools: readonly Pool[]) {
    for (const pool of pools)
      for (const { family, first, last } of pool.blocks) {
        if (family === 'ipv4') this.#ipv4.push({ first: Number(first), last: Number(last), pool });
        else this.#ipv6.push({ first, last, pool });
      }
  }

  find(ip: Ip): Pool | undefined {
    return ip.includes(':') ? findIn(this.#ipv6, ipToBigInt(ip)) : findIn(this.#ipv4, numberOf(ip));
  }
}

function findIn<N extends number | bigint>(spans: readonly Span<N>[], value: N): Pool | undefined {
  for (const { first, last, pool } of spans) if (value >= first && value <= last) return pool;
  return undefined;
}

function numberOf(ip: Ip): number {
  let value = 0;
  for (const byte of ipToBytes(ip)) value = value * 256 + byte;
  return value;
}
