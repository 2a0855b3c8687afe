import { type Raw, items, record, text } from '../../cluster/json.ts';
import { type Block, blockContains } from '../../net/block.ts';
import type { Ip } from '../../net/ip.ts';
import { type Prefix, parsePrefix } from '../../net/prefix.ts';
import type { Draft } from './draft.ts';
import type { SourceObject } from './sourceObject.ts';
import { readBlock } from './space.ts';

/** One of the ranges of a ServiceGroup. */
export interface GroupRange {
  readonly path: string;
  readonly block: Block;
  readonly subnet: Prefix;
  /** `default`: as long as the subnet. */
  readonly aggregation: string;
}

/** A pool of ours that was made of it. */
export interface GroupPool {
  readonly name: string;
  readonly ranges: readonly GroupRange[];
  readonly contains: (ip: Ip) => boolean;
}

/** A ServiceGroup. */
export interface Group {
  readonly object: SourceObject;
  /** As v2 says it; v1 looks whether a node is in the subnet. */
  readonly form: 'local' | 'remote' | 'v1';
  readonly ranges: readonly GroupRange[];
  readonly multiPool: boolean;
  readonly balancePools: boolean;
  /** A Service gets it only when it says so. */
  needsName: boolean;
  pools: readonly GroupPool[];
}

export function readGroups(draft: Draft): Group[] {
  return draft.of('ServiceGroup', 'purelb.io').flatMap((object): Group[] => {
    const local = record(object.spec['local']);
    const remote = record(object.spec['remote']);
    if (local === undefined && remote === undefined) {
      draft.lose('NoEquivalent', object, 'spec', 'its addresses come from another IPAM: write them as an IPAddressPool');
      return [];
    }
    const spec = local ?? remote ?? {};
    const localForm = object.version === 'v1' ? 'v1' : 'local';
    const ranges = rangesOf(draft, object, local === undefined ? 'spec.remote' : 'spec.local', spec);
    return [
      {
        object,
        form: local === undefined ? 'remote' : localForm,
        ranges,
        multiPool: spec['multiPool'] === true,
        balancePools: spec['balancePools'] === true,
        needsName: false,
        pools: [],
      },
    ];
  });
}

function rangesOf(draft: Draft, object: SourceObject, base: string, spec: Raw): GroupRange[] {
  const listed = ['v4pools', 'v6pools'].flatMap((name) =>
    items(spec[name]).map((raw, index) => ({ raw, path: `${base}.${name}[${index}]` })),
  );
  const single = ['v4pool', 'v6pool'].map((name) => ({ raw: spec[name], path: `${base}.${name}` }));
  // Before dual stack the pool stood in the group itself.
  const all = [...listed, ...single, { raw: spec['pool'] === undefined ? undefined : spec, path: base }];
  return all.flatMap(({ raw, path }) => {
    const pool = record(raw);
    if (pool === undefined) return [];
    const written = text(pool['pool']) ?? '';
    const block = readBlock(written);
    const subnet = parsePrefix(text(pool['subnet']) ?? '');
    if (block === undefined) draft.lose('InvalidSource', object, `${path}.pool`, `"${written}" is neither a CIDR nor a range`);
    if (subnet === undefined) draft.lose('InvalidSource', object, `${path}.subnet`, `${JSON.stringify(pool['subnet'])} is no CIDR`);
    if (block === undefined || subnet === undefined) return [];
    return [{ path, block, subnet, aggregation: text(pool['aggregation']) ?? 'default' }];
  });
}

export function groupPool(name: string, ranges: readonly GroupRange[]): GroupPool {
  return { name, ranges, contains: (ip) => ranges.some(({ block }) => blockContains(block, ip)) };
}
