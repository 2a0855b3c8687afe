import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { sleep, until } from '../support/until.ts';
import { Pinger, type SegmentLab } from './segment.ts';
import { lines } from './space.ts';

/** How an owner may be lost, unplanned. */
export type Blow = 'cut' | 'kill' | 'freeze';

export interface Outage {
  /** From the blow until the client's packets went to somebody else. */
  readonly movedMs: number;
  /** From the blow until the client had answers again; near nothing where only the speaker died and the kernel went on. */
  readonly resumedMs: number;
  readonly lost: number;
}

/** The client's neighbour table, as it changes. */
class Neighbours {
  readonly #moves: { readonly at: number; readonly ip: string; readonly mac: string }[] = [];
  readonly #child: ChildProcess;
  readonly #lab: SegmentLab;

  constructor(lab: SegmentLab) {
    this.#lab = lab;
    this.#child = lab.space.start('client', ['ip', '-ts', 'monitor', 'neigh'], join(lab.directory, 'neigh.log'));
    lines(this.#child, (line) => {
      const [, time, ip, mac] = /^\[(\S+)\] (\S+) dev eth0 lladdr (\S+)/.exec(line) ?? [];
      if (time !== undefined && ip !== undefined && mac !== undefined) this.#moves.push({ at: new Date(`${time}Z`).getTime(), ip, mac });
    });
  }

  /** When packets for the VIP first went to another node than that one. */
  movedFrom(node: string, vip: string, after: number): number | undefined {
    const found = this.#moves.find(({ at, ip, mac }) => at >= after - 5 && ip === vip && this.#lab.macs.get(mac) !== node);
    return found === undefined ? undefined : found.at - after;
  }

  async stop(): Promise<void> {
    await this.#lab.space.stop(this.#child, 'SIGINT');
  }
}

function strike(lab: SegmentLab, blow: Blow, node: string): void {
  if (blow === 'kill') lab.kill(node, 'SIGKILL');
  else if (blow === 'freeze') lab.kill(node, 'SIGSTOP');
  else {
    lab.cut(node);
    lab.kill(node, 'SIGKILL');
  }
}

export async function recover(lab: SegmentLab, blow: Blow, node: string): Promise<void> {
  if (blow === 'freeze') lab.kill(node, 'SIGCONT');
  if (blow === 'cut') lab.heal(node);
  if (blow !== 'freeze') lab.startSpeaker(node);
  await lab.settled();
}

/** One unplanned loss of the owner, seen by a client that asks all the time. The owner is still lost when it returns. */
export async function strikeOwner(lab: SegmentLab, blow: Blow): Promise<Outage & { readonly node: string }> {
  const vip = lab.vips[0] ?? '';
  const node = (await until('one owner', () => lab.owner(), 20_000)) ?? '';
  const neighbours = new Neighbours(lab);
  const pinger = new Pinger(lab);
  await until('answers', () => pinger.count > 100);
  // Not always at the same place between two packets of the mesh.
  await sleep(Math.random() * 200);
  const at = Date.now();
  strike(lab, blow, node);
  await until('the move', () => neighbours.movedFrom(node, vip, at), 10_000, 20).catch(() => undefined);
  await sleep(500);
  await pinger.stop();
  await neighbours.stop();
  return {
    node,
    movedMs: neighbours.movedFrom(node, vip, at) ?? Infinity,
    resumedMs: pinger.resumedAfter(at) ?? Infinity,
    lost: pinger.lost,
  };
}

/** Packets lost while `change` goes on and until `isOver`. */
export async function lostDuring(
  lab: SegmentLab,
  change: () => Promise<void> | void,
  isOver: () => boolean | Promise<boolean>,
): Promise<number> {
  const pinger = new Pinger(lab);
  await until('answers', () => pinger.count > 100);
  await change();
  await until('the planned move', isOver, 30_000, 50);
  await sleep(300);
  await pinger.stop();
  return pinger.lost;
}
