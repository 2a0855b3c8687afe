import { migratePeeringPolicies } from './ciliumPeeringPolicy.ts';
import { migrateClusterConfigs } from './ciliumBgp.ts';
import { migrateLayer2 } from './ciliumLayer2.ts';
import { migrateCiliumPools } from './ciliumPools.ts';
import type { Draft, SourceService } from './draft.ts';

const CLASSES = ['io.cilium/bgp-control-plane', 'io.cilium/l2-announcer'];

/** Cilium's LB IPAM, its announcements by layer 2, and its BGP control plane, the older one too. */
export function migrateCilium(draft: Draft): void {
  chooseClass(draft);
  migrateCiliumPools(draft);
  migrateLayer2(draft);
  migrateClusterConfigs(draft);
  migratePeeringPolicies(draft);
  const crossing = new Set(draft.services.flatMap((service) => (isCrossing(service) ? (keyOf(service) ?? []) : [])));
  for (const service of draft.services) carryAnnotations(draft, service, crossing);
}

/** HeraldLB serves one class, or Services without one; Cilium serves all of these together. */
function chooseClass(draft: Draft): void {
  const count = (name: string | undefined): number => draft.services.filter(({ view }) => view.loadBalancerClass === name).length;
  if (count(undefined) > 0) return;
  draft.loadBalancerClass = CLASSES.toSorted((a, b) => count(b) - count(a)).find((name) => count(name) > 0);
}

/** The newer name first. */
function annotationOf({ annotations }: SourceService, name: string): { readonly key: string; readonly value: string } | undefined {
  const key = [`lbipam.cilium.io/${name}`, `io.cilium/lb-ipam-${name}`].find((each) => annotations[each] !== undefined);
  const value = key === undefined ? undefined : annotations[key]?.trim();
  return key === undefined || value === undefined || value === '' ? undefined : { key, value };
}

function keyOf(service: SourceService): string | undefined {
  return annotationOf(service, 'sharing-key')?.value;
}

function isCrossing(service: SourceService): boolean {
  return annotationOf(service, 'sharing-cross-namespace') !== undefined;
}

function carryAnnotations(draft: Draft, service: SourceService, crossing: ReadonlySet<string>): void {
  const { view } = service;
  const ips = annotationOf(service, 'ips');
  if (ips !== undefined) {
    if (view.loadBalancerIP !== undefined) draft.clearLoadBalancerIP(service);
    draft.annotate(service, 'heraldlb.io/loadBalancerIPs', ips.value);
    const each = ips.value.split(',').filter((ip) => !ip.includes(':')).length;
    const most = Math.max(each, ips.value.split(',').length - each);
    if (most > 1) draft.annotate(service, 'heraldlb.io/addresses-per-family', String(most));
  }
  const key = keyOf(service);
  if (key === undefined) return;
  // A key counts within a namespace there, and in the whole cluster here.
  draft.annotate(service, 'heraldlb.io/allow-shared-ip', crossing.has(key) ? key : `${view.namespace}.${key}`);
}
