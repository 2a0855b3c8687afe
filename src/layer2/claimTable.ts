import { type Ip, ipToBytes } from '../net/ip.ts';
import { type Mac, macToBytes } from '../net/mac.ts';
import { sameBytes } from '../wire/ethernet.ts';

export interface ClaimEntry {
  readonly ip: Ip;
  /** `probing`: watched for conflicts, not answered for. */
  readonly phase: 'probing' | 'claimed';
  /** Interface names; undefined means every fit one. */
  readonly interfaces?: readonly string[];
}

interface Claim6 {
  readonly bytes: Uint8Array;
  readonly entry: ClaimEntry;
}

/**
 * The addresses that the responder knows, looked up by the bytes of a frame without making a string of them. Mutable, owned by
 * the wire thread: one look-up per received frame, up to 200,000 a second.
 */
export class ClaimTable {
  readonly #v4 = new Map<number, ClaimEntry>();
  /** By the low 32 bits, which differ among nearly all VIPs. */
  readonly #v6 = new Map<number, Claim6[]>();
  #macs: readonly Uint8Array[] = [];

  set(entry: ClaimEntry): void {
    const bytes = ipToBytes(entry.ip);
    this.delete(entry.ip);
    if (bytes.length === 4) {
      this.#v4.set(word(bytes, 0), entry);
      return;
    }
    const bucket = this.#v6.get(word(bytes, 12)) ?? [];
    bucket.push({ bytes, entry });
    this.#v6.set(word(bytes, 12), bucket);
  }

  delete(ip: Ip): void {
    const bytes = ipToBytes(ip);
    if (bytes.length === 4) {
      this.#v4.delete(word(bytes, 0));
      return;
    }
    const key = word(bytes, 12);
    const rest = this.#v6.get(key)?.filter(({ entry }) => entry.ip !== ip) ?? [];
    if (rest.length === 0) this.#v6.delete(key);
    else this.#v6.set(key, rest);
  }

  /** MACs of all interfaces of this node: their frames are no foreign claims, on whatever interface they are heard. */
  setOwnMacs(macs: readonly Mac[]): void {
    this.#macs = macs.map(macToBytes);
  }

  isOwnMac(bytes: Uint8Array, at: number): boolean {
    for (const mac of this.#macs) if (sameBytes(mac, 0, bytes, at, 6)) return true;
    return false;
  }

  find4(bytes: Uint8Array, at: number): ClaimEntry | undefined {
    return this.#v4.get(word(bytes, at));
  }

  find6(bytes: Uint8Array, at: number): ClaimEntry | undefined {
    const bucket = this.#v6.get(word(bytes, at + 12));
    if (bucket === undefined) return undefined;
    for (const claim of bucket) if (sameBytes(claim.bytes, 0, bytes, at, 16)) return claim.entry;
    return undefined;
  }
}

function word(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
}
