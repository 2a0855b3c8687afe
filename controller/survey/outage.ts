import type { ReflectorHealth } from '../../src/host/kube/reflector.ts';

/** A connection that is made again at once is no outage. */
const PATIENCE_MS = 2000;

/** Whether the API server does not answer any more, so that what is known of the cluster is of before. */
export class Outage {
  readonly #health: () => Pick<ReflectorHealth, 'connected' | 'lastError'>;
  #sinceMs: number | undefined;

  constructor(health: () => Pick<ReflectorHealth, 'connected' | 'lastError'>) {
    this.#health = health;
  }

  /** @returns a sentence, or nothing while all is well */
  look(nowMs: number): string[] {
    const { connected, lastError } = this.#health();
    this.#sinceMs = connected || lastError === undefined ? undefined : (this.#sinceMs ?? nowMs);
    if (this.#sinceMs === undefined || nowMs - this.#sinceMs < PATIENCE_MS) return [];
    return [`what is shown is of before: the services are not watched any more: ${lastError}`];
  }
}
