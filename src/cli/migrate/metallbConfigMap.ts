import { parse } from 'yaml';
import { type Raw, record, text } from '../../cluster/json.ts';
import type { Draft } from './draft.ts';
import { child, records } from './fields.ts';
import { writeAdvertisements } from './metallbAdvertisements.ts';
import type { SourceObject } from './sourceObject.ts';

/** MetalLB before 0.13: `data.config` of a ConfigMap, in names with hyphens. */
export function readMetallbConfigMap(draft: Draft, object: SourceObject, source: string): void {
  let config: Raw;
  try {
    config = record(parse(source)) ?? {};
  } catch (error) {
    draft.lose('InvalidSource', object, 'data.config', `is no YAML: ${error instanceof Error ? error.message : String(error)}`);
    return;
  }
  for (const [index, raw] of records(config['peers']).entries()) writePeer(draft, raw, index);
  for (const raw of records(config['bfd-profiles'])) {
    const { name, ...profile } = camel(raw);
    draft.write('BFDProfile', text(name) ?? 'bfd', profile, { exact: true });
  }
  const communities = Object.entries(child(config, 'bgp-communities')).map(([name, value]) => ({ name, value }));
  if (communities.length > 0) draft.write('Community', 'communities', { communities });
  for (const [index, raw] of records(config['address-pools']).entries()) writePool(draft, object, raw, index);
}

function writePeer(draft: Draft, raw: Raw, index: number): void {
  const names = { myAsn: 'myASN', peerAsn: 'peerASN', routerId: 'routerID', ebgpMultihop: 'ebgpMultiHop', nodeSelector: 'nodeSelectors' };
  draft.write('BGPPeer', `peer${index + 1}`, renamed(camel(raw), names));
}

function writePool(draft: Draft, object: SourceObject, raw: Raw, index: number): void {
  const { name, protocol, bgpAdvertisements, avoidBuggyIps, ...spec } = camel(raw);
  const wanted = text(name) ?? `pool${index + 1}`;
  const pool = draft.write('IPAddressPool', wanted, { ...spec, ...(avoidBuggyIps === undefined ? {} : { avoidBuggyIPs: avoidBuggyIps }) });
  const advertisements = records(bgpAdvertisements).map((one) => renamed(one, { localpref: 'localPref' }));
  writeAdvertisements(draft, object, `data.config address-pools[${index}].protocol`, pool, protocol, advertisements);
}

/** `match-labels` to `matchLabels`, all the way down; the keys of labels are nobody's business. */
function camel(raw: Raw): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(raw).map(([key, value]) => {
      const name = key.replaceAll(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
      return [name, name === 'matchLabels' ? value : deep(value)];
    }),
  );
}

function deep(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(deep);
  const object = record(value);
  return object === undefined ? value : camel(object);
}

function renamed(raw: Raw, names: Readonly<Record<string, string>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(raw).map(([key, value]) => [names[key] ?? key, value]));
}
