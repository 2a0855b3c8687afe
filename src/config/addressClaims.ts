import { addressClaimSpec } from '../api/addressClaim.ts';
import { duration, durationMs } from '../api/fields.ts';
import { labels, record, text } from '../cluster/json.ts';
import { type ServiceKey, serviceKey } from '../cluster/service.ts';
import { type Ip, parseIp } from '../net/ip.ts';
import type { Retention } from './config.ts';
import { type Fault, fault, isError, shown } from './fault.ts';
import { readObject } from './object.ts';
import type { Problem } from './problem.ts';

/** Addresses that are kept for one Service by its name. */
export interface AddressClaim {
  readonly name: string;
  readonly uid: string;
  /** RFC 3339; the older of two claims to one address counts. */
  readonly creationTimestamp: string;
  /** Absent: kept for nobody. */
  readonly service?: ServiceKey;
  readonly addresses: readonly Ip[];
  /** Counts from the end of the Service; absent: forever. */
  readonly ttlMs?: number;
  /** The Service gets these addresses or waits, whatever it has. */
  readonly insists: boolean;
  /** Made by the controller for this very Service, and following what it has. */
  readonly managed: boolean;
  /** The Service that has the addresses by this claim, or had them last. */
  readonly boundTo?: ServiceKey;
  /** RFC 3339: since when. */
  readonly since?: string;
  /** RFC 3339: when that Service was found to be gone. */
  readonly releasedAt?: string;
}

/** On a claim that the controller made: for which Service. A claim that was handed on to another one is the operator's. */
export const CLAIMED_FOR = 'heraldlb.io/claimed-for';

export interface ReadClaim {
  /** Undefined: not usable. */
  readonly claim: AddressClaim | undefined;
  readonly problems: readonly Problem[];
}

/** @param raw an AddressClaim as JSON. Never throws. */
export function readClaim(raw: unknown): ReadClaim {
  const { ref, creationTimestamp, spec, faults } = readObject('AddressClaim', addressClaimSpec, raw);
  const found: Fault[] = [...faults];
  const addresses = readAddresses(spec?.addresses ?? [], found);
  const problems = found.map((one): Problem => ({ object: ref, ...one }));
  if (spec === undefined || found.some(isError)) return { claim: undefined, problems };
  const { serviceRef, ttl, policy } = spec;
  const service = serviceRef === undefined ? undefined : serviceKey(serviceRef.namespace, serviceRef.name);
  const state = stateOf(raw);
  const claim: AddressClaim = {
    name: ref.name,
    uid: ref.uid ?? '',
    creationTimestamp,
    addresses,
    insists: policy === 'Require' || isHandedOn(state, service),
    managed: service !== undefined && claimedFor(raw) === service,
    ...(service === undefined ? {} : { service }),
    ...(ttl === undefined ? {} : { ttlMs: durationMs(ttl) }),
    ...state,
  };
  return { claim, problems };
}

/** What the next Service has does not stand in the way. */
function isHandedOn({ boundTo }: Pick<AddressClaim, 'boundTo'>, service: ServiceKey | undefined): boolean {
  return boundTo !== undefined && boundTo !== service;
}

function claimedFor(raw: unknown): string | undefined {
  return labels(record(record(raw)?.['metadata'])?.['annotations'])[CLAIMED_FOR];
}

function readAddresses(written: readonly string[], faults: Fault[]): Ip[] {
  const addresses: Ip[] = [];
  for (const [position, entry] of written.entries()) {
    const ip = parseIp(entry);
    const path = `spec.addresses[${position}]`;
    if (ip === undefined) faults.push(fault('InvalidField', path, `is no IP address${shown(entry)}`));
    else if (addresses.includes(ip)) faults.push(fault('DuplicateEntry', path, `stands in the list already${shown(entry)}`, 'warning'));
    else addresses.push(ip);
  }
  return addresses;
}

function stateOf(raw: unknown): Pick<AddressClaim, 'boundTo' | 'since' | 'releasedAt'> {
  const status = record(record(raw)?.['status']);
  const boundTo = text(status?.['boundTo']);
  const since = text(status?.['since']);
  const releasedAt = text(status?.['releasedAt']);
  return {
    ...(boundTo === undefined ? {} : { boundTo: boundTo as ServiceKey }),
    ...(since === undefined ? {} : { since }),
    ...(releasedAt === undefined ? {} : { releasedAt }),
  };
}

const DURATION = duration('');

/** @param value `keep`, a Go duration, or `none` @returns undefined when it is none of them */
export function parseRetention(value: string): Retention | 'none' | undefined {
  const trimmed = value.trim();
  if (trimmed === 'none') return 'none';
  if (trimmed === 'keep') return {};
  return DURATION.safeParse(trimmed).success ? { ttl: trimmed } : undefined;
}
