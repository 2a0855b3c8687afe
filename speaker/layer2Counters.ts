import type { Response } from '../src/layer2/response.ts';
import type { Ip } from '../src/net/ip.ts';

/** Counts of the hot path, read when metrics are asked for. */
export class Layer2Counters {
  readonly responses = new Map<Ip, number>();
  /** Each question that concerns a VIP is answered. */
  readonly requests: ReadonlyMap<Ip, number> = this.responses;
  readonly announcements = new Map<Ip, number>();
  readonly drops = new Map<string, number>();
  conflicts = 0;
  /** Told of each announcement. */
  announced: ((ip: Ip) => void) | undefined;

  count(response: Response): void {
    if (response.kind === 'drop') {
      add(this.drops, response.reason.reason);
      return;
    }
    if (response.kind === 'reply') add(this.responses, response.ip);
  }

  gratuitous(ip: Ip): void {
    add(this.announcements, ip);
    this.announced?.(ip);
  }
}

function add<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
