import { type Instant, instant } from '../../src/machine.ts';
import { type Ip } from '../../src/net/ip.ts';
import { type Mac } from '../../src/net/mac.ts';
import { announcer } from '../../src/layer2/announcer.ts';
import { type AnnouncerEffect, type AnnouncerEvent, type AnnouncerState } from '../../src/layer2/announcerState.ts';
import { type Link } from '../../src/layer2/link.ts';

export const ip = (text: string): Ip => text as Ip;
export const mac = (text: string): Mac => text as Mac;

export const OUR_MAC = mac('02:00:00:00:00:0a');
export const CLIENT_MAC = mac('02:00:00:00:00:c1');

export function link(name = 'eth0', changes: Partial<Link> = {}): Link {
  return { name, index: 2, mac: OUR_MAC, up: true, arp: true, ndp: true, ...changes };
}

/** Bytes written as hex with any white space; lines that start with # are comments. */
export function hex(text: string): Uint8Array {
  const digits = text.replaceAll(/^#.*$/gm, '').replaceAll(/\s/g, '');
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

export type Timed = AnnouncerEffect & { readonly at: number };

/** Drives an announcer in virtual time, stepping it only at its own deadlines and at events. */
export class Driver {
  readonly state: AnnouncerState;
  readonly log: Timed[] = [];
  now: Instant = instant(0);
  wakeups = 0;

  constructor(state: AnnouncerState) {
    this.state = state;
  }

  send(event: AnnouncerEvent): void {
    const [, effects] = announcer.step(this.state, event, { now: this.now, random: () => 0.5 });
    for (const effect of effects) this.log.push({ ...effect, at: this.now });
  }

  runUntil(end: number): void {
    for (;;) {
      const due = announcer.deadline(this.state);
      if (due === undefined || due > end) break;
      this.now = instant(Math.max(this.now, due));
      this.wakeups++;
      if (this.wakeups > 1_000_000) throw new Error('the announcer never comes to rest');
      this.send({ kind: 'tick' });
    }
    this.now = instant(end);
  }

  of<K extends AnnouncerEffect['kind']>(kind: K): (Extract<AnnouncerEffect, { kind: K }> & { at: number })[] {
    return this.log.filter((effect): effect is Extract<AnnouncerEffect, { kind: K }> & { at: number } => effect.kind === kind);
  }
}
