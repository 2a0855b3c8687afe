import { type Raw, integer, items, record, text } from '../../cluster/json.ts';
import { selectorMatches } from '../../config/selector.ts';
import { attributesOf } from './ciliumAttributes.ts';
import { familiesOf, passwordOf, sessionFields } from './ciliumSession.ts';
import type { Draft } from './draft.ts';
import { child } from './fields.ts';
import { isEmpty, readSelector, servicesOf } from './selectors.ts';
import type { SourceObject } from './sourceObject.ts';

/** CiliumBGPPeeringPolicy, the form before Cilium 1.16: neighbours, and the Services for all of them, in one object. */
export function migratePeeringPolicies(draft: Draft): void {
  for (const object of draft.of('CiliumBGPPeeringPolicy', 'cilium.io')) {
    for (const [index, raw] of items(object.spec['virtualRouters']).entries())
      writeRouter(draft, object, `spec.virtualRouters[${index}]`, record(raw) ?? {});
  }
  if (draft.of('CiliumBGPPeeringPolicy', 'cilium.io').length > 0) loseNodeSettings(draft);
}

/** Router ID, port and the like of one node stood in an annotation of it. */
function loseNodeSettings(draft: Draft): void {
  for (const node of draft.objects.filter(({ group, kind }) => group === '' && kind === 'Node')) {
    for (const [key, value] of Object.entries(node.annotations))
      if (key.startsWith('cilium.io/bgp-virtual-router.'))
        draft.lose('NoEquivalent', node, `metadata.annotations ${key}`, `"${value}" is not read: write a BGPPeer for this node alone`);
  }
}

/** @returns whether addresses of load balancers were announced, as they are where it is not said */
function announcesAddresses(draft: Draft, object: SourceObject, path: string, router: Raw): boolean {
  const wanted = router['serviceAdvertisements'];
  const kinds = wanted === undefined ? ['LoadBalancerIP'] : items(wanted);
  for (const kind of kinds)
    if (kind !== 'LoadBalancerIP') draft.lose('NoEquivalent', object, `${path}.serviceAdvertisements`, `${String(kind)} is not announced`);
  return kinds.includes('LoadBalancerIP');
}

function writeRouter(draft: Draft, object: SourceObject, path: string, router: Raw): void {
  if (router['exportPodCIDR'] === true) draft.lose('OutOfScope', object, `${path}.exportPodCIDR`, 'routes to Pods stay with Cilium');
  if (router['podIPPoolSelector'] !== undefined)
    draft.lose('OutOfScope', object, `${path}.podIPPoolSelector`, 'routes to Pods stay with Cilium');
  const groups = new Map<
    string,
    { readonly attributes: object; readonly pools: readonly string[] | undefined; readonly peers: string[] }
  >();
  for (const [index, raw] of items(router['neighbors']).entries()) {
    const neighbour = record(raw) ?? {};
    const peer = writeNeighbour(draft, object, `${path}.neighbors[${index}]`, router, neighbour);
    for (const part of partsOf(draft, neighbour)) {
      const key = JSON.stringify(part);
      const group = groups.get(key) ?? { ...part, peers: [] };
      group.peers.push(peer);
      groups.set(key, group);
    }
  }
  if (!announcesAddresses(draft, object, path, router)) return;
  const selector = readSelector(router['serviceSelector']);
  if (selector === undefined) {
    draft.lose('SelectsNothing', object, `${path}.serviceSelector`, 'is missing: this router announced no Service');
    return;
  }
  const selectors = servicesOf(draft, object, `${path}.serviceSelector`, selector);
  for (const { attributes, pools, peers } of groups.values())
    draft.write('BGPAdvertisement', object.name, {
      ...(pools === undefined ? {} : { ipAddressPools: pools }),
      ...(selectors.length === 0 ? {} : { serviceSelectors: selectors }),
      ...attributes,
      peers,
    });
}

function writeNeighbour(draft: Draft, object: SourceObject, path: string, router: Raw, neighbour: Raw): string {
  const address = (text(neighbour['peerAddress']) ?? '').replace(/\/\d+$/, '');
  const nodes = readSelector(object.spec['nodeSelector']);
  const session = {
    object,
    path,
    localAsn: integer(router['localASN']) ?? 0,
    peerAsn: integer(neighbour['peerASN']) ?? 0,
    hops: integer(neighbour['eBGPMultihopTTL']) ?? 1,
  };
  return draft.write('BGPPeer', `${object.name}-${address}`, {
    peerAddress: address,
    ...sessionFields(draft, session, {
      timers: neighbour,
      restart: child(neighbour, 'gracefulRestart'),
      port: integer(neighbour['peerPort']),
    }),
    addressFamilies: familiesOf(neighbour['families']),
    ...passwordOf(draft, object, `${path}.authSecretRef`, neighbour['authSecretRef']),
    ...(nodes === undefined || isEmpty(nodes) ? {} : { nodeSelectors: [nodes] }),
  });
}

interface Part {
  readonly attributes: object;
  /** Of the other system, by name; undefined: all. */
  readonly pools: readonly string[] | undefined;
}

/**
 * Attributes belong to pools there. Here they belong to an advertisement, and two for one route would be united: so each pool is
 * in one advertisement, with all that it has.
 */
function partsOf(draft: Draft, neighbour: Raw): Part[] {
  const entries = items(neighbour['advertisedPathAttributes'])
    .map((one) => record(one) ?? {})
    .filter((one) => one['selectorType'] === 'CiliumLoadBalancerIPPool');
  if (entries.length === 0) return [{ attributes: {}, pools: undefined }];
  const parts = new Map<string, { readonly attributes: object; readonly pools: string[] }>();
  for (const pool of draft.manifests.filter(({ kind }) => kind === 'IPAddressPool')) {
    const { name, labels = {} } = pool.metadata;
    const matching = entries.filter((entry) => selectorMatches(readSelector(entry['selector']) ?? {}, labels)).map(attributesOf);
    const communities = [...new Set(matching.flatMap((one) => one.communities ?? []))];
    const localPref = matching.map((one) => one.localPref).find((one) => one !== undefined);
    const attributes = { ...(communities.length === 0 ? {} : { communities }), ...(localPref === undefined ? {} : { localPref }) };
    const key = JSON.stringify(attributes);
    const part = parts.get(key) ?? { attributes, pools: [] };
    part.pools.push(name);
    parts.set(key, part);
  }
  return [...parts.values()];
}
