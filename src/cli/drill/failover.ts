import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { GROUP, VERSION } from '../../api/kind.ts';
import type { NodeStateStatus } from '../../api/nodeState.ts';
import type { KubeClient } from '../../host/kube/kubeClient.ts';
import { customResource } from '../../host/kube/resource.ts';
import { listAll } from '../clusterAccess.ts';
import type { DrillPlan } from './choose.ts';
import { type Gap, type Sample, measureGap } from './gap.ts';
import { beginDrain, endDrain } from './restore.ts';

export interface DrillOptions {
  readonly namespace: string;
  readonly intervalMs: number;
  /** How long is waited for others to have taken over. */
  readonly limitMs: number;
  /** How long is measured before the move and after it. */
  readonly settleMs: number;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

export interface DrillResult extends DrillPlan {
  /** Who has it now; nobody: it did not move in time. */
  readonly takenOver: readonly string[];
  readonly gap: Gap;
}

/** Drains the node, measures, and takes the drain back whatever happens. */
export async function runDrill(client: KubeClient, plan: DrillPlan, options: DrillOptions): Promise<DrillResult> {
  const { namespace, intervalMs, limitMs, settleMs, say, signal } = options;
  const prober = startProber(plan.vip, plan.port, intervalMs);
  let isDrained = false;
  try {
    await pause(settleMs, signal);
    if (!prober.hasAnswers()) throw new Error(`${plan.vip} port ${plan.port} does not answer from here: nothing could be measured`);
    say(`draining ${plan.owner}`);
    isDrained = true;
    await beginDrain(client, plan.owner);
    const takenOver = await waitForOthers(client, plan, namespace, limitMs, signal);
    say(takenOver.length === 0 ? 'nobody has taken over' : `${takenOver.join(', ')} has taken over`);
    await pause(settleMs, signal);
    const gap = measureGap(await prober.stop(), intervalMs);
    return { ...plan, gap, takenOver };
  } finally {
    await prober.stop();
    if (isDrained) {
      await endDrain(client, plan.owner, say);
      say(`${plan.owner} is back in service`);
    }
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal });
}

async function waitForOthers(
  client: KubeClient,
  plan: DrillPlan,
  namespace: string,
  limitMs: number,
  signal: AbortSignal,
): Promise<readonly string[]> {
  for (const end = performance.now() + limitMs; performance.now() < end; await pause(200, signal)) {
    const found = takenOverBy(plan, await statesOf(client, namespace));
    if (found.length > 0) return found;
  }
  return [];
}

/** Layer 2: whoever answers for it now. BGP: those that announced it beside the owner, once that has withdrawn. */
function takenOverBy({ protocol, owner, vip, successors }: DrillPlan, states: ReadonlyMap<string, NodeStateStatus>): readonly string[] {
  if (protocol === 'layer2')
    return [...states].flatMap(([node, { claims }]) => (node !== owner && claims?.some(({ ip }) => ip === vip) === true ? [node] : []));
  const { drain, summary } = states.get(owner) ?? {};
  // What no other node can announce stays, and is told apart.
  const isOut = drain?.phase === 'Drained' || (drain?.left !== undefined && (summary?.routes ?? 0) <= drain.left);
  return isOut ? successors : [];
}

async function statesOf(client: KubeClient, namespace: string): Promise<Map<string, NodeStateStatus>> {
  const all = await listAll(client, customResource(GROUP, VERSION, 'nodestates', 'NodeState'), namespace);
  return new Map(all.map((state) => [state.metadata.name, (state['status'] ?? {}) as NodeStateStatus]));
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
