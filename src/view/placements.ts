import type { NodePlan, RouteSet, Verdict } from '../announce/plan.ts';
import type { ServiceView } from '../cluster/service.ts';
import { type Ip, ipFamily } from '../net/ip.ts';
import { type Prefix, prefixFamily, prefixLength, prefixOf } from '../net/prefix.ts';
import { type Cause, explainCause, makeCause, nodeProblemCause } from './cause.ts';
import { type Cluster, speakerRuns } from './cluster.ts';
import { Holders } from './holders.ts';
import type { SessionView } from './sessions.ts';

/** One address that one node is to announce by one protocol, and whether it is on the wire. */
export interface Placement {
  readonly node: string;
  readonly protocol: 'bgp' | 'layer2';
  readonly address: Ip;
  readonly onWire: boolean;
  /** RFC 3339. */
  readonly since?: string;
  /** BGP: to which peers. */
  readonly peers?: readonly string[];
  /** What is wrong, also where it is on the wire for the most part. */
  readonly causes: readonly Cause[];
}

/** Finds out for Service after Service what is wanted of it and what there is. */
export class Placer {
  readonly #cluster: Cluster;
  readonly #sessions = new Map<string, SessionView[]>();
  readonly #holders: Holders;
  readonly #ways = new WeakMap<Announced, Ways>();
  readonly #lengths = new WeakMap<readonly RouteSet[], Lookup>();

  constructor(cluster: Cluster, sessions: readonly SessionView[]) {
    this.#cluster = cluster;
    this.#holders = new Holders(cluster);
    for (const session of sessions) {
      const key = `${session.node} ${session.peer}`;
      this.#sessions.set(key, [...(this.#sessions.get(key) ?? []), session]);
    }
  }

  placements(service: ServiceView): Placement[] {
    const { plans, verdict } = this.#cluster;
    const holders = service.ingress.map((address) => ({ address, nodes: this.#holders.of(service.key, address) }));
    return plans.all.flatMap(({ plan }) => {
      const found = verdict(plan.node, service.key);
      if (found === undefined) return [];
      const { bgp } = found;
      const onBgp = bgp.announced ? service.ingress.map((address) => this.#bgp(plan, address, bgp)) : [];
      const held = holders.filter(({ nodes }) => nodes.includes(plan.node));
      return [...onBgp, ...held.map(({ address }) => this.#layer2(plan.node, address))];
    });
  }

  #layer2(node: string, address: Ip): Placement {
    const state = this.#cluster.states.get(node);
    const common = { node, protocol: 'layer2', address } as const;
    if (!speakerRuns(this.#cluster, node))
      return { ...common, onWire: false, causes: [explainCause({ reason: 'SpeakerNotRunning', node }, node)] };
    const claim = state?.claims.find(({ ip }) => ip === address);
    const problems = (state?.problems ?? []).filter(({ object }) => object === address);
    const causes = problems.map((problem) => makeCause('wire', problem.reason, problem.message, node));
    // Said of a claim that waits for an interface, whatever is still listed of it.
    const isWaiting = problems.some(({ reason }) => reason === 'NoUsableInterface');
    if (claim !== undefined && !isWaiting) return { ...common, onWire: true, since: claim.since, causes };
    const closed = state?.problems.find(({ reason }) => reason === 'CannotOpenInterface');
    if (causes.length === 0 && closed !== undefined) causes.push(nodeProblemCause(closed, node));
    if (causes.length === 0) causes.push(explainCause({ reason: 'NotOnTheWire', node, what: `an answer for ${address}` }, node));
    return { ...common, onWire: false, causes };
  }

  #bgp({ node, peers }: NodePlan, address: Ip, verdict: Announced): Placement {
    let ways = this.#ways.get(verdict);
    if (ways === undefined) this.#ways.set(verdict, (ways = this.#waysOf(node, peers, verdict.peers ?? [])));
    const { carriers, whole } = ways;
    const carrying = carriers.filter(({ routes }) => this.#carries(routes, address));
    const common = { node, protocol: 'bgp', address } as const;
    if (whole !== undefined && carrying.length === carriers.length) return { ...common, ...whole };
    if (carrying.length > 0) return { ...common, ...reachOf(carrying, address) };
    const facts = { reason: 'FamilyNotCarried', address, family: ipFamily(address), peers: verdict.peers ?? [] } as const;
    return { ...common, onWire: false, peers: [], causes: [explainCause(facts, node)] };
  }

  #waysOf(node: string, peers: NodePlan['peers'], selected: readonly string[]): Ways {
    const carriers = peers
      .filter(({ name }) => selected.includes(name))
      .map(({ name, routes }) => ({ routes, sessions: this.#sessions.get(`${node} ${name}`) ?? [] }));
    const differs = carriers.some(({ sessions }) => sessions.some(({ cause }) => cause?.reason === 'NoNextHop'));
    return { carriers, ...(differs || carriers.length === 0 ? {} : { whole: reachOf(carriers) }) };
  }

  #carries(routes: readonly RouteSet[], address: Ip): boolean {
    let lookup = this.#lengths.get(routes);
    if (lookup === undefined) this.#lengths.set(routes, (lookup = lookupOf(routes)));
    const { prefixes, lengths } = lookup;
    return lengths[ipFamily(address)].some((length) => prefixes.has(prefixOf(address, length)));
  }
}

type Announced = Extract<Verdict, { announced: true }>;

interface Carrier {
  readonly routes: readonly RouteSet[];
  readonly sessions: readonly SessionView[];
}

/** How a node announces by BGP what the same advertisements match: the same for a thousand Services. */
interface Ways {
  readonly carriers: readonly Carrier[];
  /** For an address that all of them carry; absent where the sessions tell addresses apart. */
  readonly whole?: Reach;
}

type Reach = Pick<Placement, 'onWire' | 'peers' | 'since' | 'causes'>;

/** @param address absent: whichever they all carry */
function reachOf(carriers: readonly Carrier[], address?: Ip): Reach {
  const sessions = carriers.flatMap((carrier) => carrier.sessions);
  const up = sessions.filter((session) => session.up && !isUnroutable(session, address));
  const [since] = up.flatMap((session) => session.since ?? []).toSorted();
  return {
    onWire: up.length > 0,
    peers: [...new Set(up.map(({ peer }) => peer))],
    ...(since === undefined ? {} : { since }),
    causes: sessions.flatMap((session) => (session.cause === undefined || isOfOther(session, address) ? [] : [session.cause])),
  };
}

interface Lookup {
  readonly prefixes: ReadonlySet<Prefix>;
  readonly lengths: Readonly<Record<'ipv4' | 'ipv6', readonly number[]>>;
}

function lookupOf(routes: readonly RouteSet[]): Lookup {
  const prefixes = new Set(routes.flatMap((set) => set.prefixes));
  const lengths = { ipv4: new Set<number>(), ipv6: new Set<number>() };
  for (const prefix of prefixes) lengths[prefixFamily(prefix)].add(prefixLength(prefix));
  return { prefixes, lengths: { ipv4: [...lengths.ipv4], ipv6: [...lengths.ipv6] } };
}

/** The connection has no next hop of the address's family. */
function isUnroutable({ cause }: SessionView, address: Ip | undefined): boolean {
  return address !== undefined && cause?.reason === 'NoNextHop' && cause.message.includes(ipFamily(address));
}

function isOfOther(session: SessionView, address: Ip | undefined): boolean {
  return session.cause?.reason === 'NoNextHop' && !isUnroutable(session, address);
}
