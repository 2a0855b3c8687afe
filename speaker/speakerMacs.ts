import type { MeshPeer } from '../src/announce/plan.ts';
import { type Mac, macFromBytes } from '../src/net/mac.ts';
import { ipToBytes } from '../src/net/ip.ts';
import { ARP_AT } from '../src/wire/arp.ts';
import { ETHERNET_LENGTH, ETHER_TYPE, etherTypeOf } from '../src/wire/ethernet.ts';
import { IPV6_AT } from '../src/wire/ipv6.ts';
import { NDP_AT, ndpFault, ndpLinkLayerAt } from '../src/wire/ndp.ts';

const ETHERNET_SOURCE = 6;
const SENDER_IP = ETHERNET_LENGTH + ARP_AT.senderIp;
const SENDER_MAC = ETHERNET_LENGTH + ARP_AT.senderMac;
const LEAST = ETHERNET_LENGTH + 28;
const SOURCE6 = ETHERNET_LENGTH + IPV6_AT.source;
const LEAST6 = ETHERNET_LENGTH + NDP_AT.options + 8;
/** Somebody who changes MACs all the time is not to fill the memory. */
const MAX = 4096;

interface Speaker {
  readonly node: string;
  readonly address: Uint8Array;
}

/**
 * Which MACs are those of other speakers' nodes: learnt from the ARP of the nodes' own addresses, or from what they solicit and advertise,
 * which BFD makes them speak.
 */
export class SpeakerMacs {
  /** By the low 32 bits of the address. */
  readonly #nodes = new Map<number, Speaker>();
  readonly #byMac = new Map<Mac, string>();
  /** The last one seen, so that a frame that teaches nothing costs nothing. */
  readonly #known = new Map<number, number>();

  set(peers: readonly MeshPeer[]): void {
    this.#nodes.clear();
    for (const { node, address } of peers) {
      const bytes = ipToBytes(address);
      this.#nodes.set(word(bytes, bytes.length - 4), { node, address: bytes });
    }
    const present = new Set(peers.map(({ node }) => node));
    for (const [mac, node] of this.#byMac) if (!present.has(node)) this.#byMac.delete(mac);
    this.#known.clear();
  }

  /** From any frame that comes in. @returns a MAC that was not known to be a speaker's */
  learn(frame: Uint8Array): Mac | undefined {
    if (this.#nodes.size === 0) return undefined;
    const etherType = etherTypeOf(frame);
    if (etherType === ETHER_TYPE.arp && frame.length >= LEAST) return this.#learn(frame, SENDER_IP, 4, SENDER_MAC);
    return etherType === ETHER_TYPE.ipv6 && frame.length >= LEAST6 ? this.#learnNdp(frame) : undefined;
  }

  #learnNdp(frame: Uint8Array): Mac | undefined {
    // Few frames come from speakers; only those are looked at closely.
    if (!this.#nodes.has(word(frame, SOURCE6 + 12)) || ndpFault(frame, ETHERNET_LENGTH) !== undefined) return undefined;
    const macAt = ndpLinkLayerAt(frame, ETHERNET_LENGTH);
    return macAt === -1 ? undefined : this.#learn(frame, SOURCE6, 16, macAt);
  }

  #learn(frame: Uint8Array, at: number, length: number, macAt: number): Mac | undefined {
    const sender = word(frame, at + length - 4);
    const speaker = this.#nodes.get(sender);
    if (speaker?.address.length !== length || !speaker.address.every((byte, i) => byte === frame[at + i])) return undefined;
    const print = word(frame, macAt + 2);
    if (this.#known.get(sender) === print) return undefined;
    this.#known.set(sender, print);
    const mac = macFromBytes(frame, macAt);
    const isNew = !this.#byMac.has(mac);
    // Who changes MACs all the time is not learnt any more, and gets nothing done with it.
    if (this.#byMac.size >= MAX) return undefined;
    this.#byMac.set(mac, speaker.node);
    return isNew ? mac : undefined;
  }

  /** By its Ethernet source: who asks whether an address is free names none of its own. */
  senderOf(frame: Uint8Array): string | undefined {
    return this.#byMac.get(macFromBytes(frame, ETHERNET_SOURCE));
  }

  nodeOf(mac: Mac): string | undefined {
    return this.#byMac.get(mac);
  }
}

function word(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
}
