import type { PeerSession } from '../announce/plan.ts';
import type { ServiceKey } from '../cluster/service.ts';
import { reasonText } from '../ipam/reasonText.ts';
import type { Ip } from '../net/ip.ts';
import { type NodePlans, type World, addressesOf, plansOf } from './world.ts';

/** What becomes of the addresses of a Service. */
export interface AddressChange {
  readonly service: ServiceKey;
  readonly before: readonly Ip[];
  readonly after: readonly Ip[];
  /** `gained`: it had none, or gets one more. */
  readonly kind: 'gained' | 'renumbered' | 'lost';
  /** Why it has not all that it needs afterwards. */
  readonly reason?: string;
  readonly message?: string;
}

/** A VIP of layer 2 whose owner is another one. */
export interface VipMove {
  readonly vip: Ip;
  readonly services: readonly ServiceKey[];
  readonly from?: string;
  readonly to?: string;
}

export interface RouteChange {
  readonly node: string;
  readonly peer: string;
  readonly announced: readonly string[];
  readonly withdrawn: readonly string[];
  /** With other attributes than before. */
  readonly changed: readonly string[];
}

export interface SessionChange {
  readonly node: string;
  readonly peer: string;
  /** `reset`: it ends and begins again. `rekeyed`: it goes on if the router has the new key in time. */
  readonly kind: 'new' | 'ended' | 'reset' | 'rekeyed';
  /** Which fields are others. */
  readonly fields: readonly string[];
}

/** What would be another way. */
export interface Comparison {
  readonly services: readonly AddressChange[];
  readonly moves: readonly VipMove[];
  readonly routes: readonly RouteChange[];
  readonly sessions: readonly SessionChange[];
  /** That some node is to announce before, and none afterwards. */
  readonly dark: readonly ServiceKey[];
}

interface Picture {
  readonly world: World;
  readonly plans: NodePlans;
}

/** What the controller and the speakers make of a world once all is done. */
function pictureOf(world: World): Picture & { readonly assignments: ReturnType<typeof addressesOf>['assignments'] } {
  const { assignments } = addressesOf(world);
  const services = world.services.map((service) => {
    const assignment = assignments.get(service.key);
    return assignment === undefined ? service : { ...service, ingress: assignment.ingress };
  });
  const settled = { ...world, services };
  return { world: settled, plans: plansOf(settled), assignments };
}

export function compareWorlds(before: World, after: World): Comparison {
  const [was, is] = [pictureOf(before), pictureOf(after)];
  const announcedBefore = announcedServices(was.plans);
  const announcedAfter = announcedServices(is.plans);
  const exists = new Set(after.services.map(({ key }) => key));
  return {
    services: addressChanges(was.assignments, is.assignments),
    moves: vipMoves(was.plans, is.plans),
    routes: routeChanges(was.plans, is.plans),
    sessions: sessionChanges(was.plans, is.plans),
    dark: [...announcedBefore].filter((key) => exists.has(key) && !announcedAfter.has(key)).toSorted(),
  };
}

type Assignments = ReturnType<typeof pictureOf>['assignments'];

function addressChanges(before: Assignments, after: Assignments): AddressChange[] {
  const changes: AddressChange[] = [];
  for (const [service, now] of after) {
    const had = before.get(service)?.ingress ?? [];
    if (had.join() === now.ingress.join()) continue;
    const refusal = now.refusal ?? now.missing;
    changes.push({
      service,
      before: had,
      after: now.ingress,
      kind: kindOf(had, now.ingress),
      ...(refusal === undefined ? {} : { reason: refusal.reason, message: reasonText(refusal) }),
    });
  }
  return changes.toSorted((a, b) => (a.service < b.service ? -1 : 1));
}

function kindOf(before: readonly Ip[], after: readonly Ip[]): AddressChange['kind'] {
  if (before.every((ip) => after.includes(ip))) return 'gained';
  return after.length < before.length ? 'lost' : 'renumbered';
}

function vipMoves(before: NodePlans, after: NodePlans): VipMove[] {
  const [was, is] = [ownersOf(before), ownersOf(after)];
  return [...new Set([...was.keys(), ...is.keys()])].toSorted().flatMap((vip): VipMove[] => {
    const [from, to] = [was.get(vip), is.get(vip)];
    if (from?.node === to?.node) return [];
    return [
      {
        vip,
        services: (to ?? from)?.services ?? [],
        ...(from === undefined ? {} : { from: from.node }),
        ...(to === undefined ? {} : { to: to.node }),
      },
    ];
  });
}

function ownersOf({ all }: NodePlans): Map<Ip, { readonly node: string; readonly services: readonly ServiceKey[] }> {
  return new Map(all.flatMap(({ plan }) => plan.claims.map(({ ip, services }) => [ip, { node: plan.node, services }] as const)));
}

type Routes = ReadonlyMap<string, ReadonlyMap<string, string>>;

function routeChanges(before: NodePlans, after: NodePlans): RouteChange[] {
  const [was, is] = [routesOf(before), routesOf(after)];
  const none = new Map<string, string>();
  return [...new Set([...was.keys(), ...is.keys()])].toSorted().flatMap((key): RouteChange[] => {
    const [old, now] = [was.get(key) ?? none, is.get(key) ?? none];
    const announced = [...now.keys()].filter((prefix) => !old.has(prefix));
    const withdrawn = [...old.keys()].filter((prefix) => !now.has(prefix));
    const changed = [...now].filter(([prefix, attributes]) => old.has(prefix) && old.get(prefix) !== attributes).map(([prefix]) => prefix);
    const [node = '', peer = ''] = key.split(' ');
    return announced.length + withdrawn.length + changed.length === 0 ? [] : [{ node, peer, announced, withdrawn, changed }];
  });
}

/** By node and peer: every prefix with its attributes as text. */
function routesOf({ all }: NodePlans): Routes {
  return new Map(
    all.flatMap(({ plan }) =>
      plan.peers.map(({ name, routes }) => {
        const prefixes = routes.flatMap((set) => {
          const attributes = JSON.stringify(set.attributes);
          return set.prefixes.map((prefix) => [prefix, attributes] as const);
        });
        return [`${plan.node} ${name}`, new Map(prefixes)] as const;
      }),
    ),
  );
}

function sessionChanges(before: NodePlans, after: NodePlans): SessionChange[] {
  const [was, is] = [planned(before), planned(after)];
  return [...new Set([...was.keys(), ...is.keys()])].toSorted().flatMap((key): SessionChange[] => {
    const [node = '', peer = ''] = key.split(' ');
    const [old, now] = [was.get(key), is.get(key)];
    if (now === undefined) return [{ node, peer, kind: 'ended', fields: [] }];
    if (old === undefined) return [{ node, peer, kind: 'new', fields: [] }];
    const fields = differing(old, now);
    if (fields.length === 0) return [];
    const isKeyAlone = fields.length === 1 && fields[0] === 'password' && old.password !== undefined && now.password !== undefined;
    return [{ node, peer, kind: isKeyAlone && now.tcpAo === undefined ? 'rekeyed' : 'reset', fields }];
  });
}

function planned({ all }: NodePlans): Map<string, PeerSession> {
  return new Map(all.flatMap(({ plan }) => plan.peers.map(({ name, session }) => [`${plan.node} ${name}`, session] as const)));
}

/** BFD runs beside the session: it comes and goes without it. */
function differing(old: PeerSession, now: PeerSession): string[] {
  const names = new Set([...Object.keys(old), ...Object.keys(now)]) as Set<keyof PeerSession>;
  return [...names].filter((name) => name !== 'bfd' && JSON.stringify(old[name]) !== JSON.stringify(now[name])).toSorted();
}

function announcedServices({ all }: NodePlans): Set<ServiceKey> {
  return new Set(
    all.flatMap(({ verdicts }) => verdicts.filter(({ bgp, layer2 }) => bgp.announced || layer2.announced).map(({ service }) => service)),
  );
}
