import { crdOf } from '../api/crd.ts';
import { GROUP, type Kind, VERSION } from '../api/kind.ts';
import { type Raw, items, record, text } from '../cluster/json.ts';
import { type Cause, makeCause } from './cause.ts';

/** A kind whose CustomResourceDefinition in the cluster is of an earlier version. */
export interface OutdatedKind {
  readonly kind: string;
  /** Of the definition: `bgppeers.heraldlb.io`. */
  readonly name: string;
  readonly uid: string;
  /** Paths that the API server drops from what is written. */
  readonly fields: readonly string[];
}

/** @param stored CustomResourceDefinitions as the API server has them, by plural */
export function outdatedKinds(kinds: readonly Kind[], stored: ReadonlyMap<string, unknown>): OutdatedKind[] {
  return kinds.flatMap((kind): OutdatedKind[] => {
    const found = stored.get(kind.plural);
    const fields = found === undefined ? [] : missingFields(schemaOf(crdOf(kind)), schemaOf(found), '');
    if (fields.length === 0) return [];
    const uid = text(record(record(found)?.['metadata'])?.['uid']) ?? '';
    return [{ kind: kind.kind, name: `${kind.plural}.${GROUP}`, uid, fields }];
  });
}

const FIELDS_IN_TEXT = 5;

export function outdatedText({ name, fields }: Pick<OutdatedKind, 'name' | 'fields'>): string {
  const more = fields.length > FIELDS_IN_TEXT ? ` and ${fields.length - FIELDS_IN_TEXT} more` : '';
  return `the definition of ${name} is of another version and has no ${fields.slice(0, FIELDS_IN_TEXT).join(', ')}${more}: what is written there is lost`;
}

export function outdatedCause(outdated: OutdatedKind): Cause {
  return makeCause('config', 'CrdOutdated', outdatedText(outdated), `CustomResourceDefinition/${outdated.name}`);
}

function schemaOf(definition: unknown): Raw {
  const versions = items(record(record(definition)?.['spec'])?.['versions']).map(record);
  const own = versions.find((version) => version?.['name'] === VERSION);
  return record(record(own?.['schema'])?.['openAPIV3Schema']) ?? {};
}

/** Paths of properties that the first schema has and the second has not. */
export function missingFields(wanted: Raw, found: Raw, path: string): string[] {
  const [own, theirs] = [record(wanted['properties']) ?? {}, record(found['properties']) ?? {}];
  const inList = record(wanted['items']);
  const below = inList === undefined ? [] : missingFields(inList, record(found['items']) ?? {}, path);
  return Object.entries(own)
    .flatMap(([name, schema]) => {
      const here = path === '' ? name : `${path}.${name}`;
      const other = record(theirs[name]);
      return other === undefined ? [here] : missingFields(record(schema) ?? {}, other, here);
    })
    .concat(below);
}
