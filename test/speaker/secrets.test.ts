import { pino } from 'pino';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createSecrets, namedSecrets } from '../../speaker/secrets.ts';
import type { KubeClient } from '../../src/host/kube/kubeClient.ts';
import { KubeError } from '../../src/host/kube/kubeError.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('one that is missing or of no use is read again soon, one that is good later, and one that is named anew at once', async () => {
  let stored: object | undefined;
  let asked = 0;
  const request = async <T>(): Promise<T> => {
    asked++;
    if (stored === undefined) throw new KubeError({ status: 404, reason: 'NotFound', message: 'there is none' });
    return stored as T;
  };
  const again = vi.fn();
  const secrets = createSecrets({ request } as unknown as KubeClient, 'h', pino({ level: 'silent' }), again);
  const read = async (names = ['key']) => (await secrets.refresh(new Set(names))).get('key');
  expect(await read()).toBeUndefined();
  vi.advanceTimersByTime(5000);
  expect(again).toHaveBeenCalledTimes(1);
  stored = { type: 'Opaque', data: { password: 'eA==' } };
  expect(await read()).toEqual({ type: 'Opaque', password: 'x' });
  vi.advanceTimersByTime(5000);
  stored = { type: 'kubernetes.io/basic-auth', data: { password: 'eA==' } };
  expect(await read()).toEqual({ type: 'kubernetes.io/basic-auth', password: 'x' });
  const before = asked;
  vi.advanceTimersByTime(20_000);
  await read();
  expect([asked, again.mock.calls.length]).toEqual([before, 2]);
  vi.advanceTimersByTime(10_000);
  await read();
  expect(asked).toBe(before + 1);
  await read([]);
  await read();
  expect(asked).toBe(before + 2);
});

it('one of which the server has not said yet whether it is there is waited for, and asked for again at once', async () => {
  const answers: (object | number)[] = [
    503,
    429,
    404,
    403,
    503,
    { type: 'kubernetes.io/basic-auth', data: { password: 'eA==', accepted: '' } },
    503,
  ];
  const request = async <T>(): Promise<T> => {
    const answer = answers.shift() ?? 404;
    if (typeof answer === 'number') throw new KubeError({ status: answer, reason: 'x', message: 'x' });
    return answer as T;
  };
  const secrets = createSecrets({ request } as unknown as KubeClient, 'h', pino({ level: 'silent' }), vi.fn());
  const read = async (): Promise<boolean> => {
    await secrets.refresh(new Set(['key']));
    return secrets.isAwaited('key');
  };
  expect(await read()).toBe(true);
  expect(await read()).toBe(true);
  expect(answers).toHaveLength(6);
  for (const [pauseMs, isAwaited] of [
    [500, true],
    [500, false],
    [5000, false],
    [5000, true],
    [500, false],
    // It stays as it was.
    [30_000, false],
  ] as const) {
    vi.advanceTimersByTime(pauseMs);
    expect(await read()).toBe(isAwaited);
  }
  expect(answers).toEqual([]);
  expect((await secrets.refresh(new Set(['key']))).get('key')).toEqual({ type: 'kubernetes.io/basic-auth', password: 'x', accepted: '' });
  // Nor is it waited for in vain.
  answers.push(...Array.from({ length: 30 }, () => 503));
  await secrets.refresh(new Set(['other']));
  expect(secrets.isAwaited('other')).toBe(true);
  vi.advanceTimersByTime(10_000);
  await secrets.refresh(new Set(['other']));
  expect(secrets.isAwaited('other')).toBe(false);
});

it('those that BGPPeers and BFDProfiles name, however they are written', () => {
  const passwordSecret = { name: 'a' };
  const specs = [
    { passwordSecret },
    { auth: { passwordSecret: { name: 'b' } } },
    { auth: {} },
    { passwordSecret: { name: '' } },
    undefined,
    { auth: null },
  ];
  const objects = specs.map((spec) => ({ metadata: { name: 'x' }, spec }));
  expect([...namedSecrets(objects as never)]).toEqual(['a', 'b']);
});
