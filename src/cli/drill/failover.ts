import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { DRAIN_LABEL } from '../../announce/drain.ts';
import { GROUP, VERSION } from '../../api/kind.ts';
import { items, record } from '../../cluster/json.ts';
import { projectNode, projectService } from '../../cluster/project.ts';
import type { KubeClient } from '../../host/kube/kubeClient.ts';
import { NODES, SERVICES, customResource, objectPath } from '../../host/kube/resource.ts';
import { listAll } from '../clusterAccess.ts';
import { type Gap, type Sample, measureGap } from './gap.ts';

export interface DrillPlan {
  readonly service: string;
  readonly vip: string;
  readonly port: number;
  readonly owner: string;
}

/** Who owns the VIP at present, and how it can be asked for. @throws Error in words for people */
export async function planDrill(client: KubeClient, service: string, namespace: string): Promise<DrillPlan> {
  const [serviceNamespace = '', name = ''] = service.split('/');
  const object = await client.request({ method: 'GET', path: objectPath(SERVICES, { namespace: serviceNamespace, name }) });
  const view = projectService(object);
  const [vip] = view?.ingress ?? [];
  if (vip === undefined) throw new Error(`${service} has no address`);
  const port = view?.ports.find(({ protocol }) => protocol === 'TCP')?.port;
  if (port === undefined) throw new Error(`${service} has no TCP port that could be asked`);
  const owner = await ownerOf(client, vip, namespace);
  if (owner === undefined) throw new Error(`no node answers ARP or NDP for ${vip}: a drill is for addresses of layer 2`);
  const node = projectNode(await client.request({ method: 'GET', path: objectPath(NODES, { name: owner }) }));
  if (node?.labels[DRAIN_LABEL] !== undefined) throw new Error(`${owner} is being drained already`);
  return { service, vip, port, owner };
}

export async function ownerOf(client: KubeClient, vip: string, namespace: string): Promise<string | undefined> {
  const states = await listAll(client, customResource(GROUP, VERSION, 'nodestates', 'NodeState'), namespace);
  return states.find((state) => items(record(state['status'])?.['claims']).some((claim) => record(claim)?.['ip'] === vip))?.metadata.name;
}

export async function setDrain(client: KubeClient, node: string, value: 'drill' | null): Promise<void> {
  const body = { metadata: { labels: { [DRAIN_LABEL]: value } } };
  await client.request({ method: 'PATCH', path: objectPath(NODES, { name: node }), body, contentType: 'application/merge-patch+json' });
}

export interface DrillOptions {
  readonly namespace: string;
  readonly intervalMs: number;
  /** How long is waited for another owner. */
  readonly limitMs: number;
  /** How long is measured before the move and after it. */
  readonly settleMs: number;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

export interface DrillResult extends DrillPlan {
  /** Absent: nobody took over in time. */
  readonly newOwner?: string;
  readonly gap: Gap;
}

/** Drains the owner, measures, and takes the drain back whatever happens. */
export async function runDrill(client: KubeClient, plan: DrillPlan, options: DrillOptions): Promise<DrillResult> {
  const { namespace, intervalMs, limitMs, settleMs, say, signal } = options;
  const prober = startProber(plan.vip, plan.port, intervalMs);
  try {
    await pause(settleMs, signal);
    if (!prober.hasAnswers()) throw new Error(`${plan.vip} port ${plan.port} does not answer from here: nothing could be measured`);
    say(`draining ${plan.owner}`);
    await setDrain(client, plan.owner, 'drill');
    const newOwner = await waitForOwner(client, plan, namespace, limitMs, signal);
    say(newOwner === undefined ? 'nobody has taken over' : `${newOwner} has taken over`);
    await pause(settleMs, signal);
    const gap = measureGap(await prober.stop(), intervalMs);
    return { ...plan, gap, ...(newOwner === undefined ? {} : { newOwner }) };
  } finally {
    await prober.stop();
    await setDrain(client, plan.owner, null);
    say(`${plan.owner} is back in service`);
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal });
}

async function waitForOwner(
  client: KubeClient,
  plan: DrillPlan,
  namespace: string,
  limitMs: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  for (const end = performance.now() + limitMs; performance.now() < end; await pause(200, signal)) {
    const owner = await ownerOf(client, plan.vip, namespace);
    if (owner !== undefined && owner !== plan.owner) return owner;
  }
  return undefined;
}

interface Prober {
  readonly hasAnswers: () => boolean;
  /** Once no answer is waited for any more. */
  readonly stop: () => Promise<readonly Sample[]>;
}

const ANSWER_MS = 1000;

/** A connection each interval, closed as soon as it is there: the way of a client, through ARP and the node's own forwarding. */
function startProber(host: string, port: number, intervalMs: number): Prober {
  const started = performance.now();
  const samples: Sample[] = [];
  const open = new Set<Promise<void>>();
  const ask = (): void => {
    const at = samples.length;
    const sentMs = performance.now() - started;
    samples.push({ sentMs, answered: false });
    const asked = tryConnect(host, port).then((answered) => {
      samples[at] = { sentMs, answered };
      open.delete(asked);
    });
    open.add(asked);
  };
  const timer = setInterval(ask, intervalMs);
  return {
    hasAnswers: () => samples.some(({ answered }) => answered),
    stop: async () => {
      clearInterval(timer);
      await Promise.all(open);
      return samples;
    },
  };
}

function tryConnect(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: ANSWER_MS });
    const end = (answered: boolean): void => {
      socket.destroy();
      resolve(answered);
    };
    socket.once('connect', () => end(true));
    socket.once('timeout', () => end(false));
    socket.once('error', () => end(false));
  });
}
