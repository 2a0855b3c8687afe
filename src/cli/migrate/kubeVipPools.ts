import type { Block } from '../../net/block.ts';
import type { Draft } from './draft.ts';
import type { SourceObject } from './sourceObject.ts';
import { blockText, ends, readBlock, totalSize, without } from './space.ts';

export interface KubeVipPools {
  readonly names: readonly string[];
  /** By the name of the pool. */
  readonly interfaces: ReadonlyMap<string, string>;
}

interface Wanted {
  readonly namespace: string;
  readonly key: string;
  readonly blocks: readonly Block[];
  readonly excluded: readonly Block[];
}

const GLOBAL = 'global';

/** The ConfigMap `kubevip` of the cloud provider: `cidr-NAMESPACE` and `range-NAMESPACE`, or `-global`. */
export function migratePools(draft: Draft): KubeVipPools {
  const names: string[] = [];
  const interfaces = new Map<string, string>();
  for (const object of draft.objects) {
    if (object.group !== '' || object.kind !== 'ConfigMap' || object.name !== 'kubevip') continue;
    const taken: Block[] = [];
    // What a namespace has for itself is not global too, so that comes last.
    for (const pool of united(wantedPools(draft, object))) {
      const name = writePool(draft, object, pool, taken);
      if (name === undefined) continue;
      names.push(name);
      const own = pool.namespaces.map((namespace) => object.data[`interface-${namespace}`]).find((one) => one !== undefined);
      if (own !== undefined) interfaces.set(name, own);
    }
    loseOptions(draft, object);
  }
  return { names, interfaces };
}

function wantedPools(draft: Draft, object: SourceObject): Wanted[] {
  return Object.entries(object.data).flatMap(([key, value]): Wanted[] => {
    const [, form, namespace] = /^(cidr|range)-(.+)$/.exec(key) ?? [];
    if (form === undefined || namespace === undefined) return [];
    const parts = value.split(',').map((part) => part.trim());
    if (parts.some((part) => /^0\.0\.0\.0(\/32)?$/.test(part))) {
      draft.lose(
        'NoEquivalent',
        object,
        `data.${key}`,
        '0.0.0.0 means DHCP, which is not there: Services keep what they have, new ones need a pool',
      );
      return [];
    }
    const excluded = object.data['skip-end-ips-in-cidr'] === 'true' ? parts.filter((part) => !part.includes(':')).flatMap(ends) : [];
    const blocks = parts.flatMap((part) => {
      const block = part === '' ? undefined : readBlock(part);
      if (block === undefined) draft.lose('InvalidSource', object, `data.${key}`, `"${part}" is neither a CIDR nor a range`);
      return block ?? [];
    });
    return blocks.length === 0 ? [] : [{ namespace, key, blocks, excluded }];
  });
}

interface United {
  readonly namespaces: readonly string[];
  readonly keys: readonly string[];
  readonly blocks: readonly Block[];
  readonly excluded: readonly Block[];
}

/** A namespace may have CIDRs and ranges; namespaces that have exactly the same share one pool. */
function united(wanted: readonly Wanted[]): United[] {
  const byNamespace = new Map<string, United>();
  for (const { namespace, key, blocks, excluded } of wanted) {
    const known = byNamespace.get(namespace) ?? { namespaces: [namespace], keys: [], blocks: [], excluded: [] };
    byNamespace.set(namespace, {
      ...known,
      keys: [...known.keys, key],
      blocks: [...known.blocks, ...blocks],
      excluded: [...known.excluded, ...excluded],
    });
  }
  const bySpace = new Map<string, United>();
  for (const pool of byNamespace.values()) {
    const space = `${pool.namespaces.includes(GLOBAL)} ${pool.blocks.map(blockText).join()}`;
    const known = bySpace.get(space);
    bySpace.set(space, known === undefined ? pool : { ...known, namespaces: [...known.namespaces, ...pool.namespaces] });
  }
  return [...bySpace.values()].toSorted((a, b) => Number(a.namespaces.includes(GLOBAL)) - Number(b.namespaces.includes(GLOBAL)));
}

function writePool(draft: Draft, object: SourceObject, pool: United, taken: Block[]): string | undefined {
  const { namespaces, keys, blocks, excluded } = pool;
  const free: Block[] = [];
  for (const block of blocks) free.push(...without(block, [...taken, ...free]));
  const path = keys.map((key) => `data.${key}`).join(', ');
  if (totalSize(free) < totalSize(blocks))
    draft.lose(
      'OverlappingPools',
      object,
      path,
      'addresses that stand twice are in one pool only: that of the first namespace, or the first of the list',
    );
  if (free.length === 0) return undefined;
  taken.push(...free);
  const isGlobal = namespaces.includes(GLOBAL);
  return draft.write('IPAddressPool', `kube-vip-${namespaces.join('-')}`, {
    addresses: free.map(blockText),
    ...(excluded.length === 0 ? {} : { excludedAddresses: excluded.map(blockText) }),
    ...(isGlobal ? {} : { serviceAllocation: { priority: 1, namespaces } }),
  });
}

function loseOptions(draft: Draft, object: SourceObject): void {
  if (object.data['search-order'] === 'desc')
    draft.lose('Approximated', object, 'data.search-order', 'new Services get the lowest free address');
  for (const key of Object.keys(object.data)) {
    if (key.startsWith('allow-share-') && object.data[key] === 'true')
      draft.lose(
        'Approximated',
        object,
        `data.${key}`,
        'new Services share an address only when they carry the annotation heraldlb.io/allow-shared-ip',
      );
  }
}
