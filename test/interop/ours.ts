import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { join, resolve } from 'node:path';
import type { NodePlan } from '../../src/announce/plan.ts';
import type { BfdReport, PeerReport, Report } from '../../speaker/report.ts';
import { type Space, lines } from '../lab/space.ts';
import { until } from '../support/until.ts';

const ROOT = resolve(import.meta.dirname, '../..');
export const FAREWELL = 'maintenance of rack 4';

/** Our engine, running in a namespace of the lab. */
export class Ours {
  readonly #space: Space;
  readonly #child: ChildProcess;
  #report: Report | undefined;

  private constructor(space: Space, child: ChildProcess) {
    this.#space = space;
    this.#child = child;
    lines(child, (line) => {
      // One that is killed may have been in the middle of a line.
      if (child.killed && !line.endsWith(']}')) return;
      this.#report = JSON.parse(line) as Report;
    });
  }

  /** @param bgpPort where it listens; 0: nowhere */
  static async start(space: Space, host: string, directory: string, bgpPort = 179): Promise<Ours> {
    const program = [process.execPath, join(ROOT, 'test/support/run.mjs'), 'test/interop/speak.ts', String(bgpPort), FAREWELL];
    // Of its own, since the lab's processes have no standard input.
    const child = spawn('ip', ['netns', 'exec', space.ns(host), ...program], { cwd: ROOT, stdio: 'pipe' });
    child.stderr.pipe(createWriteStream(join(directory, `ours-${host}.log`), { flags: 'a' }));
    child.stdin.on('error', () => undefined);
    const ours = new Ours(space, child);
    await until('our engine to run', () => ours.#report !== undefined, 30_000);
    return ours;
  }

  apply(plan: NodePlan): void {
    this.#child.stdin?.write(`${JSON.stringify(plan)}\n`);
  }

  report(): Report {
    if (this.#report === undefined) throw new Error('our engine has not said anything yet');
    return this.#report;
  }

  peer(name = 'p1'): PeerReport | undefined {
    return this.report().peers.find((peer) => peer.name === name);
  }

  bfd(): BfdReport | undefined {
    return this.report().bfd[0];
  }

  /** BFD packets that were not believed, by reason. */
  bfdDropped(): Readonly<Record<string, number>> {
    return (this.report() as Report & { readonly bfdDropped?: Record<string, number> }).bfdDropped ?? {};
  }

  /** SIGSTOP: it lives, its connections stay, and it does nothing any more. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#child.kill(signal);
  }

  /** SIGTERM: a clean end. SIGKILL: as if the node had lost its power, but that the kernel closes the connections. */
  stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    return this.#space.stop(this.#child, signal);
  }
}
