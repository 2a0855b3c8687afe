import { afterEach, expect, it, vi } from 'vitest';
import { warmUp } from '../../speaker/warmUp.ts';
import * as adjRibOut from '../../src/bgp/adjRibOut.ts';

vi.mock('../../src/bgp/adjRibOut.ts', { spy: true });
afterEach(() => vi.restoreAllMocks());

it('plays whole sessions: routes are written, and withdrawn again', () => {
  warmUp();
  const pulled = vi.mocked(adjRibOut.pull).mock.results.map(({ value }) => value as ReturnType<typeof adjRibOut.pull>);
  // Two families, more of them, other attributes, withdrawal and End-of-RIB, three times over.
  expect(pulled.reduce((sum, { messages }) => sum + messages, 0)).toBeGreaterThanOrEqual(24);
  expect(vi.mocked(adjRibOut.startSession).mock.calls.length).toBeGreaterThanOrEqual(3);
});
