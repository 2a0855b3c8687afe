import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { LinkState } from '../../speaker/io/linkTable.ts';
import type { Membership } from '../../speaker/io/multicast.ts';
import type { Datagram, UdpListenOptions, UdpSendOptions } from '../../speaker/hands.ts';
import type { DefaultRoute } from '../../src/net/defaultRoute.ts';
import { type Space, lines } from '../lab/space.ts';
import { until } from '../support/until.ts';

type At = { readonly interface: string };
export type Command =
  | ({ readonly do: 'open' | 'close' | 'counters' } & At)
  /** `send` through the open endpoint, `raw` through a socket of its own. */
  | ({ readonly do: 'send' | 'raw'; readonly frame: string } & At)
  | ({ readonly do: 'narrow'; readonly addresses: readonly string[] } & At)
  | ({ readonly do: 'flood'; readonly frame: string; readonly durationMs: number } & At)
  | { readonly do: 'watch' | 'unwatch' | 'watchRoutes' | 'current' | 'descriptors' }
  | { readonly do: 'groups'; readonly groups: readonly Membership[] }
  | { readonly do: 'udpListen'; readonly name: string; readonly options: UdpListenOptions }
  /** Answers the local address. */
  | { readonly do: 'udpOpen'; readonly name: string; readonly options: UdpSendOptions }
  | { readonly do: 'udpSend'; readonly name: string; readonly bytes: string; readonly times?: number }
  | { readonly do: 'udpClose'; readonly name: string }
  /** Reads nothing for a while, and sends before it reads again. */
  | { readonly do: 'stall'; readonly durationMs: number; readonly send?: At & { readonly frame: string } };

interface Line {
  readonly id?: number;
  readonly value?: unknown;
  readonly error?: string;
  readonly event?: string;
  readonly frame?: string;
  readonly links?: LinkState[];
  readonly routes?: DefaultRoute[];
  readonly sent?: number;
  readonly interface?: string;
  readonly message?: string;
  readonly datagram?: Omit<Datagram, 'bytes'> & { readonly bytes: string; readonly listener: string };
}

const root = fileURLToPath(new URL('../..', import.meta.url));

/** A program in a namespace that has HeraldLB's sockets, driven from outside. */
export class Agent {
  readonly events: Line[] = [];
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (line: Line) => void>();
  #id = 0;
  #stderr = '';

  constructor(space: Space, namespace: string) {
    this.#child = spawn('ip', ['netns', 'exec', space.ns(namespace), process.execPath, 'test/support/run.mjs', 'test/native/agent.ts'], {
      cwd: root,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.#child.stderr?.on('data', (data: Buffer) => {
      this.#stderr += data.toString();
    });
    this.#child.once('exit', (code, signal) => {
      for (const answer of this.#waiting.values()) answer({ error: `the agent ended: ${code ?? signal} ${this.#stderr}` });
    });
    lines(this.#child, (text) => {
      const line = JSON.parse(text) as Line;
      if (line.id === undefined) this.events.push(line);
      else this.#waiting.get(line.id)?.(line);
    });
  }

  async ask(command: Command): Promise<unknown> {
    const id = ++this.#id;
    const answered = new Promise<Line>((resolve) => {
      this.#waiting.set(id, resolve);
    });
    this.#child.stdin?.write(`${JSON.stringify({ id, ...command })}\n`);
    const line = await answered;
    this.#waiting.delete(id);
    if (line.error !== undefined) throw new Error(line.error);
    return line.value;
  }

  /** Every frame so far, in hex. */
  frames(): string[] {
    return this.events.flatMap((event) => (event.event === 'frame' && event.frame !== undefined ? [event.frame] : []));
  }

  /** Every datagram so far, its bytes in hex. */
  datagrams(): NonNullable<Line['datagram']>[] {
    return this.events.flatMap(({ datagram }) => (datagram === undefined ? [] : [datagram]));
  }

  /** The links as last told. */
  links(): LinkState[] {
    return this.events.findLast((event) => event.event === 'links')?.links ?? [];
  }

  /** The default routes as last told. */
  routes(): DefaultRoute[] {
    return this.events.findLast((event) => event.event === 'routes')?.routes ?? [];
  }

  /** Ends by itself: what it had open is cleaned up, or this is a failure. @returns the exit code */
  async end(): Promise<number | null> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      this.#child.stdin?.end();
      await until('the agent ends', () => this.#child.exitCode !== null || this.#child.signalCode !== null);
    }
    return this.#child.exitCode;
  }
}
