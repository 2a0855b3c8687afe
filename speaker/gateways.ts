import type { PeerPlan, PeerSession } from '../src/announce/plan.ts';
import { after } from '../src/machine.ts';
import { type DefaultRoute, chooseGateway, isSameGateway } from '../src/net/defaultRoute.ts';
import { ipFamily, isLinkLocal } from '../src/net/ip.ts';
import type { EngineParts } from './engineParts.ts';
import type { HostLink } from './hands.ts';
import { codeOf } from './io/errno.ts';
import type { WireProblem } from './report.ts';

/** RT_TABLE_MAIN */
const MAIN_TABLE = 254;
/** A gateway without its route is looked at again after so long. */
const RECHECK_MS = 5000;

/** Where a session has the default gateway as its router. */
type Wish = Pick<PeerSession, 'defaultGateway' | 'vrf'>;

export interface GatewayEvents {
  /** The gateways are others now. */
  readonly changed: () => void;
  /** Whether a session with this router is established. */
  readonly isUp: (gateway: Pick<PeerSession, 'address' | 'interface'>) => boolean;
}

/**
 * The node's default gateways, for sessions that are to follow them. A default route that changes takes the session along at once;
 * where there is none any more, a session that works stays until it ends: DHCP and the like take a route away to put it back.
 */
export class Gateways {
  readonly #parts: EngineParts;
  readonly #events: GatewayEvents;
  readonly #chosen = new Map<string, DefaultRoute>();
  #wishes: ReadonlyMap<string, Wish> = new Map();
  #routes: readonly DefaultRoute[] | undefined;
  #links: readonly HostLink[] = [];
  #unwatch: (() => void) | undefined;
  #error: string | undefined;

  constructor(parts: EngineParts, events: GatewayEvents) {
    this.#parts = parts;
    this.#events = events;
  }

  setLinks(links: readonly HostLink[]): void {
    this.#links = links;
    this.#choose();
  }

  /** Of all sessions those with a `defaultGateway`. Without any nothing is watched. */
  set(plans: readonly PeerPlan[]): void {
    const wishes = plans.flatMap(({ session }) => (session.defaultGateway === undefined ? [] : [session]));
    this.#wishes = new Map(wishes.map((wish) => [keyOf(wish), wish]));
    for (const key of this.#chosen.keys()) if (!this.#wishes.has(key)) this.#forget(key);
    if (wishes.length === 0) this.close();
    else this.#watch();
    this.#choose(true);
  }

  /** The router of such a session, with the interface where that is part of its address. */
  routerOf(wish: Wish): Pick<PeerSession, 'address' | 'interface'> | undefined {
    const route = this.#chosen.get(keyOf(wish));
    return route && this.#addressOf(route);
  }

  /** Why a peer has no router to talk with. */
  problemOf({ name: peer, session }: PeerPlan): WireProblem | undefined {
    const { defaultGateway: family, vrf } = session;
    // Before the first list nobody knows.
    const isUnknown = this.#routes === undefined && this.#error === undefined;
    if (family === undefined || isUnknown || this.#chosen.has(keyOf(session))) return undefined;
    const facts = { ...(vrf === undefined ? {} : { vrf }), ...(this.#error === undefined ? {} : { error: this.#error }) };
    return { reason: 'NoDefaultGateway', peer, family, ...facts };
  }

  close(): void {
    this.#unwatch?.();
    this.#unwatch = undefined;
    this.#routes = undefined;
    for (const key of this.#chosen.keys()) this.#forget(key);
  }

  #watch(): void {
    if (this.#unwatch !== undefined) return;
    const { hands, log, recorder, clock } = this.#parts;
    try {
      this.#unwatch = hands.routes.watch((routes) => {
        recorder.record(clock.now(), 'routes', { routes });
        this.#routes = routes;
        this.#choose();
      });
      this.#error = undefined;
    } catch (error) {
      this.#error = codeOf(error);
      log.warn({ err: error }, 'the default routes cannot be watched');
    }
  }

  /** @param quietly the caller looks for itself */
  #choose(quietly = false): void {
    if (this.#routes === undefined) return;
    let isOther = false;
    for (const [key, wish] of this.#wishes) if (this.#chooseOne(key, wish)) isOther = true;
    if (quietly) return;
    if (isOther) this.#events.changed();
    else this.#parts.changed();
  }

  /** @returns whether it is another one */
  #chooseOne(key: string, wish: Wish): boolean {
    const before = this.#chosen.get(key);
    const now = chooseGateway(
      (this.#routes ?? []).filter((route) => this.#isFor(wish, route)),
      before,
    );
    if (now === undefined) return before !== undefined && !this.#keep(key, before);
    this.#parts.deadlines.set(`gateway/${key}`, undefined, () => undefined);
    this.#chosen.set(key, now);
    if (before !== undefined && isSameGateway(before, now)) return false;
    this.#parts.log.info({ gateway: now.gateway, interface: this.#linkOf(now)?.name, before: before?.gateway }, 'default gateway found');
    return true;
  }

  #isFor({ defaultGateway: family, vrf }: Wish, route: DefaultRoute): boolean {
    if (route.family !== family) return false;
    const link = this.#linkOf(route);
    // Without the interface a link-local gateway is nowhere.
    if (link === undefined && isScoped(route)) return false;
    // The number of a VRF's table is not known here, but its members are.
    return vrf === undefined ? route.table === MAIN_TABLE : link?.vrf === vrf;
  }

  /** @returns false when there is no session that would hold it */
  #keep(key: string, route: DefaultRoute): boolean {
    const { clock, deadlines } = this.#parts;
    const isUp = this.#events.isUp(this.#addressOf(route));
    if (isUp) deadlines.set(`gateway/${key}`, after(clock.now(), RECHECK_MS), () => this.#choose());
    else this.#forget(key);
    return isUp;
  }

  #forget(key: string): void {
    this.#chosen.delete(key);
    this.#parts.deadlines.set(`gateway/${key}`, undefined, () => undefined);
  }

  #addressOf(route: DefaultRoute): Pick<PeerSession, 'address' | 'interface'> {
    const scope = isScoped(route) ? this.#linkOf(route)?.name : undefined;
    return { address: route.gateway, ...(scope === undefined ? {} : { interface: scope }) };
  }

  #linkOf({ index }: DefaultRoute): HostLink | undefined {
    return this.#links.find((link) => link.index === index);
  }
}

function keyOf({ defaultGateway: family, vrf }: Wish): string {
  return vrf === undefined ? String(family) : `${family}@${vrf}`;
}

function isScoped({ gateway }: DefaultRoute): boolean {
  return ipFamily(gateway) === 'ipv6' && isLinkLocal(gateway);
}
