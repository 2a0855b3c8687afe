import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { collectOften } from '../../speaker/collector.ts';

const MB = 1_000_000;

describe('a heap that is collected often', () => {
  let [living, garbage, nowMs, tookMs, collections] = [20 * MB, 0, 0, 30, 0];
  let end = (): void => undefined;
  const pass = (ms: number): void => {
    nowMs += ms;
    vi.advanceTimersByTime(ms);
  };

  beforeEach(() => {
    vi.useFakeTimers();
    [living, garbage, nowMs, tookMs, collections] = [20 * MB, 0, 0, 30, 0];
    const collect = (): void => {
      [garbage, nowMs, collections] = [0, nowMs + tookMs, collections + 1];
    };
    end = collectOften({ collect, usedBytes: () => living + garbage, nowMs: () => nowMs });
  });

  afterEach(() => {
    end();
    vi.useRealTimers();
  });

  it('never has much more than what lives', () => {
    for (let second = 0; second < 100; second++) {
      garbage += MB;
      pass(1000);
      expect(garbage).toBeLessThan(4 * MB);
    }
    expect(collections).toBeGreaterThan(20);
    expect(collections).toBeLessThan(40);
  });

  it('is left alone while nothing comes', () => {
    pass(60_000);
    expect(collections).toBe(0);
  });

  it('takes no more than a twentieth of the time, whatever comes', () => {
    for (let round = 0; round < 1000; round++) {
      garbage += 10 * MB;
      pass(50);
    }
    expect(collections * tookMs).toBeLessThan(0.055 * nowMs);
  });

  it('takes what grew and lives for what lives, and sees it go', () => {
    living = 100 * MB;
    pass(1000);
    expect(collections).toBe(1);
    garbage = 9 * MB;
    pass(1000);
    expect(collections).toBe(1);
    garbage = 11 * MB;
    pass(1000);
    expect(collections).toBe(2);
    // V8 by itself.
    [living, garbage] = [30 * MB, 0];
    pass(1000);
    garbage = 5 * MB;
    pass(1000);
    expect(collections).toBe(3);
  });
});
