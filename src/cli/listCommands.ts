import type { Command } from 'commander';
import type { Cluster } from '../view/cluster.ts';
import { Judge } from '../view/judgement.ts';
import { poolRows } from '../view/pools.ts';
import { sessionsOf } from '../view/sessions.ts';
import { routeRows, vipRows } from '../view/vips.ts';
import { ageText } from './age.ts';
import { print } from './output.ts';
import { sessionCells } from './sessionLines.ts';
import { poolLines } from './statusLines.ts';
import { tableLines } from './table.ts';
import { type ViewFlags, lookAt, noSuchNode, viewCommand } from './viewCommand.ts';

interface NodeFlags extends ViewFlags {
  readonly node?: string;
}

/** `heraldlb peers`. Exit code 0: every session is up and well, 1: one is not. */
export function peersCommand(): Command {
  return viewCommand('peers', 'Lists the BGP sessions of every node, with what keeps them from coming up')
    .option('--node <name>', 'only of this node')
    .action((flags: NodeFlags) =>
      lookAt(flags, (cluster) => {
        const sessions = sessionsOf(cluster).filter(onNode(cluster, flags));
        const head = ['node', 'peer', 'router', 'state', 'since', 'routes', 'bfd', 'last error'];
        print(flags, sessions, () =>
          tableLines(
            head,
            sessions.map((session) => sessionCells(session, ageText(session.since, cluster.nowMs))),
          ),
        );
        return sessions.every(({ up, cause }) => up && cause === undefined) ? 0 : 1;
      }),
    );
}

/** `heraldlb routes`. Exit code 0: every route is announced, 1: one is not. */
export function routesCommand(): Command {
  return viewCommand('routes', 'Lists the prefixes that every node announces by BGP, and to whom')
    .option('--node <name>', 'only of this node')
    .action((flags: NodeFlags) =>
      lookAt(flags, (cluster) => {
        const rows = routeRows(cluster, new Judge(cluster)).filter(onNode(cluster, flags));
        print(flags, rows, () =>
          tableLines(
            ['prefix', 'node', 'peer', 'state', 'attributes'],
            rows.map(({ prefix, node, peer, state, attributes }) => [prefix, node, peer, state, attributes.join(', ')]),
          ),
        );
        return rows.every(({ state }) => state === 'announced') ? 0 : 1;
      }),
    );
}

/** @throws Error for a node that is not there: nothing of it would look like all being well */
function onNode({ world }: Cluster, { node: wanted }: NodeFlags): (row: { readonly node: string }) => boolean {
  const names = world.nodes.map(({ name }) => name);
  if (wanted !== undefined && !names.includes(wanted)) throw new Error(noSuchNode([wanted], names));
  return ({ node }) => wanted === undefined || node === wanted;
}

const PROTOCOLS = { bgp: 'BGP', layer2: 'layer 2', '': '-' } as const;

/** `heraldlb vips`. Exit code 0: every VIP is announced by all that are to announce it, 1: one is not. */
export function vipsCommand(): Command {
  return viewCommand('vips', 'Lists every VIP with its Service and the nodes that announce it').action((flags: ViewFlags) =>
    lookAt(flags, (cluster) => {
      const rows = vipRows(cluster, new Judge(cluster));
      print(flags, rows, () =>
        tableLines(
          ['vip', 'service', 'protocol', 'nodes', 'missing', 'since'],
          rows.map(({ vip, service, protocol, nodes, missing, since }) => [
            vip,
            service,
            PROTOCOLS[protocol],
            nodes.join(', ') || 'none',
            missing.join(', '),
            ageText(since, cluster.nowMs),
          ]),
        ),
      );
      return rows.every(({ nodes, missing }) => nodes.length > 0 && missing.length === 0) ? 0 : 1;
    }),
  );
}

/** `heraldlb pools`. Exit code 0, or 1 when a pool is not in force or full. */
export function poolsCommand(): Command {
  return viewCommand('pools', 'Lists the pools, and how full they are').action((flags: ViewFlags) =>
    lookAt(flags, (cluster) => {
      const rows = poolRows(cluster);
      print(flags, rows, () => poolLines(rows));
      return rows.some(({ remark, ipv4, ipv6 }) => remark === 'not in force' || ipv4?.free === 0 || ipv6?.free === 0) ? 1 : 0;
    }),
  );
}
