import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { ChildProcess } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApiClient } from '../support/apiClient.ts';
import { until } from '../support/until.ts';
import { L2_POOL, nodeAddresses, nodeName } from './addresses.ts';
import { startSpeaker } from './daemons.ts';
import { Door } from './door.ts';
import { type LabApi, embeddedApi, throughDoor } from './lab.ts';
import { NAMESPACE, ingressPod, node } from './manifests.ts';
import { buildNetwork } from './network.ts';
import { Space, lines } from './space.ts';
import { macOf, whoHas } from './traffic.ts';

const ROOT = process.env['HERALDLB_ROOT'] ?? process.cwd();

export interface SegmentOptions {
  readonly tag: string;
  readonly nodes?: number;
  /** Of the speakers. */
  readonly flags?: readonly string[];
  readonly vips?: readonly string[];
}

/**
 * Speakers on one segment and nothing else: no routers, no controller, no HTTP. The VIPs stand in the Services' status from the
 * beginning, and every node's kernel takes the packets for any of them, as kube-proxy makes it. Nodes stay Ready whatever happens:
 * what moves a VIP here is the speakers' own doing.
 */
export class SegmentLab {
  readonly space: Space;
  readonly directory: string;
  readonly api: LabApi;
  readonly client: ApiClient;
  readonly door: Door;
  readonly nodes: readonly string[];
  readonly vips: readonly string[];
  readonly macs: ReadonlyMap<string, string>;
  readonly speakers = new Map<string, ChildProcess>();
  readonly #flags: readonly string[];

  private constructor(
    parts: Pick<SegmentLab, 'space' | 'directory' | 'api' | 'client' | 'door' | 'nodes' | 'vips'>,
    flags: readonly string[],
  ) {
    this.space = parts.space;
    this.directory = parts.directory;
    this.api = parts.api;
    this.client = parts.client;
    this.door = parts.door;
    this.nodes = parts.nodes;
    this.vips = parts.vips;
    this.#flags = flags;
    this.macs = new Map(this.nodes.map((name) => [macOf(this.space, name), name]));
  }

  static async start({ tag, nodes: count = 3, flags = [], vips = ['10.10.0.200'] }: SegmentOptions): Promise<SegmentLab> {
    const space = new Space(tag);
    const directory = mkdtempSync(join(tmpdir(), `hlb-${tag}-`));
    try {
      buildNetwork(space, count);
      const api = await embeddedApi(ROOT, { isPatient: true });
      const client = new ApiClient(api.url, api.adminToken, api.ca);
      const door = await Door.open(space, directory, api.port);
      await client.apply(CONFIG);
      const nodes = Array.from({ length: count }, (_, index) => nodeName(index));
      for (const [index, name] of nodes.entries()) {
        await create(client, node(index));
        await create(client, ingressPod(index));
        takePackets(space, name, index);
      }
      for (const [index, vip] of vips.entries()) await create(client, serviceOf(index, vip));
      return new SegmentLab({ space, directory, api, client, door, nodes, vips }, flags);
    } catch (error) {
      await space.dispose();
      throw error;
    }
  }

  startSpeaker(name: string, flags: readonly string[] = this.#flags): void {
    const kubeconfig = join(this.directory, 'heraldlb-speaker.kubeconfig');
    writeFileSync(kubeconfig, throughDoor(this.api, 'heraldlb-speaker'));
    const extra = ['--bgp-listen-port', '0', ...flags];
    const { space, directory } = this;
    this.speakers.set(name, startSpeaker({ space, directory, kubeconfig, namespace: NAMESPACE, extra }, name));
  }

  startSpeakers(): void {
    for (const name of this.nodes) this.startSpeaker(name);
  }

  metrics(name: string): string {
    return this.space.attempt(name, ['curl', '-s', '--max-time', '2', 'http://127.0.0.1:7482/metrics']) ?? '';
  }

  /** What a speaker is to the others. */
  phase(name: string): string | undefined {
    return /^heraldlb_layer2_phase\{phase="(\w+)".*\} 1$/m.exec(this.metrics(name))?.[1];
  }

  /** Every speaker hears every other, and may own VIPs. */
  async settled(names: readonly string[] = this.nodes, timeoutMs = 60_000): Promise<void> {
    for (const name of names) await until(`${name} to be willing`, () => this.phase(name) === 'willing', timeoutMs, 100);
    await until('an owner', () => this.owner() !== undefined, 10_000, 50);
  }

  /** Who answers for a VIP; undefined: nobody, or more than one. */
  owner(vip = this.vips[0] ?? ''): string | undefined {
    const found = this.owners(vip);
    return found.length === 1 ? found[0] : undefined;
  }

  owners(vip = this.vips[0] ?? ''): string[] {
    return whoHas(this.space, 'client', vip).map((mac) => this.macs.get(mac) ?? mac);
  }

  cut(name: string): void {
    this.space.run('seg', `ip link set p-${name} down`);
  }

  heal(name: string): void {
    this.space.run('seg', `ip link set p-${name} up`);
  }

  kill(name: string, signal: NodeJS.Signals): void {
    this.speakers.get(name)?.kill(signal);
  }

  async close(): Promise<void> {
    this.door.close();
    await this.space.dispose();
    await this.client.close();
    await this.api.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Asks a VIP 500 times a second; the answers show when it was dark, and what was lost. */
export class Pinger {
  readonly #answers = new Map<number, number>();
  readonly #child: ChildProcess;
  readonly #space: Space;

  constructor(lab: SegmentLab, vip = lab.vips[0] ?? '', everyMs = 2) {
    this.#space = lab.space;
    const command = ['ping', '-D', '-n', '-i', String(everyMs / 1000), '-W', '1', vip];
    this.#child = lab.space.start('client', command, join(lab.directory, 'ping.log'));
    lines(this.#child, (line) => {
      const [, at, sequence] = /^\[([\d.]+)\].*icmp_seq=(\d+) ttl/.exec(line) ?? [];
      if (at !== undefined) this.#answers.set(Number(sequence), Number(at) * 1000);
    });
  }

  get count(): number {
    return this.#answers.size;
  }

  async stop(): Promise<void> {
    await this.#space.stop(this.#child, 'SIGINT');
  }

  /** Between the first answer and the last. */
  get lost(): number {
    const sequences = [...this.#answers.keys()];
    return sequences.length === 0 ? 0 : Math.max(...sequences) - Math.min(...sequences) + 1 - sequences.length;
  }

  /** The longest time without an answer. */
  get darkMs(): number {
    const times = [...this.#answers.values()].toSorted((a, b) => a - b);
    return times.reduce((most, at, index) => Math.max(most, index === 0 ? 0 : at - (times[index - 1] ?? at)), 0);
  }

  /** From then until the first answer after the longest silence. */
  resumedAfter(at: number): number | undefined {
    const times = [...this.#answers.values()].filter((time) => time > at - 50).toSorted((a, b) => a - b);
    let [longest, end]: [number, number | undefined] = [0, undefined];
    for (const [index, time] of times.entries()) {
      const silence = index === 0 ? 0 : time - (times[index - 1] ?? time);
      if (silence > longest) [longest, end] = [silence, time];
    }
    return end === undefined ? undefined : end - at;
  }
}

/** kube-proxy's part: what comes for a VIP is the node's, whoever announced it. */
function takePackets(space: Space, name: string, index: number): void {
  const { ipv4, ipv6 } = nodeAddresses(index);
  const rules = `table inet vips {
  chain prerouting {
    type nat hook prerouting priority dstnat
    ip daddr ${L2_POOL.ipv4} dnat ip to ${ipv4}
    ip6 daddr ${L2_POOL.ipv6} icmpv6 type echo-request dnat ip6 to ${ipv6}
  }
}
`;
  space.run(name, ['nft', '-f', '-'], rules);
}

const CONFIG = `apiVersion: heraldlb.io/v1
kind: IPAddressPool
metadata: { name: segment, namespace: ${NAMESPACE} }
spec:
  addresses: ["${L2_POOL.ipv4}", "${L2_POOL.ipv6}"]
---
apiVersion: heraldlb.io/v1
kind: L2Advertisement
metadata: { name: segment, namespace: ${NAMESPACE} }
spec: {}
`;

function serviceOf(index: number, vip: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: `vip-${index}`, namespace: 'default' },
    spec: {
      type: 'LoadBalancer',
      selector: { app: 'ingress' },
      ports: [{ name: 'http', port: 80, targetPort: 8080, protocol: 'TCP' }],
    },
    status: { loadBalancer: { ingress: [{ ip: vip }] } },
  };
}

async function create(client: ApiClient, object: object): Promise<void> {
  const { status, ...rest } = object as {
    status?: object;
    kind: string;
    apiVersion: string;
    metadata: { name: string; namespace?: string };
  };
  await client.apply(rest);
  const { kind, apiVersion, metadata } = rest;
  await client.patch({ kind, apiVersion, name: metadata.name, namespace: metadata.namespace ?? 'default' }, { status }, '/status');
}
