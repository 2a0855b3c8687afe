import { DEFAULT_DRAIN_TRIGGERS, drainReason } from '../../announce/drain.ts';
import { candidaciesOf } from '../../announce/plan.ts';
import type { ServiceView } from '../../cluster/service.ts';
import type { Cluster } from '../../view/cluster.ts';
import { Judge } from '../../view/judgement.ts';
import { speakerRuns } from '../../view/situation.ts';
import { type VipRow, vipRows } from '../../view/vips.ts';

export interface DrillPlan {
  readonly service: string;
  readonly vip: string;
  readonly port: number;
  readonly protocol: 'bgp' | 'layer2';
  /** The node that is to be drained. */
  readonly owner: string;
  /** Who could take over, or announces it already. */
  readonly successors: readonly string[];
}

/**
 * Which node is drained for the drill, and who takes over. Refused is what would make an address dark: a node announces by BGP what no other
 * session carries, or nobody else could answer for the address in layer 2.
 * @param wanted the node to be drained; default: the owner, or the first that announces it
 * @throws Error in words for people
 */
export function chooseDrill(cluster: Cluster, service: string, wanted?: string): DrillPlan {
  const view = cluster.world.services.find(({ key }) => key === service);
  if (view === undefined) throw new Error(`there is no Service ${service}`);
  const port = portOf(view);
  const rows = vipRows(cluster, new Judge(cluster));
  const row = announcedRow(rows, service, wanted);
  const owner = wanted ?? row.nodes[0] ?? '';
  if (isLeaving(cluster, owner)) throw new Error(`${owner} is being drained already`);
  refuseDark(cluster, rows, owner);
  const successors = successorsOf(cluster, row, owner);
  if (successors.length === 0) throw new Error(`no other node could announce ${row.vip}. Nothing was done`);
  return { service, vip: row.vip, port, protocol: row.protocol === 'bgp' ? 'bgp' : 'layer2', owner, successors };
}

function portOf({ key, ingress, ports }: ServiceView): number {
  if (ingress.length === 0) throw new Error(`${key} has no address`);
  const port = ports.find(({ protocol }) => protocol === 'TCP')?.port;
  if (port === undefined) throw new Error(`${key} has no TCP port that could be asked`);
  return port;
}

function announcedRow(rows: readonly VipRow[], service: string, wanted: string | undefined): VipRow {
  const own = rows.filter((row) => row.service === service && row.nodes.length > 0);
  if (own.length === 0) throw new Error(`no node announces ${service}: ask \`heraldlb explain service ${service}\``);
  const row = own.find(({ nodes }) => wanted === undefined || nodes.includes(wanted));
  if (row === undefined) throw new Error(`${wanted} does not announce ${service}: ${own.flatMap(({ nodes }) => nodes).join(', ')} does`);
  return row;
}

function successorsOf(cluster: Cluster, { vip, protocol, nodes }: VipRow, owner: string): string[] {
  const able = protocol === 'bgp' ? nodes : candidates(cluster, vip);
  return able.filter((node) => node !== owner && !isLeaving(cluster, node));
}

function candidates(cluster: Cluster, vip: string): string[] {
  const plans = cluster.plans().all.filter(({ plan }) => candidaciesOf(plan).some(({ ip }) => ip === vip));
  return plans.map(({ plan }) => plan.node).filter((node) => speakerRuns(cluster, node));
}

function isLeaving({ world }: Cluster, node: string): boolean {
  const view = world.nodes.find(({ name }) => name === node);
  return world.drains.has(node) || (view !== undefined && drainReason(view, DEFAULT_DRAIN_TRIGGERS) !== undefined);
}

/** A speaker withdraws what others are to announce, by their plans: whether their sessions are up it does not know. */
function refuseDark(cluster: Cluster, rows: readonly VipRow[], owner: string): void {
  for (const { vip, service, protocol, nodes, missing } of rows) {
    if (protocol !== 'bgp' || !nodes.includes(owner)) continue;
    const others = nodes.filter((node) => node !== owner && !isLeaving(cluster, node));
    const silent = missing.filter((node) => node !== owner && !isLeaving(cluster, node));
    if (others.length === 0 && silent.length > 0)
      throw new Error(`${vip} (${service}) would go dark: ${silent.join(', ')} should announce it too and does not. Nothing was done`);
  }
}
