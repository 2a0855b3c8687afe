import { describe, expect, it } from 'vitest';
import { createDirtyLoop } from '../../../src/host/kube/dirtyLoop.ts';
import { createWorkQueue } from '../../../src/host/kube/workQueue.ts';
import { sleep, until } from '../../support/until.ts';
import { memoryLog } from '../support.ts';

interface Gate {
  readonly opened: Promise<void>;
  readonly open: () => void;
}

function gate(): Gate {
  const controller = new AbortController();
  const opened = new Promise<void>((resolve) => {
    controller.signal.addEventListener('abort', () => resolve(), { once: true });
  });
  return { opened, open: () => controller.abort() };
}

describe('the work queue', () => {
  const { log } = memoryLog();

  it('works on an item once however often it was added, and never twice at a time', async () => {
    const hold = gate();
    const runs: string[] = [];
    let inWork = 0;
    let most = 0;
    const work = async (key: string): Promise<void> => {
      runs.push(key);
      inWork += 1;
      most = Math.max(most, inWork);
      if (runs.length === 1) await hold.opened;
      inWork -= 1;
    };
    const queue = createWorkQueue({ name: 'q', log, work, concurrency: 4 });
    queue.add('a');
    await until('the first run', () => runs.length === 1);
    for (let i = 0; i < 5; i += 1) queue.add('a');
    await sleep(20);
    expect(runs).toEqual(['a']);
    hold.open();
    await until('all is done', () => queue.idle());
    expect(runs).toEqual(['a', 'a']);
    expect(most).toBe(1);
  });

  it('tries a failed item again, later each time, without holding up others', async () => {
    const times: number[] = [];
    const others: string[] = [];
    const work = async (key: string): Promise<void> => {
      if (key !== 'bad') others.push(key);
      else {
        times.push(performance.now());
        if (times.length < 5) throw new Error('not yet');
      }
    };
    const queue = createWorkQueue({ name: 'q', log, work, baseDelayMs: 20 });
    queue.add('bad');
    queue.add('good');
    await until('the fifth try', () => times.length === 5);
    expect(others).toEqual(['good']);
    const gaps = times.slice(1).map((time, index) => time - (times[index] ?? 0));
    expect(gaps[3]).toBeGreaterThan(75);
    await until('idle', () => queue.idle());
  });

  it('lets the earlier of two delays count', async () => {
    const done: number[] = [];
    const queue = createWorkQueue({ name: 'q', log, work: async () => void done.push(performance.now()) });
    const startMs = performance.now();
    queue.add('a', 60_000);
    queue.add('a', 30);
    queue.add('a', 60_000);
    await until('the item', () => done.length === 1);
    expect((done[0] ?? 0) - startMs).toBeLessThan(10_000);
    expect(queue.idle()).toBe(true);
  });

  it('drains what is ready at the stop, takes nothing more, and aborts what lasts too long', async () => {
    const done: string[] = [];
    const work = async (key: string, signal: AbortSignal): Promise<void> => {
      if (key === 'endless')
        await new Promise<void>((resolve) => {
          signal.addEventListener('abort', () => resolve());
        });
      done.push(key);
    };
    const queue = createWorkQueue({ name: 'q', log, work });
    for (const key of ['a', 'b', 'endless', 'never']) queue.add(key);
    await queue.stop({ drainMs: 100 });
    queue.add('late');
    await sleep(20);
    expect(done).toEqual(['a', 'b', 'endless']);
  });
});

describe('the dirty loop', () => {
  const { log } = memoryLog();

  it('makes one pass of many marks, and one more for a mark during a pass', async () => {
    const hold = gate();
    let passes = 0;
    const run = async (): Promise<void> => {
      passes += 1;
      if (passes === 1) await hold.opened;
    };
    const loop = createDirtyLoop({ name: 'l', run, settleMs: 5, log });
    for (let i = 0; i < 100; i += 1) loop.mark();
    await until('the pass', () => passes === 1);
    loop.mark();
    loop.mark();
    expect(loop.overdueSinceMs()).toBeDefined();
    hold.open();
    await loop.idle();
    expect(passes).toBe(2);
    expect(loop.overdueSinceMs()).toBeUndefined();
    await loop.stop();
  });

  it('does not starve under steady marks', async () => {
    let passes = 0;
    const loop = createDirtyLoop({ name: 'l', run: async () => void (passes += 1), settleMs: 50, maxWaitMs: 100, log });
    const marking = setInterval(() => loop.mark(), 5);
    await until('a pass', () => passes >= 2);
    clearInterval(marking);
    await loop.stop();
    expect(passes).toBeGreaterThanOrEqual(2);
  });

  it('rests longer after a long pass', async () => {
    const begins: number[] = [];
    let endedAtMs = 0;
    const run = async (): Promise<void> => {
      begins.push(performance.now());
      await sleep(10);
      endedAtMs ||= performance.now();
    };
    const loop = createDirtyLoop({ name: 'l', run, settleMs: 0, maxWaitMs: 0, restFactor: 4, log });
    const marking = setInterval(() => loop.mark(), 1);
    await until('a second pass', () => begins.length >= 2);
    clearInterval(marking);
    await loop.stop();
    // Timers of Node.js may be a millisecond early.
    expect((begins[1] ?? 0) - endedAtMs).toBeGreaterThanOrEqual(4 * 9 - 2);
  });

  it('tries a failed pass again', async () => {
    let passes = 0;
    const run = async (): Promise<void> => {
      passes += 1;
      if (passes < 3) throw new Error('no');
    };
    const loop = createDirtyLoop({ name: 'l', run, settleMs: 1, baseRetryMs: 5, log });
    loop.mark();
    await loop.idle();
    expect(passes).toBe(3);
    await loop.stop();
  });
});
