import { join } from 'node:path';
import type { Space } from './space.ts';
import { lines } from './space.ts';

export interface Reply {
  readonly at: number;
  readonly ms: number;
  readonly ok: boolean;
  readonly node?: string;
}

export function urlOf(ip: string): string {
  return ip.includes(':') ? `http://[${ip}]/` : `http://${ip}/`;
}

/** Asks for a URL over and over from a host of the lab, until it has run for `forMs`. */
export class Probe {
  readonly replies: Reply[] = [];
  readonly done: Promise<void>;

  constructor(space: Space, host: string, ip: string, directory: string, forMs: number, everyMs = 20, timeoutMs = 200) {
    const root = process.env['HERALDLB_ROOT'] ?? process.cwd();
    const words = [join(root, 'test/lab/probe.mjs'), urlOf(ip), String(everyMs), String(timeoutMs), String(forMs)];
    const child = space.start(host, [process.execPath, ...words], join(directory, `probe-${host}.log`));
    lines(child, (line) => this.replies.push(JSON.parse(line) as Reply));
    this.done = new Promise((resolve) => {
      child.once('close', () => resolve());
    });
  }

  get lost(): number {
    return this.replies.filter((reply) => !reply.ok).length;
  }

  /** The longest time between the starts of two answered requests: what a user would call the outage. Milliseconds. */
  get gapMs(): number {
    const answered = this.replies.filter((reply) => reply.ok).map((reply) => reply.at);
    return Math.max(0, ...answered.slice(1).map((at, index) => at - (answered[index] ?? at)));
  }

  /** Nodes in the order in which they first answered. */
  get nodes(): string[] {
    return [...new Set(this.replies.flatMap((reply) => (reply.ok && reply.node !== undefined ? [reply.node] : [])))];
  }
}

/** The different MAC addresses that answered an ARP or NDP question for `ip`, asked once from `host`. */
export function whoHas(space: Space, host: string, ip: string): string[] {
  // Both wait their whole time for further answers: a second owner must not be overlooked.
  const arp = ['arping', '-c', '1', '-w', '1', '-i', 'eth0', ip];
  const ndp = ['ndisc6', '-n', '-m', '-r', '1', '-w', '1000', ip, 'eth0'];
  const text = space.attempt(host, ip.includes(':') ? ndp : arp) ?? '';
  const found = [...text.matchAll(/(?:from|address:)\s+([0-9A-Fa-f]{1,2}(?::[0-9A-Fa-f]{1,2}){5})/g)];
  // The owner's own announcements may come in between: it is owners that are counted.
  return [...new Set(found.map((match) => (match[1] ?? '').toLowerCase()))];
}

export function macOf(space: Space, host: string, device = 'eth0'): string {
  const links = JSON.parse(space.run(host, `ip -j link show ${device}`)) as { address: string }[];
  return links[0]?.address ?? '';
}
