import { beforeEach, describe, expect, it } from 'vitest';
import { Deadlines } from '../../speaker/deadlines.ts';
import { Turns } from '../../speaker/turns.ts';
import { instant } from '../../src/machine.ts';

describe('work in turns', () => {
  const waiting: (() => void)[] = [];
  const clock = {
    now: () => instant(5),
    wake: (_delayMs: number, run: () => void) => {
      waiting.push(run);
      return () => void waiting.splice(waiting.indexOf(run), 1);
    },
  };
  const turns = new Turns({ clock, deadlines: new Deadlines(clock) }, 'work');
  let done: string[] = [];
  const note = (what: string) => (): void => void done.push(`${what} ${turns.areLeft()}`);
  const nextTurn = (): void => waiting.shift()?.();

  beforeEach(() => {
    turns.stop();
    done = [];
  });

  it('does one step in each, and tells whether some are to come', () => {
    turns.begin([note('a'), note('b'), note('c')], false);
    expect(done).toEqual(['a true']);
    nextTurn();
    expect(done).toEqual(['a true', 'b true']);
    nextTurn();
    expect(done).toEqual(['a true', 'b true', 'c false']);
    nextTurn();
    expect(done).toHaveLength(3);
  });

  it('does all of what is little at once', () => {
    turns.begin([note('a'), note('b')], true);
    expect(done).toEqual(['a false', 'b false']);
  });

  it('drops what is left of what was begun before', () => {
    turns.begin([note('a'), note('b')], false);
    turns.begin([note('c'), note('d')], false);
    nextTurn();
    nextTurn();
    expect(done).toEqual(['a true', 'c true', 'd false']);
    turns.begin([note('e'), note('f')], false);
    turns.stop();
    nextTurn();
    expect(turns.areLeft()).toBe(false);
    expect(done.at(-1)).toBe('e true');
  });

  it('can be begun anew from a step', () => {
    turns.begin([() => turns.begin([note('x'), note('y')], false), note('never')], false);
    nextTurn();
    nextTurn();
    expect(done).toEqual(['x true', 'y false']);
  });
});
