import type { Ip } from '../src/net/ip.ts';
import type { ClaimNews, ClaimState, HeardReport, ReportNews } from './report.ts';

/** Puts together what the wire thread tells piece by piece. */
export class Heard {
  readonly #claims = new Map<Ip, ClaimState>();

  /** @returns its claims go on with the next call */
  hear(news: ReportNews): HeardReport {
    this.#take(news.claims);
    return { ...news, claims: this.#claims };
  }

  #take({ isWhole, alike, gone }: ClaimNews): void {
    if (isWhole) this.#claims.clear();
    for (const ip of gone) this.#claims.delete(ip);
    for (const { ips, ...state } of alike) for (const ip of ips) this.#claims.set(ip, state);
  }
}
