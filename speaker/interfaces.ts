import type { WireClaim } from '../src/announce/plan.ts';
import { type InterfaceView, isFit, isSelected, viewInterface } from '../src/layer2/link.ts';
import { REACH, type Reach } from '../src/layer2/reach.ts';
import { type Ip, ipToBytes } from '../src/net/ip.ts';
import { type Subnet, subnetContains, subnetOf } from '../src/net/subnet.ts';
import type { EngineParts } from './engineParts.ts';
import type { HostLink, PacketEndpoint } from './hands.ts';
import { type WireProblem, cannotOpen } from './report.ts';

interface Open {
  view: InterfaceView;
  addresses: readonly Ip[];
  /** Undefined: not known. */
  subnets: readonly Subnet[] | undefined;
  readonly endpoint: PacketEndpoint;
  unsent: Uint8Array[];
  /** What was read together with the frame that had it closed is not heard any more. */
  isClosed: boolean;
}

/** As {@link FrameListener}, for all interfaces. */
export interface Listener {
  readonly begin: () => void;
  readonly answer: (view: InterfaceView, frame: Uint8Array, answer: Uint8Array) => number;
}

/** The packet sockets, one per usable interface, opened anew when an interface was recreated. */
export class Interfaces {
  readonly #parts: EngineParts;
  readonly #listener: Listener;
  readonly #open = new Map<string, Open>();
  #problems: WireProblem[] = [];
  #watched: readonly Ip[] = [];

  constructor(parts: EngineParts, listener: Listener) {
    this.#parts = parts;
    this.#listener = listener;
  }

  /** @returns those that can be used now */
  set(links: readonly HostLink[]): HostLink[] {
    this.#problems = [];
    const wanted = new Map(links.map((link) => [link.name, link.index]));
    for (const [name, open] of this.#open) {
      // A recreated interface has the same name and another index; a socket is bound to the index.
      if (wanted.get(name) === open.view.index) continue;
      close(open);
      this.#open.delete(name);
    }
    return links.filter((link) => this.#refresh(link));
  }

  #refresh(link: HostLink): boolean {
    const known = this.#open.get(link.name);
    if (known !== undefined) {
      Object.assign(known, seenOf(link));
      return true;
    }
    if (!link.arp && !link.ndp) return false;
    try {
      this.#start(link);
      return true;
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
      this.#problems.push(cannotOpen(link.name, code));
      this.#parts.log.warn({ interface: link.name, err: error }, 'an interface cannot be opened');
      return false;
    }
  }

  #start(link: HostLink): void {
    const { begin, answer } = this.#listener;
    // Known to the call for each frame, which has nothing to look up then.
    let opened: Open | undefined;
    const endpoint = this.#parts.hands.packets.open(link, {
      begin,
      answer: (frame, out) => (opened === undefined || opened.isClosed ? 0 : answer(opened.view, frame, out)),
    });
    endpoint.watch(this.#watched);
    opened = { ...seenOf(link), endpoint, unsent: [], isClosed: false };
    this.#open.set(link.name, opened);
  }

  view(name: string): InterfaceView | undefined {
    return this.#open.get(name)?.view;
  }

  /** Of this node, on the interfaces that are used. */
  addresses(): Ip[] {
    return [...this.#open.values()].flatMap(({ addresses }) => addresses);
  }

  /** The one that has the address. */
  holder(address: Ip): InterfaceView | undefined {
    return [...this.#open.values()].find(({ addresses }) => addresses.includes(address))?.view;
  }

  /** Those by which a claim can be announced. */
  fitFor({ ip, interfaces }: WireClaim): InterfaceView[] {
    const fit: InterfaceView[] = [];
    for (const { view } of this.#open.values()) if (isFit(view, ip) && isSelected(view.name, interfaces)) fit.push(view);
    return fit;
  }

  /** Whoever names interfaces knows better than what their addresses say. */
  reachOf(claim: WireClaim): Reach {
    const address = ipToBytes(claim.ip);
    let best: Reach = REACH.none;
    for (const { view, subnets } of this.#open.values()) {
      if (!isFit(view, claim.ip) || !isSelected(view.name, claim.interfaces)) continue;
      if (claim.interfaces !== undefined || subnets === undefined || isIn(subnets, address)) return REACH.near;
      best = REACH.afar;
    }
    return best;
  }

  views(): InterfaceView[] {
    return [...this.#open.values()].map(({ view }) => view);
  }

  /** They go out together at the next {@link flush}. */
  send(name: string, frames: readonly Uint8Array[]): void {
    this.#open.get(name)?.unsent.push(...frames);
  }

  flush(): void {
    for (const open of this.#open.values()) {
      if (open.unsent.length === 0) continue;
      const frames = open.unsent;
      open.unsent = [];
      open.endpoint.sendAll(frames);
    }
  }

  /** Frames about these addresses are to come in; others may not. */
  watch(ips: readonly Ip[]): void {
    this.#watched = ips;
    for (const { endpoint } of this.#open.values()) endpoint.watch(ips);
  }

  join(groups: ReadonlyMap<string, ReadonlySet<Ip>>): void {
    for (const [name, { endpoint }] of this.#open) endpoint.join(groups.get(name) ?? new Set());
  }

  problems(): readonly WireProblem[] {
    return this.#problems;
  }

  close(): void {
    for (const open of this.#open.values()) close(open);
    this.#open.clear();
  }
}

function seenOf(link: HostLink): Pick<Open, 'view' | 'addresses' | 'subnets'> {
  return { view: viewInterface(link), addresses: link.addresses, subnets: link.subnets?.map(subnetOf) };
}

function isIn(subnets: readonly Subnet[], address: Uint8Array): boolean {
  for (const subnet of subnets) if (subnetContains(subnet, address)) return true;
  return false;
}

function close(open: Open): void {
  open.isClosed = true;
  open.endpoint.close();
}
