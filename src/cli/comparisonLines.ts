import type { AddressChange, Comparison, RouteChange, SessionChange, VipMove } from '../view/compare.ts';
import { some } from '../view/cause.ts';

const MOST = 20;

/** What would be another way, one thing a line, what hurts most first. */
export function comparisonLines({ services, moves, routes, sessions, dark }: Comparison): string[] {
  const disturbed = services.filter(({ kind }) => kind !== 'gained');
  const gained = services.filter(({ kind }) => kind === 'gained');
  const real = moves.filter(({ from }) => from !== undefined);
  return [
    ...section('Services that nobody announces any more', dark),
    ...section('Services renumbered', disturbed.map(addressText)),
    ...section('Services that get an address', gained.map(addressText), 'quiet'),
    ...section('VIPs of layer 2 that move', real.map(moveText)),
    ...section('VIPs of layer 2 that are new', moves.filter(({ from }) => from === undefined).map(moveText), 'quiet'),
    ...section('BGP routes', routes.map(routeText)),
    ...section('BGP sessions', sessions.map(sessionText)),
  ];
}

/** @param none `quiet`: nothing at all is said where there is none */
function section(title: string, lines: readonly string[], none: 'said' | 'quiet' = 'said'): string[] {
  if (lines.length === 0) return none === 'quiet' ? [] : [`${title}: none`];
  const more = lines.length > MOST ? [`  ... and ${lines.length - MOST} more`] : [];
  return [`${title}: ${lines.length}`, ...lines.slice(0, MOST).map((line) => `  ${line}`), ...more];
}

function addressText({ service, before, after, reason, message }: AddressChange): string {
  const why = reason === undefined ? '' : ` (${reason}: ${message ?? ''})`;
  return `${service}: ${before.join(', ') || 'none'} -> ${after.join(', ') || 'none'}${why}`;
}

function moveText({ vip, services, from, to }: VipMove): string {
  return `${vip} (${some(services)}): ${from ?? 'nobody'} -> ${to ?? 'nobody'}`;
}

function routeText({ node, peer, announced, withdrawn, changed }: RouteChange): string {
  const parts = [
    ...(withdrawn.length === 0 ? [] : [`withdraws ${some(withdrawn)}`]),
    ...(announced.length === 0 ? [] : [`announces ${some(announced)}`]),
    ...(changed.length === 0 ? [] : [`sends ${some(changed)} with other attributes`]),
  ];
  return `${node} ${parts.join('; ')} (${peer})`;
}

const SESSIONS: Readonly<Record<SessionChange['kind'], string>> = {
  new: 'is new',
  ended: 'ends',
  reset: 'is reset',
  rekeyed: 'gets another password, and is lost unless the router has it within the hold time',
};

function sessionText({ node, peer, kind, fields }: SessionChange): string {
  return `${node} ${peer} ${SESSIONS[kind]}${kind === 'reset' ? `: ${fields.join(', ')}` : ''}`;
}
