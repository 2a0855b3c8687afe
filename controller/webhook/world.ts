import { CONFIG_KINDS, type ConfigKind } from '../../src/config/parse.ts';
import { type AdmissionWorld, isConfigKind } from '../../src/ipam/admission.ts';
import { ClaimCache } from '../claimCache.ts';
import { addressesInUse } from '../neighbours.ts';
import type { Watches } from '../watches.ts';

/** @returns what the controller has read at the moment of the call; that gives undefined before all first lists are in */
export function createWorld(watches: Watches, lbClass: string | undefined): () => AdmissionWorld | undefined {
  const { services, namespaces, configs } = watches;
  const claims = new ClaimCache(watches.claims.store, services.store);
  return () => {
    if (!watches.hasSynced()) return undefined;
    const objects = Object.fromEntries(CONFIG_KINDS.map((kind) => [kind, [] as unknown[]])) as Record<ConfigKind, unknown[]>;
    for (const [{ kind }, { store }] of configs) if (isConfigKind(kind)) objects[kind].push(...store.values());
    claims.refresh();
    return {
      objects,
      services: [...services.store.values()],
      namespaces: [...namespaces.store.values()],
      claims: claims.counting(),
      inUse: addressesInUse(watches),
      ...(lbClass === undefined ? {} : { loadBalancerClass: lbClass }),
    };
  };
}
