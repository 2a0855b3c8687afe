import type { DefaultRoute } from '../../src/net/defaultRoute.ts';
import { type Netlink, openNetlink } from './netlink.ts';
import { type DefaultHop, decodeRoutes, encodeRouteDump } from './rtRoute.ts';

// RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_IFADDR | RTMGRP_IPV6_ROUTE
const GROUPS = 0x1 | 0x10 | 0x40 | 0x100 | 0x400;
/** What changes together is listed once, and after it has settled. */
const GATHER_MS = 50;
/** Should anything have changed without an event. */
const RELIST_MS = 30_000;

/**
 * Watches the default routes of this network namespace, in all its tables. `onRoutes` gets all of them, first when the first list is
 * complete, and again whenever they are others.
 * @returns a call that ends it
 * @throws Error with `code` when the socket cannot be made
 */
export function watchDefaultRoutes(onRoutes: (routes: readonly DefaultRoute[]) => void): () => void {
  const watch = new Watch(onRoutes);
  return () => watch.close();
}

/** Events are hints: of what the kernel changes it does not tell everything, so that each time the whole is listed anew. */
class Watch {
  readonly #onRoutes: (routes: readonly DefaultRoute[]) => void;
  readonly #netlink: Netlink;
  #sequence = 0;
  #listing: DefaultHop[] | undefined;
  /** Interfaces of the routes there were last, of unusable ones too. */
  #interfaces = new Set<number>();
  #told: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isSoon = false;
  #isDirty = false;

  constructor(onRoutes: (routes: readonly DefaultRoute[]) => void) {
    this.#onRoutes = onRoutes;
    this.#netlink = openNetlink(GROUPS, { datagram: (bytes) => this.#take(bytes), lost: () => this.#lost(), batch: () => undefined });
    this.#list();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#netlink.close();
  }

  #take(bytes: Uint8Array): void {
    for (const message of decodeRoutes(bytes)) {
      if (message.kind === 'hint') this.#changed(message.index);
      else if (message.sequence !== this.#sequence || this.#listing === undefined) continue;
      else if (message.kind === 'route') this.#listing.push(...message.hops);
      else this.#listed(this.#listing, message.errno !== 0 || message.interrupted);
    }
  }

  /** Interfaces of pods come and go all the time, and have no default route. */
  #changed(index: number | undefined): void {
    if (this.#listing !== undefined) this.#isDirty = true;
    else if (index === undefined || this.#interfaces.has(index)) this.#soon();
  }

  /** The end of the running list may be among it. */
  #lost(): void {
    this.#listing = undefined;
    this.#soon();
  }

  #soon(): void {
    if (this.#isSoon) return;
    this.#isSoon = true;
    this.#later(GATHER_MS);
  }

  #later(delayMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#list(), delayMs);
  }

  #list(): void {
    this.#sequence += 1;
    this.#listing = [];
    this.#isDirty = false;
    this.#isSoon = false;
    if (this.#netlink.send(encodeRouteDump(this.#sequence))) this.#later(RELIST_MS);
    else this.#lost();
  }

  #listed(hops: readonly DefaultHop[], isTorn: boolean): void {
    this.#listing = undefined;
    if (isTorn || this.#isDirty) this.#soon();
    if (isTorn) return;
    this.#interfaces = new Set(hops.map(({ index }) => index));
    const routes = hops.flatMap(({ route }) => route ?? []);
    const told = JSON.stringify(routes);
    if (told === this.#told) return;
    this.#told = told;
    this.#onRoutes(routes);
  }
}
