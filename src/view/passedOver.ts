import type { ServiceView } from '../cluster/service.ts';
import { reachIn } from '../layer2/reach.ts';
import type { Ip } from '../net/ip.ts';
import { type Cause, explainCause, gathered, makeCause } from './cause.ts';
import type { Cluster } from './cluster.ts';
import type { PassedOver } from './nodeState.ts';

type Why = PassedOver['reason'];

/** Why a node that may announce a Service by layer 2 leaves it to others; undefined: it does not. */
export function passedOver({ plans, states }: Cluster, { ingress }: ServiceView, node: string): Why | undefined {
  const entries = states.get(node)?.passedOver ?? [];
  if (entries.length === 0) return undefined;
  const layer2 = plans().all.find(({ plan }) => plan.node === node)?.plan.layer2;
  // Addresses that have to be on one node go by the first of them.
  const groups = (layer2?.candidacies ?? []).flatMap(({ ip }, at) => (ingress.includes(ip) ? [layer2?.groups[at] ?? ip] : []));
  return entries.find((entry) => groups.some((group) => isIn(entry, group)))?.reason;
}

function isIn({ from, to }: PassedOver, group: Ip): boolean {
  return reachIn([{ reach: 1, from: from as Ip, to: to as Ip }], group) > 0;
}

export function passedOverCauses(rows: readonly { readonly node: string; readonly layer2: string }[]): Cause[] {
  return gathered(rows.flatMap(({ node, layer2 }) => (isWhy(layer2) ? [{ cause: causeOf(layer2), places: [node] }] : [])));
}

function isWhy(code: string): code is Why {
  return code === 'PoolOutsideSubnets' || code === 'NoUsableInterface';
}

function causeOf(reason: Why): Cause {
  if (reason === 'PoolOutsideSubnets') return explainCause({ reason });
  return makeCause('wire', reason, 'no interface of the node can announce the address, and nodes that have one go before');
}
