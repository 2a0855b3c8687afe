import type { Draft } from './draft.ts';
import type { SourceObject } from './sourceObject.ts';

/** No VIP of layer 2 changes its node: ours are spread evenly otherwise. */
export const METALLB_OWNERS = { election: 'hash' } as const;

/** @param advertisements with MetalLB's names of fields; a BGP pool without any has one of the defaults */
export function writeAdvertisements(
  draft: Draft,
  object: SourceObject,
  path: string,
  pool: string,
  protocol: unknown,
  advertisements: readonly object[],
): void {
  if (protocol === 'layer2') draft.write('L2Advertisement', pool, { ipAddressPools: [pool], ...METALLB_OWNERS });
  else if (protocol === 'bgp') {
    for (const advertisement of advertisements.length === 0 ? [{}] : advertisements)
      draft.write('BGPAdvertisement', pool, { ipAddressPools: [pool], ...advertisement });
  } else draft.lose('InvalidSource', object, path, `${JSON.stringify(protocol)} is neither layer2 nor bgp`);
}
