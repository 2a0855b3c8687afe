import * as z from 'zod';
import { MAX_ALIASES, communityAlias } from '../api/community.ts';
import type { LargeCommunity } from './config.ts';
import { parseExtended } from './extendedCommunity.ts';
import { type Fault, fault } from './fault.ts';
import { schemaFaults } from './object.ts';
import { type Recipe, compared } from './place.ts';

/** The kind's own schema would refuse the whole list for one entry. */
export const laxCommunitySpec = z.object({ communities: z.array(z.unknown()).max(MAX_ALIASES).optional() });
type Spec = z.output<typeof laxCommunitySpec>;

export type CommunityValue =
  | { readonly kind: 'standard'; readonly value: number }
  | { readonly kind: 'large'; readonly value: LargeCommunity }
  | { readonly kind: 'extended'; readonly value: string };

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

/** `65000:1`, `large:64512:1:2`, or an extended one. @returns undefined when it is none */
export function parseCommunity(written: string): CommunityValue | undefined {
  if (written.startsWith('large:')) return parseLarge(written.slice('large:'.length));
  const extended = parseExtended(written);
  return extended === undefined ? parseStandard(written) : { kind: 'extended', value: extended };
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

/** One Community object: its aliases that are well-formed. */
export interface AliasList {
  readonly name: string;
  readonly aliases: readonly Alias[];
}

interface Alias {
  readonly path: string;
  readonly name: string;
  readonly value: CommunityValue;
}

/** An entry that is wrong is left out by itself: the other aliases are in use. */
export const communityRecipe: Recipe<Spec, AliasList> = {
  build: (object, spec) => {
    const faults: Fault[] = [];
    const aliases = (spec.communities ?? []).flatMap((raw, position) => {
      const read = readAlias(raw, position);
      if (Array.isArray(read)) faults.push(...read);
      return Array.isArray(read) ? [] : [read];
    });
    const names = new Set<string>();
    for (const { path, name } of aliases) {
      if (names.has(name)) faults.push(duplicate(path, name, object.ref.name));
      names.add(name);
    }
    return { value: { name: object.ref.name, aliases }, faults };
  },
  ground: compared(({ value }, placed) => {
    const owners = new Map(placed.flatMap((version) => version.value.aliases.map((alias) => [alias.name, version.name] as const)));
    return value.aliases.flatMap(({ path, name }) => {
      const owner = owners.get(name);
      return owner === undefined ? [] : [duplicate(path, name, owner)];
    });
  }),
};

function readAlias(raw: unknown, position: number): Alias | Fault[] {
  const path = `spec.communities[${position}]`;
  const parsed = communityAlias.safeParse(raw);
  if (!parsed.success)
    return schemaFaults(parsed.error, raw, ['spec', 'communities', position]).map((found) => ({ ...found, severity: 'warning' }));
  const { name, value: written } = parsed.data;
  const value = parseCommunity(written);
  if (value === undefined) {
    const message = `${JSON.stringify(written)} is no community: 16-bit:16-bit, large:32-bit:32-bit:32-bit, rt:AS:number, soo:AS:number, or ext:hex`;
    return [fault('InvalidCommunity', `${path}.value`, message, 'warning')];
  }
  if (parseCommunity(name) !== undefined)
    return [
      fault('InvalidCommunity', `${path}.name`, `${JSON.stringify(name)} is a community itself, which is what it stands for`, 'warning'),
    ];
  return { path, name, value };
}

function duplicate(path: string, name: string, owner: string): Fault {
  const message = `${JSON.stringify(name)} is already an alias in Community ${owner}; this value is ignored`;
  return fault('DuplicateEntry', `${path}.name`, message, 'warning');
}

export type Aliases = ReadonlyMap<string, CommunityValue>;

/** @param lists the first to name an alias has it */
export function aliasesOf(lists: readonly AliasList[]): Aliases {
  const aliases = new Map<string, CommunityValue>();
  for (const { name, value } of lists.flatMap((list) => list.aliases)) if (!aliases.has(name)) aliases.set(name, value);
  return aliases;
}

export interface CommunityLists {
  readonly communities: readonly number[];
  readonly largeCommunities: readonly LargeCommunity[];
  /** Sixteen hex digits each (RFC 4360); absent where there is none. */
  readonly extendedCommunities?: readonly string[];
}

/** Resolves an advertisement's list. */
export function resolveCommunities(
  written: readonly string[],
  aliases: Aliases,
): { readonly lists: CommunityLists; readonly faults: readonly Fault[] } {
  const standard = new Set<number>();
  const large = new Map<string, LargeCommunity>();
  const extended = new Set<string>();
  const faults: Fault[] = [];
  for (const [position, entry] of written.entries()) {
    const wellKnown = Object.hasOwn(WELL_KNOWN, entry) ? WELL_KNOWN[entry] : undefined;
    // As MetalLB has it, what is a community itself cannot be an alias; a well-known name can.
    const named = wellKnown === undefined ? undefined : { kind: 'standard' as const, value: wellKnown };
    const value = parseCommunity(entry) ?? aliases.get(entry) ?? named;
    if (value === undefined) faults.push(unresolved(entry, `spec.communities[${position}]`));
    else if (value.kind === 'standard') standard.add(value.value);
    else if (value.kind === 'extended') extended.add(value.value);
    else large.set(value.value.join(':'), value.value);
  }
  const lists = {
    communities: [...standard].toSorted((a, b) => a - b),
    largeCommunities: [...large.values()].toSorted((a, b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2]),
    ...(extended.size === 0 ? {} : { extendedCommunities: [...extended].toSorted() }),
  };
  return { lists, faults };
}

function unresolved(entry: string, path: string): Fault {
  if (entry.includes(':')) return fault('InvalidCommunity', path, `${JSON.stringify(entry)} is no community`);
  return fault('UnknownReference', path, `no Community object has the alias ${JSON.stringify(entry)}`);
}
