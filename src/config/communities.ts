import type { z } from 'zod';
import { communitySpec } from '../api/community.ts';
import type { LargeCommunity } from './config.ts';
import { type ConfigObject, type Fault, fault } from './object.ts';

export const communitySchema = communitySpec;
type Spec = z.output<typeof communitySpec>;

export type CommunityValue =
  | { readonly kind: 'standard'; readonly value: number }
  | { readonly kind: 'large'; readonly value: LargeCommunity };

/** IANA "BGP Well-known Communities". */
const WELL_KNOWN: Readonly<Record<string, number>> = {
  'graceful-shutdown': 0xffff0000,
  'accept-own': 0xffff0001,
  'llgr-stale': 0xffff0006,
  'no-llgr': 0xffff0007,
  blackhole: 0xffff029a,
  'no-export': 0xffffff01,
  'no-advertise': 0xffffff02,
  'no-export-subconfed': 0xffffff03,
  'no-peer': 0xffffff04,
};

/** `65000:1` or `large:64512:1:2`. @returns undefined when it is neither */
export function parseCommunity(written: string): CommunityValue | undefined {
  return written.startsWith('large:') ? parseLarge(written.slice('large:'.length)) : parseStandard(written);
}

/** RFC 8092 §5: three decimal numbers of 32 bits. */
function parseLarge(written: string): CommunityValue | undefined {
  const [global, local1, local2, ...more] = numbersOf(written, 0xffffffff);
  if (global === undefined || local1 === undefined || local2 === undefined || more.length > 0) return undefined;
  return { kind: 'large', value: [global, local1, local2] };
}

/** RFC 1997: two numbers of 16 bits. */
function parseStandard(written: string): CommunityValue | undefined {
  const [high, low, ...more] = numbersOf(written, 0xffff);
  return high === undefined || low === undefined || more.length > 0 ? undefined : { kind: 'standard', value: high * 0x10000 + low };
}

function numbersOf(written: string, maximum: number): (number | undefined)[] {
  return written.split(':').map((part) => (/^\d{1,10}$/.test(part) && Number(part) <= maximum ? Number(part) : undefined));
}

export type Aliases = ReadonlyMap<string, CommunityValue>;

/** Adds the aliases of one Community object to those of older ones. */
export function addAliases(object: ConfigObject<Spec>, spec: Spec, known: Map<string, CommunityValue>): Fault[] {
  const faults: Fault[] = [];
  for (const [position, { name, value }] of (spec.communities ?? []).entries()) {
    const path = `spec.communities[${position}]`;
    const parsed = parseCommunity(value);
    if (parsed === undefined)
      faults.push(
        fault('InvalidCommunity', `${path}.value`, `${JSON.stringify(value)} is neither 16-bit:16-bit nor large:32-bit:32-bit:32-bit`),
      );
    else if (known.has(name))
      faults.push(
        fault('DuplicateEntry', `${path}.name`, `${JSON.stringify(name)} is already an alias; the value in ${object.ref.name} is ignored`),
      );
    else known.set(name, parsed);
  }
  return faults;
}

export interface CommunityLists {
  readonly communities: readonly number[];
  readonly largeCommunities: readonly LargeCommunity[];
}

/** Resolves an advertisement's list. */
export function resolveCommunities(
  written: readonly string[],
  aliases: Aliases,
): { readonly lists: CommunityLists; readonly faults: readonly Fault[] } {
  const standard = new Set<number>();
  const large = new Map<string, LargeCommunity>();
  const faults: Fault[] = [];
  for (const [position, entry] of written.entries()) {
    const wellKnown = Object.hasOwn(WELL_KNOWN, entry) ? WELL_KNOWN[entry] : undefined;
    const value = aliases.get(entry) ?? (wellKnown === undefined ? parseCommunity(entry) : { kind: 'standard' as const, value: wellKnown });
    if (value === undefined) faults.push(unresolved(entry, `spec.communities[${position}]`));
    else if (value.kind === 'standard') standard.add(value.value);
    else large.set(value.value.join(':'), value.value);
  }
  const lists = {
    communities: [...standard].toSorted((a, b) => a - b),
    largeCommunities: [...large.values()].toSorted((a, b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2]),
  };
  return { lists, faults };
}

function unresolved(entry: string, path: string): Fault {
  if (entry.includes(':')) return fault('InvalidCommunity', path, `${JSON.stringify(entry)} is no community`);
  return fault('UnknownReference', path, `no Community object has the alias ${JSON.stringify(entry)}`);
}
