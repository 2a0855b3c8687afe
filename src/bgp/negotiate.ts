import type { Family, Ip } from '../net/ip.ts';
import type { Capability, GracefulRestartCapability } from '../wire/bgp/capability.ts';
import { encodeCapability } from '../wire/bgp/capability.ts';
import { familyOf } from '../wire/bgp/family.ts';
import { AS_TRANS, ErrorCode, OpenError, Role } from '../wire/bgp/iana.ts';
import type { Notification } from '../wire/bgp/notification.ts';
import type { Open } from '../wire/bgp/open.ts';
import { Writer } from '../wire/cursor.ts';
import { offeredFamilies, ourAsn } from './offer.ts';
import type { SessionConfig } from './session.ts';

/** What two OPENs agree on. */
export interface Negotiated {
  readonly peerAsn: number;
  readonly peerRouterId: Ip;
  readonly ebgp: boolean;
  /** 0: neither hold nor keepalive timer runs. */
  readonly holdTimeMs: number;
  readonly keepaliveTimeMs: number;
  readonly families: readonly Family[];
  readonly as4: boolean;
  readonly extendedMessages: boolean;
  readonly routeRefresh: boolean;
  readonly enhancedRouteRefresh: boolean;
  /** IPv4 prefixes may have an IPv6 next hop (RFC 8950). */
  readonly extendedNextHop: boolean;
  /** Families in which we put path identifiers (RFC 7911). */
  readonly addPath: readonly Family[];
  /** The peer keeps our routes over a restart (RFC 4724). */
  readonly gracefulRestart: boolean;
  /** ... and over a NOTIFICATION that is no Hard Reset (RFC 8538). */
  readonly notificationRestart: boolean;
}

/**
 * Checks the peer's OPEN against the configuration (RFC 4271 §6.2) and works out what the session can do.
 * @param ours the OPEN that we have sent, or are about to send
 * @returns the NOTIFICATION that refuses the peer, when it cannot be accepted.
 */
export function negotiate(config: SessionConfig, ours: Open, theirs: Open): Negotiated | Notification {
  const wide = find(theirs, 'fourOctetAs')?.asn;
  const peerAsn = wide ?? theirs.asn;
  const ebgp = peerAsn !== ourAsn(config);
  // RFC 7607 §2: AS 0 in the capability is a bad peer AS; so is AS_TRANS, which is nobody's (RFC 6793 §9). From a speaker without the
  // capability AS_TRANS is odd and no more.
  if (peerAsn === 0 || wide === AS_TRANS || !isWanted(config.peerAsn, peerAsn, ebgp)) return refuse(OpenError.badPeerAs);
  // RFC 6286 §2.1: only inside an AS have identifiers to be different.
  if (!ebgp && theirs.routerId === config.routerId) return refuse(OpenError.badIdentifier);
  if (!rolesFit(config, theirs)) return refuse(OpenError.roleMismatch);
  const families = commonFamilies(config, ours, theirs);
  if (families.length === 0) return refuse(OpenError.unsupportedCapability, multiprotocolData(config));
  const both = (type: Capability['type']): boolean => find(ours, type) !== undefined && find(theirs, type) !== undefined;
  const restart = bothRestart(ours, theirs);
  return {
    peerAsn,
    peerRouterId: theirs.routerId,
    ebgp,
    ...negotiateTimers(config, theirs),
    families,
    as4: both('fourOctetAs'),
    extendedMessages: both('extendedMessage'),
    routeRefresh: both('routeRefresh'),
    enhancedRouteRefresh: both('enhancedRouteRefresh'),
    extendedNextHop: takesIpv6NextHop(ours) && takesIpv6NextHop(theirs),
    addPath: families.filter((family) => addPathMode(ours, family, 2) && addPathMode(theirs, family, 1)),
    gracefulRestart: restart !== undefined,
    notificationRestart: restart !== undefined && restart.every((capability) => capability.notification),
  };
}

function find<Type extends Capability['type']>(open: Open, type: Type): (Capability & { readonly type: Type }) | undefined {
  return open.capabilities.find((capability): capability is Capability & { readonly type: Type } => capability.type === type);
}

function refuse(subcode: number, data: Uint8Array = new Uint8Array(0)): Notification {
  return { type: 'notification', code: ErrorCode.open, subcode, data };
}

function isWanted(wanted: SessionConfig['peerAsn'], asn: number, ebgp: boolean): boolean {
  if (wanted === 'internal') return !ebgp;
  return wanted === 'external' ? ebgp : wanted === asn;
}

/** RFC 9234 §4.2: who may sit opposite whom. */
const OPPOSITE: Readonly<Record<number, number>> = {
  [Role.provider]: Role.customer,
  [Role.customer]: Role.provider,
  [Role.rsServer]: Role.rsClient,
  [Role.rsClient]: Role.rsServer,
  [Role.peer]: Role.peer,
};

function rolesFit(config: SessionConfig, theirs: Open): boolean {
  if (config.role === undefined) return true;
  const roles = theirs.capabilities.flatMap((capability) => (capability.type === 'role' ? [capability.role] : []));
  return roles.every((role) => OPPOSITE[Role[config.role ?? 'peer']] === role);
}

function commonFamilies(config: SessionConfig, ours: Open, theirs: Open): Family[] {
  const said = multiprotocol(theirs);
  // RFC 4760 §8, as all routers have it: an OPEN without the capability speaks IPv4 unicast.
  const peer = said.length === 0 && find(theirs, 'multiprotocol') === undefined ? ['ipv4'] : said;
  const own = find(ours, 'multiprotocol') === undefined ? ['ipv4'] : multiprotocol(ours);
  return offeredFamilies(config).filter((family) => peer.includes(family) && own.includes(family));
}

function multiprotocol(open: Open): Family[] {
  return open.capabilities.flatMap((capability) => {
    const family = capability.type === 'multiprotocol' ? familyOf(capability.afi, capability.safi) : undefined;
    return family === undefined ? [] : [family];
  });
}

/** RFC 5492 §5: the capabilities that would have been needed. */
function multiprotocolData(config: SessionConfig): Uint8Array {
  const writer = new Writer(new Uint8Array(64));
  for (const family of offeredFamilies(config)) {
    encodeCapability(writer, { type: 'multiprotocol', afi: family === 'ipv4' ? 1 : 2, safi: 1 });
  }
  return writer.written();
}

/** RFC 4271 §4.2: the smaller hold time; keepalives at a third of it at the latest. */
function negotiateTimers(config: SessionConfig, theirs: Open): { holdTimeMs: number; keepaliveTimeMs: number } {
  const holdTimeMs = Math.min(config.holdTimeMs, theirs.holdTimeSeconds * 1000);
  return { holdTimeMs, keepaliveTimeMs: Math.min(config.keepaliveTimeMs ?? Infinity, holdTimeMs / 3) };
}

function takesIpv6NextHop(open: Open): boolean {
  const entries = find(open, 'extendedNextHop')?.entries ?? [];
  return entries.some((entry) => familyOf(entry.afi, entry.safi) === 'ipv4' && entry.nextHopAfi === 2);
}

function addPathMode(open: Open, family: Family, mode: 1 | 2): boolean {
  const entries = find(open, 'addPath')?.entries ?? [];
  // RFC 7911 §4: values but 1, 2 and 3 are to be ignored.
  return entries.some((entry) => familyOf(entry.afi, entry.safi) === family && entry.mode <= 3 && (entry.mode & mode) !== 0);
}

function bothRestart(ours: Open, theirs: Open): readonly GracefulRestartCapability[] | undefined {
  const pair = [find(ours, 'gracefulRestart'), find(theirs, 'gracefulRestart')].filter((capability) => capability !== undefined);
  return pair.length === 2 ? pair : undefined;
}
