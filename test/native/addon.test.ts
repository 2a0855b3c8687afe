import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { need } from '../support/need.ts';
import type { Scenario } from './scenarios.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Runs one of scenarios.ts in a process of its own; a crash is a failure that names the signal. */
async function run(scenario: Scenario): Promise<unknown> {
  const { stdout } = await promisify(execFile)(process.execPath, ['test/support/run.mjs', 'test/native/scenarios.ts', scenario], {
    cwd: root,
    timeout: 50_000,
  });
  return JSON.parse(stdout);
}

need('file:speaker/native/build/Release/heraldlb.node').describe('the addon', () => {
  it('answers or throws an Error, whatever it is given', async () => {
    const { names, calls, wrong } = (await run('fuzz')) as { names: string[]; calls: number; wrong: string[] };
    expect(names).toHaveLength(15);
    expect(calls).toBeGreaterThan(20_000);
    expect(wrong).toEqual([]);
  });

  it('sends many frames in one call, and none from outside the slab', async () => {
    expect(await run('batch')).toEqual({
      sent: 100,
      whole: true,
      outside: 'ERR_INVALID_ARG_TYPE',
      tooLong: 'ERR_INVALID_ARG_TYPE',
      tooMany: 'ERR_INVALID_ARG_TYPE',
      closed: -9,
    });
  });

  it('shows the TTL a datagram came with, and its sender', async () => {
    const ttl = { length: 24, level: 0, type: 2, ttl: 77 };
    expect(await run('controls')).toEqual({ ttls: [ttl, ttl], sender: true, ttl: 77, unknown: 'EOPNOTSUPP' });
  });

  it('shows the true length of a frame that was too long', async () => {
    expect(await run('truncation')).toEqual({ length: 1000, last: 0, next: 0xa5 });
  });

  it('makes an exception of the callback an uncaught one, and reads on', async () => {
    expect(await run('throwing')).toEqual({ caught: ['number 1', 'number 2', 'number 3'], received: 3 });
  });

  it('may be stopped inside the callback, twice, and after garbage was collected', async () => {
    expect(await run('stopping')).toEqual({ after: 0, leaked: 0 });
  });

  it('survives a descriptor that was closed first and used again', async () => {
    expect(await run('closing')).toEqual({ wrong: 0 });
  });

  it('tells of errors, and does not poll a descriptor that was closed meanwhile', async () => {
    expect(await run('errors')).toEqual({ '-111': 20, '-9': 20 });
  });

  it('writes nothing to memory that was taken away', async () => {
    expect(await run('detached')).toEqual({ frames: [1, -14], lengths: [1, -14], addresses: [1, -14], controls: [1, -14] });
  });

  it('refuses with the code of what is wrong', async () => {
    expect(await run('refused')).toEqual({
      twice: 'EEXIST',
      closed: 'EBADF',
      negative: 'EBADF',
      file: 'ENOTSOCK',
      short: 'ERR_INVALID_ARG_TYPE',
      longName: 'ENODEV',
      cutName: 'ENODEV',
      noName: 'ENODEV',
      tooLongFilter: 'ERR_INVALID_ARG_TYPE',
      badFilter: 'EINVAL',
      leaked: 0,
    });
  });

  it('lets a worker end in the middle of reading, and leaves none of its sockets open', async () => {
    expect(await run('workers')).toEqual({ leaked: 0 });
  });

  it('lets the process end with readers open', async () => {
    expect(await run('exitWithReaders')).toBe(null);
  });
});
