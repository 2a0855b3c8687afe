import type { MeshPeer } from '../src/announce/plan.ts';
import { type Mac, macFromBytes } from '../src/net/mac.ts';
import { ipToBytes } from '../src/net/ip.ts';
import { ARP_AT } from '../src/wire/arp.ts';
import { ETHERNET_LENGTH, ETHER_TYPE, etherTypeOf } from '../src/wire/ethernet.ts';

const SENDER_IP = ETHERNET_LENGTH + ARP_AT.senderIp;
const SENDER_MAC = ETHERNET_LENGTH + ARP_AT.senderMac;
const LEAST = ETHERNET_LENGTH + 28;
/** Somebody who changes MACs all the time is not to fill the memory. */
const MAX = 4096;

/** Which MACs are those of other speakers' nodes: learnt from the ARP of the nodes' own addresses, which BFD makes them speak. */
export class SpeakerMacs {
  readonly #nodes = new Map<number, string>();
  readonly #byMac = new Map<Mac, string>();
  /** The last one seen, so that a frame that teaches nothing costs nothing. */
  readonly #known = new Map<number, number>();

  set(peers: readonly MeshPeer[]): void {
    this.#nodes.clear();
    for (const { node, address } of peers) {
      const bytes = ipToBytes(address);
      if (bytes.length === 4) this.#nodes.set(word(bytes, 0), node);
    }
    const present = new Set(peers.map(({ node }) => node));
    for (const [mac, node] of this.#byMac) if (!present.has(node)) this.#byMac.delete(mac);
    this.#known.clear();
  }

  /** From any frame that comes in. */
  learn(frame: Uint8Array): void {
    if (this.#nodes.size === 0 || frame.length < LEAST || etherTypeOf(frame) !== ETHER_TYPE.arp) return;
    const sender = word(frame, SENDER_IP);
    const node = this.#nodes.get(sender);
    if (node === undefined) return;
    const print = word(frame, SENDER_MAC + 2);
    if (this.#known.get(sender) === print) return;
    this.#known.set(sender, print);
    if (this.#byMac.size < MAX) this.#byMac.set(macFromBytes(frame, SENDER_MAC), node);
  }

  nodeOf(mac: Mac): string | undefined {
    return this.#byMac.get(mac);
  }
}

function word(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
}
