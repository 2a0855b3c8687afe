import { execFile } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parseIp } from '../../../src/net/ip.ts';
import type { Kubelab } from '../../kubelab/kubelab.ts';
import { CLIENT, nodeAddresses } from '../../lab/addresses.ts';
import { vips } from '../../lab/kubeProxy.ts';
import type { Lab } from '../../lab/lab.ts';
import { NAMESPACE } from '../../lab/manifests.ts';
import { lines } from '../../lab/space.ts';
import { macOf } from '../../lab/traffic.ts';
import type { KubeObject, Ref } from '../../support/apiClient.ts';
import { until } from '../../support/until.ts';

const ROOT = process.env['HERALDLB_ROOT'] ?? process.cwd();
const run = promisify(execFile);

export const serviceRef = (name: string): Ref => ({ apiVersion: 'v1', kind: 'Service', namespace: 'default', name });
export const configRef = (kind: string, name: string): Ref => ({ apiVersion: 'heraldlb.io/v1', kind, namespace: NAMESPACE, name });
export const host = (vip: string): string => `${vip}/${vip.includes(':') ? 128 : 32}`;

export function kubelabOf(lab: Lab): Kubelab {
  if (lab.api.kubelab === undefined) throw new Error('these tests need the embedded API server');
  return lab.api.kubelab;
}

export async function assigned(lab: Lab, name: string, count = 2, timeoutMs = 10_000): Promise<readonly string[]> {
  return until(
    `${count} VIPs for ${name}`,
    async () => {
      const found = vips(await lab.client.get(serviceRef(name)));
      return found.length === count ? found : undefined;
    },
    timeoutMs,
  );
}

/** Both routers hold exactly these next hops for the VIP. */
export async function routed(
  lab: Lab,
  vip: string,
  nodes: readonly string[],
  timeoutMs = 10_000,
  routers = ['frr', 'bird'],
): Promise<void> {
  const expected = nodes.map((node) => nodeAddresses(lab.nodes.indexOf(node))[vip.includes(':') ? 'ipv6' : 'ipv4']).sort();
  for (const router of [lab.frr, lab.bird].filter(({ name }) => routers.includes(name))) {
    await until(
      `${router.name} to have ${expected.join(' ') || 'no next hop'} for ${vip}`,
      () => JSON.stringify([...new Set(router.nextHops(host(vip)))].filter((hop) => !hop.startsWith('fe80'))) === JSON.stringify(expected),
      timeoutMs,
      50,
    );
  }
}

async function vtysh(lab: Lab, command: string): Promise<string> {
  const words = ['netns', 'exec', lab.space.ns('frr'), 'vtysh', '--vty_socket', join(lab.directory, 'frr'), '-c', command];
  return (await run('ip', words, { maxBuffer: 1 << 24 })).stdout;
}

async function birdc(lab: Lab, command: string): Promise<string> {
  const words = ['netns', 'exec', lab.space.ns('bird'), 'birdc', '-r', '-s', join(lab.directory, 'bird/bird.ctl'), ...command.split(' ')];
  return (await run('ip', words, { maxBuffer: 1 << 24 })).stdout;
}

/** Address (without length) to the nodes a router has it from. */
export type Table = ReadonlyMap<string, ReadonlySet<string>>;

/** Everything the routers have from the nodes, as their own tables show it. Never blocks: the API server lives in this process. */
export async function tables(lab: Lab): Promise<{ readonly frr: Table; readonly bird: Table }> {
  const [v4, v6, text] = await Promise.all([
    vtysh(lab, 'show bgp ipv4 unicast json'),
    vtysh(lab, 'show bgp ipv6 unicast json'),
    birdc(lab, 'show route where source = RTS_BGP'),
  ]);
  const nodeOf = new Map(lab.nodes.map((name, index) => [nodeAddresses(index).ipv4, name]));
  const frr = new Map<string, Set<string>>();
  for (const part of [v4, v6]) {
    const { routes = {} } = JSON.parse(part) as { routes?: Record<string, readonly { readonly peerId?: string }[]> };
    for (const [prefix, paths] of Object.entries(routes))
      frr.set(prefix.split('/')[0] ?? '', new Set(paths.map(({ peerId = '' }) => nodeOf.get(peerId) ?? peerId)));
  }
  return { frr, bird: birdTable(text) };
}

/** The first path of a prefix carries it, the others follow with blanks instead. */
function birdTable(text: string): Map<string, Set<string>> {
  const table = new Map<string, Set<string>>();
  let prefix = '';
  for (const line of text.split('\n')) {
    const [, start = '', node] = /^(\S*)\s.*\[(node\d+) /.exec(line) ?? [];
    if (node === undefined) continue;
    if (start !== '') prefix = start.split('/')[0] ?? '';
    table.set(prefix, (table.get(prefix) ?? new Set()).add(node));
  }
  return table;
}

/** How often each session came up, in FRR's own count, by node. */
export async function flaps(lab: Lab): Promise<Record<string, number>> {
  const neighbors = JSON.parse(await vtysh(lab, 'show bgp neighbors json')) as Record<string, { connectionsEstablished?: number }>;
  return Object.fromEntries(lab.nodes.map((node, index) => [node, neighbors[nodeAddresses(index).ipv4]?.connectionsEstablished ?? 0]));
}

/** UPDATE messages that FRR has read, by node. */
export async function updatesRead(lab: Lab): Promise<Record<string, number>> {
  const neighbors = JSON.parse(await vtysh(lab, 'show bgp neighbors json')) as Record<string, { messageStats?: { updatesRecv?: number } }>;
  return Object.fromEntries(lab.nodes.map((node, index) => [node, neighbors[nodeAddresses(index).ipv4]?.messageStats?.updatesRecv ?? 0]));
}

/** When each of BIRD's sessions last changed its state; equal texts mean that nothing happened. */
export async function birdSince(lab: Lab, before: Readonly<Record<string, string>> = {}): Promise<Record<string, string>> {
  const rows = (await birdc(lab, 'show protocols')).split('\n').filter((row) => / BGP /.test(row));
  const now = rows.map((row) => [row.split(/\s+/)[0] ?? '', row.trim().split(/\s+/).slice(3).join(' ')] as const);
  return Object.fromEntries(now.map(([name, text]) => [name, isSameSince(before[name], text) ? (before[name] ?? '') : text]));
}

/** BIRD makes the time of the day out of how long ago it was, and so differs from itself by a millisecond. */
function isSameSince(before: string | undefined, now: string): boolean {
  const at = (text: string): number => Date.parse(`2026-01-01T${/\d+:\d+:\d+\.\d+/.exec(text)?.[0] ?? ''}Z`);
  const rest = (text: string): string => text.replace(/\d+:\d+:\d+\.\d+/, '');
  return before !== undefined && rest(before) === rest(now) && Math.abs(at(before) - at(now)) < 100;
}

/** What an address may be announced for: node names, from Services and EndpointSlices as the API has them now. */
export async function legitimate(lab: Lab): Promise<Map<string, Set<string>>> {
  const kubelab = kubelabOf(lab);
  const [services, slices] = (await Promise.all([
    kubelab.list({ apiVersion: 'v1', kind: 'Service' }),
    kubelab.list({ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice' }),
  ])) as unknown as [KubeObject[], KubeObject[]];
  const found = new Map<string, Set<string>>();
  for (const service of services.filter(({ spec }) => spec?.['type'] === 'LoadBalancer')) {
    const local = new Set(readyNodes(service, slices));
    const nodes = service.spec?.['externalTrafficPolicy'] === 'Local' || local.size === 0 ? local : new Set(lab.nodes);
    for (const vip of vips(service)) found.set(parseIp(vip) ?? vip, nodes);
  }
  return found;
}

function readyNodes(service: KubeObject, slices: readonly KubeObject[]): string[] {
  const own = slices.filter(({ metadata }) => metadata.labels?.['kubernetes.io/service-name'] === service.metadata.name);
  return own.flatMap((slice) => {
    const { endpoints = [] } = slice as unknown as { endpoints?: { nodeName?: string; conditions?: { ready?: boolean } }[] };
    return endpoints.flatMap(({ nodeName, conditions }) => (conditions?.ready === false || nodeName === undefined ? [] : [nodeName]));
  });
}

export interface Heard {
  readonly at: number;
  readonly ip: string;
  readonly node: string;
  readonly mac: string;
  readonly how: 'answer' | 'announcement';
}

/** The client asks for all these addresses over and over; whatever it hears is kept, by the node (or the MAC of a stranger). */
export class Asker {
  readonly heard: Heard[] = [];
  readonly #lab: Lab;
  readonly #child: ChildProcess;

  private constructor(lab: Lab, child: ChildProcess) {
    this.#lab = lab;
    this.#child = child;
  }

  static async start(lab: Lab, addresses: readonly string[], everyMs = 200): Promise<Asker> {
    const words = [join(ROOT, 'test/support/run.mjs'), 'test/e2e/robust/asker.ts', 'eth0', CLIENT.ipv4, CLIENT.ipv6, String(everyMs)];
    const child = lab.space.start('client', [process.execPath, ...words, ...addresses], join(lab.directory, 'asker.log'));
    const asker = new Asker(lab, child);
    const nodeOf = new Map(lab.nodes.map((node) => [macOf(lab.space, node), node]));
    let ready = false;
    lines(child, (line) => {
      if (!line.startsWith('{')) return;
      const found = JSON.parse(line) as { ready?: boolean; at: number; ip: string; mac: string; how: Heard['how'] };
      if (found.ready === true) ready = true;
      else asker.heard.push({ ...found, node: nodeOf.get(found.mac) ?? found.mac });
    });
    await until('the asker to ask', () => ready, 15_000);
    return asker;
  }

  /** Who answered for the address since then. */
  owners(ip: string, since: number): string[] {
    const wanted = parseIp(ip) ?? ip;
    return [...new Set(this.heard.filter((one) => one.how === 'answer' && one.ip === wanted && one.at >= since).map(({ node }) => node))];
  }

  async stop(): Promise<void> {
    await this.#lab.space.stop(this.#child);
  }
}

/** Addresses from the first to the last; their last parts differ only. */
export function range(prefix: string, from: number, to: number, radix = 10): string[] {
  return Array.from({ length: to - from + 1 }, (_, index) => `${prefix}${(from + index).toString(radix)}`);
}

export const L2_ADDRESSES: readonly string[] = [...range('10.10.0.', 200, 219), ...range('fd10:10::', 0x200, 0x21f, 16)];

/** A small generator of random numbers that a seed determines (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Lines of the daemons' logs that tell of a fault of the program itself. */
export function crashes(lab: Lab): string[] {
  return readdirSync(lab.directory)
    .filter((file) => /^(controller|speaker).*\.log$/.test(file))
    .flatMap((file) =>
      readFileSync(join(lab.directory, file), 'utf8')
        .split('\n')
        .map((line) => `${file}: ${line}`),
    )
    .filter((line) => /"level":"fatal"|TypeError|RangeError|ReferenceError|uncaught|unhandled|the worker (died|ended)/i.test(line));
}
