import { type Raw, integer, items, record, text } from '../../cluster/json.ts';
import type { Draft } from './draft.ts';
import { child, seconds, whenTrue, word } from './fields.ts';
import { isEmpty, readSelector } from './selectors.ts';
import { type SourceObject, given } from './sourceObject.ts';

/** k8gobgp's BGPConfiguration: GoBGP's own model. @returns the names of the BGPPeers */
export function migrateConfigurations(draft: Draft): string[] {
  return draft.of('BGPConfiguration', 'purelb.io').flatMap((object) => {
    const { spec } = object;
    loseGlobals(draft, object);
    const groups = new Map(
      items(spec['peerGroups']).flatMap((raw): [string, Raw][] => {
        const group = record(raw) ?? {};
        const name = text(record(group['config'])?.['peerGroupName']);
        return name === undefined ? [] : [[name, group]];
      }),
    );
    const global = record(spec['global']) ?? {};
    const neighbours = items(spec['neighbors']).flatMap((raw, index) => {
      const own = record(raw) ?? {};
      const group = groups.get(text(record(own['config'])?.['peerGroup']) ?? '');
      return writeNeighbour(draft, { object, path: `spec.neighbors[${index}]`, global, neighbour: merged(group, own) }) ?? [];
    });
    const dynamic = items(spec['dynamicNeighbors']).flatMap((raw, index) => {
      const own = record(raw) ?? {};
      const group = groups.get(text(own['peerGroup']) ?? '') ?? {};
      const path = `spec.dynamicNeighbors[${index}]`;
      return writeNeighbour(draft, { object, path, global, neighbour: group, listenRange: text(own['prefix']) ?? '' }) ?? [];
    });
    return [...neighbours, ...dynamic];
  });
}

/** A neighbour has what its group has, block by block, and its `config` field by field. */
function merged(group: Raw | undefined, own: Raw): Raw {
  if (group === undefined) return own;
  return { ...group, ...own, config: { ...record(group['config']), ...record(own['config']) } };
}

function loseGlobals(draft: Draft, object: SourceObject): void {
  const { spec } = object;
  const global = record(spec['global']) ?? {};
  if (items(spec['policyDefinitions']).length > 0)
    draft.lose(
      'NoEquivalent',
      object,
      'spec.policyDefinitions',
      'there is no policy language: communities, med and localPref stand in BGPAdvertisements',
    );
  if (items(spec['vrfs']).length > 0) draft.lose('NoEquivalent', object, 'spec.vrfs', 'routes are announced from the default table only');
  if (record(spec['netlinkExport'])?.['enabled'] === true)
    draft.lose('NoEquivalent', object, 'spec.netlinkExport', 'routes that routers send are not taken into the kernel');
  if (record(spec['netlinkImport'])?.['enabled'] !== true)
    draft.lose('Approximated', object, 'spec.netlinkImport', 'was not enabled, so nothing was announced; remote pools are announced now');
  const router = text(global['routerID']);
  if (router !== undefined && router !== '' && !router.includes('$'))
    draft.lose(
      'Approximated',
      object,
      'spec.global.routerID',
      `${router} would be the router ID of every node; each node has its own InternalIP now`,
    );
}

interface Place {
  readonly object: SourceObject;
  readonly path: string;
  readonly global: Raw;
  readonly neighbour: Raw;
  readonly listenRange?: string;
}

function writeNeighbour(draft: Draft, place: Place): string | undefined {
  const { object, path, global, neighbour, listenRange } = place;
  const config = record(neighbour['config']) ?? {};
  if (config['adminDown'] === true) {
    draft.lose('SelectsNothing', object, `${path}.config.adminDown`, 'is true: the session was switched off and is not written');
    return undefined;
  }
  const { where, name } = whereOf(config, listenRange);
  for (const [field, message] of Object.entries(UNKNOWN))
    if (config[field] !== undefined && config[field] !== false) draft.lose('NoEquivalent', object, `${path}.config.${field}`, message);
  const selector = readSelector(neighbour['nodeSelector']) ?? {};
  const isForeign = config['peerAsn'] !== global['asn'];
  return draft.write('BGPPeer', `peer-${name}`, {
    ...where,
    ...asNumbers(global, config),
    ...timersOf(neighbour),
    ...given({
      sourceAddress: word(child(neighbour, 'transport')['localAddress']),
      passive: whenTrue(child(neighbour, 'transport')['passiveMode']),
      ebgpMultiHop: isForeign ? whenTrue(child(neighbour, 'ebgpMultihop')['enabled']) : undefined,
      vrf: word(config['vrf']),
      bfdProfile: bfdProfile(draft, name, child(neighbour, 'bfd')),
      addressFamilies: familiesOf(neighbour, global),
      nodeSelectors: isEmpty(selector) ? undefined : [selector],
    }),
    ...passwordOf(draft, place, name, config),
  });
}

const UNKNOWN = {
  allowOwnAsn: 'routes of others are not taken',
  replacePeerAsn: 'there is no such rewriting',
  removePrivate: 'there is no such rewriting',
  sendCommunity: 'an advertisement says which communities it has',
} as const;

/** A link-local address carries its interface; over that the router is found. */
function whereOf(config: Raw, listenRange: string | undefined): { readonly where: object; readonly name: string } {
  if (listenRange !== undefined) return { where: { listenRange }, name: listenRange };
  const [address = '', zone] = (word(config['neighborAddress']) ?? '').split('%');
  const device = word(config['neighborInterface']) ?? zone;
  return device === undefined ? { where: { peerAddress: address }, name: address } : { where: { interface: device }, name: device };
}

function asNumbers(global: Raw, config: Raw): object {
  const own = integer(config['localAsn']);
  const asn = integer(global['asn']) ?? 0;
  const peer = integer(config['peerAsn']) ?? 0;
  return {
    myASN: asn,
    ...(own === undefined || own === 0 || own === asn ? {} : { localASN: own }),
    ...(peer === 0 ? { dynamicASN: 'external' } : { peerASN: peer }),
  };
}

function timersOf(neighbour: Raw): object {
  const config = child(neighbour, 'timers', 'config');
  const restart = child(neighbour, 'gracefulRestart');
  const restarts = restart['enabled'] === true && restart['helperOnly'] !== true;
  return given({
    holdTime: seconds(config['holdTime']),
    keepaliveTime: seconds(config['keepaliveInterval']),
    connectTime: seconds(config['connectRetry']),
    enableGracefulRestart: whenTrue(restarts),
    gracefulRestartTime: restarts ? seconds(restart['restartTime']) : undefined,
  });
}

/** Microseconds there, milliseconds here. */
function milliseconds(value: unknown): number {
  return Math.round((integer(value) ?? 1_000_000) / 1000);
}

function bfdProfile(draft: Draft, name: string, bfd: Raw): string | undefined {
  if (bfd['enabled'] !== true) return undefined;
  return draft.write('BFDProfile', `peer-${name}`, {
    receiveInterval: milliseconds(bfd['requiredMinimumReceive']),
    transmitInterval: milliseconds(bfd['desiredMinimumTxInterval']),
    detectMultiplier: integer(bfd['detectionMultiplier']) ?? 3,
  });
}

function familiesOf(neighbour: Raw, global: Raw): string[] | undefined {
  const own = items(neighbour['afiSafis'])
    .map(record)
    .filter((one) => one?.['enabled'] !== false)
    .map((one) => one?.['family']);
  const all = own.length > 0 ? own : items(global['families']);
  const families = ['ipv4', 'ipv6'].filter((family) => all.includes(`${family}-unicast`));
  return families.length === 0 ? undefined : families;
}

function passwordOf(draft: Draft, { object, path }: Place, name: string, config: Raw): object {
  const plain = text(config['authPassword']);
  const secret = text(record(config['authPasswordSecretRef'])?.['name']);
  if (secret !== undefined) {
    const where = `${draft.namespace}/${secret} of type kubernetes.io/basic-auth, with the key password`;
    draft.lose('SecretToCopy', object, `${path}.config.authPasswordSecretRef`, `make a Secret ${where}`);
    return { passwordSecret: { name: secret } };
  }
  return plain === undefined || plain === '' ? {} : { passwordSecret: { name: draft.writePassword(`peer-${name}`, plain) } };
}
