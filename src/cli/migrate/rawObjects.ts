import { CONFIG_KINDS, type ConfigKind, type RawObjects } from '../../config/parse.ts';
import type { Manifest } from './contract.ts';

/** By kind, as the parser of the configuration wants them. */
export function rawObjects(manifests: readonly Manifest[]): RawObjects {
  const of = (kind: ConfigKind): Manifest[] => manifests.filter((manifest) => manifest.kind === kind);
  return Object.fromEntries(CONFIG_KINDS.map((kind) => [kind, of(kind)])) as unknown as RawObjects;
}
