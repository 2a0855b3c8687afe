import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DrillPlan } from '../../src/cli/drill/choose.ts';
import { runDrill } from '../../src/cli/drill/failover.ts';
import { gapText, measureGap } from '../../src/cli/drill/gap.ts';
import { beginDrain, guardDrain } from '../../src/cli/drill/restore.ts';
import { checkout } from '../../src/cli/labCommand.ts';
import { versionLines } from '../../src/cli/versionCommand.ts';
import type { KubeClient } from '../../src/host/kube/kubeClient.ts';
import { clientOf } from '../host/support.ts';
import { type Kubelab, startKubelab } from '../kubelab/kubelab.ts';
import { until } from '../support/until.ts';

describe('heraldlb version', () => {
  it('says which speakers differ', () => {
    const speakers = [
      { node: 'n1', version: '1.0.0' },
      { node: 'n2', version: '0.9.0' },
    ];
    expect(versionLines({ client: '1.0.0', node: 'v20', speakers })).toEqual([
      'heraldlb 1.0.0, Node.js v20',
      '',
      'NODE  SPEAKER',
      'n1    1.0.0',
      'n2    0.9.0    differs',
    ]);
  });

  it('says its own without a cluster', () => {
    expect(versionLines({ client: '1.0.0', node: 'v20', error: 'no cluster' })).toEqual([
      'heraldlb 1.0.0, Node.js v20',
      'the cluster does not say what runs in it: no cluster',
    ]);
  });
});

describe('heraldlb lab', () => {
  it('knows a checkout from an image', () => {
    expect(checkout(new URL('../../src/cli/labCommand.ts', import.meta.url).href)).toBe(new URL('../../', import.meta.url).pathname);
    const image = mkdtempSync(join(tmpdir(), 'hlb-lab-'));
    expect(checkout(pathToFileURL(join(image, 'a/b/heraldlb.mjs')).href)).toBeUndefined();
    rmSync(image, { recursive: true });
  });
});

describe('the gap of a drill', () => {
  const samples = (answered: string): { sentMs: number; answered: boolean }[] =>
    answered.split('').map((one, index) => ({ sentMs: index * 10, answered: one === '+' }));

  it.each([
    ['++++++', 0, 10],
    ['++--++', 2, 30],
    ['+-++---+', 4, 40],
    ['+++---', 3, 30],
    ['---+', 3, 30],
  ])('of %s', (answered, lost, longestMs) => {
    expect(measureGap(samples(answered), 10)).toMatchObject({ samples: answered.length, lost, longestMs, resolutionMs: 10 });
  });

  it('is put into words', () => {
    expect(gapText(measureGap(samples('++++'), 10))).toBe('no question of 4 was lost (one each 10 ms)');
    expect(gapText(measureGap(samples('+--+'), 10))).toBe('2 of 4 questions were lost, the longest gap is 30 ms (±10 ms)');
  });
});

describe('heraldlb drill failover', () => {
  let lab: Kubelab;
  let client: KubeClient;
  const server = createServer((socket) => socket.destroy());
  let port = 0;

  beforeAll(async () => {
    lab = await startKubelab({ crdDir: 'manifests/crds' });
    client = clientOf(lab.kubeconfig());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    port = (server.address() as { port: number }).port;
    await lab.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'heraldlb-system' } });
    for (const name of ['n1', 'n2']) {
      await lab.create({ apiVersion: 'v1', kind: 'Node', metadata: { name, labels: { keep: 'me' } } });
      await lab.create({ apiVersion: 'heraldlb.io/v1', kind: 'NodeState', metadata: { name, namespace: 'heraldlb-system' } });
    }
    await owns('n1', true);
  });
  afterAll(async () => {
    await client.close();
    await lab.close();
    server.close();
  });

  async function owns(name: string, does: boolean): Promise<void> {
    const claims = does ? [{ ip: '127.0.0.1', services: ['default/web'], since: 'now' }] : [];
    const ref = { apiVersion: 'heraldlb.io/v1', kind: 'NodeState', namespace: 'heraldlb-system', name };
    await lab.patch(ref, { status: { claims } }, { type: 'merge', subresource: 'status' });
  }

  async function labelsOf(name: string): Promise<Record<string, string>> {
    const object = await client.request<{ metadata: { labels: Record<string, string> } }>({ method: 'GET', path: `/api/v1/nodes/${name}` });
    return object.metadata.labels;
  }

  const options = {
    namespace: 'heraldlb-system',
    intervalMs: 20,
    limitMs: 20_000,
    settleMs: 200,
    say: () => {},
    signal: new AbortController().signal,
  };

  const planned = (owner: string): DrillPlan => ({
    service: 'default/web',
    vip: '127.0.0.1',
    port,
    protocol: 'layer2',
    owner,
    successors: [owner === 'n1' ? 'n2' : 'n1'],
  });

  it('drains the owner, sees the other one take over, and takes the drain back', async () => {
    const running = runDrill(client, planned('n1'), options);
    // The speakers' part.
    await until('the label', async () => (await labelsOf('n1'))['heraldlb.io/drain'] === 'drill', 20_000);
    await owns('n1', false);
    await owns('n2', true);
    expect(await running).toMatchObject({ owner: 'n1', takenOver: ['n2'], gap: { lost: 0 } });
    expect(await labelsOf('n1')).toEqual(expect.objectContaining({ keep: 'me' }));
    expect(await labelsOf('n1')).not.toHaveProperty(['heraldlb.io/drain']);
  });

  it('takes the drain back when nobody takes over, and when it is interrupted', async () => {
    const plan = planned('n2');
    expect(await runDrill(client, plan, { ...options, limitMs: 400 })).toMatchObject({ takenOver: [] });
    expect(await labelsOf('n2')).not.toHaveProperty(['heraldlb.io/drain']);
    const stop = new AbortController();
    const running = runDrill(client, plan, { ...options, signal: stop.signal });
    await until('the label', async () => (await labelsOf('n2'))['heraldlb.io/drain'] === 'drill', 20_000);
    stop.abort();
    await expect(running).rejects.toThrow('aborted');
    expect(await labelsOf('n2')).not.toHaveProperty(['heraldlb.io/drain']);
  });

  it('touches nothing that does not answer from here', async () => {
    const plan = { ...planned('n2'), port: 1 };
    await expect(runDrill(client, plan, options)).rejects.toThrow('does not answer from here');
    expect(await labelsOf('n2')).not.toHaveProperty(['heraldlb.io/drain']);
  });

  it('takes no drain back that somebody has asked for meanwhile', async () => {
    const running = runDrill(client, planned('n2'), { ...options, limitMs: 1500 });
    await until('the label', async () => (await labelsOf('n2'))['heraldlb.io/drain'] === 'drill', 20_000);
    await lab.patch({ apiVersion: 'v1', kind: 'Node', name: 'n2' }, { metadata: { labels: { 'heraldlb.io/drain': 'true' } } });
    await running;
    expect((await labelsOf('n2'))['heraldlb.io/drain']).toBe('true');
    await lab.patch({ apiVersion: 'v1', kind: 'Node', name: 'n2' }, { metadata: { labels: { 'heraldlb.io/drain': null } } });
  });

  it('has a guard that takes the drain back when the drill cannot, and only then', async () => {
    await beginDrain(client, 'n2');
    await guardDrain(client, 'n2', Readable.from(['done\n']));
    expect((await labelsOf('n2'))['heraldlb.io/drain']).toBe('drill');
    await guardDrain(client, 'n2', Readable.from([]));
    expect(await labelsOf('n2')).not.toHaveProperty(['heraldlb.io/drain']);
  });
});
