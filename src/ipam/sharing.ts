import type { ServiceKey, ServiceView } from '../cluster/service.ts';
import type { SharingConflict } from './refusal.ts';
import { annotation } from './request.ts';

/** A Service as the user of an address: what decides whether another one may use the same address. */
export interface Tenant {
  readonly key: ServiceKey;
  /** Annotation `allow-shared-ip`; undefined: the Service shares with nobody. */
  readonly sharingKey: string | undefined;
  readonly trafficPolicy: 'Cluster' | 'Local';
  /** Canonical text of the Pod selector with externalTrafficPolicy Local, where all sharers must have the same Pods; else ''. */
  readonly backend: string;
  /** `TCP/80`; empty when the Service shares with nobody. */
  readonly ports: readonly string[];
}

export function tenantOf(service: ServiceView): Tenant {
  const sharingKey = annotation(service, 'allow-shared-ip') || undefined;
  const trafficPolicy = service.externalTrafficPolicy;
  return {
    key: service.key,
    sharingKey,
    trafficPolicy,
    backend: sharingKey !== undefined && trafficPolicy === 'Local' ? selectorText(service.selector) : '',
    ports: sharingKey === undefined ? NO_PORTS : service.ports.map(({ protocol, port }) => `${protocol}/${port}`),
  };
}

/** Why two Services may not have one address, apart from their ports. */
export function sharingConflict(a: Tenant, b: Tenant): SharingConflict | undefined {
  if (a.sharingKey === undefined || b.sharingKey === undefined) return 'no-key';
  if (a.sharingKey !== b.sharingKey) return 'different-key';
  if (a.trafficPolicy !== b.trafficPolicy) return 'different-traffic-policy';
  return a.backend === b.backend ? undefined : 'different-selector';
}

/** Tenants with the same group may share an address if their ports differ. */
export function sharingGroup(tenant: Tenant): string | undefined {
  if (tenant.sharingKey === undefined) return undefined;
  return JSON.stringify([tenant.sharingKey, tenant.trafficPolicy, tenant.backend]);
}

const NO_PORTS: readonly string[] = [];

function selectorText(selector: Readonly<Record<string, string>>): string {
  return JSON.stringify(Object.entries(selector).sort(([a], [b]) => (a < b ? -1 : 1)));
}
