import type { EngineParts } from './engineParts.ts';

/** Work in several steps, each in a turn of its own, so that others are heard in between. Named like a deadline. */
export class Turns {
  readonly #parts: Pick<EngineParts, 'clock' | 'deadlines'>;
  readonly #due: string;
  #areLeft = false;

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
    this.#areLeft = rest.length > 0;
    if (this.#areLeft) this.#parts.deadlines.set(this.#due, this.#parts.clock.now(), () => this.#go(rest));
    step?.();
  }

  /** Whether steps are to come. The last one does not count while it is done. */
  areLeft(): boolean {
    return this.#areLeft;
  }

  stop(): void {
    this.#areLeft = false;
    this.#parts.deadlines.set(this.#due, undefined, () => undefined);
  }
}
