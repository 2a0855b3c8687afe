import type { ServiceKey } from '../../src/cluster/service.ts';
import type { Word } from '../../src/view/announced.ts';

export interface Damping {
  /** What is seen for so long is told: that a Service is reached, or is not. */
  readonly settleMs: number;
  /** And that it is reached in another way: one session of many may concern every Service. */
  readonly reasonMs: number;
  /** What changes again and again is told as it is then. */
  readonly longestMs: number;
  /** Only the words are other ones: counts of nodes and sessions. */
  readonly wordsMs: number;
}

export interface Difference {
  readonly word: Word;
  /** Of what the condition says now. */
  readonly weight: 'status' | 'reason' | 'message';
}

interface Entry extends Difference {
  readonly firstMs: number;
  readonly dueMs: number;
}

const ORDER = ['status', 'reason', 'message'] as const;

/** What conditions are to say and do not, and since when. Times are of a clock that only goes forward. */
export class Pending {
  readonly #damping: Damping;
  readonly #entries = new Map<ServiceKey, Entry>();

  constructor(damping: Damping) {
    this.#damping = damping;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** @param difference undefined: the condition says what it is to say */
  note(key: ServiceKey, difference: Difference | undefined, nowMs: number): void {
    const before = this.#entries.get(key);
    if (difference === undefined) {
      if (before !== undefined) this.#entries.delete(key);
      return;
    }
    const { longestMs } = this.#damping;
    const firstMs = before?.firstMs ?? nowMs;
    const waitMs = this.#waitMs(difference.weight);
    const isSame = before !== undefined && before.word.status === difference.word.status && before.word.reason === difference.word.reason;
    const settledMs = isSame ? before.dueMs : nowMs + waitMs;
    this.#entries.set(key, { ...difference, firstMs, dueMs: Math.min(settledMs, firstMs + Math.max(longestMs, waitMs)) });
  }

  #waitMs(weight: Difference['weight']): number {
    const { settleMs, reasonMs, wordsMs } = this.#damping;
    if (weight === 'message') return wordsMs;
    return weight === 'reason' ? reasonMs : settleMs;
  }

  /** It could not be written. */
  postpone(key: ServiceKey, untilMs: number): void {
    const entry = this.#entries.get(key);
    if (entry !== undefined) this.#entries.set(key, { ...entry, dueMs: untilMs });
  }

  forget(key: ServiceKey): void {
    this.#entries.delete(key);
  }

  word(key: ServiceKey): Word | undefined {
    return this.#entries.get(key)?.word;
  }

  /** What matters most first. */
  due(nowMs: number, most: number): ServiceKey[] {
    const found: Record<Difference['weight'], ServiceKey[]> = { status: [], reason: [], message: [] };
    for (const [key, { weight, dueMs }] of this.#entries) if (dueMs <= nowMs && found[weight].length < most) found[weight].push(key);
    return ORDER.flatMap((weight) => found[weight]).slice(0, most);
  }

  nextMs(): number | undefined {
    let next: number | undefined;
    for (const { dueMs } of this.#entries.values()) if (next === undefined || dueMs < next) next = dueMs;
    return next;
  }
}
