import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PeerCounters } from '../../src/bgp/peerContract.ts';
import { Capture } from '../e2e/wire.ts';
import { Space } from '../lab/space.ts';
import { until } from '../support/until.ts';
import type { Daemon } from './daemons.ts';
import { Ours } from './ours.ts';
import type { PeerDaemon, PeerOptions } from './peers/peer.ts';
import { FAR, OURS, THEIRS } from './plans.ts';

interface Hooks {
  onTestFinished(hook: () => Promise<void>): void;
}

/**
 * Our engine in `a` and another daemon in `b`, on one link or three hops apart. Every test has a pair of its own, so that tests
 * run side by side: most of their time is waiting for timers.
 */
export class Pair {
  readonly space: Space;
  readonly directory: string;
  readonly #theirs: typeof THEIRS;
  #daemon: PeerDaemon | undefined;
  #ours: Ours | undefined;

  constructor(hooks: Hooks, hops: 1 | 3 = 1) {
    made += 1;
    this.directory = mkdtempSync(join(tmpdir(), 'hlb-matrix-'));
    // Daemons that drop their rights read their files here.
    chmodSync(this.directory, 0o755);
    // The number stands before the process's own, which Space adds.
    this.space = new Space(`mx${made}p`);
    hooks.onTestFinished(() => this.#dispose());
    for (const name of ['a', 'b']) this.space.add(name);
    this.#theirs = hops === 1 ? THEIRS : FAR;
    if (hops === 1) this.#join();
    else this.#route();
  }

  #join(): void {
    const { space } = this;
    space.link('a', 'eth0', 'b', 'eth0');
    for (const [host, side] of [
      ['a', OURS],
      ['b', THEIRS],
    ] as const) {
      space.run(host, `ip addr add ${side.ipv4}/24 dev eth0`);
      space.run(host, `ip -6 addr add ${side.ipv6}/64 dev eth0 nodad`);
    }
  }

  /** a - r - s - b: IPv4 only, the routes of both families travel on it. */
  #route(): void {
    const { space } = this;
    for (const name of ['r', 's']) space.add(name);
    space.link('a', 'eth0', 'r', 'left');
    space.link('r', 'right', 's', 'left');
    space.link('s', 'right', 'b', 'eth0');
    for (const [host, device, address] of [
      ['a', 'eth0', OURS.ipv4],
      ['r', 'left', '10.99.0.254'],
      ['r', 'right', '10.98.0.1'],
      ['s', 'left', '10.98.0.2'],
      ['s', 'right', '10.97.0.254'],
      ['b', 'eth0', FAR.ipv4],
    ] as const)
      space.run(host, `ip addr add ${address}/24 dev ${device}`);
    for (const [host, gateway] of [
      ['a', '10.99.0.254'],
      ['r', '10.98.0.2'],
      ['s', '10.98.0.1'],
      ['b', '10.97.0.254'],
    ] as const)
      space.run(host, `ip route add default via ${gateway}`);
    for (const host of ['r', 's']) space.run(host, 'sysctl -qw net.ipv4.ip_forward=1');
  }

  /** The same daemon again, where one runs already. */
  async daemon(row: Daemon, more: Partial<PeerOptions> = {}): Promise<PeerDaemon> {
    await this.#daemon?.stop();
    const { space, directory } = this;
    const sides = { local: this.#theirs, remote: OURS, families: ['ipv4', 'ipv6'] } as const;
    this.#daemon = row.start({ space, host: 'b', directory, ...sides, holdTimeSeconds: 9, ...more });
    return this.#daemon;
  }

  async ours(): Promise<Ours> {
    this.#ours ??= await Ours.start(this.space, 'a', this.directory);
    return this.#ours;
  }

  counters(): PeerCounters | undefined {
    return this.#ours?.peer()?.counters;
  }

  capture(filter = 'tcp port 179'): Promise<Capture> {
    return Capture.start(this.space, 'b', 'eth0', this.directory, filter);
  }

  /** Polls; where it never comes true, the message has what both sides say. */
  async eventually(what: string, check: () => boolean, timeoutMs = 40_000): Promise<void> {
    try {
      await until(what, check, timeoutMs, 200);
    } catch (error) {
      let said: string;
      try {
        said = this.#daemon?.describe().slice(0, 3000) ?? '';
      } catch {
        said = 'nothing';
      }
      throw new Error(`${String(error)}\nours: ${JSON.stringify(this.#ours?.report())}\ntheirs: ${said}`, { cause: error });
    }
  }

  routesAre(...wanted: readonly string[]): Promise<void> {
    const sorted = wanted.toSorted().join(' ');
    const has = (): boolean => [...(this.#daemon?.routes().keys() ?? [])].toSorted().join(' ') === sorted;
    return this.eventually(`the daemon to have exactly: ${sorted}`, has);
  }

  async #dispose(): Promise<void> {
    this.#ours?.signal('SIGCONT');
    await this.#ours?.stop('SIGKILL');
    await this.#daemon?.stop();
    await this.space.dispose();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

let made = 0;
