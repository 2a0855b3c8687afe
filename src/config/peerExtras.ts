import type { z } from 'zod';
import type { bgpPeerSpec } from '../api/bgpPeer.ts';
import { durationMs } from '../api/fields.ts';
import { parsePrefix } from '../net/prefix.ts';
import type { PeerExtras } from './config.ts';
import { type Fault, fault } from './fault.ts';

type Spec = Omit<z.output<typeof bgpPeerSpec>, 'dynamicASN'> & { readonly dynamicASN?: string | undefined };

const ROLES = {
  provider: 'provider',
  'rs-server': 'rsServer',
  'rs-client': 'rsClient',
  customer: 'customer',
  peer: 'peer',
} as const;

/** What a BGPPeer says of its session beyond MetalLB's fields. @param spec without blanks */
export function buildExtras(spec: Spec): { readonly extras: PeerExtras; readonly faults: readonly Fault[] } {
  const range = spec.listenRange === undefined ? undefined : parsePrefix(spec.listenRange);
  const fields = {
    passive: spec.passive,
    listenRange: range,
    defaultGateway: spec.autoDiscovery?.addressFamily,
    families: spec.addressFamilies?.toSorted(),
    ttlSecurityHops: spec.ttlSecurityHops,
    tcpAo: tcpAoOf(spec),
    delayOpenMs: milliseconds(spec.delayOpenTime),
    role: spec.localRole === undefined ? undefined : ROLES[spec.localRole],
    addPath: spec.addPaths,
    extendedMessages: spec.extendedMessages,
    restartTimeSeconds: seconds(spec.gracefulRestartTime),
    longLivedStaleSeconds: seconds(spec.longLivedStaleTime),
  };
  const given = Object.entries(fields).filter(([, value]) => value !== undefined);
  const wrongRange =
    spec.listenRange !== undefined && range === undefined
      ? [fault('InvalidField', 'spec.listenRange', `${JSON.stringify(spec.listenRange)} is no prefix`)]
      : [];
  return { extras: Object.fromEntries(given) as PeerExtras, faults: [...wrongRange, ...contradictions(spec), ...limits(spec)] };
}

function tcpAoOf({ tcpAO }: Spec): PeerExtras['tcpAo'] {
  return tcpAO === undefined ? undefined : { sendId: tcpAO.sendID, receiveId: tcpAO.receiveID, algorithm: tcpAO.algorithm };
}

function milliseconds(written: string | undefined): number | undefined {
  return written === undefined ? undefined : durationMs(written);
}

/** What goes on the wire in whole seconds. */
function seconds(written: string | undefined): number | undefined {
  return written === undefined ? undefined : Math.floor(durationMs(written) / 1000);
}

function contradictions(spec: Spec): Fault[] {
  const faults: Fault[] = [];
  const { peerAddress, interface: device, listenRange, autoDiscovery, ttlSecurityHops, tcpAO, localRole } = spec;
  if ([peerAddress, device, listenRange, autoDiscovery].filter((way) => way !== undefined).length !== 1)
    faults.push(
      fault('ConflictingFields', 'spec.peerAddress', 'exactly one of peerAddress, interface, listenRange and autoDiscovery must be set'),
    );
  if (ttlSecurityHops !== undefined && spec.ebgpMultiHop === true)
    faults.push(fault('ConflictingFields', 'spec.ttlSecurityHops', 'ttlSecurityHops and ebgpMultiHop exclude each other'));
  if (tcpAO !== undefined && spec.password === undefined && (spec.passwordSecret?.name ?? '') === '')
    faults.push(fault('ConflictingFields', 'spec.tcpAO', 'needs its key in password or passwordSecret'));
  if (localRole !== undefined && (spec.peerASN === spec.myASN || spec.dynamicASN === 'internal'))
    faults.push(fault('ConflictingFields', 'spec.localRole', 'is for eBGP, and this session is iBGP (RFC 9234 §4.1)'));
  return [...faults, ...withoutEffect(spec)];
}

function withoutEffect({ gracefulRestartTime, longLivedStaleTime, enableGracefulRestart }: Spec): Fault[] {
  if (enableGracefulRestart === true) return [];
  return Object.entries({ gracefulRestartTime, longLivedStaleTime }).flatMap(([name, value]) =>
    value === undefined ? [] : [fault('ConflictingFields', `spec.${name}`, 'has no effect without enableGracefulRestart', 'warning')],
  );
}

/** Of the fields on the wire: RFC 4724 §3, RFC 9494 §3. */
const LIMITS = [
  ['delayOpenTime', 0, 65_535],
  ['gracefulRestartTime', 1, 4095],
  ['longLivedStaleTime', 0, 16_777_215],
] as const;

function limits(spec: Spec): Fault[] {
  return LIMITS.flatMap(([name, least, most]) => {
    const written = spec[name];
    if (written === undefined) return [];
    const value = durationMs(written) / 1000;
    return value >= least && value <= most
      ? []
      : [fault('InvalidTimer', `spec.${name}`, `${written} is not between ${least}s and ${most}s`)];
  });
}
