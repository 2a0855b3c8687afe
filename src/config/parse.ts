import type { z } from 'zod';
import { bfdProfileSpec } from '../api/bfdProfile.ts';
import { bgpAdvertisementSpec } from '../api/bgpAdvertisement.ts';
import { bgpPeerSpec } from '../api/bgpPeer.ts';
import { communitySpec } from '../api/community.ts';
import { ipAddressPoolSpec } from '../api/ipAddressPool.ts';
import { l2AdvertisementSpec } from '../api/l2Advertisement.ts';
import { bgpAdvertisementRecipe, l2AdvertisementRecipe } from './advertisements.ts';
import { bfdProfileRecipe } from './bfdProfiles.ts';
import { aliasesOf, communityRecipe, laxCommunitySpec } from './communities.ts';
import type { Config } from './config.ts';
import { type ConfigObject, readObject } from './object.ts';
import { peerRecipe } from './peers.ts';
import { type History, type Recipe, place } from './place.ts';
import { poolRecipe } from './pools.ts';
import type { ObjectRef, Problem } from './problem.ts';
import type { Secrets } from './secret.ts';

export const CONFIG_KINDS = ['IPAddressPool', 'BGPPeer', 'BGPAdvertisement', 'L2Advertisement', 'BFDProfile', 'Community'] as const;
export type ConfigKind = (typeof CONFIG_KINDS)[number];

/** Custom resources as JSON, whatever is in them. */
export type RawObjects = Readonly<Record<ConfigKind, readonly unknown[]>>;

export interface ParseContext {
  readonly generation: number;
  /** The Config of the last parse, itself and no copy: an object that has become bad goes on as it was there. */
  readonly previous?: Config;
  /** By name. Absent where Secrets are not read: a reference to one is then no Problem. */
  readonly secrets?: Secrets;
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
  const parse = new Parse(raw, context.previous === undefined ? {} : (HISTORIES.get(context.previous) ?? {}));
  const pools = parse.kind('IPAddressPool', ipAddressPoolSpec, poolRecipe);
  const bfdProfiles = parse.kind('BFDProfile', bfdProfileSpec, bfdProfileRecipe(context.secrets));
  const bfdErrors = new Map(parse.errorsOf('BFDProfile').map((problem) => [problem.object.name, problem]));
  const aliases = aliasesOf(parse.kind('Community', laxCommunitySpec, communityRecipe, communitySpec));
  const around = { bfdProfiles: namesOf(bfdProfiles), bfdErrors, secrets: context.secrets };
  const peers = parse.kind('BGPPeer', bgpPeerSpec, peerRecipe(around));
  const surroundings = { pools, peers: namesOf(peers), aliases };
  const l2Advertisements = parse.kind('L2Advertisement', l2AdvertisementSpec, l2AdvertisementRecipe(surroundings));
  const bgpAdvertisements = parse.kind('BGPAdvertisement', bgpAdvertisementSpec, bgpAdvertisementRecipe(surroundings));
  const config: Config = {
    generation: context.generation,
    pools: byName(pools),
    peers: byName(peers),
    bgpAdvertisements: byName(bgpAdvertisements),
    l2Advertisements: byName(l2Advertisements),
    bfdProfiles: byName(bfdProfiles),
  };
  HISTORIES.set(config, parse.histories);
  return { config, problems: parse.problems, objects: parse.objects };
}

type Histories = Partial<Record<ConfigKind, History<unknown>>>;

/** What the next parse has to know beside the Config itself; nobody else has a use for it. */
const HISTORIES = new WeakMap<Config, Histories>();

/** Reads kind after kind, and gathers what there is to say. */
class Parse {
  readonly problems: Problem[] = [];
  readonly objects: ObjectRef[] = [];
  readonly histories: Histories = {};
  readonly #raw: RawObjects;
  readonly #before: Histories;

  constructor(raw: RawObjects, before: Histories) {
    this.#raw = raw;
    this.#before = before;
  }

  kind<Schema extends z.ZodType<object>, T>(
    kind: ConfigKind,
    schema: Schema,
    recipe: Recipe<z.output<Schema>, T>,
    known?: z.ZodType,
  ): readonly T[] {
    const objects = oldestFirst(this.#raw[kind].map((entry) => readObject(kind, schema, entry, known)));
    const { values, problems, history } = place(objects, recipe, this.#before[kind] as History<T> | undefined);
    this.objects.push(...objects.map(({ ref }) => ref));
    this.problems.push(...problems);
    this.histories[kind] = history;
    return values;
  }

  errorsOf(kind: ConfigKind): readonly Problem[] {
    return this.problems.filter(({ object, severity }) => object.kind === kind && severity === 'error');
  }
}

function namesOf(values: readonly { readonly name: string }[]): ReadonlySet<string> {
  return new Set(values.map(({ name }) => name));
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
