import type { Draft, SourceService } from './draft.ts';
import { announceGroups } from './purelbAnnounce.ts';
import { type Group, readGroups } from './purelbGroups.ts';
import { writeGroupPools } from './purelbPools.ts';
import { migrateConfigurations } from './purelbBgp.ts';

/** PureLB's ServiceGroups and LBNodeAgents (v1 and v2), and the sessions of its k8gobgp. */
export function migratePurelb(draft: Draft): void {
  draft.loadBalancerClass = classOf(draft);
  const groups = readGroups(draft);
  for (const group of groups) writeGroupPools(draft, group, groups);
  const peers = migrateConfigurations(draft);
  announceGroups(draft, groups, peers);
  for (const service of draft.services) carryAnnotations(draft, service, groups);
}

/** PureLB serves Services without a class and those of its own; we serve one of the two. */
function classOf(draft: Draft): string | undefined {
  const classes = new Set(draft.services.map(({ view }) => view.loadBalancerClass));
  return classes.has(undefined) ? undefined : [...classes].find((name) => name?.startsWith('purelb.io/'));
}

function carryAnnotations(draft: Draft, service: SourceService, groups: readonly Group[]): void {
  const { annotations, object, view } = service;
  const of = (name: string): string | undefined => annotations[`purelb.io/${name}`]?.trim() || undefined;
  const key = of('allow-shared-ip');
  if (key !== undefined) draft.annotate(service, 'heraldlb.io/allow-shared-ip', key);
  const addresses = of('addresses');
  if (addresses !== undefined) {
    if (view.loadBalancerIP !== undefined) draft.clearLoadBalancerIP(service);
    draft.annotate(service, 'heraldlb.io/loadBalancerIPs', addresses);
  }
  const named = of('service-group')?.replace(/^.*\//, '');
  const group = groups.find(({ object: one }) => one.name === named);
  if (named !== undefined && group === undefined)
    draft.lose('InvalidSource', object, 'metadata.annotations purelb.io/service-group', `there is no ServiceGroup ${named}`);
  const from = group ?? groups.find(({ object: one }) => one.name === annotations['purelb.io/allocated-from']);
  if (from !== undefined) askForPools(draft, service, from, named !== undefined);
}

/** With an address of each pool the Service says so; else it names its pool where it would not get that one by itself. */
function askForPools(draft: Draft, service: SourceService, group: Group, isNamed: boolean): void {
  const { pools } = group;
  const isMulti =
    group.multiPool !== (service.annotations['purelb.io/multi-pool'] === 'false') || service.annotations['purelb.io/multi-pool'] === 'true';
  if (group.multiPool && isMulti && pools.length > 1) {
    const has = pools.filter(({ contains }) => service.view.ingress.some(contains)).map(({ name }) => name);
    const wanted = service.view.ingress.length === 0 ? pools.map(({ name }) => name) : has;
    if (wanted.length > 0) draft.annotate(service, 'heraldlb.io/address-pools', wanted.join(','));
  } else if (isNamed || group.needsName) {
    const own = pools.find(({ contains }) => service.view.ingress.some(contains)) ?? pools[0];
    if (own !== undefined) draft.annotate(service, 'heraldlb.io/address-pool', own.name);
  }
}
