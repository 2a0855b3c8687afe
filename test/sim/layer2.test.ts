import { describe, expect, it } from 'vitest';
import { type Instant, earliest, instant } from '../../src/machine.ts';
import { type Ip } from '../../src/net/ip.ts';
import { type Mac } from '../../src/net/mac.ts';
import { announcer, startAnnouncer } from '../../src/layer2/announcer.ts';
import { type AnnouncerEffect, type AnnouncerEvent, type WantedClaim } from '../../src/layer2/announcerState.ts';
import { ClaimTable } from '../../src/layer2/claimTable.ts';
import { conflicts, startConflicts } from '../../src/layer2/conflict.ts';
import type { ConflictEffect, ConflictEvent } from '../../src/layer2/conflictState.ts';
import { RankCache, electionOrder } from '../../src/layer2/elector.ts';
import { announcementFrames, probeFrame } from '../../src/layer2/gratuitous.ts';
import { type Link, viewInterface } from '../../src/layer2/link.ts';
import { REPLY_BYTES, respond } from '../../src/layer2/responder.ts';
import { type Response } from '../../src/layer2/response.ts';
import { CLIENT_MAC, ip, link, mac } from '../layer2/support.ts';

/** One segment on which every frame reaches everybody in the same partition at once, in virtual time. */
class Segment {
  now: Instant = instant(0);
  readonly hosts: Host[] = [];
  #queue: { from: Host | undefined; frame: Uint8Array }[] = [];

  send(from: Host | undefined, frame: Uint8Array): void {
    this.#queue.push({ from, frame });
  }

  /** @returns all answers to what was in the air */
  deliver(): { host: Host; response: Response }[] {
    const answers: { host: Host; response: Response }[] = [];
    for (let steps = 0; this.#queue.length > 0; steps++) {
      if (steps > 100_000) throw new Error('a storm');
      const { from, frame } = this.#queue.shift() ?? { from: undefined, frame: new Uint8Array(0) };
      const hears = (host: Host): boolean => host !== from && (from === undefined || host.partition === from.partition);
      for (const host of this.hosts.filter(hears)) answers.push({ host, response: host.receive(frame) });
    }
    return answers;
  }

  runUntil(end: number): void {
    this.deliver();
    for (;;) {
      const due = earliest(...this.hosts.map((host) => host.deadline()));
      if (due === undefined || due > end) break;
      this.now = instant(Math.max(due, this.now));
      for (const host of this.hosts) host.tick();
      this.deliver();
    }
    this.now = instant(end);
  }

  owners(question: Uint8Array): string[] {
    this.send(undefined, question);
    return this.deliver()
      .filter(({ response }) => response.kind === 'reply')
      .map(({ host }) => host.node);
  }
}

class Host {
  readonly node: string;
  readonly link: Link;
  readonly kinds: string[] = [];
  partition = 0;
  readonly #segment: Segment;
  readonly #table = new ClaimTable();
  readonly #announcer;
  readonly #conflicts;

  constructor(segment: Segment, node: string, address: Mac) {
    this.node = node;
    this.#segment = segment;
    this.link = link('eth0', { mac: address });
    this.#table.setOwnMacs([address]);
    this.#announcer = startAnnouncer(segment.now);
    this.#conflicts = startConflicts(node);
    this.announce({ kind: 'links', links: [this.link] });
    segment.hosts.push(this);
  }

  claim(...claims: WantedClaim[]): void {
    this.announce({ kind: 'claims', claims });
  }

  announce(event: AnnouncerEvent): void {
    const [, effects] = announcer.step(this.#announcer, event, { now: this.#segment.now, random: () => 0.5 });
    for (const effect of effects) this.#apply(effect);
  }

  #apply(effect: AnnouncerEffect): void {
    this.kinds.push(effect.kind);
    if (effect.kind === 'answer') this.#table.set(effect);
    else if (effect.kind === 'silence') this.#table.delete(effect.ip);
    else if (effect.kind === 'probe') this.#segment.send(this, probeFrame(effect.ip, this.link));
    else if (effect.kind === 'announce') for (const frame of announcementFrames(effect.ip, this.link)) this.#segment.send(this, frame);
  }

  receive(frame: Uint8Array): Response {
    const out = new Uint8Array(REPLY_BYTES);
    const response = respond(frame, viewInterface(this.link), this.#table, out);
    if (response.kind === 'reply') this.#segment.send(this, out.subarray(0, response.length));
    if (response.kind === 'conflict') {
      const { sighting } = response;
      const other = this.#segment.hosts.find((host) => host.link.mac === sighting.mac);
      this.judge({ kind: 'sighted', sighting, ...(other && { speaker: { node: other.node, order: orderFor(sighting.ip), isMet: true } }) });
    }
    return response;
  }

  judge(event: ConflictEvent): void {
    const [, effects] = conflicts.step(this.#conflicts, event, { now: this.#segment.now, random: () => 0.5 });
    for (const effect of effects) this.#obey(effect);
  }

  #obey(effect: ConflictEffect): void {
    this.kinds.push(effect.kind);
    if (effect.kind !== 'foreign' && effect.kind !== 'foreignGone') this.announce(effect);
  }

  deadline(): Instant | undefined {
    return earliest(announcer.deadline(this.#announcer), conflicts.deadline(this.#conflicts));
  }

  tick(): void {
    this.announce({ kind: 'tick' });
    this.judge({ kind: 'tick' });
  }
}

const NODES = ['node1', 'node2', 'node3'];
function orderFor(address: Ip): string[] {
  return electionOrder({ key: address, firstVip: address, candidates: NODES.map((node) => ({ node, weight: 0 })) }, new RankCache());
}

function threeNodes(): { segment: Segment; host: (node: string) => Host } {
  const segment = new Segment();
  const hosts = new Map(NODES.map((node, i) => [node, new Host(segment, node, mac(`02:00:00:00:01:0${i + 1}`))]));
  return {
    segment,
    host: (node) => {
      const found = hosts.get(node);
      if (found === undefined) throw new Error(node);
      return found;
    },
  };
}

const asker = link('eth0', { mac: CLIENT_MAC });
const VIPS = [ip('10.0.0.1'), ip('fd00::1')];

describe.each(VIPS)('three speakers on one segment, %s', (vip) => {
  const [first = '', second = '', third = ''] = orderFor(vip);

  it('W21: a healed partition in which all three claim converges on the first in order within a second', () => {
    const { segment, host } = threeNodes();
    for (const [i, node] of NODES.entries()) {
      host(node).partition = i;
      host(node).claim({ ip: vip, probe: false });
    }
    segment.runUntil(20_000);
    expect(segment.owners(probeFrame(vip, asker))).toHaveLength(3);
    for (const node of NODES) host(node).partition = 0;
    // The links came back, which is what healing looks like from a node; or else the next low-rate announcement.
    host(third).announce({ kind: 'links', links: [{ ...host(third).link, up: false }] });
    host(third).announce({ kind: 'links', links: [host(third).link] });
    segment.runUntil(21_000);
    expect(segment.owners(probeFrame(vip, asker))).toEqual([first]);
    segment.runUntil(80_000);
    expect(segment.owners(probeFrame(vip, asker))).toEqual([first]);
  });

  it('make before break: the old owner goes on until it hears the new one', () => {
    const { segment, host } = threeNodes();
    host(second).claim({ ip: vip, probe: false });
    segment.runUntil(10_000);
    expect(segment.owners(probeFrame(vip, asker))).toEqual([second]);
    host(first).claim({ ip: vip, probe: false });
    // Nobody has told the old one; a plan that says so would end it at once.
    segment.runUntil(10_600);
    expect(segment.owners(probeFrame(vip, asker))).toEqual([first]);
    expect(host(second).kinds).toContain('yield');
  });

  it('a dead owner: what was left to it is taken back at once', () => {
    const { segment, host } = threeNodes();
    host(first).claim({ ip: vip, probe: false });
    host(second).claim({ ip: vip, probe: false });
    segment.runUntil(1000);
    expect(segment.owners(probeFrame(vip, asker))).toEqual([first]);
    host(first).partition = 9;
    host(first).claim();
    host(second).judge({ kind: 'speakerGone', node: first });
    expect(segment.owners(probeFrame(vip, asker))).toEqual([second]);
  });

  it('a host that has the address already is found by probing, and keeps it', () => {
    const { segment, host } = threeNodes();
    const stranger = link('eth0', { mac: mac('02:00:00:00:00:77') });
    host(first).claim({ ip: vip, probe: true });
    for (let at = 50; at < 30_000; at += 100) {
      segment.runUntil(at);
      for (const frame of announcementFrames(vip, stranger)) segment.send(undefined, frame);
    }
    expect(host(first).kinds).toEqual(expect.arrayContaining(['occupied', 'refused', 'foreign']));
    expect(host(first).kinds).not.toContain('announce');
    expect(segment.owners(probeFrame(vip, asker))).toEqual([]);
    // It has gone: the next time that is asked nobody answers.
    segment.runUntil(95_000);
    expect(segment.owners(probeFrame(vip, asker))).toEqual([first]);
  });
});
