import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { drainLines, drainNode, undrainLines, undrainNode } from '../../src/cli/drain.ts';
import type { KubeClient } from '../../src/host/kube/kubeClient.ts';
import { clientOf, kubeconfigFor } from '../host/support.ts';
import { type Kubelab, startKubelab } from '../kubelab/kubelab.ts';

const NAMESPACE = 'heraldlb-system';
const CRDS = new URL('../../manifests/crds', import.meta.url).pathname;
const stateRef = (name: string) => ({ apiVersion: 'heraldlb.io/v1', kind: 'NodeState', metadata: { name, namespace: NAMESPACE } });
const claim = (ip: string) => ({ ip, services: ['default/web'], since: '2026-01-01T00:00:00Z' });
const summary = (routes: number) => ({ peers: '2/2', vips: 0, routes, problems: 0 });
const drain = (phase: string, left: number) => ({ phase, reason: 'DrainRequested', since: '2026-01-01T00:00:00Z', left });

describe('heraldlb drain', () => {
  let lab: Kubelab;
  let client: KubeClient;

  beforeAll(async () => {
    const nodes = ['node1', 'node2', 'node3'];
    lab = await startKubelab({
      crdDir: [CRDS],
      objects: [
        { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } },
        ...nodes.map((name) => ({ apiVersion: 'v1', kind: 'Node', metadata: { name } })),
        ...['node1', 'node2'].map((name) => ({ ...stateRef(name), spec: {} })),
      ],
    });
    client = clientOf(kubeconfigFor(lab.url));
    await say('node1', { summary: summary(3), claims: [claim('10.0.0.5'), claim('10.0.0.6')] });
    await say('node2', { summary: summary(3) });
  });

  afterAll(async () => {
    await client?.close();
    await lab?.close();
  });

  /** What a speaker writes. */
  async function say(node: string, status: object): Promise<void> {
    const { name, namespace } = stateRef(node).metadata;
    await lab.patch({ ...stateRef(node), name, namespace }, { status }, { type: 'merge', subresource: 'status' });
  }

  async function labelOf(node: string): Promise<string | undefined> {
    const { metadata } = (await lab.get({ apiVersion: 'v1', kind: 'Node', name: node })) as {
      metadata: { labels?: Record<string, string> };
    };
    return metadata.labels?.['heraldlb.io/drain'];
  }

  it('sets the label, and waits until nothing is announced; then it tells who took over', async () => {
    const done = drainNode(client, { node: 'node1', namespace: NAMESPACE, timeoutMs: 20_000 });
    while ((await labelOf('node1')) === undefined) await new Promise((resolve) => setTimeout(resolve, 20));
    await say('node1', { drain: drain('Draining', 1) });
    await say('node2', { claims: [claim('10.0.0.5')] });
    await say('node1', { summary: summary(0), claims: [], drain: drain('Drained', 0) });
    const result = await done;
    expect(result).toEqual({
      node: 'node1',
      phase: 'Drained',
      left: 0,
      takenOver: [{ ip: '10.0.0.5', by: 'node2' }, { ip: '10.0.0.6' }],
      announcers: [{ node: 'node2', routes: 3, sessions: '2/2' }],
    });
    expect(drainLines(result)).toEqual([
      'node1 is drained: nothing is announced from there',
      '10.0.0.5 is answered for by node2',
      '10.0.0.6 is answered for by nobody yet',
      'node2 announces 3 prefixes by BGP, sessions 2/2',
    ]);
  });

  it('takes the label away, and says what keeps the node out of service all the same', async () => {
    expect(await undrainNode(client, 'node1')).toEqual({ node: 'node1' });
    expect(await labelOf('node1')).toBeUndefined();
    await lab.patch({ apiVersion: 'v1', kind: 'Node', name: 'node1' }, { spec: { unschedulable: true } }, { type: 'merge' });
    const still = await undrainNode(client, 'node1');
    expect(still).toEqual({ node: 'node1', still: 'cordoned' });
    expect(undrainLines(still)).toEqual(['the label is gone from node1, which stays out of service: cordoned']);
  });

  it('gives up after the time, with what is left', async () => {
    await say('node1', { drain: drain('Draining', 2) });
    const result = await drainNode(client, { node: 'node1', namespace: NAMESPACE, timeoutMs: 300 });
    expect(result).toMatchObject({ phase: 'Draining', left: 2 });
    expect(drainLines(result)[0]).toMatch(/announces 2 more, which no other node can/);
  });

  it('does not wait unless it is told to', async () => {
    const result = await drainNode(client, { node: 'node2', namespace: NAMESPACE });
    expect(result).toEqual({ node: 'node2', phase: 'Requested', takenOver: [], announcers: [] });
    expect(await labelOf('node2')).toBe('true');
    expect(drainLines(result)).toEqual(['node2 is asked to hand over what it announces']);
  });

  it('names the node that is not there, and the one without a speaker', async () => {
    await expect(drainNode(client, { node: 'node9', namespace: NAMESPACE })).rejects.toThrow('the cluster has no Node node9');
    await expect(undrainNode(client, 'node9')).rejects.toThrow('the cluster has no Node node9');
    await expect(drainNode(client, { node: 'node3', namespace: NAMESPACE, timeoutMs: 100 })).rejects.toThrow(
      /no NodeState node3 in heraldlb-system: no speaker/,
    );
    expect(await labelOf('node3')).toBeUndefined();
    await expect(drainNode(client, { node: 'node9', namespace: NAMESPACE, timeoutMs: 100 })).rejects.toThrow(
      'the cluster has no Node node9',
    );
  });
});
