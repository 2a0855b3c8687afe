import { type Raw, integer, items, record } from '../../cluster/json.ts';
import type { LabelSelector } from '../../config/selector.ts';
import { attributesOf } from './ciliumAttributes.ts';
import type { Draft } from './draft.ts';
import { matchesService, readSelector, servicesOf } from './selectors.ts';
import { type SourceObject, given } from './sourceObject.ts';

/** CiliumBGPAdvertisement: each entry becomes one of ours. @param peers BGPPeers that it is for */
export function writeAdvertisements(draft: Draft, object: SourceObject, peers: readonly string[]): void {
  const entries = items(object.spec['advertisements']).map((one) => record(one) ?? {});
  if (peers.length === 0) {
    draft.lose('SelectsNothing', object, 'metadata.labels', 'no family of a peer asks for this advertisement');
    return;
  }
  for (const [index, entry] of entries.entries()) writeEntry(draft, object, `spec.advertisements[${index}]`, entry, peers);
}

function writeEntry(draft: Draft, object: SourceObject, path: string, entry: Raw, peers: readonly string[]): void {
  const type = entry['advertisementType'];
  if (type !== 'Service') {
    draft.lose('OutOfScope', object, path, `${String(type)}: routes to Pods stay with Cilium`);
    return;
  }
  const service = record(entry['service']) ?? {};
  const addresses = items(service['addresses']);
  for (const address of addresses)
    if (address !== 'LoadBalancerIP')
      draft.lose('NoEquivalent', object, `${path}.service.addresses`, `${String(address)} is not announced`);
  if (!addresses.includes('LoadBalancerIP')) return;
  const selector = readSelector(entry['selector']);
  if (selector === undefined) {
    draft.lose('SelectsNothing', object, `${path}.selector`, 'is missing: it selected no Service');
    return;
  }
  const lengths = given({
    aggregationLength: integer(service['aggregationLengthIPv4']),
    aggregationLengthV6: integer(service['aggregationLengthIPv6']),
  });
  const selectors = selectorsOf(draft, object, `${path}.selector`, selector, Object.keys(lengths).length > 0);
  draft.write('BGPAdvertisement', object.name, {
    ...lengths,
    ...(selectors.length === 0 ? {} : { serviceSelectors: selectors }),
    ...attributesOf(record(entry['attributes']) ?? {}),
    peers,
  });
}

/** An aggregate covers every Service in it, so no selector may stand beside one. That of `NotIn: never-used` selects all as it is. */
function selectorsOf(draft: Draft, object: SourceObject, path: string, selector: LabelSelector, isAggregate: boolean): LabelSelector[] {
  if (!isAggregate) return servicesOf(draft, object, path, selector);
  const missed = draft.services.filter((service) => !matchesService(selector, service));
  const usual = (selector.matchExpressions ?? []).every(({ operator }) => operator === 'NotIn' || operator === 'DoesNotExist');
  if (missed.length > 0 || !usual || Object.keys(selector.matchLabels ?? {}).length > 0)
    draft.lose('Approximated', object, path, 'an aggregate covers all Services in it: the selector is left out');
  return [];
}
