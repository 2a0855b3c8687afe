import type { Prospect } from '../announce/prospects.ts';
import { type Family, type Ip, ipFamily } from '../net/ip.ts';
import { type Group, explainCause } from './cause.ts';
import { bare } from './holders.ts';
import type { SessionView } from './sessions.ts';

/** How an address goes to the routers: the same for all Services that are alike. */
export interface Spread {
  /** Nodes that announce it, in order of names. */
  readonly up: readonly string[];
  /** Nodes that are to, and cannot. */
  readonly down: readonly string[];
  /** Nodes with a session that does not carry the family of the address. */
  readonly deaf: readonly string[];
  /** That it is to go to, sorted. */
  readonly peers: readonly string[];
  /** That it goes to, by node. */
  readonly reached: ReadonlyMap<string, readonly string[]>;
  /** How many sessions carry it. */
  readonly sessions: number;
  /** RFC 3339; the earliest. */
  readonly since?: string;
  readonly causes: readonly Group[];
}

/** What the sessions make of what is to be announced by BGP. */
export class Routed {
  readonly #sessions = new Map<string, SessionView[]>();
  readonly #known = new WeakMap<Prospect, Map<number, Spread>>();

  constructor(sessions: readonly SessionView[]) {
    for (const session of sessions) {
      const key = `${session.node} ${session.peer}`;
      const list = this.#sessions.get(key);
      if (list === undefined) this.#sessions.set(key, [session]);
      else list.push(session);
    }
  }

  /** @param position of the address among those of the Service; all that have the same prospect have the same families */
  of(prospect: Prospect, position: number, address: Ip): Spread {
    const known = this.#known.get(prospect) ?? new Map<number, Spread>();
    this.#known.set(prospect, known);
    const spread = known.get(position) ?? this.#spread(prospect, position, ipFamily(address));
    known.set(position, spread);
    return spread;
  }

  #spread({ bgp }: Prospect, position: number, family: Family): Spread {
    const [up, down, deaf]: [string[], string[], string[]] = [[], [], []];
    const peers = new Set<string>();
    const reached = new Map<string, readonly string[]>();
    const causes: Group[] = [];
    const since: string[] = [];
    let count = 0;
    for (const { node, carriers } of bgp) {
      const carrying = carriers[position] ?? [];
      const sessions = carrying.flatMap((peer) => this.#sessions.get(`${node} ${peer}`) ?? []);
      const live = sessions.filter((session) => session.up && !isUnroutable(session, family));
      if (carrying.length === 0) deaf.push(node);
      else if (live.length === 0) down.push(node);
      else up.push(node);
      count += live.length;
      for (const peer of carrying) peers.add(peer);
      reached.set(node, [...new Set(live.map(({ peer }) => peer))]);
      since.push(...live.flatMap((session) => session.since ?? []));
      for (const session of sessions)
        if (session.cause !== undefined && (session.cause.reason !== 'NoNextHop' || isUnroutable(session, family)))
          causes.push({ cause: bare(session.cause, node), places: [node] });
    }
    const [earliest] = since.toSorted();
    return {
      up,
      down,
      deaf,
      peers: [...peers].toSorted(),
      reached,
      sessions: count,
      causes,
      ...(earliest === undefined ? {} : { since: earliest }),
    };
  }
}

/** The connection has no next hop of the address's family. */
function isUnroutable({ cause }: SessionView, family: Family): boolean {
  return cause?.reason === 'NoNextHop' && cause.message.includes(family);
}

/** The sessions are up, and the address goes over none of them. */
export function deafCause({ bgp }: Prospect, { deaf }: Spread, address: Ip): Group[] {
  if (deaf.length === 0) return [];
  const selected = new Set(bgp.filter(({ node }) => deaf.includes(node)).flatMap(({ peers }) => peers));
  const facts = { reason: 'FamilyNotCarried', address, family: ipFamily(address), peers: [...selected].toSorted() } as const;
  return [{ cause: explainCause(facts), places: deaf }];
}
