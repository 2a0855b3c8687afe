import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { DrillResult } from '../../src/cli/drill/failover.ts';
import { FRR, nodeAddresses } from '../lab/addresses.ts';
import { HERALDLB } from '../lab/daemons.ts';
import { vips } from '../lab/kubeProxy.ts';
import { Lab, embeddedApi, throughDoor } from '../lab/lab.ts';
import { NAMESPACE, service } from '../lab/manifests.ts';
import { need } from '../support/need.ts';
import { until } from '../support/until.ts';
import { LAB_NEEDS } from './needs.ts';

const LABEL = 'heraldlb.io/drain';

interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

need(...LAB_NEEDS, 'command:curl').describe('heraldlb drill failover, with speakers and routers', () => {
  let lab: Lab;
  let kubeconfig: string;
  const addresses = new Map<string, string>();
  const hop = (node: string): string => nodeAddresses(lab.nodes.indexOf(node)).ipv4;

  beforeAll(async () => {
    process.env['HERALDLB_DRAIN_WAIT_SECONDS'] = '1';
    lab = await Lab.start({ tag: 'drill', api: (root) => embeddedApi(root, { isPatient: true }) });
    lab.startDaemons();
    // The far client is to reach the API server, too.
    lab.space.run('api', `ip route add ${FRR.far.subnet} via ${FRR.ipv4}`);
    kubeconfig = join(lab.directory, 'operator.kubeconfig');
    writeFileSync(kubeconfig, throughDoor(lab.api));
    await lab.established();
    for (const [name, pool, from] of [
      ['near', 'segment', 'client'],
      ['routed', 'bgp', 'far'],
    ] as const) {
      await lab.client.apply(service(name, pool));
      const ref = { apiVersion: 'v1', kind: 'Service', namespace: 'default', name };
      const vip = await until(`a VIP for ${name}`, async () => vips(await lab.client.get(ref)).find((ip) => !ip.includes(':')));
      addresses.set(name, vip);
      await lab.cluster.syncNat();
      const ask = ['curl', '-s', '--max-time', '2', `http://${vip}/`];
      await until(`${vip} to answer`, () => lab.space.attempt(from, ask)?.startsWith('hello') === true, 30_000, 200);
    }
    await inService();
  }, 120_000);

  afterAll(async () => {
    delete process.env['HERALDLB_DRAIN_WAIT_SECONDS'];
    await lab?.close();
  });

  function start(from: string, name: string, words: readonly string[], done: (ran: Ran) => void = () => {}): ChildProcess {
    const command = [
      process.execPath,
      HERALDLB,
      'drill',
      'failover',
      `default/${name}`,
      '--kubeconfig',
      kubeconfig,
      '-o',
      'json',
      ...words,
    ];
    const child = spawn('ip', ['netns', 'exec', lab.space.ns(from), ...command], { stdio: ['ignore', 'pipe', 'pipe'] });
    let [out, err] = ['', ''];
    child.stdout.on('data', (data: Buffer) => (out += data.toString()));
    child.stderr.on('data', (data: Buffer) => (err += data.toString()));
    child.once('close', (code) => done({ code, out, err }));
    return child;
  }

  const drill = (from: string, name: string, ...words: string[]): Promise<Ran> =>
    new Promise((resolve) => start(from, name, words, resolve));

  async function drained(): Promise<string[]> {
    const nodes = await lab.client.list({ apiVersion: 'v1', kind: 'Node' });
    return nodes.filter(({ metadata }) => metadata.labels?.[LABEL] !== undefined).map(({ metadata }) => metadata.name);
  }

  async function states(): Promise<
    Map<string, { drain?: object; claims?: readonly { ip: string }[]; summary?: { peers: string; routes: number } }>
  > {
    const all = await lab.client.list({ apiVersion: 'heraldlb.io/v1', kind: 'NodeState', namespace: NAMESPACE });
    return new Map(all.map(({ metadata, status }) => [metadata.name, status ?? {}]));
  }

  const owner = async (): Promise<string | undefined> =>
    [...(await states())].find(([, { claims }]) => claims?.some(({ ip }) => ip === addresses.get('near')))?.[0];

  /** No node is out of service in any way, and each announces. */
  async function inService(): Promise<void> {
    await until(
      'all nodes to be in service',
      async () => {
        const all = [...(await states()).values()];
        const whole =
          all.length === 3 && all.every(({ drain, summary }) => drain === undefined && summary?.peers === '2/2' && summary.routes > 0);
        return whole && (await owner()) !== undefined;
      },
      40_000,
      200,
    );
    const hops = lab.nodes.map(hop).toSorted().join(' ');
    await until('FRR to use all nodes', () => lab.frr.nextHops(`${addresses.get('routed')}/32`).join(' ') === hops, 20_000, 200);
  }

  it('measures how an address of layer 2 moves, and puts the node back', async () => {
    const before = await owner();
    const { code, out, err } = await drill('client', 'near', '--yes');
    expect({ code, err }).toMatchObject({ code: 0 });
    const result = JSON.parse(out) as DrillResult;
    console.log('drill, layer 2', JSON.stringify(result.gap));
    expect(result).toMatchObject({ protocol: 'layer2', owner: before, vip: addresses.get('near'), done: true });
    expect(result.takenOver).toHaveLength(1);
    expect(result.takenOver).not.toContain(before);
    expect(result.gap.samples).toBeGreaterThan(100);
    expect(result.gap.longestMs).toBeLessThan(1000);
    expect(err).toContain(`${before} is back in service`);
    expect(await drained()).toEqual([]);
    await inService();
  }, 90_000);

  it('measures how a node goes out of the routes of BGP, and puts it back', async () => {
    const hops = new Set<string>();
    const running = drill('far', 'routed', '--yes', '--node', 'node2');
    await until('FRR to be without node2', () => !lab.frr.nextHops(`${addresses.get('routed')}/32`).includes(hop('node2')), 40_000, 100);
    for (const each of lab.frr.nextHops(`${addresses.get('routed')}/32`)) hops.add(each);
    const { code, out, err } = await running;
    expect({ code, err }).toMatchObject({ code: 0 });
    const result = JSON.parse(out) as DrillResult;
    console.log('drill, BGP', JSON.stringify(result.gap));
    expect(result).toMatchObject({ protocol: 'bgp', owner: 'node2', takenOver: ['node1', 'node3'] });
    expect([...hops].toSorted()).toEqual([hop('node1'), hop('node3')].toSorted());
    expect(result.gap.longestMs).toBeLessThan(1000);
    expect(await drained()).toEqual([]);
    await inService();
  }, 90_000);

  it.each(['SIGKILL', 'SIGHUP'] as const)(
    'puts the node back when it ends by %s in the middle',
    async (signal) => {
      let ran: Ran | undefined;
      const child = start('client', 'near', ['--yes'], (ended) => (ran = ended));
      await until('the drain', async () => (await drained()).length === 1, 40_000, 50);
      child.kill(signal);
      await until('its end', () => ran, 20_000, 50);
      expect(ran?.code).toBe(signal === 'SIGKILL' ? null : 2);
      await until('the node to be back', async () => (await drained()).length === 0, 20_000, 100);
      await inService();
    },
    90_000,
  );

  it('refuses what would make an address dark, and touches nothing', async () => {
    const others = ['node2', 'node3'];
    // Their sessions are cut, and only these: the speakers live, and Kubernetes thinks well of them.
    for (const node of others) lab.space.run(node, ['nft', '-f', '-'], CUT);
    await until('their sessions to be down', async () => {
      const all = await states();
      return others.every((node) => all.get(node)?.summary?.peers === '0/2');
    });
    const routed = await drill('far', 'routed', '--yes');
    expect(routed).toMatchObject({ code: 2, out: '' });
    expect(routed.err).toMatch(/^error: \S+ \(default\/routed\) would go dark: node2, node3 should announce it too and does not/);
    // Whatever is drilled: what the node announces besides counts, too.
    expect(await drill('client', 'near', '--yes', '--node', 'node1')).toMatchObject({ code: 2, out: '' });
    expect(await drained()).toEqual([]);
    for (const node of others) lab.space.run(node, 'nft delete table inet cut');
    await inService();

    for (const name of others) await lab.client.patch({ apiVersion: 'v1', kind: 'Node', name }, { spec: { unschedulable: true } });
    await until('node1 to have it all', async () => (await owner()) === 'node1', 40_000);
    for (const [from, name] of [
      ['client', 'near'],
      ['far', 'routed'],
    ] as const) {
      const ran = await drill(from, name, '--yes');
      expect(ran).toMatchObject({ code: 2, out: '' });
      expect(ran.err).toContain(`no other node could announce ${addresses.get(name)}. Nothing was done`);
    }
    expect(await drained()).toEqual([]);
  }, 120_000);
});

const CUT = `table inet cut {
  chain input {
    type filter hook input priority 0
    tcp dport 179 drop
    tcp sport 179 drop
  }
}
`;
