import type { NodePlan } from '../src/announce/plan.ts';
import type { Ip } from '../src/net/ip.ts';
import type { Report } from './report.ts';

/** What the worker tells the wire thread: everything that is to be announced. */
export interface PlanMessage {
  readonly plan: NodePlan;
  /** Claims whose addresses no speaker had before, so that one may ask first whether a stranger has them. */
  readonly fresh: readonly Ip[];
}

export type Downward =
  | { readonly type: 'value'; readonly value: PlanMessage }
  | { readonly type: 'taken' }
  | { readonly type: 'metrics'; readonly id: number; readonly text: string }
  /** Lists that are not in yet; empty when the worker knows the cluster. */
  | { readonly type: 'health'; readonly problems: readonly string[] };

export type Upward =
  | { readonly type: 'value'; readonly value: Report }
  | { readonly type: 'taken' }
  | { readonly type: 'metrics'; readonly id: number }
  | { readonly type: 'stop' };

/**
 * Sends whole values of which only the latest matters: at most one is under way, and what is overtaken meanwhile is never sent. A slow
 * reader so costs no memory, and is never more than one value behind.
 */
export class Outbox<T> {
  readonly #post: (value: T) => void;
  #waiting: { readonly value: T } | undefined;
  #underWay = false;

  constructor(post: (value: T) => void) {
    this.#post = post;
  }

  put(value: T): void {
    if (this.#underWay) {
      this.#waiting = { value };
      return;
    }
    this.#underWay = true;
    this.#post(value);
  }

  /** The other side has dealt with the last value. */
  taken(): void {
    this.#underWay = false;
    const next = this.#waiting;
    this.#waiting = undefined;
    if (next !== undefined) this.put(next.value);
  }
}
