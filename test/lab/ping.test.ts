import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { need } from '../support/need.ts';
import { HERALDLB } from './daemons.ts';
import { Space } from './space.ts';

need('netns', `file:${HERALDLB}`).describe('heraldlb ping', () => {
  let space: Space;

  beforeAll(() => {
    space = new Space('ping');
    for (const name of ['a', 'b']) space.add(name);
    space.link('a', 'eth0', 'b', 'eth0');
    for (const [name, host] of [
      ['a', 1],
      ['b', 2],
    ] as const) {
      space.run(name, `ip addr add 10.3.0.${host}/24 dev eth0`);
      space.run(name, `ip -6 addr add fd03::${host}/64 dev eth0 nodad`);
    }
  });

  afterAll(() => space.dispose());

  function ping(...words: string[]): { readonly status: number | null; readonly stdout: string; readonly stderr: string } {
    return spawnSync('ip', ['netns', 'exec', space.ns('a'), process.execPath, HERALDLB, 'ping', ...words], {
      encoding: 'utf8',
      timeout: 15_000,
    });
  }

  it('gets an answer over IPv4 and IPv6 from an address that is there', () => {
    const { status, stdout } = ping('10.3.0.2', 'fd03::2', '10.3.0.1');
    expect(stdout).toMatch(/^10\.3\.0\.2 {2}answered after [\d.]+ ms\nfd03::2 {2}answered after [\d.]+ ms\n10\.3\.0\.1 {2}answered/);
    expect(status).toBe(0);
  });

  it('gets none from one that is not, and says so', () => {
    const { status, stdout } = ping('10.3.0.9', '10.3.0.2', '--timeout', '300');
    expect(stdout).toMatch(/^10\.3\.0\.9 {2}(no answer|cannot ask: .+)\n10\.3\.0\.2 {2}answered/);
    expect(status).toBe(1);
  });

  it('refuses what is no address', () => {
    expect(ping('router')).toMatchObject({ status: 2, stderr: 'error: no IP address: router\n' });
  });
});
