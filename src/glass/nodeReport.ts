import { type Raw, integer, items, record, text } from '../cluster/json.ts';
import type { BfdRow, Drain, Speaker } from './view.ts';

/** What a NodeState says, as far as the page shows it. */
export interface NodeReport {
  /** Of the node. */
  readonly name: string;
  readonly speaker: Speaker;
  readonly sessions: readonly ReportedSession[];
  readonly claims: readonly ReportedClaim[];
  readonly problems: readonly ReportedProblem[];
  readonly drain?: Drain;
}

export interface ReportedSession {
  readonly peer: string;
  readonly address: string;
  readonly asn: string;
  readonly state: string;
  readonly since: string;
  readonly families: readonly string[];
  readonly routes: number;
  readonly lastError?: string;
  readonly lastErrorAt?: string;
  readonly bfd?: BfdRow;
}

export interface ReportedClaim {
  readonly ip: string;
  readonly since: string;
  readonly interfaces: readonly string[];
}

export interface ReportedProblem {
  readonly reason: string;
  readonly object: string;
  readonly message: string;
}

/** @returns undefined for what is no NodeState. Never throws: an object may be of another version. */
export function projectNodeReport(object: unknown): NodeReport | undefined {
  const name = text(record(record(object)?.['metadata'])?.['name']);
  if (name === undefined || name === '') return undefined;
  const status = record(record(object)?.['status']) ?? {};
  const guards = items(status['bfd']).flatMap(guardOf);
  const drain = drainOf(status['drain']);
  return {
    name,
    speaker: speakerOf(status),
    sessions: items(status['bgp']).flatMap((entry) => sessionOf(entry, guards)),
    claims: items(status['claims']).flatMap(claimOf),
    problems: items(status['problems']).flatMap(problemOf),
    ...(drain === undefined ? {} : { drain }),
  };
}

function speakerOf(status: Raw): Speaker {
  const ready = items(status['conditions'])
    .map(record)
    .find((condition) => condition?.['type'] === 'Ready');
  return {
    version: text(status['version']) ?? '',
    startedAt: text(status['startedAt']) ?? '',
    ready: ready?.['status'] === 'True',
    reason: text(ready?.['reason']) ?? '',
    message: text(ready?.['message']) ?? '',
    routes: integer(record(status['summary'])?.['routes']) ?? 0,
  };
}

interface Guard {
  readonly peers: readonly string[];
  readonly row: BfdRow;
}

function guardOf(value: unknown): Guard[] {
  const raw = record(value);
  if (raw === undefined) return [];
  const row = {
    state: text(raw['state']) ?? '',
    since: text(raw['since']) ?? '',
    profile: text(raw['profile']) ?? '',
    ...some('detectionMs', integer(raw['detectionTimeMs'])),
    ...some('lastDown', text(raw['lastDown'])),
    ...some('lastDownAt', text(raw['lastDownAt'])),
  };
  return [{ peers: texts(raw['peers']), row }];
}

function sessionOf(value: unknown, guards: readonly Guard[]): ReportedSession[] {
  const raw = record(value);
  const peer = text(raw?.['peer']);
  if (raw === undefined || peer === undefined) return [];
  return [
    {
      peer,
      address: text(raw['address']) ?? '',
      asn: text(raw['asn']) ?? '',
      state: text(raw['state']) ?? '',
      since: text(raw['since']) ?? '',
      families: texts(raw['families']),
      routes: integer(raw['routes']) ?? 0,
      ...some('lastError', text(raw['lastError'])),
      ...some('lastErrorAt', text(raw['lastErrorAt'])),
      ...some('bfd', guards.find(({ peers }) => peers.includes(peer))?.row),
    },
  ];
}

function claimOf(value: unknown): ReportedClaim[] {
  const raw = record(value);
  const ip = text(raw?.['ip']);
  if (raw === undefined || ip === undefined) return [];
  return [{ ip, since: text(raw['since']) ?? '', interfaces: texts(raw['interfaces']) }];
}

function problemOf(value: unknown): ReportedProblem[] {
  const raw = record(value);
  const reason = text(raw?.['reason']);
  if (raw === undefined || reason === undefined) return [];
  return [{ reason, object: text(raw['object']) ?? '', message: text(raw['message']) ?? '' }];
}

function drainOf(value: unknown): Drain | undefined {
  const raw = record(value);
  const phase = text(raw?.['phase']);
  if (raw === undefined || phase === undefined) return undefined;
  return { phase, reason: text(raw['reason']) ?? '', since: text(raw['since']) ?? '' };
}

function texts(value: unknown): string[] {
  return items(value).filter((entry) => typeof entry === 'string');
}

function some<K extends string, V>(key: K, value: V | undefined): { readonly [key in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { readonly [key in K]?: V });
}
