import type { ClaimTable } from '../src/layer2/claimTable.ts';
import type { Response } from '../src/layer2/response.ts';
import type { Ip } from '../src/net/ip.ts';

/** Counts of the hot path, read when metrics are asked for. */
export class Layer2Counters {
  readonly #table: ClaimTable;
  readonly announcements = new Map<Ip, number>();
  readonly drops = new Map<string, number>();
  conflicts = 0;
  /** Told of each announcement. */
  announced: ((ip: Ip) => void) | undefined;

  get responses(): ReadonlyMap<Ip, number> {
    return this.#table.answers();
  }

  /** Each question that concerns a VIP is answered. */
  get requests(): ReadonlyMap<Ip, number> {
    return this.responses;
  }

  constructor(table: ClaimTable) {
    this.#table = table;
  }

  count(response: Response): void {
    if (response.kind === 'drop') add(this.drops, response.reason.reason);
    else if (response.kind === 'reply') response.claim.answers += 1;
  }

  gratuitous(ip: Ip): void {
    add(this.announcements, ip);
    this.announced?.(ip);
  }
}

function add<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
