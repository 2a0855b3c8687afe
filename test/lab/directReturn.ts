import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { sleep, until } from '../support/until.ts';
import { FRR, onSegment } from './addresses.ts';
import type { Lab } from './lab.ts';
import { attach } from './network.ts';
import { type Space, lines } from './space.ts';

const ROOT = process.env['HERALDLB_ROOT'] ?? process.cwd();
const ENDPOINT = 'endpoint';

/**
 * In the place of the lab's kube-proxy: a data plane whose nodes all send a connection to the same endpoint, which answers the client
 * itself, as Cilium's Maglev with direct server return does. So it does not matter through which node a packet comes, and what is lost
 * is lost by routing alone: a router that gets another set of next hops moves connections between those that stay, too, and under
 * kube-proxy such a connection ends, whoever announces the VIP.
 */
export async function startDirectReturn(lab: Lab, vip: string): Promise<void> {
  const { space } = lab;
  lab.cluster.stop();
  const { ipv4 } = onSegment(50);
  attach(space, ENDPOINT, onSegment(50));
  space.run(ENDPOINT, `ip addr add ${vip}/32 dev lo`);
  space.run(ENDPOINT, `ip route add default via ${FRR.ipv4}`);
  space.run(ENDPOINT, ['sysctl', '-qw', 'net.core.somaxconn=4096']);
  space.start(ENDPOINT, [httpProgram(lab.directory), 'serve', '80'], join(lab.directory, 'endpoint.log'));
  for (const node of lab.nodes) {
    space.run(node, ['sysctl', '-qw', 'net.ipv4.conf.all.send_redirects=0', 'net.ipv4.conf.eth0.send_redirects=0']);
    space.run(node, ['nft', '-f', '-'], COUNTER(vip));
    space.run(node, `ip route replace ${vip}/32 via ${ipv4}`);
  }
  const ask = ['curl', '-s', '--max-time', '2', `http://${vip}/`];
  await until('the endpoint to answer through the nodes', () => space.attempt('far', ask) === 'ok', 15_000, 100);
}

const COUNTER = (vip: string): string => `table inet lab
delete table inet lab
table inet lab {
  chain forward {
    type filter hook forward priority filter
    ip daddr ${vip} counter
  }
}
`;

/** How many packets of the VIP this node has forwarded. */
export function forwarded(space: Space, node: string): number {
  return Number(/counter packets (\d+)/.exec(space.run(node, ['nft', 'list', 'table', 'inet', 'lab']))?.[1] ?? Number.NaN);
}

/** The two ends of the load, in C: they share the machine with all the rest. */
function httpProgram(directory: string): string {
  const program = join(directory, 'http');
  if (!existsSync(program)) execFileSync('cc', ['-O2', '-o', program, join(ROOT, 'test/lab/http.c')]);
  return program;
}

export interface LoadTotals {
  readonly sent: number;
  readonly ok: number;
  readonly failed: number;
  /** A packet was lost, and sent again by TCP. */
  readonly slow: number;
  /** Not asked, since too much was under way. */
  readonly skipped: number;
  readonly seconds: number;
  readonly errors: Readonly<Record<string, number>>;
}

/** HTTP requests at a rate, each on a connection of its own, from the far client. */
export class Load {
  readonly #space: Space;
  readonly #child: ReturnType<Space['start']>;
  readonly #said: string[] = [];

  constructor(space: Space, directory: string, vip: string, rate: number, timeoutMs = 2000) {
    this.#space = space;
    space.run('far', ['sysctl', '-qw', 'net.ipv4.ip_local_port_range=1024 65535']);
    const words = [httpProgram(directory), 'load', vip, String(rate), String(timeoutMs)];
    this.#child = space.start('far', words, join(directory, 'load.log'));
    lines(this.#child, (line) => this.#said.push(line));
  }

  async end(): Promise<LoadTotals> {
    await this.#space.stop(this.#child, 'SIGTERM', 10_000);
    await sleep(50);
    const last = this.#said.at(-1) ?? '';
    if (!last.startsWith('{')) throw new Error(`the load has told nothing: ${last}`);
    return JSON.parse(last) as LoadTotals;
  }
}
