import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { NodeStateStatus } from '../../src/api/nodeState.ts';
import { nodeAddresses } from '../lab/addresses.ts';
import { HERALDLB } from '../lab/daemons.ts';
import { Load, forwarded, startDirectReturn } from '../lab/directReturn.ts';
import { vips } from '../lab/kubeProxy.ts';
import { Lab, embeddedApi } from '../lab/lab.ts';
import { NAMESPACE, service } from '../lab/manifests.ts';
import { need } from '../support/need.ts';
import { sleep, until } from '../support/until.ts';
import { LAB_NEEDS } from './needs.ts';
import { Capture } from './wire.ts';

const WAIT_SECONDS = 5;
/** As a router's own words have it. */
const GRACEFUL_SHUTDOWN = /65535:0|65535, ?0\)|graceful-shutdown/i;
const FAREWELL = 'node node1 drained: drain requested';
const serviceRef = { apiVersion: 'v1', kind: 'Service', namespace: 'default', name: 'web' };

need(...LAB_NEEDS, 'command:curl').describe('the drain of a node', () => {
  let lab: Lab;
  let vip: string;
  let prefix: string;
  const hop = (node: string): string => nodeAddresses(lab.nodes.indexOf(node)).ipv4;
  const allHops = (): string => lab.nodes.map(hop).sort().join(' ');

  beforeAll(async () => {
    process.env['HERALDLB_DRAIN_WAIT_SECONDS'] = String(WAIT_SECONDS);
    lab = await Lab.start({ tag: 'drain', api: (root) => embeddedApi(root, { isPatient: true }) });
    // Routers that would keep the routes of a node that is gone for good. The field cannot be changed on an object that is there.
    for (const name of ['frr', 'bird']) {
      const peer = { apiVersion: 'heraldlb.io/v1', kind: 'BGPPeer', namespace: NAMESPACE, name };
      const { apiVersion, kind, spec } = await lab.client.get(peer);
      await lab.client.delete(peer);
      await lab.client.apply({
        apiVersion,
        kind,
        metadata: { name, namespace: NAMESPACE },
        spec: { ...spec, enableGracefulRestart: true },
      });
    }
    lab.startDaemons();
    await lab.established();
    await lab.client.apply(service('web', 'bgp'));
    const found = await until('VIPs', async () => vips(await lab.client.get(serviceRef)).find((ip) => !ip.includes(':')));
    vip = found;
    prefix = `${vip}/32`;
    await routed(lab.nodes);
    await startDirectReturn(lab, vip);
  }, 120_000);

  afterAll(async () => {
    delete process.env['HERALDLB_DRAIN_WAIT_SECONDS'];
    await lab?.close();
  });

  async function routed(nodes: readonly string[], timeoutMs = 20_000): Promise<void> {
    const wanted = nodes.map(hop).sort().join(' ');
    await until(`FRR to use ${wanted}`, () => lab.frr.nextHops(prefix).join(' ') === wanted, timeoutMs, 50);
  }

  interface Path {
    readonly communities: string;
    readonly localPref: number | undefined;
  }

  /** What FRR holds of the VIP, used or not, by node. */
  function paths(): Map<string, Path> {
    const { paths: all = [] } = JSON.parse(lab.frr.detail(prefix)) as {
      paths?: { nexthops: { ip: string }[]; community?: { string: string }; locPrf?: number }[];
    };
    return new Map(
      all.map(({ nexthops, community, locPrf }) => [
        lab.nodes.find((node) => hop(node) === nexthops[0]?.ip) ?? '',
        { communities: community?.string ?? '', localPref: locPrf },
      ]),
    );
  }

  /** The lines of BIRD's answer about the route of one node. */
  function inBird(node: string): string | undefined {
    const text =
      lab.space.attempt('bird', ['birdc', '-r', '-s', join(lab.directory, 'bird/bird.ctl'), 'show', 'route', prefix, 'all']) ?? '';
    const all = text.split(/^(?=\S*\s+unicast )/m);
    return all.find((route) => route.includes(`via ${hop(node)} `));
  }

  async function stateOf(node: string): Promise<NodeStateStatus> {
    const ref = { apiVersion: 'heraldlb.io/v1', kind: 'NodeState', namespace: NAMESPACE, name: node };
    const { status = {} } = await lab.client.get(ref);
    return status;
  }

  async function drainPhase(node: string): Promise<string | undefined> {
    return (await stateOf(node)).drain?.phase;
  }

  /** Never blocking: the API server lives in this process. */
  function heraldlb(...words: string[]): Promise<{ readonly code: number; readonly out: string }> {
    const kubeconfig = join(lab.directory, 'admin.kubeconfig');
    writeFileSync(kubeconfig, lab.api.kubeconfig());
    return new Promise((resolve) => {
      execFile(process.execPath, [HERALDLB, ...words, '--kubeconfig', kubeconfig], { encoding: 'utf8' }, (error, stdout, stderr) => {
        resolve({ code: typeof error?.code === 'number' ? error.code : 0, out: stdout + stderr });
      });
    });
  }

  const label = (node: string, value: string | null): Promise<unknown> =>
    lab.client.patch({ apiVersion: 'v1', kind: 'Node', name: node }, { metadata: { labels: { 'heraldlb.io/drain': value } } });

  it('loses no request: notice to the routers, withdrawal, the machine off, and back', async () => {
    const load = new Load(lab.space, lab.directory, vip, 2000);
    await sleep(1000);
    const before = forwarded(lab.space, 'node1');
    expect(before).toBeGreaterThan(0);

    const drained = heraldlb('drain', 'node1', '--wait', '-o', 'json');
    await until('FRR to have the notice', () => GRACEFUL_SHUTDOWN.test(paths().get('node1')?.communities ?? ''), 30_000, 50);
    await until('BIRD to have the notice', () => GRACEFUL_SHUTDOWN.test(inBird('node1') ?? ''), 10_000, 50);
    // The route is still there, and not used any more (RFC 8326 §4.1: the router makes it the least preferred).
    expect(paths().get('node1')?.localPref).toBe(0);
    await routed(['node2', 'node3']);
    expect(paths().has('node1')).toBe(true);
    await until('FRR to have no route of the node', () => !paths().has('node1'), 15_000, 50);
    await until('BIRD to have no route of the node', () => inBird('node1') === undefined, 15_000, 50);

    const { code, out } = await drained;
    expect(code).toBe(0);
    const said = JSON.parse(out) as { phase: string; announcers: { node: string }[] };
    expect(said).toMatchObject({ node: 'node1', phase: 'Drained' });
    expect(said.announcers.map(({ node }) => node).toSorted()).toEqual(['node2', 'node3']);
    expect((await stateOf('node1')).drain).toMatchObject({ phase: 'Drained', reason: 'DrainRequested', left: 0 });
    // Both families are withdrawn, the sessions are up.
    expect((await stateOf('node1')).summary).toMatchObject({ routes: 0, peers: '2/2' });
    const metrics = lab.space.run('node1', ['curl', '-s', 'http://127.0.0.1:7482/metrics']);
    expect(metrics).toMatch(/^heraldlb_drain_phase\{.*\} 2$/m);

    const quiet = forwarded(lab.space, 'node1');
    lab.space.run('seg', 'ip link set p-node1 down');
    await sleep(700);
    lab.space.run('seg', 'ip link set p-node1 up');
    expect(forwarded(lab.space, 'node1')).toBe(quiet);

    expect(await heraldlb('undrain', 'node1')).toEqual({ code: 0, out: 'node1 announces again\n' });
    await routed(lab.nodes, 40_000);
    expect(paths().get('node1')).toEqual({ ...paths().get('node2') });
    await until('traffic through the node', () => forwarded(lab.space, 'node1') > quiet, 10_000);
    await sleep(500);

    const totals = await load.end();
    console.log('drain under load', JSON.stringify(totals), `${Math.round(totals.sent / totals.seconds)} requests/s`);
    expect(totals.errors).toEqual({});
    expect(totals.failed).toBe(0);
    expect(totals.ok).toBe(totals.sent);
    expect(totals.sent).toBeGreaterThan(1000);
    await until('no drain in the NodeState', async () => (await drainPhase('node1')) === undefined);
    const events = (await lab.client.list({ apiVersion: 'v1', kind: 'Event', namespace: 'default' })) as unknown as {
      reason: string;
      involvedObject: { kind: string; name: string };
    }[];
    const reasons = events.filter(({ involvedObject }) => involvedObject.kind === 'Node' && involvedObject.name === 'node1');
    expect(reasons.map(({ reason }) => reason).toSorted()).toEqual(['DrainEnded', 'DrainStarted', 'Drained'].toSorted());
  }, 120_000);

  it('tells the routers in words that a drained node is gone, for all graceful restart; and a restart shows them nothing', async () => {
    await label('node1', 'true');
    await until('the drain to be over', async () => (await drainPhase('node1')) === 'Drained', 20_000);
    const capture = await Capture.start(lab.space, 'node1', 'eth0', lab.directory, 'tcp port 179');
    const speaker = lab.speakers.get('node1');
    if (speaker !== undefined) await lab.space.stop(speaker);
    const said = await capture.fields('bgp.type == 3', 'ip.dst', 'bgp.notify.major_error', 'bgp.notify.minor_error_cease', 'tcp.payload');
    expect(said.map(([, major]) => major)).toEqual(['6', '6']);
    for (const [, , , payload = ''] of said) expect(Buffer.from(payload.replaceAll(':', ''), 'hex').toString('latin1')).toContain(FAREWELL);
    // Administrative Shutdown; within a Hard Reset where the router would keep routes over a NOTIFICATION (RFC 8538).
    const inner = said.map(([, , minor, payload = '']) => {
      const bytes = Buffer.from(payload.replaceAll(':', ''), 'hex');
      const at = bytes.indexOf(FAREWELL) - 1;
      return [minor, bytes[at - 2], bytes[at - 1]];
    });
    for (const [minor, code, subcode] of inner) {
      expect(['2', '9']).toContain(minor);
      expect([code, subcode]).toEqual([6, 2]);
    }
    const bird = lab.space.run('bird', ['birdc', '-r', '-s', join(lab.directory, 'bird/bird.ctl'), 'show', 'protocols', 'all', 'node1']);
    expect(bird).toMatch(/Administrative shutdown/i);

    const seen: string[] = [];
    lab.startSpeaker('node1');
    const end = performance.now() + 30_000;
    let upAt: number | undefined;
    while (performance.now() < end && (upAt === undefined || performance.now() < upAt + (WAIT_SECONDS + 2) * 1000)) {
      if (paths().has('node1')) seen.push('frr');
      if (inBird('node1') !== undefined) seen.push('bird');
      const isUp = lab.frr.sessions()[hop('node1')] === 'Established' && lab.bird.sessions()['node1'] === 'Established';
      if (isUp) upAt ??= performance.now();
      await sleep(100);
    }
    expect(upAt).toBeDefined();
    expect(seen).toEqual([]);
    expect(await drainPhase('node1')).toBe('Drained');
    await label('node1', null);
    await routed(lab.nodes);
  }, 120_000);

  it('is never dark: what no other node announces stays, as about to go, until another one can', async () => {
    const load = new Load(lab.space, lab.directory, vip, 500);
    for (const node of lab.nodes) await lab.client.patch({ apiVersion: 'v1', kind: 'Node', name: node }, { spec: { unschedulable: true } });
    await sleep((WAIT_SECONDS + 1) * 1000);
    await until('all to have waited', async () => {
      const states = await Promise.all(lab.nodes.map(stateOf));
      return states.every(({ drain }) => drain?.phase === 'Draining' && (drain.left ?? 0) > 0 && drain.reason === 'Cordoned');
    });
    const all = paths();
    expect([...all.keys()].toSorted()).toEqual([...lab.nodes]);
    for (const { communities } of all.values()) expect(communities).toMatch(GRACEFUL_SHUTDOWN);
    expect(lab.frr.nextHops(prefix).join(' ')).toBe(allHops());

    await lab.client.patch({ apiVersion: 'v1', kind: 'Node', name: 'node3' }, { spec: { unschedulable: null } });
    await routed(['node3']);
    await until(
      'the others to be drained',
      async () => (await drainPhase('node1')) === 'Drained' && (await drainPhase('node2')) === 'Drained',
    );
    expect([...paths().keys()]).toEqual(['node3']);
    for (const node of ['node1', 'node2'])
      await lab.client.patch({ apiVersion: 'v1', kind: 'Node', name: node }, { spec: { unschedulable: null } });
    await routed(lab.nodes);
    const totals = await load.end();
    console.log('all nodes drained, and back', JSON.stringify(totals));
    expect(totals.errors).toEqual({});
    expect(totals.ok).toBe(totals.sent);
  }, 120_000);
});
