import { items, record, text } from '../../cluster/json.ts';
import type { Block } from '../../net/block.ts';
import type { Draft } from './draft.ts';
import { byNamespace, isEmpty, readSelector, servicesOf } from './selectors.ts';
import { type SourceObject, given } from './sourceObject.ts';
import { blockText, ends, readBlock, totalSize, without } from './space.ts';

/** CiliumLoadBalancerIPPool. Of pools that overlap Cilium disables the later one; here it keeps what is its own. */
export function migrateCiliumPools(draft: Draft): void {
  const taken: Block[] = [];
  for (const object of draft.of('CiliumLoadBalancerIPPool', 'cilium.io')) {
    const written = blocksOf(draft, object);
    const free: Block[] = [];
    for (const { block } of written) free.push(...without(block, [...taken, ...free]));
    if (isCut(written, free))
      draft.lose('OverlappingPools', object, 'spec.blocks', 'overlaps with an earlier pool or with itself, and keeps only what is its own');
    if (free.length === 0) continue;
    taken.push(...free);
    const keepsEnds = object.spec['allowFirstLastIPs'] === 'No';
    const excluded = keepsEnds ? written.flatMap(({ text: cidr }) => ends(cidr)) : [];
    draft.write(
      'IPAddressPool',
      object.name,
      given({
        addresses: free.map(blockText),
        excludedAddresses: excluded.length === 0 ? undefined : excluded.map(blockText),
        disabled: object.spec['disabled'] === true ? true : undefined,
        serviceAllocation: allocationOf(draft, object),
      }),
      { labels: object.labels },
    );
  }
}

function isCut(written: readonly { readonly block: Block }[], free: readonly Block[]): boolean {
  return totalSize(free) < totalSize(written.map(({ block }) => block));
}

/** The older `cidrs` had the same shape. */
function blocksOf(draft: Draft, object: SourceObject): { readonly block: Block; readonly text: string }[] {
  const field = object.spec['blocks'] === undefined ? 'cidrs' : 'blocks';
  return items(object.spec[field]).flatMap((raw, index) => {
    const { cidr, start, stop } = record(raw) ?? {};
    const range = [text(start), text(stop)].filter((one) => one !== undefined && one !== '').join('-');
    const written = text(cidr) ?? range;
    const block = readBlock(written);
    if (block === undefined) draft.lose('InvalidSource', object, `spec.${field}[${index}]`, `"${written}" is neither a CIDR nor a range`);
    return block === undefined ? [] : [{ block, text: written }];
  });
}

function allocationOf(draft: Draft, object: SourceObject): object | undefined {
  const selector = readSelector(object.spec['serviceSelector']);
  if (selector === undefined || isEmpty(selector)) return undefined;
  const plain = byNamespace(selector);
  if (plain === undefined) return { serviceSelectors: servicesOf(draft, object, 'spec.serviceSelector', selector) };
  return given({
    namespaces: plain.namespaces.length === 0 ? undefined : plain.namespaces,
    serviceSelectors: isEmpty(plain.rest) ? undefined : [plain.rest],
  });
}
