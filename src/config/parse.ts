import type { z } from 'zod';
import {
  type AdvertisementSurroundings,
  bgpAdvertisementSchema,
  buildBgpAdvertisement,
  buildL2Advertisement,
  l2AdvertisementSchema,
  preferenceConflict,
} from './advertisements.ts';
import { type CommunityValue, addAliases, communitySchema } from './communities.ts';
import type { BgpAdvertisement, Config, Pool } from './config.ts';
import { notYetEffective } from './effective.ts';
import { type ConfigObject, type Fault, readObject } from './object.ts';
import { type SecretView, bfdProfileSchema, buildBfdProfile, buildPeer, peerSchema } from './peers.ts';
import { buildPool, overlapsWith, poolSchema } from './pools.ts';
import type { ObjectRef, Problem } from './problem.ts';

export const CONFIG_KINDS = ['IPAddressPool', 'BGPPeer', 'BGPAdvertisement', 'L2Advertisement', 'BFDProfile', 'Community'] as const;
export type ConfigKind = (typeof CONFIG_KINDS)[number];

/** Custom resources as JSON, whatever is in them. */
export type RawObjects = Readonly<Record<ConfigKind, readonly unknown[]>>;

export interface ParseContext {
  readonly generation: number;
  /** The last result: an object that has become bad goes on as it was there. */
  readonly previous?: Config;
  /** By name. Absent where Secrets are not read: a reference to one is then no Problem. */
  readonly secrets?: ReadonlyMap<string, SecretView>;
}

export interface ParseResult {
  readonly config: Config;
  readonly problems: readonly Problem[];
  /** Every object that was seen, good or bad. */
  readonly objects: readonly ObjectRef[];
}

/**
 * The custom resources as one Config. A bad object is left out by itself, or goes on in its last good version; what is
 * wrong with it is a Problem; the others never notice. Never throws, and the order of the objects does not matter.
 */
export function parseConfig(raw: RawObjects, context: ParseContext): ParseResult {
  const parse = new Parse(context);
  const pools = parse.pools(raw.IPAddressPool);
  const bfdProfiles = parse.each('BFDProfile', bfdProfileSchema, raw.BFDProfile, context.previous?.bfdProfiles, (object, spec) => ({
    value: buildBfdProfile(object, spec),
    faults: [],
  }));
  const aliases = parse.aliases(raw.Community);
  const around = { bfdProfiles: new Set(bfdProfiles.map((profile) => profile.name)), secrets: context.secrets };
  const peers = parse.each('BGPPeer', peerSchema, raw.BGPPeer, context.previous?.peers, (object, spec) => {
    const { peer, faults } = buildPeer(object, spec, around);
    return { value: peer, faults };
  });
  const surroundings = { pools, peers: new Set(peers.map((peer) => peer.name)), aliases };
  const l2Advertisements = parse.each(
    'L2Advertisement',
    l2AdvertisementSchema,
    raw.L2Advertisement,
    context.previous?.l2Advertisements,
    (object, spec) => {
      const { advertisement, faults } = buildL2Advertisement(object, spec, surroundings);
      return { value: advertisement, faults };
    },
  );
  const bgpAdvertisements = parse.bgpAdvertisements(raw.BGPAdvertisement, surroundings);
  const config: Config = {
    generation: context.generation,
    pools: byName(pools),
    peers: byName(peers),
    bgpAdvertisements: byName(bgpAdvertisements),
    l2Advertisements: byName(l2Advertisements),
    bfdProfiles: byName(bfdProfiles),
  };
  return { config, problems: parse.problems, objects: parse.objects };
}

interface Built<T> {
  readonly value: T;
  readonly faults: readonly Fault[];
}

/** Gathers the Problems of one run. */
class Parse {
  readonly problems: Problem[] = [];
  readonly objects: ObjectRef[] = [];
  readonly #context: ParseContext;

  constructor(context: ParseContext) {
    this.#context = context;
  }

  /** The good objects of a kind, oldest first, and last good versions in the place of bad ones. */
  each<Schema extends z.ZodType<object>, T extends { readonly name: string }>(
    kind: ConfigKind,
    schema: Schema,
    raw: readonly unknown[],
    previous: readonly T[] | undefined,
    build: (object: ConfigObject<z.output<Schema>>, spec: z.output<Schema>, built: readonly T[]) => Built<T>,
  ): T[] {
    const built: T[] = [];
    for (const object of oldestFirst(raw.map((entry) => readObject(kind, schema, entry)))) {
      this.objects.push(object.ref);
      this.problems.push(...object.problems);
      const value = this.#one(object, built, build) ?? this.#lastGood(object.ref, previous);
      if (value !== undefined) built.push(value);
    }
    return built;
  }

  #one<S extends object, T extends { readonly name: string }>(
    object: ConfigObject<S>,
    built: readonly T[],
    build: (object: ConfigObject<S>, spec: S, built: readonly T[]) => Built<T>,
  ): T | undefined {
    if (object.spec === undefined) return undefined;
    const { value, faults } = build(object, object.spec, built);
    const all = [...faults, ...notYetEffective(object.ref.kind, object.spec)];
    this.problems.push(...all.map((found) => ({ object: object.ref, ...found })));
    return all.some((found) => found.severity === 'error') ? undefined : value;
  }

  #lastGood<T extends { readonly name: string }>(ref: ObjectRef, previous: readonly T[] | undefined): T | undefined {
    return previous?.find((earlier) => earlier.name === ref.name);
  }

  pools(raw: readonly unknown[]): Pool[] {
    const all = this.each('IPAddressPool', poolSchema, raw, this.#context.previous?.pools, (object, spec, built) => {
      const { pool, faults } = buildPool(object, spec);
      return { value: pool, faults: [...faults, ...overlapsWith(pool, built)] };
    });
    // A last good version may meanwhile overlap with a pool that came before it; the older pool stays.
    return all.filter((pool, position) => overlapsWith(pool, all.slice(0, position)).length === 0);
  }

  bgpAdvertisements(raw: readonly unknown[], around: AdvertisementSurroundings): BgpAdvertisement[] {
    return this.each('BGPAdvertisement', bgpAdvertisementSchema, raw, this.#context.previous?.bgpAdvertisements, (object, spec, built) => {
      const { advertisement, faults } = buildBgpAdvertisement(object, spec, around);
      return { value: advertisement, faults: [...faults, ...preferenceConflict(advertisement, built)] };
    });
  }

  aliases(raw: readonly unknown[]): ReadonlyMap<string, CommunityValue> {
    const aliases = new Map<string, CommunityValue>();
    for (const object of oldestFirst(raw.map((entry) => readObject('Community', communitySchema, entry)))) {
      this.objects.push(object.ref);
      const faults = object.spec === undefined ? [] : addAliases(object, object.spec, aliases);
      this.problems.push(...object.problems, ...faults.map((found) => ({ object: object.ref, ...found })));
    }
    return aliases;
  }
}

function oldestFirst<S>(objects: readonly ConfigObject<S>[]): ConfigObject<S>[] {
  return objects.toSorted((a, b) => compare(a.creationTimestamp, b.creationTimestamp) || compare(a.ref.name, b.ref.name));
}

function byName<T extends { readonly name: string }>(values: readonly T[]): T[] {
  return values.toSorted((a, b) => compare(a.name, b.name));
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
