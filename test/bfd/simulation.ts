import { type Instant, instant } from '../../src/machine.ts';
import type { BfdConfig, BfdDrop, BfdEvent, BfdStatus } from '../../src/bfd/contract.ts';
import type { BfdSessionState } from '../../src/bfd/draft.ts';
import { bfdDeadline, createBfd, stepBfd } from '../../src/bfd/session.ts';
import { bfdStatus } from '../../src/bfd/status.ts';
import { decoded } from './lone.ts';

/** mulberry32. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export interface Network {
  /** One way: at least so long, and so much more at random; packets overtake each other. */
  delayMs: number;
  jitterMs: number;
  /** 0..1 */
  loss: number;
  /** Ticks come so much too late, at random. */
  lateMs: number;
}

export interface Change {
  readonly at: number;
  readonly side: Side;
  readonly status: BfdStatus;
}

export type Side = 'a' | 'b';
const other = (side: Side): Side => (side === 'a' ? 'b' : 'a');

interface Host {
  state: BfdSessionState;
  heardAt: number;
  /** Of the tick that is due. */
  ticket: number;
  readonly drops: BfdDrop[];
}

/** Two sessions, one wire, and a clock that jumps. */
export class Pair {
  now = 0;
  readonly network: Network;
  readonly hosts: Readonly<Record<Side, Host>>;
  /** Directions that lose everything, by the side that sends. */
  readonly cut = new Set<Side>();
  /** Echo packets are sent back by the other side. */
  mirrors = true;
  readonly changes: Change[] = [];
  readonly random: () => number;
  readonly #agenda: { readonly at: number; readonly order: number; readonly run: () => void }[] = [];
  #order = 0;
  #discriminators = 100;

  constructor(seed: number, network: Network, a: BfdConfig, b: BfdConfig) {
    this.random = seeded(seed);
    this.network = network;
    this.hosts = { a: this.#host(a), b: this.#host(b) };
  }

  #host(config: BfdConfig): Host {
    return { state: createBfd(config, { discriminator: (this.#discriminators += 1) }), heardAt: 0, ticket: 0, drops: [] };
  }

  at(at: number, run: () => void): void {
    const entry = { at, order: (this.#order += 1), run };
    let index = this.#agenda.length;
    while (index > 0 && (this.#agenda[index - 1]?.at ?? 0) < at) index--;
    this.#agenda.splice(index, 0, entry);
  }

  step(side: Side, event: BfdEvent): void {
    const host = this.hosts[side];
    const before = bfdStatus(host.state);
    const [state, effects] = stepBfd(host.state, event, { now: instant(this.now), random: this.random });
    host.state = state;
    if (event.type === 'packet' && !effects.some(({ type }) => type === 'drop')) host.heardAt = this.now;
    for (const effect of effects) {
      if (effect.type === 'drop') host.drops.push(effect.reason);
      else if (effect.type === 'send') this.#carry(side, effect.kind, effect.bytes);
    }
    const status = bfdStatus(state);
    if (status.state !== before.state) this.changes.push({ at: this.now, side, status });
    this.#schedule(side, bfdDeadline(state));
  }

  #schedule(side: Side, deadline: Instant | undefined): void {
    const host = this.hosts[side];
    const ticket = (host.ticket += 1);
    if (deadline === undefined) return;
    const at = Math.max(this.now, deadline) + this.random() * this.network.lateMs;
    this.at(at, () => {
      if (host.ticket === ticket) this.step(side, { type: 'tick' });
    });
  }

  #carry(from: Side, kind: 'control' | 'echo', bytes: Uint8Array): void {
    const wayMs = (): number => this.network.delayMs + this.random() * this.network.jitterMs;
    const isLost = (side: Side): boolean => this.cut.has(side) || this.random() < this.network.loss;
    if (isLost(from)) return;
    if (kind === 'control') {
      this.at(this.now + wayMs(), () => this.step(other(from), { type: 'packet', packet: decoded(bytes), bytes }));
      return;
    }
    if (!this.mirrors || isLost(other(from))) return;
    this.at(this.now + wayMs() + wayMs(), () => this.step(from, { type: 'echoReturned', bytes }));
  }

  start(): void {
    for (const side of ['a', 'b'] as const) this.step(side, { type: 'start' });
  }

  /** The process of this side dies, and another one takes its place. */
  restart(side: Side): void {
    const host = this.hosts[side];
    host.state = this.#host(host.state.config).state;
    this.step(side, { type: 'start' });
  }

  configure(side: Side, change: Partial<BfdConfig>): void {
    this.step(side, { type: 'configure', config: { ...this.hosts[side].state.config, ...change } });
  }

  run(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      const next = this.#agenda.at(-1);
      if (next === undefined || next.at > end) break;
      this.#agenda.pop();
      this.now = next.at;
      next.run();
    }
    this.now = end;
  }

  /** @returns how long it took, or undefined when it did not happen */
  runUntil(isSo: () => boolean, withinMs: number): number | undefined {
    const start = this.now;
    while (this.now - start < withinMs) {
      if (isSo()) return this.now - start;
      this.run(1);
    }
    return isSo() ? this.now - start : undefined;
  }

  status(side: Side): BfdStatus {
    return bfdStatus(this.hosts[side].state);
  }

  bothUp(): boolean {
    return this.status('a').state === 'Up' && this.status('b').state === 'Up';
  }
}
