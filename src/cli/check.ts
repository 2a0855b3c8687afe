import { versionOf } from '../api/kind.ts';
import { record, text } from '../cluster/json.ts';
import { type AddressClaim, readClaim } from '../config/addressClaims.ts';
import { problemText } from '../config/conditions.ts';
import type { AdvertisementScope, Config } from '../config/config.ts';
import { CONFIG_KINDS, type ConfigKind, type RawObjects, parseConfig } from '../config/parse.ts';
import type { ObjectRef, Problem, ProblemReason } from '../config/problem.ts';
import { claimDoubts } from '../ipam/claimDoubts.ts';
import { Desk } from '../ipam/desk.ts';
import { reasonText } from '../ipam/reasonText.ts';
import type { RefusalReason } from '../ipam/refusal.ts';
import type { Manifests, SyntaxFault } from './manifests.ts';

/** What only a whole set of manifests can show, beside what is wrong in an object. */
export type FindingReason =
  | ProblemReason
  | RefusalReason
  | 'DuplicateObject'
  | 'UnknownKind'
  | 'WrongVersion'
  | 'PoolNotAnnounced'
  | 'NoPool';

export interface Finding extends Omit<Problem, 'reason' | 'object'> {
  readonly reason: FindingReason;
  /** Absent: about the set as a whole. */
  readonly object?: ObjectRef;
}

export interface CheckReport {
  readonly files: number;
  readonly objects: number;
  readonly ignored: number;
  readonly syntax: readonly SyntaxFault[];
  readonly findings: readonly Finding[];
}

export function checkManifests(manifests: Manifests, apiGroup: string): CheckReport {
  const { config, problems, objects } = parseConfig(manifests.objects, { generation: 1 });
  const claims = manifests.claims.map(readClaim);
  return {
    files: manifests.files,
    objects: objects.length + manifests.claims.length,
    ignored: manifests.ignored,
    syntax: manifests.faults,
    findings: [
      ...manifests.unknown.map(unknownKind),
      ...wrongVersions(manifests.objects, apiGroup),
      ...duplicates(objects),
      ...problems,
      ...claims.flatMap((read) => read.problems),
      ...refusals(
        claims.flatMap(({ claim }) => claim ?? []),
        config,
      ),
      ...coverage(config, manifests.objects),
    ],
  };
}

/** 0: nothing to mend, 1: something is. */
export function checkExit(report: CheckReport, strict: boolean): 0 | 1 {
  return report.syntax.length > 0 || report.findings.some(({ severity }) => strict || severity === 'error') ? 1 : 0;
}

/** One line per finding, then the sum. */
export function checkLines(report: CheckReport): string[] {
  const errors = report.syntax.length + report.findings.filter(({ severity }) => severity === 'error').length;
  const warnings = report.findings.length + report.syntax.length - errors;
  return [
    ...report.syntax.map(({ file, line, column, message }) => `error ${file}:${line}:${column}: ${message}`),
    ...report.findings.map(findingLine),
    `${report.files} files, ${report.objects} objects, ${report.ignored} of other kinds ignored: ${errors} errors, ${warnings} warnings`,
  ];
}

function findingLine(finding: Finding): string {
  const { severity, object, path, message } = finding;
  if (object === undefined) return `${severity} ${message}`;
  return `${severity} ${object.kind}/${object.name} ${problemText({ ...finding, object, reason: 'InvalidField', path, message })}`;
}

function unknownKind(object: ObjectRef): Finding {
  const kinds = [...CONFIG_KINDS, 'AddressClaim'].join(', ');
  return { severity: 'error', reason: 'UnknownKind', object, path: 'kind', message: `is not there: the kinds are ${kinds}` };
}

function wrongVersions(objects: RawObjects, apiGroup: string): Finding[] {
  const served = (kind: ConfigKind): string => `${apiGroup}/${versionOf(apiGroup, kind)}`;
  return CONFIG_KINDS.flatMap((kind) =>
    objects[kind].flatMap((raw): Finding[] => {
      const written = text(record(raw)?.['apiVersion']);
      if (written === served(kind)) return [];
      const name = text(record(record(raw)?.['metadata'])?.['name']) ?? '?';
      const message = `${written ?? 'nothing'} is not read, ${served(kind)} is`;
      return [{ severity: 'error', reason: 'WrongVersion', object: { kind, name }, path: 'apiVersion', message }];
    }),
  );
}

/** An API server cannot hold two of one name; in files the later one would replace the other unseen. */
function duplicates(objects: readonly ObjectRef[]): Finding[] {
  const seen = new Set<string>();
  return objects.flatMap((object): Finding[] => {
    const key = `${object.kind}/${object.namespace ?? ''}/${object.name}`;
    // What has no name has been told of.
    const first = object.name === '?' || !seen.has(key);
    seen.add(key);
    if (first) return [];
    return [{ severity: 'error', reason: 'DuplicateObject', object, path: 'metadata.name', message: 'is there more than once' }];
  });
}

/** Claims that cannot have what they claim. Without any pool that goes without saying. */
function refusals(claims: readonly AddressClaim[], config: Config): Finding[] {
  if (config.pools.length === 0) return [];
  const desk = new Desk({ config, namespaces: [], claims });
  return claims.flatMap((claim) =>
    claimDoubts(desk, claim).map((refusal) => ({
      severity: 'warning',
      reason: refusal.reason,
      object: { kind: 'AddressClaim', name: claim.name },
      path: '',
      message: reasonText(refusal),
    })),
  );
}

function coverage(config: Config, raw: RawObjects): Finding[] {
  if (raw.IPAddressPool.length === 0) {
    return [{ severity: 'warning', reason: 'NoPool', path: '', message: 'there is no IPAddressPool: no Service gets an address' }];
  }
  const scopes: AdvertisementScope[] = [...config.l2Advertisements, ...config.bgpAdvertisements];
  return config.pools
    .filter(({ name }) => !scopes.some(({ pools }) => pools === 'all' || pools.includes(name)))
    .map(({ name }) => ({
      severity: 'warning',
      reason: 'PoolNotAnnounced',
      object: { kind: 'IPAddressPool', name },
      path: '',
      message: 'no advertisement is for this pool: its addresses are given out and not announced',
    }));
}
