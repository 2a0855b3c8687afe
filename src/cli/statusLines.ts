import type { PoolRow } from '../view/pools.ts';
import type { NodeSummary, Status } from '../view/status.ts';
import { ageText, durationText } from './age.ts';
import { causeText } from './explainLines.ts';
import { tableLines } from './table.ts';

/** So that it stays one screen. */
const MOST = { problems: 8, nodes: 10, pools: 8 };

/** Problems first. */
export function statusLines(status: Status, nowMs: number): string[] {
  const { services, sessions, nodes, pools, problems } = status;
  const troubled = nodes.toSorted((a, b) => Number(isWell(a)) - Number(isWell(b)));
  return [
    problems.length === 0 ? 'No problems.' : `${problems.length} problem${problems.length === 1 ? '' : 's'}:`,
    ...shortened(
      problems.map((problem) => `  ${causeText(problem)}`),
      MOST.problems,
      'heraldlb status -o json',
    ),
    '',
    `Controller  ${controllerText(status, nowMs)}`,
    `Services    ${services.all} of type LoadBalancer, ${services.withAddress} with an address, ${services.announced} announced${
      services.degraded === 0 ? '' : ` (${services.degraded} not as they should be)`
    }`,
    `Sessions    ${sessions.up} of ${sessions.all} up`,
    '',
    ...shortened(
      tableLines(['node', 'ready', 'speaker', 'peers', 'routes', 'vips', 'problems', 'drain'], troubled.map(nodeCells)),
      MOST.nodes + 1,
    ),
    '',
    ...shortened(poolLines(pools), MOST.pools + 1, 'heraldlb pools'),
  ];
}

function isWell({ ready, speaker, peers, peersUp, problems, drain }: NodeSummary): boolean {
  return ready && speaker && peers === peersUp && problems === 0 && drain === undefined;
}

function controllerText({ controller }: Status, nowMs: number): string {
  const { running, leader, leadsSince, renewedSecondsAgo, replicas } = controller;
  const pods = replicas === undefined ? '' : `, ${replicas.ready} of ${replicas.all} replicas ready`;
  if (leader === undefined) return `${running ? 'runs' : 'does not run'}${pods}`;
  const renewed = renewedSecondsAgo === undefined ? 'never renewed' : `renewed ${durationText(renewedSecondsAgo)} ago`;
  return `${leader} ${running ? 'leads' : 'DOES NOT LEAD any more'} since ${ageText(leadsSince, nowMs) || '?'}, ${renewed}${pods}`;
}

function nodeCells({ node, ready, speaker, peersUp, peers, routes, vips, problems, drain }: NodeSummary): string[] {
  const words = [node, ready ? 'yes' : 'NO', speaker ? 'runs' : 'DOWN', `${peersUp}/${peers}`];
  return [...words, String(routes), String(vips), String(problems), drain ?? ''];
}

function shortened(lines: readonly string[], most: number, all = 'heraldlb peers, heraldlb vips'): string[] {
  if (lines.length <= most) return [...lines];
  return [...lines.slice(0, most), `  ... and ${lines.length - most} more: ${all}`];
}

export function poolLines(pools: readonly PoolRow[]): string[] {
  const rows = pools.map(({ pool, addresses, ipv4, ipv6, services, remark }) => [
    pool,
    barText(ipv4),
    roomText(ipv4),
    roomText(ipv6),
    String(services),
    addresses.join(', '),
    remark,
  ]);
  return tableLines(['pool', 'used', 'ipv4', 'ipv6', 'services', 'addresses', 'remark'], rows);
}

const BAR = 20;

function barText(room: PoolRow['ipv4']): string {
  if (room === undefined || room.used + room.free === 0) return '-';
  const filled = Math.min(BAR, Math.ceil((room.used / (room.used + room.free)) * BAR));
  return `[${'#'.repeat(filled)}${'.'.repeat(BAR - filled)}]`;
}

function roomText(room: PoolRow['ipv4']): string {
  if (room === undefined) return '-';
  // A pool of IPv6 has more than anybody counts.
  return room.free > 1_000_000 ? `${room.used} used` : `${room.used} of ${room.used + room.free}`;
}
