import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import type { SegmentLab } from './segment.ts';
import { lines } from './space.ts';

const ASK_SECONDS = 0.02;
/** Answers to so many questions may be missing, or be only one, within one and the same double answer. */
const SLACK_MS = 100;

/** A time in which something was wrong, in milliseconds of wall time. */
export interface Span {
  readonly vip: string;
  readonly from: number;
  readonly to: number;
  readonly who: readonly string[];
}

interface Seen {
  /** Who has answered the question that is open. */
  answered: Set<string>;
  double: { from: number; to: number; who: Set<string> } | undefined;
  answerAt: number | undefined;
}

/** Asks for every VIP 50 times a second from the client, and reads on the wire who answers (RFC 826). */
export class ArpWatch {
  readonly doubles: Span[] = [];
  readonly darks: Span[] = [];
  questions = 0;
  readonly #lab: SegmentLab;
  readonly #children: ChildProcess[];
  readonly #seen = new Map<string, Seen>();

  constructor(lab: SegmentLab) {
    this.#lab = lab;
    const words = ['tcpdump', '-i', 'eth0', '-l', '-n', '-tt', '--immediate-mode', 'arp'];
    const dump = lab.space.start('client', words, join(lab.directory, 'tcpdump.log'));
    lines(dump, (line) => this.#read(line));
    const ask = (vip: string): ChildProcess =>
      lab.space.start('client', ['arping', '-q', '-W', String(ASK_SECONDS), '-i', 'eth0', vip], join(lab.directory, 'arping.log'));
    this.#children = [dump, ...lab.vips.map(ask)];
  }

  #read(line: string): void {
    const [, seconds, asked, told, mac] = /^([\d.]+) ARP, (?:Request who-has (\S+) tell|Reply (\S+) is-at ([0-9a-f:]+))/.exec(line) ?? [];
    const at = Number(seconds) * 1000;
    const vip = asked ?? told;
    if (vip === undefined || !this.#lab.vips.includes(vip)) return;
    const seen = this.#seen.get(vip) ?? { answered: new Set(), double: undefined, answerAt: undefined };
    this.#seen.set(vip, seen);
    // An announcement in the request form asks for its own address, in the reply form it is no answer to anybody.
    if (mac !== undefined) this.#answered(vip, seen, mac, at);
    else if (!line.includes(`tell ${vip}`)) {
      this.questions += 1;
      seen.answered.clear();
    }
  }

  #answered(vip: string, seen: Seen, mac: string, at: number): void {
    if (seen.answerAt !== undefined && at - seen.answerAt > SLACK_MS) this.darks.push({ vip, from: seen.answerAt, to: at, who: [] });
    seen.answerAt = at;
    seen.answered.add(this.#lab.macs.get(mac) ?? mac);
    if (seen.double !== undefined && at - seen.double.to > SLACK_MS) this.#close(vip, seen);
    if (seen.answered.size < 2) return;
    seen.double ??= { from: at, to: at, who: new Set() };
    seen.double.to = at;
    for (const node of seen.answered) seen.double.who.add(node);
  }

  #close(vip: string, seen: Seen): void {
    if (seen.double === undefined) return;
    this.doubles.push({ ...seen.double, vip, who: [...seen.double.who] });
    seen.double = undefined;
  }

  async stop(): Promise<void> {
    for (const child of this.#children) await this.#lab.space.stop(child, 'SIGINT');
    for (const [vip, seen] of this.#seen) this.#close(vip, seen);
  }
}
