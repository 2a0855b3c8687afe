import { DEFAULT_DRAIN_TRIGGERS, DRAIN_LABEL, drainReason, drainText } from '../announce/drain.ts';
import { GROUP, VERSION } from '../api/kind.ts';
import type { NodeStateStatus } from '../api/nodeState.ts';
import { projectNode } from '../cluster/project.ts';
import type { KubeClient } from '../host/kube/kubeClient.ts';
import { isNotFound } from '../host/kube/kubeError.ts';
import { type KubeObject, getObject, listObjects, patchObject } from '../host/kube/objects.ts';
import { NODES, customResource } from '../host/kube/resource.ts';

const NODE_STATES = customResource(GROUP, VERSION, 'nodestates', 'NodeState');
const POLL_MS = 250;

export interface DrainRequest {
  readonly node: string;
  /** Of the NodeStates. */
  readonly namespace: string;
  /** undefined: the label is set, and nobody waits for what comes of it. */
  readonly timeoutMs?: number;
}

export interface DrainResult {
  readonly node: string;
  readonly phase: 'Requested' | 'Draining' | 'Drained';
  /** Announced from there still because no other node can. */
  readonly left?: number;
  /** Who answers now for the addresses that the node answered for (layer 2). */
  readonly takenOver: readonly { readonly ip: string; readonly by?: string }[];
  /** The other nodes that announce by BGP. */
  readonly announcers: readonly { readonly node: string; readonly routes: number; readonly sessions: string }[];
}

/** Asks the node's speaker to hand over, and waits for it where that is wanted. @throws Error in words for the operator */
export async function drainNode(client: KubeClient, { node, namespace, timeoutMs }: DrainRequest): Promise<DrainResult> {
  const before = timeoutMs === undefined ? new Map<string, NodeStateStatus>() : await states(client, namespace);
  // Whoever waits in vain has asked for something else: nothing is left behind.
  if (timeoutMs !== undefined && !before.has(node)) {
    await getObject(client, NODES, { name: node }).catch((error: unknown) => refuse(error, node));
    throw new Error(`there is no NodeState ${node} in ${namespace}: no speaker runs on the node. Nothing was done`);
  }
  await label(client, node, 'true');
  if (timeoutMs === undefined) return { node, phase: 'Requested', takenOver: [], announcers: [] };
  const endMs = performance.now() + timeoutMs;
  for (;;) {
    const now = await states(client, namespace);
    const drain = now.get(node)?.drain;
    if (drain?.phase === 'Drained' || performance.now() >= endMs) return resultOf(node, before, now);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

export interface UndrainResult {
  readonly node: string;
  /** What keeps the node out of service all the same. */
  readonly still?: string;
}

export async function undrainNode(client: KubeClient, node: string): Promise<UndrainResult> {
  const view = projectNode(await label(client, node, null));
  const reason = view && drainReason(view, DEFAULT_DRAIN_TRIGGERS);
  return { node, ...(reason === undefined ? {} : { still: drainText(reason) }) };
}

async function label(client: KubeClient, name: string, value: string | null): Promise<KubeObject> {
  try {
    return await patchObject(client, NODES, { name }, { metadata: { labels: { [DRAIN_LABEL]: value } } });
  } catch (error) {
    return refuse(error, name);
  }
}

function refuse(error: unknown, name: string): never {
  if (isNotFound(error)) throw new Error(`the cluster has no Node ${name}`, { cause: error });
  throw error;
}

async function states(client: KubeClient, namespace: string): Promise<Map<string, NodeStateStatus>> {
  const all = await listObjects(client, NODE_STATES, { namespace });
  return new Map(all.map((state) => [state.metadata.name, (state['status'] ?? {}) as NodeStateStatus]));
}

function resultOf(node: string, before: ReadonlyMap<string, NodeStateStatus>, now: ReadonlyMap<string, NodeStateStatus>): DrainResult {
  const others = [...now].filter(([name]) => name !== node);
  const ownerOf = (ip: string): string | undefined => others.find(([, { claims }]) => claims?.some((claim) => claim.ip === ip))?.[0];
  const drain = now.get(node)?.drain;
  return {
    node,
    phase: drain?.phase ?? 'Requested',
    ...(drain?.left === undefined ? {} : { left: drain.left }),
    takenOver: (before.get(node)?.claims ?? []).map(({ ip }) => {
      const by = ownerOf(ip);
      return by === undefined ? { ip } : { ip, by };
    }),
    announcers: others.flatMap(([name, { summary }]) =>
      summary !== undefined && summary.routes > 0 ? [{ node: name, routes: summary.routes, sessions: summary.peers }] : [],
    ),
  };
}

export function drainLines({ node, phase, left, takenOver, announcers }: DrainResult): string[] {
  if (phase === 'Requested' && announcers.length + takenOver.length === 0) return [`${node} is asked to hand over what it announces`];
  const head = {
    Requested: `${node} has not begun to drain: does its speaker run, and has it --drain-on label?`,
    Draining:
      left === undefined || left === 0
        ? `${node} is draining still`
        : `${node} announces ${left} more, which no other node can: it stays reachable by them alone`,
    Drained: `${node} is drained: nothing is announced from there`,
  }[phase];
  return [
    head,
    ...takenOver.map(({ ip, by }) => `${ip} is answered for by ${by ?? 'nobody yet'}`),
    ...announcers.map((other) => `${other.node} announces ${other.routes} prefixes by BGP, sessions ${other.sessions}`),
  ];
}

export function undrainLines({ node, still }: UndrainResult): string[] {
  return [still === undefined ? `${node} announces again` : `the label is gone from ${node}, which stays out of service: ${still}`];
}
