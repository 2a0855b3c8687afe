import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { LineCounter, parseAllDocuments } from 'yaml';
import { KINDS } from '../api/crd.ts';
import { GROUP } from '../api/kind.ts';
import { record, text } from '../cluster/json.ts';
import { CONFIG_KINDS, type ConfigKind, type RawObjects } from '../config/parse.ts';
import type { ObjectRef } from '../config/problem.ts';

/** Text that is no YAML. Line and column count from 1. */
export interface SyntaxFault {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

export interface Manifests {
  readonly files: number;
  readonly objects: RawObjects;
  /** AddressClaims: of our own group, whatever group the others are of. */
  readonly claims: readonly unknown[];
  /** Objects of kinds or API groups that are not ours. */
  readonly ignored: number;
  /** Of our group, and of a kind that is not there: misspelt, as it seems. */
  readonly unknown: readonly ObjectRef[];
  readonly faults: readonly SyntaxFault[];
}

const YAML_FILE = /\.(?:ya?ml|json)$/;

/** A file is read whatever its name is; a directory is searched, in order of names. @throws when one cannot be read */
export function manifestFiles(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((name) => YAML_FILE.test(name))
    .toSorted()
    .map((name) => join(path, name))
    .filter((file) => statSync(file).isFile());
}

/** @param apiGroup objects of another group are ignored @throws when a file cannot be read */
export function readManifests(paths: readonly string[], apiGroup: string): Manifests {
  const files = [...new Set(paths.flatMap(manifestFiles))];
  const parsed = files.map((file) => parseManifest(file, readFileSync(file, 'utf8')));
  const all = parsed.flatMap(({ values }) => values);
  const ours = (kind: ConfigKind): unknown[] => all.filter((value) => kindOf(value, apiGroup) === kind);
  return {
    files: files.length,
    objects: {
      IPAddressPool: ours('IPAddressPool'),
      BGPPeer: ours('BGPPeer'),
      BGPAdvertisement: ours('BGPAdvertisement'),
      L2Advertisement: ours('L2Advertisement'),
      BFDProfile: ours('BFDProfile'),
      Community: ours('Community'),
    },
    claims: all.filter(isClaim),
    ignored: all.filter((value) => kindOf(value, apiGroup) === undefined && !isClaim(value)).length,
    unknown: all.flatMap(unknownKind),
    faults: parsed.flatMap(({ faults }) => faults),
  };
}

/** The objects of one file; an object of kind List stands for its items. */
export function parseManifest(file: string, source: string): { values: unknown[]; faults: SyntaxFault[] } {
  const lineCounter = new LineCounter();
  const values: unknown[] = [];
  const faults: SyntaxFault[] = [];
  for (const document of parseAllDocuments(source, { lineCounter, prettyErrors: false })) {
    for (const error of document.errors) {
      const { line, col } = lineCounter.linePos(error.pos[0]);
      faults.push({ file, line, column: col, message: error.message });
    }
    if (document.errors.length > 0) continue;
    try {
      values.push(...unlisted(document.toJS()));
    } catch (error) {
      // Aliases are followed only here: one that leads nowhere, or to more than there is memory for.
      const { line, col } = lineCounter.linePos(document.range[0]);
      faults.push({ file, line, column: col, message: error instanceof Error ? error.message : String(error) });
    }
  }
  return { values, faults };
}

function unlisted(value: unknown): unknown[] {
  if (value === null) return [];
  const object = record(value);
  const items = object?.['items'];
  return text(object?.['kind']) === 'List' && Array.isArray(items) ? items.flatMap(unlisted) : [value];
}

function kindOf(value: unknown, apiGroup: string): ConfigKind | undefined {
  const object = record(value);
  if (text(object?.['apiVersion'])?.split('/')[0] !== apiGroup) return undefined;
  return CONFIG_KINDS.find((kind) => kind === object?.['kind']);
}

function isClaim(value: unknown): boolean {
  const object = record(value);
  return object?.['kind'] === 'AddressClaim' && text(object['apiVersion'])?.split('/')[0] === GROUP;
}

function unknownKind(value: unknown): ObjectRef[] {
  const object = record(value);
  const kind = text(object?.['kind']) ?? '?';
  if (text(object?.['apiVersion'])?.split('/')[0] !== GROUP || KINDS.some((known) => known.kind === kind)) return [];
  return [{ kind, name: text(record(object?.['metadata'])?.['name']) ?? '?' }];
}
