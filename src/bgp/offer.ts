import { type Family, ipFamily } from '../net/ip.ts';
import { type Capability, decodeCapabilities } from '../wire/bgp/capability.ts';
import { afiSafiOf } from '../wire/bgp/family.ts';
import { AS_TRANS, CapabilityCode, ErrorCode, OpenError, Role } from '../wire/bgp/iana.ts';
import { attempt, isMalformed, openTooShort } from '../wire/bgp/malformed.ts';
import type { Notification } from '../wire/bgp/notification.ts';
import type { Open } from '../wire/bgp/open.ts';
import { Reader } from '../wire/cursor.ts';
import type { SessionConfig } from './session.ts';

/** What this peer has refused before, and is not offered again. */
export interface Withheld {
  /** Capability codes. */
  readonly codes: readonly number[];
  /** The peer knows no optional parameters at all. */
  readonly all: boolean;
}

export const NOTHING_WITHHELD: Withheld = { codes: [], all: false };

/** The AS number that this peer sees. */
export function ourAsn(config: SessionConfig): number {
  return config.localAsn ?? config.myAsn;
}

export function offeredFamilies(config: SessionConfig): readonly Family[] {
  return config.families.length === 0 ? ['ipv4'] : config.families;
}

/** @param restarting sets the Restart State bit (RFC 4724 §3) */
export function makeOpen(config: SessionConfig, withheld: Withheld, restarting: boolean): Open {
  const asn = ourAsn(config);
  return {
    type: 'open',
    asn: asn > 0xffff ? AS_TRANS : asn,
    holdTimeSeconds: Math.floor(config.holdTimeMs / 1000),
    routerId: config.routerId,
    capabilities: withheld.all ? [] : capabilities(config, restarting).filter((capability) => !withheld.codes.includes(codeOf(capability))),
  };
}

function codeOf(capability: Capability): number {
  return capability.type === 'unknown' ? capability.code : CapabilityCode[capability.type];
}

function capabilities(config: SessionConfig, restarting: boolean): Capability[] {
  const families = config.families.map(afiSafiOf);
  const offered: Capability[] = families.map((family) => ({ type: 'multiprotocol', ...family }));
  offered.push({ type: 'routeRefresh' });
  // Only where the session itself runs over IPv6 can an IPv6 next hop be of use for IPv4 prefixes.
  if (config.families.includes('ipv4') && ipFamily(config.peerAddress) === 'ipv6')
    offered.push({ type: 'extendedNextHop', entries: [{ ...afiSafiOf('ipv4'), nextHopAfi: 2 }] });
  if (config.extendedMessages !== false) offered.push({ type: 'extendedMessage' });
  if (config.role !== undefined) offered.push({ type: 'role', role: Role[config.role] });
  offered.push(...restartCapabilities(config, restarting));
  offered.push({ type: 'fourOctetAs', asn: ourAsn(config) });
  if (config.addPath === true && families.length > 0)
    offered.push({ type: 'addPath', entries: families.map((family) => ({ ...family, mode: 2 })) });
  offered.push({ type: 'enhancedRouteRefresh' });
  return offered;
}

/** The data plane outlives this process, so that the F bit is always true (RFC 4724 §3). */
function restartCapabilities(config: SessionConfig, restarting: boolean): Capability[] {
  const restart = config.gracefulRestart;
  if (restart === undefined) return [];
  const families = offeredFamilies(config).map((family) => ({ ...afiSafiOf(family), forwarding: true }));
  const timeSeconds = Math.min(restart.restartTimeSeconds, 4095);
  const graceful: Capability = { type: 'gracefulRestart', restarting, notification: true, timeSeconds, families };
  const staleSeconds = Math.min(restart.longLivedStaleSeconds ?? 0, 0xffffff);
  if (staleSeconds === 0) return [graceful];
  return [graceful, { type: 'longLivedGracefulRestart', families: families.map((family) => ({ ...family, staleSeconds })) }];
}

/** All that a session can do without. */
const SPARE: readonly number[] = [
  CapabilityCode.routeRefresh,
  CapabilityCode.extendedNextHop,
  CapabilityCode.extendedMessage,
  CapabilityCode.role,
  CapabilityCode.gracefulRestart,
  CapabilityCode.addPath,
  CapabilityCode.enhancedRouteRefresh,
  CapabilityCode.longLivedGracefulRestart,
];

/**
 * What to leave out of the next OPEN after the peer has refused the last one (RFC 5492 §3).
 * @returns undefined when the NOTIFICATION is about something else, or nothing is left that could be left out.
 */
export function downgrade(config: SessionConfig, withheld: Withheld, received: Notification): Withheld | undefined {
  if (received.code !== ErrorCode.open) return undefined;
  if (received.subcode === OpenError.unsupportedParameter) return withoutAll(config, withheld);
  if (received.subcode !== OpenError.unsupportedCapability) return undefined;
  const refused = refusedCodes(received.data);
  // Families that do not fit are somebody's configuration: a session with less would never get back what it had left out.
  if (refused.length > 0 && refused.every((code) => code === CapabilityCode.multiprotocol)) return undefined;
  const named = refused.filter((code) => isSpare(config, code));
  const codes = [...new Set([...withheld.codes, ...named])];
  if (codes.length > withheld.codes.length) return { ...withheld, codes };
  const spare = [...new Set([...withheld.codes, ...SPARE])];
  if (spare.length > withheld.codes.length) return { ...withheld, codes: spare };
  return withoutAll(config, withheld);
}

function isSpare(config: SessionConfig, code: number): boolean {
  return SPARE.includes(code) || (code === CapabilityCode.fourOctetAs && ourAsn(config) <= 0xffff);
}

/** Without capabilities only IPv4 is left, and an AS number that fits. */
function withoutAll(config: SessionConfig, withheld: Withheld): Withheld | undefined {
  if (withheld.all || !offeredFamilies(config).includes('ipv4') || ourAsn(config) > 0xffff) return undefined;
  return { ...withheld, all: true };
}

function refusedCodes(data: Uint8Array): number[] {
  const refused = attempt(() => decodeCapabilities(new Reader(data, openTooShort)));
  return isMalformed(refused) ? [] : refused.map(codeOf);
}
