import { METALLB_GROUP } from '../../api/kind.ts';
import { items, record, text } from '../../cluster/json.ts';
import { CONFIG_KINDS, type ConfigKind } from '../../config/parse.ts';
import type { Draft } from './draft.ts';
import { METALLB_OWNERS, writeAdvertisements } from './metallbAdvertisements.ts';
import { readMetallbConfigMap } from './metallbConfigMap.ts';
import { type SourceObject, given } from './sourceObject.ts';

/** Kinds that MetalLB writes itself. */
const REPORTS = new Set(['ServiceL2Status', 'ServiceBGPStatus', 'ConfigurationState']);

/** MetalLB: objects of the same names. Annotations of Services need no change: HeraldLB reads them where they are. */
export function migrateMetallb(draft: Draft): void {
  draft.loadBalancerClass = draft.objects.flatMap(classOf).at(0);
  for (const object of draft.objects) {
    if (object.group === METALLB_GROUP) carry(draft, object);
    else if (object.group === 'frrk8s.metallb.io' && object.kind === 'FRRConfiguration') loseFrr(draft, object);
    else if (object.group === '' && object.kind === 'ConfigMap') readConfigMap(draft, object);
  }
}

/** Of its controller or its speakers. */
function classOf({ group, kind, spec }: SourceObject): string[] {
  if (group !== 'apps' || (kind !== 'Deployment' && kind !== 'DaemonSet')) return [];
  const containers = items(record(record(spec['template'])?.['spec'])?.['containers']).map(record);
  const ours = containers.filter((container) => /metallb/.test(text(container?.['image']) ?? ''));
  const args = ours.flatMap((container) => items(container?.['args']).flatMap((arg) => text(arg) ?? []));
  return args.flatMap((arg) => /^--lb-class=(.+)$/.exec(arg)?.[1] ?? []);
}

function carry(draft: Draft, object: SourceObject): void {
  const kind = CONFIG_KINDS.find((known) => known === object.kind);
  if (kind !== undefined) {
    draft.write(kind, object.name, specOf(draft, kind, object), { labels: object.labels, exact: true });
  } else if (object.kind === 'AddressPool') carryAddressPool(draft, object);
  else if (!REPORTS.has(object.kind)) draft.lose('NoEquivalent', object, '', 'is of a kind that is not known');
}

function specOf(draft: Draft, kind: ConfigKind, object: SourceObject): object {
  if (kind === 'BGPPeer') return peerSpec(draft, object);
  return kind === 'L2Advertisement' ? { ...object.spec, ...METALLB_OWNERS } : object.spec;
}

/** v1beta1 and v1beta2 write what both have in the same way. */
function peerSpec(draft: Draft, object: SourceObject): object {
  const { passwordSecret, ...spec } = object.spec;
  const secret = text(record(passwordSecret)?.['name']);
  if (secret === undefined || secret === '') return spec;
  draft.lose(
    'SecretToCopy',
    object,
    'spec.passwordSecret',
    `copy the Secret ${text(record(passwordSecret)?.['namespace']) ?? object.namespace ?? ''}/${secret} to ${draft.namespace}`,
  );
  return { ...spec, passwordSecret: { name: secret } };
}

/** MetalLB 0.13 had pool and advertisement in one object. */
function carryAddressPool(draft: Draft, object: SourceObject): void {
  const { addresses, autoAssign, avoidBuggyIPs, protocol } = object.spec;
  const pool = draft.write('IPAddressPool', object.name, given({ addresses, autoAssign, avoidBuggyIPs }), { labels: object.labels });
  const advertisements = items(object.spec['bgpAdvertisements']).map((one) => record(one) ?? {});
  writeAdvertisements(draft, object, 'spec.protocol', pool, protocol, advertisements);
}

function loseFrr(draft: Draft, object: SourceObject): void {
  // What MetalLB itself made of its BGPPeers.
  if (object.name.startsWith('metallb-')) return;
  draft.lose('NoEquivalent', object, 'spec', 'there is no FRR: what it adds to the sessions (received routes, raw configuration) is gone');
}

function readConfigMap(draft: Draft, object: SourceObject): void {
  if (object.name === 'bgpextras' && object.data['extras'] !== undefined)
    draft.lose('NoEquivalent', object, 'data.extras', 'there is no FRR: raw configuration for it has no effect');
  const config = object.data['config'];
  if (object.name === 'config' && config !== undefined && /^(address-pools|peers):/m.test(config))
    readMetallbConfigMap(draft, object, config);
}
