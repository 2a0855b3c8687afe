import { type Raw, integer, items, record, text } from '../../cluster/json.ts';
import { type LabelSelector, selectorMatches } from '../../config/selector.ts';
import { writeAdvertisements } from './ciliumAdvertisements.ts';
import { familiesOf, passwordOf, sessionFields } from './ciliumSession.ts';
import type { Draft } from './draft.ts';
import { child, named } from './fields.ts';
import { isEmpty, readSelector } from './selectors.ts';
import { type SourceObject, given } from './sourceObject.ts';

const GROUP = 'cilium.io';

interface Session {
  readonly cluster: SourceObject;
  readonly path: string;
  readonly instance: Raw;
  readonly peer: Raw;
  /** undefined: the defaults. */
  readonly config: SourceObject | undefined;
}

/** CiliumBGPClusterConfig with its PeerConfigs, Advertisements and NodeConfigOverrides. */
export function migrateClusterConfigs(draft: Draft): void {
  const sessions = draft.of('CiliumBGPClusterConfig', GROUP).flatMap((cluster) => sessionsOf(draft, cluster));
  const written = sessions.map((session) => ({ session, names: writeSession(draft, session, sessions) }));
  for (const advertisement of draft.of('CiliumBGPAdvertisement', GROUP)) {
    const peers = written.filter(({ session }) => asksFor(draft, session, advertisement)).flatMap(({ names }) => names);
    writeAdvertisements(draft, advertisement, peers);
  }
}

function sessionsOf(draft: Draft, cluster: SourceObject): Session[] {
  return items(cluster.spec['bgpInstances']).flatMap((raw, at) => {
    const instance = record(raw) ?? {};
    const base = `spec.bgpInstances[${at}]`;
    const port = integer(instance['localPort']);
    if (port !== undefined && port !== 179)
      draft.lose(
        'Approximated',
        cluster,
        `${base}.localPort`,
        `to be reached on port ${port}, start the speakers with --bgp-listen-port=${port}`,
      );
    if (integer(instance['localASN']) === undefined)
      draft.lose('InvalidSource', cluster, `${base}.localASN`, 'is missing: an AS number has to be written');
    return items(instance['peers']).map((one, index): Session => {
      const peer = record(one) ?? {};
      const path = `${base}.peers[${index}]`;
      const wanted = text(record(peer['peerConfigRef'])?.['name']);
      const config = draft.of('CiliumBGPPeerConfig', GROUP).find(({ name }) => name === wanted);
      if (wanted !== undefined && config === undefined)
        draft.lose('InvalidSource', cluster, `${path}.peerConfigRef`, `there is no CiliumBGPPeerConfig ${wanted}`);
      return { cluster, path, instance, peer, config };
    });
  });
}

/** @returns the names of what was written: a node with an override has a BGPPeer of its own */
function writeSession(draft: Draft, session: Session, all: readonly Session[]): string[] {
  const { cluster, path, instance, peer } = session;
  const own = text(peer['name']) ?? 'peer';
  const isAlone = all.filter((other) => other.peer['name'] === peer['name']).length === 1;
  const name = isAlone ? own : `${cluster.name}-${text(instance['name']) ?? ''}-${own}`;
  const spec = peerSpec(draft, session);
  if (spec === undefined) {
    draft.lose('InvalidSource', cluster, path, 'has neither peerAddress nor a kind of autoDiscovery that is known');
    return [];
  }
  const selector = readSelector(cluster.spec['nodeSelector']);
  const overrides = overridesOf(draft, session, selector);
  const nodes = overrides.map(({ node }) => node);
  const apart = overrides.map(({ node, fields }) =>
    draft.write('BGPPeer', `${name}-${node}`, { ...spec, ...fields, nodeSelectors: [hostnames('In', [node])] }),
  );
  const others = nodes.length === 0 ? selector : combined(selector, hostnames('NotIn', nodes));
  const selectors = others === undefined || isEmpty(others) ? {} : { nodeSelectors: [others] };
  return [draft.write('BGPPeer', name, { ...spec, ...selectors }), ...apart];
}

function peerSpec(draft: Draft, { cluster, path, instance, peer, config }: Session): object | undefined {
  const where = whereOf(peer);
  if (where === undefined) return undefined;
  const settings: Raw = config?.spec ?? {};
  const transport = child(settings, 'transport');
  if (config !== undefined && transport['sourceInterface'] !== undefined)
    draft.lose(
      'NoEquivalent',
      config,
      'spec.transport.sourceInterface',
      'connections leave from the address that the route has: set sourceAddress',
    );
  const neighbour = {
    object: cluster,
    path,
    localAsn: integer(instance['localASN']) ?? 0,
    peerAsn: integer(peer['peerASN']) ?? 0,
    hops: integer(settings['ebgpMultihop']) ?? 1,
  };
  return {
    ...where,
    ...sessionFields(draft, neighbour, {
      timers: child(settings, 'timers'),
      restart: child(settings, 'gracefulRestart'),
      port: integer(transport['peerPort']),
    }),
    addressFamilies: familiesOf(settings['families']),
    ...(config === undefined ? {} : passwordOf(draft, config, 'spec.authSecretRef', settings['authSecretRef'])),
  };
}

function whereOf(peer: Raw): object | undefined {
  const address = text(peer['peerAddress']);
  if (address !== undefined && address !== '') {
    const [ip, zone] = address.trim().split('%');
    return zone === undefined ? { peerAddress: ip } : { interface: zone };
  }
  const discovery = record(peer['autoDiscovery']);
  if (discovery?.['mode'] === 'Unnumbered') return { interface: record(discovery['unnumbered'])?.['interface'] };
  if (discovery?.['mode'] !== 'DefaultGateway') return undefined;
  const addressFamily = text(record(discovery['defaultGateway'])?.['addressFamily']) ?? 'ipv4';
  return { autoDiscovery: { mode: 'DefaultGateway', addressFamily } };
}

interface Override {
  readonly node: string;
  readonly fields: object;
}

/** CiliumBGPNodeConfigOverride has the name of its node. */
function overridesOf(draft: Draft, { instance, peer }: Session, selector: LabelSelector | undefined): Override[] {
  return draft.of('CiliumBGPNodeConfigOverride', GROUP).flatMap((object): Override[] => {
    const node = draft.nodes.find(({ name }) => name === object.name);
    if (node !== undefined && selector !== undefined && !selectorMatches(selector, node.labels)) return [];
    const own = named(object.spec['bgpInstances'], instance['name']);
    const fields = given({
      myASN: integer(own?.['localASN']),
      routerID: text(own?.['routerID']),
      sourceAddress: text(named(own?.['peers'], peer['name'])?.['localAddress']),
    });
    return Object.keys(fields).length === 0 ? [] : [{ node: object.name, fields }];
  });
}

function hostnames(operator: 'In' | 'NotIn', values: readonly string[]): LabelSelector {
  return { matchExpressions: [{ key: 'kubernetes.io/hostname', operator, values }] };
}

function combined(a: LabelSelector | undefined, b: LabelSelector): LabelSelector {
  return { ...a, matchExpressions: [...(a?.matchExpressions ?? []), ...(b.matchExpressions ?? [])] };
}

/** Advertisements are chosen by labels, for each family; one that only some families ask for goes to all of the session. */
function asksFor(draft: Draft, { config }: Session, advertisement: SourceObject): boolean {
  const families = items(config?.spec['families']).map((one) => record(one) ?? {});
  const asking = families.filter((family) => {
    const selector = readSelector(family['advertisements']);
    return selector !== undefined && selectorMatches(selector, advertisement.labels);
  });
  if (asking.length > 0 && asking.length < families.length)
    draft.lose(
      'Approximated',
      config,
      'spec.families',
      `${advertisement.name} was for ${String(asking[0]?.['afi'])} only, and is for both families now`,
    );
  return asking.length > 0;
}
