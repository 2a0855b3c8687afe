import type { WireClaim } from '../src/announce/plan.ts';
import { type InterfaceView, isFit, isSelected, viewInterface } from '../src/layer2/link.ts';
import { REACH, type Reach } from '../src/layer2/reach.ts';
import { type Ip, ipToBytes } from '../src/net/ip.ts';
import { type Subnet, subnetContains, subnetOf } from '../src/net/subnet.ts';
import type { EngineParts } from './engineParts.ts';
import type { HostLink, PacketEndpoint } from './hands.ts';
import type { WireProblem } from './report.ts';

interface Open {
  view: InterfaceView;
  addresses: readonly Ip[];
  /** Undefined: not known. */
  subnets: readonly Subnet[] | undefined;
  readonly endpoint: PacketEndpoint;
}

/** The packet sockets, one per usable interface, opened anew when an interface was recreated. */
export class Interfaces {
  readonly #parts: EngineParts;
  readonly #onFrame: (view: InterfaceView, frame: Uint8Array) => void;
  readonly #open = new Map<string, Open>();
  #problems: WireProblem[] = [];
  #watched: readonly Ip[] = [];

  constructor(parts: EngineParts, onFrame: (view: InterfaceView, frame: Uint8Array) => void) {
    this.#parts = parts;
    this.#onFrame = onFrame;
  }

  /** @returns those that can be used now */
  set(links: readonly HostLink[]): HostLink[] {
    this.#problems = [];
    const wanted = new Map(links.map((link) => [link.name, link.index]));
    for (const [name, { view, endpoint }] of this.#open) {
      // A recreated interface has the same name and another index; a socket is bound to the index.
      if (wanted.get(name) === view.index) continue;
      endpoint.close();
      this.#open.delete(name);
    }
    return links.filter((link) => this.#refresh(link));
  }

  #refresh(link: HostLink): boolean {
    const known = this.#open.get(link.name);
    if (known !== undefined) {
      known.view = viewInterface(link);
      known.addresses = link.addresses;
      known.subnets = link.subnets?.map(subnetOf);
      return true;
    }
    if (!link.arp && !link.ndp) return false;
    try {
      const endpoint = this.#parts.hands.packets.open(link, (frame) => {
        const open = this.#open.get(link.name);
        if (open !== undefined) this.#onFrame(open.view, frame);
      });
      endpoint.watch(this.#watched);
      this.#open.set(link.name, { view: viewInterface(link), addresses: link.addresses, subnets: link.subnets?.map(subnetOf), endpoint });
      return true;
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
      this.#problems.push({ reason: 'CannotOpenInterface', interface: link.name, error: code });
      this.#parts.log.warn({ interface: link.name, err: error }, 'an interface cannot be opened');
      return false;
    }
  }

  view(name: string): InterfaceView | undefined {
    return this.#open.get(name)?.view;
  }

  /** The one that has the address. */
  holder(address: Ip): InterfaceView | undefined {
    return [...this.#open.values()].find(({ addresses }) => addresses.includes(address))?.view;
  }

  /** Those by which a claim can be announced. */
  fitFor({ ip, interfaces }: WireClaim): InterfaceView[] {
    return this.views().filter((view) => isFit(view, ip) && isSelected(view.name, interfaces));
  }

  /** Whoever names interfaces knows better than what their addresses say. */
  reachOf(claim: WireClaim): Reach {
    const fit = this.fitFor(claim);
    if (fit.length === 0) return REACH.none;
    if (claim.interfaces !== undefined) return REACH.near;
    const address = ipToBytes(claim.ip);
    const isNear = fit.some(({ name }) => {
      const subnets = this.#open.get(name)?.subnets;
      return subnets === undefined || subnets.some((subnet) => subnetContains(subnet, address));
    });
    return isNear ? REACH.near : REACH.afar;
  }

  views(): InterfaceView[] {
    return [...this.#open.values()].map(({ view }) => view);
  }

  send(name: string, frame: Uint8Array): void {
    this.#open.get(name)?.endpoint.send(frame);
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
    for (const { endpoint } of this.#open.values()) endpoint.close();
    this.#open.clear();
  }
}
