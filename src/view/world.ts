import type { DrainTrigger, OwnDrain } from '../announce/drain.ts';
import { PlanMemory, type PlannedNode, planNode } from '../announce/nodePlan.ts';
import type { SnapshotIndex } from '../announce/snapshot.ts';
import type { EndpointSliceView } from '../cluster/endpoints.ts';
import { GROUP } from '../api/kind.ts';
import { defaultElection } from '../api/l2Advertisement.ts';
import { integer, items, record, text } from '../cluster/json.ts';
import type { NamespaceView, NodeView } from '../cluster/node.ts';
import {
  projectEndpointSlice,
  projectNamespace,
  projectNode,
  projectNodeAddresses,
  projectService,
  projectSightings,
} from '../cluster/project.ts';
import type { ServiceView } from '../cluster/service.ts';
import { type AddressClaim, readClaim } from '../config/addressClaims.ts';
import type { Config } from '../config/config.ts';
import { CONFIG_KINDS, type ConfigKind, type ParseContext, type RawObjects, parseConfig } from '../config/parse.ts';
import type { Problem } from '../config/problem.ts';
import type { SecretView } from '../config/secret.ts';
import { occupiedAddresses } from '../ipam/occupied.ts';
import { type AddressPlan, planAddresses } from '../ipam/plan.ts';
import type { Ip } from '../net/ip.ts';
import { drainsOf, projectNodeState } from './nodeState.ts';

/** Objects as the API server lists them, on which allocation and announcement depend. */
export interface WorldObjects {
  readonly config: RawObjects;
  readonly claims: readonly unknown[];
  readonly services: readonly unknown[];
  readonly slices: readonly unknown[];
  readonly nodes: readonly unknown[];
  readonly namespaces: readonly unknown[];
  readonly nodeStates: readonly unknown[];
}

/** Everything that the two planners need, of one cluster at one moment. */
export interface World {
  readonly config: Config;
  readonly problems: readonly Problem[];
  /** Of every type. */
  readonly services: readonly ServiceView[];
  readonly slices: readonly EndpointSliceView[];
  /** Sorted by name. */
  readonly nodes: readonly NodeView[];
  readonly namespaces: readonly NamespaceView[];
  readonly claims: readonly AddressClaim[];
  readonly inUse: ReadonlyMap<Ip, string>;
  readonly unsettledPools: readonly string[];
  /** Of nodes that are taken out of service, as their speakers report it. */
  readonly drains: ReadonlyMap<string, OwnDrain>;
  /** Where an L2Advertisement does not say it. */
  readonly electionPolicy: ReturnType<typeof defaultElection>;
  readonly loadBalancerClass?: string;
  /** As the speakers were told; absent: what does so by itself. */
  readonly drainTriggers?: readonly DrainTrigger[];
}

export interface WorldContext {
  /** Milliseconds since 1970. */
  readonly nowMs: number;
  readonly loadBalancerClass?: string;
  readonly drainTriggers?: readonly DrainTrigger[];
  /** Of the configuration; default: HeraldLB's own. */
  readonly apiGroup?: string;
  /** The configuration that was in force before. */
  readonly previous?: Config;
}

export function readWorld(objects: WorldObjects, context: WorldContext): World {
  const { nowMs, loadBalancerClass, drainTriggers, apiGroup = GROUP, previous } = context;
  const secrets = secretsOf(objects.config);
  // Where two objects contradict each other the one that is in force stays: the controller has said which.
  const before = previous ?? parseConfig(acceptedOf(objects.config), { generation: 0, secrets }).config;
  const { config, problems } = parseConfig(objects.config, { generation: 1, secrets, previous: before });
  const claims = objects.claims.map(readClaim);
  const usable = new Set(config.pools.map(({ name }) => name));
  return {
    config,
    problems: [...problems, ...claims.flatMap((read) => read.problems)],
    services: each(objects.services, projectService),
    slices: each(objects.slices, projectEndpointSlice),
    nodes: each(objects.nodes, projectNode).toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    namespaces: each(objects.namespaces, projectNamespace),
    claims: claims.flatMap(({ claim }) => (claim === undefined || isExpired(claim, nowMs) ? [] : [claim])),
    inUse: occupiedAddresses(each(objects.nodes, projectNodeAddresses), each(objects.nodeStates, projectSightings)),
    drains: drainsOf(each(objects.nodeStates, projectNodeState)),
    electionPolicy: defaultElection(apiGroup),
    unsettledPools: objects.config.IPAddressPool.map(nameOf).filter((name) => !usable.has(name)),
    ...(loadBalancerClass === undefined ? {} : { loadBalancerClass }),
    ...(drainTriggers === undefined ? {} : { drainTriggers }),
  };
}

function each<T>(objects: readonly unknown[], project: (object: unknown) => T | undefined): T[] {
  return objects.flatMap((object) => project(object) ?? []);
}

function acceptedOf(config: RawObjects): RawObjects {
  return Object.fromEntries(CONFIG_KINDS.map((kind) => [kind, config[kind].filter(isAccepted)])) as Record<ConfigKind, unknown[]>;
}

/** As it is written now. */
function isAccepted(object: unknown): boolean {
  const generation = integer(record(record(object)?.['metadata'])?.['generation']) ?? 0;
  return items(record(record(object)?.['status'])?.['conditions'])
    .map(record)
    .some(
      (condition) =>
        condition?.['type'] === 'Accepted' &&
        condition['status'] === 'True' &&
        (integer(condition['observedGeneration']) ?? generation) >= generation,
    );
}

function nameOf(object: unknown): string {
  return text(record(record(object)?.['metadata'])?.['name']) ?? '';
}

function standIn(name: string, length: number): readonly [string, SecretView] {
  return [name, { type: 'kubernetes.io/basic-auth', password: name.slice(0, length) }];
}

/** Nobody here reads Secrets: each stands for itself, so that another one is seen to be another password. */
function secretsOf(config: RawObjects): NonNullable<ParseContext['secrets']> {
  const names = config.BGPPeer.flatMap((peer) => {
    const reference = record(record(record(peer)?.['spec'])?.['passwordSecret']);
    return text(reference?.['name']) ?? [];
  });
  const guards = config.BFDProfile.flatMap((profile) => {
    const reference = record(record(record(record(profile)?.['spec'])?.['auth'])?.['passwordSecret']);
    return text(reference?.['name']) ?? [];
  });
  // What BFD takes as a key is shorter.
  return new Map([...names.map((name) => standIn(name, 80)), ...guards.map((name) => standIn(name, 16))]);
}

function isExpired({ ttlMs, releasedAt }: AddressClaim, nowMs: number): boolean {
  return ttlMs !== undefined && releasedAt !== undefined && Date.parse(releasedAt) + ttlMs <= nowMs;
}

/** Who gets which address, as the controller plans it. */
export function addressesOf(world: World): AddressPlan {
  return planAddresses({ ...world, config: { pools: world.config.pools } });
}

export interface NodePlans {
  /** Of every node, in order of names. */
  readonly all: readonly PlannedNode[];
  readonly index: SnapshotIndex | undefined;
}

/** What each node is to announce, as its own speaker plans it. */
export function plansOf(world: World): NodePlans {
  // One memory for all: what does not depend on the node is then worked out once.
  const memory = new PlanMemory();
  const all = world.nodes.map(({ name }) => {
    const drain = world.drains.get(name);
    return planNode({ ...world, ...(drain === undefined ? {} : { drain }) }, name, 1, memory);
  });
  return { all, index: memory.index };
}

/** The world after nodes have gone, and their endpoints with them. */
export function worldWithout(world: World, gone: readonly string[]): World {
  return {
    ...world,
    nodes: world.nodes.filter(({ name }) => !gone.includes(name)),
    slices: world.slices.map((slice) => ({
      ...slice,
      endpoints: slice.endpoints.filter(({ nodeName }) => nodeName === undefined || !gone.includes(nodeName)),
    })),
  };
}
