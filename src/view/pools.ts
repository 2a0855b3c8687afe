import type { Pool } from '../config/config.ts';
import { blockContains } from '../net/block.ts';
import { ipFamily } from '../net/ip.ts';
import type { Cluster } from './cluster.ts';

export interface Room {
  readonly used: number;
  readonly free: number;
}

export interface PoolRow {
  readonly pool: string;
  readonly addresses: readonly string[];
  /** Absent: the pool has no addresses of the family. */
  readonly ipv4?: Room;
  readonly ipv6?: Room;
  /** Services that have an address of it. */
  readonly services: number;
  /** Why it gives none by itself, or none at all. */
  readonly remark: 'disabled' | 'not by itself' | 'not in force' | '';
}

/** Every pool, also those that are not in force. */
export function poolRows(cluster: Cluster): PoolRow[] {
  const { world } = cluster;
  const usage = cluster.addresses().usage;
  const rows = world.config.pools.map((pool): PoolRow => {
    const { assignedIPv4 = 0, assignedIPv6 = 0, availableIPv4 = 0, availableIPv6 = 0 } = usage.get(pool.name) ?? {};
    const has = (family: 'ipv4' | 'ipv6'): boolean => pool.blocks.some((block) => block.family === family);
    return {
      pool: pool.name,
      addresses: pool.blocks.map(({ text }) => text),
      ...(has('ipv4') ? { ipv4: { used: assignedIPv4, free: availableIPv4 } } : {}),
      ...(has('ipv6') ? { ipv6: { used: assignedIPv6, free: availableIPv6 } } : {}),
      services: tenants(cluster, pool),
      remark: remarkOf(pool),
    };
  });
  const unsettled = world.unsettledPools.map((pool): PoolRow => ({ pool, addresses: [], services: 0, remark: 'not in force' }));
  return [...rows, ...unsettled].toSorted((a, b) => (a.pool < b.pool ? -1 : 1));
}

function tenants({ world }: Cluster, { blocks }: Pool): number {
  return world.services.filter(
    ({ type, ingress }) =>
      type === 'LoadBalancer' && ingress.some((ip) => blocks.some((block) => block.family === ipFamily(ip) && blockContains(block, ip))),
  ).length;
}

function remarkOf({ disabled, autoAssign }: Pool): PoolRow['remark'] {
  if (disabled === true) return 'disabled';
  return autoAssign ? '' : 'not by itself';
}
