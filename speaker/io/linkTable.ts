import { type Ip } from '../../src/net/ip.ts';
import { type Mac } from '../../src/net/mac.ts';
import { ADDRESS_FLAG, LINK_FLAG, type RtAddress, type RtBody, type RtLink } from './rtnetlink.ts';

export interface LinkAddress {
  readonly ip: Ip;
  readonly prefixLength: number;
  /** 0 global, 253 link, 254 host. */
  readonly scope: number;
  /** Duplicate address detection is not over (RFC 4862 §5.4): nothing can be bound to it or sent from it yet. */
  readonly tentative: boolean;
  readonly dadFailed: boolean;
  readonly deprecated: boolean;
}

/** A network interface of this machine. */
export interface LinkState {
  readonly index: number;
  readonly name: string;
  /** Undefined where the link is no Ethernet: the loopback, a tunnel. */
  readonly mac: Mac | undefined;
  /** Administratively up. */
  readonly up: boolean;
  /** Has carrier. */
  readonly running: boolean;
  readonly loopback: boolean;
  readonly noarp: boolean;
  readonly broadcast: boolean;
  readonly multicast: boolean;
  readonly pointToPoint: boolean;
  /** The index of the bridge or bond it is a port of: what comes in here is seen there. */
  readonly master?: number;
  /** `veth`, `bridge`, `bond`...; absent for hardware. */
  readonly kind?: string;
  readonly mtu: number;
  readonly addresses: readonly LinkAddress[];
}

/** Which part of the table a list brings anew. */
export type Listed = 'links' | 'addresses';

/** What the kernel has told so far. Events may come in the middle of a list; they are as good as its entries. */
export class LinkTable {
  readonly #links = new Map<number, RtLink>();
  readonly #addresses = new Map<string, RtAddress>();
  readonly #seenLinks = new Set<number>();
  readonly #seenAddresses = new Set<string>();

  /** A list begins: what is not told of until {@link finish} is gone. */
  begin(listed: Listed): void {
    (listed === 'links' ? this.#seenLinks : this.#seenAddresses).clear();
  }

  /** @returns whether something was left over from before the list. */
  finish(listed: Listed): boolean {
    if (listed === 'links') return sweep(this.#links, this.#seenLinks);
    return sweep(this.#addresses, this.#seenAddresses);
  }

  /** @returns whether this changed anything: a statistics-only message does not. */
  apply(body: RtBody): boolean {
    switch (body.kind) {
      case 'link':
        this.#seenLinks.add(body.link.index);
        return put(this.#links, body.link.index, body.link);
      case 'linkGone':
        return this.#removeLink(body.index);
      case 'address': {
        const key = addressKey(body.address);
        this.#seenAddresses.add(key);
        return put(this.#addresses, key, body.address);
      }
      case 'addressGone':
        return this.#addresses.delete(addressKey(body.address));
      case 'done':
      case 'error':
        return false;
    }
  }

  /** By index, addresses in the kernel's order. */
  list(): LinkState[] {
    const addresses = new Map<number, LinkAddress[]>();
    for (const address of this.#addresses.values()) {
      const list = addresses.get(address.index);
      if (list === undefined) addresses.set(address.index, [toAddress(address)]);
      else list.push(toAddress(address));
    }
    return [...this.#links.values()].toSorted((a, b) => a.index - b.index).map((link) => toState(link, addresses.get(link.index) ?? []));
  }

  #removeLink(index: number): boolean {
    for (const [key, address] of this.#addresses) if (address.index === index) this.#addresses.delete(key);
    return this.#links.delete(index);
  }
}

function addressKey(address: RtAddress): string {
  return `${address.index} ${address.ip}/${address.prefixLength}`;
}

function put<K, V extends object>(map: Map<K, V>, key: K, value: V): boolean {
  const before = map.get(key);
  map.set(key, value);
  return before === undefined || JSON.stringify(before) !== JSON.stringify(value);
}

function sweep<K>(map: Map<K, unknown>, seen: ReadonlySet<K>): boolean {
  const before = map.size;
  for (const key of map.keys()) if (!seen.has(key)) map.delete(key);
  return map.size !== before;
}

function toState(link: RtLink, addresses: readonly LinkAddress[]): LinkState {
  const has = (flag: number): boolean => (link.flags & flag) !== 0;
  return {
    index: link.index,
    name: link.name,
    mac: link.mac,
    up: has(LINK_FLAG.up),
    running: has(LINK_FLAG.running),
    loopback: has(LINK_FLAG.loopback),
    noarp: has(LINK_FLAG.noarp),
    broadcast: has(LINK_FLAG.broadcast),
    multicast: has(LINK_FLAG.multicast),
    pointToPoint: has(LINK_FLAG.pointToPoint),
    ...(link.master === undefined ? {} : { master: link.master }),
    ...(link.kind === undefined ? {} : { kind: link.kind }),
    mtu: link.mtu,
    addresses,
  };
}

function toAddress(address: RtAddress): LinkAddress {
  const has = (flag: number): boolean => (address.flags & flag) !== 0;
  return {
    ip: address.ip,
    prefixLength: address.prefixLength,
    scope: address.scope,
    // An optimistic address may be used while it is still tentative (RFC 4429).
    tentative: has(ADDRESS_FLAG.tentative) && !has(ADDRESS_FLAG.optimistic),
    dadFailed: has(ADDRESS_FLAG.dadFailed),
    deprecated: has(ADDRESS_FLAG.deprecated),
  };
}
