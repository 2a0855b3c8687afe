import { connect } from 'node:net';
import { afterEach, expect, it, vi } from 'vitest';
import { realClock } from '../../speaker/clock.ts';
import { createHands } from '../../speaker/io/realHands.ts';
import * as tcpHands from '../../speaker/io/tcpHands.ts';
import { warmSockets } from '../../speaker/warmSockets.ts';
import { createLogger } from '../../src/host/log.ts';

vi.mock('../../speaker/io/tcpHands.ts', { spy: true });
afterEach(() => vi.restoreAllMocks());

const lines: string[] = [];
const log = createLogger({ level: 'debug', name: 'test', destination: { write: (line) => lines.push(line) } });

it('plays sessions over loopback without a word, and leaves no port open', async () => {
  lines.length = 0;
  expect(await warmSockets(createHands(log), realClock, log)).toBeGreaterThanOrEqual(3);
  expect(lines).toEqual([]);
  const doors = await Promise.all(
    vi.mocked(tcpHands.listenOnLoopback).mock.results.map(({ value }) => value as ReturnType<typeof tcpHands.listenOnLoopback>),
  );
  expect(doors).toHaveLength(4);
  for (const { port } of doors) expect(await errorOf(port)).toBe('ECONNREFUSED');
});

it('is content without a loopback', async () => {
  lines.length = 0;
  vi.mocked(tcpHands.listenOnLoopback).mockRejectedValue(new Error('EADDRNOTAVAIL'));
  expect(await warmSockets(createHands(log), realClock, log)).toBe(0);
  expect(lines.map((line) => JSON.parse(line) as object)).toEqual([expect.objectContaining({ level: 'debug' })]);
});

function errorOf(port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    socket.on('connect', () => resolve('open'));
  });
}
