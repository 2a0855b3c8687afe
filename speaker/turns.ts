import type { EngineParts } from './engineParts.ts';

/** Work in several steps, each in a turn of its own, so that others are heard in between. Named like a deadline. */
export class Turns {
  readonly #parts: Pick<EngineParts, 'clock' | 'deadlines'>;
  readonly #due: string;
  /** What is to be done after the step that is being done. */
  #rest: readonly (() => void)[] = [];

  constructor(parts: Pick<EngineParts, 'clock' | 'deadlines'>, due: string) {
    this.#parts = parts;
    this.#due = due;
  }

  /** The first step is done at once, and the others too where it `isLittle`. What is left of work that was begun before is overtaken. */
  begin(steps: readonly (() => void)[], isLittle: boolean): void {
    this.stop();
    if (isLittle) for (const step of steps) step();
    else this.#go(steps);
  }

  #go([step, ...rest]: readonly (() => void)[]): void {
    this.#rest = rest;
    step?.();
    // Others that have become due meanwhile go first. The step may have begun something else, or stopped this.
    if (this.#rest === rest && rest.length > 0) this.#parts.deadlines.set(this.#due, this.#parts.clock.now(), () => this.#go(rest));
  }

  /** Whether steps are to come. The last one does not count while it is done. */
  areLeft(): boolean {
    return this.#rest.length > 0;
  }

  stop(): void {
    this.#rest = [];
    this.#parts.deadlines.set(this.#due, undefined, () => undefined);
  }
}
