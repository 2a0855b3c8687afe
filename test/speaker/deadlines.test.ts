import { describe, expect, it } from 'vitest';
import { Deadlines } from '../../speaker/deadlines.ts';
import { type Instant, after, instant } from '../../src/machine.ts';

/** A clock that work takes time of. */
class SlowClock {
  at = instant(1000);
  readonly woken: (() => void)[] = [];
  now = (): Instant => this.at;
  wake = (_delayMs: number, run: () => void): (() => void) => {
    this.woken.push(run);
    return () => void this.woken.splice(this.woken.indexOf(run), 1);
  };
}

describe('what is due at the same time', () => {
  it('is done in one go while it is little, and goes on after others were heard when it takes long', () => {
    const clock = new SlowClock();
    const deadlines = new Deadlines(clock);
    const done: string[] = [];
    let dueAt = instant(990);
    const work = (name: string, takesMs: number, more: () => void = () => undefined): void => {
      dueAt = after(dueAt, 1);
      deadlines.set(name, dueAt, () => {
        done.push(name);
        clock.at = after(clock.at, takesMs);
        more();
      });
    };
    work('a', 1);
    work('b', 60, () => {
      // It has waited already, and is wanted later.
      deadlines.set('d', after(clock.at, 500), () => undefined);
      work('e', 1);
    });
    for (const name of ['c', 'd']) work(name, 1);
    const serve = (): void => clock.woken.shift()?.();
    serve();
    expect(done).toEqual(['a', 'b']);
    serve();
    expect(done).toEqual(['a', 'b', 'c', 'e']);
    serve();
    expect(done).toHaveLength(4);
    clock.at = after(clock.at, 500);
    serve();
    expect(done.slice(4)).toEqual([]);
  });
});
