import type { ClaimTable } from '../src/layer2/claimTable.ts';
import type { Response } from '../src/layer2/response.ts';
import type { Ip } from '../src/net/ip.ts';

/** Counts of the hot path, read when metrics are asked for. */
export class Layer2Counters {
  readonly #table: ClaimTable;
  readonly drops = new Map<string, number>();
  conflicts = 0;
  /** Told of each announcement. */
  announced: ((ip: Ip) => void) | undefined;

  constructor(table: ClaimTable) {
    this.#table = table;
  }

  get announcements(): Iterable<readonly [Ip, number]> {
    return this.#table.counts('announcements');
  }

  get responses(): Iterable<readonly [Ip, number]> {
    return this.#table.counts('answers');
  }

  /** Each question that concerns a VIP is answered. */
  get requests(): Iterable<readonly [Ip, number]> {
    return this.responses;
  }

  count(response: Response): void {
    if (response.kind === 'drop') add(this.drops, response.reason.reason);
    else if (response.kind === 'reply') response.claim.answers += 1;
  }

  gratuitous(ip: Ip): void {
    this.#table.announced(ip);
    this.announced?.(ip);
  }
}

function add<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
