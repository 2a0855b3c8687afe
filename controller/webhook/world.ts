import { CONFIG_KINDS, type ConfigKind } from '../../src/config/parse.ts';
import { type AdmissionWorld, isConfigKind } from '../../src/ipam/admission.ts';
import type { Watches } from '../watches.ts';

/** What the controller has read; undefined before all first lists are in. */
export function worldOf(watches: Watches, lbClass: string | undefined): AdmissionWorld | undefined {
  if (!watches.hasSynced()) return undefined;
  const { services, namespaces, configs } = watches;
  const objects = Object.fromEntries(CONFIG_KINDS.map((kind) => [kind, [] as unknown[]])) as Record<ConfigKind, unknown[]>;
  for (const [{ kind }, { store }] of configs) if (isConfigKind(kind)) objects[kind].push(...store.values());
  return {
    objects,
    services: [...services.store.values()],
    namespaces: [...namespaces.store.values()],
    ...(lbClass === undefined ? {} : { loadBalancerClass: lbClass }),
  };
}
