import { parseArgs } from 'node:util';
import { nodeAddresses } from '../lab/addresses.ts';
import { Load, type LoadTotals, startDirectReturn } from '../lab/directReturn.ts';
import { vips } from '../lab/kubeProxy.ts';
import { Lab, embeddedApi } from '../lab/lab.ts';
import { NAMESPACE, service } from '../lab/manifests.ts';
import { sleep, until } from '../support/until.ts';

/*
 * What a client loses when a node is taken out and comes back, under load through FRR with ECMP over three nodes. Three ways to take it out:
 *
 *   drain     `heraldlb.io/drain`, and the machine off when the NodeState says Drained
 *   withdraw  the speaker ends and so withdraws at once (Cease), and the machine off when it has ended
 *   off       the machine off, without a word: the router notices by the hold time of 3 s
 *
 * And one that takes none out: `upgrade` ends every speaker and starts it again, one after the other, as a rollout of the DaemonSet does.
 *
 *   node test/support/run.mjs test/bench/drain.ts --trials 20 --rate 2000
 */

const { values } = parseArgs({
  options: {
    trials: { type: 'string', default: '20' },
    rate: { type: 'string', default: '2000' },
    ways: { type: 'string', default: 'drain,withdraw,off' },
    wait: { type: 'string', default: '1' },
  },
});
const TRIALS = Number(values.trials);
/** A machine that is off loses so much each time that fewer trials show it. */
const OFF_TRIALS = Math.min(TRIALS, 5);
const RATE = Number(values.rate);
const OFF_MS = 300;
/** vtysh costs as much as hundreds of requests. */
const ASK_MS = 250;

class Scene {
  readonly lab: Lab;
  readonly vip: string;

  constructor(lab: Lab, vip: string) {
    this.lab = lab;
    this.vip = vip;
  }

  async routed(nodes: readonly string[]): Promise<void> {
    const { lab, vip } = this;
    const wanted = nodes
      .map((node) => nodeAddresses(lab.nodes.indexOf(node)).ipv4)
      .sort()
      .join(' ');
    await until(`FRR to use ${wanted}`, () => lab.frr.nextHops(`${vip}/32`).join(' ') === wanted, 60_000, ASK_MS);
  }

  link(state: 'up' | 'down'): void {
    this.lab.space.run('seg', `ip link set p-node1 ${state}`);
  }

  label(value: string | null): Promise<unknown> {
    return this.lab.client.patch(
      { apiVersion: 'v1', kind: 'Node', name: 'node1' },
      { metadata: { labels: { 'heraldlb.io/drain': value } } },
    );
  }

  async endSpeaker(signal: NodeJS.Signals, node = 'node1'): Promise<void> {
    const speaker = this.lab.speakers.get(node);
    if (speaker !== undefined) await this.lab.space.stop(speaker, signal);
  }
}

/** The node goes, is away for a moment, and is back. */
const WAYS: Readonly<Record<string, (scene: Scene) => Promise<void>>> = {
  drain: async (scene) => {
    await scene.label('true');
    const state = { apiVersion: 'heraldlb.io/v1', kind: 'NodeState', namespace: NAMESPACE, name: 'node1' };
    const phase = async (): Promise<unknown> =>
      ((await scene.lab.client.get(state)).status?.['drain'] as { phase?: string } | undefined)?.phase;
    await until('the drain to be over', async () => (await phase()) === 'Drained', 30_000, ASK_MS);
    scene.link('down');
    await sleep(OFF_MS);
    scene.link('up');
    await sleep(OFF_MS);
    await scene.label(null);
  },
  withdraw: async (scene) => {
    await scene.endSpeaker('SIGTERM');
    scene.link('down');
    await sleep(OFF_MS);
    scene.link('up');
    await sleep(OFF_MS);
    scene.lab.startSpeaker('node1');
  },
  off: async (scene) => {
    scene.link('down');
    await scene.endSpeaker('SIGKILL');
    await scene.routed(['node2', 'node3']);
    scene.link('up');
    await sleep(OFF_MS);
    scene.lab.startSpeaker('node1');
  },
  upgrade: async (scene) => {
    for (const node of scene.lab.nodes) {
      await scene.endSpeaker('SIGTERM', node);
      scene.lab.startSpeaker(node);
      await scene.routed(scene.lab.nodes);
    }
  },
};

async function trial(scene: Scene, take: (scene: Scene) => Promise<void>): Promise<LoadTotals> {
  const load = new Load(scene.lab.space, scene.lab.directory, scene.vip, RATE);
  await sleep(500);
  await take(scene);
  await scene.routed(scene.lab.nodes);
  await sleep(500);
  return load.end();
}

function row(way: string, all: readonly LoadTotals[]): string {
  const sum = (of: (totals: LoadTotals) => number): number => all.reduce((total, each) => total + of(each), 0);
  const rate = Math.round(sum(({ sent }) => sent) / sum(({ seconds }) => seconds));
  const hit = all.filter(({ failed }) => failed > 0).length;
  const cells = [
    way,
    all.length,
    rate,
    sum(({ sent }) => sent),
    sum(({ failed }) => failed),
    `${hit}/${all.length}`,
    sum(({ slow }) => slow),
  ];
  return `| ${cells.join(' | ')} |`;
}

process.env['HERALDLB_DRAIN_WAIT_SECONDS'] = values.wait;
const lab = await Lab.start({ tag: 'drainb', api: (root) => embeddedApi(root, { isPatient: true }) });
try {
  lab.startDaemons();
  await lab.established();
  await lab.client.apply(service('web', 'bgp'));
  const ref = { apiVersion: 'v1', kind: 'Service', namespace: 'default', name: 'web' };
  const vip = await until('VIPs', async () => vips(await lab.client.get(ref)).find((ip) => !ip.includes(':')));
  const scene = new Scene(lab, vip);
  await scene.routed(lab.nodes);
  await startDirectReturn(lab, vip);
  const results = new Map<string, LoadTotals[]>();
  for (const way of values.ways.split(',')) {
    const take = WAYS[way];
    if (take === undefined) throw new Error(`no such way: ${way}`);
    for (let i = 0; i < (way === 'off' ? OFF_TRIALS : TRIALS); i++) {
      const totals = await trial(scene, take);
      console.log(`${way} ${i + 1} ${JSON.stringify(totals)}`);
      results.set(way, [...(results.get(way) ?? []), totals]);
    }
  }
  console.log('\n| way | trials | requests/s | requests | failed | trials with a failure | slow |\n|---|---|---|---|---|---|---|');
  for (const [way, all] of results) console.log(row(way, all));
} finally {
  await lab.close();
}
