import { planNode } from '../../announce/nodePlan.ts';
import type { AnnounceSnapshot } from '../../announce/snapshot.ts';
import { parseConfig } from '../../config/parse.ts';
import type { ServiceView } from '../../cluster/service.ts';
import { projectNamespace } from '../../cluster/project.ts';
import { readClaim } from '../../config/addressClaims.ts';
import { blockContains, blockOfPrefix } from '../../net/block.ts';
import type { Ip } from '../../net/ip.ts';
import { planAddresses } from '../../ipam/plan.ts';
import { reasonText } from '../../ipam/reasonText.ts';
import { annotation } from '../../ipam/request.ts';
import { rawObjects } from './rawObjects.ts';
import type { Draft, SourceService } from './draft.ts';
import { blockOfAddress, blockText } from './space.ts';

const SHARED = 'heraldlb.io/allow-shared-ip';

/** Services that have one address together must say so, whatever made it possible before. */
export function keepShares(draft: Draft): void {
  const tenants = new Map<Ip, SourceService[]>();
  for (const service of ours(draft)) for (const ip of service.view.ingress) tenants.set(ip, [...(tenants.get(ip) ?? []), service]);
  for (const [ip, sharers] of tenants) {
    const keys = new Set(sharers.map((service) => annotation(draft.edited(service), 'allow-shared-ip')));
    if (sharers.length < 2 || (keys.size === 1 && !keys.has(undefined))) continue;
    const [key = `shared-${ip.replaceAll(/[.:]+/g, '-')}`] = [...keys].filter((known) => known !== undefined).toSorted();
    for (const service of sharers) draft.annotate(service, SHARED, key);
  }
}

interface Stray {
  readonly service: SourceService;
  readonly addresses: readonly Ip[];
}

function straysOf(draft: Draft): Stray[] {
  const blocks = parsed(draft).pools.flatMap((pool) => pool.blocks);
  return ours(draft).flatMap((service) => {
    const addresses = service.view.ingress.filter((ip) => !blocks.some((block) => blockContains(block, ip)));
    return addresses.length === 0 ? [] : [{ service, addresses }];
  });
}

/** For a system that allows addresses outside its pools: a pool and claims of their own. @returns the pool, if there is need of one */
export function claimStrays(draft: Draft): string | undefined {
  const strays = straysOf(draft);
  if (strays.length === 0) return undefined;
  const all = [...new Set(strays.flatMap(({ addresses }) => addresses))];
  const pool = draft.write('IPAddressPool', 'outside-pools', {
    addresses: all.map((ip) => blockText(blockOfAddress(ip))),
    autoAssign: false,
  });
  for (const { service, addresses } of strays) {
    const { namespace, name } = service.view;
    // A claim names one Service: what several share is kept by their sharing key.
    const own = addresses.filter((ip) => strays.filter((other) => other.addresses.includes(ip)).length === 1);
    if (own.length > 0) draft.write('AddressClaim', `${namespace}-${name}`, { serviceRef: { namespace, name }, addresses: own });
    const message = `${addresses.join(' and ')} is in no pool of the other system: it is in IPAddressPool ${pool} now`;
    draft.lose('StrayAddress', service.object, 'status.loadBalancer', message);
  }
  return pool;
}

/** What lies in no pool would be taken away. */
export function loseStrays(draft: Draft): void {
  for (const { service, addresses } of straysOf(draft)) {
    const message = `${addresses.join(' and ')} would be taken away, being in no pool: add it to a pool first`;
    draft.lose('AddressOutsidePools', service.object, 'status.loadBalancer', message);
  }
}

/** What was written is read as the cluster will read it. */
export function proveAccepted(draft: Draft): void {
  const { problems } = parseConfig(rawObjects(draft.manifests), { generation: 1 });
  for (const { severity, object, path, message } of problems)
    draft.losses.push({ severity, reason: severity === 'error' ? 'ResultRefused' : 'Approximated', object, path, message });
}

/** The plan itself has the last word. @returns how many Services keep all that they have */
export function proveKept(draft: Draft): number {
  const config = parsed(draft);
  const services = draft.services.map((service) => draft.edited(service));
  const namespaces = draft.objects.flatMap((object) =>
    object.group === '' && object.kind === 'Namespace' ? (projectNamespace(object.raw) ?? []) : [],
  );
  const claims = draft.manifests.flatMap((manifest) => (manifest.kind === 'AddressClaim' ? (readClaim(manifest).claim ?? []) : []));
  const plan = planAddresses({ config, services, namespaces, claims, ...classOf(draft) });
  let kept = 0;
  for (const { view, object } of ours(draft)) {
    const assignment = plan.assignments.get(view.key);
    const gone = view.ingress.filter((ip) => assignment?.ingress.includes(ip) !== true);
    if (gone.length === 0) kept += view.ingress.length > 0 ? 1 : 0;
    // Said already, and in clearer words.
    if (gone.length === 0 || draft.losses.some(({ reason, object: about }) => reason === 'AddressOutsidePools' && isOf(about, view)))
      continue;
    const why = assignment?.refusal ?? assignment?.released[0]?.refusal;
    const because = why === undefined ? '' : `: ${reasonText(why)}`;
    draft.lose('AddressNotKept', object, 'status.loadBalancer', `${gone.join(' and ')} would be taken away${because}`);
  }
  return kept;
}

/** Addresses that no node would announce, were every Service served on every node. Needs Nodes. */
export function proveAnnounced(draft: Draft): void {
  const services = ours(draft);
  const endpoints = draft.nodes.map(({ name }) => ({ nodeName: name, ready: true, serving: true, terminating: false }));
  const snapshot: AnnounceSnapshot = {
    config: parsed(draft),
    nodes: draft.nodes,
    services: services.map((service) => draft.edited(service)),
    slices: services.map(({ view }) => ({ namespace: view.namespace, name: view.name, service: view.key, family: 'ipv4', endpoints })),
    ...classOf(draft),
  };
  const plans = draft.nodes.map(({ name }) => planNode(snapshot, name, 1).plan);
  const announced = new Set(plans.flatMap(({ claims }) => claims.map(({ ip }) => ip)));
  const routes = plans.flatMap(({ peers }) => peers.flatMap((peer) => peer.routes.flatMap(({ prefixes }) => prefixes)));
  const blocks = [...new Set(routes)].map((prefix) => blockOfPrefix(prefix));
  for (const { view, object } of draft.nodes.length === 0 ? [] : services) {
    const dark = view.ingress.filter((ip) => !announced.has(ip) && !blocks.some((block) => blockContains(block, ip)));
    if (dark.length > 0) draft.lose('NotAnnounced', object, 'status.loadBalancer', `no node would announce ${dark.join(' and ')}`);
  }
}

function classOf({ loadBalancerClass }: Draft): { readonly loadBalancerClass?: string } {
  return loadBalancerClass === undefined ? {} : { loadBalancerClass };
}

function isOf(about: { readonly namespace?: string; readonly name: string } | undefined, view: ServiceView): boolean {
  return about?.name === view.name && (about.namespace ?? '') === view.namespace;
}

/** Services that the result will serve. */
function ours(draft: Draft): SourceService[] {
  return draft.services.filter(({ view }) => view.loadBalancerClass === draft.loadBalancerClass);
}

function parsed(draft: Draft): ReturnType<typeof parseConfig>['config'] {
  return parseConfig(rawObjects(draft.manifests), { generation: 1 }).config;
}
